"""The runner keeps a script's time, whoever else lives, and whatever its machine does meanwhile."""

import signal

from tests.support.host_process import HostProcess
from tests.support.runner_client import Outcome, RunnerClient, alive, wait_for

from farhand_agent.host.linux import boot_seconds
from farhand_agent.host.wire import FIRST_CREDIT, Kind, Phase

_HOUR_MS = 3_600_000
#: A child that was orphaned twice, and neither listens to SIGTERM.
_STUBBORN = """
trap '' TERM
(setsid bash -c 'trap "" TERM; echo $BASHPID; while :; do sleep 1; done' &)
echo $$
while :; do sleep 1; done
"""


def started(client: RunnerClient, script: str, *, lines: int, **fields: int) -> Outcome:
    client.start(script, **fields)
    return _lines(client, lines)


def _lines(client: RunnerClient, lines: int) -> Outcome:
    return client.take(Outcome(), until=lambda seen: seen.output.count(b"\n") >= lines)


def how(seen: Outcome) -> tuple[object, ...]:
    """Reason, and that it was not stopped."""
    assert seen.exited is not None
    return tuple(seen.exited.get(name) for name in ("reason", "code", "signal", "stopped"))


def timed_out(words: str) -> tuple[object, ...]:
    return (f"timed out after {words}", None, None, False)


def test_a_script_that_takes_too_long_is_ended(host: HostProcess) -> None:
    seen = host.spare().run("echo begun; sleep 600", timeout_ms=400)

    assert seen.output == b"begun\n"
    assert how(seen) == timed_out("400 ms")
    assert list(seen.entries())[-1].elapsed_ms >= 400


def test_a_script_that_ends_in_time_is_left_alone(host: HostProcess) -> None:
    client = host.spare()

    assert client.run("exit 3", timeout_ms=_HOUR_MS).code == 3
    assert client.done()
    # Nor does its time end the job after it.
    assert client.run("exit 4", timeout_ms=1).exited is not None
    assert client.done()
    assert client.run("sleep 0.1; exit 5").code == 5


def test_a_script_that_ignores_sigterm_times_out(host: HostProcess) -> None:
    client = host.spare()
    seen = started(client, _STUBBORN, lines=2, timeout_ms=1000, stop_grace_ms=300)
    client.take(seen)

    assert how(seen) == timed_out("1 s")
    assert [pid for pid in map(int, seen.output.split()) if alive(pid)] == []


def test_what_a_script_leaves_with_after_its_time_does_not_matter(host: HostProcess) -> None:
    script = "trap 'echo cleaned; exit 0' TERM; while :; do sleep 0.05; done"
    seen = host.spare().run(script, timeout_ms=500, stop_grace_ms=60_000)

    assert seen.output == b"cleaned\n"
    assert how(seen) == timed_out("500 ms")


def test_a_timeout_is_kept_with_agent_and_server_dead(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start(_STUBBORN, timeout_ms=2000, stop_grace_ms=100)
    seen = _lines(client, 2)
    client.close()
    host.kill()
    wait_for(lambda: not any(alive(pid) for pid in map(int, seen.output.split())))
    again = host.dial(job_id)
    wait_for(lambda: again.state()["phase"] == Phase.EXITED)
    again.send(Kind.READ, offset=0, credit=FIRST_CREDIT)

    assert how(again.take(Outcome())) == timed_out("2 s")


def test_a_stop_that_came_first_wins(host: HostProcess) -> None:
    client = host.spare()
    seen = started(client, _STUBBORN, lines=2, timeout_ms=1000)
    client.send(Kind.STOP, grace_ms=600_000)
    over = boot_seconds() + 1.5
    wait_for(lambda: boot_seconds() > over)
    assert client.state()["phase"] == Phase.RUNNING
    client.send(Kind.STOP, grace_ms=0)
    client.take(seen)

    assert how(seen) == (None, None, signal.SIGKILL, True)


def test_a_stop_that_came_later_shortens_the_grace_and_no_more(host: HostProcess) -> None:
    client = host.spare()
    script = "trap 'echo late' TERM; while :; do sleep 0.1; done"
    seen = started(client, script, lines=1, timeout_ms=1000, stop_grace_ms=600_000)
    client.send(Kind.STOP, grace_ms=0)
    client.take(seen)

    assert how(seen) == timed_out("1 s")
