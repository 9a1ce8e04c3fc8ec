"""The scripts of a chaos run do what the checker believes of them, also without any product."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from tests.chaos.runbooks import ERROR, GATED, OUTPUT, RUNBOOKS, STUBBORN, Runbook, Task
from tests.chaos.witness import now, oaths

from farhand_wire.v1.runbook_pb2 import RUNBOOK_TYPE_PYTHON

#: Nobody else on this machine has it in an environment.
JOB = str(uuid.uuid4())


def command(task: Task, witness: Path) -> list[str]:
    runbook = task.runbook
    values = [str(value) for value in task.arguments(str(witness)).values()]
    if runbook.type == RUNBOOK_TYPE_PYTHON:
        return [sys.executable, "-c", runbook.script, *values]
    return ["bash", "-c", runbook.script, "script", *values]


def run(task: Task, witness: Path) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "FARHAND_JOB_ID": JOB, "FARHAND_ATTEMPT": "2"}
    with subprocess.Popen(
        command(task, witness),
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        code = process.wait(20)
        # A grandchild that holds the pipe is left to the product; here nobody else ends it.
        for pid in descendants_of_session(process.pid):
            os.kill(pid, signal.SIGKILL)
        assert process.stdout is not None and process.stderr is not None
        return subprocess.CompletedProcess((), code, process.stdout.read(), process.stderr.read())


def descendants_of_session(leader: int) -> list[int]:
    """Whoever still has the environment of our job."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and JOB.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if pid not in (leader, os.getpid())]


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda runbook: runbook.name)
def test_a_script_prints_what_is_expected_and_swears_to_it(
    runbook: Runbook, tmp_path: Path
) -> None:
    task = Task(runbook=runbook, lines=11, block=2, pause_seconds=0.01, code=3)
    witness = tmp_path / "witness"
    (tmp_path / "witness.gate3").touch()
    begun = now()

    done = run(task, witness)

    assert done.returncode == 3
    assert done.stdout == task.written(JOB, 2, OUTPUT, blocks=6)
    assert done.stderr == task.written(JOB, 2, ERROR, blocks=6)
    sworn = oaths(witness)[JOB]
    assert [oath.block for oath in sworn] == [0, 1, 2, 3, 4, 5, 6]
    assert {oath.attempt for oath in sworn} == {2}
    assert begun - 0.02 <= sworn[0].at <= sworn[-1].at <= now()


def test_a_gated_script_waits_for_its_own_gate(tmp_path: Path) -> None:
    task = Task(runbook=GATED, lines=4, code=1)
    witness = tmp_path / "witness"
    env = {**os.environ, "FARHAND_JOB_ID": JOB, "FARHAND_ATTEMPT": "1"}
    (tmp_path / "witness.gate0").touch()
    with subprocess.Popen(command(task, witness), env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        (tmp_path / "witness.gate1").touch()
        rest = process.stdout.read()

    assert first + rest == task.written(JOB, 1, OUTPUT, blocks=4)
    assert process.returncode == 1


def test_both_streams_together_are_all_lines() -> None:
    task = Task(runbook=RUNBOOKS[0], lines=1_000, block=7)

    both = [task.written(JOB, 1, stream, blocks=task.blocks) for stream in (OUTPUT, ERROR)]

    numbers = sorted(int(line.split()[0]) for text in both for line in text.splitlines())
    assert numbers == list(range(1, 1_001))


def test_a_stubborn_script_ignores_sigterm(tmp_path: Path) -> None:
    task = Task(runbook=STUBBORN, lines=3, pause_seconds=0.3)
    witness = tmp_path / "witness"
    env = {**os.environ, "FARHAND_JOB_ID": JOB, "FARHAND_ATTEMPT": "1"}
    with subprocess.Popen(
        command(task, witness), env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()

        process.terminate()

        assert process.wait(20) == 0
    assert [oath.block for oath in oaths(witness)[JOB]] == [0, 1, 2, 3]


def test_a_line_that_no_script_writes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "witness").write_text(f"{JOB} 1\n")

    with pytest.raises(ValueError):
        oaths(tmp_path / "witness")
