"""Only what provably belongs to a lost attempt is killed; its end is told as far as known."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from farhand_agent.host.home import Home
from farhand_agent.host.host import Host
from farhand_agent.host.process import process
from farhand_agent.host.recovery import LOST, RESTARTED, recover
from farhand_agent.host.sandbox import AttemptId
from farhand_agent.host.spool import Spool
from farhand_agent.host.wire import Phase
from farhand_wire.spool import Exit

ATTEMPT = AttemptId(job_id="0190a0b1-0000-7000-8000-00000000000a", attempt=2)


@pytest.fixture
def home(host: Host) -> Iterator[Home]:
    home = host.sandbox.new_home()
    home.write("grant", b'{"boot_id": "this boot"}')
    home.write("started", b"ran")
    home.move(host.sandbox.attempt_path(ATTEMPT))
    yield home
    home.close()


@contextmanager
def sleeping(**variables: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["/bin/sleep", "600"], env=variables) as child:
        try:
            yield child
        finally:
            child.kill()


def started(child: subprocess.Popen[bytes]) -> int:
    found = process(child.pid)
    assert found is not None

    return found.started


def test_the_script_is_killed(host: Host, home: Home) -> None:
    with sleeping() as child:
        home.write("pid", f"{child.pid} {started(child)}".encode())
        found = recover(ATTEMPT, home, host)

        assert child.wait(10) == -9
    assert found.spool is not None
    assert found.spool.exit == Exit(reason=LOST, lost=True)


def test_who_only_got_its_number_lives_on(host: Host, home: Home) -> None:
    with sleeping() as child:
        home.write("pid", f"{child.pid} {started(child) - 1}".encode())
        recover(ATTEMPT, home, host)

        assert child.poll() is None


def test_a_detached_child_is_known_by_its_environment(host: Host, home: Home) -> None:
    ours = {"FARHAND_JOB_ID": ATTEMPT.job_id, "FARHAND_ATTEMPT": "2"}
    with sleeping(**ours) as child, sleeping(**(ours | {"FARHAND_ATTEMPT": "1"})) as other:
        recover(ATTEMPT, home, host)

        assert child.wait(10) == -9
        assert other.poll() is None


def test_nothing_is_killed_after_another_boot(host: Host, home: Home) -> None:
    (home.path / "grant").write_bytes(b'{"boot_id": "another boot"}')
    with sleeping() as child:
        home.write("pid", f"{child.pid} {started(child)}".encode())
        found = recover(ATTEMPT, home, host)

        assert child.poll() is None
    assert found.reason == RESTARTED
    assert found.spool is not None and found.spool.exit is None


def test_a_grant_that_was_torn_by_a_power_loss_is_of_another_boot(host: Host, home: Home) -> None:
    (home.path / "grant").write_bytes(b'{"boot_')
    found = recover(ATTEMPT, home, host)

    assert (found.phase, found.reason) == (Phase.EXITED, RESTARTED)


def test_only_in_the_same_boot_a_missing_claim_proves_that_nothing_ran(
    host: Host, home: Home
) -> None:
    (home.path / "started").unlink()
    (home.path / "grant").write_bytes(b'{"boot_id": "another boot"}')

    assert recover(ATTEMPT, home, host).phase is Phase.EXITED
    (home.path / "started").unlink()
    (home.path / "grant").write_bytes(b'{"boot_id": "this boot"}')
    assert recover(ATTEMPT, home, host).phase is Phase.VOID


def test_a_known_end_is_not_changed(host: Host, home: Home) -> None:
    spool = Spool(home.path, host.sandbox.overflow(ATTEMPT))
    spool.end(Exit(code=7), 1)
    spool.close()
    found = recover(ATTEMPT, home, host)

    assert found.spool is not None
    assert found.spool.exit == Exit(code=7)
    assert found.spool.crc == spool.crc


def test_a_void_attempt_stays_void_with_its_reason(host: Host, home: Home) -> None:
    (home.path / "started").write_bytes(b"void no such interpreter")
    found = recover(ATTEMPT, home, host)

    assert (found.phase, found.reason) == (Phase.VOID, "no such interpreter")


def test_what_cannot_be_killed_does_not_hold_up_the_end_for_ever(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.unkillable_job", os.fspath(tmp_path)],
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )

    assert done.stdout == b"3 True\n"
