"""An attempt whose processes are gone is not told of as if it ran."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.support.agent_process import environment
from tests.support.worker_jobs import Register, Start, connected, grant, text
from tests.support.worker_server import WorkerServer

from farhand_agent.host.ground import root_half, sandbox_root
from farhand_agent.host.home import Home
from farhand_agent.host.lock import noted
from farhand_agent.host.process import alive
from farhand_agent.host.recovery import LOST
from farhand_agent.host.sandbox import AttemptId, Sandbox

BEAT_MS = 300
#: At the last of so many heartbeats it must not be counted any more.
MOST = 20


async def test_heartbeat_stops_when_process_gone(
    register: Register, start: Start, server: WorkerServer, state: Path, tmp_path: Path
) -> None:
    await register()
    server.heartbeat_ms = BEAT_MS
    session = await connected(server, await start())
    job = grant("env -i setsid sleep 600 & echo $$ $!; sleep 600")
    session.send(grant=job)
    await session.next("output")
    script, orphan = map(int, text(server, job).split())
    while (await session.next("heartbeat")).running != 1:
        pass
    sandbox = Sandbox(
        root=sandbox_root(state, environ=environment(tmp_path)), state=root_half(state)
    )
    home = sandbox.attempt_path(AttemptId(job_id=job.job_id, attempt=1))
    runner = Home.runner(home)
    assert runner is not None
    os.kill(runner, signal.SIGKILL)
    os.kill(script, signal.SIGKILL)
    beats = 1
    while (await session.next("heartbeat")).running:
        beats += 1
    result = await session.next("result")

    assert beats < MOST
    assert (result.exit.reason, result.exit.lost) == (LOST, True)
    # Neither its parents nor its environment tell whose it is; only a control group does.
    assert alive(orphan) is not noted(root_half(state)).startswith("in a control group")
    with suppress(ProcessLookupError):
        os.kill(orphan, signal.SIGKILL)
