# From the JSON of a job's parameters to what a script's param() block takes.

function Get-FarhandBinding {
    # A hashtable to splat. What the script does not declare is bound all the same if it declares
    # anything, so that PowerShell says that there is no such parameter.
    [CmdletBinding()]
    [OutputType([hashtable])]
    param([Parameter(Mandatory)] [string] $Script)

    $bound = @{}
    $command = $ExecutionContext.InvokeCommand.GetCommand($Script, 'ExternalScript')
    $declared = $command.Parameters
    # Not by $declared.Count: that may be a parameter of this name.
    if ($null -eq $declared -or $declared.get_Count() -eq 0) {
        return $bound
    }
    $json = [System.IO.File]::ReadAllText($env:FARHAND_PARAMETERS)
    foreach ($given in (ConvertFrom-FarhandJson -Json $json).EnumerateObject()) {
        $type = [object]
        if ($declared.ContainsKey($given.Name)) {
            $type = $declared[$given.Name].ParameterType
        }
        $bound[$given.Name] = ConvertTo-FarhandArgument -Element $given.Value -Type $type
    }
    return $bound
}

function ConvertTo-FarhandArgument {
    # The rest is PowerShell's own conversion when the script is called.
    param(
        [Parameter(Mandatory)] [System.Text.Json.JsonElement] $Element,
        [Parameter(Mandatory)] [type] $Type
    )
    if ($Element.ValueKind -eq 'String' -and $Type -eq [securestring]) {
        return ConvertTo-FarhandSecret -Text ($Element.GetString())
    }
    if ($Element.ValueKind -eq 'String' -and $Type -eq [pscredential]) {
        return Get-AutomationPSCredential -Name ($Element.GetString())
    }
    $single = $Type
    if ($Type.IsArray) {
        $single = $Type.GetElementType()
    }
    $tables = [System.Collections.IDictionary].IsAssignableFrom($single)
    $value = ConvertFrom-FarhandElement -Element $Element -AsHashtable:$tables
    return , $value
}
