# The streams of a job: records become lines that begin with Azure's prefixes.

function Out-FarhandStream {
    # Objects pass as they are; the host formats them.
    [CmdletBinding()]
    param([Parameter(ValueFromPipeline)] [AllowNull()] [object] $InputObject)

    process {
        if ($InputObject -is [System.Management.Automation.WarningRecord]) {
            ConvertTo-FarhandLine -Prefix 'WARNING' -Text $InputObject.Message
        }
        elseif ($InputObject -is [System.Management.Automation.VerboseRecord]) {
            ConvertTo-FarhandLine -Prefix 'VERBOSE' -Text $InputObject.Message
        }
        elseif ($InputObject -is [System.Management.Automation.DebugRecord]) {
            ConvertTo-FarhandLine -Prefix 'DEBUG' -Text $InputObject.Message
        }
        elseif ($InputObject -is [System.Management.Automation.InformationRecord]) {
            Out-FarhandInformation -Message $InputObject.MessageData
        }
        else {
            $PSCmdlet.WriteObject($InputObject)
        }
    }
}

function ConvertTo-FarhandLine {
    # A prefix counts for one line, so each line has one.
    param([string] $Prefix, [string] $Text)

    foreach ($line in $Text -split '\r?\n') {
        "${Prefix}: $line"
    }
}

function Out-FarhandInformation {
    # Write-Host and Write-Information: Output, as on Azure's Linux workers.
    param([AllowNull()] [object] $Message)

    if ($Message -is [System.Management.Automation.HostInformationMessage] -and $Message.NoNewLine) {
        [Console]::Out.Write($Message.Message)
    }
    else {
        "$Message"
    }
}

# A script's own verbose and debug records are always kept, whatever it prefers to see: who looks at
# the job decides. What commands say of themselves needs -Verbose, -Debug or a preference, as ever.

function Write-Verbose {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline)] [Alias('Msg')] [AllowEmptyString()]
        [string] $Message
    )
    process {
        $VerbosePreference = 'Continue'
        Microsoft.PowerShell.Utility\Write-Verbose -Message $Message
    }
}

function Write-Debug {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline)] [Alias('Msg')] [AllowEmptyString()]
        [string] $Message
    )
    process {
        $DebugPreference = 'Continue'
        Microsoft.PowerShell.Utility\Write-Debug -Message $Message
    }
}

function Write-Progress {
    # A record of the job's Progress stream. That it cannot be written is no reason to fail.
    [CmdletBinding()]
    param(
        [Parameter(Position = 0)] [string] $Activity = '',
        [Parameter(Position = 1)] [string] $Status = '',
        [Parameter(Position = 2)] [int] $Id = 0,
        [int] $PercentComplete = -1,
        [int] $SecondsRemaining = -1,
        [string] $CurrentOperation = '',
        [int] $ParentId = -1,
        [switch] $Completed,
        [int] $SourceId = 0
    )
    $record = @{ stream = 'progress'; activity = $Activity; status = $Status }
    if ($CurrentOperation) {
        $record['status'] = "$Status $CurrentOperation".Trim()
    }
    if ($Completed) {
        $record['percent'] = 100
    }
    elseif ($PercentComplete -ge 0) {
        $record['percent'] = $PercentComplete
    }
    try {
        $null = Invoke-FarhandRequest -Request @{ emit = $record }
    }
    catch {
        $null = $_
    }
}
