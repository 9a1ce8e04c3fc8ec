"""A frozen job stands still with all that it forked, until it is thawed or stopped."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.host_process import HostProcess
from tests.support.runner_client import Outcome, RunnerClient, alive, wait_for

from farhand_agent.host.process import descendants, process, processes
from farhand_agent.host.wire import FIRST_CREDIT, Kind, Phase

#: With control groups where they can be made, and without any.
pytestmark = pytest.mark.parametrize("host", ["cgroup2,freezer,pids", ""], indirect=True)

_COUNTS = "echo $$; while :; do echo tick; sleep 0.01; done"
#: Three that count, two of them orphans.
_DOUBLE_FORKS = """
count() { while :; do echo $BASHPID; sleep 0.01; done; }
(setsid bash -c 'while :; do echo $BASHPID; sleep 0.01; done' &)
(count &)
count
"""


def started(host: HostProcess, script: str, *, lines: int) -> tuple[RunnerClient, str, Outcome]:
    """A job that has written that many lines."""
    client = host.spare()
    job_id = client.start(script)
    seen = client.take(Outcome(), until=lambda seen: seen.output.count(b"\n") >= lines)
    return client, job_id, seen


def freeze(client: RunnerClient, seen: Outcome) -> None:
    client.ask(Kind.FREEZE, Kind.FROZEN, seen)


def thaw(client: RunnerClient, seen: Outcome) -> None:
    client.ask(Kind.THAW, Kind.THAWED, seen)


def main_process(host: HostProcess, job_id: str) -> int:
    note = host.home(job_id) / "pid"
    return int(wait_for(lambda: note.read_bytes().split() if note.exists() else [])[0])


def activity(host: HostProcess, job_id: str) -> dict[int, int]:
    """What each process of a job has done so far: ticks of its clock, and switches to others."""
    return {
        each.pid: _did(each.pid)
        for each in descendants([host.runner_of(job_id)], processes())
        if each.lives
    }


def _did(pid: int) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        switches = sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
        used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return switches + sum(map(int, used))
    return -1


def stands_still(host: HostProcess, job_id: str) -> bool:
    """Whether nothing of a job moves while another one runs."""
    before = activity(host, job_id)
    assert host.spare().run("for i in $(seq 20); do sleep 0.01; done").code == 0
    return activity(host, job_id) == before


def _state(pid: int) -> str:
    found = process(pid)
    return found.state if found is not None else ""


def goes_on(client: RunnerClient, seen: Outcome) -> None:
    before = len(seen.output)
    client.take(seen, until=lambda seen: len(seen.output) > before + 50)


def drained(client: RunnerClient, seen: Outcome) -> None:
    """What it had written before it was frozen was read, and delivered."""
    client.send(Kind.WHAT)
    client.take(seen, until=lambda seen: seen.told[-1] is Kind.STATE)


def test_a_frozen_job_stands_still_and_goes_on(host: HostProcess) -> None:
    client, job_id, seen = started(host, _COUNTS, lines=5)
    freeze(client, seen)
    drained(client, seen)
    written = seen.output
    assert stands_still(host, job_id)
    drained(client, seen)

    assert seen.output == written
    thaw(client, seen)
    goes_on(client, seen)


def test_a_frozen_tree_with_double_forks_stands_still(host: HostProcess) -> None:
    client, job_id, seen = started(host, _DOUBLE_FORKS, lines=3)
    client.take(seen, until=lambda seen: len(set(seen.output.split())) == 3)
    freeze(client, seen)

    counting = {int(line) for line in seen.output.split()}
    assert counting <= set(activity(host, job_id))
    assert stands_still(host, job_id)
    thaw(client, seen)
    before = len(seen.output)
    client.take(seen, until=lambda seen: len(set(seen.output[before:].split())) >= 3)


def test_what_was_written_before_a_freeze_is_delivered_while_it_lasts(host: HostProcess) -> None:
    client, written = host.spare(), host.state / "written"
    job_id = client.start(f"head -c 300000 /dev/zero; touch {written}; sleep 600")
    wait_for(written.exists)
    client.send(Kind.FREEZE)
    client.close()
    successor = host.dial(job_id)
    successor.send(Kind.READ, offset=0, credit=FIRST_CREDIT)
    seen = successor.take(Outcome(), until=lambda seen: len(seen.output) == 300_000)

    freeze(successor, seen)
    successor.send(Kind.FREE, durable=len(seen.data))
    drained(successor, seen)
    assert stands_still(host, job_id)


def test_a_frozen_job_is_found_frozen_by_the_next_link(host: HostProcess) -> None:
    client, job_id, seen = started(host, _COUNTS, lines=1)
    freeze(client, seen)
    client.close()
    successor = host.dial(job_id)

    assert successor.state()["phase"] == Phase.FROZEN
    successor.send(Kind.THAW)
    successor.expect(Kind.THAWED)
    assert successor.state()["phase"] == Phase.RUNNING


def test_a_frozen_job_survives_a_restart_of_the_agent_as_frozen(host: HostProcess) -> None:
    client, job_id, seen = started(host, _COUNTS, lines=1)
    freeze(client, seen)
    host.kill()
    host.start()
    wait_for(lambda: sum(line.startswith("link") for line in host.diary) >= 2)
    successor = host.dial(job_id)

    assert successor.state()["phase"] == Phase.FROZEN
    assert stands_still(host, job_id)
    seen = Outcome()
    successor.send(Kind.READ, offset=0, credit=FIRST_CREDIT)
    thaw(successor, seen)
    goes_on(successor, seen)


def test_who_froze_it_may_be_gone_when_it_stands_still(host: HostProcess) -> None:
    client, job_id, _ = started(host, _COUNTS, lines=1)
    client.send(Kind.FREEZE)
    client.leave()

    wait_for(lambda: host.dial(job_id).state()["phase"] == Phase.FROZEN)


def test_every_freeze_and_every_thaw_is_answered(host: HostProcess) -> None:
    client, _, seen = started(host, _COUNTS, lines=1)
    for _ in range(2):
        freeze(client, seen)
    for _ in range(2):
        thaw(client, seen)
    freeze(client, seen)

    asked = [kind for kind in seen.told if kind in (Kind.FROZEN, Kind.THAWED)]
    assert asked == [Kind.FROZEN] * 2 + [Kind.THAWED] * 2 + [Kind.FROZEN]


def test_a_job_that_was_continued_by_a_stranger_is_frozen_again(host: HostProcess) -> None:
    client, job_id, seen = started(host, _COUNTS, lines=1)
    freeze(client, seen)
    os.kill(main_process(host, job_id), signal.SIGCONT)
    freeze(client, seen)

    assert stands_still(host, job_id)


def test_started_is_said_before_frozen(host: HostProcess) -> None:
    client = host.spare()
    client.start("sleep 600")
    client.send(Kind.FREEZE)
    seen = client.take(Outcome(), until=lambda seen: Kind.FROZEN in seen.told)

    assert seen.told == [Kind.STARTED, Kind.FROZEN]


def test_neither_is_answered_after_the_end(host: HostProcess) -> None:
    client = host.spare()
    client.run("exit 5")
    client.send(Kind.FREEZE)
    client.send(Kind.THAW)

    assert client.state()["phase"] == Phase.EXITED


def test_a_thaw_leaves_alone_what_was_never_frozen(host: HostProcess) -> None:
    client, _, seen = started(host, "echo $$; kill -STOP $$", lines=1)
    script = int(seen.output)
    wait_for(lambda: _state(script) == "T")
    thaw(client, seen)

    assert _state(script) == "T"


@pytest.mark.parametrize(
    ("script", "by"),
    [(_DOUBLE_FORKS, signal.SIGTERM), (f"trap '' TERM; {_DOUBLE_FORKS}", signal.SIGKILL)],
    ids=["obeys", "ignores"],
)
def test_stop_ends_a_frozen_job(host: HostProcess, script: str, by: int) -> None:
    client, job_id, seen = started(host, script, lines=3)
    client.take(seen, until=lambda seen: len(set(seen.output.split())) == 3)
    freeze(client, seen)
    below = [each.pid for each in descendants([host.runner_of(job_id)], processes())]
    client.send(Kind.STOP, grace_ms=300 if by == signal.SIGKILL else 60_000)
    client.take(seen)

    assert seen.exited is not None
    assert (seen.exited["signal"], seen.exited["stopped"]) == (by, True)
    assert [pid for pid in below if alive(pid)] == []


def test_a_stop_overtakes_a_freeze_that_cannot_be_reached(host: HostProcess) -> None:
    client, _, seen = started(host, _DOUBLE_FORKS, lines=3)
    client.send(Kind.FREEZE)
    client.send(Kind.STOP, grace_ms=60_000)
    client.take(seen)

    assert seen.exited is not None
    assert seen.exited["stopped"]


def test_a_frozen_script_that_is_killed_from_outside_ends_with_its_orphans(
    host: HostProcess,
) -> None:
    client, job_id, seen = started(host, _DOUBLE_FORKS, lines=3)
    client.take(seen, until=lambda seen: len(set(seen.output.split())) == 3)
    freeze(client, seen)
    below = [each.pid for each in descendants([host.runner_of(job_id)], processes())]
    os.kill(main_process(host, job_id), signal.SIGKILL)
    client.take(seen)

    assert seen.exited is not None
    assert (seen.exited["signal"], seen.exited["stopped"]) == (signal.SIGKILL, False)
    assert [pid for pid in below if alive(pid)] == []


def test_what_a_lost_runner_left_frozen_is_ended(host: HostProcess) -> None:
    client, job_id, seen = started(host, _COUNTS, lines=1)
    main = main_process(host, job_id)
    freeze(client, seen)
    runner = host.runner_of(job_id)
    os.kill(runner, signal.SIGKILL)
    wait_for(lambda: host.runner_of(job_id) != runner)
    again = host.dial(job_id)

    assert again.state()["phase"] == Phase.EXITED
    assert process(main) is None or not alive(main)
