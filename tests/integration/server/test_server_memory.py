"""What a server leaves behind when it is told to dump its memory."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.server_process import environment


def dumps(process: subprocess.Popen[bytes]) -> bool:
    """Ends it, with a core dump if it can be had."""
    most = resource.RLIM_INFINITY
    if os.geteuid() != 0:
        most = resource.prlimit(process.pid, resource.RLIMIT_CORE)[1]
    resource.prlimit(process.pid, resource.RLIMIT_CORE, (most, most))
    process.send_signal(signal.SIGABRT)
    ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    process.wait()
    return ended.si_code == os.CLD_DUMPED


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone can close a memory")
def test_a_server_leaves_no_core_dump(tmp_path: Path, data: Path) -> None:
    other = subprocess.Popen(["sleep", "600"], cwd=tmp_path)
    if not dumps(other):
        pytest.skip("nothing dumps core on this machine")
    with subprocess.Popen(
        [sys.executable, "-m", "farhand_server", "run", "--data", str(data)],
        env=environment(tmp_path),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    ) as server:
        try:
            assert server.stderr is not None
            assert any(b'"ready"' in line for line in server.stderr)

            assert not dumps(server)
        finally:
            server.kill()
