"""What the server says: model frames as messages of the stream."""

from collections.abc import Iterable, Iterator

from farhand_server.model import frames
from farhand_server.rpc.convert import asks, runbooks
from farhand_wire import limits
from farhand_wire.v1 import worker_pb2

#: A frame's tag and length in its message.
FRAME_OVERHEAD = 8


def _verdict(verdict: frames.Verdict) -> worker_pb2.Verdict:
    wire = worker_pb2.Verdict(job_id=verdict.job, attempt=verdict.attempt)
    match verdict:
        case frames.Continue(stored=stored, durable=durable, crc=crc):
            order = worker_pb2.Continue(stored=stored, durable=durable, crc=crc)
            # A keyword of Python: the field cannot be named directly.
            getattr(wire, "continue").CopyFrom(order)
        case frames.Discard(reason=reason, let_run=let_run):
            wire.discard.CopyFrom(worker_pb2.Discard(reason=reason, let_run=let_run))
    return wire


def _welcome(frame: frames.Welcome) -> worker_pb2.ServerFrame:
    return worker_pb2.ServerFrame(
        welcome=worker_pb2.Welcome(
            session_number=frame.session_number,
            server_time_ms=frame.server_time_ms,
            heartbeat_ms=frame.heartbeat_ms,
            lease_ms=frame.lease_ms,
            window_bytes=limits.WINDOW_BYTES,
            output_frame_bytes=limits.OUTPUT_FRAME_BYTES,
            verdicts=[_verdict(verdict) for verdict in frame.verdicts],
            session_token=frame.session_token,
        )
    )


def _grant(frame: frames.Grant) -> worker_pb2.ServerFrame:
    return worker_pb2.ServerFrame(
        grant=worker_pb2.Grant(
            offer_id=frame.offer,
            job_id=frame.job,
            attempt=frame.attempt,
            runbook=frame.runbook,
            runbook_version=frame.runbook_version,
            runbook_type=runbooks.wire_type(frame.runbook_type),
            runbook_digest=frame.digest,
            script=frame.script,
            parameters_json=frame.parameters,
            arguments=frame.arguments,
            group=frame.group,
            stop_grace_ms=frame.stop_grace_ms,
            timeout_ms=frame.timeout_ms,
            secrets=frame.secrets,
            run_as=frame.run_as,
        )
    )


def _offer(frame: frames.Offer) -> worker_pb2.ServerFrame:
    return worker_pb2.ServerFrame(
        offer=worker_pb2.Offer(
            offer_id=frame.offer,
            job_id=frame.job,
            runbook_type=runbooks.wire_type(frame.runbook_type),
            runbook_digest=frame.digest,
            runbook_size=frame.size,
            run_as=frame.run_as,
        )
    )


def _answer(frame: frames.Answer) -> worker_pb2.ServerFrame:
    answer = asks.wire(frame.answer)
    answer.job_id, answer.attempt, answer.ask_id = frame.job, frame.attempt, frame.ask
    return worker_pb2.ServerFrame(answer=answer)


def wire(frame: frames.ServerFrame) -> worker_pb2.ServerFrame:
    """A frame for the stream."""
    made = worker_pb2.ServerFrame
    match frame:
        case frames.OutputAck(job=job, attempt=attempt, stored=stored, durable=durable):
            return made(
                output_ack=worker_pb2.OutputAck(
                    job_id=job, attempt=attempt, stored=stored, durable=durable
                )
            )
        case frames.ResultAck(job=job, attempt=attempt):
            return made(result_ack=worker_pb2.ResultAck(job_id=job, attempt=attempt))
        case frames.HeartbeatAck(sequence=sequence, server_time_ms=now):
            return made(
                heartbeat_ack=worker_pb2.HeartbeatAck(sequence=sequence, server_time_ms=now)
            )
        case frames.Offer():
            return _offer(frame)
        case frames.Grant():
            return _grant(frame)
        case frames.Withdraw(offer=offer):
            return made(withdraw=worker_pb2.Withdraw(offer_id=offer))
        case frames.Stop(job=job, attempt=attempt, grace_ms=grace):
            return made(stop=worker_pb2.Stop(job_id=job, attempt=attempt, grace_ms=grace))
        case frames.Resend(job=job, attempt=attempt, offset=offset):
            return made(resend=worker_pb2.Resend(job_id=job, attempt=attempt, offset=offset))
        case frames.Answer():
            return _answer(frame)
        case _:
            return _rare(frame)


def _rare(frame: frames.ServerFrame) -> worker_pb2.ServerFrame:
    made = worker_pb2.ServerFrame
    match frame:
        case frames.Challenge(server_nonce=nonce, deployment=deployment, session=session):
            return made(
                challenge=worker_pb2.Challenge(
                    server_nonce=nonce, deployment_id=deployment, session_id=session
                )
            )
        case frames.Registered():
            return made(
                registered=worker_pb2.Registered(
                    worker_id=frame.worker,
                    worker_name=frame.worker_name,
                    group=frame.group,
                    account=frame.account,
                )
            )
        case frames.Welcome():
            return _welcome(frame)
        case frames.Freeze(job=job, attempt=attempt):
            return made(freeze=worker_pb2.Freeze(job_id=job, attempt=attempt))
        case frames.Thaw(job=job, attempt=attempt):
            return made(thaw=worker_pb2.Thaw(job_id=job, attempt=attempt))
        case frames.Drain(reason=reason, retry_after_ms=wait):
            return made(drain=worker_pb2.Drain(reason=reason, retry_after_ms=wait))
        case frames.Goodbye(reason=reason):
            return made(goodbye=worker_pb2.Goodbye(reason=reason))
    raise TypeError(f"no wire form for {type(frame).__name__}")


def messages(sent: Iterable[frames.ServerFrame]) -> Iterator[worker_pb2.ConnectResponse]:
    """Everything that waits as few messages, each within the limits of one."""
    message, size = worker_pb2.ConnectResponse(), 0
    for frame in sent:
        made = wire(frame)
        length = made.ByteSize() + FRAME_OVERHEAD
        full = size + length > limits.MESSAGE_BYTES
        if message.frames and (full or len(message.frames) == limits.FRAMES_PER_MESSAGE):
            yield message
            message, size = worker_pb2.ConnectResponse(), 0
        message.frames.append(made)
        size += length
    if message.frames:
        yield message
