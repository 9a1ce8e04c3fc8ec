"""Run As: a group names a credential, and its user is pinned when a job is started."""

from typing import Any

import pytest
from tests.support.rules import Rules
from tests.support.samples import job_id
from tests.support.world.rows import GROUP

from farhand_server.core import events as on
from farhand_server.errors import AssetNotFound, GroupNotFound, InUse
from farhand_server.model import frames
from farhand_server.model.asset import AssetKind
from farhand_server.model.worker import Group

CREDENTIAL = AssetKind.CREDENTIAL


def credential(rules: Rules, user_name: str, *, name: str = "svc") -> None:
    rules.ask(
        on.CreateAsset,
        kind=CREDENTIAL,
        name=name,
        values={"user_name": user_name},
        secrets={"password": "hunter2"},
    )


def custom(user_name: str = "corp\\svc") -> Rules:
    """A group that runs as a credential's user."""
    rules = Rules()
    credential(rules, user_name)
    assert run_as(rules, "svc").run_as == "svc"
    return rules


def run_as(rules: Rules, name: str) -> Any:
    return rules.ask(on.UpdateGroup, name=GROUP.name, run_as=name)


def test_a_job_of_a_default_group_names_no_user() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()

    assert rules.job().run_as == ""
    assert rules.only(frames.Offer, session).run_as == ""
    rules.accept(session, rules.only(frames.Offer))
    assert rules.only(frames.Grant, session).run_as == ""


def test_the_offer_and_the_grant_name_the_user_of_the_credential() -> None:
    rules = custom()
    session = rules.connect()
    rules.start()

    assert rules.job().run_as == "corp\\svc"
    assert rules.only(frames.Offer, session).run_as == "corp\\svc"
    rules.accept(session, rules.only(frames.Offer))
    grant = rules.only(frames.Grant, session)
    assert grant.run_as == "corp\\svc"
    assert "hunter2" not in f"{grant} {grant.parameters} {grant.arguments}"


@pytest.mark.parametrize("later", ["another credential", "another user", "default"])
def test_a_job_that_waits_keeps_the_user_that_it_was_started_with(later: str) -> None:
    rules = custom()
    rules.start()
    if later == "another credential":
        credential(rules, "other", name="new")
        run_as(rules, "new")
    elif later == "another user":
        rules.ask(on.UpdateAsset, kind=CREDENTIAL, name="svc", values={"user_name": "other"})
    else:
        run_as(rules, "")
    rules.connect()

    assert rules.job().run_as == "corp\\svc"
    rules.start(2)
    assert rules.job(2).run_as == ("" if later == "default" else "other")


def test_the_same_start_once_more_is_the_same_job_whatever_its_group_is_set_to_now() -> None:
    rules = custom()
    first = rules.start()
    run_as(rules, "")

    assert rules.start() == first


def test_a_credential_that_is_not_there_is_refused() -> None:
    rules = Rules()
    rules.ask(on.CreateAsset, kind=AssetKind.VARIABLE, name="svc", values={"value": "root"})

    assert isinstance(run_as(rules, "svc"), AssetNotFound)
    assert rules.tables.groups[GROUP.id].run_as == ""


def test_a_group_that_is_not_there_is_refused() -> None:
    rules = Rules()

    assert isinstance(rules.ask(on.UpdateGroup, name="dmz", run_as=""), GroupNotFound)


def test_what_is_not_given_stays() -> None:
    rules = custom()
    group = rules.ask(on.UpdateGroup, name=GROUP.name)

    assert isinstance(group, Group)
    assert group.run_as == rules.tables.groups[GROUP.id].run_as == "svc"


def test_a_credential_is_not_deleted_while_a_group_runs_as_its_user() -> None:
    rules = custom()
    for name in ("dc2", "dc3", "dc4"):
        rules.ask(on.CreateGroup, name=name)
        rules.ask(on.UpdateGroup, name=name, run_as="svc")
    refused = rules.ask(on.DeleteAsset, kind=CREDENTIAL, name="svc")

    assert isinstance(refused, InUse)
    assert (
        refused.why
        == "jobs of these hybrid worker groups run as its user: dc1, dc2, dc3 and 1 more"
    )
    assert refused.do == "first: farhand group set dc1 --run-as-default"
    for name in (GROUP.name, "dc2", "dc3", "dc4"):
        rules.ask(on.UpdateGroup, name=name, run_as="")
    assert rules.ask(on.DeleteAsset, kind=CREDENTIAL, name="svc") is None


def test_only_a_credential_is_held_by_a_group() -> None:
    rules = custom()
    rules.ask(on.CreateAsset, kind=AssetKind.VARIABLE, name="svc", values={"value": 1})

    assert rules.ask(on.DeleteAsset, kind=AssetKind.VARIABLE, name="svc") is None


def test_a_member_that_cannot_become_the_user_is_passed_over_and_job_why_says_so() -> None:
    rules = custom("nobody-here")
    first = rules.connect("web01", slots=9)
    other = rules.connect("web02")
    rules.start()
    offer = rules.only(frames.Offer, first)
    rules.say(first, frames.Reject(offer=offer.offer, reason='no user "nobody-here" on this host'))

    assert rules.only(frames.Offer, other).run_as == "nobody-here"
    assert ("web01", "refused", 'no user "nobody-here" on this host') in rules.why().workers


def test_a_member_that_found_out_only_with_the_grant_is_passed_over_too() -> None:
    rules = custom("nobody-here")
    first = rules.connect("web01", slots=9)
    other = rules.connect("web02")
    rules.start()
    rules.accept(first, rules.only(frames.Offer))
    said = frames.NotStarted(job=job_id(1), attempt=1, reason='no user "nobody-here" on this host')
    rules.say(first, said)

    assert rules.only(frames.Offer, other).run_as == "nobody-here"
    assert ("web01", "refused", 'no user "nobody-here" on this host') in rules.why().workers
