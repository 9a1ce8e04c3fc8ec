"""Secrets: how they look, how they are recognised, how they are sealed."""

import os
import re
from dataclasses import replace

import pytest

from farhand_server.errors import StartError
from farhand_server.model.account import KeySlot
from farhand_server.model.identifiers import AccountId
from farhand_server.secrets import (
    KEY_BYTES,
    MasterKey,
    account_key,
    api_token,
    digest,
    registration_token,
)

ACCOUNT = AccountId(1)


def test_every_secret_says_what_it_is() -> None:
    token = registration_token(os.urandom)

    assert re.fullmatch(r"fh_[\w-]{43}", api_token(os.urandom))
    assert re.fullmatch(r"fhk_[\w-]{43}", account_key(os.urandom))
    assert re.fullmatch(rf"fht_{token.id}_[\w-]{{43}}", token.text)
    assert token.hash == digest(token.text)
    assert token.text not in repr(token)


def test_an_account_key_can_be_opened_again() -> None:
    master = MasterKey(os.urandom(KEY_BYTES))
    key = master.seal_key("fhk_secret", ACCOUNT, KeySlot.PRIMARY, os.urandom)

    assert master.open_key(key) == "fhk_secret"
    assert b"secret" not in key.sealed


def test_a_sealed_key_opens_only_in_its_place_and_by_its_master() -> None:
    master = MasterKey(os.urandom(KEY_BYTES))
    key = master.seal_key("fhk_secret", ACCOUNT, KeySlot.PRIMARY, os.urandom)
    moved = (
        replace(key, slot=KeySlot.SECONDARY),
        replace(key, account=AccountId(2)),
        replace(key, sealed=key.sealed[:-1] + b"\0"),
    )

    for wrong in moved:
        with pytest.raises(StartError, match="restore master"):
            master.open_key(wrong)
    with pytest.raises(StartError, match="restore master"):
        MasterKey(os.urandom(KEY_BYTES)).open_key(key)


def test_a_cut_master_key_is_noticed() -> None:
    with pytest.raises(StartError, match="has 31 bytes instead of 32"):
        MasterKey(os.urandom(31))
