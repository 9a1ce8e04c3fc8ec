# What a runbook can ask Farhand for while it runs.

. (Join-Path $PSScriptRoot 'Json.ps1')
. (Join-Path $PSScriptRoot 'JobSocket.ps1')
. (Join-Path $PSScriptRoot 'Assets.ps1')
. (Join-Path $PSScriptRoot 'ChildJobs.ps1')
