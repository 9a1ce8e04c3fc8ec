"""What must hold after every step, whatever the step was."""

from collections.abc import Iterable

from tests.support.world.host import FakeHost
from tests.support.world.stores import Output, State
from tests.support.world.translation import spool_id
from tests.support.world.truth import Truth, Violation

from farhand_server.model.identifiers import WorkerId
from farhand_server.model.job import End, Job, JobStatus
from farhand_server.model.output import SpoolId
from farhand_server.model.worker import Worker
from farhand_wire import limits
from farhand_wire.spool import Exit


class Invariants:
    """Remembers how far it has looked, so that a check costs what happened since."""

    def __init__(self, *, truth: Truth, state: State, output: Output) -> None:
        self._truth = truth
        self._state = state
        self._output = output
        self._looked = 0
        self._sizes: dict[SpoolId, int] = {}
        self._confirmed: dict[WorkerId, int] = {}

    def check(self, hosts: Iterable[FakeHost]) -> None:
        """Raises Violation."""
        hosts = list(hosts)
        running = {
            spool_id(id_)
            for host in hosts
            for id_, sandbox in host.sandboxes.items()
            if sandbox.runs
        }
        moving = {spool_id(sandbox.id) for host in hosts for sandbox in host.running()}
        for old, new in self._state.history[self._looked :]:
            self._moved(old, new)
            # One that waited again is nobody's: somebody had decided about what may still run.
            if new.status is JobStatus.STOPPED and new.worker and _spool(new) in running:
                raise Violation(f"Stopped is said of {new.id}, but it runs on {new.worker_name}")
            was_frozen = old is not None and old.is_frozen
            if new.is_frozen and not was_frozen and _spool(new) in moving and self._is_frozen(new):
                raise Violation(f"I19: {new.id} is said to be frozen, but it runs")
            if new.counted > limits.ATTEMPTS_MOST:
                raise Violation(f"I12: {new.id} counts {new.counted} attempts")
        self._looked = len(self._state.history)
        for spool in self._output.spools():
            self._stored(spool)
        for worker in self._state.tables.workers.values():
            self._numbered(worker)
            if worker.parties and len(self._truth.hosts[worker.id]) < 2:
                raise Violation(f"I20: {worker.name} has no copy, but is said to: {worker.parties}")
        for host in hosts:
            self._host(host)
        if self._truth.faults:
            raise Violation(f"nobody did anything wrong, but {self._truth.faults[0]}")

    def _is_frozen(self, job: Job) -> bool:
        """Whether it still is: between two looks it may have been told to go on."""
        now = self._state.tables.jobs.get(job.id)
        return now is not None and now.is_frozen

    def forget(self) -> None:
        """What was looked at is over."""
        del self._state.history[: self._looked]
        self._looked = 0

    def _moved(self, old: Job | None, new: Job) -> None:
        if old is None:
            return
        if old.status.is_final and not (new.test and new.status is JobStatus.REMOVING):
            raise Violation(f"I3: {old.id} was {old.status.name} and changed to {new.status.name}")
        if old.status is not new.status and not old.status.may_become(new.status):
            raise Violation(f"I14: {old.id} went from {old.status.name} to {new.status.name}")
        if new.status.is_final and new.end is not None:
            self._ended(new)

    def _ended(self, job: Job) -> None:
        spool = _spool(job)
        hosts = self._truth.hosts[job.worker] if job.worker is not None else ()
        if self._truth.ran_on.get(spool) not in hosts:
            raise Violation(f"I4, I5: {spool} never ran on {job.worker_name}, which ended it")
        end, told = self._truth.ends.get(spool), job.end
        if end is None or told is None or _kind(end) != _kind(told):
            raise Violation(f"I5: {spool} is said to have ended with {told}, but it did with {end}")
        written = bytes(self._truth.written[spool])
        if self._output.durable(spool) != written:
            raise Violation(
                f"I6: {spool} is {job.status.name}, of {len(written)} bytes "
                f"{len(self._output.durable(spool))} are durable"
            )
        if job.status is JobStatus.STOPPED and not (job.end and job.end.stopped):
            raise Violation(f"Stopped is said of {job.id}, but nobody had stopped it")

    def _stored(self, spool: SpoolId) -> None:
        """I13, I10: what is stored is what this attempt wrote, from its first byte."""
        stored = self._output.committed(spool)
        if self._sizes.get(spool) == len(stored):
            return
        self._sizes[spool] = len(stored)
        if not self._truth.written[spool].startswith(stored):
            raise Violation(f"I13: the {len(stored)} bytes stored of {spool} are not its output")

    def _numbered(self, worker: Worker) -> None:
        """A session that an older number opened would be that of a copy, or of the past. It is
        expected of a worker of which nothing was heard since a restore, and of a machine that an
        operator chose."""
        unreported = worker.generation < self._state.tables.generation.number
        if unreported or worker.id in self._truth.decided:
            self._confirmed.pop(worker.id, None)
            return
        if worker.confirmed_number < self._confirmed.get(worker.id, 0):
            raise Violation(
                f"I10: {worker.name} was welcomed with {worker.confirmed_number}, "
                f"but {self._confirmed[worker.id]} was confirmed"
            )
        self._confirmed[worker.id] = worker.confirmed_number

    def _host(self, host: FakeHost) -> None:
        for id_, sandbox in host.sandboxes.items():
            durable = len(self._output.durable(spool_id(id_)))
            if sandbox.freed > durable and spool_id(id_) not in self._truth.receded:
                raise Violation(f"I8: {host.name} freed {sandbox.freed} of {id_}, {durable} safe")
        # One that is being ended because nobody wants it has given its slot away; that somebody
        # wants it after all, as a restored server may, does not get it back.
        given_away = self._state.tables.generation.number > 0
        running = [
            sandbox
            for sandbox in host.sandboxes.values()
            if sandbox.runs and not (sandbox.stopping and (sandbox.unwanted or given_away))
        ]
        if len(running) > host.slots:
            raise Violation(f"I9: {host.name} runs {len(running)} in {host.slots} slots")


def _kind(end: End | Exit) -> tuple[object, ...]:
    return end.code, end.signal, end.reason, end.stopped


def _spool(job: Job) -> SpoolId:
    return SpoolId(job=job.id, attempt=job.attempt)
