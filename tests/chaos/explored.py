"""Every state that a small world can come to: the breadth-first explorer, run as it is by hand."""

import importlib.util
import subprocess
import sys

from tests.chaos.report import Report, Table

EXPLORER = "tests.support.world.explorer"


def explored() -> Report:
    """Runs it to its end; it says what it found, and ends with 0 if that was nothing bad."""
    if importlib.util.find_spec(EXPLORER) is None:
        return Report(title="the explorer", skipped=[f"the explorer ({EXPLORER} is not there)"])
    done = subprocess.run(
        [sys.executable, "-m", EXPLORER], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stdout.splitlines() if line.strip()]
    table = Table(title="explorer", head=("it says",), rows=tuple((line,) for line in said))
    broken = []
    if done.returncode or not said:
        broken.append(f"the explorer ended with {done.returncode}: {done.stderr[-500:]}")
    return Report(title="the explorer", tables=[table], broken=broken)
