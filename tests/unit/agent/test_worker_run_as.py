"""Whether a worker takes a job that is to run as somebody else."""

from tests.support.worker_desk import Desk, offer, sent

from farhand_agent.core import effects, events, frames
from farhand_agent.core.frames import RunbookType

ASKED = effects.LookUpUser(offer_id="o1", name="svc")
REFUSAL = 'no user "svc" on this host'


def known(offer_id: str = "o1") -> events.UserLookedUp:
    return events.UserLookedUp(offer_id=offer_id, refusal="")


def test_an_agent_that_is_not_root_refuses_with_a_sentence() -> None:
    desk = Desk(becomes_users=False)
    desk.connect()
    why = 'the agent does not run as root, so it cannot run a job as user "svc"'

    assert sent(desk.hear(offer(run_as="svc"))) == [frames.Reject(offer_id="o1", reason=why)]
    assert sent(desk.hear(offer("o2"))) == [frames.Accept(offer_id="o2", cached=False)]


def test_the_user_is_looked_up_before_the_offer_is_accepted() -> None:
    desk = Desk(becomes_users=True)
    desk.connect()

    assert desk.hear(offer(run_as="svc")) == [ASKED]
    assert sent(desk.hear(known())) == [frames.Accept(offer_id="o1", cached=False)]
    assert desk.hear(known()) == []


def test_a_user_that_the_host_does_not_know_is_refused_for_more_than_a_moment() -> None:
    desk = Desk(becomes_users=True)
    desk.connect()
    desk.hear(offer(run_as="svc"))
    said = sent(desk.hear(events.UserLookedUp(offer_id="o1", refusal=REFUSAL)))

    assert said == [frames.Reject(offer_id="o1", reason=REFUSAL, for_now=False)]


def test_a_directory_service_that_did_not_answer_is_asked_again_soon() -> None:
    desk = Desk(becomes_users=True)
    desk.connect()
    desk.hear(offer(run_as="svc"))
    said = sent(desk.hear(events.UserLookedUp(offer_id="o1", refusal="slow", for_now=True)))

    assert said == [frames.Reject(offer_id="o1", reason="slow", for_now=True)]


def test_nobody_is_looked_up_for_a_script_that_cannot_run_anyway() -> None:
    desk = Desk(becomes_users=True)
    desk.connect()

    (said,) = sent(desk.hear(offer(type_=RunbookType.POWERSHELL, run_as="svc")))
    assert isinstance(said, frames.Reject)
    assert "no interpreter" in said.reason


def test_a_slot_that_was_taken_meanwhile_is_not_promised_again() -> None:
    desk = Desk(slots=1, becomes_users=True)
    desk.connect()
    desk.hear(offer("o1", run_as="svc"))
    desk.hear(offer("o2"))

    assert sent(desk.hear(known())) == [
        frames.Reject(offer_id="o1", reason="all 1 slots are taken", for_now=True)
    ]


def test_an_offer_that_was_withdrawn_meanwhile_is_not_answered() -> None:
    desk = Desk(becomes_users=True)
    desk.connect()
    desk.hear(offer(run_as="svc"))
    desk.hear(frames.Withdraw(offer_id="o1"))

    assert desk.hear(known()) == []


def test_an_offer_whose_stream_was_lost_meanwhile_is_not_answered_on_the_next() -> None:
    desk = Desk(becomes_users=True)
    desk.connect()
    desk.hear(offer(run_as="svc"))
    desk.hear(events.Lost())
    desk.connect()

    assert desk.hear(known()) == []
