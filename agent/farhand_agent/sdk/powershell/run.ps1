# Runs one runbook: pwsh -File run.ps1 SCRIPT
#
# Its parameters come, with their types, from the JSON file that FARHAND_PARAMETERS names; never from
# a command line. Its warnings, verbose and debug records become lines with Azure's prefixes, every
# line of a record; errors go to standard error, everything else to standard output. The exit code is
# that of the script's `exit`, and 1 after an error that ends it.
#
# There is no try around the call: inside of one, an error that ends a statement would end the script.
#Requires -Version 7.0
param([Parameter(Mandatory)] [string] $FarhandScript)

if ($null -ne $PSStyle) {
    $PSStyle.OutputRendering = 'PlainText'
}
$global:PSPrivateMetadata = @{ JobId = [guid] $env:FARHAND_JOB_ID }
# What commands say of their own progress is for people who watch; scripts have Write-Progress.
$global:ProgressPreference = 'SilentlyContinue'
Import-Module -Name (Join-Path $PSScriptRoot 'Farhand/Farhand.psd1') -Global
Import-Module -Name (Join-Path $PSScriptRoot 'runner/Runner.psm1') -Global -DisableNameChecking

$FarhandParameters = Get-FarhandBinding -Script $FarhandScript
if (-not $?) {
    exit 1
}
$global:LASTEXITCODE = 0
& $FarhandScript @FarhandParameters 3>&1 4>&1 5>&1 6>&1 | Out-FarhandStream
# False after `exit` with anything but 0, and where the script could not be begun; what a program
# inside of it returned last does not count.
if ($?) {
    exit 0
}
if ($LASTEXITCODE) {
    exit $LASTEXITCODE
}
exit 1
