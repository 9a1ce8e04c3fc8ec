# What run.ps1 needs, and the commands that a job has of its own in place of PowerShell's.

. (Join-Path $PSScriptRoot '../Farhand/Json.ps1')
. (Join-Path $PSScriptRoot '../Farhand/JobSocket.ps1')
. (Join-Path $PSScriptRoot '../Farhand/Assets.ps1')
. (Join-Path $PSScriptRoot 'Binding.ps1')
. (Join-Path $PSScriptRoot 'Streams.ps1')

Export-ModuleMember -Function @(
    'Get-FarhandBinding'
    'Out-FarhandStream'
    'Write-Debug'
    'Write-Progress'
    'Write-Verbose'
)
