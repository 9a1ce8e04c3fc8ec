# The socket of a job: one JSON object a line each way, as sdk/README.md has it.

function Invoke-FarhandRequest {
    # The answer, as a JsonElement. Throws what was refused, and TimeoutException after
    # TimeoutSeconds; 0 waits as long as it takes.
    [OutputType([System.Text.Json.JsonElement])]
    param(
        [Parameter(Mandatory)] [hashtable] $Request,
        [int] $TimeoutSeconds = 0
    )
    # Whoever asks to go on after errors must not go on here without an answer.
    $ErrorActionPreference = 'Stop'
    if (-not $env:FARHAND_JOB_SOCKET) {
        throw 'this runs outside of a job: FARHAND_JOB_SOCKET is not set'
    }
    $question = $Request + @{ nonce = $env:FARHAND_JOB_NONCE }
    $line = ConvertTo-Json -InputObject $question -Compress -Depth 100
    $told = Send-FarhandLine -Line $line -TimeoutSeconds $TimeoutSeconds
    if ([string]::IsNullOrEmpty($told)) {
        throw 'the runner has closed the socket of the job'
    }
    $answer = ConvertFrom-FarhandJson -Json $told
    foreach ($part in $answer.EnumerateObject()) {
        if ($part.Name -eq 'refused') {
            throw New-FarhandRefusal -Refused $part.Value
        }
    }
    return $answer
}

function Send-FarhandLine {
    # The line that comes back; nothing if the other side has closed.
    [OutputType([string])]
    param([string] $Line, [int] $TimeoutSeconds)

    $utf8 = [System.Text.UTF8Encoding]::new($false)
    $socket = [System.Net.Sockets.Socket]::new(
        [System.Net.Sockets.AddressFamily]::Unix,
        [System.Net.Sockets.SocketType]::Stream,
        [System.Net.Sockets.ProtocolType]::Unspecified
    )
    try {
        $socket.ReceiveTimeout = $TimeoutSeconds * 1000
        Connect-FarhandSocket -Socket $socket -Path $env:FARHAND_JOB_SOCKET
        $stream = [System.Net.Sockets.NetworkStream]::new($socket, $false)
        $bytes = $utf8.GetBytes("$Line`n")
        $stream.Write($bytes, 0, $bytes.Length)
        return [System.IO.StreamReader]::new($stream, $utf8).ReadLine()
    }
    catch {
        $cause = $_.Exception
        while ($null -ne $cause -and $cause -isnot [System.Net.Sockets.SocketException]) {
            $cause = $cause.InnerException
        }
        if ($null -ne $cause -and $cause.SocketErrorCode -eq 'TimedOut') {
            throw [System.TimeoutException]::new('Farhand has not answered in time')
        }
        throw
    }
    finally {
        $socket.Dispose()
    }
}

function Connect-FarhandSocket {
    # Also where the path is longer than an address of a socket may be.
    param([System.Net.Sockets.Socket] $Socket, [string] $Path)

    if ([System.Text.Encoding]::UTF8.GetByteCount($Path) -le 107) {
        $Socket.Connect([System.Net.Sockets.UnixDomainSocketEndPoint]::new($Path))
        return
    }
    $before = [System.Environment]::CurrentDirectory
    try {
        [System.Environment]::CurrentDirectory = [System.IO.Path]::GetDirectoryName($Path)
        $name = [System.IO.Path]::GetFileName($Path)
        $Socket.Connect([System.Net.Sockets.UnixDomainSocketEndPoint]::new($name))
    }
    finally {
        [System.Environment]::CurrentDirectory = $before
    }
}

function New-FarhandRefusal {
    # The identifier of the error is what Azure's scripts look for.
    [OutputType([System.Management.Automation.ErrorRecord])]
    param([System.Text.Json.JsonElement] $Refused)

    $reason = $Refused.GetProperty('reason').GetString()
    if ($reason -in 'ASSET_NOT_FOUND', 'ASSET_NOT_GRANTED') {
        $reason = 'AutomationAssetNotFound'
    }
    $message = "${reason}: $($Refused.GetProperty('message').GetString())"
    return [System.Management.Automation.ErrorRecord]::new(
        [System.InvalidOperationException]::new($message),
        $reason,
        [System.Management.Automation.ErrorCategory]::InvalidOperation,
        $null
    )
}

function Test-FarhandSilence {
    # Whether a command was told to go on without a word after an error.
    [OutputType([bool])]
    param([System.Collections.IDictionary] $Bound)

    return $Bound['ErrorAction'] -in 'SilentlyContinue', 'Ignore'
}
