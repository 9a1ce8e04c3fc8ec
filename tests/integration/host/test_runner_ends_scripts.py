"""A stop ends the whole tree and says so only then; a script that ends takes its orphans along."""

import os
import signal
import time

import pytest
from tests.support.host_process import HostProcess
from tests.support.runner_client import Outcome, RunnerClient, alive, wait_for

from farhand_agent.host.process import descendants, processes
from farhand_agent.host.wire import Kind, Phase

#: With control groups where they can be made, and without any.
pytestmark = pytest.mark.parametrize("host", ["cgroup2,freezer,pids", ""], indirect=True)

#: Three generations, two of them detached, that do not listen to SIGTERM.
_STUBBORN = """
trap '' TERM
(trap '' TERM; setsid bash -c 'trap "" TERM; echo child $BASHPID; while :; do sleep 1; done' &)
echo main $$
while :; do sleep 1; done
"""


def pids(outcome: Outcome) -> list[int]:
    return [int(line.split()[-1]) for line in outcome.output.splitlines()]


def started(client: RunnerClient, script: str, *, lines: int) -> Outcome:
    """Start, and wait for that many lines of output."""
    client.start(script)
    return client.take(Outcome(), until=lambda seen: seen.output.count(b"\n") >= lines)


def test_a_stop_ends_a_script_with_sigterm(host: HostProcess) -> None:
    client = host.spare()
    outcome = started(client, "echo ready; sleep 60", lines=1)
    client.send(Kind.STOP, grace_ms=60_000)
    client.take(outcome)

    assert outcome.exited is not None
    assert (outcome.exited["signal"], outcome.exited["stopped"]) == (signal.SIGTERM, True)


def test_a_script_may_clean_up_before_it_stops(host: HostProcess) -> None:
    client = host.spare()
    script = "trap 'echo cleaned; exit 7' TERM; echo ready; while :; do sleep 0.1; done"
    outcome = started(client, script, lines=1)
    client.send(Kind.STOP, grace_ms=60_000)
    client.take(outcome)

    assert outcome.output == b"ready\ncleaned\n"
    assert outcome.exited is not None
    assert (outcome.code, outcome.exited["stopped"]) == (7, True)


#: The traps run programs, while everything else is being told to end.
_CLEANING = """
trap 'wait; ls | wc -l; exit 7' TERM
for i in $(seq 30); do (trap "/usr/bin/touch $i" EXIT; sleep 600 & echo up; wait) & done
wait
"""


def test_a_script_may_clean_up_with_other_programs(host: HostProcess) -> None:
    client = host.spare()
    outcome = started(client, _CLEANING, lines=30)
    client.send(Kind.STOP, grace_ms=60_000)
    client.take(outcome)

    assert outcome.code == 7
    assert outcome.output.splitlines()[30:] == [b"30"]


def test_who_ignores_sigterm_is_killed_with_all_that_it_forked(host: HostProcess) -> None:
    client = host.spare()
    outcome = started(client, _STUBBORN, lines=2)
    client.send(Kind.STOP, grace_ms=300)
    client.take(outcome)

    assert outcome.exited is not None
    assert (outcome.exited["signal"], outcome.exited["stopped"]) == (signal.SIGKILL, True)
    assert [pid for pid in pids(outcome) if alive(pid)] == []


