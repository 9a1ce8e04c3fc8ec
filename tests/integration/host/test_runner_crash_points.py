"""Each process of the root half dies at every call that changes a file, starts something or tells
its link, one after the other: the script runs once at most, what it wrote is there, its end is told
or known to be unknown, and nothing is left behind."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.crash_points import Call, points
from tests.support.host_process import HostProcess
from tests.support.runner_client import Outcome
from tests.support.runner_lives import CODE, ENTRIES, LINES, OUTPUT, Lives, is_whole

from farhand_agent.host.attempt import STARTED

#: A call that is not made every time is tried again ...
TRIES = 5
#: ... and one that is made only at times may be missed: fewer messages to the link, no hint to it
#: because it knows already, nothing to be said in the log, no attempt to be restored; nobody left
#: in a control group, because another one was first. Of all others one of a kind is reached.
MAY_BE_MISSED = ("sendmsg", "write pipe:", "write log", "mkdir #.#")
CONTROL_GROUPS = "/sys/"
AS_NOBODY = pytest.param(
    "nobody", marks=pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
)


@pytest.fixture
def lives() -> Iterator[Lives]:
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="farhand-", dir=memory) as sandbox,
        tempfile.TemporaryDirectory(prefix="fh-", dir="/tmp") as folder,
    ):
        # A script of another user passes here, and says in this file who it is.
        state = Path(folder)
        state.chmod(0o711)
        (state / "witness").touch()
        (state / "witness").chmod(0o666)
        host = HostProcess(
            state=state, sandbox=Path(sandbox), program="tests.support.crashing_agent"
        )
        host.start()
        try:
            yield Lives(host)
        finally:
            host.clean_up()
        assert "Traceback" not in host.log


@pytest.mark.timeout(300)
@pytest.mark.parametrize("run_as", ["", AS_NOBODY])
def test_a_runner_may_die_at_every_call_of_an_attempts_life(lives: Lives, run_as: str) -> None:
    lives.live(run_as=run_as)
    for call, torn, job_id, seen in _deaths(lives, "life", run_as=run_as):
        ran, before = lives.executions(job_id), lives.last_words()
        entries = sum(each.name == "writev" for each in before)
        if seen.void is not None:
            assert ran == 0, call
        elif seen.code == CODE:
            _is_right(seen, ran)
        else:
            assert torn or any(Path(each.what).name == STARTED for each in before), call
            assert entries < ENTRIES, f"its end was written down: {call}"
            assert seen.output == b"".join(LINES[:entries])
            _is_lost(seen, ran)
    lives.wait_until_nothing_is_left()


@pytest.mark.timeout(300)
def test_an_attempt_that_cannot_run_never_does_wherever_its_runner_dies(lives: Lives) -> None:
    lives.live(type="powershell")
    for _, _, job_id, seen in _deaths(lives, "life", type="powershell"):
        assert lives.executions(job_id) == 0
        assert seen.void is not None or (seen.exited is not None and seen.exited["lost"])
    lives.wait_until_nothing_is_left()


@pytest.mark.timeout(300)
def test_who_serves_what_is_left_may_die_at_every_call_as_well(lives: Lives) -> None:
    lives.live(loses_its_runner=True)
    for _, _, job_id, seen in _deaths(lives, "remains", loses_its_runner=True):
        _is_lost(seen, lives.executions(job_id))
    lives.wait_until_nothing_is_left()


@pytest.mark.timeout(300)
def test_a_spare_may_die_at_every_call_of_its_birth(lives: Lives) -> None:
    lives.live()
    for _, _, job_id, seen in _deaths(lives, "birth", spares_die=True):
        _is_right(seen, lives.executions(job_id))
    lives.wait_until_nothing_is_left()


@pytest.mark.timeout(300)
def test_who_sweeps_may_die_at_every_call_and_the_next_one_goes_on(lives: Lives) -> None:
    lives.kill_spares()
    lives.live(loses_its_runner=True)
    for _ in _deaths(lives, "sweep", loses_its_runner=True):
        lives.kill_spares()
        lives.wait_until_nothing_is_left()


@pytest.mark.timeout(300)
def test_the_launcher_may_die_at_every_call_and_no_attempt_is_lost(lives: Lives) -> None:
    lives.live()
    lives.kill_launcher()
    lives.live(loses_its_runner=True)
    for _, _, job_id, seen in _deaths(lives, "launcher", loses_its_runner=True, launcher_dies=True):
        _is_lost(seen, lives.executions(job_id))
    lives.discard()
    lives.wait_until_nothing_is_left()


def _deaths(
    lives: Lives,
    part: str,
    *,
    type: str = "bash",
    run_as: str = "",
    loses_its_runner: bool = False,
    spares_die: bool = False,
    launcher_dies: bool = False,
) -> Iterator[tuple[Call, bool, str, Outcome]]:
    """A life for each call that was made last in that part; a process dies there."""
    calls = lives.calls(part)
    reached: list[tuple[Call, bool]] = []
    for call, torn in points(calls):
        for _ in range(TRIES):
            lives.crash_at(call, torn=torn)
            if spares_die:
                lives.kill_spares()
            if launcher_dies:
                lives.kill_launcher()
            job_id, seen = lives.live(type=type, run_as=run_as, loses_its_runner=loses_its_runner)
            if lives.has_died():
                reached.append((call, torn))
                yield call, torn, job_id, seen
                break
    met = {call.key for call, _ in reached}
    missed = [call for call in calls if call.key not in met]
    missed = [call for call in missed if not call.what.startswith(CONTROL_GROUPS)]
    assert [call for call in missed if not call.key.startswith(MAY_BE_MISSED)] == []
    _tell(part, calls, reached)


def _is_right(seen: Outcome, ran: int) -> None:
    assert ran == 1
    assert seen.code == CODE
    assert seen.output == OUTPUT
    assert is_whole(seen)


def _is_lost(seen: Outcome, ran: int) -> None:
    assert seen.exited is not None
    assert seen.exited["lost"]
    assert ran <= 1
    assert OUTPUT.startswith(seen.output)
    assert is_whole(seen)


def _tell(part: str, calls: list[Call], reached: list[tuple[Call, bool]]) -> None:
    kinds = Counter(call.name for call in calls)
    torn = sum(how for _, how in reached)
    print(
        f"{part}: {len(reached) - torn} of {len(calls)} calls, "
        f"{torn} of {sum(call.may_be_torn for call in calls)} torn; "
        + ", ".join(f"{count} {name}" for name, count in kinds.most_common())
    )
