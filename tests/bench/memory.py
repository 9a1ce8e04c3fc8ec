"""What a connection and an idle agent weigh."""

import asyncio
import os
import time
from pathlib import Path

import grpc
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from demo.sockets import tree
from tests.bench.figure import Figure

from farhand_wire import transcript
from farhand_wire.v1 import worker_pb2, worker_pb2_grpc


def resident(pid: int) -> int:
    """Resident memory of a process, in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ProcessLookupError(pid)


def proportional(pid: int) -> int:
    """Proportional set size of a process and all that descend from it, in KiB."""
    total = 0
    for member in tree(pid):
        for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


async def per_connection(
    server_pid: int, endpoint: str, ca: bytes, key: str, *, count: int
) -> Figure:
    """Connections of registered workers, each on its own TCP and TLS."""
    before = resident(server_pid)
    workers = [Connection(endpoint, ca, key, f"bench-{number}") for number in range(count)]
    for worker in workers:
        await worker.open()
    await asyncio.sleep(1.0)
    grown = resident(server_pid) - before
    for worker in workers:
        await worker.close()
    return Figure(
        name="server memory for a connected agent",
        value=grown / count,
        unit="KiB",
        aim="≤ 90 KB",
        note=f"resident, {count} connections",
    )


class Connection:
    """One worker that registers and stays."""

    def __init__(self, endpoint: str, ca: bytes, key: str, name: str) -> None:
        self._channel = grpc.aio.secure_channel(
            endpoint,
            grpc.ssl_channel_credentials(ca),
            options=[("grpc.use_local_subchannel_pool", 1)],
        )
        self._key = key
        self._name = name

    async def open(self) -> None:
        private = ec.generate_private_key(ec.SECP256R1())
        public = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        nonce = os.urandom(transcript.NONCE_BYTES)
        self._call = worker_pb2_grpc.WorkerServiceStub(self._channel).Connect()
        register = worker_pb2.Register(
            token=self._key,
            group="idle",
            worker_name=self._name,
            public_key=public,
            client_nonce=nonce,
            replace=True,
        )
        await self._say(worker_pb2.AgentFrame(register=register))
        answer = await self._call.read()
        assert isinstance(answer, worker_pb2.ConnectResponse)
        challenge = answer.frames[0].challenge
        signed = transcript.transcript(
            deployment_id=challenge.deployment_id,
            session_id=challenge.session_id,
            server_nonce=challenge.server_nonce,
            client_nonce=nonce,
            subject=transcript.register_subject(
                token=self._key, group="idle", worker_name=self._name, public_key=public
            ),
        )
        signature = private.sign(signed, ec.ECDSA(hashes.SHA256()))
        await self._say(worker_pb2.AgentFrame(proof=worker_pb2.Proof(signature=signature)))
        await self._call.read()
        await self._say(worker_pb2.AgentFrame(heartbeat=worker_pb2.Heartbeat(sequence=1)))

    async def close(self) -> None:
        await self._say(worker_pb2.AgentFrame(goodbye=worker_pb2.Goodbye(reason="measured")))
        await self._call.done_writing()
        await self._channel.close()

    async def _say(self, frame: worker_pb2.AgentFrame) -> None:
        await self._call.write(worker_pb2.ConnectRequest(frames=[frame]))


def idle_agent(pid: int) -> Figure:
    return Figure(
        name="idle agent, all its processes",
        value=proportional(pid) / 1024,
        unit="MiB",
        aim="≤ 60 MB",
        note="proportional set size",
    )


def since(begun: float) -> Figure:
    return Figure(
        name="agent start → connected", value=(time.perf_counter() - begun) * 1000, unit="ms"
    )
