"""A real launcher with real runners, on directories of its own."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.host_process import HostProcess


@pytest.fixture
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[HostProcess]:
    """Its parameter, if there is one: the hierarchies of control groups that it knows."""
    # Socket paths are short; tmpfs, as in life, where there is one.
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="farhand-", dir=memory) as sandbox:
        process = HostProcess(state=tmp_path, sandbox=Path(sandbox))
        process.kinds = getattr(request, "param", process.kinds)
        process.start()
        try:
            yield process
        finally:
            process.clean_up()

        assert "Traceback" not in process.log
