"""What the rules may rely on, whatever remembers for them: each verb of Tx, over every store."""

from dataclasses import replace

import pytest
from tests.support import samples
from tests.support.memory import MemoryStateStore
from tests.support.samples import ACCOUNT, SCRIPT, job_id, worker_id

from farhand_server.engine.ports import StateStore
from farhand_server.errors import ConstraintBroken, OutcomeUnknown
from farhand_server.model.account import Account, Generation, KeySlot
from farhand_server.model.asset import Asset, AssetKind
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, GroupId
from farhand_server.model.job import End, JobStatus, Suspension
from farhand_server.model.runbook import Delivery, RunbookType
from farhand_server.model.worker import Party, Standing
from farhand_server.store.sqlite import SqliteStateStore

EVERY_TYPE = frozenset(RunbookType)
GROUP = GroupId(1)
SERVED = {
    JobStatus.ACTIVATING,
    JobStatus.RUNNING,
    JobStatus.DISCONNECTED,
    JobStatus.STOPPING,
    JobStatus.SUSPENDING,
    JobStatus.RESUMING,
}


# --- transactions ---------------------------------------------------------------------------


def test_a_transaction_sees_its_own_writes(state: StateStore) -> None:
    with state.transaction() as tx:
        tx.add_job(samples.job())

        assert tx.job(job_id(1)) == samples.job()


def test_what_was_committed_is_there_for_the_next_transaction(state: StateStore) -> None:
    with state.transaction() as tx:
        tx.add_job(samples.job())
    with state.transaction() as tx:
        assert tx.job(job_id(1)) == samples.job()


def test_an_exception_undoes_the_whole_transaction(state: StateStore) -> None:
    with pytest.raises(ZeroDivisionError), state.transaction() as tx:
        tx.add_job(samples.job())
        tx.add_group(ACCOUNT, "dc1", UnixMs(1))
        _ = 1 // 0
    with state.transaction() as tx:
        assert tx.job(job_id(1)) is None
        assert tx.group(ACCOUNT, "dc1") is None


def test_a_broken_constraint_leaves_the_outcome_open_and_nothing_done(state: StateStore) -> None:
    with state.transaction() as tx:
        tx.add_job(samples.job(1))
    with pytest.raises(ConstraintBroken), state.transaction() as tx:
        tx.add_job(samples.job(2))
        tx.add_job(samples.job(1))
    with state.transaction() as tx:
        assert tx.job(job_id(2)) is None
        assert tx.job(job_id(1)) is not None


# --- jobs -----------------------------------------------------------------------------------


def test_a_job_comes_back_as_it_was(state: StateStore) -> None:
    full = samples.job(
        status=JobStatus.FAILED,
        details="the runbook ended with exit code 7",
        attempt=2,
        worker=worker_id(3),
        worker_name="web03",
        started=UnixMs(1),
        ended=UnixMs(2),
        end=End(code=7, stopped=True),
        output_bytes=123,
    )
    with state.transaction() as tx:
        tx.add_job(full)

        assert tx.job(full.id) == full
        assert tx.job(job_id(2)) is None


@pytest.mark.parametrize(
    "end", [End(code=0), End(signal=9), End(reason="the runner was lost"), None]
)
def test_every_kind_of_end_comes_back(state: StateStore, end: End | None) -> None:
    new = samples.job()
    with state.transaction() as tx:
        tx.add_job(new)

        assert tx.swap_job(new, replace(new, status=JobStatus.STOPPED, end=end))
        found = tx.job(new.id)
        assert found is not None and found.end == end


def test_a_swap_changes_what_may_change(state: StateStore) -> None:
    new = samples.job()
    granted = replace(
        new.grant(worker=worker_id(1), worker_name="web01", ground=samples.GROUND),
        details="soon",
        started=UnixMs(5),
    )
    with state.transaction() as tx:
        tx.add_job(new)

        assert tx.swap_job(new, granted)
        assert tx.job(new.id) == granted


