"""Runbooks, groups and workers, as operators manage them."""

import pytest
from tests.support import samples
from tests.support.rules import Rules
from tests.support.samples import job_id, sha256
from tests.support.world.rows import OPERATOR

from farhand_server.core import events as on
from farhand_server.core.effects import EndSession
from farhand_server.errors import (
    DraftChanged,
    GroupExists,
    GroupNotFound,
    InUse,
    RunbookExists,
    RunbookNotFound,
    RunbookNotPublished,
    RunbookTypeFixed,
    RunbookVersionNotFound,
    WorkerNotFound,
)
from farhand_server.model import frames
from farhand_server.model.job import JobStatus
from farhand_server.model.runbook import Runbook, RunbookState, RunbookType

FIRST, SECOND = b"echo one\n", b"echo two\n"


def imported(rules: Rules, script: bytes = FIRST, **fields: object) -> object:
    values: dict[str, object] = {
        "name": "backup",
        "type": RunbookType.BASH,
        "digest": sha256(script),
        "script": script,
    }
    return rules.ask(on.ImportRunbook, **{**values, **fields})


def known(rules: Rules, name: str = "backup") -> Runbook:
    return next(r for r in rules.tables.runbooks.values() if r.name == name)


# --- runbooks -------------------------------------------------------------------------------


def test_an_import_makes_a_draft() -> None:
    rules = Rules()
    answer = imported(rules, description="saves all")

    runbook = known(rules)
    assert answer == runbook
    assert (runbook.state, runbook.published_version) == (RunbookState.NEW, 0)
    assert (runbook.draft_digest, runbook.description) == (sha256(FIRST), "saves all")
    assert rules.tables.scripts[sha256(FIRST)] == FIRST


def test_an_import_may_publish_at_once() -> None:
    rules = Rules()
    imported(rules, publish=True)

    assert (known(rules).state, known(rules).published_version) == (RunbookState.PUBLISHED, 1)


def test_a_second_import_needs_force() -> None:
    rules = Rules()
    imported(rules)
    refusal = imported(rules, SECOND)

    assert isinstance(refusal, RunbookExists)
    assert "--force" in refusal.do
    assert known(rules).draft_digest == sha256(FIRST)


def test_force_replaces_the_draft_and_leaves_what_is_published() -> None:
    rules = Rules()
    imported(rules, publish=True, description="saves all")
    imported(rules, SECOND, force=True)

    runbook = known(rules)
    assert runbook.state is RunbookState.EDIT
    assert (runbook.draft_digest, runbook.published_digest) == (sha256(SECOND), sha256(FIRST))
    assert (runbook.published_version, runbook.description) == (1, "saves all")


def test_what_was_published_keeps_its_type() -> None:
    rules = Rules()
    imported(rules, publish=True)
    refusal = imported(rules, SECOND, type=RunbookType.PYTHON, force=True)

    assert isinstance(refusal, RunbookTypeFixed)
    assert known(rules).type is RunbookType.BASH
    assert known(rules).draft_digest == sha256(FIRST)


def test_a_draft_that_was_never_published_may_change_its_type() -> None:
    rules = Rules()
    imported(rules)
    imported(rules, SECOND, type=RunbookType.PYTHON, force=True)

    assert known(rules).type is RunbookType.PYTHON


def test_a_draft_that_somebody_else_replaced_is_not_overwritten() -> None:
    rules = Rules()
    imported(rules)
    imported(rules, SECOND, force=True, draft_digest=sha256(FIRST))
    refusal = imported(rules, b"echo three\n", force=True, draft_digest=sha256(FIRST))

    assert isinstance(refusal, DraftChanged)
    assert known(rules).draft_digest == sha256(SECOND)


def test_a_publish_says_who_and_when() -> None:
    rules = Rules()
    imported(rules, publish=True)

    assert known(rules).published_by == OPERATOR.name
    assert known(rules).published == rules.clock.unix_ms()


def test_a_revert_makes_the_draft_what_is_published() -> None:
    rules = Rules()
    imported(rules, publish=True)
    imported(rules, SECOND, force=True)
    answer = rules.ask(on.RevertRunbook, name="backup")

    assert answer == known(rules)
    assert known(rules).draft_digest == known(rules).published_digest == sha256(FIRST)
    assert known(rules).state is RunbookState.PUBLISHED
    assert known(rules).published_version == 1
    assert rules.ask(on.RevertRunbook, name="backup") == answer


def test_a_runbook_without_a_published_version_cannot_be_reverted() -> None:
    rules = Rules()
    imported(rules)

    assert isinstance(rules.ask(on.RevertRunbook, name="backup"), RunbookNotPublished)


def test_a_rollback_publishes_an_earlier_script_as_a_version_of_its_own() -> None:
    rules = Rules()
    imported(rules, publish=True)
    imported(rules, SECOND, publish=True, force=True)
    imported(rules, b"echo three\n", force=True)
    answer = rules.ask(on.RollbackRunbook, name="backup", version=1)

    runbook = known(rules)
    assert answer == runbook
    assert (runbook.published_version, runbook.published_digest) == (3, sha256(FIRST))
    assert runbook.state is RunbookState.PUBLISHED
    assert rules.tables.versions[runbook.id, 3] == sha256(FIRST)


