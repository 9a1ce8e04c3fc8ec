"""Jobs started one after the other by an operator who does not give up, run by a real agent, and
witnessed by a file that neither of them knows."""

import asyncio
import contextlib
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
from grpc import aio
from tests.support.agent_process import RunningAgent, command
from tests.support.edge import Caller, Edge

from farhand_wire.v1 import account_pb2, job_pb2, runbook_pb2

#: Everything here takes seconds; a machine may be very busy with something else.
DEADLINE_SECONDS = 100.0
#: Between two jobs: what is started while nothing can be given away, has to be run in the end.
PAUSE_SECONDS = 0.05
#: Back as soon as somebody listens.
_EAGER = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 300))
FINAL = (job_pb2.JOB_STATUS_COMPLETED, job_pb2.JOB_STATUS_FAILED, job_pb2.JOB_STATUS_STOPPED)
#: Asked again after these: the outcome is open, or nobody was there.
_OPEN = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
)


class Load:
    """Use it on the loop; `accepted` are the jobs that the server has promised."""

    def __init__(self, caller: Caller, witness: Path) -> None:
        self.accepted: list[str] = []
        #: Calls without an answer.
        self.open_calls = 0
        self._news = asyncio.Event()
        self._caller = caller
        self._witness = witness

    async def publish(self) -> None:
        script = f'echo "$FARHAND_JOB_ID" >> {self._witness}\necho "I am $FARHAND_JOB_ID"\n'
        await self._insist(
            self._caller.runbooks.ImportRunbook,
            runbook_pb2.ImportRunbookRequest(
                name="load",
                type=runbook_pb2.RUNBOOK_TYPE_BASH,
                content=script.encode(),
                publish=True,
                force=True,
            ),
        )

    async def start(self) -> str:
        """One job; asked for again, with the same id, until the server says that it has it."""
        job_id = str(uuid.uuid4())
        request = job_pb2.StartJobRequest(runbook="load", run_on="demo", job_id=job_id)
        await self._insist(self._caller.jobs.StartJob, request)
        self.accepted.append(job_id)
        self._news.set()
        return job_id

    @contextlib.asynccontextmanager
    async def going(self, *, at_once: int = 2) -> AsyncIterator[None]:
        """Jobs are started meanwhile, so many at a time."""
        over = asyncio.Event()

        async def go() -> None:
            while not over.is_set():
                await self.start()
                await asyncio.sleep(PAUSE_SECONDS)

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(go())
            try:
                yield
            finally:
                over.set()

    async def more(self, jobs: int) -> None:
        """Until so many more were accepted."""
        wanted = len(self.accepted) + jobs
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(self.accepted) < wanted:
                self._news.clear()
                await self._news.wait()

    async def refused(self, calls: int) -> None:
        """Until so many more calls had no answer."""
        wanted = self.open_calls + calls
        async with asyncio.timeout(DEADLINE_SECONDS):
            while self.open_calls < wanted:
                self._news.clear()
                await self._news.wait()

    async def settle(self) -> None:
        """Until every accepted job is over; each was Completed, ran once, and said what it says."""
        for job_id in self.accepted:
            assert await self._end(job_id) == job_pb2.JOB_STATUS_COMPLETED
            assert await self._output(job_id) == f"I am {job_id}\n".encode()
        ran = Counter(self._witness.read_text().split())
        assert ran == Counter(self.accepted)

    async def _end(self, job_id: str) -> int:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                answer = await self._insist(
                    self._caller.jobs.GetJob, job_pb2.GetJobRequest(job_id=job_id)
                )
                if answer.job.status in FINAL:
                    return int(answer.job.status)
                await asyncio.sleep(0.05)

    async def _output(self, job_id: str) -> bytes:
        request = job_pb2.ReadJobOutputRequest(job_id=job_id, raw=True)
        answers = await self._caller.all(self._caller.jobs.ReadJobOutput, request)
        return b"".join(answer.output.data for answer in answers)

    async def _insist(self, method: object, request: object) -> job_pb2.GetJobResponse:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                try:
                    answer: job_pb2.GetJobResponse = await self._caller.ask(method, request)
                except aio.AioRpcError as error:
                    if error.code() not in _OPEN:
                        raise
                    self.open_calls += 1
                    self._news.set()
                    await asyncio.sleep(0.05)
                else:
                    return answer


@contextlib.asynccontextmanager
async def load(edge: Edge, root: Path) -> AsyncIterator[Load]:
    """A published runbook, and an agent of group demo that runs it."""
    async with edge.channel(options=_EAGER) as channel:
        caller = Caller(channel, edge.token)
        made = Load(caller, root / "witness")
        await made.publish()
        agent = await _agent(edge, caller, root)
        try:
            yield made
        finally:
            await agent.close()


async def _agent(edge: Edge, caller: Caller, root: Path) -> RunningAgent:
    request = account_pb2.CreateRegistrationTokenRequest(group="demo")
    token = (await caller.ask(caller.account.CreateRegistrationToken, request)).token
    done = await command(
        root,
        *("register", "--group", "demo", "--endpoint", edge.address, "--token", token),
        *("--ca", str(edge.data / "ca.pem"), "--worker-name", "w1", "--state", str(root / "w1")),
    )
    assert done.status == 0, done.stderr
    agent = await RunningAgent.start(root, root / "w1", "--slots", "4")
    while await agent.line() != "connected":
        pass
    return agent
