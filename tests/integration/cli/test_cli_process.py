"""The command as a process of its own: signals, closed pipes, terminals, a server that restarts."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.authority import Authority
from tests.support.control_plane import ControlPlane

from farhand_wire.v1 import job_pb2

ID = "0197c2e1-0000-4000-8000-000000000000"
Spawn = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def spawn(environment: dict[str, str]) -> Iterator[Spawn]:
    """Starts the command; it is ended with the test."""
    running: list[subprocess.Popen[bytes]] = []

    def spawn(*words: str, **options: Any) -> subprocess.Popen[bytes]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        environ = {**os.environ, "TERM": "xterm", **environment}
        environ.pop("NO_COLOR", None)
        words = (sys.executable, "-m", "farhand_cli", *words)
        running.append(subprocess.Popen(words, env=environ, **pipes))
        return running[-1]

    yield spawn
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def job(plane: ControlPlane) -> None:
    plane.add_job(
        ID, runbook="slow", runbook_version=1, run_on="dc1", status=job_pb2.JOB_STATUS_RUNNING
    )


def read_until(descriptor: int, wanted: bytes) -> bytes:
    """What a terminal shows until `wanted` is there."""
    shown = b""
    deadline = time.monotonic() + 30
    while wanted not in shown:
        assert time.monotonic() < deadline, shown
        shown += os.read(descriptor, 4096)
    return shown


def test_lines_are_there_while_the_job_runs(spawn: Spawn, plane: ControlPlane) -> None:
    process = spawn("job", "follow", ID)
    assert process.stdout

    for line in (b"one\n", b"two\n"):
        plane.say(ID, line)
        assert process.stdout.readline() == line


def test_ctrl_c_leaves_and_says_how_to_come_back(spawn: Spawn, plane: ControlPlane) -> None:
    process = spawn("job", "follow", ID)
    assert process.stdout and process.stderr
    plane.say(ID, b"one\n")
    process.stdout.readline()

    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)

    assert process.returncode == 130
    assert f"left; the job goes on. Back: farhand job follow {ID}" in said.decode()
    assert b"Traceback" not in said


def test_a_reader_that_goes_away_ends_it_quietly(spawn: Spawn, plane: ControlPlane) -> None:
    process = spawn("job", "follow", ID)
    assert process.stdout and process.stderr
    plane.say(ID, b"one\n")
    process.stdout.readline()
    process.stdout.close()

    plane.say(ID, b"x" * 100_000)
    said = process.stderr.read()

    assert process.wait(timeout=30) == 141
    assert len(said.splitlines()) == 1
    assert b"state=Running" in said


def test_a_follower_outlives_a_restart_of_the_server(
    spawn: Spawn, plane: ControlPlane, certificates: Authority
) -> None:
    plane.say(ID, b"before\n")
    process = spawn("job", "follow", ID)
    assert process.stdout
    process.stdout.readline()

    plane.stop()
    with ControlPlane(port=plane.port, certificates=certificates) as again:
        again.spools = plane.spools
        again.say(ID, b"after\n")
        again.change(ID, status=job_pb2.JOB_STATUS_COMPLETED, exit_code=0)
        output, said = process.communicate(timeout=60)

    assert (process.returncode, output) == (0, b"after\n")
    assert b"connection lost at byte 7;" in said
    assert b"went on at byte 7, nothing missed" in said


def test_an_unreachable_server_is_told_without_noise(spawn: Spawn, plane: ControlPlane) -> None:
    plane.stop()

    process = spawn("job", "list")
    _, said = process.communicate(timeout=30)

    assert process.returncode == 1
    assert [line.split(b":")[0].strip() for line in said.splitlines()] == [b"error", b"why", b"do"]


def test_an_untrusted_server_is_told_without_noise(spawn: Spawn, plane: ControlPlane) -> None:
    process = spawn("--ca", os.devnull, "job", "list")
    _, said = process.communicate(timeout=30)

    assert process.returncode == 1
    assert [line.split(b":")[0].strip() for line in said.splitlines()] == [b"error", b"why", b"do"]


def test_a_terminal_shows_a_status_line_and_colours(spawn: Spawn, plane: ControlPlane) -> None:
    screen, terminal = pty.openpty()
    spawn("job", "follow", ID, stdout=terminal, stderr=terminal)
    os.close(terminal)

    shown = read_until(screen, b"Ctrl-C leaves it running")
    plane.say(ID, b"one\n")
    shown += read_until(screen, b"one\r\n")
    plane.change(ID, status=job_pb2.JOB_STATUS_COMPLETED, exit_code=0)
    shown += read_until(screen, b"| 4 B\r\n")
    os.close(screen)

    assert shown.startswith(b"job 0197c2e1  slow v1 -> dc1\r\n\r\x1b[2K[>] running")
    assert b"\r\x1b[2Kone\r\n" in shown
    assert b"\x1b[32m[ok]\x1b[0m Completed, exit 0 (from the runbook)" in shown


def test_a_terminal_gets_short_ids_and_colours_in_lists(spawn: Spawn) -> None:
    screen, terminal = pty.openpty()
    spawn("job", "list", stdout=terminal)
    os.close(terminal)

    shown = read_until(screen, b"0197c2e1  -")
    os.close(screen)

    assert b"\x1b[34m> running\x1b[0m" in shown
