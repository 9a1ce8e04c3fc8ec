"""What was said on an old stream, said again on a new one: nothing moves back."""

import pytest
from tests.support.rules import Rules
from tests.support.samples import job_id

from farhand_server.core.effects import Count, EndSession
from farhand_server.errors import ProtocolViolation
from farhand_server.model import frames
from farhand_server.model.job import JobStatus

STARTED = frames.Started(job=job_id(1), attempt=1)
NOT_STARTED = frames.NotStarted(job=job_id(1), attempt=1, reason="the interpreter is gone")


def never_began(rules: Rules) -> None:
    """web01 was granted the job and says that it never ran; web02 is there."""
    first = rules.connect("web01")
    rules.start()
    rules.accept(first, rules.only(frames.Offer, first))
    rules.say(first, NOT_STARTED)


@pytest.mark.parametrize("frame", [STARTED, NOT_STARTED])
def test_frames_of_an_attempt_that_moved_to_another_worker_end_the_stream(
    frame: frames.AgentFrame,
) -> None:
    rules = Rules()
    never_began(rules)
    second = rules.connect("web02")
    rules.accept(second, rules.only(frames.Offer, second))
    rules.say(second, frames.Started(job=job_id(1), attempt=2))
    rules.wait(1)
    job = rules.job()
    assert (job.status, job.attempt, job.worker_name) == (JobStatus.RUNNING, 2, "web02")

    returned = rules.connect("web01")
    rules.say(returned, frame)
    assert isinstance(rules.refusal(), ProtocolViolation)
    assert [e.session for e in rules.followed(EndSession)] == [returned]
    assert [e.worker for e in rules.followed(Count)] == [rules.worker("web01").id]
    assert rules.job() == job


@pytest.mark.parametrize("frame", [STARTED, NOT_STARTED])
def test_frames_of_an_attempt_before_this_one_are_counted_and_change_nothing(
    frame: frames.AgentFrame,
) -> None:
    rules = Rules(exclusion=1.0)
    never_began(rules)
    rules.wait(2)
    session = rules.connect("web01")
    rules.accept(session, rules.only(frames.Offer, session))
    job = rules.job()
    assert (job.status, job.attempt) == (JobStatus.ACTIVATING, 2)

    rules.say(session, frame)
    assert [e.worker for e in rules.followed(Count)] == [rules.worker("web01").id]
    assert rules.only(frames.ResultAck, session).attempt == 1
    rules.wait(1)
    assert rules.job() == job


def test_an_accept_of_an_old_session_takes_nothing_from_a_new_one() -> None:
    rules = Rules()
    old = rules.connect("web01")
    rules.start()
    offer = rules.only(frames.Offer, old)
    new = rules.connect("web01")
    assert rules.only(frames.Offer, new).offer != offer.offer

    rules.accept(new, offer)
    assert rules.only(frames.Withdraw, new).offer == offer.offer
    assert rules.job().status is JobStatus.NEW