def test_a_swap_fails_when_somebody_was_first(state: StateStore) -> None:
    new = samples.job()
    granted = new.grant(worker=worker_id(1), worker_name="web01", ground=samples.GROUND)
    other = new.grant(worker=worker_id(2), worker_name="web02", ground=samples.GROUND)
    with state.transaction() as tx:
        tx.add_job(new)
        tx.swap_job(new, granted)

        assert not tx.swap_job(new, other)
        assert tx.job(new.id) == granted


def test_a_swap_fails_when_the_attempt_is_another_one(state: StateStore) -> None:
    second = samples.job(status=JobStatus.RUNNING, attempt=2)
    first = replace(second, attempt=1)
    with state.transaction() as tx:
        tx.add_job(second)

        assert not tx.swap_job(first, first.become(JobStatus.COMPLETED))
        assert tx.job(second.id) == second


def test_a_swap_of_an_unknown_job_fails(state: StateStore) -> None:
    with state.transaction() as tx:
        assert not tx.swap_job(samples.job(), samples.job().become(JobStatus.STOPPED))


def test_jobs_wait_in_the_order_of_their_coming(state: StateStore) -> None:
    with state.transaction() as tx:
        for number in (3, 1, 2):
            tx.add_job(samples.job(number))
        tx.add_job(samples.job(4, group=GroupId(2)))
        tx.add_job(samples.job(5, status=JobStatus.RUNNING))

        waiting = tx.waiting(GROUP, EVERY_TYPE, limit=10)
        assert [job.id for job in waiting] == [job_id(3), job_id(1), job_id(2)]
        assert tx.waiting_groups() == [GroupId(1), GroupId(2)]


def test_a_job_that_waits_again_keeps_its_place(state: StateStore) -> None:
    with state.transaction() as tx:
        first = samples.job(1)
        tx.add_job(first)
        tx.add_job(samples.job(2))
        granted = first.grant(worker=worker_id(1), worker_name="web01", ground=samples.GROUND)
        tx.swap_job(first, granted)
        tx.swap_job(granted, granted.become(JobStatus.NEW))

        waiting = tx.waiting(GROUP, EVERY_TYPE, limit=10)
        assert [job.id for job in waiting] == [job_id(1), job_id(2)]


def test_waiting_jobs_are_chosen_by_type_and_counted_off(state: StateStore) -> None:
    with state.transaction() as tx:
        for number in range(1, 7):
            type_ = RunbookType.PYTHON if number % 2 else RunbookType.BASH
            tx.add_job(samples.job(number, runbook_type=type_))

        bash = tx.waiting(GROUP, frozenset({RunbookType.BASH}), limit=2)
        assert [job.id for job in bash] == [job_id(2), job_id(4)]
        assert len(tx.waiting(GROUP, EVERY_TYPE, limit=5)) == 5
        assert tx.waiting(GROUP, frozenset(), limit=5) == []


def test_only_jobs_that_a_worker_holds_are_served(state: StateStore) -> None:
    with state.transaction() as tx:
        for number, status in enumerate(JobStatus, 1):
            tx.add_job(samples.job(number, status=status, attempt=1, worker=worker_id(1)))
        tx.add_job(samples.job(99, status=JobStatus.RUNNING, attempt=1, worker=worker_id(2)))
        given_up = samples.job(98, status=JobStatus.SUSPENDED, attempt=1, worker=worker_id(4))
        tx.add_job(replace(given_up, suspension=Suspension.INDETERMINATE, may_run=True))

        assert {job.status for job in tx.served_by(worker_id(1))} == SERVED
        assert sorted(tx.serving_workers()) == [worker_id(1), worker_id(2), worker_id(4)]
        assert tx.served_by(worker_id(3)) == []


