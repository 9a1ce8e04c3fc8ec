"""The first frames of a stream: who it is, a challenge, a proof; then it is a session or a probe.

Nothing of a stream reaches the rules before its key is proven.
"""

from typing import Any

from farhand_server.core.events import Greeted, Joined
from farhand_server.errors import ProtocolViolation, WorkerUnknown
from farhand_server.model import frames
from farhand_server.model.clock import Instant
from farhand_server.model.identifiers import JobId, WorkerId
from farhand_server.model.output import Extent, SpoolId
from farhand_server.rpc.convert import said
from farhand_server.rpc.proof import Claim, public_key
from farhand_server.rpc.session import Probe, Session, Stage, Stream, secret_hash
from farhand_wire import transcript
from farhand_wire.v1 import worker_pb2


class Greeting:
    """Nothing was said yet: Register or Hello is due."""

    worker: WorkerId | None = None

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def hear(self, kind: str, body: Any) -> Stage:
        match kind:
            case "register":
                self._stream.joins.check(self._stream.address)
                subject = transcript.register_subject(
                    token=body.token,
                    group=body.group,
                    worker_name=body.worker_name,
                    public_key=body.public_key,
                )
            case "hello" if body.session_token:
                return self._look(body)
            case "hello":
                subject = transcript.hello_subject(
                    worker_id=body.worker_id, session_number=body.session_number
                )
            case _:
                raise ProtocolViolation(f"{kind} before Register or Hello")
        return Proving(self._stream, body, self._challenge(subject, body.client_nonce))

    def _challenge(self, subject: bytes, client_nonce: bytes) -> Claim:
        claim = Claim(
            deployment=self._stream.deployment,
            session=self._stream.id,
            server_nonce=self._stream.backend.chance(transcript.NONCE_BYTES),
            client_nonce=client_nonce,
            subject=subject,
        )
        self._stream.box.put(
            frames.Challenge(
                server_nonce=claim.server_nonce,
                deployment=claim.deployment,
                session=claim.session,
            )
        )
        return claim

    def _look(self, hello: worker_pb2.Hello) -> Stage:
        worker = WorkerId(hello.worker_id)
        self._stream.tokens.check(hello.session_token, worker)
        probe = Probe(self._stream, worker, by_key=False)
        probe.welcome()
        return probe


class Proving:
    """Challenged: Proof is due, and nothing else."""

    worker: WorkerId | None = None

    def __init__(
        self, stream: Stream, greeting: worker_pb2.Register | worker_pb2.Hello, claim: Claim
    ) -> None:
        self._stream = stream
        self._greeting = greeting
        self._claim = claim
        self._since = Instant(stream.backend.clock.monotonic())

    async def hear(self, kind: str, body: Any) -> Stage:
        if kind != "proof":
            raise ProtocolViolation(f"{kind} instead of the Proof that was asked for")
        if isinstance(self._greeting, worker_pb2.Register):
            return self._join(self._greeting, body.signature)
        return await self._return(self._greeting, body.signature)

    def _join(self, register: worker_pb2.Register, signature: bytes) -> Stage:
        key = public_key(register.public_key, field="register.public_key")
        self._claim.verify(key, signature)
        frame = said.register(register, token_hash=secret_hash(register.token))
        session = self._open(None)
        self._stream.backend.rules.tell(
            Joined(session=self._stream.id, register=frame, address=self._stream.address)
        )
        return session

    async def _return(self, hello: worker_pb2.Hello, signature: bytes) -> Stage:
        backend, worker = self._stream.backend, WorkerId(hello.worker_id)
        key = await backend.look(backend.queries.worker_key, worker)
        if key is None:
            raise WorkerUnknown(
                "this worker is not registered here",
                why="it was removed, or the control plane is another one",
                do="register again: farhand-agent register --replace",
            )
        self._claim.verify(public_key(key, field="hello.worker_id"), signature)
        if hello.probe:
            probe = Probe(self._stream, worker, by_key=True)
            probe.welcome(token=self._stream.tokens.issue(worker))
            return probe
        frame = said.hello(hello)
        extents = await backend.look(self._extents, frame)
        session = self._open(worker)
        backend.rules.tell(
            Greeted(
                session=self._stream.id,
                hello=frame,
                address=self._stream.address,
                challenged=self._since,
                extents=extents,
            )
        )
        return session

    def _extents(self, hello: frames.Hello) -> dict[SpoolId, Extent]:
        """What the store holds of every attempt in the journal."""
        spools = [SpoolId(job=JobId(e.job), attempt=e.attempt) for e in hello.journal]
        return {spool: self._stream.backend.queries.extent(spool) for spool in spools}

    def _open(self, worker: WorkerId | None) -> Session:
        self._stream.backend.switchboard.open(self._stream.id, self._stream.box, worker)
        return Session(self._stream, worker)
