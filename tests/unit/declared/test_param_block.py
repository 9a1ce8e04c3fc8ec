"""What a PowerShell script declares in its `param()` block."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farhand_server.declared.declaration import declared
from farhand_server.model.parameter import Json, Parameter, ParameterType
from farhand_server.model.runbook import RunbookType

SCRIPT = r"""#Requires -Version 7.2
<#
.SYNOPSIS
    Copies what is new.
.PARAMETER Since
    Older files
    are left alone.
.PARAMETER Target
    Is not shown: the attribute says it better.
.EXAMPLE
    param([string]$NotThisOne)
#>
using namespace System.Net
[CmdletBinding(DefaultParameterSetName = 'a')]
[OutputType([string])]
Param (
    # a comment, with a ) and a '
    [Parameter(Mandatory=$true, Position = 0, HelpMessage='Where to')]
    [ValidateNotNullOrEmpty()]
    [string] $Target,

    [ValidateRange(1, 10)] [int]$Count = 3, <# in between #>
    [ValidateSet("fast", 'safe')]
    [string]
    $Mode = "safe",
    [SecureString]$Password,
    [datetime]$Since = '2026-11-25T19:00:00Z',
    [string[]]$Hosts = @('a',
        'b')
  , [switch]$Force
)

Write-Output "hi $Target"
"""


def read(script: str) -> tuple[Parameter, ...]:
    return declared(script.encode(), RunbookType.POWERSHELL)


def one(declaration: str) -> Parameter:
    (found,) = read(f"param({declaration})")
    return found


def test_parameters_come_in_the_order_of_the_script() -> None:
    found = {parameter.name: parameter for parameter in read(SCRIPT)}

    assert list(found) == ["Target", "Count", "Mode", "Password", "Since", "Hosts", "Force"]
    assert [name for name, parameter in found.items() if parameter.required] == ["Target"]
    assert [name for name, parameter in found.items() if parameter.secret] == ["Password"]
    assert {name: p.type.value for name, p in found.items()} == {
        "Target": "string",
        "Count": "integer",
        "Mode": "string",
        "Password": "string",
        "Since": "datetime",
        "Hosts": "array",
        "Force": "boolean",
    }


def test_defaults_descriptions_and_what_is_asked_are_told() -> None:
    found = {parameter.name: parameter for parameter in read(SCRIPT)}

    assert {name: p.default for name, p in found.items() if p.has_default} == {
        "Count": 3,
        "Mode": "safe",
        "Since": "2026-11-25T19:00:00Z",
        "Hosts": ["a", "b"],
    }
    assert found["Target"].description == "Where to"
    assert found["Since"].description == "Older files are left alone."
    assert found["Count"].schema == {"type": "integer", "minimum": 1, "maximum": 10}
    assert found["Mode"].schema == {"type": "string", "enum": ["fast", "safe"]}
    assert found["Hosts"].schema == {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize("change", [str, lambda text: text.replace("\n", "\r\n"), str.upper])
def test_lines_may_end_as_on_windows_and_capitals_do_not_matter(change: type[str]) -> None:
    assert len(read(change(SCRIPT))) == 7


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_script_is_read_in_its_encoding(encoding: str) -> None:
    script = "param([string]$Straße)".encode(encoding)

    assert [p.name for p in declared(script, RunbookType.POWERSHELL)] == ["Straße"]


@pytest.mark.parametrize(
    ("type_", "means", "schema"),
    [
        ("[string]", "string", {"type": "string"}),
        ("[System.String]", "string", {"type": "string"}),
        ("[ system.string ]", "string", {"type": "string"}),
        ("", "string", {}),
        ("[uri]", "string", {}),
        ("[long]", "integer", {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}),
        ("[byte]", "integer", {"type": "integer", "minimum": 0, "maximum": 255}),
        ("[double]", "number", {"type": "number"}),
        ("[bool]", "boolean", {"type": "boolean"}),
        ("[System.Management.Automation.SwitchParameter]", "boolean", {"type": "boolean"}),
        ("[DateTime]", "datetime", {"type": "string"}),
        ("[array]", "array", {"type": "array"}),
        ("[object[]]", "array", {"type": "array"}),
        ("[bool[]]", "array", {"type": "array", "items": {"type": "boolean"}}),
        ("[hashtable]", "object", {"type": "object"}),
        ("[System.Collections.IDictionary]", "object", {"type": "object"}),
        (
            "[System.Collections.Generic.List[string]]",
            "array",
            {"type": "array", "items": {"type": "string"}},
        ),
        ("[object]", "object", {}),
        ("[psobject]", "object", {}),
        ("[pscredential]", "string", {"type": "string"}),
    ],
)
def test_every_type_means_something(type_: str, means: str, schema: dict[str, Json]) -> None:
    found = one(f"{type_}$x")

    assert (found.type.value, found.schema) == (means, schema)
    assert not found.secret


@pytest.mark.parametrize("type_", ["securestring", "System.Security.SecureString"])
def test_a_secure_string_is_a_secret_without_a_default(type_: str) -> None:
    found = one(f"[{type_}]$x = 'oops'")

    assert (found.secret, found.has_default) == (True, False)


def test_a_credential_is_the_name_of_one() -> None:
    assert one("[PSCredential]$Login").description == "name of a credential"


@pytest.mark.parametrize(
    ("declaration", "default"),
    [
        ("[string]$x = 'it''s'", "it's"),
        ('[string]$x = "a`"b`n""c"""', 'a"b\n"c"'),
        ("[string]$x = ''", ""),
        ("[string]$x = '007'", "007"),
        ("[string]$x = 5", "5"),
        ("[int]$x = 5", 5),
        ("[int]$x = -5", -5),
        ("[int]$x = 0xFF", 255),
        ("[double]$x = 1.5e3", 1500.0),
        ("[double]$x = .5", 0.5),
        ("[bool]$x = $TRUE", True),
        ("[bool]$x = ($false)", False),
        ("$x = 5", 5),
        ("[object]$x = 'text'", "text"),
        ("[string[]]$x = 'a'", ["a"]),
        ("[string[]]$x = @('a', 'b')", ["a", "b"]),
        ("[string[]]$x = ('a', 'b')", ["a", "b"]),
        ("[array]$x = @()", []),
        ("[int[]]$x = @(1\n2;3)", [1, 2, 3]),
        ("[hashtable]$x = @{}", {}),
        ("[hashtable]$x = @{ a = 1; 'b c' = @('x') }", {"a": 1, "b c": ["x"]}),
        ("[string]$x = @'\nit's\n\"two\"\n'@", 'it\'s\n"two"'),
        ("[string]$x = \u2018typographic\u2019", "typographic"),
    ],
)
def test_plain_defaults_are_known(declaration: str, default: Json) -> None:
    found = one(declaration)

    assert (found.has_default, found.default) == (True, default)
    assert type(found.default) is type(default)