@pytest.mark.parametrize("status", list(JobStatus))
def test_only_open_jobs_hold_a_runbook_and_a_group(state: StateStore, status: JobStatus) -> None:
    over = {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED, JobStatus.REMOVING}
    with state.transaction() as tx:
        tx.add_job(samples.job(status=status))

        held = status not in over
        assert tx.has_jobs(runbook="hello", group=None, account=ACCOUNT) is held
        assert tx.has_jobs(runbook="", group=GROUP, account=ACCOUNT) is held
        assert not tx.has_jobs(runbook="other", group=GroupId(2), account=ACCOUNT)
        assert not tx.has_jobs(runbook="hello", group=GROUP, account=AccountId(2))


def test_tests_of_a_runbook_are_found_until_they_are_being_removed(state: StateStore) -> None:
    with state.transaction() as tx:
        tx.add_job(samples.job(1, test=True, status=JobStatus.COMPLETED))
        tx.add_job(samples.job(2, status=JobStatus.COMPLETED))
        tx.add_job(samples.job(3, test=True, runbook="other"))
        assert [job.id for job in tx.tests(ACCOUNT, "hello")] == [job_id(1)]
        tx.swap_job(tx.tests(ACCOUNT, "hello")[0], samples.job(1, status=JobStatus.REMOVING))

        assert not tx.tests(ACCOUNT, "hello")
        assert not tx.tests(AccountId(2), "other")
        assert [job.id for job in tx.removing()] == [job_id(1)]


def test_a_job_is_deleted_with_its_attempts(state: StateStore) -> None:
    with state.transaction() as tx:
        for number in (1, 2):
            tx.add_job(samples.job(number))
            tx.add_attempt(samples.attempt(number))
        tx.delete_job(job_id(1))
    with state.transaction() as tx:
        assert tx.job(job_id(1)) is None
        assert tx.job(job_id(2)) is not None
        tx.add_attempt(samples.attempt(1))  # there is none any more


def test_an_attempt_is_granted_once(state: StateStore) -> None:
    with state.transaction() as tx:
        tx.add_attempt(samples.attempt())
        tx.end_attempt(job_id(1), 1, ended=UnixMs(9), outcome="Completed")
        tx.add_attempt(samples.attempt(attempt=2))
    with pytest.raises(OutcomeUnknown), state.transaction() as tx:
        tx.add_attempt(samples.attempt())


def test_what_is_sealed_of_a_job_goes_when_it_is_over(state: StateStore) -> None:
    with state.transaction() as tx:
        tx.add_job(samples.job(1, sealed=b"\x00box"))
        waiting = tx.job(job_id(1))
        assert waiting is not None and waiting.sealed == b"\x00box"
        over = waiting.finish(JobStatus.STOPPED, details="", ended=UnixMs(2))
        assert tx.swap_job(waiting, over)

        assert tx.job(job_id(1)) == over
        assert over.sealed is None


# --- runbooks -------------------------------------------------------------------------------


def test_a_runbook_gets_its_id_and_comes_back(state: StateStore) -> None:
    with state.transaction() as tx:
        saved = tx.save_runbook(samples.runbook(), script=SCRIPT)

        assert saved == replace(samples.runbook(), id=saved.id)
        assert saved.id
        assert tx.runbook(ACCOUNT, "hello") == saved
        assert tx.script(saved.draft_digest) == SCRIPT


def test_a_runbook_is_saved_again_under_its_id(state: StateStore) -> None:
    other = b"echo ho\n"
    with state.transaction() as tx:
        saved = tx.save_runbook(samples.runbook(), script=SCRIPT)
        changed = replace(
            saved,
            type=RunbookType.PYTHON,
            draft_digest=samples.sha256(other),
            published_digest=saved.draft_digest,
            published_version=1,
            modified=UnixMs(7),
        )

        assert tx.save_runbook(changed, script=other) == changed
        assert tx.runbook(ACCOUNT, "hello") == changed
        assert tx.script(saved.draft_digest) == SCRIPT


