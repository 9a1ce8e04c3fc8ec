"""Names that become paths are checked; directories are ours alone."""

import os
import shutil
from pathlib import Path

import pytest

from farhand_agent.host.folder import NotOurs, own_directory
from farhand_agent.host.home import PARAMETERS, SCRIPT, Home
from farhand_agent.host.sandbox import Address, AttemptId, Sandbox

JOB = "0190a0b1-0000-7000-8000-00000000000a"


@pytest.fixture
def sandbox(short_path: Path) -> Sandbox:
    sandbox = Sandbox(root=short_path / "sandbox", state=short_path)
    sandbox.make("boot")
    return sandbox


@pytest.mark.parametrize(
    ("job_id", "attempt"),
    [
        ("..", 1),
        ("", 1),
        (JOB + "/", 1),
        (JOB.upper(), 1),
        (JOB + "\n", 1),
        (JOB, 0),
        (JOB, -1),
        (JOB, True),
        (JOB, "1"),
        (JOB, 1.0),
        (JOB, 2**31),
        (None, 1),
    ],
)
def test_only_a_uuid_and_a_number_become_a_path(job_id: str, attempt: int) -> None:
    with pytest.raises(ValueError):
        AttemptId(job_id=job_id, attempt=attempt)


def test_a_folder_names_its_attempt_in_one_way_only() -> None:
    attempt = AttemptId(job_id=JOB, attempt=12)

    assert AttemptId.of_folder(attempt.folder) == attempt
    for name in ("spares", JOB, f"{JOB}.", f"{JOB}.x", f"{JOB}.012", f"{JOB}.1.2", f"{JOB}.²"):
        assert AttemptId.of_folder(name) is None


def test_a_runner_that_takes_a_job_is_listed_by_its_attempt(sandbox: Sandbox) -> None:
    spare, busy = sandbox.new_home(), sandbox.new_home()
    attempt = AttemptId(job_id=JOB, attempt=1)
    busy.move(sandbox.attempt_path(attempt))

    assert sandbox.addresses() == [
        Address(socket=spare.socket, attempt=None),
        Address(socket=busy.socket, attempt=attempt),
    ]
    assert list(sandbox.attempts()) == [attempt]
    spare.close()
    busy.close()


def test_two_runners_cannot_take_the_same_attempt(sandbox: Sandbox) -> None:
    first, second = sandbox.new_home(), sandbox.new_home()
    path = sandbox.attempt_path(AttemptId(job_id=JOB, attempt=1))
    first.write("grant", b"{}")
    first.move(path)
    second.write("grant", b"{}")

    with pytest.raises(OSError):
        second.move(path)
    first.close()
    second.close()


def test_a_home_is_held_by_one_process(sandbox: Sandbox) -> None:
    home = sandbox.new_home()

    assert Home.hold(home.path) is None
    home.close()
    again = Home.hold(home.path)
    assert again is not None
    again.close()


def test_a_claim_is_made_once(sandbox: Sandbox) -> None:
    home = sandbox.new_home()
    home.write("started", b"void")

    with pytest.raises(FileExistsError):
        home.write("started", b"ran")
    assert home.read("started") == b"void"
    home.close()


def test_clearing_leaves_the_socket_and_nothing_that_a_script_made(sandbox: Sandbox) -> None:
    home = sandbox.new_home()
    home.socket.touch()
    home.name_runner(1)
    (home.path / "deep" / "er").mkdir(parents=True)
    (home.path / "link").symlink_to("/etc")
    home.clear()

    assert sorted(path.name for path in home.path.iterdir()) == ["runner", "sock"]
    home.close()


def test_the_directories_are_closed_to_others(sandbox: Sandbox) -> None:
    home = sandbox.new_home()
    home.close()

    passable = 0o011 if os.geteuid() == 0 else 0
    modes = [path.stat().st_mode & 0o777 for path in (sandbox.root, sandbox.spares, home.path)]
    assert modes == [0o700 | passable, 0o700, 0o700 | passable]


