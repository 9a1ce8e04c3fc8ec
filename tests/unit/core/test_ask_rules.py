"""What a running job asks for: it gets what it may have, and nothing is done twice."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support.rules import Rules
from tests.support.samples import job_id
from tests.support.world.rows import ACCOUNT

from farhand_server.core import events as on
from farhand_server.model import ask, frames
from farhand_server.model.asset import AssetKind
from farhand_server.model.identifiers import JobId, SessionId
from farhand_server.model.runbook import Delivery

REGION = ask.GetAsset(kind=AssetKind.VARIABLE, name="region")


def rules_with_assets() -> tuple[Rules, SessionId]:
    """A job that runs, in an account that has assets."""
    rules = Rules()
    made: tuple[dict[str, Any], ...] = (
        {"kind": AssetKind.VARIABLE, "name": "region", "values": {"value": "eu"}},
        {
            "kind": AssetKind.VARIABLE,
            "name": "key",
            "values": {"value": "s3cret!"},
            "encrypted": True,
        },
        {
            "kind": AssetKind.CREDENTIAL,
            "name": "svc",
            "values": {"user_name": "svc"},
            "secrets": {"password": "s3cret!"},
        },
    )
    for fields in made:
        rules.ask(on.CreateAsset, **fields)
    return rules, rules.running()


def answer(
    rules: Rules, session: SessionId, question: ask.Question, *, number: int = 1, attempt: int = 1
) -> ask.Answer:
    """What the job is told."""
    said = frames.Ask(job=job_id(1), attempt=attempt, ask=number, question=question)
    rules.say(session, said)
    told = rules.only(frames.Answer, session)
    assert (told.job, told.attempt, told.ask) == (said.job, said.attempt, said.ask)
    return told.answer


def refusal(answered: ask.Answer) -> str:
    assert isinstance(answered, ask.Refused), answered
    return answered.reason


def test_a_job_gets_an_asset_as_it_is_now_with_what_is_sealed_of_it() -> None:
    rules, session = rules_with_assets()
    question = ask.GetAsset(kind=AssetKind.CREDENTIAL, name="svc")

    told = answer(rules, session, question)
    assert isinstance(told, ask.AssetAnswer)
    assert (told.asset.values, told.secrets) == ({"user_name": "svc"}, {"password": "s3cret!"})

    rules.ask(on.UpdateAsset, kind=question.kind, name="svc", secrets={"password": "another"})
    told = answer(rules, session, question, number=2)
    assert isinstance(told, ask.AssetAnswer)
    assert (told.asset.version, told.secrets) == (2, {"password": "another"})
    assert "another" not in repr(told)


def test_each_version_that_was_read_is_noted_once() -> None:
    rules, session = rules_with_assets()
    for number in range(1, 4):
        answer(rules, session, REGION, number=number)
    answer(rules, session, ask.SetVariable(name="region", value="us"), number=4)
    answer(rules, session, REGION, number=5)

    noted = [(read.name, read.version, read.written) for read in rules.tables.asset_reads]
    assert noted == [("region", 1, False), ("region", 2, True), ("region", 2, False)]


def test_a_variable_keeps_its_kind_when_a_job_sets_it() -> None:
    rules, session = rules_with_assets()

    assert answer(rules, session, ask.SetVariable(name="region", value=[1, None])) == ask.Done()
    told = answer(rules, session, ask.SetVariable(name="key", value="n3w"), number=2)
    assert isinstance(told, ask.Done)
    assert told.secret == "n3w"
    kept = rules.tables.assets
    assert kept[ACCOUNT, AssetKind.VARIABLE, "region"].values == {"value": [1, None]}
    sealed = kept[ACCOUNT, AssetKind.VARIABLE, "key"]
    assert (sealed.encrypted, sealed.values) == (True, {})
    read = answer(rules, session, ask.GetAsset(kind=AssetKind.VARIABLE, name="key"), number=3)
    assert isinstance(read, ask.AssetAnswer)
    assert read.secrets == {"value": "n3w"}


def test_a_value_that_was_set_is_not_set_again_when_its_answer_was_lost() -> None:
    rules, session = rules_with_assets()
    set_ = ask.SetVariable(name="region", value="first")
    answer(rules, session, set_, number=1)
    rules.ask(
        on.UpdateAsset, kind=AssetKind.VARIABLE, name="region", values={"value": "by a person"}
    )

    again = rules.hello("web01", running_entry())
    assert answer(rules, again, set_, number=1) == ask.Done()
    assert rules.tables.assets[ACCOUNT, AssetKind.VARIABLE, "region"].values == {
        "value": "by a person"
    }
    assert answer(rules, again, replace(set_, value="second"), number=2) == ask.Done()
    assert rules.tables.assets[ACCOUNT, AssetKind.VARIABLE, "region"].values == {"value": "second"}


def test_the_next_attempt_sets_values_though_it_counts_from_one_again() -> None:
    rules = Rules()
    rules.ask(on.UpdateAccount, delivery=Delivery.AT_LEAST_ONCE)
    rules.ask(
        on.CreateAsset, kind=AssetKind.VARIABLE, name="region", values={"value": "as created"}
    )
    session = rules.running()
    answer(rules, session, ask.SetVariable(name="region", value="first attempt"), number=5)

    # Its host has started anew, without the attempt.
    session = rules.hello("web01", boot_id="another", journal_id="another")
    rules.say(session, frames.Heartbeat(sequence=1))
    rules.accept(session, rules.only(frames.Offer, session))
    rules.say(session, frames.Started(job=job_id(1), attempt=2))

    again = ask.SetVariable(name="region", value="second attempt")
    assert answer(rules, session, again, number=1, attempt=2) == ask.Done()
    assert rules.tables.assets[ACCOUNT, AssetKind.VARIABLE, "region"].values == {
        "value": "second attempt"
    }


def running_entry() -> frames.JournalEntry:
    return frames.JournalEntry(job=job_id(1), attempt=1, phase="running", size=0)


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (ask.GetAsset(kind=AssetKind.VARIABLE, name="nowhere"), "ASSET_NOT_FOUND"),
        (ask.GetAsset(kind=AssetKind.CONNECTION, name="svc"), "ASSET_NOT_FOUND"),
        (ask.SetVariable(name="nowhere", value=1), "ASSET_NOT_FOUND"),
        (ask.SetVariable(name="region", value="x" * 1_048_576), "INVALID_REQUEST"),
        (ask.GetChild(job=job_id(1)), "JOB_NOT_FOUND"),
        (ask.GetChild(job=job_id(7)), "JOB_NOT_FOUND"),
    ],
)
def test_what_cannot_be_is_refused_and_the_stream_goes_on(
    question: ask.Question, reason: str
) -> None:
    rules, session = rules_with_assets()
    before = rules.tables

    assert refusal(answer(rules, session, question)) == reason
    assert rules.tables.assets == before.assets
    assert isinstance(answer(rules, session, REGION, number=2), ask.AssetAnswer)


def test_a_runbook_with_a_list_uses_what_is_listed_and_an_account_may_want_lists() -> None:
    rules, session = rules_with_assets()
    svc = ask.GetAsset(kind=AssetKind.CREDENTIAL, name="svc")

    def grant(grants: tuple[str, ...] | None) -> None:
        rules.ask(on.UpdateRunbook, name="bash", fields=frozenset({"grants"}), grants=grants)

    grant(("variable/region", "credential/other"))
    assert isinstance(answer(rules, session, REGION), ask.AssetAnswer)
    assert refusal(answer(rules, session, svc, number=2)) == "ASSET_NOT_GRANTED"
    assert (
        refusal(answer(rules, session, ask.SetVariable(name="key", value=1), number=3))
        == "ASSET_NOT_GRANTED"
    )
    grant(("credential/*",))
    assert isinstance(answer(rules, session, svc, number=4), ask.AssetAnswer)
    assert refusal(answer(rules, session, REGION, number=5)) == "ASSET_NOT_GRANTED"
    grant(None)
    assert isinstance(answer(rules, session, REGION, number=6), ask.AssetAnswer)
    rules.ask(on.UpdateAccount, grants_listed_only=True)
    assert refusal(answer(rules, session, REGION, number=7)) == "ASSET_NOT_GRANTED"
    child = ask.StartChild(job=job_id(9), runbook="bash", run_on="dc1", parameters="{}")
    assert refusal(answer(rules, session, child, number=8)) == "ASSET_NOT_GRANTED"


def test_nobody_asks_for_a_job_of_somebody_else_or_one_that_is_over() -> None:
    rules, session = rules_with_assets()
    other = rules.connect("web02")
    said = frames.Ask(job=job_id(1), attempt=1, ask=1, question=REGION)

    rules.say(other, said)
    assert [type(effect).__name__ for effect in rules.effects] == ["Count", "EndSession"]
    rules.end(session, code=0)
    rules.say(session, said)
    assert rules.sent(frames.Answer) == []


def test_of_another_account_nothing_is_found() -> None:
    rules, session = rules_with_assets()
    for key, asset in list(rules.tables.assets.items()):
        del rules.tables.assets[key]
        rules.tables.assets[ACCOUNT + 1, key[1], key[2]] = replace(asset, account=ACCOUNT + 1)  # type: ignore[index,arg-type]

    assert refusal(answer(rules, session, REGION)) == "ASSET_NOT_FOUND"


def test_a_sealed_asset_that_does_not_open_is_refused_to_the_job_alone() -> None:
    rules, session = rules_with_assets()
    key = (ACCOUNT, AssetKind.CREDENTIAL, "svc")
    rules.tables.assets[key] = replace(rules.tables.assets[key], sealed=b"damaged")

    told = answer(rules, session, ask.GetAsset(kind=AssetKind.CREDENTIAL, name="svc"))
    assert refusal(told) == "ASSET_UNREADABLE"


# --- children ---------------------------------------------------------------------------------


def child(number: int = 2, **fields: Any) -> ask.StartChild:
    values = {"job": job_id(number), "runbook": "bash", "run_on": "dc1", "parameters": "{}"}
    return ask.StartChild(**{**values, **fields})


def test_a_child_is_linked_to_its_parent_and_asked_for_twice_it_is_one() -> None:
    rules, session = rules_with_assets()

    told = answer(rules, session, child())
    assert isinstance(told, ask.ChildAnswer)
    assert (told.job.parent, told.job.depth, told.job.started_by) == (
        job_id(1),
        1,
        f"job {job_id(1)}",
    )
    again = answer(rules, session, child(), number=1)
    assert isinstance(again, ask.ChildAnswer)
    assert again.job.id == told.job.id
    assert len(rules.tables.jobs) == 2
    assert refusal(answer(rules, session, child(runbook="python"), number=2)) == "JOB_EXISTS"


def test_a_job_cannot_take_over_one_that_it_did_not_start() -> None:
    rules, session = rules_with_assets()
    rules.start(2)

    assert refusal(answer(rules, session, child())) == "JOB_EXISTS"
    assert refusal(answer(rules, session, ask.GetChild(job=job_id(2)), number=2)) == (
        "JOB_NOT_FOUND"
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"runbook": "nowhere"}, "RUNBOOK_NOT_FOUND"), ({"run_on": "nowhere"}, "GROUP_NOT_FOUND")],
)
def test_a_child_that_cannot_be_started_is_refused(fields: dict[str, str], reason: str) -> None:
    rules, session = rules_with_assets()

    assert refusal(answer(rules, session, child(2, **fields))) == reason
    assert len(rules.tables.jobs) == 1


def test_who_waits_for_a_child_is_told_when_it_is_over() -> None:
    rules, session = rules_with_assets()
    answer(rules, session, child())
    rules.say(
        session,
        frames.Ask(
            job=job_id(1), attempt=1, ask=2, question=ask.GetChild(job=job_id(2), wait=True)
        ),
    )
    assert rules.sent(frames.Answer) == []
    rules.stop(2)

    told = rules.only(frames.Answer, session)
    assert told.ask == 2
    assert isinstance(told.answer, ask.ChildAnswer)
    assert told.answer.job.status.is_final
    now = answer(rules, session, ask.GetChild(job=job_id(2), wait=True), number=3)
    assert isinstance(now, ask.ChildAnswer)


def test_who_waits_asks_again_after_a_cut_and_is_told_once() -> None:
    rules, session = rules_with_assets()
    answer(rules, session, child())
    question = ask.GetChild(job=job_id(2), wait=True)
    waits = frames.Ask(job=job_id(1), attempt=1, ask=2, question=question)
    rules.say(session, waits)
    rules.lose(session)
    again = rules.hello("web01", running_entry())
    rules.say(again, waits)
    rules.stop(2)

    assert [told.ask for told in rules.sent(frames.Answer)] == [2]
    assert rules.only(frames.Answer, again)


def test_a_worker_that_asks_for_the_same_child_without_end_is_a_liar() -> None:
    rules, session = rules_with_assets()
    answer(rules, session, child())
    question = ask.GetChild(job=job_id(2), wait=True)
    for number in range(2, 200):
        rules.say(session, frames.Ask(job=job_id(1), attempt=1, ask=number, question=question))
        if rules.effects:
            break

    assert [type(effect).__name__ for effect in rules.effects] == ["Count", "EndSession"]
    assert number == 103


@pytest.mark.parametrize("goes_along", [True, False])
def test_a_child_is_stopped_with_its_parent_only_if_it_shall(goes_along: bool) -> None:
    rules, session = rules_with_assets()
    answer(rules, session, child(stop_with_parent=goes_along))
    rules.stop(1)

    assert rules.job(2).status.is_final is goes_along


@pytest.mark.parametrize(("end", "stopped"), [({"code": 0}, False), ({"code": 1}, True)])
def test_a_child_outlives_a_parent_that_was_completed_and_no_other(
    end: dict[str, int], stopped: bool
) -> None:
    rules, session = rules_with_assets()
    answer(rules, session, child(stop_with_parent=True))
    rules.end(session, **end)

    assert (rules.job(2).status.name == "STOPPED") is stopped


def test_children_of_children_are_stopped_as_well() -> None:
    rules, session = rules_with_assets()
    answer(rules, session, child(stop_with_parent=True))
    rules.tables.jobs[job_id(3)] = replace(
        rules.job(2), id=job_id(3), parent=job_id(2), depth=2, stop_with_parent=True
    )
    rules.stop(1)

    assert [rules.job(number).status.name for number in (2, 3)] == ["STOPPED", "STOPPED"]


def test_a_runbook_that_starts_itself_comes_to_an_end() -> None:
    rules, session = rules_with_assets()
    rules.tables.jobs[job_id(1)] = replace(rules.job(1), depth=8)
    assert refusal(answer(rules, session, child())) == "TOO_MANY_CHILDREN"

    rules.tables.jobs[job_id(1)] = replace(rules.job(1), depth=0)
    for number in range(100):
        assert not isinstance(answer(rules, session, child(100 + number)), ask.Refused)
    assert refusal(answer(rules, session, child())) == "TOO_MANY_CHILDREN"


def test_the_output_of_a_child_is_shown_to_its_parent_alone() -> None:
    rules, session = rules_with_assets()
    answer(rules, session, child())

    def seen(number: int, of: SessionId = session) -> str:
        answered = rules.ask(
            lambda call, by: on.ChildOf(
                call=call, session=of, job=JobId(job_id(1)), attempt=1, child=job_id(number)
            )
        )
        return type(answered).__name__

    assert seen(2) == "Job"
    assert seen(1) == "JobNotFound"
    assert seen(2, rules.connect("web02")) == "JobNotFound"
