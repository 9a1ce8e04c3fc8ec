"""Two agents with one identity: both are shown, one goes on, and an operator decides."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support import samples
from tests.support.rules import BASH, Rules, entry
from tests.support.samples import job_id

from farhand_server.core import events as on
from farhand_server.core.effects import Count, EndSession, Notice
from farhand_server.errors import IdentityDisputed, PartyNotFound, SessionConflict, WorkerNotFound
from farhand_server.model import frames
from farhand_server.model.clock import Instant
from farhand_server.model.identifiers import SessionId
from farhand_server.model.job import JobStatus
from farhand_server.model.worker import Facts, Party, Standing

ORIGINAL: dict[str, Any] = {
    "boot_id": "boot-a",
    "instance": "agent-a",
    "facts": Facts(host_name="web01", machine_id="machine-a", runbook_types=BASH),
}
COPY: dict[str, Any] = {
    "boot_id": "boot-b",
    "instance": "agent-b",
    "journal_id": "journal-b",
    "facts": Facts(host_name="web01-clone", machine_id="machine-b", runbook_types=BASH),
    "address": "198.51.100.9",
}


def disputed() -> tuple[Rules, SessionId, int]:
    """The original connected, was copied, and connected again; the copy shows the number that it
    has. The session that stands, and that number."""
    rules = Rules()
    rules.connect(**ORIGINAL)
    copied = rules.worker().issued_number
    session = rules.connect(**ORIGINAL)
    rules.hello(session_number=copied, **COPY)
    assert isinstance(rules.refusal(), SessionConflict)
    return rules, session, copied


def resume(rules: Rules, machine: str = "", **fields: Any) -> Any:
    return rules.ask(on.ResumeWorker, name="web01", machine=machine, **fields)


def standings(rules: Rules) -> dict[str, Standing | None]:
    return {party.machine_id: party.standing for party in rules.worker().everyone}


# --- both are shown -------------------------------------------------------------------------


def test_both_parties_are_written_down() -> None:
    rules, _, _ = disputed()
    now = rules.clock.unix_ms()

    worker = rules.worker()
    assert worker.is_disputed
    assert worker.everyone == [
        Party(
            machine_id="machine-a",
            boot_id="boot-a",
            instance="agent-a",
            address="192.0.2.7",
            host_name="web01",
            first_seen=now,
            last_seen=now,
        ),
        Party(
            machine_id="machine-b",
            boot_id="boot-b",
            instance="agent-b",
            address="198.51.100.9",
            host_name="web01-clone",
            first_seen=now,
            last_seen=now,
            standing=Standing.OPEN,
        ),
    ]


def test_the_log_says_it_once_and_every_hello_is_counted() -> None:
    rules, _, copied = disputed()
    (notice,) = rules.followed(Notice)
    assert notice.text == "two agents use one identity"
    assert "machine-a" in notice.fields["accepted"]
    assert "machine-b" in notice.fields["refused"]
    assert "farhand worker resume web01 --machine" in notice.fields["do"]

    rules.wait(120)
    rules.hello(session_number=copied, **COPY)
    assert not rules.followed(Notice)
    reasons = [count.reason for count in rules.followed(Count)]
    assert reasons == ["hello: session_conflict"]


def test_when_the_copy_was_heard_last_is_written_at_most_once_a_minute() -> None:
    rules, _, copied = disputed()
    commits, first = rules.store.commits, rules.clock.unix_ms()
    rules.hello(session_number=copied, **COPY)
    assert rules.store.commits == commits

    rules.wait(61)
    rules.hello(session_number=copied, **COPY)
    (party,) = rules.worker().parties
    assert (party.first_seen, party.last_seen) == (first, rules.clock.unix_ms())


def test_a_conflict_outlives_the_server() -> None:
    rules, _, copied = disputed()
    rules.begin()
    rules.hello(session_number=copied, **COPY)

    assert rules.worker().is_disputed
    assert isinstance(rules.refusal(), SessionConflict)
    assert not rules.followed(Notice)


def test_jobs_do_not_notice_a_conflict() -> None:
    rules = Rules()
    rules.connect(**ORIGINAL)
    copied = rules.worker().issued_number
    session = rules.connect(**ORIGINAL)
    rules.start()
    rules.accept(session, rules.only(frames.Offer))
    before = rules.job()
    rules.hello(session_number=copied, **COPY)

    assert rules.job() == before
    assert [e.session for e in rules.followed(EndSession)] != [session]
    rules.say(session, frames.Started(job=job_id(1), attempt=1))
    rules.end(session, code=0)
    assert rules.job().status is JobStatus.COMPLETED


def test_the_refused_agent_is_told_what_to_do() -> None:
    rules, _, _ = disputed()

    refusal = rules.refusal()
    assert refusal.message == "another agent uses this worker's identity"
    assert "web01 at 192.0.2.7" in refusal.why
    assert "farhand worker resume web01 --machine ID" in refusal.do
    assert "register --replace --worker-name" in refusal.do


def test_no_more_parties_are_remembered_than_anybody_reads() -> None:
    rules, _, copied = disputed()
    for number in range(20):
        rules.wait(1)
        fields = {**COPY, "facts": replace(COPY["facts"], machine_id=f"m{number:02}")}
        rules.hello(session_number=copied, **fields)

    machines = [party.machine_id for party in rules.worker().parties]
    assert machines == [f"m{number}" for number in range(12, 20)]


# --- what is no conflict --------------------------------------------------------------------


def test_a_hello_that_was_overtaken_accuses_nobody() -> None:
    rules = Rules()
    rules.connect(**ORIGINAL)
    old = rules.worker().issued_number
    asked = Instant(rules.clock.monotonic())
    rules.wait(1)
    rules.connect(**ORIGINAL)
    hello = frames.Hello(
        worker=rules.worker().id, session_number=old, journal_id="journal", slots=2, **ORIGINAL
    )
    session = rules.session()
    rules.handle(on.Greeted(session=session, hello=hello, address="192.0.2.7", challenged=asked))

    assert [(e.session, e.refusal) for e in rules.followed(EndSession)] == [(session, None)]
    assert rules.worker().parties == ()


def test_a_restarted_agent_is_the_same_worker() -> None:
    rules = Rules()
    rules.connect(**ORIGINAL)
    first = rules.clock.unix_ms()
    rules.wait(5)
    rules.connect(**{**ORIGINAL, "instance": "agent-a2"})

    holder = rules.worker().holder
    assert (holder.instance, holder.first_seen) == ("agent-a2", first + 5_000)
    assert rules.worker().parties == ()


# --- an operator decides --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["machine-b", "machine-", "198.51.100.9", "boot-b", "agent-b"])
def test_a_party_is_named_by_what_is_its_own(name: str) -> None:
    rules, _, _ = disputed()
    answer = resume(rules, name)

    if name == "machine-":
        assert isinstance(answer, IdentityDisputed)
        assert rules.worker().is_disputed
    else:
        assert standings(rules) == {
            "machine-a": Standing.REFUSED,
            "machine-b": Standing.KEPT,
        }


def test_the_chosen_one_is_accepted_whatever_number_it_shows() -> None:
    rules, session, copied = disputed()
    resume(rules, "machine-b")
    ended = [e for e in rules.followed(EndSession) if e.session == session]
    assert [type(e.refusal) for e in ended] == [SessionConflict]

    highest = rules.worker().issued_number
    chosen = rules.hello(session_number=copied, **COPY)
    assert rules.only(frames.Welcome, chosen).session_number == highest + 1
    rules.say(chosen, frames.Heartbeat(sequence=1))
    assert standings(rules) == {"machine-b": None, "machine-a": Standing.REFUSED}
    assert not rules.worker().is_disputed


def test_the_chosen_one_may_lose_its_welcome() -> None:
    rules, _, copied = disputed()
    resume(rules, "machine-b")
    for _ in range(3):
        rules.hello(session_number=copied, **COPY)
        assert rules.sent(frames.Welcome)


@pytest.mark.parametrize("confirmed", [True, False])
def test_the_other_one_is_refused_from_then_on(confirmed: bool) -> None:
    rules, _, copied = disputed()
    current = rules.worker().issued_number
    resume(rules, "machine-b")
    if confirmed:
        chosen = rules.hello(session_number=copied, **COPY)
        rules.say(chosen, frames.Heartbeat(sequence=1))
    for again in ("agent-a", "agent-a2"):
        rules.wait(120)
        rules.hello(session_number=current, **{**ORIGINAL, "instance": again})
        assert rules.refusal().message == "an operator keeps another machine for this worker"
        assert not rules.followed(Notice)

    assert not rules.worker().is_disputed
    assert len(rules.worker().everyone) == 2


def test_to_keep_the_one_that_is_connected_changes_nothing_for_it() -> None:
    rules, session, copied = disputed()
    resume(rules, "machine-a")

    assert rules.followed(EndSession) == []
    assert standings(rules) == {"machine-a": None, "machine-b": Standing.REFUSED}
    rules.say(session, frames.Heartbeat(sequence=2))
    assert rules.sent(frames.HeartbeatAck, session)
    rules.hello(session_number=copied, **COPY)
    assert "an operator keeps another machine" in rules.refusal().message


def test_an_operator_may_think_again() -> None:
    rules, _, _ = disputed()
    current = rules.worker().issued_number
    resume(rules, "machine-b")
    resume(rules, "machine-a")
    rules.hello(session_number=current, **ORIGINAL)

    assert rules.sent(frames.Welcome)
    assert standings(rules) == {"machine-a": None, "machine-b": Standing.REFUSED}


def test_where_copies_have_one_machine_id_the_boot_id_decides() -> None:
    rules = Rules()
    rules.connect(**ORIGINAL)
    copied = rules.worker().issued_number
    rules.connect(**ORIGINAL)
    twin = {**COPY, "facts": ORIGINAL["facts"]}
    rules.hello(session_number=copied, **twin)

    answer = resume(rules, "machine-a")
    assert isinstance(answer, IdentityDisputed)
    assert answer.message == '"machine-a" is said of 2 machines'
    assert "boot boot-a" in answer.why and "boot boot-b" in answer.why
    assert "--machine boot-a" in answer.do and "--machine boot-b" in answer.do

    resume(rules, "boot-b")
    rules.hello(session_number=copied, **ORIGINAL)
    assert isinstance(rules.refusal(), SessionConflict)
    rules.hello(session_number=copied, **twin)
    assert rules.sent(frames.Welcome)


def test_a_machine_that_went_back_in_time_is_let_in_again() -> None:
    """As after a snapshot of it was restored: everything is the same but the number."""
    rules = Rules()
    rules.connect(**ORIGINAL)
    old = rules.worker().issued_number
    rules.connect(**ORIGINAL)
    rules.connect(**ORIGINAL)
    reverted = {**ORIGINAL, "instance": "agent-a2"}
    rules.hello(session_number=old, **reverted)
    assert isinstance(rules.refusal(), SessionConflict)

    resume(rules, "agent-a2")
    rules.hello(session_number=old, **reverted)
    assert rules.sent(frames.Welcome)


def test_a_third_copy_is_another_conflict() -> None:
    rules, _, copied = disputed()
    resume(rules, "machine-a")
    third = replace(COPY["facts"], machine_id="machine-c")
    rules.hello(session_number=copied, **{**COPY, "facts": third})

    assert rules.worker().is_disputed
    assert len(rules.followed(Notice)) == 1


def test_a_decision_needs_a_name_that_is_known() -> None:
    rules, _, _ = disputed()
    answer = resume(rules, "machine-z")

    assert isinstance(answer, PartyNotFound)
    assert "machine-a" in answer.why and "machine-b" in answer.why
    assert "farhand worker resume web01 --machine machine-a" in answer.do


def test_a_conflict_is_not_resumed_without_saying_which() -> None:
    rules, _, _ = disputed()
    answer = resume(rules)

    assert isinstance(answer, IdentityDisputed)
    assert answer.message == "2 machines use the identity of worker web01"


def test_without_a_conflict_there_is_nothing_to_decide() -> None:
    rules = Rules()
    rules.connect(**ORIGINAL)

    assert isinstance(resume(rules, "machine-a"), PartyNotFound)
    assert resume(rules) == rules.worker()


def test_only_operators_of_its_account_decide() -> None:
    rules, _, _ = disputed()

    assert isinstance(resume(rules, "machine-b", by=samples.STRANGER), WorkerNotFound)


def test_what_the_other_copy_runs_has_an_unknown_outcome() -> None:
    rules = Rules()
    rules.connect(**ORIGINAL)
    copied = rules.worker().issued_number
    session = rules.connect(**ORIGINAL)
    rules.start()
    rules.accept(session, rules.only(frames.Offer))
    rules.hello(session_number=copied, **COPY)
    resume(rules, "machine-b")
    assert rules.job().status is JobStatus.ACTIVATING

    rules.hello(session_number=copied, **COPY)
    assert rules.job().status is JobStatus.SUSPENDED


# --- a new identity -------------------------------------------------------------------------


def test_a_new_registration_ends_the_conflict() -> None:
    rules, _, _ = disputed()
    rules.register(public_key=b"a new key", replace=True)

    assert rules.worker().parties == ()


def test_a_refused_party_does_not_come_in_by_registering_the_same_key_again() -> None:
    rules, session, _ = disputed()
    rules.register()

    assert isinstance(rules.refusal(), SessionConflict)
    rules.say(session, frames.Heartbeat(sequence=2))
    assert rules.sent(frames.HeartbeatAck, session)


def test_a_key_that_is_in_use_gets_a_number_of_its_own_when_it_registers_again() -> None:
    rules = Rules()
    rules.connect(**ORIGINAL)
    current = rules.worker().issued_number
    session = rules.register()
    assert rules.only(frames.Welcome, session).session_number == current + 1
    rules.say(session, frames.Heartbeat(sequence=1))
    rules.hello(session_number=current, **ORIGINAL)

    assert isinstance(rules.refusal(), SessionConflict)


def test_a_disputed_worker_still_adopts_what_its_holder_lists() -> None:
    rules, session, _ = disputed()
    rules.start()
    rules.accept(session, rules.only(frames.Offer))
    rules.hello("web01", entry(), **ORIGINAL)

    assert rules.job().status is JobStatus.RUNNING
