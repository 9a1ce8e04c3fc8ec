"""While the control plane's disk is almost full nothing is given away; everything else goes on."""

import pytest
from tests.support.rules import Rules
from tests.support.samples import job_id

from farhand_server.core import events as on
from farhand_server.model import frames
from farhand_server.model.job import JobStatus


def low(rules: Rules, yes: bool = True) -> None:
    rules.handle(on.DiskLow(low=yes))


@pytest.mark.parametrize("warm", [0.0, 1.0], ids=["offers", "warm grants"])
def test_a_job_that_is_started_waits_and_says_why(warm: float) -> None:
    rules = Rules(warm=warm)
    session = rules.connect()
    low(rules)
    job = rules.start()

    assert rules.sent(object, session) == []
    assert job.status is JobStatus.NEW
    assert job.details == "waits: the control plane's disk is almost full"
    assert (rules.why().code, rules.why().message) == ("paused", job.details)
    assert rules.why().do


@pytest.mark.parametrize("warm", [0.0, 1.0], ids=["offers", "warm grants"])
def test_jobs_go_on_by_themselves_when_there_is_room(warm: float) -> None:
    rules = Rules(warm=warm)
    session = rules.connect()
    low(rules)
    rules.start(1)
    rules.start(2)
    low(rules, False)

    offered = [frame.job for frame in rules.sent(frames.Offer, session)]
    granted = [frame.job for frame in rules.sent(frames.Grant, session)]
    assert (granted if warm else offered) == [job_id(1), job_id(2)]
    assert rules.why(1).code != "paused"


def test_an_offer_that_is_accepted_late_is_withdrawn_and_made_again() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    offer = rules.only(frames.Offer, session)
    low(rules)
    rules.accept(session, offer)

    assert rules.only(frames.Withdraw, session).offer == offer.offer
    assert rules.job().status is JobStatus.NEW
    low(rules, False)
    again = rules.only(frames.Offer, session)
    rules.accept(session, again)
    assert rules.job().status is JobStatus.ACTIVATING


def test_an_unanswered_offer_is_not_opened_to_the_next_member() -> None:
    rules = Rules()
    rules.connect("web01")
    rules.start()
    rules.connect("web02")
    low(rules)

    rules.wait(5)
    assert rules.sent(frames.Offer) == []


def test_a_running_job_may_end_and_frees_its_slot() -> None:
    rules = Rules()
    session = rules.running()
    low(rules)
    rules.end(session, code=0)

    assert rules.job().status is JobStatus.COMPLETED
    assert rules.only(frames.ResultAck, session).job == job_id(1)


def test_a_worker_that_returns_or_joins_is_let_in_and_given_nothing() -> None:
    rules = Rules()
    low(rules)
    rules.start()
    session = rules.connect()

    assert rules.job().status is JobStatus.NEW
    assert rules.why().code == "paused"
    low(rules, False)
    assert rules.only(frames.Offer, session).job == job_id(1)


def test_a_pause_outlives_a_commit_that_failed() -> None:
    rules = Rules()
    low(rules)
    rules.begin()
    rules.connect()
    rules.start()

    assert rules.why().code == "paused"
    assert rules.job().status is JobStatus.NEW