def test_what_the_script_reads_lies_in_a_folder_of_its_own(sandbox: Sandbox) -> None:
    home = sandbox.new_home()
    home.make_job()
    home.write(SCRIPT, b"secret")
    home.close()

    assert home.script == home.path / "job" / "script"
    assert home.script.parent.stat().st_mode & 0o777 == 0o700
    assert home.script.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_what_the_script_reads_is_given_to_its_user_and_nothing_else(sandbox: Sandbox) -> None:
    home = sandbox.new_home()
    home.make_job()
    home.write("grant", b"")
    home.write(SCRIPT, b"secret")
    (home.path / "job" / "link").symlink_to(home.path / "grant")
    home.job_socket.touch()
    home.give_job(12345, 54321)
    home.close()

    given = (home.script, home.script.parent, home.path / "job" / "link", home.job_socket)
    for path in given:
        assert (path.lstat().st_uid, path.lstat().st_gid) == (12345, 54321)
    assert (home.path / "grant").stat().st_uid == home.path.stat().st_uid == 0


@pytest.mark.parametrize("left", ["nothing", "a file", "a folder", "no script"])
def test_clearing_takes_that_folder_whatever_a_script_made_of_it(
    sandbox: Sandbox, left: str
) -> None:
    home = sandbox.new_home()
    home.make_job()
    if left != "no script":
        home.write(SCRIPT, b"")
        home.write(PARAMETERS, b"")
    if left == "a file":
        home.write("job/more", b"")
    if left == "a folder":
        home.script.unlink()
        (home.script / "deep").mkdir(parents=True)
    home.clear()
    home.close()

    assert list(home.path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="gives directories to another group")
def test_the_links_group_may_look_and_dial_but_not_read(short_path: Path) -> None:
    sandbox = Sandbox(root=short_path / "sandbox", state=short_path, group=12345)
    sandbox.make("boot")
    home = sandbox.new_home()
    home.write("script", b"secret")
    home.socket.touch()
    sandbox.share(home.socket, 0o600)
    home.close()

    modes = [
        (path.stat().st_gid, path.stat().st_mode & 0o777)
        for path in (sandbox.root, sandbox.spares, home.path, home.socket)
    ]
    assert modes == [(12345, 0o751), (12345, 0o750), (12345, 0o711), (12345, 0o660)]
    assert (home.path / "script").stat().st_mode & 0o777 == 0o600


def test_the_journal_is_named_once_a_boot(sandbox: Sandbox) -> None:
    name = sandbox.journal_id
    sandbox.make("boot")

    assert sandbox.journal_id == name
    sandbox.make("another boot")
    assert sandbox.journal_id != name


def test_a_spool_whose_attempt_is_gone_is_forgotten(sandbox: Sandbox) -> None:
    known, gone = (AttemptId(job_id=JOB, attempt=number) for number in (1, 2))
    for attempt in (known, gone):
        sandbox.overflow(attempt).mkdir()
    sandbox.attempt_path(known).mkdir()

    assert sandbox.forgotten() == [sandbox.overflow(gone)]


def test_no_spool_is_forgotten_where_the_memory_of_all_is_gone(sandbox: Sandbox) -> None:
    sandbox.overflow(AttemptId(job_id=JOB, attempt=1)).mkdir()
    shutil.rmtree(sandbox.root)

    assert sandbox.forgotten() == []


def test_a_path_that_no_socket_fits_below_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="File name too long"):
        Sandbox(root=tmp_path / ("x" * 90), state=tmp_path).make("boot")


def test_a_link_or_a_file_is_not_our_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")

    for name in ("file", "link", "dangling"):
        with pytest.raises(NotOurs):
            own_directory(tmp_path / name)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a directory away")
def test_a_strangers_directory_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)

    with pytest.raises(NotOurs):
        own_directory(tmp_path / "theirs")


def test_a_mode_that_is_too_wide_is_corrected(tmp_path: Path) -> None:
    (tmp_path / "wide").mkdir(mode=0o755)
    own_directory(tmp_path / "wide")

    assert (tmp_path / "wide").stat().st_mode & 0o777 == 0o700
