"""The real server in this process, on loopback, with its real store; and a worker made by hand."""

import asyncio
import contextlib
import datetime
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc import aio
from grpc_status import rpc_status  # type: ignore[import-untyped]

from farhand_server.app import Tuning, running
from farhand_server.init import Plan, initialise
from farhand_server.settings import Settings
from farhand_wire import transcript
from farhand_wire.v1 import (
    account_pb2,
    account_pb2_grpc,
    asset_pb2_grpc,
    hybrid_worker_group_pb2_grpc,
    hybrid_worker_pb2_grpc,
    job_pb2_grpc,
    runbook_pb2_grpc,
    worker_pb2,
    worker_pb2_grpc,
)

WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A running server and how to reach it."""

    data: Path
    port: int
    token: str

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    def channel(self, *, options: tuple[tuple[str, Any], ...] = ()) -> aio.Channel:
        """A connection of its own."""
        roots = (self.data / "ca.pem").read_bytes()
        own = ("grpc.use_local_subchannel_pool", 1)
        return aio.secure_channel(
            self.address, grpc.ssl_channel_credentials(roots), options=[own, *options]
        )

    @contextlib.asynccontextmanager
    async def caller(self, token: str | None = None) -> AsyncIterator["Caller"]:
        """An operator, with the owner's token unless another one is given."""
        async with self.channel() as channel:
            yield Caller(channel, self.token if token is None else token)


class Caller:
    """Every service, with the token in each call."""

    def __init__(self, channel: aio.Channel, token: str) -> None:
        self.channel = channel
        self.metadata = (("authorization", f"Bearer {token}"),)
        self.jobs = job_pb2_grpc.JobServiceStub(channel)
        self.runbooks = runbook_pb2_grpc.RunbookServiceStub(channel)
        self.groups = hybrid_worker_group_pb2_grpc.HybridWorkerGroupServiceStub(channel)
        self.workers = hybrid_worker_pb2_grpc.HybridWorkerServiceStub(channel)
        self.account = account_pb2_grpc.AccountServiceStub(channel)
        self.assets = asset_pb2_grpc.AssetServiceStub(channel)

    async def ask(self, method: Any, request: Any) -> Any:
        """One answer."""
        return await method(request, metadata=self.metadata, timeout=WAIT_SECONDS)

    async def all(self, method: Any, request: Any) -> list[Any]:
        """Every answer of a stream that ends."""
        call = method(request, metadata=self.metadata, timeout=WAIT_SECONDS)
        return [answer async for answer in call]

    def stream(self, method: Any, request: Any) -> AsyncIterator[Any]:
        """The answers of a stream that goes on."""
        return aiter(method(request, metadata=self.metadata))


@contextlib.asynccontextmanager
async def edge(root: Path, tuning: Tuning, **values: Any) -> AsyncIterator[Edge]:
    """A new server below `root`, without a worker of its own; `values` are settings."""
    data = root / "data"
    plan = Plan(
        data=data,
        account="default",
        hosts=("localhost",),
        listen="localhost:0",
        endpoint="localhost:8443",
        contexts=root / "config.toml",
    )
    now = datetime.datetime.now(datetime.UTC)
    token = await asyncio.to_thread(initialise, plan, now=now, chance=os.urandom)
    wanted = {"no_cloud": True, **values}
    settings = Settings(data=data, listen="localhost:0", endpoint="localhost:8443", **wanted)
    async with running(settings, tuning) as port:
        yield Edge(data=data, port=port, token=token)


@contextlib.asynccontextmanager
async def again(before: Edge, tuning: Tuning | None = None) -> AsyncIterator[Edge]:
    """Another server on the data of one that has ended."""
    settings = Settings(
        data=before.data, listen="localhost:0", endpoint="localhost:8443", no_cloud=True
    )
    async with running(settings, tuning or Tuning()) as port:
        yield Edge(data=before.data, port=port, token=before.token)


