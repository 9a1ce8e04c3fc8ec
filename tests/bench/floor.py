"""What the same work costs on this machine without Farhand."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def echo(file: Path) -> float:
    """Seconds of one local `echo hi` whose output is appended to a file."""
    begun = time.perf_counter()
    done = subprocess.run(["bash", "-c", "echo hi"], stdout=subprocess.PIPE, check=True)
    with file.open("ab") as target:
        target.write(done.stdout)
    return time.perf_counter() - begun


def pool(file: Path, count: int) -> float:
    """Jobs per second of a local pool of four."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(lambda _: echo(file), range(count)))
    return count / (time.perf_counter() - begun)


def pipe(script: str, file: Path) -> float:
    """Seconds of a local script whose output is read from a pipe and written to a file."""
    begun = time.perf_counter()
    with subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        with file.open("wb", buffering=0) as target:
            while piece := process.stdout.read(65536):
                target.write(piece)
    return time.perf_counter() - begun
