"""A server that is killed in the middle of things: jobs, agents, followers go on by themselves."""

import contextlib
import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.conftest import Deployment
from tests.support.operator import Operator
from tests.support.raw_follower import RawFollower

from farhand_wire.v1 import job_pb2

COMPLETED, FAILED = job_pb2.JOB_STATUS_COMPLETED, job_pb2.JOB_STATUS_FAILED
#: Activating: nobody had told before the server died that it runs.
UNDER_WAY = {job_pb2.JOB_STATUS_ACTIVATING, job_pb2.JOB_STATUS_RUNNING}
#: 300,000 lines of 64 bytes, in bursts.
FLOOD = """
for burst in $(seq 0 59); do
  seq -f '%063g' $((burst * 5000 + 1)) $((burst * 5000 + 5000)); sleep 0.1
done
"""
FLOODED = "".join(f"{n:063d}\n" for n in range(1, 300_001)).encode()
AGENTS = 4
JOBS = 20
#: Says that it runs, prints, waits for a mark, prints on, and ends with a code of its own.
STEADY = """
echo "$1" >> {root}/witness
for i in $(seq 1 30); do echo "job $1 line $i"; done
while [ ! -e {root}/mark ]; do sleep 0.05; done
for i in $(seq 31 60); do echo "job $1 line $i"; sleep 0.05; done
exit $(($1 % 3))
"""


def kill(deployment: Deployment) -> None:
    os.kill(deployment.server.pid, signal.SIGKILL)
    deployment.server.wait()


def test_followers_resume_over_killed_servers_without_a_gap_or_a_repeat(
    bare: Deployment, tmp_path: Path
) -> None:
    """A fast job, two kills; the command and a program that follows by itself, byte for byte."""
    bare.publish("flood", FLOOD)
    bare.add_agent("w1")
    job = bare.start("flood")
    raw = RawFollower(bare.contexts, job)
    out = tmp_path / "out"
    with out.open("wb") as stdout, (tmp_path / "err").open("wb") as stderr:
        command = subprocess.Popen(
            bare.command("farhand", "job", "follow", job, "--from-start"),
            env=bare.env,
            stdout=stdout,
            stderr=stderr,
        )
    reading = threading.Thread(target=raw.read_to_the_end)
    reading.start()
    try:
        for part in (10, 4):
            bare.until("both are on their way", both_reach(raw, out, len(FLOODED) // part))
            kill(bare)
            bare.server = bare.resume()
        assert command.wait(timeout=90) == 0
    finally:
        command.kill()
        command.wait()
        reading.join(timeout=90)

    assert out.read_bytes() == FLOODED
    assert raw.output == FLOODED
    assert raw.opened >= 3
    assert (tmp_path / "err").read_text().count("nothing missed") >= 2
    assert bare.job(job)["attempt"] == 1


def both_reach(raw: RawFollower, out: Path, size: int) -> Callable[[], bool]:
    return lambda: len(raw.output) >= size and out.stat().st_size >= size


def test_control_node_restart_does_not_reap(bare: Deployment, tmp_path: Path) -> None:
    """Twenty jobs on four agents do not notice: each runs once, to its end, and every line and
    every exit code is told afterwards."""
    witness = tmp_path / "witness"
    bare.publish("steady", STEADY.format(root=tmp_path))
    for number in range(AGENTS):
        bare.add_agent(f"w{number}", slots=JOBS // AGENTS)
    with contextlib.closing(Operator(bare.contexts)) as operator:
        jobs = {n: operator.start("steady", parameters={"number": n}) for n in range(JOBS)}
        bare.until("all have begun", lambda: witness.read_text().count("\n") == JOBS)
        kill(bare)
        (tmp_path / "mark").touch()
        bare.server = bare.resume()
        assert {operator.job(job).status for job in jobs.values()} <= UNDER_WAY | {
            COMPLETED,
            FAILED,
        }
        bare.until("all agents are back", lambda: operator.online() == AGENTS)

        for n, job in jobs.items():
            follower = RawFollower(bare.contexts, job)
            follower.read_to_the_end()
            assert follower.output.decode() == "".join(f"job {n} line {i}\n" for i in range(1, 61))
            shown = operator.job(job)
            assert (shown.exit_code, shown.attempt) == (n % 3, 1)
            assert shown.status == (FAILED if n % 3 else COMPLETED)
    assert set(Counter(witness.read_text().split()).values()) == {1}