def test_every_published_version_is_kept(state: StateStore) -> None:
    other = b"echo ho\n"
    with state.transaction() as tx:
        saved = tx.save_runbook(samples.runbook(tags={"team": "ops"}), script=SCRIPT)
        for version, digest in enumerate((saved.draft_digest, samples.sha256(other)), start=1):
            saved = tx.save_runbook(
                replace(
                    saved,
                    draft_digest=digest,
                    published_digest=digest,
                    published_version=version,
                    published=UnixMs(version),
                    published_by="owner",
                ),
                script=other if version == 2 else None,
            )

        assert tx.version(saved.id, 1) == samples.sha256(SCRIPT)
        assert tx.version(saved.id, 2) == samples.sha256(other)
        assert tx.version(saved.id, 3) is None
        assert tx.runbook(ACCOUNT, "hello") == saved
        assert (saved.tags, saved.published_by) == ({"team": "ops"}, "owner")


def test_runbooks_of_another_account_are_not_found(state: StateStore) -> None:
    with state.transaction() as tx:
        tx.save_runbook(samples.runbook(), script=SCRIPT)

        assert tx.runbook(AccountId(2), "hello") is None


def test_a_deleted_runbook_leaves_its_name_free(state: StateStore) -> None:
    with state.transaction() as tx:
        saved = tx.save_runbook(
            samples.runbook(published_digest=samples.sha256(SCRIPT), published_version=1),
            script=SCRIPT,
        )
        tx.delete_runbook(saved.id)

        assert tx.runbook(ACCOUNT, "hello") is None
        assert tx.save_runbook(samples.runbook()).published_version == 0


# --- assets ---------------------------------------------------------------------------------

ASSET = Asset(
    account=ACCOUNT,
    kind=AssetKind.CONNECTION,
    name="db",
    description="the large one",
    values={"connection_type": "postgres", "fields": {"port": 5432, "hosts": ["a", None]}},
    sealed=b"\x00box",
    secrets=("password",),
    created=UnixMs(1),
    modified=UnixMs(2),
)


def test_an_asset_comes_back_as_it_was_and_is_saved_again(state: StateStore) -> None:
    with state.transaction() as tx:
        tx.save_asset(ASSET)
        assert tx.asset(ACCOUNT, AssetKind.CONNECTION, "db") == ASSET
        changed = replace(ASSET, sealed=None, secrets=(), version=2, encrypted=True)
        tx.save_asset(changed)

        assert tx.asset(ACCOUNT, AssetKind.CONNECTION, "db") == changed


def test_an_asset_is_one_by_account_kind_and_name(state: StateStore) -> None:
    with state.transaction() as tx:
        tx.save_asset(ASSET)
        tx.save_asset(replace(ASSET, kind=AssetKind.VARIABLE))

        assert tx.asset(AccountId(2), AssetKind.CONNECTION, "db") is None
        assert tx.asset(ACCOUNT, AssetKind.CREDENTIAL, "db") is None
        tx.delete_asset(ASSET)
        assert tx.asset(ACCOUNT, AssetKind.CONNECTION, "db") is None
        assert tx.asset(ACCOUNT, AssetKind.VARIABLE, "db") is not None


# --- groups and workers ---------------------------------------------------------------------


def test_a_group_is_found_by_its_name(state: StateStore) -> None:
    with state.transaction() as tx:
        group = tx.add_group(ACCOUNT, "dc1", UnixMs(5))

        assert (group.account, group.name, group.created) == (ACCOUNT, "dc1", 5)
        assert tx.group(ACCOUNT, "dc1") == group
        assert tx.group(AccountId(2), "dc1") is None
        tx.delete_group(group.id)
        assert tx.group(ACCOUNT, "dc1") is None


def test_a_group_keeps_the_credential_that_it_runs_as_and_is_found_by_it(
    state: StateStore,
) -> None:
    with state.transaction() as tx:
        group = replace(tx.add_group(ACCOUNT, "dc2", UnixMs(5)), run_as="svc")
        tx.save_group(group)
        other = replace(tx.add_group(ACCOUNT, "dc1", UnixMs(5)), run_as="svc")
        tx.save_group(other)
        tx.save_group(replace(tx.add_group(ACCOUNT, "dc3", UnixMs(5)), run_as="other"))

        assert tx.group(ACCOUNT, "dc2") == group
        assert tx.groups_that_run_as(ACCOUNT, "svc") == [other, group]
        assert tx.groups_that_run_as(AccountId(2), "svc") == []
        tx.save_group(replace(group, run_as=""))
        assert tx.groups_that_run_as(ACCOUNT, "svc") == [other]


