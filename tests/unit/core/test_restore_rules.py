"""After a restore from a backup: workers know more than the rows."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support import samples
from tests.support.rules import Rules, entry, spool
from tests.support.samples import job_id

from farhand_server.core import events as on
from farhand_server.core.effects import Count, EndSession, Notice
from farhand_server.core.overview import Overview
from farhand_server.core.restoring import LOST_ATTEMPTS
from farhand_server.errors import SessionConflict, WorkerUnknown
from farhand_server.model import frames
from farhand_server.model.account import Generation
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import WorkerId
from farhand_server.model.job import JobStatus
from farhand_server.model.output import Extent


def restored(rules: Rules) -> Rules:
    """Another server, on a backup of the rows as they are now."""
    tables = rules.tables.snapshot()
    number = tables.generation.number + 1
    tables.generation = Generation(number=number, restored=UnixMs(5))
    return Rules(tables=tables, seed=number)


def fleet(*names: str) -> Rules:
    """Members that are connected."""
    rules = Rules()
    for name in names or ("web01", "web02"):
        rules.connect(name)
    return rules


def release(rules: Rules) -> None:
    assert rules.ask(on.ReleaseDispatch) is None


# --- who is waited for ----------------------------------------------------------------------


def test_nothing_is_dispatched_until_every_worker_has_reported() -> None:
    rules = restored(fleet())
    first = rules.connect("web01", session_number=70)
    rules.start()
    assert not rules.sent(frames.Offer)

    rules.hello("web02", session_number=80)
    assert rules.only(frames.Offer, first).job == job_id(1)
    assert [notice.text for notice in rules.followed(Notice)] == [
        "every worker has reported since the restore"
    ]


def test_a_job_that_waits_for_reports_says_so() -> None:
    rules = restored(fleet())
    rules.connect("web01")
    job = rules.start()

    words = (
        "waits: dispatch is paused: this control plane was restored from a backup, and "
        "1 worker(s) have not reported what they run (web02)"
    )
    assert (job.status, job.details) == (JobStatus.NEW, words)
    why = rules.why()
    assert (why.code, why.message) == ("dispatch_paused", words)
    assert why.workers == (("web02", "not reported", "since the restore"),)
    assert "farhand account release" in " ".join(why.do)


def test_an_operator_may_give_up_waiting() -> None:
    rules = restored(fleet())
    session = rules.connect("web01")
    rules.start()
    release(rules)

    assert rules.only(frames.Offer, session).job == job_id(1)
    assert "owner released dispatch" in rules.followed(Notice)[0].text
    release(rules)
    assert not rules.followed(Notice)


def test_a_release_outlives_the_server_and_ends_with_the_next_restore() -> None:
    rules = restored(fleet())
    release(rules)
    rules.begin()
    session = rules.connect("web01")
    rules.start()
    assert rules.only(frames.Offer, session)

    again = restored(rules)
    again.connect("web01")
    assert again.why().code == "dispatch_paused"


def test_a_release_is_the_accounts_own() -> None:
    rules = restored(fleet())
    rules.connect("web01")
    rules.ask(on.ReleaseDispatch, by=samples.STRANGER)
    rules.start()

    assert not rules.sent(frames.Offer)


def test_a_worker_that_is_deleted_is_waited_for_no_longer() -> None:
    rules = restored(fleet())
    session = rules.connect("web01")
    rules.start()
    rules.ask(on.DeleteWorker, name="web02")

    assert rules.only(frames.Offer, session).job == job_id(1)


def test_a_worker_whose_journal_may_lack_an_attempt_has_not_reported() -> None:
    rules = restored(fleet("web01"))
    rules.hello("web01", journal_id="", session_number=70)
    assert rules.tables.workers[rules.worker().id].generation == 0

    rules.hello("web01", session_number=75)
    assert rules.worker().generation == 1


def test_who_joins_after_the_restore_is_not_waited_for() -> None:
    rules = restored(fleet("web01"))
    rules.connect("web01")
    session = rules.connect("web02")
    rules.lose(rules.connect("web01"))
    rules.start()

    assert rules.only(frames.Offer, session)
    rules.begin()
    assert not rules.ask(on.Overview).is_paused


def test_what_is_waited_for_is_known_again_after_a_restart() -> None:
    rules = restored(fleet())
    rules.connect("web01")
    rules.begin()
    overview = rules.ask(on.Overview)

    assert isinstance(overview, Overview)
    assert overview.is_paused
    assert overview.generation == Generation(number=1, restored=UnixMs(5))


def test_a_server_that_was_never_restored_waits_for_nobody() -> None:
    rules = fleet()
    rules.begin()
    session = rules.connect("web01")
    rules.start()

    assert rules.only(frames.Offer, session)


# --- session numbers ------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, 3, 1_000])
def test_the_first_hello_may_show_any_number_and_goes_on_above_it(number: int) -> None:
    rules = restored(fleet("web01"))
    known = rules.worker().issued_number
    session = rules.hello("web01", session_number=number)

    given = rules.only(frames.Welcome, session).session_number
    assert given == max(known, number) + 1
    # The Welcome is lost, or it is not.
    rules.hello("web01", session_number=number)
    assert rules.sent(frames.Welcome)
    rules.hello("web01", session_number=given)
    assert rules.sent(frames.Welcome)


def test_the_second_hello_has_to_show_a_number_that_was_given() -> None:
    rules = restored(fleet("web01"))
    session = rules.hello("web01", session_number=50)
    rules.say(session, frames.Heartbeat(sequence=1))
    rules.hello("web01", session_number=50, instance="a copy")

    assert isinstance(rules.refusal(), SessionConflict)


def test_whoever_was_refused_before_the_restore_still_is() -> None:
    rules = fleet("web01")
    copied = rules.worker().issued_number
    rules.connect("web01")
    rules.hello("web01", session_number=copied, boot_id="another", instance="the copy")
    rules = restored(rules)
    rules.hello("web01", session_number=99, boot_id="another", instance="the copy")

    assert isinstance(rules.refusal(), SessionConflict)


def test_a_worker_that_the_backup_does_not_know_is_told_to_register() -> None:
    rules = restored(fleet("web01"))
    rules.hello("web01", worker=WorkerId("00000000-0000-4000-8000-00000000dead"))

    refusal = rules.refusal()
    assert isinstance(refusal, WorkerUnknown)
    assert "farhand-agent register --replace" in refusal.do


# --- attempts of the lost time --------------------------------------------------------------


def waiting() -> Rules:
    """Restored to a moment at which job 1 waited; two members are known, neither is connected."""
    rules = fleet()
    for name in ("web01", "web02"):
        rules.lose(rules.connect(name))
    rules.start()
    return restored(rules)


def test_an_attempt_of_a_job_that_waits_is_taken_over() -> None:
    rules = waiting()
    extent = Extent(stored=40, durable=40, crc=7)
    session = rules.hello("web01", entry(attempt=3), extents={spool(attempt=3): extent})

    job = rules.job()
    assert (job.status, job.attempt, job.worker_name) == (JobStatus.RUNNING, 3, "web01")
    (verdict,) = rules.only(frames.Welcome, session).verdicts
    assert verdict == frames.Continue(job=job_id(1), attempt=3, stored=40, durable=40, crc=7)
    attempt = rules.tables.attempts[job_id(1), 3]
    assert (attempt.worker_name, attempt.ended) == ("web01", None)

    rules.end(session, attempt=3, code=0)
    assert rules.job().status is JobStatus.COMPLETED


def test_an_attempt_that_is_taken_over_is_offered_to_nobody() -> None:
    rules = waiting()
    rules.hello("web01", entry(attempt=1))
    rules.connect("web02")

    assert not rules.sent(frames.Offer)
    assert rules.job().worker_name == "web01"


def test_an_attempt_is_taken_over_as_late_as_it_turns_up() -> None:
    """A runner was silent when its worker said Hello first."""
    rules = waiting()
    rules.hello("web01", session_number=70, journal_id="")
    rules.hello("web01", entry(attempt=1), session_number=70)

    assert (rules.job().status, rules.job().attempt) == (JobStatus.RUNNING, 1)


def test_a_number_that_may_have_been_used_is_never_given_again() -> None:
    rules = waiting()
    release(rules)
    session = rules.connect("web01")
    grant = rules.accept(session, rules.only(frames.Offer))
    assert grant
    assert rules.only(frames.Grant).attempt == LOST_ATTEMPTS + 1

    rules.hello("web02", entry(attempt=1))
    (verdict,) = rules.only(frames.Welcome).verdicts
    assert verdict == frames.Discard(job=job_id(1), attempt=1, reason="the job is over")
    assert rules.job().worker_name == "web01"


def test_numbers_are_set_aside_once_a_restore() -> None:
    rules = waiting()
    assert rules.job().reserved == LOST_ATTEMPTS
    rules.begin()
    assert rules.job().reserved == LOST_ATTEMPTS

    assert restored(rules).job().reserved == 2 * LOST_ATTEMPTS


def test_a_new_job_counts_from_one() -> None:
    rules = waiting()
    release(rules)
    session = rules.connect("web01")
    rules.accept(session, rules.only(frames.Offer))
    rules.start(2)
    rules.accept(session, rules.only(frames.Offer))

    assert rules.only(frames.Grant).attempt == 1


@pytest.mark.parametrize("first", ["web01", "web02"])
def test_of_two_attempts_the_higher_one_wins(first: str) -> None:
    rules = waiting()
    attempts = {"web01": 1, "web02": 2}
    last = "web02" if first == "web01" else "web01"
    held = rules.hello(first, entry(attempt=attempts[first]))
    rules.hello(last, entry(attempt=attempts[last]))

    job = rules.job()
    assert (job.status, job.attempt, job.worker_name) == (JobStatus.RUNNING, 2, "web02")
    if first == "web01":
        stop = rules.only(frames.Stop, held)
        assert (stop.job, stop.attempt) == (job_id(1), 1)
        assert rules.tables.attempts[job_id(1), 1].outcome.startswith("died")
    else:
        (verdict,) = rules.only(frames.Welcome).verdicts
        assert isinstance(verdict, frames.Discard)


def test_a_later_attempt_of_another_worker_takes_the_place_of_one_that_the_backup_knows() -> None:
    rules = fleet("web02")
    rules.lose(rules.connect("web02"))
    rules.running("web01")
    rules = restored(rules)
    rules.hello("web02", entry(attempt=2))

    job = rules.job()
    assert (job.status, job.attempt, job.worker_name) == (JobStatus.RUNNING, 2, "web02")


def test_a_job_that_is_being_stopped_is_stopped_where_it_runs() -> None:
    rules = fleet("web02")
    rules.lose(rules.connect("web02"))
    rules.running("web01")
    rules.stop()
    rules = restored(rules)
    session = rules.hello("web02", entry(attempt=2))

    assert rules.job().status is JobStatus.STOPPING
    assert rules.only(frames.Stop, session).attempt == 2


def test_a_job_that_is_over_in_the_backup_stays_over() -> None:
    rules = fleet("web01")
    session = rules.running("web01")
    rules.end(session, code=0)
    rules = restored(rules)
    rules.hello("web01", entry(attempt=2))

    assert rules.job().status is JobStatus.COMPLETED
    (verdict,) = rules.only(frames.Welcome).verdicts
    assert isinstance(verdict, frames.Discard) and not verdict.let_run


def test_a_job_that_the_backup_does_not_know_is_left_alone() -> None:
    rules = waiting()
    rules.hello("web01", entry(7))

    (verdict,) = rules.only(frames.Welcome).verdicts
    assert isinstance(verdict, frames.Discard) and verdict.let_run
    assert [count.reason for count in rules.followed(Count)] == ["hello: unknown_job"]


def test_a_job_that_is_left_alone_takes_its_slot_until_it_ends() -> None:
    rules = restored(fleet("web01"))
    session = rules.hello("web01", entry(7), slots=1)
    rules.say(session, frames.Heartbeat(sequence=1, running=1))
    job = rules.start()
    assert not rules.sent(frames.Offer)
    assert job.details == "waits: every slot of group dc1 is taken"
    assert rules.why().workers == (("web01", "no free slot", "1 of 1 in use"),)

    rules.say(session, frames.Heartbeat(sequence=2, running=1))
    assert not rules.sent(frames.Offer)
    rules.say(session, frames.Heartbeat(sequence=3, running=0))
    assert rules.only(frames.Offer, session).job == job_id(1)


def test_a_void_attempt_is_not_taken_over() -> None:
    rules = waiting()
    rules.hello("web01", entry(phase="void"))

    assert (rules.job().status, rules.job().attempt) == (JobStatus.NEW, 0)


def test_a_machine_that_registers_anew_brings_what_it_runs() -> None:
    """It had joined in the lost time."""
    rules = waiting()
    rules.register("web03")
    rules.hello("web03", entry(attempt=1))

    assert (rules.job().status, rules.job().worker_name) == (JobStatus.RUNNING, "web03")


def test_a_machine_that_lost_its_identity_is_waited_for_under_its_new_one() -> None:
    rules = waiting()
    rules.hello("web02", session_number=70)
    rules.say(rules.hello("web02"), frames.Heartbeat(sequence=1))
    rules.register("web01", public_key=b"a new key", replace=True)
    assert not rules.sent(frames.Offer)
    rules.begin()
    assert rules.ask(on.Overview).is_paused

    rules.hello("web01", entry(attempt=1))
    assert (rules.job().status, rules.job().worker_name) == (JobStatus.RUNNING, "web01")
    assert not rules.ask(on.Overview).is_paused


@pytest.mark.parametrize(
    "claim",
    [
        lambda rules: rules.hello("web03", entry(attempt=1)),
        lambda rules: rules.hello("web01", entry(attempt=LOST_ATTEMPTS + 1)),
        lambda rules: [rules.hello("web01"), rules.hello("web01", entry(attempt=1))],
    ],
    ids=["of another group", "of a number that was never set aside", "after it has reported"],
)
def test_not_every_claim_is_believed(claim: Callable[[Rules], object]) -> None:
    rules = fleet("web01", "web02")
    rules.register("web03", group="elsewhere")
    for name in ("web01", "web02"):
        rules.lose(rules.connect(name))
    rules.start()
    rules = restored(rules)
    claim(rules)

    assert rules.job().status is JobStatus.NEW
    assert isinstance(rules.only(frames.Welcome).verdicts[0], frames.Discard)


def test_without_a_restore_no_higher_attempt_is_believed() -> None:
    rules = fleet("web01")
    rules.running("web01")
    rules.hello("web01", entry(attempt=2))

    assert rules.job().attempt == 1
    assert isinstance(rules.only(frames.Welcome).verdicts[0], frames.Discard)


@pytest.mark.parametrize("hellos", [1, 2])
def test_absence_proves_nothing_of_a_job_from_before_a_restore(hellos: int) -> None:
    """The attempt may have ended, and been reported, in the time that is lost; that its worker
    comes back once more makes it no truer."""
    rules = fleet("web01")
    rules.running("web01")
    rules = restored(rules)
    for _ in range(hellos):
        rules.hello("web01", session_number=70)

    job = rules.job()
    assert job.status is JobStatus.SUSPENDED
    assert "came back without it" in job.details


def test_absence_of_a_job_that_was_given_up_proves_nothing_either() -> None:
    rules = fleet("web01")
    rules.running("web01")
    rules.hello("web01", journal_id="")
    assert rules.job().status is JobStatus.SUSPENDED
    rules = restored(rules)
    for _ in range(2):
        rules.hello("web01", session_number=70)

    assert rules.job().status is JobStatus.SUSPENDED


def test_absence_proves_again_what_it_did_for_jobs_that_are_granted_since() -> None:
    rules = fleet("web01")
    rules = restored(rules)
    session = rules.connect("web01")
    rules.start()
    rules.accept(session, rules.only(frames.Offer))
    assert rules.job().status is JobStatus.ACTIVATING
    rules.hello("web01")

    assert rules.job().status is JobStatus.NEW
    assert [e.session for e in rules.followed(EndSession)] == [session]


def test_a_key_and_a_token_are_as_in_the_backup() -> None:
    rules = fleet("web01")
    token = replace(samples.token(), expires=UnixMs(2_000_000_000_000), cidrs=())
    rules.ask(on.CreateRegistrationToken, token=token)
    rules = restored(rules)
    rules.register("web02", token_hash=token.hash)

    assert rules.worker("web02").generation == 1
