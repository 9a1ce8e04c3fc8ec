"""What a job signals, whatever happens between a look and a signal."""

import os
import subprocess
import sys
from pathlib import Path


def test_a_stop_reaches_what_was_forked_behind_its_look(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.late_fork_job", os.fspath(tmp_path)],
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )

    assert done.stdout == b"15 False\n"
