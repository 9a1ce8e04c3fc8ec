"""A control plane of one stream, for agents: it keeps what workers say and says what tests want.

Served over TLS on a loopback port. It registers whoever proves a key, answers heartbeats, and
acknowledges output and results, unless a test takes that over.
"""

import asyncio
import os
import time
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
import grpc.aio
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]
from tests.support.authority import Authority

from farhand_wire import limits
from farhand_wire.transcript import hello_subject, register_subject, transcript
from farhand_wire.v1 import account_pb2, account_pb2_grpc, worker_pb2, worker_pb2_grpc

DEPLOYMENT = "test-deployment"
DEADLINE = 20.0
Spool = tuple[str, int]


@dataclass(slots=True, kw_only=True)
class KnownWorker:
    """A worker that has registered."""

    id: str
    name: str
    group: str
    public_key: bytes
    confirmed: int = 0
    issued: int = 1


@dataclass(slots=True)
class Refusal(Exception):
    """Ends a stream with a status that says why."""

    code: grpc.StatusCode
    reason: str
    message: str = "no"
    why: str = "because"
    do: str = "something else"


class ServerSession:
    """One stream, as the test sees it."""

    def __init__(self, server: "WorkerServer") -> None:
        self._server = server
        self._arrived = asyncio.Condition()
        self._outgoing: asyncio.Queue[worker_pb2.ConnectResponse | Refusal | None]
        self._outgoing = asyncio.Queue()
        self.heard: list[worker_pb2.AgentFrame] = []
        #: Kinds of frames, message by message.
        self.messages: list[list[str]] = []
        self.hello: worker_pb2.Hello | None = None
        self.over = asyncio.Event()
        #: Whether heartbeats, output and results are answered.
        self.answers = True

    async def next(self, kind: str) -> Any:
        """The first frame of that kind that no call before has taken."""

        def index() -> int | None:
            kinds = [frame.WhichOneof("frame") for frame in self.heard]
            return kinds.index(kind) if kind in kinds else None

        async with asyncio.timeout(DEADLINE), self._arrived:
            await self._arrived.wait_for(lambda: index() is not None or self.over.is_set())
            found = index()
            assert found is not None, f"the stream ended without {kind}"
            return getattr(self.heard.pop(found), kind)

    def send(self, **frames: Any) -> None:
        """Sends the frames as one message, in the order in which they are named."""
        made = [worker_pb2.ServerFrame(**{kind: value}) for kind, value in frames.items()]
        self._outgoing.put_nowait(worker_pb2.ConnectResponse(frames=made))

    def cut(self) -> None:
        """Ends the stream without a word."""
        self._outgoing.put_nowait(None)

    def refuse(self, refusal: Refusal) -> None:
        """Ends the stream with a status."""
        self._outgoing.put_nowait(refusal)

    async def outgoing(self) -> AsyncIterator[worker_pb2.ConnectResponse]:
        while (message := await self._outgoing.get()) is not None:
            if isinstance(message, Refusal):
                raise message
            yield message

    async def heard_message(self, message: worker_pb2.ConnectRequest) -> None:
        self.messages.append([str(frame.WhichOneof("frame")) for frame in message.frames])
        async with self._arrived:
            for frame in message.frames:
                self.heard.append(frame)
                self._server.record(self, frame)
            self._arrived.notify_all()

    async def ended(self) -> None:
        self.over.set()
        self.cut()
        async with self._arrived:
            self._arrived.notify_all()


