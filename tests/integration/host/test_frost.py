"""A real tree of processes stands still when that is said of it, however it forks."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.runner_client import wait_for

from farhand_agent.host.process import Process, descendants, processes, thread_states

#: Counts in a file for as long as it lives.
_COUNT = "while :; do i=$((i + 1)); echo $i >> {}; done"
_DOUBLE_FORK = f"""
(setsid bash -c '{_COUNT}' >/dev/null 2>&1 &)
(setsid bash -c "(setsid bash -c '{_COUNT}' &)" >/dev/null 2>&1 &)
{_COUNT}
"""
_FORKS = """
for n in 1 2 3 4; do (while :; do /bin/true & /bin/true; wait; echo >> {}; done) & done
wait
"""
#: subprocess uses vfork: the parent waits in the kernel for a child that may be stopped.
_VFORKS = """
import subprocess, threading
def fork():
    while True:
        subprocess.run(["/bin/true"])
        open({!r}, "a").write("x")
for _ in range(3):
    threading.Thread(target=fork).start()
"""
_WITHOUT_ITS_FIRST_THREAD = """
import ctypes, threading
def count():
    while True:
        open({!r}, "a").write("x")
threading.Thread(target=count).start()
ctypes.CDLL(None).pthread_exit(None)
"""


class Tree:
    """A script, and the process that freezes it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def tell(self, command: str) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def processes(self) -> list[Process]:
        return [each for each in descendants([self._process.pid], processes()) if each.lives]

    def moving(self) -> list[Process]:
        """Those of which a thread executes something."""
        return [each for each in self.processes() if thread_states(each.pid) & set("RS")]


@contextmanager
def tree(type_: str, script: str, reached: str = "all") -> Iterator[Tree]:
    command = [sys.executable, "-m", "tests.support.frost_process", type_, script, reached]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Tree(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0


def grows(*paths: Path) -> None:
    """Wait until each of these files has become longer."""
    before = [_size(path) for path in paths]
    wait_for(lambda: all(_size(path) > size for path, size in zip(paths, before, strict=True)))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextmanager
def control(path: Path) -> Iterator[Callable[[], None]]:
    """Waits until another process, which nobody freezes, has counted for a while."""
    counter = subprocess.Popen(["/bin/bash", "-c", _COUNT.format(path)])

    def pass_() -> None:
        enough = _size(path) + 2_000
        wait_for(lambda: _size(path) > enough)

    try:
        yield pass_
    finally:
        counter.kill()
        counter.wait()


def test_a_tree_with_double_forks_stands_still_and_goes_on(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one", "two", "three")]
    with (
        control(tmp_path / "control") as time_passes,
        tree("bash", _DOUBLE_FORK.format(*files)) as script,
    ):
        grows(*files)
        assert script.tell("freeze") == "frozen"
        assert len(script.processes()) == 3
        assert script.moving() == []
        sizes = [_size(path) for path in files]
        time_passes()

        assert [_size(path) for path in files] == sizes
        assert script.tell("freeze") == "frozen"
        assert script.tell("thaw") == "thawed"
        grows(*files)


def test_a_tree_that_forks_all_the_time_is_outrun(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with tree("bash", _FORKS.format(file)) as script:
        for _ in range(10):
            grows(file)
            assert script.tell("freeze") == "frozen"
            assert script.moving() == []
            assert script.tell("thaw") == "thawed"


def test_a_parent_that_waits_for_its_vfork_stands_still(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with tree("python", _VFORKS.format(str(file))) as script:
        for _ in range(20):
            grows(file)
            assert script.tell("freeze") == "frozen"
            assert script.moving() == []
            size = _size(file)
            assert script.tell("step") == "True"
            assert _size(file) == size
            assert script.tell("thaw") == "thawed"


def test_a_process_whose_first_thread_has_ended_stands_still(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with tree("python", _WITHOUT_ITS_FIRST_THREAD.format(str(file))) as script:
        grows(file)
        wait_for(lambda: any("Z" in thread_states(each) for each in _children(script)))
        assert script.tell("freeze") == "frozen"
        assert all(not thread_states(each) & set("RSD") for each in _children(script))
        size = _size(file)
        assert script.tell("step") == "True"
        assert _size(file) == size
        script.tell("thaw")
        grows(file)


def _children(script: Tree) -> list[int]:
    """Those that the kernel calls dead while a thread of theirs lives included."""
    return [each.pid for each in descendants([script._process.pid], processes())]


def test_a_thread_that_moves_is_seen_when_its_first_one_has_ended(tmp_path: Path) -> None:
    file = tmp_path / "file"
    script_of = _WITHOUT_ITS_FIRST_THREAD.format(str(file))
    with tree("python", script_of, reached="nobody") as script:
        grows(file)
        wait_for(lambda: any("Z" in thread_states(each) for each in _children(script)))

        assert [script.tell("step") for _ in range(5)] == ["False"] * 5


def test_a_shell_that_waits_for_a_job_does_not_find_it_stopped(tmp_path: Path) -> None:
    file, gone_on = tmp_path / "file", tmp_path / "gone-on"
    script_of = f"set -m; bash -c '{_COUNT.format(file)}'; touch {gone_on}"
    with tree("bash", script_of) as script:
        for _ in range(20):
            grows(file)
            assert script.tell("freeze") == "frozen"
            assert script.tell("thaw") == "thawed"

        assert not gone_on.exists()


def test_who_cannot_be_stopped_is_not_called_frozen(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with tree("bash", _COUNT.format(file), reached="nobody") as script:
        grows(file)

        assert [script.tell("step") for _ in range(5)] == ["False"] * 5


def test_nobody_is_frozen_at_once() -> None:
    with tree("bash", "exit 0") as script:
        wait_for(lambda: script.processes() == [])

        assert script.tell("freeze") == "frozen"
        assert script.tell("thaw") == "thawed"
