"""What this machine says about itself."""

import platform
import socket
from collections.abc import Iterable
from pathlib import Path

from farhand_agent.core.frames import RunbookType
from farhand_agent.host.interpreters import Interpreter
from farhand_agent.link.convert import TYPES
from farhand_wire import __version__, limits
from farhand_wire.v1 import runbook_pb2, worker_pb2


def gather(interpreters: Iterable[Interpreter]) -> worker_pb2.Facts:
    """Facts about host and agent."""
    usable = sorted(interpreters, key=lambda each: each.type)
    uname = platform.uname()
    return worker_pb2.Facts(
        host_name=_cut(host_name()),
        machine_id=_cut(machine_id()),
        os=_cut(_system(uname)),
        architecture=_cut(uname.machine),
        agent_version=__version__,
        runbook_types=[_type(each) for each in usable],
        interpreters=[
            worker_pb2.Interpreter(
                runbook_type=_type(each), path=_cut(each.path), version=_cut(each.version)
            )
            for each in usable
        ],
    )


def _type(interpreter: Interpreter) -> runbook_pb2.RunbookType:
    return TYPES[RunbookType(interpreter.type)]


def host_name() -> str:
    return socket.gethostname()


def machine_id() -> str:
    """Stable id of the operating system installation; empty where there is none."""
    try:
        return Path("/etc/machine-id").read_text().strip()
    except OSError:
        return ""


def boot_id() -> str:
    """What differs after every boot; empty where there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _system(uname: platform.uname_result) -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return f"{uname.system} {uname.release}"


def _cut(text: str) -> str:
    return text[: limits.FACT_CHARACTERS]
