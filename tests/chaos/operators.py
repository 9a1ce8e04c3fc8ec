"""People at work: they start jobs, watch, follow and stop them, and write down what they saw."""

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from pathlib import Path
from typing import Any

import grpc
from tests.chaos.client import Client, status_of
from tests.chaos.history import Command, JobHistory, Seen
from tests.chaos.plan import Plan, Submission
from tests.chaos.runbooks import PARAMETERS
from tests.chaos.stage import GROUP
from tests.chaos.witness import now

from farhand_agent.core import effects
from farhand_server.model.job import JobStatus
from farhand_wire.v1 import job_pb2

#: A follower that hears nothing for so long calls again.
SILENCE_SECONDS = 30.0
LOOK_SECONDS = 0.1
#: Looks in a row at which every job was at rest, before nothing more is expected.
REST_LOOKS = 50


class Operators:
    """Does what the plan says of jobs; each job has a history, each history somebody who looks."""

    def __init__(
        self, plan: Plan, client: Client, *, witness: Path, farhand: list[str], env: dict[str, str]
    ) -> None:
        self.histories: dict[str, JobHistory] = {}
        #: What nobody should have been answered.
        self.complaints: list[str] = []
        self.client = client
        self._plan = plan
        self._witness = witness
        self._farhand = farhand
        self._env = env | {
            "FARHAND_SERVER": client.endpoint,
            "FARHAND_CA": str(client.ca),
            "FARHAND_TOKEN": client.token,
        }
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit_all(self) -> None:
        """Starts every job of the plan at its time; returns when the last one was begun."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for submission in self._plan.submissions:
            await asyncio.sleep(begun + submission.at - loop.time())
            self.begin(submission)

    def begin(self, submission: Submission) -> JobHistory:
        """Starts a job now; what is seen of it goes into its history."""
        history = JobHistory(job=submission.job, task=submission.task, sent=now())
        self.histories[submission.job] = history
        self._spawn(self._attend(submission, history))
        return history

    async def finish(self, seconds: float, *, all_online: Callable[[], bool]) -> None:
        """Until every job has come to rest and everybody has seen it, at most so long."""
        until, rested = now() + seconds, 0
        while rested < REST_LOOKS and now() < until and not all(t.done() for t in self._tasks):
            # A job that is Suspended may be taken up again by a worker that returns.
            rested = rested + 1 if all_online() and self._is_at_rest() else 0
            await asyncio.sleep(LOOK_SECONDS)
        await self.leave()

    async def leave(self) -> None:
        """They all go home, whatever they wait for."""
        for task in self._tasks:
            task.cancel()
        for done in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(done, Exception):
                self.complaints.append(f"an operator met {done!r}")
        self._tasks.clear()

    @property
    def open(self) -> list[str]:
        """Jobs that were answered and whose end nobody has seen yet."""
        return [h.job for h in self.histories.values() if h.acknowledged and h.first_final is None]

    def _is_at_rest(self) -> bool:
        return all(
            history.seen and (history.first_final or history.seen[-1].status is JobStatus.SUSPENDED)
            for history in self.histories.values()
        )

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)

    async def _attend(self, submission: Submission, history: JobHistory) -> None:
        chance = random.Random(f"{self._plan.seed} {submission.job}")
        await self._start(history, chance)
        if submission.is_followed:
            history.followed = defaultdict(bytearray)
            self._spawn(self._follow(history, chance))
        if submission.has_command:
            self._spawn(self._command(history, chance))
        if submission.stop_after is not None:
            self._spawn(self._stop(history, submission.stop_after, chance))
        if submission.suspend_after is not None and agents_can_freeze():
            self._spawn(self._suspend(history, submission, chance))
        await self._watch(history, chance)

    async def _start(self, history: JobHistory, chance: random.Random) -> None:
        """Again with the same id until it is answered: that is one job."""
        request = job_pb2.StartJobRequest(
            runbook=history.task.runbook.name,
            run_on=GROUP,
            job_id=history.job,
            parameter_order=PARAMETERS,
        )
        request.parameters.update(history.task.arguments(str(self._witness)))
        job = await self.client.again(
            lambda: self.client.start(request), chance, until=float("inf")
        )
        history.acknowledged = now()
        self._saw(history, job)

    async def _watch(self, history: JobHistory, chance: random.Random) -> None:
        """Until it is final, through every cut."""
        while history.first_final is None:
            async for answer in self._stream(history, self.client.watch(history.job)):
                self._saw(history, answer.job)
            await asyncio.sleep(chance.uniform(0.05, 0.5))

    async def _follow(self, history: JobHistory, chance: random.Random) -> None:
        """Reads on from where it was, and hangs up after a moment, again and again."""
        place: job_pb2.OutputPosition | None = None
        is_over = False
        assert history.followed is not None
        while not is_over:
            call = self.client.follow(history.job, place)
            history.reconnects += 1
            final = False
            async for item in self._stream(history, call, most=chance.uniform(0.1, 3.0)):
                if item.HasField("output"):
                    place = item.output.next
                    where = (max(place.attempt, 1), int(item.output.stream))
                    history.followed[where] += item.output.data
                elif item.HasField("omitted"):
                    history.omitted += 1
                else:
                    final = status_of(item.status).is_final
            # A final job comes first as well as last: only a proper end means that all was read.
            is_over = final and call.done() and await call.code() is grpc.StatusCode.OK
            await asyncio.sleep(chance.uniform(0.0, 0.2))

    async def _stop(self, history: JobHistory, after: float, chance: random.Random) -> None:
        await asyncio.sleep(after)
        history.stop_sent = now()
        # It may have ended before.
        await self._granted(lambda: self.client.stop(history.job), chance)

    async def _suspend(
        self, history: JobHistory, submission: Submission, chance: random.Random
    ) -> None:
        """Lets it stand still for a while, if it runs by then."""
        assert submission.suspend_after is not None
        await asyncio.sleep(submission.suspend_after)
        if not await self._granted(lambda: self.client.suspend(history.job), chance):
            return
        await asyncio.sleep(submission.suspended_for)
        history.resume_sent = now()
        # While its worker is away nobody can resume it.
        while history.first_final is None:
            if await self._granted(lambda: self.client.resume(history.job), chance):
                history.resumes += 1
                return
            await asyncio.sleep(chance.uniform(0.5, 1.0))

    async def _granted(
        self, call: Callable[[], Coroutine[Any, Any, None]], chance: random.Random
    ) -> bool:
        """Asks until there is an answer; False: the job is not in a state for it."""
        try:
            await self.client.again(call, chance, until=float("inf"))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise
            return False
        return True

    async def _command(self, history: JobHistory, chance: random.Random) -> None:
        """As often as it finds nobody at its first call; from then on it must not give up."""
        while (done := await self._run_command(history.job)).code == 1 and not done.output:
            if "error:" not in done.error:
                break
            await asyncio.sleep(chance.uniform(0.1, 1.0))
        history.command = done

    async def _run_command(self, job: str) -> Command:
        process = await asyncio.create_subprocess_exec(
            *self._farhand, "job", "follow", job, "--from-start",
            env=self._env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            output, error = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode is not None
        return Command(code=process.returncode, output=output, error=error.decode()[-600:])

    async def _stream(
        self, history: JobHistory, call: Any, *, most: float = float("inf")
    ) -> AsyncIterator[Any]:
        """What it sends until it ends, is cut, falls silent, or has taken `most` seconds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + most
        try:
            while True:
                async with asyncio.timeout_at(min(until, loop.time() + SILENCE_SECONDS)):
                    item = await call.read()
                if item is grpc.aio.EOF:
                    return
                yield item
        except TimeoutError:
            return
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                history.unknown.append(now())
            elif not self.client.passes(error):
                raise
        finally:
            call.cancel()

    def _saw(self, history: JobHistory, job: job_pb2.Job) -> None:
        seen = Seen(
            at=now(),
            status=status_of(job),
            attempt=job.attempt,
            is_frozen=job.suspension == job_pb2.SUSPENSION_FROZEN,
        )
        if seen.status is JobStatus.STOPPED and history.first_final is None:
            history.survivors = list(survivors({history.job}).values())
        history.seen.append(seen)


def agents_can_freeze() -> bool:
    """Whether the agents that are installed here know how."""
    return hasattr(effects, "FreezeRunner")


def survivors(jobs: Collection[str]) -> dict[int, str]:
    """Living processes that have one of these jobs in their environment: number and name."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdecimal():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as environ:
                variables = environ.read().split(b"\0")
            job = next((v[15:] for v in variables if v.startswith(b"FARHAND_JOB_ID=")), b"")
            if job.decode() in jobs:
                with open(f"/proc/{entry}/comm") as comm:
                    found[int(entry)] = f"{comm.read().strip()} of {job.decode()}"
        except OSError:
            continue
    return found
