"""A runner whose clock the test turns: hours pass, and the machine sleeps, in no time."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.runner_process import RunnerProcess

from farhand_agent.host.wire import Kind, Phase

_HOUR_MS = 3_600_000
_OVER = "timed out after 1 h"


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[RunnerProcess]:
    with tempfile.TemporaryDirectory(prefix="farhand-") as sandbox:
        process = RunnerProcess(state=tmp_path, sandbox=Path(sandbox))
        yield process
        process.close()


def start(runner: RunnerProcess, script: str = "exec sleep 600") -> None:
    runner.link.start(script, timeout_ms=_HOUR_MS, stop_grace_ms=60_000)
    runner.link.expect(Kind.STARTED)


def test_a_script_has_all_of_its_time_and_no_more(runner: RunnerProcess) -> None:
    start(runner)
    runner.pass_(3_600 - 60)
    assert runner.phase() is Phase.RUNNING
    runner.pass_(60)

    assert runner.end()["reason"] == _OVER


def test_a_host_that_slept_notices_when_it_wakes(runner: RunnerProcess) -> None:
    """Nothing but its own tick wakes the runner."""
    start(runner)
    runner.pass_(100_000)

    assert runner.end()["reason"] == _OVER


def test_time_in_which_it_is_frozen_does_not_count(runner: RunnerProcess) -> None:
    start(runner)
    runner.pass_(3_000)
    runner.freeze()
    runner.pass_(100_000)
    assert runner.phase() is Phase.FROZEN
    runner.thaw()
    runner.pass_(500)
    assert runner.phase() is Phase.RUNNING
    for _ in range(2):
        runner.freeze()
        runner.pass_(100_000)
    for _ in range(2):
        runner.thaw()
    assert runner.phase() is Phase.RUNNING
    runner.pass_(100)

    assert runner.end()["reason"] == _OVER


def test_the_grace_of_a_stop_passes_though_the_script_was_frozen(runner: RunnerProcess) -> None:
    start(runner, "trap '' TERM; while :; do sleep 1; done")
    runner.freeze()
    runner.link.send(Kind.STOP, grace_ms=60_000)
    assert runner.phase() is Phase.RUNNING
    runner.pass_(60)
    end = runner.end()

    assert (end.get("signal"), end["stopped"]) == (9, True)
