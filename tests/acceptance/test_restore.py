"""A server that is lost and restored from a backup: jobs run on, none runs twice, nothing is made
up."""

import os
import shutil
import signal
from pathlib import Path

from tests.acceptance.conftest import Deployment


def until(file: Path) -> str:
    return f"until [ -e {file} ]; do sleep 0.02; done"


def output(deployment: Deployment, job: str) -> bytes:
    return deployment.farhand("job", "output", job).out


def restore(deployment: Deployment) -> None:
    """The machine of the server is gone; what was backed up starts again."""
    data = deployment.root / "server"
    os.kill(deployment.server.pid, signal.SIGKILL)
    deployment.server.wait()
    shutil.rmtree(data)
    backup = str(deployment.root / "backup.tar")
    deployment.run("farhand-server", "restore", backup, "--data", str(data))
    deployment.server = deployment.resume()


def test_running_jobs_are_adopted_by_a_restored_server(bare: Deployment) -> None:
    """Output that the backup does not hold is told again; what the host had let go of is named."""
    witness, go, end = (bare.root / name for name in ("witness", "go", "end"))
    flood = "head -c 20000000 /dev/zero | tr '\\0' x"
    bare.publish("quiet", f"echo begin; {until(go)}; echo more; {until(end)}; echo end")
    bare.publish("loud", f"echo begin; {until(go)}; {flood}; {until(end)}; echo; echo end")
    bare.publish("short", f"echo $FARHAND_JOB_ID >> {witness}")
    bare.add_agent("w1")
    quiet, loud = bare.start("quiet"), bare.start("loud")
    bare.until("both began", lambda: output(bare, quiet) == output(bare, loud) == b"begin\n")
    data = str(bare.root / "server")
    bare.run("farhand-server", "backup", str(bare.root / "backup.tar"), "--data", data)
    before = bare.start("short")
    bare.until("it ended", lambda: bare.status(before) == "JOB_STATUS_COMPLETED")
    go.touch()
    bare.until("more came", lambda: output(bare, quiet) == b"begin\nmore\n")
    bare.until("all came", lambda: len(output(bare, loud)) == len(b"begin\n") + 20_000_000)

    restore(bare)
    after = bare.start("short")
    bare.until("it is given away", lambda: bare.status(after) == "JOB_STATUS_COMPLETED")
    end.touch()
    for job in (quiet, loud):
        bare.until("it is over", lambda: bare.status(job) == "JOB_STATUS_COMPLETED")  # noqa: B023
        assert bare.job(job)["attempt"] == 1
    assert output(bare, quiet) == b"begin\nmore\nend\n"
    told = bare.farhand("job", "output", loud)
    assert told.out.startswith(b"begin\n")
    assert told.out.endswith(b"x\nend\n")
    assert "the control plane lost these bytes" in told.err
    assert witness.read_text().split() == [before, after]
    assert bare.farhand("job", "show", before).code == 1
    assert bare.call("farhand-server", "check", "--data", data).code == 0


def test_jobs_wait_for_workers_that_have_not_reported_until_a_person_decides(
    bare: Deployment,
) -> None:
    bare.publish("short", "echo hello")
    bare.add_agent("w1")
    gone = bare.add_agent("w2")
    data = str(bare.root / "server")
    bare.run("farhand-server", "backup", str(bare.root / "backup.tar"), "--data", data)
    gone.kill()

    restore(bare)
    job = bare.start("short")
    bare.until("w1 is back", lambda: "w2" in bare.farhand("job", "why", job).out.decode())
    assert bare.status(job) == "JOB_STATUS_NEW"
    bare.run("farhand", "account", "release")
    bare.until("it ran", lambda: bare.status(job) == "JOB_STATUS_COMPLETED")


def test_a_running_job_outlives_output_that_was_moved_away(bare: Deployment) -> None:
    """As docs/operations.md says for a damaged output.db."""
    end = bare.root / "end"
    bare.publish("long", f"echo begin; {until(end)}; echo end")
    bare.publish("short", "echo hello")
    bare.add_agent("w1")
    old = bare.start("short")
    bare.until("it is over", lambda: bare.status(old) == "JOB_STATUS_COMPLETED")
    job = bare.start("long")
    bare.until("it began", lambda: output(bare, job) == b"begin\n")
    data = bare.root / "server"
    bare.server.terminate()
    for file in data.glob("output.db*"):
        file.rename(bare.root / file.name)
    bare.server = bare.resume()
    end.touch()
    bare.until("it is over", lambda: bare.status(job) == "JOB_STATUS_COMPLETED")

    assert output(bare, job) == b"begin\nend\n"
    assert bare.status(old) == "JOB_STATUS_COMPLETED"
    checked = bare.call("farhand-server", "check", "--data", str(data))
    assert checked.code == 0
    assert b"output of 1 job(s) is gone" in checked.out
