"""One attempt as its runner holds it: never started, running, or at its end."""

import os
from contextlib import suppress
from dataclasses import dataclass

from farhand_agent.host.home import PARAMETERS, SCRIPT, Home
from farhand_agent.host.host import Host
from farhand_agent.host.job import Job
from farhand_agent.host.order import Order, Paths, command, environment
from farhand_agent.host.process import process
from farhand_agent.host.runas import may_execute
from farhand_agent.host.sandbox import AttemptId
from farhand_agent.host.spool import Spool
from farhand_agent.host.wire import Phase
from farhand_wire import spool as wire
from farhand_wire.spool import Exit

#: Says in the attempt's folder whether the script may have run. It is created once, exclusively.
STARTED = "started"
RAN = b"ran"
VOID = b"void"


@dataclass(slots=True, kw_only=True)
class Attempt:
    """What a runner serves. Without a spool it is void: it never ran and never will."""

    id: AttemptId
    spool: Spool | None = None
    reason: str = ""
    job: Job | None = None
    #: Its host lost power: what lies here may be less than the server holds, and have holes.
    torn: bool = False

    @property
    def phase(self) -> Phase:
        if self.spool is None:
            return Phase.VOID
        if self.job is None:
            return Phase.EXITED
        return Phase.FROZEN if self.job.frozen else Phase.RUNNING

    @property
    def size(self) -> int:
        return 0 if self.spool is None else self.spool.size

    def settle(self, offset: int, crc: int | None) -> None:
        """End the spool of an attempt whose runner was lost: behind what is left here and, after a
        loss of power, behind the `offset` bytes with checksum `crc` that the server holds."""
        spool = self.spool
        if spool is None or self.job is not None:
            return
        missing = spool.go_on(offset, crc) if self.torn else None
        self.torn = False
        if missing is not None:
            spool.append(wire.pack_omitted(missing, spool.elapsed_ms))
        if spool.exit is None:
            spool.end(Exit(reason=self.reason, lost=True), spool.elapsed_ms)


class NotExecuted(Exception):
    """The interpreter could not be started, and why."""


def prepare(order: Order, home: Home, host: Host) -> str:
    """Write what the script needs; why it cannot run here, or nothing."""
    if order.type not in host.interpreters:
        return f"this host has no interpreter for runbooks of type {order.type!r}"
    interpreter = host.interpreters[order.type]
    if host.user is not None and not may_execute(host.user, interpreter):
        return f'user "{host.user.name}" may not execute {interpreter}'
    if order.secrets and not host.in_memory:
        return (
            "it has secret parameters, and this host has no memory file system to keep them in: "
            "make /run, /dev/shm or $XDG_RUNTIME_DIR a tmpfs and start the agent again"
        )
    try:
        home.write("grant", order.grant(host.boot_id))
        if lack := host.room.lack():
            return lack
        home.make_job()
        home.write(SCRIPT + order.ending, order.script)
        home.write(PARAMETERS, order.parameters_json.encode())
        if host.user is not None:
            home.give_job(host.user.uid, host.user.gid)
    except OSError as error:
        return f"the sandbox could not be written: {error.strerror}"
    return ""


def execute(order: Order, home: Home, host: Host, job: Job, *, nonce: str) -> int:
    """Run the script; the number of its process. Raises NotExecuted."""
    interpreter = host.interpreters[order.type]
    paths = Paths(
        interpreter=interpreter,
        parameters=os.fspath(home.parameters),
        socket=os.fspath(home.job_socket),
        nonce=nonce,
        sdk=os.fspath(host.sandbox.sdk),
    )
    variables = environment(order, host.environment, paths)
    arguments = command(order, paths, os.fspath(home.script) + order.ending)
    try:
        return job.start(arguments, variables, host.user)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise NotExecuted(f"{interpreter} could not be executed: {why}") from error


def note_process(home: Home, pid: int) -> None:
    """Write down which process the script is, for who may have to end it without its runner."""
    if (main := process(pid)) is not None:
        with suppress(OSError):  # no space; the script matters more
            home.write("pid", f"{pid} {main.started}".encode())


def claim(home: Home) -> str:
    """From now on this attempt may have run; why that could not be written down, or nothing."""
    try:
        home.write(STARTED, RAN)
    except OSError as error:
        return f"the sandbox could not be written: {error.strerror}"
    return ""


def claim_void(home: Home, reason: str) -> None:
    """From now on this attempt will never run. Raises FileExistsError if it may have run."""
    home.write(STARTED, VOID + b" " + reason.encode())


def forgo(home: Home, reason: str) -> None:
    """The same by who alone could have begun it, and will not: also where there is no room to write
    that down. What is found of it then does not prove that it ran, nor that it did not."""
    with suppress(OSError):
        claim_void(home, reason)
