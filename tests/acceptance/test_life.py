"""The life of a job with real processes: frozen, timed, lost with its runner, given up."""

import os
import signal
from functools import partial
from pathlib import Path

from tests.acceptance.conftest import Deployment

#: Says a number ten times a second, until the file `go` is there.
COUNTS = 'i=0; until [ -e {go} ]; do i=$((i+1)); echo "$i"; sleep 0.1; done\n'


def runner_of(bare: Deployment, job: str) -> int:
    """The process that serves the job: the parent of its script."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            stat = (entry / "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if f"FARHAND_JOB_ID={job}".encode() in variables:
            parent = int(stat[1])
            if b"FARHAND_JOB_ID" not in Path(f"/proc/{parent}/environ").read_bytes():
                return parent
    raise AssertionError(f"nobody serves {job}")


def test_a_job_stands_still_and_goes_on_where_it_was(bare: Deployment, tmp_path: Path) -> None:
    go = tmp_path / "go"
    bare.publish("counts", COUNTS.format(go=go))
    bare.add_agent("w1")
    job = bare.start("counts")
    bare.until("it counts", lambda: b"\n3\n" in bare.farhand("job", "output", job).out)

    assert bare.farhand("job", "suspend", job).code == 0
    bare.until("it stands still", lambda: bare.status(job) == "JOB_STATUS_SUSPENDED")
    said = bare.farhand("job", "output", job).out
    why = bare.json("job", "why", job)
    assert why["code"] == "frozen"
    assert bare.farhand("job", "output", job).out == said

    assert bare.farhand("job", "resume", job).code == 0
    bare.until("it goes on", lambda: len(bare.farhand("job", "output", job).out) > len(said))
    go.touch()
    followed = bare.farhand("job", "follow", job, "--from-start")
    numbers = [int(line) for line in followed.out.split()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert (followed.code, bare.job(job)["attempt"]) == (0, 1)


def test_a_runbook_ends_in_time(bare: Deployment) -> None:
    bare.publish("forever", "echo begun; sleep 600\n")
    assert bare.farhand("runbook", "set", "forever", "--timeout", "1s").code == 0
    bare.add_agent("w1")
    done = bare.farhand("start", "forever", "--run-on", "demo", "--follow")

    assert (done.out, done.code) == (b"begun\n", 3)
    newest = bare.newest()
    assert newest["status"] == "JOB_STATUS_FAILED"
    assert "timed out after 1 s" in str(newest["statusDetails"])


def _says(file: Path, line: str) -> bool:
    return file.exists() and line in file.read_text()


def test_a_job_that_may_run_again_does_so_three_times(bare: Deployment, tmp_path: Path) -> None:
    """Its runner is killed each time."""
    bare.publish("again", f"echo attempt $FARHAND_ATTEMPT >> {tmp_path}/witness; sleep 600\n")
    assert bare.farhand("runbook", "set", "again", "--delivery", "at-least-once").code == 0
    bare.add_agent("w1")
    job = bare.start("again")
    witness = tmp_path / "witness"
    for number in (1, 2, 3):
        bare.until(f"it runs, {number}", partial(_says, witness, f"attempt {number}\n"))
        os.kill(runner_of(bare, job), signal.SIGKILL)

    bare.until("it is given up", lambda: bare.status(job) == "JOB_STATUS_SUSPENDED")
    shown = bare.job(job)
    assert shown["suspension"] == "SUSPENSION_EXHAUSTED"
    assert "The job action was attempted three times." in str(shown["statusDetails"])
    assert len(shown["attempts"]) == 3  # type: ignore[arg-type]
    assert witness.read_text() == "attempt 1\nattempt 2\nattempt 3\n"


def test_a_job_that_may_not_run_again_waits_for_a_person(bare: Deployment, tmp_path: Path) -> None:
    bare.publish("once", f"echo ran >> {tmp_path}/witness; sleep 600\n")
    bare.add_agent("w1")
    job = bare.start("once")
    bare.until("it runs", (tmp_path / "witness").exists)
    os.kill(runner_of(bare, job), signal.SIGKILL)
    bare.until("nobody knows", lambda: bare.status(job) == "JOB_STATUS_SUSPENDED")
    assert bare.job(job)["suspension"] == "SUSPENSION_INDETERMINATE"

    closed = bare.farhand("job", "force-close", job, "--reason", "looked: it had done nothing")
    assert closed.code == 0
    assert bare.status(job) == "JOB_STATUS_FAILED"
    assert (tmp_path / "witness").read_text() == "ran\n"
