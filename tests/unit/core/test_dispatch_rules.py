"""Who gets a job, and when it is asked."""

import pytest
from tests.support.rules import BASH, Rules, spool
from tests.support.samples import job_id
from tests.support.world.rows import SCRIPTS, digest

from farhand_server.core.effects import Answer, OpenSpool, Send
from farhand_server.model import frames
from farhand_server.model.identifiers import OfferId
from farhand_server.model.job import JobStatus
from farhand_server.model.output import Extent
from farhand_server.model.runbook import RunbookType
from farhand_server.model.worker import Facts


def offered(rules: Rules) -> list[str]:
    return [offer.job for offer in rules.sent(frames.Offer)]


# --- from the queue to a member -------------------------------------------------------------


def test_a_job_is_offered_in_the_transaction_that_makes_it() -> None:
    rules = Rules()
    session = rules.connect()
    commits = rules.store.commits
    rules.start()

    offer = rules.only(frames.Offer, session)
    assert rules.store.commits == commits + 1
    assert (offer.job, offer.runbook_type) == (job_id(1), RunbookType.BASH)
    assert (offer.digest, offer.size) == (digest(SCRIPTS[RunbookType.BASH]), 8)
    assert rules.job().status is JobStatus.NEW


def test_an_offer_promises_nothing_and_a_grant_does() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    assert [e.promises for e in rules.followed(Send)] == [False]

    rules.accept(session, rules.only(frames.Offer))
    assert [e.promises for e in rules.followed(Send)] == [True]


def test_an_accept_grants_the_next_attempt_with_everything_that_is_needed() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start(parameters='{"n": 1}', arguments=("1",))
    offer = rules.only(frames.Offer)
    rules.accept(session, offer)

    grant = rules.only(frames.Grant, session)
    assert (grant.offer, grant.job, grant.attempt) == (offer.offer, job_id(1), 1)
    assert grant.script == SCRIPTS[RunbookType.BASH]
    assert (grant.runbook, grant.runbook_version, grant.group) == ("bash", 1, "dc1")
    assert (grant.parameters, grant.arguments) == ('{"n": 1}', ("1",))
    assert grant.stop_grace_ms == 30_000
    assert rules.followed(OpenSpool) == [
        OpenSpool(session=session, spool=spool(), extent=Extent(), fresh=True)
    ]
    job = rules.job()
    assert (job.status, job.attempt, job.worker_name) == (JobStatus.ACTIVATING, 1, "web01")
    assert (job_id(1), 1) in rules.tables.attempts


def test_a_script_travels_once() -> None:
    rules = Rules()
    session = rules.connect()
    scripts = []
    for number in (1, 2):
        rules.start(number)
        rules.accept(session, rules.only(frames.Offer))
        scripts.append(rules.only(frames.Grant).script)

    assert scripts == [SCRIPTS[RunbookType.BASH], None]


def test_a_script_that_the_worker_has_does_not_travel() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    rules.accept(session, rules.only(frames.Offer), cached=True)

    assert rules.only(frames.Grant).script is None


def test_jobs_leave_in_the_order_of_their_coming() -> None:
    rules = Rules()
    for number in (3, 1, 2):
        rules.start(number)
    session = rules.connect()

    assert offered(rules) == [job_id(3), job_id(1)]
    rules.accept(session, rules.sent(frames.Offer)[0])
    rules.say(session, frames.Started(job=job_id(3), attempt=1))
    rules.end(session, 3, code=0)
    assert offered(rules) == [job_id(2)]


def test_the_member_with_most_free_slots_gets_the_job() -> None:
    rules = Rules()
    rules.connect("web01", slots=2)
    large = rules.connect("web02", slots=5)
    rules.start()

    assert rules.sent(frames.Offer, large)


def test_among_equals_the_one_that_waited_longest_gets_the_job() -> None:
    rules = Rules()
    sessions = [rules.connect(name) for name in ("web01", "web02")]
    turns = []
    for number in range(1, 5):
        rules.wait(0.1)
        rules.start(number)
        turns.append([bool(rules.sent(frames.Offer, session)) for session in sessions])

    assert turns == [[True, False], [False, True], [True, False], [False, True]]