def test_two_groups_of_one_name_cannot_be(state: StateStore) -> None:
    with pytest.raises(OutcomeUnknown), state.transaction() as tx:
        tx.add_group(ACCOUNT, "dc1", UnixMs(5))
        tx.add_group(ACCOUNT, "dc1", UnixMs(6))


def test_a_worker_comes_back_as_it_was(state: StateStore) -> None:
    with state.transaction() as tx:
        known = samples.worker(group=tx.add_group(ACCOUNT, "dc1", UnixMs(5)))
        tx.save_worker(known)

        assert tx.worker(known.id) == known
        assert tx.worker_named(ACCOUNT, "web01") == known
        assert tx.worker_named(AccountId(2), "web01") is None
        changed = replace(known, issued_number=6, last_seen=None, slots=3)
        tx.save_worker(changed)
        assert tx.worker(known.id) == changed


def test_members_come_by_name(state: StateStore) -> None:
    with state.transaction() as tx:
        group = tx.add_group(ACCOUNT, "dc1", UnixMs(5))
        other = tx.add_group(ACCOUNT, "dc2", UnixMs(5))
        for number in (2, 1):
            tx.save_worker(samples.worker(number, group=group))
        tx.save_worker(samples.worker(3, group=other))

        assert [worker.name for worker in tx.members(group.id)] == ["web01", "web02"]


def test_two_workers_of_one_name_cannot_be(state: StateStore) -> None:
    with pytest.raises(OutcomeUnknown), state.transaction() as tx:
        group = tx.add_group(ACCOUNT, "dc1", UnixMs(5))
        tx.save_worker(samples.worker(1, group=group))
        tx.save_worker(samples.worker(2, group=group, name="web01"))


def test_a_deleted_worker_leaves_its_name_free(state: StateStore) -> None:
    with state.transaction() as tx:
        group = tx.add_group(ACCOUNT, "dc1", UnixMs(5))
        tx.save_worker(samples.worker(1, group=group))
        tx.delete_worker(worker_id(1))

        assert tx.worker(worker_id(1)) is None
        tx.save_worker(samples.worker(2, group=group, name="web01"))
        assert [worker.id for worker in tx.members(group.id)] == [worker_id(2)]


# --- secrets that let machines join ---------------------------------------------------------


def test_a_registration_token_is_found_by_hash_and_by_id(state: StateStore) -> None:
    token = samples.token()
    with state.transaction() as tx:
        tx.save_registration_token(token)

        assert tx.registration_token(token.hash) == token
        assert tx.registration_token(token.id) == token
        assert tx.registration_token("f" * 64) is None
        used = replace(token, uses_left=1, revoked=True)
        tx.save_registration_token(used)
        assert tx.registration_token(token.hash) == used


def test_an_account_key_replaces_the_one_in_its_slot(state: StateStore) -> None:
    with state.transaction() as tx:
        old = samples.key(KeySlot.PRIMARY)
        assert tx.account_key(old.hash) == old

        new = samples.key(KeySlot.PRIMARY, hash="n" * 64, sealed=b"new")
        tx.save_account_key(new)
        assert tx.account_key(old.hash) is None
        assert tx.account_key(new.hash) == new
        assert tx.account_key(samples.key(KeySlot.SECONDARY).hash) is not None


def test_an_account_keeps_how_its_jobs_are_delivered(state: StateStore) -> None:
    with state.transaction() as tx:
        account = tx.account(ACCOUNT)
        assert account == Account(id=ACCOUNT, name="default", delivery=Delivery.AT_MOST_ONCE)

        tx.save_account(replace(account, delivery=Delivery.AT_LEAST_ONCE))

    with state.transaction() as tx:
        assert tx.account(ACCOUNT).delivery is Delivery.AT_LEAST_ONCE
        assert tx.account(AccountId(2)).delivery is Delivery.AT_MOST_ONCE


