"""The vault: what is sealed comes out at its place, with its key, and nowhere else."""

import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farhand_server.errors import StartError
from farhand_server.store.sqlite.sealing import BOX_HEAD_BYTES
from farhand_server.vault import Vault, key_id

KEY, OTHER = bytes(range(32)), bytes(32)


def vault(key: bytes = KEY) -> Vault:
    return Vault(key, chance=os.urandom)


@given(text=st.text(), place=st.text())
def test_what_is_sealed_comes_out_at_its_place(text: str, place: str) -> None:
    box = vault().seal(text, place)

    assert vault().open(box, place) == text
    if len(text) > 3:
        assert text.encode() not in box


def test_the_same_text_is_another_box_each_time() -> None:
    assert vault().seal("secret", "here") != vault().seal("secret", "here")


def test_a_box_does_not_open_elsewhere() -> None:
    box = vault().seal("secret", "job 1")

    with pytest.raises(StartError, match="damaged, or was moved there"):
        vault().open(box, "job 2")


def test_another_key_is_told_by_its_name() -> None:
    box = vault().seal("secret", "job 1")

    with pytest.raises(StartError) as refused:
        vault(OTHER).open(box, "job 1")
    assert key_id(KEY).hex() in str(refused.value)
    assert key_id(OTHER).hex() in str(refused.value)
    with pytest.raises(StartError, match=key_id(KEY).hex()):
        vault(OTHER).check([box[:BOX_HEAD_BYTES]])
    vault().check([box[:BOX_HEAD_BYTES]])


def test_no_bit_of_a_box_can_be_changed() -> None:
    box = vault().seal("secret", "job 1")
    chance = random.Random(7)
    for place in range(len(box)):
        changed = bytearray(box)
        changed[place] ^= 1 << chance.randrange(8)
        with pytest.raises(StartError):
            vault().open(bytes(changed), "job 1")


def test_a_box_that_was_cut_is_damaged() -> None:
    box = vault().seal("secret", "job 1")
    for length in range(len(box)):
        with pytest.raises(StartError):
            vault().open(box[:length], "job 1")
