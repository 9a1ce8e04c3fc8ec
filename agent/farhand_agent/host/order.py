"""What a runner is asked to run, and how it becomes files, arguments and an environment."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farhand_agent.host.interpreters import SEARCH_PATH
from farhand_agent.host.sandbox import AttemptId
from farhand_agent.host.wire import Message, WireError

#: Of the agent's own environment a script sees these.
_INHERITED = ("LANG", "TZ")
#: How interpreters are told to behave.
_MANNERS: Mapping[str, Mapping[str, str]] = {
    # Lines are shown while the script runs; Python would keep them until 8 KB are together.
    "python": {"PYTHONUNBUFFERED": "1"},
    # A worker dials nobody else.
    "powershell": {"POWERSHELL_TELEMETRY_OPTOUT": "1", "POWERSHELL_UPDATECHECK": "Off"},
}
_POWERSHELL = ("-NoLogo", "-NoProfile", "-NonInteractive")
#: Longest argument that Linux gives a process (MAX_ARG_STRLEN), without the NUL at its end.
ARGUMENT_BYTES_MOST = 128 * 1024 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A START: one attempt and everything that its script gets."""

    attempt: AttemptId
    runbook: str
    version: int
    type: str
    group: str
    worker: str
    parameters_json: str
    arguments: tuple[str, ...]
    stop_grace_ms: int
    timeout_ms: int
    #: To be masked in its output.
    secrets: tuple[str, ...]
    #: The user that it runs as; empty: that of the agent.
    run_as: str = ""
    script: bytes

    @property
    def too_long(self) -> tuple[int, ...]:
        """Places of arguments, from 1, that no process can be given. PowerShell needs none."""
        if self.type == "powershell":
            return ()
        sizes = (len(text.encode(errors="surrogatepass")) for text in self.arguments)
        return tuple(n for n, size in enumerate(sizes, start=1) if size > ARGUMENT_BYTES_MOST)

    @property
    def ending(self) -> str:
        """Of the name of its file: PowerShell runs no other files as scripts."""
        return ".ps1" if self.type == "powershell" else ""

    def grant(self, boot_id: str) -> bytes:
        """What the attempt's folder says about it: no script, no parameters."""
        fields = {
            "job_id": self.attempt.job_id,
            "attempt": self.attempt.attempt,
            "runbook": self.runbook,
            "version": self.version,
            "type": self.type,
            "boot_id": boot_id,
        }
        return json.dumps(fields).encode()


def read_order(message: Message) -> Order:
    """Raises WireError if the message asks for anything but a proper run."""
    fields = dict(message.fields)
    try:
        attempt = AttemptId(job_id=fields.pop("job_id"), attempt=fields.pop("attempt"))
        order = Order(
            attempt=attempt,
            runbook=_text(fields["runbook"]),
            version=int(fields["version"]),
            type=_text(fields["type"]),
            group=_text(fields["group"]),
            worker=_text(fields["worker"]),
            parameters_json=_text(fields["parameters_json"]),
            arguments=tuple(_text(value) for value in fields["arguments"]),
            stop_grace_ms=int(fields["stop_grace_ms"]),
            timeout_ms=int(fields["timeout_ms"]),
            secrets=tuple(_text(value) for value in fields.get("secrets", ())),
            run_as=_text(fields.get("run_as", "")),
            script=_with_unix_line_ends(message.data),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(f"START is not complete: {error}") from error
    return order


def base_environment(
    agent: Mapping[str, str], *, user: str, home: str, login_shell: str
) -> dict[str, str]:
    """What every script of this host sees; nothing else of the agent's environment gets through."""
    inherited = {name: agent[name] for name in _INHERITED if name in agent}
    return {
        "PATH": SEARCH_PATH,
        "HOME": home,
        "USER": user,
        "LOGNAME": user,
        "SHELL": login_shell,
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        **inherited,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """What a script finds where."""

    interpreter: str
    #: JSON of its parameters.
    parameters: str
    #: Where it asks, and what it has to show there.
    socket: str
    nonce: str
    #: Commands and modules for it.
    sdk: str


def environment(order: Order, base: Mapping[str, str], paths: Paths) -> dict[str, str]:
    """The whole environment of one script."""
    path = [*base["PATH"].split(":"), f"{paths.sdk}/bin"]
    if (folder := os.path.dirname(paths.interpreter)) not in path:
        path.append(folder)
    values = {
        **base,
        "PATH": ":".join(path),
        "FARHAND_JOB_ID": order.attempt.job_id,
        "FARHAND_ATTEMPT": str(order.attempt.attempt),
        "FARHAND_RUNBOOK": order.runbook,
        "FARHAND_GROUP": order.group,
        "FARHAND_WORKER": order.worker,
        "FARHAND_PARAMETERS": paths.parameters,
        "FARHAND_JOB_SOCKET": paths.socket,
        "FARHAND_JOB_NONCE": paths.nonce,
        "PYTHONPATH": f"{paths.sdk}/python",
        "PSModulePath": f"{paths.sdk}/powershell",
        "AUTOMATION_JOB_ID": order.attempt.job_id,
        "AUTOMATION_ACTIVITY_ID": order.attempt.job_id,
    }
    return {**values, **_MANNERS.get(order.type, {})}


def command(order: Order, paths: Paths, script: str) -> list[str]:
    """What is executed. PowerShell's parameters have types, which arguments have not: a script of
    ours reads them from their file, and calls the other one with them. Arguments that are too long
    are empty: they are in that file as well."""
    if order.type == "powershell":
        run = f"{paths.sdk}/powershell/run.ps1"
        return [paths.interpreter, *_POWERSHELL, "-File", run, script]
    too_long, places = order.too_long, enumerate(order.arguments, start=1)
    return [paths.interpreter, script, *("" if n in too_long else text for n, text in places)]


def too_long(order: Order) -> bytes:
    """What to warn of, when arguments are left out; else nothing."""
    if not order.too_long:
        return b""
    places = ", ".join(f"${place}" for place in order.too_long)
    limit = (ARGUMENT_BYTES_MOST + 1) // 1024
    return (
        f"farhand: {places} would be longer than {limit} KiB, which no process can be given, and "
        "is empty: read it from the file that FARHAND_PARAMETERS names\n"
    ).encode()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text was expected")
    return value


def _with_unix_line_ends(script: bytes) -> bytes:
    """A script that was written on Windows, as a Unix interpreter must see it."""
    if script.partition(b"\n")[0].endswith(b"\r"):
        return script.replace(b"\r\n", b"\n")
    return script
