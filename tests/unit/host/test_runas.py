"""Being another user for a moment, and looking one up without waiting for ever."""

import ctypes
import os
import pwd
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from farhand_agent.host.host import Host
from farhand_agent.host.runas import CannotRunAs, acting_as, as_whom, look_up
from farhand_agent.host.users import JobUser, find_user
from farhand_agent.host.work import Work

_PR_GET_DUMPABLE = 3
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
NOBODY = JobUser(
    name="nobody",
    uid=65534,
    gid=65534,
    groups=(65534, 12345),
    home="/nonexistent",
    login_shell="/usr/sbin/nologin",
)


@as_root
def test_a_user_is_found_in_a_child() -> None:
    found = look_up("nobody")

    assert found == find_user("nobody")
    assert found.uid == pwd.getpwnam("nobody").pw_uid


@as_root
def test_many_groups_come_through() -> None:
    many = JobUser(
        name="svc", uid=1, gid=1, groups=tuple(range(1, 60_000)), home="/", login_shell="/bin/sh"
    )

    assert look_up("svc", find=lambda name: many) == many


@as_root
def test_who_is_not_known_is_refused_by_name() -> None:
    with pytest.raises(CannotRunAs, match='no user "no-such-user" on this host'):
        look_up("no-such-user")


@as_root
def test_a_directory_service_that_hangs_is_given_up() -> None:
    def find(name: str) -> JobUser | None:
        while True:
            time.sleep(60)

    with pytest.raises(CannotRunAs, match="does not answer"):
        look_up("svc", find=find, seconds=0.05)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@as_root
def test_one_that_dies_of_the_question_has_not_answered() -> None:
    def find(name: str) -> JobUser | None:
        os._exit(1)

    with pytest.raises(CannotRunAs, match="does not answer"):
        look_up("svc", find=find)


@as_root
def test_it_is_another_user_for_a_moment_and_root_again() -> None:
    before = (os.getresuid(), os.getresgid(), os.getgroups())
    with acting_as(NOBODY):
        assert os.getresuid() == os.getresgid() == (65534, 65534, 0)
        assert set(os.getgroups()) == {65534, 12345}

    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before


@as_root
def test_it_is_root_again_after_an_error() -> None:
    before = (os.getresuid(), os.getresgid(), os.getgroups())
    with pytest.raises(ZeroDivisionError), acting_as(NOBODY):
        _ = 1 // 0

    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before


@as_root
def test_its_memory_stays_closed_to_that_user() -> None:
    with acting_as(NOBODY):
        pass

    assert ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="takes a capability away by setpriv")
@pytest.mark.parametrize("capability", ["setuid", "setgid"])
def test_a_root_that_may_not_become_others_says_so_and_stays_who_it_is(capability: str) -> None:
    """As in a container with few capabilities."""
    script = f"""
import os
from farhand_agent.host.runas import acting_as
from farhand_agent.host.users import JobUser
user = {NOBODY}
before = (os.getresuid(), os.getresgid(), os.getgroups())
try:
    with acting_as(user):
        print("became it")
except PermissionError:
    print((os.getresuid(), os.getresgid(), os.getgroups()) == before)
"""
    without = ("setpriv", "--bounding-set", f"-{capability}")
    done = subprocess.run(
        [*without, sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == "True\n"


def test_nobody_else_is_nothing_to_do() -> None:
    before = (os.getresuid(), os.getresgid(), os.getgroups())
    with acting_as(None):
        assert (os.getresuid(), os.getresgid(), os.getgroups()) == before


def test_without_a_name_the_host_is_as_it_is(host: Host) -> None:
    assert as_whom("", host, None) == (host, "")


@as_root
def test_a_job_sees_its_user(host: Host, short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    short_path.chmod(0o711)
    (short_path / "work").mkdir(exist_ok=True)
    work = Work(short_path / "work" / "1")
    seen, reason = as_whom("nobody", host, work)
    work.remove()

    entry = pwd.getpwnam("nobody")
    assert reason == ""
    assert seen.user is not None
    assert seen.user.uid == entry.pw_uid
    assert (seen.environment["USER"], seen.environment["HOME"]) == ("nobody", entry.pw_dir)


@as_root
def test_folders_that_do_not_let_a_user_pass_are_named(host: Host, short_path: Path) -> None:
    short_path.chmod(0o700)
    seen, reason = as_whom("nobody", host, None)

    assert seen is host
    assert reason == (
        f'user "nobody" cannot get to {host.sandbox.root}: each folder above it must let others '
        "pass (chmod o+x)"
    )
    assert os.geteuid() == 0
