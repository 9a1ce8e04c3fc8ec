"""PowerShell runbooks with a real pwsh: parameters, streams, exit codes, assets, children."""

import base64
import hashlib
import json
import shutil
from typing import Any

import pytest
from tests.acceptance.conftest import Deployment

PASSWORD = "correct horse; 'battery' \"staple\""

pytestmark = pytest.mark.skipif(
    shutil.which("pwsh") is None, reason="there is no PowerShell 7 (pwsh) on this machine"
)


def publish(deployment: Deployment, name: str, script: str) -> None:
    deployment.publish(name, script, ending=".ps1")


def ran(deployment: Deployment, name: str, script: str, *arguments: str, code: int = 0) -> str:
    """What it has written to its Output stream."""
    publish(deployment, name, script)
    done = deployment.farhand("start", name, "--run-on", "demo", "--follow", *arguments)

    assert done.code == code, (done.out, done.err)
    return done.out.decode()


def stream(deployment: Deployment, name: str) -> str:
    """Of the job that was started last."""
    job = str(deployment.newest()["jobId"])
    return deployment.farhand("job", "output", job, "--stream", name).out.decode()


# --- parameters -----------------------------------------------------------------------------

TYPES = """
param(
    [string]$Text, [int]$Whole, [long]$Long, [double]$Real, [bool]$Yes, [switch]$On, [switch]$Off,
    [datetime]$When, [string[]]$Words, [array]$Many, [hashtable]$Table, [object]$Any, $Untyped,
    [string]$Defaulted = "it is $(1 + 1)", [SecureString]$Password
)
$plain = [System.Net.NetworkCredential]::new('', $Password).Password
$sha = [System.Security.Cryptography.SHA256]::Create()
$hash = $sha.ComputeHash([System.Text.Encoding]::UTF8.GetBytes($plain))
ConvertTo-Json -Compress -Depth 9 -InputObject ([ordered] @{
    Text = $Text; Whole = $Whole; Long = $Long; Real = $Real; Yes = $Yes
    On = $On.IsPresent; Off = $Off.IsPresent; When = $When.ToUniversalTime().ToString('o')
    Words = $Words; Many = $Many; Table = $Table; Any = $Any; Untyped = $Untyped
    Defaulted = $Defaulted; Hash = [System.Convert]::ToHexString($hash)
    Kinds = @($Table.GetType().Name, $Any.GetType().Name, $Untyped.GetType().Name)
    Bound = $PSBoundParameters.ContainsKey('Defaulted')
})
"""
GIVEN: dict[str, Any] = {
    "Text": "007",
    "Whole": 7,
    "Long": 2**40,
    "Real": 1.5,
    "Yes": True,
    "On": True,
    "Off": False,
    "When": "2026-11-25T19:00:00Z",
    "Words": ["one"],
    "Many": [1, "2", [3], []],
    "Table": {"a": {"b": [1]}},
    "Any": {"a": "2026-11-25T19:00:00Z"},
    "Untyped": "true",
    "Password": PASSWORD,
}


def test_every_type_arrives_as_it_was_given(deployment: Deployment) -> None:
    file = deployment.root / "given.json"
    file.write_text(json.dumps(GIVEN))

    told = json.loads(ran(deployment, "types", TYPES, "--params", str(file)))

    assert told.pop("Kinds") == ["Hashtable", "PSCustomObject", "String"]
    assert told.pop("Hash") == hashlib.sha256(PASSWORD.encode()).hexdigest().upper()
    assert (told.pop("Defaulted"), told.pop("Bound")) == ("it is 2", False)
    assert told.pop("When").startswith("2026-11-25T19:00:00")
    assert told == {k: v for k, v in GIVEN.items() if k not in ("When", "Password")}


@pytest.mark.parametrize(
    "value",
    [
        *("007", "true", "$null", "", " ", "'", '"', "a;b", "$(exit 3)", "`n", "a\nb\r\nc\n"),
        *(
            "-Name",
            "@x",
            "日本 für ñ",
            "\u2028",
            "{}",
            "[1]",
            "2026-11-25T19:00:00Z",
            "x" * 100_000,
        ),
    ],
    ids=lambda value: repr(value[:9]),
)
def test_text_stays_what_it_is(deployment: Deployment, value: str) -> None:
    script = (
        "param([string]$Value)\n"
        "[System.Convert]::ToBase64String([System.Text.Encoding]::UTF8.GetBytes($Value))\n"
    )
    file = deployment.root / "given.json"
    file.write_text(json.dumps({"Value": value}))
    told = ran(deployment, "text", script, "--params", str(file))

    assert base64.b64decode(told).decode() == value


def test_parameters_may_be_named_like_members_of_a_dictionary(deployment: Deployment) -> None:
    script = 'param([int]$Count, [string]$Keys, [string]$Values)\n"$Count $Keys $Values"\n'
    named = ("-p", "count=1", "-p", "KEYS=2", "-p", "Values=3")

    assert ran(deployment, "named", script, *named) == "1 2 3\n"


def test_an_array_of_a_hundred_kilobytes_arrives_whole(deployment: Deployment) -> None:
    file = deployment.root / "given.json"
    file.write_text(json.dumps({"Items": [f"item {n}" for n in range(10_000)]}))
    script = 'param([string[]]$Items)\n"$($Items.Count) $($Items[9999])"\n'

    assert ran(deployment, "large", script, "--params", str(file)) == "10000 item 9999\n"