@pytest.mark.parametrize(
    "declaration",
    [
        "[string]$x = $env:HOME",
        '[string]$x = "hello $name"',
        '[string]$x = "$(Get-Date -Format "yyyy")"',
        "[string]$x = (Get-Date).ToString(')')",
        "[datetime]$x = (Get-Date)",
        "[datetime]$x = 'tomorrow'",
        "[string]$x = $(if ($true) { 'a' } else { 'b' })",
        "[string]$x = 'a' + 'b'",
        "[string]$x = [guid]::NewGuid()",
        "[int]$x = 1kb",
        "[int]$x = 99999999999",
        "[int]$x = '5'",
        "[double]$x = 1e999",
        "[string]$x = $null",
        "[hashtable]$x = @{ a = $b }",
        "[scriptblock]$x = { param($a, $b) 'c' }",
        "[ValidateSet('a', 'b')] [string]$x = 'c'",
        '[string]$x = "`u{263a}"',
    ],
)
def test_what_only_powershell_can_evaluate_is_left_to_it(declaration: str) -> None:
    found = one(declaration)

    assert (found.required, found.has_default, found.default) == (False, False, None)


@pytest.mark.parametrize(
    ("attribute", "required"),
    [
        ("[Parameter(Mandatory)]", True),
        ("[Parameter( Mandatory = $True )]", True),
        ("[parameterattribute(mandatory=$true,valuefrompipeline)]", True),
        ("[System.Management.Automation.Parameter(Mandatory)]", True),
        ("[Parameter(Mandatory, ParameterSetName = '__AllParameterSets')]", True),
        ("[Parameter(Mandatory=$false)]", False),
        ("[Parameter(Mandatory, ParameterSetName = 'ByName')]", False),
        ("[Parameter(Position = 0)] [Parameter(Mandatory)]", True),
        ("[Parameter()]", False),
        ("", False),
    ],
)
def test_mandatory_is_required_unless_only_in_some_sets(attribute: str, required: bool) -> None:
    assert one(f"{attribute} [string]$x").required is required


