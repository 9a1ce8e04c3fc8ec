"""The launcher keeps a link, refuses a second agent, and goes when it is told to."""

import os
import pwd
import signal
import tempfile
import uuid
from pathlib import Path

import pytest
from tests.support.host_process import HostProcess
from tests.support.runner_client import wait_for

from farhand_agent.host.launcher import run_launcher
from farhand_agent.host.lock import StateInUse
from farhand_agent.host.sandbox import AttemptId


def links(host: HostProcess) -> list[int]:
    """Process numbers of the links so far."""
    return [int(line.split()[1]) for line in host.diary if line.startswith("link")]


def test_a_link_that_dies_is_started_again(host: HostProcess) -> None:
    first = wait_for(lambda: links(host))[0]
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: len(links(host)) == 2)

    assert "the link ended with -9; starting it again in 0.1 s" in host.log


@pytest.mark.parametrize("code", [0, 3])
def test_a_link_can_end_the_agent(host: HostProcess, code: int) -> None:
    first = wait_for(lambda: links(host))[0]
    (host.state / "new").write_text(str(code))
    (host.state / "new").rename(host.state / "exit")
    os.kill(first, signal.SIGKILL)

    assert host.wait() == code


def test_the_link_dies_with_its_launcher(host: HostProcess) -> None:
    link = wait_for(lambda: links(host))[0]
    host.kill()

    wait_for(lambda: not os.path.exists(f"/proc/{link}"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_agent_ends_when_it_is_told_to(host: HostProcess, number: int) -> None:
    wait_for(lambda: links(host))
    os.kill(host.pid, number)

    assert host.wait() == 0
    wait_for(lambda: host.spares() == [])


def test_a_new_spare_is_hinted_at(host: HostProcess) -> None:
    wait_for(lambda: links(host))
    before = host.diary.count("hint")
    client = host.spare()
    client.start("sleep 60")

    wait_for(lambda: host.diary.count("hint") > before)


def test_a_spare_that_dies_is_replaced(host: HostProcess) -> None:
    wait_for(lambda: links(host))
    dead = host.spares()
    for path in dead:
        os.kill(host.runner(path), signal.SIGKILL)

    wait_for(lambda: not {*dead} & {*host.spares()})
    assert host.spare().run("echo fine").output == b"fine\n"


def test_a_second_agent_on_the_same_state_is_refused(host: HostProcess) -> None:
    wait_for(lambda: links(host))
    with pytest.raises(StateInUse) as refusal:
        run_launcher(
            state=host.state,
            sandbox_root=host.sandbox.root,
            link_main=lambda hints: 0,
            environ={},
        )

    assert str(refusal.value) == f"another agent (process {host.pid}) runs on {host.state}"


def test_what_dead_runners_left_is_swept_away(host: HostProcess) -> None:
    wait_for(lambda: links(host))
    host.stop()
    wait_for(lambda: host.spares() == [])
    (host.state / "work" / "99999999" / "deep").mkdir(parents=True)
    (host.sandbox.spares / "old").mkdir()
    host.start()

    wait_for(lambda: not (host.state / "work" / "99999999").exists())
    wait_for(lambda: not (host.sandbox.spares / "old").exists())


def test_what_was_not_swept_goes_with_the_next_runner_that_dies(host: HostProcess) -> None:
    """Whoever swept may have died as well."""
    (spare, *_) = wait_for(host.spares)
    work = host.sandbox.work(2**22 + 1)  # no process has that number
    spool = host.sandbox.overflow(AttemptId(job_id=str(uuid.uuid4()), attempt=1))
    work.mkdir()
    spool.mkdir()
    os.kill(host.runner(spare), signal.SIGKILL)

    wait_for(lambda: not work.exists() and not spool.exists())


def test_the_journal_keeps_its_name(host: HostProcess) -> None:
    wait_for(lambda: links(host))
    journal_id = host.sandbox.journal_id
    host.stop()
    host.start()
    wait_for(lambda: len(links(host)) == 2)

    assert host.sandbox.journal_id == journal_id
    assert len(journal_id) == 32


def test_grpc_is_not_loaded_before_the_link_is_forked(host: HostProcess) -> None:
    wait_for(lambda: links(host))

    assert host.diary[0].endswith("False")


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_a_link_of_another_user_may_dial_runners_and_read_nothing() -> None:
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(prefix="fh-", dir="/tmp") as folder:
        os.chmod(folder, 0o711)
        state = Path(folder) / "state"
        state.mkdir(mode=0o700)
        os.chown(state, nobody.pw_uid, -1)
        host = HostProcess(state=state, sandbox=Path(folder) / "s", link_user="nobody")
        host.start()
        try:
            wait_for(lambda: links(host))
            loader = (state / "loader").read_text()
        finally:
            host.clean_up()

        ids = f"({nobody.pw_uid}, {nobody.pw_uid}, {nobody.pw_uid})"
        # What the link needs was read before, by who may read it.
        assert loader == "(0, 0, 0)"
        assert host.diary[0].startswith(f"user {ids} groups [{nobody.pw_gid}]")
        assert host.diary[1:7] == [
            "journal 32",
            *["dialled spare", "ran 0"] * 2,
            "may not read a script",
        ]
