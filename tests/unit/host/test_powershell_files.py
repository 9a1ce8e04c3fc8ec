"""The PowerShell that goes to workers, as far as it can be looked at without running it."""

import re
from pathlib import Path

import pytest

import farhand_agent

ROOT = Path(farhand_agent.__file__).parent / "sdk" / "powershell"
FILES = sorted(ROOT.rglob("*.ps*1"))
FUNCTION = re.compile(r"(?m)^function ([\w-]+) \{")
DOT_SOURCED = re.compile(r"(?m)^\. \(Join-Path \$PSScriptRoot '([^']+)'\)")
AZURE = {
    "Get-AutomationCertificate",
    "Get-AutomationConnection",
    "Get-AutomationPSCredential",
    "Get-AutomationVariable",
    "Set-AutomationVariable",
    "Start-AutomationRunbook",
    "Wait-AutomationJob",
}


def functions(module: Path) -> set[str]:
    """Those of a module and of the files that it loads."""
    loaded = [module.parent / name for name in DOT_SOURCED.findall(module.read_text())]
    return {name for path in (module, *loaded) for name in FUNCTION.findall(path.read_text())}


def exported(file: Path) -> set[str]:
    """What it lists for export, a name a line."""
    return set(re.findall(r"(?m)^ +'([A-Z]\w+-\w+)'$", file.read_text()))


def ids(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_a_file_is_powershell(file: Path) -> None:
    reason = "the grammar of PowerShell is not installed: pip install --group dev"
    tree_sitter = pytest.importorskip("tree_sitter", reason=reason)
    grammar = pytest.importorskip("tree_sitter_powershell", reason=reason)
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))

    def broken(script: bytes) -> bool:
        wrong: bool = parser.parse(script).root_node.has_error
        return wrong

    assert not broken(file.read_bytes())
    assert broken(file.read_bytes() + b"\nif (")


def test_a_module_has_every_function_that_it_promises() -> None:
    farhand = exported(ROOT / "Farhand" / "Farhand.psd1")
    runner = exported(ROOT / "runner" / "Runner.psm1")

    assert farhand >= AZURE
    assert farhand <= functions(ROOT / "Farhand" / "Farhand.psm1")
    assert runner <= functions(ROOT / "runner" / "Runner.psm1")


@pytest.mark.parametrize("file", [file for file in FILES if file.suffix != ".psd1"], ids=ids)
def test_a_file_calls_no_function_of_ours_that_is_not_there(file: Path) -> None:
    known = functions(ROOT / "Farhand" / "Farhand.psm1")
    known |= functions(ROOT / "runner" / "Runner.psm1")
    named = set(re.findall(r"\b[A-Z]\w+-(?:Farhand|Automation)\w*\b", file.read_text()))

    assert named <= known


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_no_text_is_ever_run_as_a_script(file: Path) -> None:
    assert not re.search(
        r"Invoke-Expression|\biex\b|scriptblock\]::Create|ConvertFrom-Json -", file.read_text()
    )


def test_a_runbook_is_called_outside_of_any_try() -> None:
    """Inside of one, an error that ends a statement would end the script."""
    script = (ROOT / "run.ps1").read_text()

    assert "& $FarhandScript @FarhandParameters" in script
    assert not re.search(r"(?m)^\s*(try|trap)\b", script)
    assert "StrictMode" not in script