# --- after a restore from a backup ----------------------------------------------------------


def restore(state: StateStore) -> None:
    """What `farhand-server restore` does to the rows."""
    if isinstance(state, MemoryStateStore):
        number = state.tables.generation.number + 1
        state.tables.generation = Generation(number=number, restored=UnixMs(7))
    else:
        assert isinstance(state, SqliteStateStore)
        state._connection.execute("UPDATE deployments SET generation = generation + 1, restored=7")


def test_a_deployment_begins_another_generation_with_each_restore(state: StateStore) -> None:
    with state.transaction() as tx:
        assert tx.generation() == Generation()
    restore(state)
    with state.transaction() as tx:
        assert tx.generation() == Generation(number=1, restored=UnixMs(7))


def test_workers_are_unreported_until_they_are_saved_in_this_generation(state: StateStore) -> None:
    with state.transaction() as tx:
        group = tx.add_group(ACCOUNT, "dc1", UnixMs(5))
        for number in (2, 1):
            tx.save_worker(samples.worker(number, group=group))
        assert tx.unreported() == []
    restore(state)
    with state.transaction() as tx:
        assert [worker.name for worker in tx.unreported()] == ["web01", "web02"]
        tx.save_worker(samples.worker(1, group=group, generation=1))
        assert [worker.name for worker in tx.unreported()] == ["web02"]


def test_a_released_account_waits_for_nobody_until_the_next_restore(state: StateStore) -> None:
    with state.transaction() as tx:
        group = tx.add_group(ACCOUNT, "dc1", UnixMs(5))
        tx.save_worker(samples.worker(1, group=group))
    restore(state)
    with state.transaction() as tx:
        tx.release(ACCOUNT)
        assert tx.unreported() == []
    restore(state)
    with state.transaction() as tx:
        assert [worker.name for worker in tx.unreported()] == ["web01"]


def test_numbers_of_open_jobs_are_set_aside_once_in_a_generation(state: StateStore) -> None:
    with state.transaction() as tx:
        tx.add_job(samples.job(1))
        tx.add_job(samples.job(2, status=JobStatus.RUNNING, attempt=3))
        tx.add_job(samples.job(3, status=JobStatus.COMPLETED, attempt=3))
        tx.set_aside(100)
        assert [tx.job(job_id(n)) for n in (1, 2)] == [
            samples.job(1),
            samples.job(2, status=JobStatus.RUNNING, attempt=3),
        ]
    restore(state)
    for _ in range(2):
        with state.transaction() as tx:
            tx.set_aside(100)
    assert reserved(state) == [100, 103, 0]
    restore(state)
    with state.transaction() as tx:
        tx.set_aside(100)
    assert reserved(state) == [200, 203, 0]


def reserved(state: StateStore) -> list[int]:
    with state.transaction() as tx:
        found = [tx.job(job_id(number)) for number in (1, 2, 3)]
    return [job.reserved for job in found if job is not None]


def test_other_machines_with_a_workers_identity_come_back(state: StateStore) -> None:
    party = Party(
        machine_id="m-1",
        boot_id="b-1",
        instance="i-1",
        address="192.0.2.9",
        host_name="Grüße",
        first_seen=UnixMs(1),
        last_seen=UnixMs(2),
        standing=Standing.OPEN,
    )
    parties = tuple(replace(party, standing=standing) for standing in Standing)
    with state.transaction() as tx:
        group = tx.add_group(ACCOUNT, "dc1", UnixMs(5))
        known = samples.worker(1, group=group, instance="i", instance_since=UnixMs(3))
        tx.save_worker(replace(known, parties=parties))

        assert tx.worker(known.id) == replace(known, parties=parties)
        tx.save_worker(known)
        assert tx.worker(known.id) == known