def test_no_member_gets_more_than_its_slots() -> None:
    rules = Rules()
    session = rules.connect(slots=2)
    for number in (1, 2, 3):
        rules.start(number)
        if rules.sent(frames.Offer):
            rules.accept(session, rules.only(frames.Offer))

    statuses = [rules.job(number).status for number in (1, 2, 3)]
    assert statuses == [JobStatus.ACTIVATING, JobStatus.ACTIVATING, JobStatus.NEW]
    assert rules.why(3).code == "no_free_slot"


def test_a_long_queue_is_served_one_by_one() -> None:
    rules = Rules()
    for number in range(1, 41):
        rules.start(number)
    session = rules.connect(slots=1)
    served = []
    for _ in range(40):
        offer = rules.only(frames.Offer)
        rules.accept(session, offer)
        number = int(offer.job[:8], 16)
        served.append(number)
        rules.say(session, frames.Started(job=offer.job, attempt=1))
        rules.end(session, number, code=0)

    assert served == list(range(1, 41))


# --- nobody is there ------------------------------------------------------------------------


def test_a_job_without_a_member_says_what_it_waits_for_and_starts_when_one_connects() -> None:
    rules = Rules()
    rules.register()
    answer = rules.start()
    assert answer.details == "waits: no member of group dc1 is online"

    session = rules.connect()
    assert offered(rules) == [job_id(1)]
    rules.accept(session, rules.only(frames.Offer))
    assert rules.job().details == ""


def test_a_member_gets_nothing_before_its_first_heartbeat() -> None:
    rules = Rules()
    rules.register()
    session = rules.hello()
    rules.start()
    assert not rules.sent(frames.Offer)

    rules.say(session, frames.Heartbeat(sequence=1))
    assert offered(rules) == [job_id(1)]


def test_jobs_of_another_group_are_not_its_business() -> None:
    rules = Rules()
    rules.register("web01", group="dc2")
    rules.connect("web01")
    rules.start()

    assert not rules.sent(frames.Offer)


# --- what a member cannot run ---------------------------------------------------------------


def only_bash(name: str) -> Facts:
    return Facts(host_name=name, runbook_types=BASH)


def test_a_job_goes_only_to_members_with_its_interpreter() -> None:
    rules = Rules()
    rules.connect("web01", slots=9, facts=only_bash("web01"))
    python = rules.connect("web02")
    rules.start(type_=RunbookType.PYTHON)

    assert rules.sent(frames.Offer, python)


def test_a_job_that_nobody_can_run_holds_up_nobody() -> None:
    rules = Rules()
    for number in range(1, 41):
        rules.start(number, RunbookType.PYTHON)
    rules.start(99)
    rules.connect(facts=only_bash("web01"))

    assert offered(rules) == [job_id(99)]
    assert rules.why(1).code == "no_interpreter"


def test_a_refused_job_goes_to_the_next_member_and_holds_up_nobody() -> None:
    rules = Rules()
    rules.connect("web01", slots=9)
    other = rules.connect("web02")
    for number in (1, 2):
        rules.start(number)
    first = rules.sent(frames.Offer)[0] if rules.sent(frames.Offer) else None
    assert first is not None

    session = next(e.session for e in rules.followed(Send))
    rules.say(session, frames.Reject(offer=first.offer, reason="the disk is full"))
    assert [offer.job for offer in rules.sent(frames.Offer, other)] == [first.job]
    assert ("web01", "refused", "the disk is full") in rules.why(int(first.job[:8], 16)).workers


def test_a_member_that_refused_is_asked_again_after_a_minute() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    refused = rules.only(frames.Offer)
    rules.say(session, frames.Reject(offer=refused.offer, reason="the disk is full"))
    assert not rules.sent(frames.Offer)
    for sequence in range(2, 7):
        rules.wait(10)
        rules.say(session, frames.Heartbeat(sequence=sequence))
    rules.wait(10)

    assert offered(rules) == [job_id(1)]