def test_a_rollback_to_what_is_published_is_no_version() -> None:
    rules = Rules()
    imported(rules, publish=True)
    rules.ask(on.RollbackRunbook, name="backup", version=1)

    assert known(rules).published_version == 1


def test_a_rollback_to_a_version_that_never_was_is_refused() -> None:
    rules = Rules()
    imported(rules, publish=True)
    refusal = rules.ask(on.RollbackRunbook, name="backup", version=2)

    assert isinstance(refusal, RunbookVersionNotFound)
    assert "its last one is 1" in refusal.why


def test_each_publish_of_a_change_is_a_version() -> None:
    rules = Rules()
    imported(rules)
    rules.ask(on.PublishRunbook, name="backup")
    imported(rules, SECOND, force=True)
    answer = rules.ask(on.PublishRunbook, name="backup")

    assert answer == known(rules)
    assert answer.published_version == 2
    assert [rules.tables.versions[known(rules).id, version] for version in (1, 2)] == [
        sha256(FIRST),
        sha256(SECOND),
    ]


@pytest.mark.parametrize("how", ["publish", "import"])
def test_publishing_the_same_draft_twice_is_one_version(how: str) -> None:
    rules = Rules()
    imported(rules, publish=True)
    before = known(rules)
    if how == "publish":
        rules.ask(on.PublishRunbook, name="backup")
    else:
        imported(rules, publish=True, force=True)

    assert known(rules).published_version == before.published_version == 1


def test_an_unknown_runbook_cannot_be_published_or_deleted() -> None:
    rules = Rules()
    imported(rules)

    assert isinstance(rules.ask(on.PublishRunbook, name="other"), RunbookNotFound)
    assert isinstance(rules.ask(on.DeleteRunbook, name="other"), RunbookNotFound)
    stranger = rules.ask(on.DeleteRunbook, by=samples.STRANGER, name="backup")
    assert isinstance(stranger, RunbookNotFound)


def test_a_runbook_with_an_open_job_cannot_be_deleted() -> None:
    rules = Rules()
    rules.start()
    assert isinstance(rules.ask(on.DeleteRunbook, name="bash"), InUse)

    rules.stop()
    assert rules.ask(on.DeleteRunbook, name="bash") is None
    assert [r.name for r in rules.tables.runbooks.values()] == ["python", "again"]
    assert rules.job().runbook == "bash"


def test_a_job_keeps_the_version_that_it_was_started_with() -> None:
    rules = Rules()
    imported(rules, publish=True)
    rules.start(runbook="backup")
    imported(rules, SECOND, publish=True, force=True)
    session = rules.connect()
    rules.accept(session, rules.only(frames.Offer))

    grant = rules.only(frames.Grant)
    assert (grant.runbook_version, grant.script) == (1, FIRST)


# --- groups ---------------------------------------------------------------------------------


def test_a_group_is_made_once() -> None:
    rules = Rules()
    group = rules.ask(on.CreateGroup, name="dc2")
    assert (group.name, group.created) == ("dc2", rules.clock.unix_ms())

    assert isinstance(rules.ask(on.CreateGroup, name="dc2"), GroupExists)


def test_an_empty_group_can_be_deleted() -> None:
    rules = Rules()
    assert rules.ask(on.DeleteGroup, name="dc1") is None

    assert isinstance(rules.ask(on.DeleteGroup, name="dc1"), GroupNotFound)


def test_a_group_with_members_cannot_be_deleted() -> None:
    rules = Rules()
    rules.register()
    refusal = rules.ask(on.DeleteGroup, name="dc1")

    assert isinstance(refusal, InUse)
    assert refusal.why == "web01"


def test_a_group_with_open_jobs_cannot_be_deleted() -> None:
    rules = Rules()
    rules.start()
    assert isinstance(rules.ask(on.DeleteGroup, name="dc1"), InUse)

    rules.stop()
    assert rules.ask(on.DeleteGroup, name="dc1") is None


# --- workers --------------------------------------------------------------------------------


def test_a_worker_is_deleted_and_its_session_ended() -> None:
    rules = Rules()
    session = rules.connect()
    assert rules.ask(on.DeleteWorker, name="web01") is None

    assert [e.session for e in rules.followed(EndSession)] == [session]
    assert not rules.tables.workers


def test_a_worker_that_runs_jobs_is_deleted_only_by_force() -> None:
    rules = Rules()
    rules.running()
    refusal = rules.ask(on.DeleteWorker, name="web01")
    assert isinstance(refusal, InUse)
    assert job_id(1) in refusal.why

    assert rules.ask(on.DeleteWorker, name="web01", force=True) is None
    assert rules.job().status is JobStatus.SUSPENDED


def test_an_unknown_worker_cannot_be_deleted() -> None:
    rules = Rules()
    rules.register()

    assert isinstance(rules.ask(on.DeleteWorker, name="web02"), WorkerNotFound)
    stranger = rules.ask(on.DeleteWorker, by=samples.STRANGER, name="web01")
    assert isinstance(stranger, WorkerNotFound)


def test_a_worker_resigns_with_its_key_alone() -> None:
    rules = Rules()
    rules.register()
    id_ = rules.worker().id
    rules.handle(on.Resigned(call=on.CallId(99), worker=id_))
    assert not rules.tables.workers

    rules.handle(on.Resigned(call=on.CallId(100), worker=id_))
    assert not rules.followed(EndSession)
