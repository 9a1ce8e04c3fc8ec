"""How a machine becomes a worker: who is let in, who is not and why."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support import samples
from tests.support.rules import Rules, entry
from tests.support.world.rows import ACCOUNT, GROUP, KEY, OPERATOR

from farhand_server.core import events as on
from farhand_server.core.effects import EndSession, Wake
from farhand_server.errors import TokenRefused, WorkerExists
from farhand_server.model import frames
from farhand_server.model.account import KeySlot, RegistrationToken
from farhand_server.model.clock import UnixMs
from farhand_server.model.job import JobStatus
from farhand_server.model.worker import Facts

TOKEN = samples.token(expires=UnixMs(1_700_000_100_000))


@pytest.fixture
def rules() -> Rules:
    rules = Rules()
    rules.ask(on.CreateRegistrationToken, token=TOKEN)
    return rules


def token(rules: Rules) -> RegistrationToken:
    return rules.tables.tokens[TOKEN.id]


# --- who is let in --------------------------------------------------------------------------


def test_a_token_makes_a_worker_and_burns_one_use_in_one_transaction(rules: Rules) -> None:
    commits = rules.store.commits
    session = rules.register(token_hash=TOKEN.hash)

    worker = rules.worker("web01")
    registered = rules.only(frames.Registered, session)
    assert rules.store.commits == commits + 1
    assert token(rules).uses_left == TOKEN.uses - 1
    assert (registered.worker, registered.worker_name) == (worker.id, "web01")
    assert (registered.group, registered.account) == ("dc1", "default")
    assert rules.only(frames.Welcome, session).session_number == worker.issued_number == 1


def test_the_account_key_lets_a_machine_join_any_group(rules: Rules) -> None:
    rules.register(group="elsewhere")

    assert rules.worker("web01").group_name == "elsewhere"
    assert token(rules).uses_left == TOKEN.uses


def test_an_unknown_group_is_made_and_a_known_one_joined(rules: Rules) -> None:
    rules.register("web01", group="new")
    rules.register("web02", group="new")

    groups = [group.name for group in rules.tables.groups.values()]
    assert groups == [GROUP.name, "new"]
    assert rules.worker("web01").group == rules.worker("web02").group


def test_a_new_key_replaces_the_old_one(rules: Rules) -> None:
    new = samples.key(KeySlot.PRIMARY, hash="n" * 64)
    rules.ask(on.ReplaceAccountKey, key=new)
    rules.register("web01", token_hash=KEY.hash)
    assert isinstance(rules.refusal(), TokenRefused)

    rules.register("web01", token_hash=new.hash)
    assert rules.worker("web01").joined_with == new.hash


# --- a lost answer --------------------------------------------------------------------------


def test_the_same_request_again_gets_the_same_worker_and_burns_no_use(rules: Rules) -> None:
    first = rules.register(token_hash=TOKEN.hash)
    worker = rules.worker("web01")
    second = rules.register(token_hash=TOKEN.hash)

    assert rules.only(frames.Registered, second).worker == worker.id
    assert rules.only(frames.Welcome, second).session_number == 1
    assert token(rules).uses_left == TOKEN.uses - 1
    assert [e.session for e in rules.followed(EndSession)] == [first]


def test_a_lost_answer_is_given_again_even_when_the_token_is_used_up_by_then(rules: Rules) -> None:
    rules.ask(on.CreateRegistrationToken, token=replace(TOKEN, uses=1, uses_left=1))
    rules.register(token_hash=TOKEN.hash)
    rules.ask(on.RevokeRegistrationToken, token=TOKEN.id)
    session = rules.register(token_hash=TOKEN.hash)

    assert rules.only(frames.Registered, session).worker == rules.worker("web01").id


def test_a_worker_that_registers_again_while_it_runs_a_job_is_still_watched() -> None:
    rules = Rules()
    rules.running("web01")
    session = rules.register("web01")
    rules.lose(session)
    rules.wait(46)

    assert rules.job().status is JobStatus.DISCONNECTED


# --- who is not let in ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "fields", "why"),
    [
        ({}, {"token_hash": "f" * 64}, "no registration token and no account key"),
        ({"revoked": True}, {}, "was revoked"),
        ({"expires": UnixMs(1_700_000_010_000)}, {}, "has expired"),
        ({}, {"group": "dc2"}, "is for group dc1, not for dc2"),
        ({"uses_left": 0}, {}, "is used up"),
        ({}, {"address": "198.51.100.1"}, "may not be used from 198.51.100.1"),
        ({}, {"address": "not an address"}, "may not be used from not an address"),
    ],
)
def test_a_token_that_does_not_fit_is_refused_with_a_reason(
    rules: Rules, change: dict[str, Any], fields: dict[str, Any], why: str
) -> None:
    rules.ask(on.CreateRegistrationToken, token=replace(TOKEN, **change))
    session = rules.register(**{"token_hash": TOKEN.hash, **fields})

    refusal = rules.refusal()
    assert isinstance(refusal, TokenRefused)
    assert refusal.message == "Invalid Authorization Token"
    assert why in refusal.why
    assert "farhand token create --group" in refusal.do
    assert [e.session for e in rules.followed(EndSession)] == [session]
    assert not rules.tables.workers


def test_a_machine_that_is_registered_is_told_so_in_azures_words(rules: Rules) -> None:
    rules.register("web01")
    rules.register("web01", public_key=b"a new key", facts=Facts(machine_id="machine of web01"))

    refusal = rules.refusal()
    assert isinstance(refusal, WorkerExists)
    assert refusal.message == "Machine is already registered to a different account."
    assert "--replace" in refusal.do


def test_another_machine_of_that_name_is_told_to_choose_another(rules: Rules) -> None:
    rules.register("web01")
    rules.register("web01", public_key=b"another", facts=Facts(machine_id="another machine"))

    refusal = rules.refusal()
    assert isinstance(refusal, WorkerExists)
    assert "a worker named web01 exists already" in refusal.message
    assert "--worker-name" in refusal.do


def test_machines_without_an_id_are_never_the_same(rules: Rules) -> None:
    rules.register("web01", facts=Facts())
    rules.register("web01", public_key=b"another", facts=Facts())

    assert "exists already" in rules.refusal().message


def test_the_same_key_with_another_token_is_no_repetition(rules: Rules) -> None:
    rules.register("web01", token_hash=TOKEN.hash)
    rules.register("web01", token_hash=KEY.hash)

    assert isinstance(rules.refusal(), WorkerExists)


# --- taking a place -------------------------------------------------------------------------


def test_replace_takes_the_place_and_revokes_the_old_key(rules: Rules) -> None:
    old = rules.connect("web01")
    first = rules.worker("web01")
    rules.register("web01", public_key=b"a new key", replace=True)

    worker = rules.worker("web01")
    assert worker.id != first.id
    assert worker.public_key == b"a new key"
    assert [e.session for e in rules.followed(EndSession)] == [old]
    assert list(rules.tables.workers) == [worker.id]


def test_what_a_replaced_worker_ran_has_an_unknown_outcome(rules: Rules) -> None:
    rules.running("web01")
    rules.register("web01", public_key=b"a new key", replace=True)

    assert rules.job().status is JobStatus.SUSPENDED
    assert "was removed" in rules.job().details
    assert rules.followed(Wake)[0].job == rules.job()


def test_a_worker_that_was_replaced_is_unknown_from_then_on(rules: Rules) -> None:
    rules.running("web01")
    old = rules.worker("web01")
    rules.register("web01", public_key=b"a new key", replace=True)
    rules.hello("web01", entry(), worker=old.id)

    assert rules.refusal().reason == "WORKER_UNKNOWN"


# --- tokens ---------------------------------------------------------------------------------


def test_a_revoked_token_lets_nobody_in(rules: Rules) -> None:
    assert rules.ask(on.RevokeRegistrationToken, token=TOKEN.id) is None

    assert token(rules).revoked
    rules.register(token_hash=TOKEN.hash)
    assert "was revoked" in rules.refusal().why


@pytest.mark.parametrize("by", [OPERATOR, samples.STRANGER])
def test_only_a_token_of_the_own_account_can_be_revoked(rules: Rules, by: Any) -> None:
    name = "00000009" if by is OPERATOR else TOKEN.id
    answer = rules.ask(on.RevokeRegistrationToken, by=by, token=name)

    assert answer.reason == "REGISTRATION_TOKEN_NOT_FOUND"


def test_a_token_belongs_to_its_account(rules: Rules) -> None:
    rules.register(token_hash=TOKEN.hash)

    assert rules.worker("web01").account == ACCOUNT