def test_a_script_that_declares_nothing_runs_without_parameters(deployment: Deployment) -> None:
    assert ran(deployment, "plain", "Write-Output 'hi'\n") == "hi\n"


# --- streams and the end --------------------------------------------------------------------


def test_records_go_to_their_streams_every_line_of_them(deployment: Deployment) -> None:
    output = ran(
        deployment,
        "ps-streams",
        "Write-Output 'one'\nWrite-Host 'host'\nWrite-Warning \"two`nlines\"\n"
        "Write-Verbose 'three'\nWrite-Debug 'four'\nWrite-Error 'five'\n"
        "Write-Progress -Activity 'copying' -Status 'now' -PercentComplete 40\n"
        "[pscustomobject] @{ a = 1; b = 2 }\n",
    )

    assert output.splitlines()[:2] == ["one", "host"]
    assert "a b" in output
    assert stream(deployment, "warning") == "WARNING: two\nWARNING: lines\n"
    assert stream(deployment, "verbose") == "VERBOSE: three\n"
    assert stream(deployment, "debug") == "DEBUG: four\n"
    assert "five" in stream(deployment, "error")
    assert json.loads(stream(deployment, "progress")) == {
        "activity": "copying",
        "status": "now",
        "percent": 40,
    }


@pytest.mark.parametrize(
    ("script", "code", "output"),
    [
        ("'a'\nexit 3\n", 3, "a\n"),
        ("'a'\nexit 0\n'b'\n", 0, "a\n"),
        ("'a'\nthrow 'no'\n'b'\n", 1, "a\n"),
        ("& /bin/false\n'b'\n", 0, "b\n"),
        ("& /bin/false\nexit $LASTEXITCODE\n", 1, ""),
        ("Get-Item /nowhere\n'b'\n", 0, "b\n"),
        ("1 / 0\n'b'\n", 0, "b\n"),
        ("[int]::Parse('x')\n'b'\n", 0, "b\n"),
        ("$ErrorActionPreference = 'Stop'\nGet-Item /nowhere\n'b'\n", 1, ""),
        ("function f { exit 4 }\nf\n", 4, ""),
        ("param([Parameter(Mandatory, ParameterSetName='a')] $x)\n'b'\n", 1, ""),
        ("'a'\nif (\n", 1, ""),
    ],
)
def test_the_exit_code_is_that_of_the_script(
    deployment: Deployment, script: str, code: int, output: str
) -> None:
    assert ran(deployment, "ends", script, code=code) == output


def test_a_job_knows_itself(deployment: Deployment) -> None:
    output = ran(deployment, "itself", "$PSPrivateMetadata.JobId.Guid\n$env:FARHAND_JOB_ID\n")

    first, second = output.split()
    assert first == second


# --- assets and children --------------------------------------------------------------------


def test_assets_are_fetched_with_azures_commands(deployment: Deployment) -> None:
    for done in (
        deployment.farhand("variable", "create", "ps-count", "7"),
        deployment.farhand("variable", "create", "ps-list", '["2026-11-25T19:00:00Z"]'),
        deployment.call(
            *("farhand", "credential", "create", "ps-login", "--user", "svc", "--password-stdin"),
            stdin=PASSWORD.encode(),
        ),
        deployment.farhand("connection", "create", "ps-db", "--type", "X", "--field", "host=db1"),
    ):
        assert done.code == 0, done.err

    output = ran(
        deployment,
        "ps-assets",
        """
$count = Get-AutomationVariable -Name 'ps-count'
Set-AutomationVariable -Name 'ps-count' -Value ($count + 1)
$list = Get-AutomationVariable 'ps-list'
"$count $(Get-AutomationVariable 'ps-count') $($list.GetType().Name) $($list[0])"
$login = Get-AutomationPSCredential -Name 'ps-login'
"$($login.UserName) $($login.GetNetworkCredential().Password.Length)"
$login.GetNetworkCredential().Password
(Get-AutomationConnection -Name 'ps-db')['host']
$null -eq (Get-AutomationVariable 'nowhere' -ErrorAction SilentlyContinue)
try { Get-AutomationVariable 'nowhere' } catch { "$_" }
Get-AutomationPSCredential 'nowhere'
'not reached'
""",
        code=1,
    )

    lines = output.splitlines()
    assert lines[:5] == [
        "7 8 Object[] 2026-11-25T19:00:00Z",
        f"svc {len(PASSWORD)}",
        "***",
        "db1",
        "True",
    ]
    assert lines[5].startswith("AutomationAssetNotFound")
    assert len(lines) == 6
    assert "AutomationAssetNotFound" in stream(deployment, "error")


def test_a_child_is_started_waited_for_and_read(deployment: Deployment) -> None:
    publish(deployment, "ps-child", 'param([int]$Days)\n"cleaned $Days days"\nexit 7\n')

    output = ran(
        deployment,
        "ps-parent",
        """
$id = Start-AutomationRunbook -Name 'ps-child' -Parameters @{ Days = 7 } -RunOn 'demo'
Wait-AutomationJob -Id $id -TimeoutInMinutes 1
$child = Get-AutomationJob -Id $id
"$($child.Status) $($child.ExitCode) $(Get-AutomationJobOutput -Id $id)"
""",
    )

    assert output == "Failed 7 cleaned 7 days\n"
