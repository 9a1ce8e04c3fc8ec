"""The composition root: builds store, engine and edge; starts and stops them in order."""

import asyncio
import contextlib
import datetime
import functools
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

import farhand_wire
from farhand_server import master_key
from farhand_server.certificates import fingerprint
from farhand_server.cloud.token import joining_token
from farhand_server.cloud.worker import SWITCHED_OFF, Place, cloud_worker
from farhand_server.core import Core, Patience
from farhand_server.core.events import CloudAway
from farhand_server.credentials import Credentials
from farhand_server.data import DataDirectory, Lock
from farhand_server.disk import DiskWatch
from farhand_server.engine import Engine, OutputDesk, Switchboard
from farhand_server.engine.writer import OutputWriter
from farhand_server.model.clock import UnixMs
from farhand_server.room import Room, room
from farhand_server.rpc.account import Facade
from farhand_server.rpc.backend import Backend
from farhand_server.rpc.listener import StreamLimits
from farhand_server.rpc.server import Pings, RpcServer
from farhand_server.secrets import MasterKey
from farhand_server.settings import Settings
from farhand_server.store import sqlite
from farhand_server.vault import Vault
from farhand_wire import limits

log = structlog.get_logger("farhand.server")

#: Workers get this long to go away by themselves.
DRAIN_SECONDS = 5.0
#: And come back after this, with a jitter of theirs.
RETRY_AFTER_MS = 500
#: What operators follow or watch is cut after this.
STOP_SECONDS = 1.0
RENEWAL_SECONDS = 3600.0


class SystemClock:
    """Time, as the machine has it."""

    def monotonic(self) -> float:
        return time.monotonic()

    def unix_ms(self) -> UnixMs:
        return UnixMs(time.time_ns() // 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Durations and counts that are the same for every deployment, so that no one need choose."""

    patience: Patience = field(default_factory=Patience)
    pings: Pings = field(default_factory=Pings)
    streams: StreamLimits = field(default_factory=StreamLimits)
    #: Locks that other programs hold on the databases are waited for so long.
    busy_ms: int = sqlite.BUSY_MS
    #: Looks at the disk of the data directory, and how often.
    room: Callable[[Path], Room] = room
    room_seconds: float = limits.DISK_LOOK_SECONDS


async def serve(settings: Settings) -> None:
    """Runs a server until SIGTERM or SIGINT; a second signal ends it at once."""
    stop = asyncio.Event()

    def asked() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    threading.excepthook = _die
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked)
    async with running(settings, Tuning()):
        await stop.wait()
        log.info("draining")
    log.info("stopped")


def _die(failed: threading.ExceptHookArgs) -> None:
    """A server without one of its threads would wait for ever; as after kill -9 nothing is lost."""
    log.error(
        "a thread died",
        thread=failed.thread.name if failed.thread else "",
        exc_info=failed.exc_value,
    )
    os._exit(1)


@contextlib.asynccontextmanager
async def running(settings: Settings, tuning: Tuning) -> AsyncIterator[int]:
    """A server on its data directory; gives its port. Raises StartError."""
    data = DataDirectory(settings.data)
    data.check()
    with Lock(data.lock):
        _say_upgraded(data, sqlite.upgrade(data.path))
        credentials = Credentials(data, clock=_now)
        credentials.renew()
        master_key.settle(data)
        vault = Vault(data.master_key.read_bytes(), chance=os.urandom)
        master_key.prove(vault, MasterKey(data.master_key.read_bytes()), data.state)
        engine, backend = _heart(data, settings, tuning, vault)
        engine.start()
        disk = DiskWatch(room=lambda: tuning.room(data.path), tell=engine.tell, desk=backend.desk)
        disk.look()
        try:
            server = _edge(data, settings, backend, tuning)
            port = await server.start(settings.listen, credentials.for_port())
            tasks = [
                asyncio.create_task(_every(RENEWAL_SECONDS, credentials.renew)),
                asyncio.create_task(_every(tuning.room_seconds, disk.look)),
            ]
            try:
                _say_ready(settings, port)
                async with _cloud(data, settings, engine, port):
                    yield port
            finally:
                for task in tasks:
                    task.cancel()
                await server.drain(DRAIN_SECONDS, retry_after_ms=RETRY_AFTER_MS)
                await server.stop(STOP_SECONDS)
        finally:
            await engine.stop()


