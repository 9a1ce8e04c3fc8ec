"""Looking users up beside the event loop."""

import asyncio
import threading

import pytest

from farhand_agent.host.users import JobUser
from farhand_agent.link.users import LOOKUPS, Unanswered, Users

SVC = JobUser(name="svc", uid=1, gid=1, groups=(1,), home="/", login_shell="/bin/sh")


async def test_a_user_that_is_known_is_not_refused() -> None:
    assert await Users(find=lambda name: SVC).refusal("svc") == ""


async def test_a_user_that_is_not_known_is_refused_by_name() -> None:
    refusal = await Users(find=lambda name: None).refusal("svc")

    assert refusal == 'no user "svc" on this host'


async def test_a_look_up_that_fails_says_why() -> None:
    def find(name: str) -> JobUser | None:
        raise OSError(24, "Too many open files")

    refusal = await Users(find=find).refusal("svc")

    assert refusal == 'user "svc" could not be looked up: Too many open files'


async def test_a_directory_service_that_hangs_is_given_up_for_now() -> None:
    answers = threading.Event()

    def find(name: str) -> JobUser | None:
        answers.wait()
        return SVC

    try:
        with pytest.raises(Unanswered, match="the directory service does not answer"):
            await Users(find=find, seconds=0.01).refusal("svc")
    finally:
        answers.set()


async def test_one_that_hangs_holds_up_nobody_else_until_too_many_do() -> None:
    answers = threading.Event()

    def find(name: str) -> JobUser | None:
        if name == "slow":
            answers.wait()
        return SVC

    users = Users(find=find, seconds=600)
    hanging = [asyncio.create_task(users.refusal("slow")) for _ in range(LOOKUPS - 1)]
    try:
        assert await users.refusal("svc") == ""
        hanging.append(asyncio.create_task(users.refusal("slow")))
        await asyncio.sleep(0)
        with pytest.raises(Unanswered):
            await users.refusal("svc")
    finally:
        answers.set()
    assert set(await asyncio.gather(*hanging)) == {""}
    assert await users.refusal("svc") == ""
