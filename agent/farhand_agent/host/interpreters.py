"""Which program runs which type of runbook on this host."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: Where jobs look for programs; the agent looks there first, so that both find the same ones.
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Begins the name of a variable that names a program, as in FARHAND_AGENT_INTERPRETER_PYTHON.
VARIABLE = "FARHAND_AGENT_INTERPRETER_"

PROGRAMS = {"bash": "bash", "python": "python3", "powershell": "pwsh"}
#: What Azure has administrators set on a worker, newest first; in any case of letters.
_AZURE = {
    "python": ("python_3_10_path", "python_3_path"),
    "powershell": ("powershell_7_4_path", "powershell_7_2_path", "powershell_7_1_path"),
}
_VERSION = re.compile(rb"\d+(?:\.\d+)+")
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """One that was found and could be executed; the version is what it says, or empty."""

    type: str
    path: str
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A program that was named for a type, and where."""

    program: str
    by: str


def choices(flags: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, Choice]:
    """What was named, by type: on the command line, else in our variable, else in Azure's."""
    folded = {name.lower(): (name, value) for name, value in environ.items() if value}
    named: dict[str, Choice] = {}
    for kind in PROGRAMS:
        variables = (f"{VARIABLE}{kind}".lower(), *_AZURE.get(kind, ()))
        if program := flags.get(kind):
            named[kind] = Choice(program=program, by=f"--interpreter {kind}={program}")
        elif found := next((folded[name] for name in variables if name in folded), None):
            named[kind] = Choice(program=found[1], by=f"{found[0]}={found[1]}")
    return named


def programs(named: Mapping[str, Choice]) -> dict[str, str]:
    return {kind: choice.program for kind, choice in named.items()}


def find_interpreters(path: str, *, chosen: Mapping[str, str]) -> dict[str, str]:
    """Absolute path of the interpreter for each runbook type that this host can run.

    `path` is searched after the system's own directories, so the agent's virtual environment does
    not shadow the python that an administrator installed. `chosen` names programs by type and wins;
    one that cannot be executed takes its type away.
    """
    found: dict[str, str] = {}
    for kind, program in PROGRAMS.items():
        where = shutil.which(chosen.get(kind, program), path=f"{SEARCH_PATH}:{path}")
        if where is not None:
            found[kind] = os.path.abspath(where)
    return found


def examine_interpreters(found: Mapping[str, str]) -> list[Interpreter]:
    """Those that really start, with their versions. Each is started once, so this is for before
    anything is forked that must not be."""
    started = ((kind, path, _version(path)) for kind, path in found.items())
    return [
        Interpreter(type=kind, path=path, version=version)
        for kind, path, version in started
        if version is not None
    ]


def unusable(named: Mapping[str, Choice], usable: list[Interpreter]) -> Iterator[str]:
    """A sentence for each program that was named and cannot run anything."""
    types = {each.type for each in usable}
    for kind, choice in named.items():
        if kind not in types:
            yield (
                f"this worker runs no {kind} runbooks: {choice.program} cannot be executed; "
                f"do: correct {choice.by}, or leave it out"
            )


def _version(path: str) -> str | None:
    """None: it cannot be executed."""
    try:
        ran = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except OSError:
        return None
    except subprocess.TimeoutExpired:
        return ""
    said = _VERSION.search(ran.stdout)
    return said.group().decode() if said else ""