def _heart(
    data: DataDirectory, settings: Settings, tuning: Tuning, vault: Vault
) -> tuple[Engine, Backend]:
    """Rules, store, and the desk where output arrives."""
    clock, switchboard = SystemClock(), Switchboard()
    queries = sqlite.SqliteQueries(data.state, data.output)
    busy_ms = tuning.busy_ms
    writer = OutputWriter(
        store=lambda: sqlite.SqliteOutputStore(data.output, busy_ms=busy_ms),
        clock=clock,
        output_max=settings.output_max,
    )
    desk = OutputDesk(writer=writer, queries=queries, switchboard=switchboard)
    engine = Engine(
        core=Core(
            chance=os.urandom,
            patience=tuning.patience,
            vault=vault,
        ),
        state=lambda: sqlite.SqliteStateStore(data.state, busy_ms=busy_ms),
        desk=desk,
        writer=writer,
        switchboard=switchboard,
        clock=clock,
    )
    backend = Backend(
        rules=engine,
        desk=desk,
        switchboard=switchboard,
        queries=queries,
        clock=clock,
        chance=os.urandom,
    )
    return engine, backend


def _edge(data: DataDirectory, settings: Settings, backend: Backend, tuning: Tuning) -> RpcServer:
    ca = data.ca_certificate.read_bytes()
    return RpcServer(
        backend=backend,
        facade=Facade(endpoint=settings.endpoint, ca=ca.decode(), ca_sha256=fingerprint(ca)),
        master=MasterKey(data.master_key.read_bytes()),
        deployment=backend.queries.deployment_id(),
        pings=tuning.pings,
        streams=tuning.streams,
    )


@contextlib.asynccontextmanager
async def _cloud(
    data: DataDirectory, settings: Settings, engine: Engine, port: int
) -> AsyncIterator[None]:
    """The control plane's own worker. It leaves before the others are sent away."""

    def away(why: str) -> None:
        engine.tell(CloudAway(why=why))

    if settings.no_cloud:
        away(SWITCHED_OFF)
        yield
        return
    place = Place(
        data=data.path,
        folder=data.cloud,
        listen=settings.listen,
        port=port,
        ca_sha256=fingerprint(data.ca_certificate.read_bytes()),
    )
    token = functools.partial(joining_token, engine, clock=SystemClock(), chance=os.urandom)
    async with cloud_worker(place.command, token=token, away=away):
        yield


def _say_upgraded(data: DataDirectory, upgraded: sqlite.Upgraded) -> None:
    for name, (before, after) in upgraded.steps.items():
        if before != after:
            log.info("schema brought up to date", file=name, before=before, after=after)
    if upgraded.output_is_new:
        log.warning("output.db is new: output of earlier jobs is gone", file=str(data.output))
    if upgraded.output_damage:
        log.error(
            "output is damaged: some of it cannot be read",
            file=str(data.output),
            problems=upgraded.output_damage,
            do=f"farhand-server check --data {data.path}",
        )


def _say_ready(settings: Settings, port: int) -> None:
    host = settings.listen.rpartition(":")[0]
    log.info(
        "ready",
        listen=f"{host}:{port}",
        endpoint=settings.endpoint,
        version=farhand_wire.__version__,
        data=str(settings.data),
        pid=os.getpid(),
    )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


async def _every(seconds: float, act: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            act()
        except OSError as error:
            log.error("the file system refused", error=str(error))
