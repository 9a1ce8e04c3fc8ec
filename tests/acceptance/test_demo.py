"""What a newcomer types first."""

import subprocess
import sys
from pathlib import Path


def test_the_demo_plays_to_its_end() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "listening ports: none" in done.stdout
