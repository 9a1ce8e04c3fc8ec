"""A disk that can be full is full when it says so, and gone afterwards."""

import os
from pathlib import Path

import pytest
from tests.chaos.disk import small_disk


def test_a_full_disk_takes_nothing_and_a_freed_one_does(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    with small_disk(place, megabytes=4) as disk:
        if disk is None:
            # Without the right to mount it is a directory, and chaos says so in its report.
            assert os.geteuid() != 0 or not os.path.ismount(place)
            (place / "file").write_bytes(b"x")
            return
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            (place / "file").write_bytes(b"x")
        disk.free()
        (place / "file").write_bytes(bytes(1_000_000))

    assert not os.path.ismount(place)
