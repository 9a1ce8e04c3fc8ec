# JSON as values. Text stays text: ConvertFrom-Json would make a date of what looks like one.

function ConvertFrom-FarhandJson {
    [OutputType([System.Text.Json.JsonElement])]
    param([Parameter(Mandatory)] [string] $Json)

    $options = [System.Text.Json.JsonDocumentOptions]::new()
    $options.MaxDepth = 512
    return [System.Text.Json.JsonDocument]::Parse($Json, $options).RootElement
}

function ConvertFrom-FarhandElement {
    # Arrays stay arrays, also of one element and of none.
    param(
        [Parameter(Mandatory)] [System.Text.Json.JsonElement] $Element,
        [switch] $AsHashtable
    )
    switch ($Element.ValueKind) {
        'String' { return $Element.GetString() }
        'True' { return $true }
        'False' { return $false }
        'Number' { return ConvertFrom-FarhandNumber -Element $Element }
        'Array' {
            $items = [System.Collections.Generic.List[object]]::new()
            foreach ($item in $Element.EnumerateArray()) {
                $items.Add((ConvertFrom-FarhandElement -Element $item -AsHashtable:$AsHashtable))
            }
            return , $items.ToArray()
        }
        'Object' { return ConvertFrom-FarhandObject -Element $Element -AsHashtable:$AsHashtable }
    }
    return $null
}

function ConvertFrom-FarhandObject {
    param(
        [Parameter(Mandatory)] [System.Text.Json.JsonElement] $Element,
        [switch] $AsHashtable
    )
    $table = [ordered] @{}
    if ($AsHashtable) {
        $table = @{}
    }
    foreach ($property in $Element.EnumerateObject()) {
        if ($table.Contains($property.Name)) {
            throw "PowerShell cannot tell apart the names of an object that are both '$($property.Name)'"
        }
        $value = ConvertFrom-FarhandElement -Element $property.Value -AsHashtable:$AsHashtable
        $table.Add($property.Name, $value)
    }
    if ($AsHashtable) {
        return $table
    }
    return [pscustomobject] $table
}

function ConvertFrom-FarhandNumber {
    param([Parameter(Mandatory)] [System.Text.Json.JsonElement] $Element)

    $text = $Element.GetRawText()
    if ($text -match '[.eE]') {
        return $Element.GetDouble()
    }
    $whole = [bigint]::Parse($text, [System.Globalization.CultureInfo]::InvariantCulture)
    if ($whole -ge [int]::MinValue -and $whole -le [int]::MaxValue) {
        return [int] $whole
    }
    if ($whole -ge [long]::MinValue -and $whole -le [long]::MaxValue) {
        return [long] $whole
    }
    return $whole
}

function ConvertTo-FarhandSecret {
    [OutputType([securestring])]
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    $secret = [securestring]::new()
    foreach ($character in $Text.ToCharArray()) {
        $secret.AppendChar($character)
    }
    $secret.MakeReadOnly()
    return $secret
}
