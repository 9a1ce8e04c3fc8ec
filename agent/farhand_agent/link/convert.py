"""Wire frames and the values of the rules: the one file that knows both."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from farhand_agent.core import frames
from farhand_agent.core.frames import AttemptId, Phase, RunbookType
from farhand_agent.link import asks
from farhand_wire.v1 import job_pb2, runbook_pb2, worker_pb2

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

TYPES = {
    RunbookType.BASH: runbook_pb2.RUNBOOK_TYPE_BASH,
    RunbookType.PYTHON: runbook_pb2.RUNBOOK_TYPE_PYTHON,
    RunbookType.POWERSHELL: runbook_pb2.RUNBOOK_TYPE_POWERSHELL,
}
_TYPE_OF = {wire: known for known, wire in TYPES.items()}

_PHASES = {
    Phase.RUNNING: worker_pb2.ATTEMPT_PHASE_RUNNING,
    Phase.EXITED: worker_pb2.ATTEMPT_PHASE_EXITED,
    Phase.VOID: worker_pb2.ATTEMPT_PHASE_VOID,
    Phase.FROZEN: worker_pb2.ATTEMPT_PHASE_FROZEN,
}


class BadFrame(Exception):
    """A frame that says nothing, or something that cannot be."""


# ---- to the server -------------------------------------------------------------------------


def agent_frame(frame: frames.AgentFrame, *, load: float, data: bytes) -> worker_pb2.AgentFrame:
    """A frame for the wire; `data` are the bytes of an Output."""
    match frame:
        case frames.Output(id=id_, offset=offset):
            output = worker_pb2.Output(
                job_id=id_.job_id, attempt=id_.attempt, offset=offset, data=data
            )
            return worker_pb2.AgentFrame(output=output)
        case frames.Heartbeat(sequence=sequence, running=running):
            heartbeat = worker_pb2.Heartbeat(sequence=sequence, running=running, load=load)
            return worker_pb2.AgentFrame(heartbeat=heartbeat)
        case frames.Started(id=id_):
            started = worker_pb2.Started(job_id=id_.job_id, attempt=id_.attempt)
            return worker_pb2.AgentFrame(started=started)
        case frames.Result():
            return worker_pb2.AgentFrame(result=_result(frame))
        case frames.NotStarted(id=id_, reason=reason):
            void = worker_pb2.NotStarted(job_id=id_.job_id, attempt=id_.attempt, reason=reason)
            return worker_pb2.AgentFrame(not_started=void)
        case frames.Frozen(id=id_):
            frozen = worker_pb2.Frozen(job_id=id_.job_id, attempt=id_.attempt)
            return worker_pb2.AgentFrame(frozen=frozen)
        case frames.Thawed(id=id_):
            thawed = worker_pb2.Thawed(job_id=id_.job_id, attempt=id_.attempt)
            return worker_pb2.AgentFrame(thawed=thawed)
        case frames.Accept(offer_id=offer, cached=cached):
            return worker_pb2.AgentFrame(accept=worker_pb2.Accept(offer_id=offer, cached=cached))
        case frames.Reject(offer_id=offer, reason=reason, for_now=for_now):
            reject = worker_pb2.Reject(offer_id=offer, reason=reason, for_now=for_now)
            return worker_pb2.AgentFrame(reject=reject)
        case frames.Ask(id=id_, ask=ask, question=question):
            asked = worker_pb2.Ask.FromString(question)
            asked.job_id, asked.attempt, asked.ask_id = id_.job_id, id_.attempt, ask
            return worker_pb2.AgentFrame(ask=asked)
        case frames.Drain(reason=reason):
            return worker_pb2.AgentFrame(drain=worker_pb2.Drain(reason=reason))
        case frames.Goodbye(reason=reason):
            return goodbye(reason)
    raise TypeError(f"{type(frame).__name__} needs more than the rules know")


def goodbye(reason: str) -> worker_pb2.AgentFrame:
    return worker_pb2.AgentFrame(goodbye=worker_pb2.Goodbye(reason=reason))


def journal(entries: Sequence[frames.JournalEntry]) -> list[worker_pb2.JournalEntry]:
    return [
        worker_pb2.JournalEntry(
            job_id=entry.id.job_id,
            attempt=entry.id.attempt,
            phase=_PHASES[entry.phase],
            size=entry.size,
        )
        for entry in entries
    ]


def _result(result: frames.Result) -> worker_pb2.Result:
    exit_ = result.exit
    return worker_pb2.Result(
        job_id=result.id.job_id,
        attempt=result.id.attempt,
        exit=job_pb2.Exit(
            code=exit_.code,
            signal=exit_.signal,
            reason=exit_.reason,
            stopped=exit_.stopped,
            lost=exit_.lost,
        ),
        size=result.size,
        crc=result.crc,
    )


# ---- from the server -----------------------------------------------------------------------


def server_frame(frame: worker_pb2.ServerFrame) -> frames.ServerFrame:
    """What the server said. Raises BadFrame."""
    kind = frame.WhichOneof("frame")
    if kind is None or kind not in _READERS:
        raise BadFrame(f"the server sent {kind or 'a frame that says nothing'} here")
    value: frames.ServerFrame = _READERS[kind](getattr(frame, kind))
    return value


def _id(message: Any) -> AttemptId:
    """Ids become names of folders, so nothing else gets past here."""
    if not _UUID.fullmatch(message.job_id) or message.attempt < 1:
        raise BadFrame("a job id must be a UUID in lower case, an attempt a number from 1")
    return AttemptId(message.job_id, message.attempt)


def _welcome(message: worker_pb2.Welcome) -> frames.Welcome:
    return frames.Welcome(
        session_number=message.session_number,
        heartbeat_ms=message.heartbeat_ms,
        lease_ms=message.lease_ms,
        window_bytes=message.window_bytes,
        output_frame_bytes=message.output_frame_bytes,
        verdicts=tuple(map(_verdict, message.verdicts)),
    )


def _verdict(message: worker_pb2.Verdict) -> frames.Continue | frames.Discard:
    match message.WhichOneof("order"):
        case "continue":
            order = getattr(message, "continue")
            return frames.Continue(
                id=_id(message), stored=order.stored, durable=order.durable, crc=order.crc
            )
        case "discard":
            order = message.discard
            return frames.Discard(id=_id(message), reason=order.reason, let_run=order.let_run)
    raise BadFrame("a verdict without an order")


def _grant(message: worker_pb2.Grant) -> frames.Grant:
    return frames.Grant(
        offer_id=message.offer_id,
        id=_id(message),
        runbook=message.runbook,
        runbook_version=message.runbook_version,
        runbook_type=_TYPE_OF.get(message.runbook_type),
        digest=message.runbook_digest,
        script=message.script if message.HasField("script") else None,
        parameters_json=message.parameters_json,
        arguments=tuple(message.arguments),
        group=message.group,
        stop_grace_ms=message.stop_grace_ms,
        timeout_ms=message.timeout_ms,
        secrets=tuple(message.secrets),
        run_as=message.run_as,
    )


_READERS: dict[str, Callable[[Any], frames.ServerFrame]] = {
    "welcome": _welcome,
    "heartbeat_ack": lambda m: frames.HeartbeatAck(sequence=m.sequence),
    "offer": lambda m: frames.Offer(
        offer_id=m.offer_id,
        runbook_type=_TYPE_OF.get(m.runbook_type),
        digest=m.runbook_digest,
        run_as=m.run_as,
    ),
    "withdraw": lambda m: frames.Withdraw(offer_id=m.offer_id),
    "grant": _grant,
    "stop": lambda m: frames.Stop(id=_id(m), grace_ms=m.grace_ms),
    "freeze": lambda m: frames.Freeze(id=_id(m)),
    "thaw": lambda m: frames.Thaw(id=_id(m)),
    "output_ack": lambda m: frames.OutputAck(id=_id(m), stored=m.stored, durable=m.durable),
    "resend": lambda m: frames.Resend(id=_id(m), offset=m.offset),
    "answer": lambda m: frames.Answer(id=_id(m), ask=m.ask_id, answer=asks.answer(m)),
    "result_ack": lambda m: frames.ResultAck(id=_id(m)),
    "drain": lambda m: frames.Drain(reason=m.reason, retry_after_ms=m.retry_after_ms),
    "goodbye": lambda m: frames.Goodbye(reason=m.reason),
}