class Worker:
    """A machine that speaks the protocol by hand."""

    def __init__(self, channel: aio.Channel) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.worker_id = ""
        self.session_number = 0
        self._stub = worker_pb2_grpc.WorkerServiceStub(channel)
        self.call: Any = None
        self._heard: list[worker_pb2.ServerFrame] = []

    def on(self, channel: aio.Channel) -> "Worker":
        """The same machine on another connection."""
        worker = Worker(channel)
        worker.key, worker.worker_id = self.key, self.worker_id
        worker.session_number = self.session_number
        return worker

    @property
    def public_key(self) -> bytes:
        spki = PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(Encoding.DER, spki)

    def open(self) -> None:
        """A new stream."""
        self._heard = []
        self.call = self._stub.Connect()

    async def say(self, *frames: worker_pb2.AgentFrame) -> None:
        """One message."""
        await self.call.write(worker_pb2.ConnectRequest(frames=frames))

    async def hear(self, kind: str) -> Any:
        """The next frame, which is one of this kind."""
        frame = await self.next()
        assert frame is not None, f"the stream ended instead of {kind}"
        assert frame.WhichOneof("frame") == kind, frame
        return getattr(frame, kind)

    async def next(self) -> worker_pb2.ServerFrame | None:
        """The next frame; None at the end of the stream."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not self._heard:
                message = await self.call.read()
                if message is aio.EOF:
                    return None
                self._heard.extend(message.frames)
        return self._heard.pop(0)

    async def until(self, kind: str) -> Any:
        """The next frame of this kind; others are skipped."""
        while (frame := await self.next()) is not None:
            if frame.WhichOneof("frame") == kind:
                return getattr(frame, kind)
        raise AssertionError(f"the stream ended instead of {kind}")

    async def join(self, token: str, group: str, name: str) -> None:
        """Registers, and keeps the identity."""
        self.open()
        register = self.register(token, group, name)
        await self.say(worker_pb2.AgentFrame(register=register))
        subject = transcript.register_subject(
            token=token, group=group, worker_name=name, public_key=self.public_key
        )
        await self.prove(subject, register.client_nonce)
        self.worker_id = (await self.hear("registered")).worker_id
        self.session_number = (await self.hear("welcome")).session_number

    def register(self, token: str, group: str, name: str) -> worker_pb2.Register:
        return worker_pb2.Register(
            token=token,
            group=group,
            worker_name=name,
            public_key=self.public_key,
            client_nonce=os.urandom(32),
        )

    def hello(self, **values: Any) -> worker_pb2.Hello:
        fields: dict[str, Any] = {
            "worker_id": self.worker_id,
            "session_number": self.session_number,
            "client_nonce": os.urandom(32),
            "slots": 4,
            "journal_id": "journal",
            "facts": worker_pb2.Facts(runbook_types=["RUNBOOK_TYPE_BASH"]),
        }
        return worker_pb2.Hello(**(fields | values))

    async def greet(self, **values: Any) -> Any:
        """Says Hello and proves it; gives the Welcome."""
        self.open()
        hello = self.hello(**values)
        await self.say(worker_pb2.AgentFrame(hello=hello))
        await self.prove(self.hello_subject(hello), hello.client_nonce)
        welcome = await self.hear("welcome")
        if not hello.probe:
            self.session_number = welcome.session_number
        return welcome

    async def serve(self, **values: Any) -> Any:
        """Greets and says the first Heartbeat: ready for offers."""
        welcome = await self.greet(**values)
        await self.beat(1)
        await self.until("heartbeat_ack")
        return welcome

    async def beat(self, sequence: int) -> None:
        await self.say(worker_pb2.AgentFrame(heartbeat=worker_pb2.Heartbeat(sequence=sequence)))

    def hello_subject(self, hello: worker_pb2.Hello) -> bytes:
        return transcript.hello_subject(
            worker_id=hello.worker_id, session_number=hello.session_number
        )

    async def prove(self, subject: bytes, client_nonce: bytes) -> None:
        """Answers the Challenge."""
        challenge = await self.hear("challenge")
        signed = transcript.transcript(
            deployment_id=challenge.deployment_id,
            session_id=challenge.session_id,
            server_nonce=challenge.server_nonce,
            client_nonce=client_nonce,
            subject=subject,
        )
        await self.sign(signed)

    async def sign(self, signed: bytes) -> None:
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        await self.say(worker_pb2.AgentFrame(proof=worker_pb2.Proof(signature=signature)))


async def joining(owner: Caller, channel: aio.Channel, name: str) -> Worker:
    """A machine that has just joined group demo; its first stream is open."""
    machine = Worker(channel)
    request = account_pb2.CreateRegistrationTokenRequest(group="demo")
    token = (await owner.ask(owner.account.CreateRegistrationToken, request)).token
    await machine.join(token, "demo", name)
    return machine


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Returns as soon as it holds. Raises TimeoutError if it does not."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """How a call ended that was not allowed."""

    code: grpc.StatusCode
    message: str
    reason: str
    words: dict[str, str]
    #: Problem by field.
    fields: dict[str, str]


async def refusal(call: Any) -> Refused:
    """The refusal with which a call or stream ends."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            if hasattr(call, "read"):
                while await call.read() is not aio.EOF:
                    pass
                assert await call.code() != grpc.StatusCode.OK, "it was allowed"
                raise AssertionError(f"ended with {await call.code()}")
            await call
    except aio.AioRpcError as error:
        return refused_with(error)
    raise AssertionError("it was allowed")


def refused_with(error: aio.AioRpcError) -> Refused:
    """What an error of grpc says."""
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        for known in (info, bad):
            if detail.Is(known.DESCRIPTOR):
                detail.Unpack(known)
    return Refused(
        code=error.code(),
        message=error.details() or "",
        reason=info.reason,
        words=dict(info.metadata),
        fields={item.field: item.description for item in bad.field_violations},
    )
