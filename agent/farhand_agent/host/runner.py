"""A runner: one process that waits for a job, runs it, keeps its output until the server has it,
and waits again. Links come and go; it does not need one to go on."""

import os
import socket
from collections.abc import Callable
from contextlib import suppress

from farhand_agent.host.asking import Asking
from farhand_agent.host.attempt import (
    Attempt,
    NotExecuted,
    claim,
    execute,
    forgo,
    note_process,
    prepare,
)
from farhand_agent.host.berth import Berth
from farhand_agent.host.delivery import Delivery
from farhand_agent.host.door import Door
from farhand_agent.host.home import Home
from farhand_agent.host.host import Host
from farhand_agent.host.job import Job
from farhand_agent.host.loop import Loop, Timer
from farhand_agent.host.order import Order, read_order, too_long
from farhand_agent.host.runas import as_whom
from farhand_agent.host.spool import Spool
from farhand_agent.host.wire import FIRST_CREDIT, Kind, Message, Phase, WireError
from farhand_wire import limits
from farhand_wire.spool import Exit

#: What the server does not hold lies on disk after one to two of these.
_TICK_SECONDS = limits.SPOOL_SYNC_SECONDS / 2
#: STARTED rides with the first output, and the launcher need not know of a job, for so long.
_SETTLED_SECONDS = 0.005
#: What a runner tells its launcher.
BUSY = b"b"
SPARE = b"s"


