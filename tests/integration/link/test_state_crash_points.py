"""A machine dies at every call by which it keeps who it is: its next start finds what it was or
what it was about to be, is let in with that, and no key of a worker that it left behind stays."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests.support.crashing_state import SERVICE_USER, STORIES
from tests.support.machine import ATTEMPT, AUTHORITIES

Death = dict[str, Any]
OWNER = SERVICE_USER if os.geteuid() == 0 else os.geteuid()


@pytest.fixture(scope="module")
def deaths() -> dict[str, list[Death]]:
    """By story; the first one of each did not die."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="f-", dir=memory) as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.crashing_state", folder],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {story: [each for each in told if each["story"] == story] for story in STORIES}


@pytest.mark.parametrize("story", STORIES)
def test_there_is_a_death_at_every_call(deaths: dict[str, list[Death]], story: str) -> None:
    first, *others = deaths[story]
    torn = sum(death["torn"] for death in others)

    assert not first["died"]
    assert others
    assert all(death["died"] for death in others)
    print(f"{story}: {len(others) - torn} of {len(others) - torn} calls, {torn} of {torn} torn")


def test_a_machine_that_joins_is_one_worker_wherever_it_dies(
    deaths: dict[str, list[Death]],
) -> None:
    for death in deaths["joins"]:
        _is_well(death)

        if death["found"]["worker"] is None:
            # The token is not used a second time.
            assert death["workers"] == [death["at last"]["worker"]], death
        else:
            assert death["at last"]["worker"] != death["found"]["worker"], death


def test_a_machine_that_joins_anew_is_the_old_worker_or_the_new_one(
    deaths: dict[str, list[Death]],
) -> None:
    told = deaths["joins anew"]
    for death in told:
        _is_well(death)

        (old,) = death["old"]
        found, authority = death["found"]["worker"], death["found"]["authority"]
        assert found in death["workers"], death
        assert AUTHORITIES[found != old] in authority, death
        # Asked once more for a new identity, it has a new one.
        assert death["at last"]["worker"] not in (old, found), death
    assert {death["found"]["worker"] in death["old"] for death in told} == {True, False}


def test_a_machine_whose_registration_was_refused_may_try_again(
    deaths: dict[str, list[Death]],
) -> None:
    for death in deaths["is refused"]:
        _is_well(death)

        assert death["found"]["worker"] is None
        assert len(death["workers"]) == 1


def test_a_machine_that_connects_is_let_in_wherever_it_died_before(
    deaths: dict[str, list[Death]],
) -> None:
    for death in deaths["connects"]:
        _is_well(death)

        assert [death["found"]["worker"]] == death["old"] == death["workers"]


def test_a_machine_that_leaves_is_a_worker_or_is_not(deaths: dict[str, list[Death]]) -> None:
    told = deaths["leaves"]
    for death in told:
        _is_well(death)

        assert death["at last"]["worker"] not in death["old"]
    assert {death["found"]["worker"] in death["old"] for death in told} == {True, False}


@pytest.mark.parametrize(("story", "attempts"), [("hosts", []), ("hosts again", [ATTEMPT])])
def test_a_start_that_was_cut_short_is_made_good_by_the_next(
    deaths: dict[str, list[Death]], story: str, attempts: list[str]
) -> None:
    for death in deaths[story]:
        first, second = death["then"]["journals"]
        assert first == second
        assert len(first) == 32
        assert death["then"]["attempts"] == attempts


def _is_well(death: Death) -> None:
    """It started again, connected, did once more what it was about to do, and connected."""
    for life in ("found", "then", "at last"):
        assert death[life] is not None, (life, death)
        assert "error" not in death[life], (life, death)
    assert death["at last"]["worker"] is not None
    assert death["at last"]["owners"] == [OWNER], death
    assert death["found"].get("left", []) == [], death
