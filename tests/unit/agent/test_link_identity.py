"""What a worker keeps about itself, and who may see it."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from farhand_agent.errors import StateError
from farhand_agent.link import storage
from farhand_agent.link.identity import Identity, State
from farhand_agent.link.key import Key

IDENTITY = Identity(
    worker_id="w1",
    worker_name="app01",
    group="dc1",
    account="default",
    endpoint="ctl:8443",
    registered=1,
    session_number=1,
)


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "agent")
    state.make()
    return state


def test_identity_and_key_come_back_as_they_were(state: State) -> None:
    key = state.pending_key()
    state.commit(IDENTITY, key, ca=b"pem")

    assert state.identity() == IDENTITY
    assert state.key().public == key.public
    assert state.ca.read_bytes() == b"pem"


def test_everything_is_for_the_owner_alone(state: State) -> None:
    state.commit(IDENTITY, state.pending_key(), ca=b"pem")
    state.keep_session_number(IDENTITY, 2)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in state.path.iterdir()}

    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
    assert modes == {0o600}


def test_a_pending_key_is_used_again(state: State) -> None:
    first = state.pending_key()

    assert state.pending_key().public == first.public
    assert (state.path / "pending.pem").exists()


def test_a_torn_key_was_never_shown_and_another_one_is_made(state: State) -> None:
    whole = state.pending_key()
    os.truncate(state.path / "pending.pem", len(whole.pem) // 2)
    fresh = state.pending_key()

    assert fresh.public != whole.public
    assert state.pending_key().public == fresh.public


def test_a_key_that_was_answered_is_not_used_again(state: State) -> None:
    """Whoever committed it died before the file was removed."""
    key = state.pending_key()
    pem = (state.path / "pending.pem").read_bytes()
    state.commit(IDENTITY, key, ca=None)
    (state.path / "pending.pem").touch(0o600)
    (state.path / "pending.pem").write_bytes(pem)

    assert state.pending_key().public != key.public


def test_until_it_is_the_new_worker_both_control_planes_are_trusted(state: State) -> None:
    state.commit(IDENTITY, Key.generate(), ca=b"one\n")
    (state.path / ".identity.json.new").mkdir()
    with pytest.raises(StateError, match="not writable"):
        state.commit(replace(IDENTITY, worker_id="w2"), Key.generate(), ca=b"another\n")

    assert state.identity() == IDENTITY
    assert state.ca.read_bytes().split() == [b"another", b"one"]


def test_a_registered_machine_has_no_pending_key(state: State) -> None:
    state.commit(IDENTITY, state.pending_key(), ca=None)

    assert not state.has_pending_key


def test_the_session_number_is_the_last_one_that_was_kept(state: State) -> None:
    state.commit(IDENTITY, Key.generate(), ca=None)
    before = state.session_number(IDENTITY)
    state.keep_session_number(IDENTITY, 41)

    assert (before, state.session_number(IDENTITY)) == (1, 41)


def test_a_number_that_another_worker_was_given_counts_nothing(state: State) -> None:
    state.keep_session_number(IDENTITY, 41)
    successor = replace(IDENTITY, worker_id="w2", session_number=3)

    assert state.session_number(successor) == 3


def test_forgetting_leaves_nothing(state: State) -> None:
    state.commit(IDENTITY, state.pending_key(), ca=b"pem")
    state.keep_session_number(IDENTITY, 2)
    state.forget()

    assert list(state.path.iterdir()) == []
    assert state.identity() is None


def test_forgetting_leaves_no_key_of_an_identity_that_was_not_finished(state: State) -> None:
    state.commit(IDENTITY, Key.generate(), ca=None)
    (state.path / ".identity.json.new").write_bytes(Key.generate().pem)
    state.forget()

    assert list(state.path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_can_read_is_refused(state: State, mode: int) -> None:
    state.commit(IDENTITY, Key.generate(), ca=None)
    (state.path / "identity.json").chmod(mode)

    with pytest.raises(StateError, match="open to other users") as refused:
        state.key()
    assert f"chmod 0600 {state.path}/identity.json" in refused.value.do


def test_a_state_directory_that_others_can_enter_is_refused(state: State) -> None:
    state.path.chmod(0o755)

    with pytest.raises(StateError, match="open to other users"):
        state.make()


def test_an_identity_behind_a_symbolic_link_is_refused(state: State, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("{}")
    (state.path / "identity.json").symlink_to(tmp_path / "other")

    with pytest.raises(StateError, match="is a symbolic link"):
        state.identity()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_an_identity_of_another_user_is_refused(state: State) -> None:
    state.commit(IDENTITY, Key.generate(), ca=None)
    os.chown(state.path / "identity.json", 4242, -1)

    with pytest.raises(StateError, match="belongs to user 4242"):
        state.identity()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_a_directory_that_was_not_given_away_yet_is(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever made it died before that."""
    monkeypatch.setattr(storage, "service_user", lambda: 4242)
    state.make()

    assert state.path.stat().st_uid == 4242


@pytest.mark.parametrize("text", ["", "{", "[]", '{"worker_id": "w1"}'])
def test_a_damaged_identity_says_what_to_do(state: State, text: str) -> None:
    file = state.path / "identity.json"
    file.touch(0o600)
    file.write_text(text)

    with pytest.raises(StateError, match="is damaged") as refused:
        state.identity()
    assert "register --replace" in refused.value.do


def test_a_state_directory_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StateError, match="is not writable"):
        State(tmp_path / "file" / "agent").make()