class Runner:
    """Serves one attempt at a time."""

    def __init__(
        self,
        *,
        loop: Loop,
        host: Host,
        home: Home,
        listener: socket.socket,
        launcher: socket.socket | None = None,
        job_listener: socket.socket | None = None,
        berth: Berth | None = None,
        attempt: Attempt | None = None,
        spool_bytes: int = limits.SPOOL_BYTES,
    ) -> None:
        """A spare has a launcher, a socket for scripts and a berth. Without them, and with an
        attempt: serve what another runner left of it, then end."""
        self._loop = loop
        self._host = host
        self._home = home
        self._launcher = launcher
        self._berth = berth or Berth()
        self._attempt = attempt
        self._spool_bytes = spool_bytes
        self._door = Door(
            loop,
            listener,
            peers=host.peers,
            heard=self._heard,
            drained=self._moved,
            changed=self._link_changed,
        )
        self._asking = Asking(loop, job_listener, say=self._ask) if job_listener else None
        self._delivery: Delivery | None = None
        #: Nobody wants the attempt, but it still runs.
        self._discarded = False
        #: Something of a job could not be killed, so this process takes no other.
        self._left_behind = False
        #: It was another user's, or knew a secret of its job: it takes no other.
        self._used_up = False
        self._gone = False
        #: Size of the spool at the last tick.
        self._seen = 0
        self._ticking: Timer | None = None
        #: Pending: neither the link nor the launcher was told yet that it has started.
        self._settling: Timer | None = None
        self._started_due = False
        self._handlers: dict[Kind, Callable[[Message], None]] = {
            Kind.WHAT: self._what,
            Kind.START: self._start,
            Kind.READ: self._read,
            Kind.CREDIT: self._credit,
            Kind.FREE: self._free,
            Kind.STOP: self._stop,
            Kind.DONE: self._done,
            Kind.FREEZE: self._stand,
            Kind.THAW: self._stand,
            Kind.ANSWER: self._answer,
        }
        if launcher is not None:
            loop.watch(launcher.fileno(), self._launcher_gone)
        if attempt is not None:
            self._tick()

    # --- what a link says --------------------------------------------------------------------

    def _heard(self, message: Message) -> None:
        handler = self._handlers.get(message.kind)
        if handler is None:
            raise WireError(f"{message.kind.name} is not for a runner")
        handler(message)

    def _what(self, message: Message) -> None:
        attempt = self._attempt
        if attempt is None:
            self._door.tell(Kind.STATE, job_id="", attempt=0, phase=Phase.SPARE, size=0)
        else:
            self._door.tell(
                Kind.STATE,
                job_id=attempt.id.job_id,
                attempt=attempt.id.attempt,
                phase=attempt.phase,
                size=attempt.size,
                reason=attempt.reason,
            )

    def _start(self, message: Message) -> None:
        if self._attempt is not None:
            raise WireError("this runner is not a spare")
        order = read_order(message)
        host, reason = as_whom(order.run_as, self._host, self._berth.work)
        self._used_up = host.user is not None or bool(order.secrets)
        reason = reason or prepare(order, self._home, host)
        try:
            self._home.move(self._host.sandbox.attempt_path(order.attempt))
        except OSError:
            self._home.clear()
            if host.user is not None:
                self._leave()
            raise WireError("this host knows that attempt already") from None
        reason = reason or claim(self._home)
        if reason:
            self._attempt = Attempt(id=order.attempt, reason=reason)
            forgo(self._home, reason)
            self._tell_launcher(BUSY)
            self._door.tell(Kind.VOID, reason=reason)
        else:
            self._run(order, host)

    def _run(self, order: Order, host: Host) -> None:
        spool = Spool(
            self._home.path,
            self._host.sandbox.overflow(order.attempt),
            most_bytes=self._spool_bytes,
            is_used_up=self._host.room.is_used_up,
            reserve=self._berth.reserve,
        )
        attempt = self._attempt = Attempt(id=order.attempt, spool=spool)
        self._delivery = Delivery(spool, self._door, offset=0, credit=FIRST_CREDIT)
        assert self._asking is not None, "only a spare runs scripts"
        job = Job(
            self._loop,
            spool,
            freezer=self._berth.freezer,
            moved=self._moved,
            stood=self._job_stood,
            ended=self._job_ended,
            cgroup=self._berth.cgroup,
            masker=self._asking.expect(order.secrets),
        )
        user = os.geteuid() if host.user is None else host.user.uid
        nonce = self._asking.begin(user, job.emit)
        try:
            self._berth.give(host.user)
            pid = execute(order, self._home, host, job, nonce=nonce)
        except (NotExecuted, OSError) as error:
            self._hear_no_more()
            spool.end(Exit(reason=str(error)), 0)
            self._tell_launcher(BUSY)
            self._moved()
        else:
            attempt.job = job
            self._asking.began(too_long(order))
            job.limit(order.timeout_ms, order.stop_grace_ms / 1000)
            self._started_due = True
            self._settling = self._loop.after(_SETTLED_SECONDS, lambda: self._settled(job, pid))
        self._seen = 0
        self._ticking = self._loop.after(_TICK_SECONDS, self._tick)

    def _settled(self, job: Job, pid: int) -> None:
        """It is not one of the many that are over at once; the others can be told of."""
        self._settling = None
        self._say_started()
        self._tell_launcher(BUSY)
        if job.runs:
            note_process(self._home, pid)

    def _say_started(self) -> None:
        if self._started_due:
            self._started_due = False
            self._door.tell(Kind.STARTED)

    def _read(self, message: Message) -> None:
        attempt = self._serving()
        offset, credit = _number(message, "offset"), _number(message, "credit")
        crc = _number(message, "crc") if "crc" in message.fields else None
        attempt.settle(offset, crc)
        self._discarded = False
        if attempt.spool is not None:
            attempt.spool.recede(offset, crc)
            self._delivery = Delivery(attempt.spool, self._door, offset=offset, credit=credit)
            if attempt.job is not None and self._asking is not None:
                self._asking.again()
            self._moved()

    def _credit(self, message: Message) -> None:
        if self._delivery is not None:
            self._delivery.grant(_number(message, "credit"))

    def _free(self, message: Message) -> None:
        attempt = self._serving()
        if attempt.spool is not None:
            attempt.spool.free(_number(message, "durable"))
        if attempt.job is not None:
            attempt.job.resume()

    def _stop(self, message: Message) -> None:
        job = self._serving().job
        if job is not None:
            job.stop(_number(message, "grace_ms") / 1000)

    def _stand(self, message: Message) -> None:
        job = self._serving().job
        if job is not None and message.kind is Kind.FREEZE:
            job.freeze()
        elif job is not None:
            job.thaw()

    def _ask(self, message: bytes) -> None:
        # A link that has not read yet is told of all that is open when it does: in order, for the
        # server takes a question whose number is lower than the last one for one asked before.
        if self._delivery is not None:
            self._door.say(message)

    def _answer(self, message: Message) -> None:
        if self._asking is not None:
            self._asking.answered(message)

    def _done(self, message: Message) -> None:
        attempt = self._serving()
        if attempt.job is not None:
            self._discarded, self._delivery = True, None
        else:
            self._forget(attempt)

    def _serving(self) -> Attempt:
        if self._attempt is None:
            raise WireError("this runner is a spare")
        return self._attempt

    def _link_changed(self) -> None:
        self._delivery = None
        self._started_due = False

    # --- what happens to the job --------------------------------------------------------------

    def reap(self) -> None:
        """A child of this process has ended."""
        if self._attempt is not None and self._attempt.job is not None:
            self._attempt.job.reap()

    def sync(self) -> None:
        """Bring what the server does not hold to the disk; tried again later if that fails."""
        spool = None if self._attempt is None else self._attempt.spool
        if spool is not None:
            with suppress(OSError):
                spool.sync()

    def terminate(self) -> None:
        """Asked to go: a spare goes, a job goes on, and a reboot may follow."""
        self.sync()
        if self._attempt is None:
            self._door.hear_out()
        if self._attempt is None:
            self._leave()

    def _moved(self) -> None:
        if self._delivery is not None:
            self._say_started()
            self._delivery.advance()
        if self._discarded:
            self._make_room()

    def _make_room(self) -> None:
        """A script that is left alone must not wait for ever for somebody to take its output."""
        attempt = self._serving()
        if attempt.job is not None and attempt.spool is not None and attempt.spool.full:
            attempt.spool.free(attempt.spool.size)
            attempt.job.resume()

    def _job_stood(self, frozen: bool) -> None:
        self._say_started()
        self._door.tell(Kind.FROZEN if frozen else Kind.THAWED)

    def _job_ended(self) -> None:
        attempt = self._serving()
        assert attempt.job is not None
        self._left_behind = attempt.job.abandoned
        self._hear_no_more()
        attempt.job = None
        self._moved()
        if self._discarded:
            self._forget(attempt)

    def _hear_no_more(self) -> None:
        if self._asking is not None:
            self._used_up |= self._asking.end()

    def _tick(self) -> None:
        spool = None if self._attempt is None else self._attempt.spool
        if spool is None:
            return
        spool.flush()
        if spool.durable < self._seen:
            self.sync()
        self._seen = spool.size
        self._ticking = self._loop.after(_TICK_SECONDS, self._tick)
        self._moved()

    # --- a spare again, or the end ------------------------------------------------------------

    def _forget(self, attempt: Attempt) -> None:
        # First the name: an attempt that is half removed must not be found again.
        self._home.move(self._host.sandbox.new_spare())
        if attempt.spool is not None:
            attempt.spool.remove()
        self._home.clear()
        self._attempt = self._delivery = None
        self._loop.cancel(self._ticking)
        self._discarded = False
        spent = self._left_behind or self._used_up
        if self._launcher is None or spent or not self._berth.takes_another():
            self._leave()
        else:
            self._berth.renew()
            self._door.tell(Kind.IDLE)
            if self._settling is None:
                self._tell_launcher(SPARE)
        self._loop.cancel(self._settling)
        self._settling = None

    def _leave(self) -> None:
        if self._gone:
            return  # told to go in the same turn in which it went by itself
        self._gone = True
        self._door.close()
        if self._asking is not None:
            self._asking.close()
        self._home.remove()
        self._berth.remove()
        self._loop.stop(0)

    def _launcher_gone(self) -> None:
        assert self._launcher is not None
        self._loop.forget(self._launcher.fileno())
        self._launcher = None
        self.terminate()

    def _tell_launcher(self, what: bytes) -> None:
        if self._launcher is not None:
            with suppress(OSError):  # gone; its end is noticed by the loop
                self._launcher.send(what)


def _number(message: Message, name: str) -> int:
    value = message.fields.get(name)
    if type(value) is not int or not 0 <= value < 2**63:
        raise WireError(f"{message.kind.name} needs a number {name}")
    return value