def test_a_member_that_only_had_no_slot_is_asked_again_after_a_second() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    busy = frames.Reject(
        offer=rules.only(frames.Offer).offer, reason="all slots are taken", for_now=True
    )
    rules.say(session, busy)
    assert not rules.sent(frames.Offer)
    rules.wait(1)

    assert offered(rules) == [job_id(1)]


def test_a_late_reject_changes_nothing() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    offer = rules.only(frames.Offer)
    rules.stop()

    assert rules.say(session, frames.Reject(offer=offer.offer, reason="no")) == []


# --- offers without an answer ---------------------------------------------------------------


def test_an_offer_without_an_answer_is_opened_to_the_next_member_after_a_second() -> None:
    rules = Rules()
    mute, other = rules.connect("web01", slots=9), rules.connect("web02")
    rules.start()
    assert rules.sent(frames.Offer, mute)
    rules.wait(0.9)
    assert not rules.sent(frames.Offer)

    rules.wait(0.2)
    assert [offer.job for offer in rules.sent(frames.Offer, other)] == [job_id(1)]


def test_the_first_to_accept_wins_and_the_other_is_told() -> None:
    rules = Rules()
    slow, fast = rules.connect("web01", slots=9), rules.connect("web02")
    rules.start()
    first = rules.only(frames.Offer, slow)
    rules.wait(1)
    second = rules.only(frames.Offer, fast)
    rules.accept(fast, second)
    assert rules.only(frames.Grant, fast).attempt == 1
    assert rules.only(frames.Withdraw, slow).offer == first.offer

    rules.accept(slow, first)
    assert rules.only(frames.Withdraw, slow).offer == first.offer
    assert not rules.sent(frames.Grant)
    assert (rules.job().worker_name, rules.job().attempt) == ("web02", 1)


def test_a_slow_member_may_still_win() -> None:
    rules = Rules()
    slow, fast = rules.connect("web01", slots=9), rules.connect("web02")
    rules.start()
    first = rules.only(frames.Offer, slow)
    rules.wait(1)
    rules.accept(slow, first)

    assert rules.sent(frames.Grant, slow)
    assert rules.sent(frames.Withdraw, fast)


def test_a_mute_member_costs_one_second_once() -> None:
    rules = Rules()
    mute, other = rules.connect("web01", slots=9), rules.connect("web02", slots=5)
    rules.start(1)
    assert rules.sent(frames.Offer, mute)
    rules.wait(1)
    rules.accept(other, rules.only(frames.Offer, other))
    rules.start(2)

    assert rules.sent(frames.Offer, other)
    assert ("web01", "silent", "owes an answer; it gets jobs again when it is heard") in (
        rules.why(2).workers
    )


def test_a_member_that_is_heard_again_gets_jobs_again() -> None:
    rules = Rules()
    mute = rules.connect("web01", slots=1)
    other = rules.connect("web02", slots=1)
    rules.start(1)
    owed = rules.only(frames.Offer)
    silent = mute if rules.sent(frames.Offer, mute) else other
    rules.wait(1)
    rules.start(2)
    rules.start(3)
    assert not rules.sent(frames.Offer)

    rules.say(silent, frames.Reject(offer=owed.offer, reason="too late"))
    assert rules.sent(frames.Offer, silent)


def test_an_accept_after_a_stop_is_withdrawn_and_its_slot_given_away() -> None:
    rules = Rules()
    session = rules.connect(slots=1)
    rules.start(1)
    offer = rules.only(frames.Offer)
    rules.start(2)
    rules.stop(1)
    assert rules.only(frames.Withdraw).offer == offer.offer
    assert offered(rules) == [job_id(2)]

    rules.accept(session, offer)
    assert rules.only(frames.Withdraw).offer == offer.offer
    assert rules.job(1).status is JobStatus.STOPPED


def test_an_offer_of_another_stream_cannot_be_accepted() -> None:
    rules = Rules()
    rules.connect("web01", slots=9)
    thief = rules.connect("web02")
    rules.start()
    offer = rules.only(frames.Offer)
    rules.accept(thief, offer)

    assert rules.only(frames.Withdraw, thief).offer == offer.offer
    assert rules.job().status is JobStatus.NEW


