"""Whom a user name means on a host."""

import pwd
from pathlib import Path

import pytest

from farhand_agent.host.users import Wanted, find_user

ROOT = pwd.getpwuid(0)
HOST = "Web03.corp.example"


class FakeDirectory:
    """What it is asked for, and the numbers of those whom it knows."""

    def __init__(self, **entries: int) -> None:
        self.asked: list[str] = []
        self._entries = entries

    def __call__(self, name: str) -> pwd.struct_passwd:
        self.asked.append(name)
        uid = self._entries[name]
        return pwd.struct_passwd((name, "x", uid, uid, "", f"/home/{uid}", ""))


@pytest.mark.parametrize(
    ("name", "plain", "domain"),
    [
        ("svc", "svc", ""),
        ("CORP\\svc", "svc", "CORP"),
        ("svc@corp.example", "svc", "corp.example"),
        ("CORP\\svc@x", "svc@x", "CORP"),
        (".\\svc", "svc", ""),
        ("web03\\svc", "svc", ""),
        ("WEB03.CORP.EXAMPLE\\svc", "svc", ""),
        ("svc@web03", "svc", ""),
        ("svc@web03.other.example", "svc", "web03.other.example"),
        ("@svc", "@svc", ""),
        ("svc@", "svc@", ""),
        ("\\svc", "\\svc", ""),
        ("CORP\\", "CORP\\", ""),
        ("a@b@corp", "a@b", "corp"),
    ],
)
def test_a_domain_that_is_the_hosts_own_name_is_none(name: str, plain: str, domain: str) -> None:
    assert Wanted.of(name, host=HOST) == Wanted(plain=plain, domain=domain)


def test_a_local_user_comes_with_groups_home_and_shell() -> None:
    found = find_user("root")

    assert found is not None
    assert (found.uid, found.gid, found.home) == (0, ROOT.pw_gid, ROOT.pw_dir)
    assert ROOT.pw_gid in found.groups
    assert found.environment == {
        "HOME": ROOT.pw_dir,
        "USER": "root",
        "LOGNAME": "root",
        "SHELL": ROOT.pw_shell,
    }


@pytest.mark.parametrize("name", ["no-such-user", "CORP\\root", "root@corp.example", "root\0x", ""])
def test_who_is_not_known_is_nobody_even_if_the_plain_name_is_somebodys(name: str) -> None:
    assert find_user(name, host=HOST) is None


@pytest.mark.parametrize("name", [".\\root", "root@web03", "WEB03\\root"])
def test_the_hosts_own_name_asks_for_a_local_user(name: str) -> None:
    found = find_user(name, host=HOST)

    assert found is not None
    assert found.uid == 0


def test_a_domain_is_asked_for_in_both_spellings_and_never_without() -> None:
    directory = FakeDirectory()

    assert find_user("CORP\\svc", host=HOST, ask=directory) is None
    assert directory.asked == ["CORP\\svc", "svc@CORP"]


def test_a_user_of_a_directory_is_found() -> None:
    directory = FakeDirectory(**{"svc@corp.example": 90_001})
    found = find_user("svc@corp.example", host=HOST, ask=directory)

    assert found is not None
    assert (found.uid, found.groups) == (90_001, (90_001,))
    assert (found.home, found.login_shell) == ("/home/90001", "/bin/sh")


def test_a_directory_that_gives_the_local_user_for_another_domain_is_not_believed(
    tmp_path: Path,
) -> None:
    local = tmp_path / "passwd"
    local.write_text("root:x:0:0::/root:/bin/sh\nsvc:x:1001:1001::/home/svc:/bin/sh\nbroken\n")
    directory = FakeDirectory(**{"CORP\\root": 0, "CORP\\svc": 90_001})

    assert find_user("CORP\\root", host=HOST, local=local, ask=directory) is None
    other = find_user("CORP\\svc", host=HOST, local=local, ask=directory)
    assert other is not None
    assert other.uid == 90_001
