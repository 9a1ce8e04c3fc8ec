"""A day in a small deployment whose state lies in a real database: every kind of write is made."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support import samples
from tests.support.samples import job_id
from tests.support.sqlite_world import COMMIT, Faults, SqliteRows
from tests.support.world.host import FakeHost
from tests.support.world.rows import GROUP, KEY, OPERATOR
from tests.support.world.translation import VARIABLE
from tests.support.world.world import World

from farhand_server.core import Patience
from farhand_server.core import events as on
from farhand_server.core.events import CallId, Event
from farhand_server.errors import ShuttingDown
from farhand_server.model.asset import AssetKind
from farhand_server.model.clock import UnixMs
from farhand_server.model.job import Job, JobStatus
from farhand_server.model.runbook import Delivery, RunbookType
from farhand_server.store import sqlite
from farhand_server.store.sqlite.connection import open_reader

#: Where a file needs no disk, if there is such a place: thousands of commits are made here.
MEMORY = Path("/dev/shm")
#: A read that fails has done nothing, whether it was done or not.
WRITES = ("add_", "save_", "swap_", "end_", "note_", "delete_", "set_aside", "release", COMMIT)


@contextmanager
def world_with(faults: Faults, kind: type[World] = World) -> Iterator[tuple[World, Path]]:
    """A new world on a new database."""
    where = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as folder:
        state = SqliteRows(Path(folder), faults)
        try:
            yield kind(patience=Patience(warm=1.0), state=state), Path(folder)
        finally:
            state.close()


class Life:
    """What happens in a small deployment in a day."""

    def __init__(self, world: World, state: Path) -> None:
        self._world = world
        self._state = state
        self._number = 0

    def run(self) -> None:
        self._catalogue()
        self._account()
        waiting = self._start()
        host = self._host()
        self._ends(waiting, host)
        self._ends(self._runs(host), host)
        self._outlives_a_server(host)
        self._asks(host)
        self._is_stopped(host)
        self._dies(host)
        self._is_tested(host)
        self._is_restored(host)
        self._insist(
            lambda call: on.DeleteWorker(call=call, by=OPERATOR, name=host.name, force=True)
        )
        self._world.removed.add(host.worker)  # type: ignore[arg-type]
        self._host()

    # --- operators --------------------------------------------------------------------------

    def _insist(self, make: Callable[[CallId], Event]) -> object:
        """Asks until there is an answer; the same question twice must do no harm."""
        for _ in range(4):
            answers: list[object] = []
            assert self._world.server is not None
            self._world.server.ask(make, answers.append)
            self._pass(0)
            if answers and not isinstance(answers[0], ShuttingDown):
                return answers[0]
            self._pass(1_000)
        raise AssertionError("never answered")

    def _catalogue(self) -> None:
        script = samples.SCRIPT
        steps: list[Callable[[CallId], Event]] = [
            lambda call: on.ImportRunbook(
                call=call,
                by=OPERATOR,
                name="spare",
                type=RunbookType.BASH,
                digest=samples.sha256(script),
                script=script,
                force=True,
            ),
            lambda call: on.PublishRunbook(call=call, by=OPERATOR, name="spare"),
            lambda call: on.RollbackRunbook(call=call, by=OPERATOR, name="spare", version=1),
            lambda call: on.UpdateRunbook(
                call=call, by=OPERATOR, name="spare", fields=frozenset({"timeout"}), timeout=9
            ),
            lambda call: on.DeleteRunbook(call=call, by=OPERATOR, name="spare"),
            lambda call: on.CreateAsset(
                call=call, by=OPERATOR, kind=AssetKind.CREDENTIAL, name="spare", secrets={"p": "q"}
            ),
            lambda call: on.UpdateAsset(
                call=call, by=OPERATOR, kind=AssetKind.CREDENTIAL, name="spare", values={"u": 1}
            ),
            lambda call: on.CreateGroup(call=call, by=OPERATOR, name="spare"),
            lambda call: on.UpdateGroup(call=call, by=OPERATOR, name="spare", run_as="spare"),
            lambda call: on.UpdateGroup(call=call, by=OPERATOR, name="spare", run_as=""),
            lambda call: on.DeleteAsset(
                call=call, by=OPERATOR, kind=AssetKind.CREDENTIAL, name="spare"
            ),
            lambda call: on.DeleteGroup(call=call, by=OPERATOR, name="spare"),
        ]
        for step in steps:
            self._insist(step)

    def _account(self) -> None:
        token = samples.token(account=GROUP.account, group_name=GROUP.name)
        delivery = Delivery.AT_MOST_ONCE
        self._insist(lambda call: on.UpdateAccount(call=call, by=OPERATOR, delivery=delivery))
        self._insist(lambda call: on.ReplaceAccountKey(call=call, by=OPERATOR, key=KEY))
        self._insist(lambda call: on.CreateRegistrationToken(call=call, by=OPERATOR, token=token))
        self._insist(
            lambda call: on.RevokeRegistrationToken(call=call, by=OPERATOR, token=token.id)
        )

    def _start(self, *, test: bool = False) -> Job:
        self._number += 1
        job = self._insist(
            lambda call: on.StartJob(
                call=call,
                by=OPERATOR,
                job=job_id(self._number),
                runbook=RunbookType.BASH.value,
                run_on=GROUP.name,
                parameters="{}",
                arguments=(),
                test=test,
            )
        )
        assert isinstance(job, Job)
        return job

    # --- hosts and their jobs ---------------------------------------------------------------

    def _host(self) -> FakeHost:
        host = self._world.add_host()
        while host.worker is None:
            self._world.join(host)
            self._pass(100)
        self._world.start_agent(host)
        self._until(lambda: self._world.links[host].ready)
        return host

    def _runs(self, host: FakeHost) -> Job:
        job = self._start()
        self._until(lambda: bool(host.running()))
        host.print(host.running()[0], b"hello\n")
        self._pass(100)
        return job

    def _ends(self, job: Job, host: FakeHost) -> None:
        self._until(lambda: bool(host.running()))
        host.exit(host.running()[0])
        self._is(job, JobStatus.COMPLETED)

    def _outlives_a_server(self, host: FakeHost) -> None:
        job = self._runs(host)
        self._world.kill_server()
        self._world.start_server()
        self._ends(job, host)

    def _asks(self, host: FakeHost) -> None:
        """Its script sets a variable, and then somebody else does."""
        named: dict[str, Any] = {"by": OPERATOR, "kind": AssetKind.VARIABLE, "name": VARIABLE}
        self._insist(lambda call: on.CreateAsset(call=call, **named, values={"value": 0}))
        job = self._runs(host)
        sandbox = host.running()[0]
        for number in range(1, 3):
            host.ask(sandbox)
            self._until(lambda: len(sandbox.answered) == sandbox.asked)
            self._insist(lambda call: on.UpdateAsset(call=call, **named, values={"value": 0}))
            with closing(open_reader(self._state)) as connection:
                (written,) = connection.execute("SELECT count(*) FROM asset_reads").fetchone()
            assert written == number
        self._ends(job, host)
        self._insist(lambda call: on.DeleteAsset(call=call, **named))

    def _is_stopped(self, host: FakeHost) -> None:
        job = self._runs(host)
        self._insist(lambda call: on.StopJob(call=call, by=OPERATOR, job=job.id))
        self._until(lambda: host.running()[0].stopping)
        host.exit(host.running()[0], code=None, signal=15)
        self._is(job, JobStatus.STOPPED)

    def _dies(self, host: FakeHost) -> None:
        """Its host is switched off: nobody knows how it ended, and a person decides."""
        job = self._runs(host)
        self._world.reboot(host)
        self._world.start_agent(host)
        self._is(job, JobStatus.SUSPENDED)
        self._insist(
            lambda call: on.ForceCloseJob(call=call, by=OPERATOR, job=job.id, reason="given up")
        )
        self._is(job, JobStatus.FAILED)

    def _is_tested(self, host: FakeHost) -> None:
        """The second test takes the first one away."""
        first = self._start(test=True)
        self._ends(first, host)
        self._ends(self._start(test=True), host)
        self._until(lambda: first.id not in self._world.state.tables.jobs)

    def _is_restored(self, host: FakeHost) -> None:
        """A member that will not come back is waited for, until a person has decided."""
        gone = self._world.add_host()
        while gone.worker is None:
            self._world.join(gone)
            self._pass(100)
        self._world.kill_server()
        sqlite.mark_restored(self._state, UnixMs(self._world.clock.unix_ms()))
        self._world.start_server()
        job = self._start()
        self._until(lambda: self._world.links[host].ready)
        self._insist(lambda call: on.ReleaseDispatch(call=call, by=OPERATOR))
        self._ends(job, host)
        self._world.start_agent(gone)

    def _is(self, job: Job, status: JobStatus) -> None:
        self._until(lambda: self._world.state.tables.jobs[job.id].status is status)

    def _until(self, holds: Callable[[], bool]) -> None:
        for _ in range(400):
            self._pass(0)
            if holds():
                return
            self._pass(500)
        raise AssertionError("it never comes to that")

    def _pass(self, ms: int) -> None:
        self._world.tick(ms)
        self._world.flow()
        self._world.check()


def halves(state: Path) -> list[tuple[object, ...]]:
    """Rows that were written by a transaction of which other rows were not."""
    with closing(open_reader(state)) as connection:
        found = connection.execute(
            "SELECT 'no attempt of', id FROM jobs WHERE attempt > 0 AND NOT EXISTS "
            "(SELECT 1 FROM attempts WHERE job = jobs.id AND attempt = jobs.attempt) "
            "UNION ALL SELECT 'no end of', job FROM attempts JOIN jobs ON jobs.id = job "
            "WHERE jobs.status IN (3, 4, 5) AND attempts.ended IS NULL "
            "UNION ALL SELECT 'no version of', name FROM runbooks WHERE published_version <> "
            "(SELECT count(*) FROM runbook_versions WHERE runbook = runbooks.id)"
        )
        return [tuple(row) for row in found]
