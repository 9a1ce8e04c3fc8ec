"""The composition root: builds store, engine and edge; starts and stops them in order."""

import asyncio
import datetime
import os
import signal
import time
from collections.abc import Callable

import structlog

import farhand_wire
from farhand_server.certificates import fingerprint
from farhand_server.core import Core, Patience
from farhand_server.credentials import Credentials
from farhand_server.data import DataDirectory, Lock
from farhand_server.engine import Engine, OutputDesk, Switchboard
from farhand_server.engine.writer import OutputWriter
from farhand_server.model.clock import UnixMs
from farhand_server.rpc.account import Facade
from farhand_server.rpc.backend import Backend
from farhand_server.rpc.server import RpcServer
from farhand_server.secrets import MasterKey
from farhand_server.settings import Settings
from farhand_server.store import sqlite

log = structlog.get_logger("farhand.server")

#: Sessions get this long to go away by themselves.
DRAIN_SECONDS = 5.0
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


class App:
    """One server on one data directory."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._data = DataDirectory(settings.data)
        self._lock = Lock(self._data.lock)

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set, then drains. Raises StartError."""
        self._data.check()
        self._lock.acquire()
        try:
            sqlite.create(self._data.path)
            credentials = Credentials(self._data, clock=_now)
            credentials.renew()
            engine, backend = self._heart()
            engine.start()
            try:
                await self._serve(backend, credentials, stop)
            finally:
                await engine.stop()
        finally:
            self._lock.release()
        log.info("stopped")

    def _heart(self) -> tuple[Engine, Backend]:
        clock, switchboard, data = SystemClock(), Switchboard(), self._data
        queries = sqlite.SqliteQueries(data.state, data.output)
        writer = OutputWriter(store=lambda: sqlite.SqliteOutputStore(data.output), clock=clock)
        desk = OutputDesk(writer=writer, queries=queries, switchboard=switchboard)
        engine = Engine(
            core=Core(chance=os.urandom, patience=Patience()),
            state=lambda: sqlite.SqliteStateStore(data.state),
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

    async def _serve(self, backend: Backend, credentials: Credentials, stop: asyncio.Event) -> None:
        ca = self._data.ca_certificate.read_bytes()
        server = RpcServer(
            backend=backend,
            facade=Facade(
                endpoint=self._settings.endpoint,
                ca=ca.decode(),
                ca_sha256=fingerprint(ca),
            ),
            master=MasterKey(self._data.master_key.read_bytes()),
            deployment=backend.queries.deployment_id(),
        )
        port = await server.start(self._settings.listen, credentials.for_port())
        host = self._settings.listen.rpartition(":")[0]
        log.info(
            "ready",
            listen=f"{host}:{port}",
            endpoint=self._settings.endpoint,
            version=farhand_wire.__version__,
            data=str(self._data.path),
            pid=os.getpid(),
        )
        renewal = asyncio.create_task(_every(RENEWAL_SECONDS, credentials.renew))
        try:
            await stop.wait()
        finally:
            renewal.cancel()
            await self._drain(server)

    async def _drain(self, server: RpcServer) -> None:
        """Sessions are told to come back, then everything ends."""
        log.info("draining")
        await server.drain(DRAIN_SECONDS, retry_after_ms=RETRY_AFTER_MS)
        await server.stop(STOP_SECONDS)


async def serve(settings: Settings) -> None:
    """Runs a server until SIGTERM or SIGINT; a second signal ends it at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    await App(settings).run(stop)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


async def _every(seconds: float, act: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            act()
        except OSError:
            log.exception("certificate not renewed")
