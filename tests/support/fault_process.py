"""The fault proxy as a process of its own, for tests whose programs are processes as well."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


class FaultProcess:
    """One path to a server, good until it is told otherwise."""

    def __init__(self, to: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fault_proxy", "--to", to],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        words = self._read().split()
        assert words[0] == "listening"
        self.endpoint = f"localhost:{words[1].rpartition(':')[2]}"

    def set(self, fault: str) -> None:
        """From now on this fault, for instance "half-open" or "delay 200"."""
        answer = self._say(fault)
        assert answer == "ok", answer

    @property
    def accepted(self) -> int:
        """Connections that came until now."""
        return int(self._say("status").partition("accepted=")[2].split()[0])

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _say(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
