"""Frames of one side as frames of the other, one to one: what the wire does, without the wire."""

from farhand_agent.core import frames as agent
from farhand_agent.core.frames import AttemptId
from farhand_server.model import frames as server
from farhand_server.model.ask import SetVariable
from farhand_server.model.identifiers import JobId, OfferId
from farhand_server.model.job import End
from farhand_server.model.output import SpoolId
from farhand_wire import limits

#: What scripts set when they ask for something.
VARIABLE = "asked"
#: The smallest window that an agent takes: so the rules of flow meet it often.
WINDOW_BYTES = limits.SPOOL_ENTRY_BYTES


def spool_id(id_: AttemptId) -> SpoolId:
    return SpoolId(job=JobId(id_.job_id), attempt=id_.attempt)


def to_agent(frame: server.ServerFrame) -> agent.ServerFrame | None:
    """None for what only joining needs."""
    match frame:
        case server.Welcome():
            return _welcome(frame)
        case server.HeartbeatAck(sequence=sequence):
            return agent.HeartbeatAck(sequence=sequence)
        case server.Offer(offer=offer, runbook_type=type_, digest=digest):
            return agent.Offer(
                offer_id=offer, runbook_type=agent.RunbookType(type_.value), digest=digest
            )
        case server.Withdraw(offer=offer):
            return agent.Withdraw(offer_id=offer)
        case server.Grant():
            return _grant(frame)
        case server.Stop(job=job, attempt=attempt, grace_ms=grace_ms):
            return agent.Stop(id=AttemptId(job, attempt), grace_ms=grace_ms)
        case server.Freeze(job=job, attempt=attempt):
            return agent.Freeze(id=AttemptId(job, attempt))
        case server.Thaw(job=job, attempt=attempt):
            return agent.Thaw(id=AttemptId(job, attempt))
        case server.OutputAck(job=job, attempt=attempt, stored=stored, durable=durable):
            return agent.OutputAck(id=AttemptId(job, attempt), stored=stored, durable=durable)
        case server.Resend(job=job, attempt=attempt, offset=offset):
            return agent.Resend(id=AttemptId(job, attempt), offset=offset)
        case server.Answer(job=job, attempt=attempt, ask=ask):
            return agent.Answer(id=AttemptId(job, attempt), ask=ask, answer=b"")
        case server.ResultAck(job=job, attempt=attempt):
            return agent.ResultAck(id=AttemptId(job, attempt))
        case server.Drain(reason=reason, retry_after_ms=retry):
            return agent.Drain(reason=reason, retry_after_ms=retry)
        case server.Goodbye(reason=reason):
            return agent.Goodbye(reason=reason)
        case _:
            return None


def _welcome(frame: server.Welcome) -> agent.Welcome:
    return agent.Welcome(
        session_number=frame.session_number,
        heartbeat_ms=frame.heartbeat_ms,
        lease_ms=frame.lease_ms,
        window_bytes=WINDOW_BYTES,
        output_frame_bytes=WINDOW_BYTES,
        verdicts=tuple(_verdict(verdict) for verdict in frame.verdicts),
    )


def _verdict(verdict: server.Verdict) -> agent.Continue | agent.Discard:
    id_ = AttemptId(verdict.job, verdict.attempt)
    if isinstance(verdict, server.Continue):
        return agent.Continue(
            id=id_, stored=verdict.stored, durable=verdict.durable, crc=verdict.crc
        )
    return agent.Discard(id=id_, reason=verdict.reason, let_run=verdict.let_run)


def _grant(frame: server.Grant) -> agent.Grant:
    return agent.Grant(
        offer_id=frame.offer,
        id=AttemptId(frame.job, frame.attempt),
        runbook=frame.runbook,
        runbook_version=frame.runbook_version,
        runbook_type=agent.RunbookType(frame.runbook_type.value),
        digest=frame.digest,
        script=frame.script,
        parameters_json=frame.parameters,
        arguments=frame.arguments,
        group=frame.group,
        stop_grace_ms=frame.stop_grace_ms,
        timeout_ms=frame.timeout_ms,
        secrets=frame.secrets,
    )


def to_server(frame: agent.AgentFrame, *, data: bytes = b"") -> server.AgentFrame:
    """Anything but Hello, which says more than the rules of a worker know."""
    match frame:
        case agent.Heartbeat(sequence=sequence, running=running):
            return server.Heartbeat(sequence=sequence, running=running)
        case agent.Accept(offer_id=offer, cached=cached):
            return server.Accept(offer=OfferId(offer), cached=cached)
        case agent.Reject(offer_id=offer, reason=reason, for_now=for_now):
            return server.Reject(offer=OfferId(offer), reason=reason, for_now=for_now)
        case agent.Started(id=id_):
            return server.Started(job=JobId(id_.job_id), attempt=id_.attempt)
        case agent.NotStarted(id=id_, reason=reason):
            return server.NotStarted(job=JobId(id_.job_id), attempt=id_.attempt, reason=reason)
        case agent.Frozen(id=id_):
            return server.Frozen(job=JobId(id_.job_id), attempt=id_.attempt)
        case agent.Thawed(id=id_):
            return server.Thawed(job=JobId(id_.job_id), attempt=id_.attempt)
        case agent.Output(id=id_, offset=offset):
            return server.Output(
                job=JobId(id_.job_id), attempt=id_.attempt, offset=offset, data=data
            )
        case agent.Result(id=id_, exit=exit_, size=size, crc=crc):
            end = End(
                code=exit_.code,
                signal=exit_.signal,
                reason=exit_.reason,
                stopped=exit_.stopped,
                lost=exit_.lost,
            )
            return server.Result(
                job=JobId(id_.job_id), attempt=id_.attempt, end=end, size=size, crc=crc
            )
        case agent.Ask(id=id_, ask=ask):
            question = SetVariable(name=VARIABLE, value=ask)
            return server.Ask(
                job=JobId(id_.job_id), attempt=id_.attempt, ask=ask, question=question
            )
        case agent.Drain(reason=reason):
            return server.Drain(reason=reason)
        case agent.Goodbye(reason=reason):
            return server.Goodbye(reason=reason)
        case other:
            raise AssertionError(f"{type(other).__name__} does not go this way")


def journal_entry(entry: agent.JournalEntry) -> server.JournalEntry:
    return server.JournalEntry(
        job=JobId(entry.id.job_id),
        attempt=entry.id.attempt,
        phase=entry.phase.value,
        size=entry.size,
    )
