"""A real nginx in front of a server, with a configuration of the test's choice."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.support.absent import absent

PATIENCE_SECONDS = 20.0


def require_nginx() -> None:
    """Skips where there is none, and fails in CI."""
    if shutil.which("nginx"):
        return
    absent("nginx", "apt-get install nginx-light")


class Nginx:
    """A process that lives below `root`; `site` goes into its http block."""

    def __init__(self, root: Path, site: str, *, port: int) -> None:
        self._errors = root / "nginx.err"
        config = root / "nginx.conf"
        config.write_text(
            f"daemon off; pid {root}/nginx.pid; error_log {self._errors} error;\n"
            f"events {{ }}\nhttp {{\naccess_log off;\n{site}\n}}\n"
        )
        command = ["nginx", "-p", str(root), "-e", str(self._errors), "-c", str(config)]
        self._process = subprocess.Popen(command)
        self._wait_for(port)

    def errors(self) -> str:
        """What it complained of."""
        return self._errors.read_text()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _wait_for(self, port: int) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            assert self._process.poll() is None, self.errors()
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except ConnectionRefusedError:
                assert time.monotonic() < until, self.errors()
                time.sleep(0.02)
