"""Twenty agents lose their server at the same moment: all come back by themselves, not in step."""

import asyncio
import contextlib
import signal
import tempfile
import tomllib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.support.edge import Caller, Edge
from tests.support.fault_proxy import CUT, PASS, FaultProxy
from tests.support.fleet import Member, fleet
from tests.support.server_process import (
    ServerProcess,
    farhand_server,
    free_port,
    server_process,
)

from farhand_wire import limits
from farhand_wire.v1 import account_pb2, hybrid_worker_pb2

COUNT = 20
#: Twice the longest delay of an agent, which it reaches only after a minute without an answer.
PATIENCE_SECONDS = 2 * limits.RECONNECT_CAP_SECONDS

pytestmark = pytest.mark.timeout(300)
Serve = Callable[[], contextlib.AbstractAsyncContextManager[ServerProcess]]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def serve(tmp_path: Path, port: int) -> Serve:
    """Runs the server, made new, as often as it is asked to."""
    data, listen = tmp_path / "data", f"localhost:{port}"
    done = farhand_server(tmp_path, "init", "--data", str(data), "--listen", listen)
    assert done.returncode == 0, done.stderr
    return lambda: server_process(tmp_path, data)


@pytest.fixture
async def proxy(port: int) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(("localhost", port)).serving() as proxy:
        yield proxy


class Owner:
    """Who looks at the fleet, past the proxy."""

    def __init__(self, root: Path, port: int) -> None:
        context = tomllib.loads((root / "config.toml").read_text())["contexts"]["default"]
        self.edge = Edge(data=root / "data", port=port, token=context["token"])

    async def token(self) -> str:
        async with self.edge.caller() as caller:
            request = account_pb2.CreateRegistrationTokenRequest(group="many", uses=COUNT)
            return str((await caller.ask(caller.account.CreateRegistrationToken, request)).token)

    async def sees_all(self) -> None:
        """Returns when every member is shown as connected."""
        async with self.edge.caller() as caller, asyncio.timeout(PATIENCE_SECONDS):
            while await self._online(caller) < COUNT:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def _online(self, caller: Caller) -> int:
        request = hybrid_worker_pb2.ListHybridWorkersRequest()
        listed = await caller.ask(caller.workers.ListHybridWorkers, request)
        online = hybrid_worker_pb2.WORKER_STATE_ONLINE
        return sum(worker.state == online for worker in listed.workers)


@contextlib.asynccontextmanager
async def at_work(proxy: FaultProxy, owner: Owner) -> AsyncIterator[list[Member]]:
    """All of them, connected. The names of their sockets must be short."""
    with tempfile.TemporaryDirectory(prefix="fh-", dir="/tmp") as root:
        async with fleet(
            Path(root),
            count=COUNT,
            endpoint=f"localhost:{proxy.port}",
            ca=owner.edge.data / "ca.pem",
            token=await owner.token(),
            group="many",
        ) as members:
            await owner.sees_all()
            yield members


async def back(members: list[Member], times: int) -> list[float]:
    """When each was ready for the `times`th time, once all were."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while any(len(member.ready) < times for member in members):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return sorted(member.ready[times - 1] for member in members)


async def test_all_agents_return_after_their_server_was_killed_and_after_a_cut(
    tmp_path: Path, port: int, serve: Serve, proxy: FaultProxy
) -> None:
    owner = Owner(tmp_path, port)
    async with serve() as server, at_work(proxy, owner) as members:
        await server.stop(signal.SIGKILL)
        async with serve():
            moments = await back(members, 2)
            await owner.sees_all()
            spread = moments[-1] - moments[0]
            assert spread > 0.1, "they came in step"

            await proxy.set(CUT)
            await proxy.set(PASS)
            moments = await back(members, 3)
            await owner.sees_all()
            print(f"all back within {spread:.1f} s and {moments[-1] - moments[0]:.1f} s")