def test_an_invented_offer_cannot_be_accepted() -> None:
    rules = Rules()
    session = rules.connect()
    rules.say(session, frames.Accept(offer=OfferId("0" * 32), cached=False))

    assert rules.only(frames.Withdraw, session).offer == "0" * 32


@pytest.mark.parametrize("how", ["lost", "removed"])
def test_offers_die_with_their_stream_and_the_job_is_offered_again(how: str) -> None:
    rules = Rules()
    first = rules.connect("web01", slots=9)
    other = rules.connect("web02")
    rules.start()
    assert rules.sent(frames.Offer, first)
    if how == "lost":
        rules.lose(first)
    else:
        rules.say(first, frames.Leave())

    assert [offer.job for offer in rules.sent(frames.Offer, other)] == [job_id(1)]


# --- warm grants ----------------------------------------------------------------------------


def test_a_member_that_was_heard_just_now_is_granted_to_without_being_asked() -> None:
    rules = Rules(warm=1.0)
    session = rules.connect()
    commits = rules.store.commits
    answer = rules.start()

    grant = rules.only(frames.Grant, session)
    assert (grant.offer, grant.attempt) == ("", 1)
    assert rules.store.commits == commits + 1
    assert answer.status is JobStatus.ACTIVATING
    assert not rules.sent(frames.Offer)


def test_a_member_that_was_heard_a_while_ago_is_asked_first() -> None:
    rules = Rules(warm=1.0)
    session = rules.connect()
    rules.wait(1.0)
    rules.start()

    assert rules.sent(frames.Offer, session)
    assert not rules.sent(frames.Grant)


def test_a_warm_grant_takes_back_what_was_offered_before() -> None:
    rules = Rules(warm=1.0)
    cold = rules.connect("web01", slots=9)
    rules.wait(5)
    rules.start()
    first = rules.only(frames.Offer, cold)
    rules.wait(2)
    warm = rules.connect("web02")

    assert rules.sent(frames.Grant, warm)
    assert rules.only(frames.Withdraw, cold).offer == first.offer


# --- attempts that never ran ----------------------------------------------------------------


def test_an_attempt_that_never_started_goes_to_another_member_with_a_new_number() -> None:
    rules = Rules()
    first = rules.connect("web01", slots=9)
    other = rules.connect("web02")
    rules.start()
    rules.accept(first, rules.only(frames.Offer))
    rules.say(first, frames.NotStarted(job=job_id(1), attempt=1, reason="no bash here"))

    assert rules.only(frames.ResultAck, first).attempt == 1
    offer = rules.only(frames.Offer, other)
    rules.accept(other, offer)
    assert rules.only(frames.Grant, other).attempt == 2
    assert rules.tables.attempts[job_id(1), 1].outcome == "never started: no bash here"


def test_a_stopped_attempt_that_never_started_is_stopped_and_its_slot_is_free() -> None:
    rules = Rules()
    session = rules.connect(slots=1)
    rules.start(1)
    rules.accept(session, rules.only(frames.Offer))
    rules.start(2)
    rules.stop(1)
    rules.say(session, frames.NotStarted(job=job_id(1), attempt=1, reason="no"))

    assert rules.job(1).status is JobStatus.STOPPED
    assert rules.job(1).details == "stopped before it ran"
    assert offered(rules) == [job_id(2)]


def test_a_lost_grant_is_found_out_by_the_next_hello_and_the_job_starts_again() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    rules.accept(session, rules.only(frames.Offer))
    rules.lose(session)
    session = rules.hello()
    assert rules.job().status is JobStatus.NEW
    assert rules.tables.attempts[job_id(1), 1].outcome == "never started"

    rules.say(session, frames.Heartbeat(sequence=1))
    rules.accept(session, rules.only(frames.Offer))
    assert rules.only(frames.Grant).attempt == 2


def test_an_answer_tells_the_caller_what_became_of_the_job_at_once() -> None:
    rules = Rules(warm=1.0)
    rules.connect()
    rules.start()
    answer = rules.followed(Answer)[0].value

    assert answer == rules.job()
