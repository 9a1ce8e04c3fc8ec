"""A host loses power while the control plane is away, too: what is told afterwards is true."""

import os
import signal
from pathlib import Path

import pytest
from tests.acceptance.conftest import Deployment
from tests.support.power import lose_memory

from farhand_agent.host.ground import root_half, sandbox_root
from farhand_agent.host.recovery import RESTARTED
from farhand_agent.host.sandbox import AttemptId, Sandbox


@pytest.mark.parametrize("kept", [True, False], ids=["the disk kept it", "the disk lost it"])
def test_a_job_of_a_host_that_lost_power_is_never_completed(
    bare: Deployment, tmp_path: Path, kept: bool
) -> None:
    """With less on its disk than the server has, and with more."""
    go = tmp_path / "go"
    script = f"echo one; until [ -e {go} ]; do sleep 0.01; done; echo two; sleep 600"
    bare.publish("fragile", script)
    agent = bare.add_agent("w1")
    job = bare.start("fragile")
    bare.until("it prints", lambda: bare.prints(job))
    os.kill(bare.server.pid, signal.SIGKILL)
    bare.server.wait()
    go.touch()
    state = bare.root / "w1"
    sandbox = Sandbox(root=sandbox_root(state, environ=bare.env), state=root_half(state))
    overflow = sandbox.overflow(AttemptId(job_id=job, attempt=1))
    bare.until("it is on the disk", lambda: any(b"two" in f.read_bytes() for f in files(overflow)))
    agent.kill()
    lose_memory(sandbox)
    if not kept:
        for file in files(overflow):
            os.truncate(file, 0)
    bare.resume()
    bare.agent("w1")
    bare.until("it is judged", lambda: bare.status(job) == "JOB_STATUS_SUSPENDED")

    assert RESTARTED in str(bare.job(job)["statusDetails"])
    assert bare.farhand("job", "output", job).out == (b"one\ntwo\n" if kept else b"one\n")
    bare.until("the host has forgotten it", lambda: not list(sandbox.attempts()))


def files(folder: Path) -> list[Path]:
    return list(folder.glob("spool.*"))
