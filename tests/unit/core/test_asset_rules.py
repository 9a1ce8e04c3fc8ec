"""Assets, as operators manage them: secrets are sealed, and opened only at their place."""

from typing import Any

import pytest
from tests.support.glass_vault import GlassVault
from tests.support.rules import Rules
from tests.support.world.rows import ACCOUNT

from farhand_server.core import events as on
from farhand_server.errors import AssetExists, AssetNotFound
from farhand_server.model.asset import Asset, AssetKind


def created(rules: Rules, kind: AssetKind = AssetKind.VARIABLE, **fields: Any) -> Any:
    return rules.ask(on.CreateAsset, **{"kind": kind, "name": "limit", **fields})


def updated(rules: Rules, kind: AssetKind = AssetKind.VARIABLE, **fields: Any) -> Any:
    return rules.ask(on.UpdateAsset, **{"kind": kind, "name": "limit", **fields})


def kept(rules: Rules, kind: AssetKind = AssetKind.VARIABLE) -> Asset:
    return rules.tables.assets[ACCOUNT, kind, "limit"]


def opened(asset: Asset) -> str:
    assert asset.sealed is not None
    return GlassVault().open(asset.sealed, f"asset {ACCOUNT} {asset.kind.value} {asset.name}")


def test_a_variable_is_kept_as_it_was_given() -> None:
    rules = Rules()
    answer = created(rules, values={"value": [1, "x"]}, description="how many")

    assert answer == kept(rules)
    assert (answer.values, answer.description) == ({"value": [1, "x"]}, "how many")
    assert (answer.sealed, answer.secrets, answer.version) == (None, (), 1)


def test_an_encrypted_variable_is_in_no_row_in_clear_and_stays_encrypted() -> None:
    rules = Rules()
    created(rules, values={"value": "hunter2"}, encrypted=True)
    assert kept(rules).values == {}
    assert opened(kept(rules)) == '{"value":"hunter2"}'

    updated(rules, values={"value": "hunter3"})
    assert kept(rules).values == {}
    assert opened(kept(rules)) == '{"value":"hunter3"}'
    assert (kept(rules).encrypted, kept(rules).version) == (True, 2)
    assert "hunter" not in repr(kept(rules))


def test_what_is_not_given_stays() -> None:
    rules = Rules()
    kind = AssetKind.CREDENTIAL
    created(rules, kind, values={"user_name": "a"}, secrets={"password": "p"}, description="d")
    rules.wait(1)
    updated(rules, kind, values={"user_name": "b"})

    asset = kept(rules, kind)
    assert (asset.values, asset.description) == ({"user_name": "b"}, "d")
    assert opened(asset) == '{"password":"p"}'
    assert asset.modified > asset.created


def test_values_change_one_by_one_and_secrets_as_a_whole() -> None:
    rules = Rules()
    kind = AssetKind.CONNECTION
    values = {"connection_type": "db", "fields": {"host": "a"}}
    created(rules, kind, values=values, secrets={"key": "k", "pin": 1})
    updated(rules, kind, values={"fields": {"host": "b"}}, secrets={"key": "n"})
    assert kept(rules, kind).values == {"connection_type": "db", "fields": {"host": "b"}}
    assert (kept(rules, kind).secrets, opened(kept(rules, kind))) == (("key",), '{"key":"n"}')

    updated(rules, kind, secrets={})
    assert (kept(rules, kind).secrets, kept(rules, kind).sealed) == ((), None)


def test_the_same_name_may_be_of_every_kind_once() -> None:
    rules = Rules()
    for kind in AssetKind:
        assert isinstance(created(rules, kind, values={}), Asset)
        refusal = created(rules, kind, values={})
        assert isinstance(refusal, AssetExists)
        assert refusal.do == f"change it: farhand {kind.value} set limit"


def test_what_is_deleted_is_gone() -> None:
    rules = Rules()
    created(rules, values={"value": 1})

    assert rules.ask(on.DeleteAsset, kind=AssetKind.VARIABLE, name="limit") is None
    assert not rules.tables.assets


@pytest.mark.parametrize("event", [on.UpdateAsset, on.DeleteAsset])
def test_what_is_not_there_is_not_found(event: Any) -> None:
    refusal = Rules().ask(event, kind=AssetKind.VARIABLE, name="limit")

    assert isinstance(refusal, AssetNotFound)
    assert 'no variable "limit"' in refusal.message