@dataclass(kw_only=True)
class WorkerServer(worker_pb2_grpc.WorkerServiceServicer):
    """The server. `hook` sees every first frame after its proof and may raise Refusal."""

    authority: Authority
    workers: dict[str, KnownWorker] = field(default_factory=dict)
    sessions: list[ServerSession] = field(default_factory=list)
    spools: dict[Spool, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    hook: Callable[[worker_pb2.AgentFrame], None] = lambda frame: None
    discard: set[Spool] = field(default_factory=set)
    #: What is discarded may run to its end.
    let_run: bool = False
    heartbeat_ms: int = 10_000
    lease_ms: int = 45_000
    ca_shown: bytes | None = None
    left: list[worker_pb2.Leave] = field(default_factory=list)
    #: Answers every Leave that is not forced.
    leave_refusal: Refusal | None = None
    port: int = 0

    async def __aenter__(self) -> Self:
        self._opened = asyncio.Condition()
        self._server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", limits.MESSAGE_BYTES + 65536),
                ("grpc.http2.min_ping_interval_without_data_ms", limits.MIN_PING_MS),
            ]
        )
        worker_pb2_grpc.add_WorkerServiceServicer_to_server(self, self._server)
        account_pb2_grpc.add_AccountServiceServicer_to_server(
            _Authority(self),  # type: ignore[abstract]
            self._server,
        )
        pair = (self.authority.key, self.authority.certificate)
        credentials = grpc.ssl_server_credentials([pair])
        self.port = self._server.add_secure_port(f"localhost:{self.port}", credentials)
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(0)

    @property
    def endpoint(self) -> str:
        return f"localhost:{self.port}"

    async def session(self, number: int) -> ServerSession:
        """The session with that number (from 1), once it stands."""
        async with asyncio.timeout(DEADLINE), self._opened:
            await self._opened.wait_for(lambda: len(self.sessions) >= number)
        return self.sessions[number - 1]

    # ---- the service -----------------------------------------------------------------------

    async def Connect(
        self, requests: Any, context: Any
    ) -> AsyncIterator[worker_pb2.ConnectResponse]:
        session = ServerSession(self)
        reader = None
        try:
            first = (await context.read()).frames[0]
            nonce = os.urandom(32)
            challenge = worker_pb2.Challenge(
                server_nonce=nonce, deployment_id=DEPLOYMENT, session_id="s"
            )
            yield _message(worker_pb2.ServerFrame(challenge=challenge))
            proof = (await context.read()).frames[0].proof
            self._check(first, nonce, proof.signature)
            self.hook(first)
            yield _message(*self._welcome(first, session))
            reader = asyncio.create_task(self._read(session, context))
            if first.WhichOneof("frame") == "hello" and not first.hello.probe:
                async with self._opened:
                    self.sessions.append(session)
                    self._opened.notify_all()
            async for message in session.outgoing():
                yield message
        except Refusal as refusal:
            await context.abort_with_status(_status(refusal))
        finally:
            if reader is not None:
                reader.cancel()

    async def _read(self, session: ServerSession, context: Any) -> None:
        try:
            while (message := await context.read()) is not grpc.aio.EOF:
                await session.heard_message(message)
        finally:
            await session.ended()

    def _check(self, first: worker_pb2.AgentFrame, nonce: bytes, signature: bytes) -> None:
        if first.WhichOneof("frame") == "register":
            register = first.register
            public, client_nonce = register.public_key, register.client_nonce
            subject = register_subject(
                token=register.token,
                group=register.group,
                worker_name=register.worker_name,
                public_key=public,
            )
        else:
            hello = first.hello
            if hello.worker_id not in self.workers:
                raise Refusal(grpc.StatusCode.UNAUTHENTICATED, "WORKER_UNKNOWN", "not registered")
            public, client_nonce = self.workers[hello.worker_id].public_key, hello.client_nonce
            subject = hello_subject(worker_id=hello.worker_id, session_number=hello.session_number)
        signed = transcript(
            deployment_id=DEPLOYMENT,
            session_id="s",
            server_nonce=nonce,
            client_nonce=client_nonce,
            subject=subject,
        )
        key = serialization.load_der_public_key(public)
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))

    def _welcome(
        self, first: worker_pb2.AgentFrame, session: ServerSession
    ) -> list[worker_pb2.ServerFrame]:
        if first.WhichOneof("frame") == "register":
            return self._registered(first.register)
        hello = first.hello
        if hello.probe:
            now = int(time.time() * 1000)
            welcome = worker_pb2.Welcome(session_token="fhs_probe", server_time_ms=now)
            return [worker_pb2.ServerFrame(welcome=welcome)]
        worker = self.workers[hello.worker_id]
        if hello.session_number not in (worker.confirmed, worker.issued):
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "SESSION_CONFLICT", "a clone")
        worker.confirmed = hello.session_number
        worker.issued += 1
        session.hello = hello
        welcome = self._session_welcome(worker.issued, hello)
        return [worker_pb2.ServerFrame(welcome=welcome)]

    def _registered(self, register: worker_pb2.Register) -> list[worker_pb2.ServerFrame]:
        worker = KnownWorker(
            id=f"worker-{len(self.workers) + 1}",
            name=register.worker_name,
            group=register.group,
            public_key=register.public_key,
        )
        for known in self.workers.values():
            if known.public_key == register.public_key:
                worker = known
        self.workers[worker.id] = worker
        registered = worker_pb2.Registered(
            worker_id=worker.id, worker_name=worker.name, group=worker.group, account="default"
        )
        welcome = self._session_welcome(worker.issued, worker_pb2.Hello())
        return [
            worker_pb2.ServerFrame(registered=registered),
            worker_pb2.ServerFrame(welcome=welcome),
        ]

    def _session_welcome(self, number: int, hello: worker_pb2.Hello) -> worker_pb2.Welcome:
        welcome = worker_pb2.Welcome(
            session_number=number,
            server_time_ms=int(time.time() * 1000),
            heartbeat_ms=self.heartbeat_ms,
            lease_ms=self.lease_ms,
            window_bytes=limits.WINDOW_BYTES,
            output_frame_bytes=limits.OUTPUT_FRAME_BYTES,
        )
        for entry in hello.journal:
            verdict = worker_pb2.Verdict(job_id=entry.job_id, attempt=entry.attempt)
            if (entry.job_id, entry.attempt) in self.discard:
                verdict.discard.reason = "over"
                verdict.discard.let_run = self.let_run
            else:
                order = getattr(verdict, "continue")
                spool = self.spools[entry.job_id, entry.attempt]
                order.stored = order.durable = len(spool)
                order.crc = zlib.crc32(spool)
                verdict.SetInParent()
                getattr(verdict, "continue").SetInParent()
            welcome.verdicts.append(verdict)
        return welcome

    def record(self, session: ServerSession, frame: worker_pb2.AgentFrame) -> None:
        """What a real server would do at once with the frame."""
        kind = frame.WhichOneof("frame")
        if kind == "output":
            self._store(frame.output)
        if kind == "leave":
            self._left(session, frame.leave)
        if kind == "goodbye":
            session.cut()
        if not session.answers:
            return
        if kind == "heartbeat":
            ack = worker_pb2.HeartbeatAck(sequence=frame.heartbeat.sequence)
            session.send(heartbeat_ack=ack)
        elif kind == "output":
            stored = len(self.spools[frame.output.job_id, frame.output.attempt])
            session.send(
                output_ack=worker_pb2.OutputAck(
                    job_id=frame.output.job_id,
                    attempt=frame.output.attempt,
                    stored=stored,
                    durable=stored,
                )
            )
        elif kind in ("result", "not_started"):
            end = getattr(frame, kind)
            session.send(result_ack=worker_pb2.ResultAck(job_id=end.job_id, attempt=end.attempt))

    def _left(self, session: ServerSession, leave: worker_pb2.Leave) -> None:
        self.left.append(leave)
        if self.leave_refusal and not leave.force:
            session.refuse(self.leave_refusal)
            return
        session.send(goodbye=worker_pb2.Goodbye(reason="left"))
        session.cut()

    def _store(self, output: worker_pb2.Output) -> None:
        spool = self.spools[output.job_id, output.attempt]
        assert output.offset <= len(spool), "a gap"
        assert output.offset == len(spool), "bytes were sent twice"
        spool += output.data


class _Authority(account_pb2_grpc.AccountServiceServicer):
    def __init__(self, server: WorkerServer) -> None:
        self._server = server

    async def GetCertificateAuthority(
        self, request: Any, context: Any
    ) -> account_pb2.GetCertificateAuthorityResponse:
        pem = self._server.ca_shown or self._server.authority.ca
        return account_pb2.GetCertificateAuthorityResponse(certificate=pem.decode())


def _message(*frames: worker_pb2.ServerFrame) -> worker_pb2.ConnectResponse:
    return worker_pb2.ConnectResponse(frames=frames)


def _status(refusal: Refusal) -> Any:
    detail = any_pb2.Any()
    detail.Pack(
        error_details_pb2.ErrorInfo(
            reason=refusal.reason,
            domain="farhand.dev",
            metadata={"why": refusal.why, "do": refusal.do},
        )
    )
    status = status_pb2.Status(
        code=refusal.code.value[0], message=refusal.message, details=[detail]
    )
    return rpc_status.to_status(status)