def test_a_mandatory_parameter_has_no_default_for_powershell_asks_all_the_same() -> None:
    assert one("[Parameter(Mandatory)] [int]$x = 3").has_default is False


@pytest.mark.parametrize(
    ("declaration", "schema"),
    [
        ("[ValidateLength(1, 5)] [string]$x", {"type": "string", "minLength": 1, "maxLength": 5}),
        (
            "[ValidateSet('a', 'b', IgnoreCase = $true)] [string[]]$x",
            {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
        ),
        ("[ValidatePattern('^(a+)+$')] [string]$x", {"type": "string"}),
        ("[ValidateScript({ Test-Path $_ })] [string]$x", {"type": "string"}),
        ("[ValidateRange('Positive')] [double]$x", {"type": "number"}),
        ("[ValidateSet([MyClass])] [string]$x", {"type": "string"}),
    ],
)
def test_what_can_be_checked_before_a_job_starts_is_asked(
    declaration: str, schema: dict[str, Json]
) -> None:
    assert one(declaration).schema == schema


@pytest.mark.parametrize(
    "script",
    [
        "",
        "Write-Output hi\n",
        "param()\nWrite-Output hi\n",
        "$x = 5\nparam([string]$y)",
        "function f { param($x) }\nf 5",
        "& { param([string]$x) } 5",
        "# param([string]$x)",
        "'param($x)'",
        "workflow w { param([string]$x) }",
        "param",
        "param 5",
        "param([string]$x",
        "param([string]$x = 'a)",
        "param([string])",
        "param($a $b)",
        "param($a = 1, 2)",
        "<# param($x)",
        "param($x = " + "(" * 10_000,
        'param($x = "' + '$("' * 10_000,
        "param([" + "[" * 10_000,
    ],
)
def test_without_a_block_that_can_be_read_nothing_is_declared_and_nothing_refused(
    script: str,
) -> None:
    assert read(script) == ()


def test_a_type_of_any_length_is_read() -> None:
    assert one("[string" + "[]" * 10_000 + "]$x").type is ParameterType.ARRAY


def test_more_than_fifty_parameters_are_not_refused_for_powershell_takes_them() -> None:
    names = ", ".join(f"$p{number}" for number in range(60))

    assert len(read(f"param({names})")) == 60


PIECES = st.lists(
    st.sampled_from(
        [
            *("param", "(", ")", "[", "]", "{", "}", "@(", "@{", "$(", ",", "=", ";", "\n", " "),
            *("'", '"', "`", "$", "@'\n", "\n'@", '@"\n', '\n"@', "<#", "#>", "#", "$x", "${", "}"),
            *("Parameter", "Mandatory", "string", "[]", "5", "-", "0x", "1e9", "$true", "using"),
        ]
    ),
    max_size=40,
).map("".join)


@given(st.one_of(PIECES, PIECES.map(lambda text: f"param({text})"), st.text()))
def test_no_text_is_too_strange(script: str) -> None:
    for parameter in read(script):
        assert isinstance(parameter, Parameter)


@given(st.binary(max_size=200))
def test_no_bytes_are_too_strange(script: bytes) -> None:
    declared(script, RunbookType.POWERSHELL)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
def test_any_text_between_quotation_marks_is_read_as_it_is(text: str) -> None:
    quoted = "".join(c * 2 if c in "'\u2018\u2019\u201a\u201b" else c for c in text)

    assert one(f"[string]$x = '{quoted}'").default == text


@pytest.mark.parametrize("text", ["(", "'", '"', "$(", "<#", "@'\n", "[", "\n", "`", "#\n", "a "])
def test_a_script_of_a_megabyte_is_read_at_once(text: str) -> None:
    script = "param([string]$x, " + text * (1024 * 1024 // len(text))

    assert read(script) in ((), read("param([string]$x)"))
