# The assets of the automation account, under the names that Azure has for their commands. They are
# read as they are at this moment. One that is not there, or not for this runbook, ends the script
# with AutomationAssetNotFound, unless -ErrorAction says SilentlyContinue: then the answer is $null.

function Get-AutomationVariable {
    [CmdletBinding()]
    param([Parameter(Mandatory, Position = 0)] [string] $Name)

    try {
        $found = Get-FarhandAsset -Kind 'variable' -Name $Name
        $value = ConvertFrom-FarhandElement -Element ($found.GetProperty('value'))
    }
    catch {
        if (Test-FarhandSilence -Bound $PSBoundParameters) {
            return
        }
        throw
    }
    # As one object, whatever it is.
    $PSCmdlet.WriteObject($value)
}

function Set-AutomationVariable {
    # Gives a variable that exists another value: text, a number, a boolean, $null, or an array or
    # hashtable of these.
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0)] [string] $Name,
        [Parameter(Mandatory, Position = 1)] [AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()]
        [object] $Value
    )
    try {
        if ($Value -is [securestring]) {
            throw 'a variable keeps text, not a SecureString: mark the variable as encrypted instead'
        }
        $null = Invoke-FarhandRequest -Request @{ set_variable = @{ name = $Name; value = $Value } }
    }
    catch {
        if (Test-FarhandSilence -Bound $PSBoundParameters) {
            return
        }
        throw
    }
}

function Get-AutomationPSCredential {
    [CmdletBinding()]
    [OutputType([pscredential])]
    param([Parameter(Mandatory, Position = 0)] [string] $Name)

    try {
        $found = Get-FarhandAsset -Kind 'credential' -Name $Name
        $user = $found.GetProperty('user_name').GetString()
        $password = $found.GetProperty('password').GetString()
        return [pscredential]::new($user, (ConvertTo-FarhandSecret -Text $password))
    }
    catch {
        if (Test-FarhandSilence -Bound $PSBoundParameters) {
            return
        }
        throw
    }
}

function Get-AutomationCertificate {
    # With its private key if it may be exported.
    [CmdletBinding()]
    [OutputType([System.Security.Cryptography.X509Certificates.X509Certificate2])]
    param([Parameter(Mandatory, Position = 0)] [string] $Name)

    try {
        $found = Get-FarhandAsset -Kind 'certificate' -Name $Name
        $content = [System.Convert]::FromBase64String($found.GetProperty('content').GetString())
        return [System.Security.Cryptography.X509Certificates.X509Certificate2]::new(
            [byte[]] $content,
            '',
            [System.Security.Cryptography.X509Certificates.X509KeyStorageFlags]::Exportable
        )
    }
    catch {
        if (Test-FarhandSilence -Bound $PSBoundParameters) {
            return
        }
        throw
    }
}

function Get-AutomationConnection {
    [CmdletBinding()]
    [OutputType([hashtable])]
    param([Parameter(Mandatory, Position = 0)] [string] $Name)

    try {
        $found = Get-FarhandAsset -Kind 'connection' -Name $Name
        return ConvertFrom-FarhandElement -Element ($found.GetProperty('fields')) -AsHashtable
    }
    catch {
        if (Test-FarhandSilence -Bound $PSBoundParameters) {
            return
        }
        throw
    }
}

function Get-FarhandAsset {
    param([string] $Kind, [string] $Name)

    $answer = Invoke-FarhandRequest -Request @{ get_asset = @{ kind = $Kind; name = $Name } }
    return $answer.GetProperty('asset')
}
