"""What a worker says: frames of its stream as model values."""

from collections.abc import Callable, Iterator
from typing import Any

from farhand_server.model import frames
from farhand_server.model.identifiers import JobId, OfferId, WorkerId
from farhand_server.model.job import End
from farhand_server.model.runbook import RunbookType
from farhand_server.model.worker import Facts, Interpreter
from farhand_server.rpc.convert import runbooks
from farhand_server.rpc.convert.words import fact, sentence
from farhand_wire.v1 import job_pb2, worker_pb2

_PHASES: dict[worker_pb2.AttemptPhase, str] = {
    worker_pb2.ATTEMPT_PHASE_RUNNING: "running",
    worker_pb2.ATTEMPT_PHASE_EXITED: "exited",
    worker_pb2.ATTEMPT_PHASE_VOID: "void",
    worker_pb2.ATTEMPT_PHASE_FROZEN: "frozen",
}


def facts(said: worker_pb2.Facts) -> Facts:
    return Facts(
        host_name=fact(said.host_name),
        machine_id=fact(said.machine_id),
        os=fact(said.os),
        architecture=fact(said.architecture),
        agent_version=fact(said.agent_version),
        runbook_types=runbooks.known_types(list(said.runbook_types)),
        interpreters=tuple(_interpreters(said)),
    )


def _interpreters(said: worker_pb2.Facts) -> Iterator[Interpreter]:
    """One a type, whatever a worker says."""
    for type_ in RunbookType:
        for each in said.interpreters:
            if each.runbook_type == runbooks.wire_type(type_):
                yield Interpreter(type=type_, path=fact(each.path), version=fact(each.version))
                break


def register(said: worker_pb2.Register, *, token_hash: str) -> frames.Register:
    """The secret itself stops here."""
    return frames.Register(
        token_hash=token_hash,
        group=said.group,
        worker_name=said.worker_name,
        public_key=said.public_key,
        facts=facts(said.facts),
        replace=said.replace,
    )


def hello(said: worker_pb2.Hello) -> frames.Hello:
    return frames.Hello(
        worker=WorkerId(said.worker_id),
        session_number=said.session_number,
        boot_id=fact(said.boot_id),
        journal_id=said.journal_id,
        instance=fact(said.instance),
        facts=facts(said.facts),
        slots=said.slots,
        journal=tuple(
            frames.JournalEntry(
                job=JobId(entry.job_id),
                attempt=entry.attempt,
                phase=_PHASES[entry.phase],
                size=entry.size,
            )
            for entry in said.journal
        ),
    )


def output(said: worker_pb2.Output) -> frames.Output:
    return frames.Output(
        job=JobId(said.job_id), attempt=said.attempt, offset=said.offset, data=said.data
    )


def result(said: worker_pb2.Result) -> frames.Result:
    return frames.Result(
        job=JobId(said.job_id),
        attempt=said.attempt,
        end=_end(said.exit),
        size=said.size,
        crc=said.crc,
    )


def _end(exit_: job_pb2.Exit) -> End:
    match exit_.WhichOneof("how"):
        case "code":
            return End(code=exit_.code, stopped=exit_.stopped)
        case "signal":
            return End(signal=exit_.signal, stopped=exit_.stopped)
    return End(reason=sentence(exit_.reason), stopped=exit_.stopped, lost=exit_.lost)


_SAID: dict[str, Callable[[Any], frames.AgentFrame]] = {
    "heartbeat": lambda said: frames.Heartbeat(sequence=said.sequence, running=said.running),
    "accept": lambda said: frames.Accept(offer=OfferId(said.offer_id), cached=said.cached),
    "reject": lambda said: frames.Reject(
        offer=OfferId(said.offer_id), reason=sentence(said.reason), for_now=said.for_now
    ),
    "started": lambda said: frames.Started(job=JobId(said.job_id), attempt=said.attempt),
    "not_started": lambda said: frames.NotStarted(
        job=JobId(said.job_id), attempt=said.attempt, reason=sentence(said.reason)
    ),
    "frozen": lambda said: frames.Frozen(job=JobId(said.job_id), attempt=said.attempt),
    "thawed": lambda said: frames.Thawed(job=JobId(said.job_id), attempt=said.attempt),
    "output": output,
    "result": result,
    "drain": lambda said: frames.Drain(reason=sentence(said.reason)),
    "leave": lambda said: frames.Leave(force=said.force),
    "goodbye": lambda said: frames.Goodbye(reason=sentence(said.reason)),
}


def model(kind: str, message: Any) -> frames.AgentFrame | None:
    """A frame of an open session; None if it is not one."""
    convert = _SAID.get(kind)
    return None if convert is None else convert(message)
