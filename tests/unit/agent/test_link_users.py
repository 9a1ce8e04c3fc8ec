"""Looking users up beside the event loop."""

import asyncio
import threading

from farhand_agent.host.users import JobUser
from farhand_agent.link.users import LOOKUPS, Users

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


async def test_a_directory_service_that_hangs_holds_up_neither_the_loop_nor_the_next() -> None:
    answers = threading.Event()

    def find(name: str) -> JobUser | None:
        if name == "slow":
            answers.wait()
        return SVC

    users = Users(find=find, seconds=0.05)
    try:
        refusals = await asyncio.gather(*(users.refusal("slow") for _ in range(LOOKUPS - 1)))
        assert {text.partition(": ")[2] for text in refusals} == {
            "the directory service does not answer"
        }
        # Those still hang, and there is room for one more.
        assert await users.refusal("svc") == ""
        await users.refusal("slow")
        assert "does not answer" in await users.refusal("svc")
    finally:
        answers.set()


async def test_what_hung_and_came_back_makes_room_again() -> None:
    answers = threading.Event()

    def find(name: str) -> JobUser | None:
        answers.wait()
        return SVC

    users = Users(find=find, seconds=0.01)
    await asyncio.gather(*(users.refusal("slow") for _ in range(LOOKUPS)))
    answers.set()
    for thread in threading.enumerate():
        if thread.name == "user look-up":
            thread.join()

    assert await users.refusal("svc") == ""
