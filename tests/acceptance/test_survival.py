"""Jobs outlive the processes around them."""

import os
import signal
from pathlib import Path

from demo.sockets import listening, tree
from tests.acceptance.conftest import Deployment

SCRIPT = """
for i in $(seq 1 400); do echo "line $i"; sleep 0.01; done
"""
LINES = "".join(f"line {n}\n" for n in range(1, 401)).encode()


def test_a_job_outlives_its_agent_and_no_byte_is_missing(bare: Deployment) -> None:
    bare.publish("lines", SCRIPT)
    agent = bare.add_agent("w1")
    job = bare.start("lines")
    bare.until("it prints", lambda: b"line 20" in bare.farhand("job", "output", job).out)

    agent.kill()
    bare.agent("w1")
    followed = bare.farhand("job", "follow", job, "--from-start")

    assert followed.out == LINES
    assert bare.status(job) == "JOB_STATUS_COMPLETED"
    assert bare.job(job)["attempt"] == 1


def test_a_job_that_ends_while_no_agent_runs_is_reported_by_the_next(
    bare: Deployment, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    bare.publish("short", f"sleep 1; echo done; echo ran >> {mark}; exit 7\n")
    agent = bare.add_agent("w1")
    job = bare.start("short")
    bare.until("it runs", lambda: bare.status(job) == "JOB_STATUS_RUNNING")

    agent.kill()
    bare.until("it is over", mark.exists)
    bare.agent("w1")
    followed = bare.farhand("job", "follow", job, "--from-start")

    assert (followed.out, followed.code) == (b"done\n", 7)
    assert mark.read_text() == "ran\n"


def test_a_job_and_its_follower_outlive_the_server(bare: Deployment) -> None:
    bare.publish("lines", SCRIPT)
    bare.add_agent("w1")
    job = bare.start("lines")
    bare.until("it prints", lambda: b"line 20" in bare.farhand("job", "output", job).out)

    os.kill(bare.server.pid, signal.SIGKILL)
    bare.server.wait()
    bare.resume()
    followed = bare.farhand("job", "follow", job, "--from-start")

    assert followed.out == LINES
    assert bare.job(job)["attempt"] == 1


def test_an_adopted_job_can_be_stopped(bare: Deployment) -> None:
    bare.publish("forever", "echo ready; sleep 600\n")
    agent = bare.add_agent("w1")
    job = bare.start("forever")
    bare.until("it runs", lambda: b"ready" in bare.farhand("job", "output", job).out)
    agent.kill()
    bare.agent("w1")

    done = bare.farhand("job", "stop", job, "--follow")

    assert done.code == 4, done.err
    assert bare.status(job) == "JOB_STATUS_STOPPED"


def test_a_worker_has_no_listening_port(bare: Deployment) -> None:
    agent = bare.add_agent("w1")

    assert listening(tree(agent.pid)) == []


def test_a_second_server_on_the_same_data_or_port_is_refused(bare: Deployment) -> None:
    data = str(bare.root / "server")

    same_data = bare.call("farhand-server", "run", "--data", data, "--listen", "127.0.0.1:0")

    assert same_data.code == 1
    assert "another server" in same_data.err
    other = str(bare.root / "other")
    bare.env["FARHAND_CONFIG"] = str(bare.root / "other.toml")
    bare.run("farhand-server", "init", "--data", other, "--listen", bare.endpoint)
    same_port = bare.call("farhand-server", "run", "--data", other, "--listen", bare.endpoint)
    assert same_port.code == 1
    assert bare.endpoint.split(":")[1] in same_port.err


def test_a_second_agent_on_the_same_state_is_refused(bare: Deployment) -> None:
    bare.add_agent("w1")

    second = bare.call("farhand-agent", "run", "--state", str(bare.root / "w1"))

    assert second.code == 1
    assert "error:" in second.err


def test_log_buffer_survives_agent_kill(bare: Deployment, tmp_path: Path) -> None:
    """10 MB that were never sent, an agent that is killed with them, and nothing is missing."""
    lines, go, said = 10 * 1024 * 1024 // 64, tmp_path / "go", tmp_path / "said"
    bare.publish(
        "much",
        f"echo ready; until [ -e {go} ]; do sleep 0.05; done\n"
        f"seq -f '%063.0f' 1 {lines}; touch {said}\n",
    )
    agent = bare.add_agent("w1")
    job = bare.start("much")
    bare.until("it runs", lambda: b"ready" in bare.farhand("job", "output", job).out)

    os.kill(bare.server.pid, signal.SIGKILL)
    bare.server.wait()
    go.touch()
    bare.until("it has said everything", said.exists)
    agent.kill()
    bare.resume()
    bare.agent("w1")
    followed = bare.farhand("job", "follow", job, "--from-start")

    assert followed.out == b"ready\n" + b"".join(b"%063d\n" % n for n in range(1, lines + 1))
    assert followed.code == 0
