"""What hunts secrets finds them in every form, or it would prove nothing."""

import json
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

import pytest
from tests.support.canaries import Canary, Hunter

CANARY = Canary.new("bird")
RAW = CANARY.text.encode()


@pytest.mark.parametrize(
    "data",
    [
        RAW,
        RAW[:16],
        RAW[-16:],
        RAW.hex().encode(),
        RAW.hex().upper().encode(),
        json.dumps({"a": CANARY.text}).encode(),
        json.dumps({"a": CANARY.text}, ensure_ascii=False).encode(),
        *(b64encode(bytes(before) + RAW + b"?") for before in range(4)),
        *(urlsafe_b64encode(bytes(before) + RAW) for before in range(4)),
    ],
)
def test_it_is_found_in_every_form(data: bytes, tmp_path: Path) -> None:
    hunter = Hunter([CANARY, Canary.new("another")])
    (tmp_path / "nest").write_bytes(b"around it " + data + b" and more")

    assert hunter.names(data) == {"bird"}
    assert hunter.in_files(tmp_path) == {tmp_path / "nest": {"bird"}}


def test_nothing_is_found_where_nothing_is() -> None:
    assert Hunter([CANARY]).names(b"*** " + RAW[1:15] + b"\n") == set()


def test_a_canary_in_the_name_of_a_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / RAW[:16].decode()
    path.touch()

    assert Hunter([CANARY]).in_files(tmp_path) == {path: {"bird"}}
