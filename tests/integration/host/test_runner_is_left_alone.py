"""A script that no server wants runs to its end by itself, unless one wants it after all."""

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.runner_client import Outcome, wait_for
from tests.support.runner_process import RunnerProcess

from farhand_agent.host.wire import FIRST_CREDIT, Kind, Phase

#: More than that, and a job waits until somebody takes it.
_SPOOL_BYTES = 2_000_000


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[RunnerProcess]:
    with tempfile.TemporaryDirectory(prefix="farhand-") as sandbox:
        process = RunnerProcess(state=tmp_path, sandbox=Path(sandbox), spool_bytes=_SPOOL_BYTES)
        yield process
        process.close()


def start(runner: RunnerProcess, tmp_path: Path, *, size: int) -> None:
    """A script that waits for a file `go`, writes so much, and leaves a file `over`."""
    runner.link.start(
        f"until [ -e {tmp_path}/go ]; do sleep 0.01; done;"
        f"head -c {size} /dev/zero; touch {tmp_path}/over"
    )
    runner.link.expect(Kind.STARTED)


def test_a_script_that_is_left_alone_ends_by_itself(runner: RunnerProcess, tmp_path: Path) -> None:
    start(runner, tmp_path, size=10)
    runner.link.send(Kind.DONE)
    assert runner.phase() is Phase.RUNNING
    (tmp_path / "go").touch()

    assert runner.ended() == 0
    assert (tmp_path / "over").exists()


def test_a_script_that_is_left_alone_does_not_wait_for_its_output_to_be_taken(
    runner: RunnerProcess, tmp_path: Path
) -> None:
    start(runner, tmp_path, size=5 * _SPOOL_BYTES)
    runner.link.send(Kind.DONE)
    (tmp_path / "go").touch()

    assert runner.ended() == 0
    assert (tmp_path / "over").exists()


def test_a_script_that_waits_for_its_output_to_be_taken_goes_on_when_it_is_left_alone(
    runner: RunnerProcess, tmp_path: Path
) -> None:
    (tmp_path / "go").touch()
    start(runner, tmp_path, size=3 * _SPOOL_BYTES)
    runner.redial()
    wait_for(lambda: runner.link.state()["size"] >= _SPOOL_BYTES)
    assert not (tmp_path / "over").exists()
    runner.link.send(Kind.DONE)

    assert runner.ended() == 0
    assert (tmp_path / "over").exists()


def test_a_script_that_is_wanted_after_all_is_kept_with_all_that_it_wrote(
    runner: RunnerProcess, tmp_path: Path
) -> None:
    start(runner, tmp_path, size=100_000)
    runner.link.send(Kind.DONE)
    runner.redial()
    runner.link.send(Kind.READ, offset=0, credit=FIRST_CREDIT)
    (tmp_path / "go").touch()
    seen = runner.link.take(Outcome())

    assert len(seen.output) == 100_000
    assert seen.code == 0
    assert runner.phase() is Phase.EXITED


def test_a_runner_that_is_told_to_go_as_it_goes_by_itself_goes_once(
    runner: RunnerProcess,
) -> None:
    runner.link.run("true")
    # It wakes with both before it.
    runner.signal(signal.SIGSTOP)
    runner.link.send(Kind.DONE)
    runner.signal(signal.SIGTERM)
    runner.signal(signal.SIGCONT)

    assert runner.ended() == 0
