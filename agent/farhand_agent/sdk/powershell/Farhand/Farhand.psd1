@{
    RootModule           = 'Farhand.psm1'
    ModuleVersion        = '1.0.0'
    GUID                 = '5f6f5a0e-6f0c-4a3c-9a53-0d2b7f6c1e42'
    Author               = 'Farhand'
    Description          = 'Assets and child runbooks, under the names that Azure Automation has for them.'
    PowerShellVersion    = '7.0'
    CompatiblePSEditions = @('Core')
    FunctionsToExport    = @(
        'Get-AutomationCertificate'
        'Get-AutomationConnection'
        'Get-AutomationJob'
        'Get-AutomationJobOutput'
        'Get-AutomationPSCredential'
        'Get-AutomationVariable'
        'Set-AutomationVariable'
        'Start-AutomationRunbook'
        'Wait-AutomationJob'
    )
    CmdletsToExport      = @()
    VariablesToExport    = @()
    AliasesToExport      = @()
}