def test_a_stop_works_while_no_link_is_there(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start(_STUBBORN)
    outcome = client.take(Outcome(), until=lambda seen: seen.output.count(b"\n") == 2)
    client.send(Kind.STOP, grace_ms=100)
    client.close()
    wait_for(lambda: not any(alive(pid) for pid in pids(outcome)))
    again = host.dial(job_id)
    again.send(Kind.READ, offset=0, credit=1 << 20)

    exited = again.take(Outcome()).exited
    assert exited is not None and exited["stopped"]


def test_a_second_stop_shortens_the_grace(host: HostProcess) -> None:
    client = host.spare()
    outcome = started(client, _STUBBORN, lines=2)
    client.send(Kind.STOP, grace_ms=600_000)
    client.send(Kind.STOP, grace_ms=0)
    client.take(outcome)

    assert [pid for pid in pids(outcome) if alive(pid)] == []


def test_a_script_suspended_by_itself_can_be_stopped(host: HostProcess) -> None:
    client = host.spare()
    outcome = started(client, "echo $$; kill -STOP $$; sleep 60", lines=1)
    client.send(Kind.STOP, grace_ms=60_000)
    client.take(outcome)

    assert outcome.exited is not None
    assert outcome.exited["signal"] == signal.SIGTERM


def test_a_stop_after_the_end_changes_nothing(host: HostProcess) -> None:
    client = host.spare()
    outcome = client.run("exit 5")
    client.send(Kind.STOP, grace_ms=0)

    assert client.state()["phase"] == Phase.EXITED
    assert outcome.exited is not None
    assert (outcome.code, outcome.exited["stopped"]) == (5, False)


def test_what_a_script_leaves_behind_is_ended_with_it(host: HostProcess) -> None:
    client = host.spare()
    script = (
        "(setsid bash -c 'trap \"\" TERM; echo $BASHPID; exec sleep 600' &) ; sleep 0.2; exit 4"
    )
    began = time.monotonic()
    outcome = client.run(script)

    assert (outcome.code, outcome.exited and outcome.exited["stopped"]) == (4, False)
    assert [pid for pid in pids(outcome) if alive(pid)] == []
    assert time.monotonic() - began < 10


def test_orphan_holding_stdout(host: HostProcess) -> None:
    """Forked twice, in a session of its own, deaf to SIGTERM, stopped, and the pipe in its hand."""
    client = host.spare()
    orphan = "trap '' TERM HUP; echo $BASHPID; kill -STOP $BASHPID; while :; do sleep 1; done"
    script = f'(setsid bash -c "{orphan.replace("$", chr(92) + "$")}" &) ; sleep 0.3; exit 6'
    outcome = client.run(script)

    assert (outcome.code, outcome.exited and outcome.exited["stopped"]) == (6, False)
    (orphan_pid,) = pids(outcome)
    assert not alive(orphan_pid)
    # It had the grace of an orphan, and no more.
    *_, last = outcome.entries()
    assert 1_000 <= last.elapsed_ms < 1_300 + 5_000


def test_a_stop_reaches_what_is_forked_at_that_moment(host: HostProcess) -> None:
    client = host.spare()
    script = "for i in $(seq 450); do sleep 600 & echo $!; done; wait"
    outcome = started(client, script, lines=1)
    client.send(Kind.STOP, grace_ms=600_000)
    client.take(outcome)

    assert outcome.exited is not None
    assert outcome.exited["signal"] == signal.SIGTERM
    assert [pid for pid in pids(outcome) if alive(pid)] == []


def test_stopped_processes_do_not_outlive_a_stop(host: HostProcess) -> None:
    client = host.spare()
    child = "trap '' TERM; echo $BASHPID; kill -STOP $BASHPID; sleep 600"
    script = f"for i in 1 2 3; do ({child}) & done; echo $$; kill -STOP $$; sleep 600"
    outcome = started(client, script, lines=4)
    client.send(Kind.STOP, grace_ms=200)
    client.take(outcome)

    assert outcome.exited is not None
    assert outcome.exited["stopped"]
    assert [pid for pid in pids(outcome) if alive(pid)] == []


def test_an_orphan_that_closed_its_pipes_is_ended_too(host: HostProcess) -> None:
    client = host.spare()
    script = "setsid sleep 600 >/dev/null 2>&1 & echo $!"
    outcome = client.run(script)

    assert outcome.code == 0
    assert [pid for pid in pids(outcome) if alive(pid)] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="opens another process's pipe")
def test_a_stranger_that_holds_the_pipe_does_not_hold_up_the_end(host: HostProcess) -> None:
    client = host.spare()
    outcome = started(client, "echo $$; sleep 0.3; echo last", lines=1)
    with open(f"/proc/{pids(outcome)[0]}/fd/1", "wb"):
        began = time.monotonic()
        client.take(outcome)

    assert outcome.output.endswith(b"last\n")
    assert time.monotonic() - began < 5


def test_a_job_that_waits_for_its_output_to_be_taken_can_be_stopped(host: HostProcess) -> None:
    client = host.spare()
    client.start("echo $$; exec yes")
    outcome = client.take(Outcome(), until=lambda seen: len(seen.data) > 1_000_000)
    client.send(Kind.STOP, grace_ms=60_000)
    client.take(outcome)

    assert outcome.exited is not None
    assert outcome.exited["signal"] == signal.SIGTERM
    assert outcome.exited["size"] == len(outcome.data)


def test_done_while_it_runs_is_kept_until_it_ends(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("echo ready; sleep 600")
    client.take(Outcome(), until=lambda seen: seen.output == b"ready\n")
    client.send(Kind.STOP, grace_ms=1000)

    assert client.done()
    assert not host.home(job_id).exists()


def test_adopted_job_can_be_stopped(host: HostProcess) -> None:
    """Nomad could not (its issue 5593): what it had found again had lost its handle."""
    client = host.spare()
    job_id = client.start(_STUBBORN)
    seen = client.take(Outcome(), until=lambda seen: seen.output.count(b"\n") == 2)
    below = [each.pid for each in descendants([host.runner_of(job_id)], processes())]
    host.kill()
    host.start()
    wait_for(lambda: sum(line.startswith("link") for line in host.diary) >= 2)
    again = host.dial(job_id)
    again.send(Kind.READ, offset=0, credit=1 << 20)
    again.send(Kind.STOP, grace_ms=200)
    outcome = again.take(Outcome())

    assert outcome.output == seen.output
    assert outcome.exited is not None
    assert (outcome.exited["signal"], outcome.exited["stopped"]) == (signal.SIGKILL, True)
    assert set(pids(outcome)) <= set(below)
    assert [pid for pid in below if alive(pid)] == []
