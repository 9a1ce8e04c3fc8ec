"""The control plane's own worker: whom it dials, as whom it runs, what is said of it."""

import asyncio
import json
import os
import pwd
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from farhand_server.cloud import user as users
from farhand_server.cloud.user import Refused, User, check_hidden, cloud_user, give_folder
from farhand_server.cloud.worker import Place, cloud_worker

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
ME = User(name="me", uid=os.geteuid(), gid=os.getegid())


def place(listen: str) -> Place:
    return Place(data=Path("/d"), folder=Path("/d-cloud"), listen=listen, port=7, ca_sha256="9f2c")


@pytest.mark.parametrize(
    ("listen", "endpoint"),
    [
        ("0.0.0.0:8443", "localhost:7"),
        ("[::]:8443", "localhost:7"),
        (":8443", "localhost:7"),
        ("localhost:0", "localhost:7"),
        ("192.0.2.1:8443", "192.0.2.1:7"),
        ("[2001:db8::1]:8443", "[2001:db8::1]:7"),
    ],
)
def test_it_dials_the_port_on_this_machine(listen: str, endpoint: str) -> None:
    assert place(listen).endpoint == endpoint


def test_it_gets_nothing_of_the_servers_environment_that_may_be_secret() -> None:
    environ = {"PATH": "/bin", "FARHAND_TOKEN": "fh_x", "LANG": "C", "AWS_SECRET": "y"}

    assert ME.environment(environ, home=Path("/h")) == {
        "PATH": "/bin",
        "LANG": "C",
        "HOME": "/h",
        "USER": "me",
        "LOGNAME": "me",
    }


@as_root
def test_its_user_is_the_first_without_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cloud_user().name in users.NAMES
    assert cloud_user().uid == pwd.getpwnam(cloud_user().name).pw_uid != 0

    monkeypatch.setattr(users, "NAMES", ("root", "no-such-user"))
    with pytest.raises(Refused, match="there is no user for it") as refused:
        cloud_user()
    assert "useradd" in refused.value.do


def test_a_server_without_rights_refuses_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(Refused, match="does not run as root") as refused:
        cloud_user()
    assert "farhand token create --group cloud" in refused.value.do


@as_root
def test_its_folder_is_its_users_alone(tmp_path: Path) -> None:
    user = cloud_user()
    folder = tmp_path / "data-cloud"
    for _ in range(2):
        give_folder(folder, user)

    assert (folder.stat().st_uid, folder.stat().st_mode & 0o777) == (user.uid, 0o700)


@as_root
@pytest.mark.parametrize("kind", ["link", "file", "stranger"])
def test_another_folder_than_its_own_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "data-cloud"
    match kind:
        case "link":
            folder.symlink_to(tmp_path)
        case "file":
            folder.write_text("")
        case _:
            folder.mkdir()
            os.chown(folder, 12345, 12345)
    before = tmp_path.stat().st_uid

    with pytest.raises(Refused, match="data-cloud"):
        give_folder(folder, cloud_user())
    assert tmp_path.stat().st_uid == before


def test_a_user_that_can_look_into_the_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "master.key").write_bytes(b"k")

    with pytest.raises(Refused, match=r"can read the control plane's data") as refused:
        check_hidden(tmp_path, ME)
    assert refused.value.why == f"{tmp_path}: master.key"


# --- the server's side ----------------------------------------------------------------------


def keeper(*lines: object, after: str = "sys.stdin.read()") -> list[str]:
    """A program that says this, and ends when it hears no more."""
    said = "".join(f"{json.dumps(line)}\n" for line in lines)
    return [sys.executable, "-c", f"import sys; print({said!r}, end='', flush=True); {after}"]


async def no_token() -> str:
    raise AssertionError("no token is wanted")


async def heard(command: list[str], wanted: Callable[[list[str]], bool]) -> list[str]:
    """What is said of the worker until that holds."""
    said: list[str] = []
    news = asyncio.Event()

    def away(why: str) -> None:
        said.append(why)
        news.set()

    async with asyncio.timeout(20), cloud_worker(command, token=no_token, away=away):
        while not wanted(said):
            news.clear()
            await news.wait()
    return said


async def test_a_worker_that_runs_is_not_away() -> None:
    assert await heard(keeper({"runs": "nobody"}), bool) == [""]


async def test_a_refusal_is_told_and_final() -> None:
    refused = {"refused": {"what": "it cannot", "why": "no user", "do": "make one"}}

    assert await heard(keeper(refused), bool) == ["it cannot; no user"]


async def test_a_worker_that_ends_is_away_until_it_runs_again() -> None:
    lines = ({"ended": "lost"}, {"runs": "nobody"})
    said = await heard(keeper(*lines), lambda said: len(said) == 2)

    assert said == ["the control plane's own worker has ended: lost", ""]


async def test_a_keeper_that_dies_is_told_of() -> None:
    said = await heard(keeper(after="sys.exit(9)"), bool)

    assert said == ["the process that keeps its own worker has ended"]


async def test_what_is_no_message_does_no_harm() -> None:
    command = [
        sys.executable,
        "-c",
        "print('Traceback'); print('[1]'); print('{\"runs\": \"me\"}')",
    ]

    assert (await heard(command, bool))[0] == ""


async def test_a_token_is_given_when_it_is_wanted_and_by_no_other_way() -> None:
    said = asyncio.Event()
    after = "print('{\"ended\": \"' + sys.stdin.readline().strip() + '\"}', flush=True)"
    told: list[str] = []

    async def token() -> str:
        return "fht_made_now"

    def away(why: str) -> None:
        told.append(why)
        said.set()

    command = keeper({"wants": "token"}, after=after)
    async with asyncio.timeout(20), cloud_worker(command, token=token, away=away):
        await said.wait()

    assert told[0].endswith("fht_made_now")
    assert "fht_" not in " ".join(place("localhost:1").command)


async def test_a_worker_that_cannot_join_gets_the_same_token_again() -> None:
    made: list[str] = []
    told: list[str] = []
    news = asyncio.Event()
    again = 'print(\'{"wants": "token"}\', flush=True)'
    tell = "print('{\"ended\": \"' + sys.stdin.readline().strip() + '\"}', flush=True)"
    runs = 'print(\'{"runs": "me"}\', flush=True)'

    async def token() -> str:
        made.append(f"t{len(made)}")
        return made[-1]

    def away(why: str) -> None:
        told.append(why.rpartition(" ")[2])
        news.set()

    after = "; ".join([tell, again, tell, runs, again, tell, "sys.stdin.read()"])
    command = keeper({"wants": "token"}, after=after)
    async with asyncio.timeout(20), cloud_worker(command, token=token, away=away):
        while len(told) < 4:
            news.clear()
            await news.wait()

    assert told == ["t0", "t0", "", "t1"]
