"""Questions of running jobs, as they come in on the stream of their worker.

A script may ask for nonsense: then it is told so, and the stream of its worker goes on.
"""

import asyncio
from typing import Any

from farhand_server.core.answers import refused
from farhand_server.core.events import ChildOf, Said
from farhand_server.errors import ProtocolViolation, Refusal
from farhand_server.model import ask, frames
from farhand_server.model.identifiers import JobId, SessionId
from farhand_server.model.job import Job
from farhand_server.rpc.backend import Backend
from farhand_server.rpc.convert import asks as convert
from farhand_server.rpc.output import Reader, Record, Wanted
from farhand_server.rpc.validate import check
from farhand_wire import limits
from farhand_wire.spool import Kind
from farhand_wire.v1 import worker_pb2


class Asking:
    """Of one session."""

    def __init__(self, session: SessionId, backend: Backend) -> None:
        self._session = session
        self._backend = backend
        self._readings: set[asyncio.Task[None]] = set()

    def hear(self, said: worker_pb2.Ask) -> None:
        """Passes it on to the rules, or answers what they need not see. Raises ProtocolViolation
        for what a runner never asks."""
        kind = said.WhichOneof("question")
        if kind is None:
            raise ProtocolViolation("an Ask without a question that is known here")
        question = getattr(said, kind)
        try:
            check(question, f"{kind}.")
        except Refusal as refusal:
            self._answer(said, refused(refusal))
            return
        if kind == "read_child":
            self._read_soon(said, question)
            return
        frame = frames.Ask(
            job=JobId(said.job_id),
            attempt=said.attempt,
            ask=said.ask_id,
            question=convert.question(kind, question),
        )
        self._backend.rules.tell(Said(session=self._session, frame=frame))

    def _read_soon(self, said: worker_pb2.Ask, question: worker_pb2.ReadChild) -> None:
        if len(self._readings) >= limits.ASKS_OPEN * limits.SLOTS_MOST:
            raise ProtocolViolation("more questions than all jobs of a worker may have open")
        reading = asyncio.get_running_loop().create_task(self._read(said, question))
        self._readings.add(reading)
        reading.add_done_callback(self._readings.discard)

    async def _read(self, said: worker_pb2.Ask, question: worker_pb2.ReadChild) -> None:
        try:
            child = await self._backend.ask(
                Job,
                lambda call: ChildOf(
                    call=call,
                    session=self._session,
                    job=JobId(said.job_id),
                    attempt=said.attempt,
                    child=JobId(question.job_id),
                ),
            )
            self._answer(said, await self._output(child, getattr(question, "from")))
        except Refusal as refusal:
            self._answer(said, refused(refusal))

    async def _output(self, child: Job, place: Any) -> ask.OutputText:
        """What is stored of its Output from there on, one piece of it."""
        attempt = place.attempt or child.attempt or 1
        wanted = Wanted(streams=frozenset({Kind.OUTPUT}))
        reader = Reader(self._backend, child.id, wanted, attempt=attempt, offset=place.offset)
        text, offset, size = "", place.offset, 0
        async for item in reader.drain():
            offset = item.next
            if isinstance(item, Record):
                text += str(item.content)
                size += len(item.content)
            if size >= limits.CHILD_OUTPUT_BYTES:
                return ask.OutputText(text=text, attempt=attempt, offset=offset, end=False)
        over = child.status.is_final and attempt >= child.attempt
        return ask.OutputText(text=text, attempt=attempt, offset=offset, end=over)

    def _answer(self, said: worker_pb2.Ask, answer: ask.Answer) -> None:
        if box := self._backend.switchboard.box(self._session):
            box.put(
                frames.Answer(
                    job=JobId(said.job_id), attempt=said.attempt, ask=said.ask_id, answer=answer
                )
            )
