"""Why a job waits, and who is there: what operators are told."""

import pytest
from tests.support import samples
from tests.support.rules import BASH, Rules
from tests.support.samples import job_id

from farhand_server.core import events as on
from farhand_server.core.overview import Overview, Presence
from farhand_server.model import frames
from farhand_server.model.job import JobStatus
from farhand_server.model.runbook import RunbookType
from farhand_server.model.worker import Facts


def without_members() -> Rules:
    rules = Rules()
    rules.start()
    return rules


def with_nobody_online() -> Rules:
    rules = Rules()
    session = rules.connect()
    rules.lose(session)
    rules.start()
    return rules


def with_an_offer() -> Rules:
    rules = Rules()
    rules.connect()
    rules.start()
    return rules


def with_every_slot_taken() -> Rules:
    rules = Rules()
    session = rules.connect(slots=1)
    rules.start(2)
    rules.accept(session, rules.only(frames.Offer))
    rules.start()
    return rules


def with_nobody_able() -> Rules:
    rules = Rules()
    rules.connect(facts=Facts(runbook_types=BASH))
    rules.start(type_=RunbookType.PYTHON)
    return rules


def before_the_first_heartbeat() -> Rules:
    rules = Rules()
    rules.register()
    rules.hello()
    rules.start()
    return rules


@pytest.mark.parametrize(
    ("world", "code", "message", "do"),
    [
        (without_members, "no_member", "group dc1 has no worker", "farhand token create"),
        (
            with_nobody_online,
            "no_member_online",
            "no member of group dc1 is online",
            "start the agent on web01: farhand-agent run",
        ),
        (with_an_offer, "offered", "it was offered to web01", ""),
        (
            with_every_slot_taken,
            "no_free_slot",
            "every slot of group dc1 is taken",
            "farhand job list --group dc1 --state running",
        ),
        (
            with_nobody_able,
            "no_interpreter",
            "no member of group dc1 that is online has an interpreter for python",
            "install Python 3 on web01 and restart its agent",
        ),
        (
            before_the_first_heartbeat,
            "no_member_online",
            "no member of group dc1 is online",
            "start the agent on web01: farhand-agent run",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_waiting_job_says_why(world: object, code: str, message: str, do: str) -> None:
    assert callable(world)
    why = world().why()

    assert (why.code, why.message) == (code, f"waits: {message}")
    assert do in "".join(why.do[:1])


def test_every_member_is_explained() -> None:
    rules = Rules()
    session = rules.connect("web01", slots=1)
    rules.start(2)
    rules.accept(session, rules.only(frames.Offer))
    rules.connect("web02", facts=Facts(runbook_types=(RunbookType.PYTHON,)))
    gone = rules.connect("web03", facts=Facts(runbook_types=(RunbookType.PYTHON,)))
    rules.lose(gone)
    rules.start(1)

    assert rules.why().workers == (
        ("web01", "no free slot", "1 of 1 in use"),
        ("web02", "cannot", "no interpreter for bash"),
        ("web03", "not connected", "last address 192.0.2.7"),
    )


def test_an_interpreter_that_only_somebody_offline_has_is_missed_by_those_online() -> None:
    rules = Rules()
    rules.lose(rules.connect("web01"))
    rules.connect("web02", facts=Facts(runbook_types=BASH))
    rules.start(type_=RunbookType.PYTHON)

    assert rules.why().code == "no_interpreter"
    assert rules.why().workers[1] == ("web02", "cannot", "no interpreter for python")
    assert rules.why().do == (
        "install Python 3 on web02 and restart its agent",
        "or say where it is: farhand-agent run --interpreter python=PATH",
        f"farhand job stop {job_id(1)}",
    )


def test_a_running_job_says_where() -> None:
    rules = Rules()
    session = rules.running()
    assert (rules.why().code, rules.why().message) == ("running", "is running on web01")

    rules.stop()
    assert (rules.why().code, rules.why().message) == ("stopping", "is being stopped on web01")
    rules.end(session, code=7)
    assert rules.why().message == "is over: Failed, the runbook ended with exit code 7"


def test_a_running_job_says_that_its_worker_is_gone_long_before_its_state_does() -> None:
    rules = Rules()
    rules.lose(rules.running())

    assert rules.job().status is JobStatus.RUNNING
    assert rules.why().message == (
        "is running on web01, which is out of contact at this moment; what runs there goes on"
    )


def test_a_job_that_is_being_started_says_where() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    rules.accept(session, rules.only(frames.Offer))

    assert rules.why().message == "is being started on web01"


def test_a_disconnected_job_says_what_may_still_be() -> None:
    rules = Rules()
    session = rules.running()
    rules.lose(session)
    rules.wait(46)
    why = rules.why()

    assert why.code == "disconnected"
    assert "may still be running there" in why.message
    assert "look at web01" in why.do


def test_a_suspended_job_says_that_its_outcome_is_unknown() -> None:
    rules = Rules()
    session = rules.running()
    rules.say(session, frames.Leave(force=True))

    assert rules.why().code == "indeterminate"
    assert rules.why().message.startswith("outcome unknown:")


def test_the_overview_tells_who_is_online_and_how_busy() -> None:
    rules = Rules()
    session = rules.running("web01")
    rules.connect("web02", slots=5)
    rules.wait(3)
    rules.say(session, frames.Drain(reason="the agent ends"))
    overview = rules.ask(on.Overview)

    assert overview == Overview(
        workers={
            rules.worker("web01").id: Presence(
                online=True, draining=True, slots=2, used=1, last_heard_ms=0
            ),
            rules.worker("web02").id: Presence(
                online=True, draining=False, slots=5, used=0, last_heard_ms=3000
            ),
        }
    )


def test_the_overview_of_another_account_is_empty() -> None:
    rules = Rules()
    rules.connect()

    assert rules.ask(on.Overview, by=samples.STRANGER) == Overview(workers={})


def test_a_worker_that_was_lost_is_not_in_the_overview() -> None:
    rules = Rules()
    session = rules.connect()
    rules.lose(session)

    assert rules.ask(on.Overview) == Overview(workers={})


def test_a_disconnected_job_says_since_when_and_what_can_be_done() -> None:
    rules = Rules()
    session = rules.running()
    rules.lose(session)
    rules.wait(45 + 7 * 60)
    why = rules.why()

    assert why.code == "disconnected"
    assert "may still be running there and will report when it returns" in why.message
    assert "After 24 h: Suspended. Last heard 7 min ago" in why.message
    assert why.do == (
        "look at web01",
        f"farhand job stop {job_id(1)} (when it returns)",
        f'farhand job force-close {job_id(1)} --reason "…" (gives up)',
    )
