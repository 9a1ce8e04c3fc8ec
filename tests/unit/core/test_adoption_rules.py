"""What a returning worker's journal means: one row of the table a test."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support import samples
from tests.support.rules import Rules, entry, spool
from tests.support.samples import job_id, worker_id
from tests.support.world.rows import GROUP, first_rows

from farhand_server.core.effects import Count, OpenSpool
from farhand_server.model import frames
from farhand_server.model.clock import UnixMs
from farhand_server.model.job import End, Job, JobStatus, Suspension
from farhand_server.model.output import Extent
from farhand_server.model.runbook import Delivery
from farhand_server.model.worker import Ground, Group
from farhand_wire import limits

EXTENT = Extent(stored=100, durable=60, crc=9, lines=2, payload=70, opened=UnixMs(1))
HELD = [
    JobStatus.ACTIVATING,
    JobStatus.RUNNING,
    JobStatus.DISCONNECTED,
    JobStatus.SUSPENDING,
    JobStatus.STOPPING,
    JobStatus.RESUMING,
    JobStatus.SUSPENDED,
]
#: What `hello` stands on.
GROUND = Ground(journal_id="journal", boot_id="boot", machine_id="machine of web01")
OVER = [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED]


def granted(status: JobStatus, **fields: Any) -> Job:
    values: dict[str, Any] = {
        "status": status,
        "group": GROUP.id,
        "attempt": 1,
        "worker": worker_id(1),
        "worker_name": "web01",
        "may_run": True,
        "ground": GROUND,
        "suspension": Suspension.INDETERMINATE if status is JobStatus.SUSPENDED else None,
    }
    return samples.job(**{**values, **fields})


def rules_with(job: Job, *, group: Group = GROUP) -> Rules:
    """A server that starts with this row, and a worker `web01` that it knows."""
    tables = first_rows()
    tables.jobs[job.id] = job
    tables.attempts[job.id, 1] = samples.attempt()
    tables.scripts[job.digest] = samples.SCRIPT
    worker = samples.worker(1, group=group)
    tables.workers[worker.id] = worker
    return Rules(tables=tables)


def verdicts(rules: Rules) -> tuple[frames.Verdict, ...]:
    return rules.only(frames.Welcome).verdicts


# --- the journal lists it -------------------------------------------------------------------


@pytest.mark.parametrize("status", HELD)
@pytest.mark.parametrize("phase", ["running", "exited"])
def test_an_attempt_that_the_host_knows_is_taken_up_again(status: JobStatus, phase: str) -> None:
    rules = rules_with(granted(status))
    session = rules.hello("web01", entry(phase=phase), extents={spool(): EXTENT})

    assert verdicts(rules) == (
        frames.Continue(job=job_id(1), attempt=1, stored=100, durable=60, crc=9),
    )
    assert rules.followed(OpenSpool) == [OpenSpool(session=session, spool=spool(), extent=EXTENT)]
    stays = status in (JobStatus.STOPPING, JobStatus.SUSPENDING)
    stays |= status is JobStatus.SUSPENDED and phase == "exited"
    assert rules.job().status is (status if stays else JobStatus.RUNNING)


def test_an_end_that_was_taken_already_is_taken_again() -> None:
    rules = Rules()
    session = rules.running()
    rules.end(session, reason="the runner was lost", lost=True)
    suspended = rules.job()
    session = rules.hello("web01", entry(phase="exited"))
    assert rules.job() == suspended

    rules.end(session, reason="the runner was lost", lost=True)
    assert rules.job() == suspended
    assert rules.only(frames.ResultAck, session)


def test_an_attempt_of_which_nothing_is_stored_is_sent_from_its_begin() -> None:
    rules = rules_with(granted(JobStatus.RUNNING))
    rules.hello("web01", entry())

    assert verdicts(rules) == (
        frames.Continue(job=job_id(1), attempt=1, stored=0, durable=0, crc=0),
    )


def test_the_output_is_let_in_before_the_welcome_invites_it() -> None:
    rules = rules_with(granted(JobStatus.RUNNING))
    rules.hello("web01", entry())
    kinds = [type(getattr(effect, "frame", effect)).__name__ for effect in rules.effects]

    assert kinds.index("OpenSpool") < kinds.index("Welcome")


def test_a_job_that_was_granted_counts_as_started_by_contact() -> None:
    rules = rules_with(granted(JobStatus.ACTIVATING))
    rules.hello("web01", entry())

    assert rules.job().started == rules.clock.unix_ms()


def test_a_start_that_is_known_is_kept() -> None:
    rules = rules_with(granted(JobStatus.DISCONNECTED, started=UnixMs(5), details="away"))
    rules.hello("web01", entry())

    assert (rules.job().started, rules.job().details) == (5, "")


def test_a_stop_is_repeated_after_the_welcome() -> None:
    rules = rules_with(granted(JobStatus.STOPPING))
    session = rules.hello("web01", entry())
    frames_sent = [type(getattr(effect, "frame", None)).__name__ for effect in rules.effects]

    assert rules.only(frames.Stop, session).attempt == 1
    assert frames_sent.index("Welcome") < frames_sent.index("Stop")


def test_the_late_truth_wins() -> None:
    rules = rules_with(granted(JobStatus.SUSPENDED, details="outcome unknown"))
    session = rules.hello("web01", entry(phase="exited"), extents={spool(): EXTENT})
    rules.end(session, code=0)

    assert (rules.job().status, rules.job().details) == (JobStatus.COMPLETED, "")


def test_the_last_attempt_that_a_job_may_have_is_counted_once_however_often_it_is_missed() -> None:
    exhausted = granted(
        JobStatus.SUSPENDED,
        suspension=Suspension.EXHAUSTED,
        delivery=Delivery.AT_LEAST_ONCE,
        counted=limits.ATTEMPTS_MOST,
        may_run=True,
    )
    rules = rules_with(exhausted)
    for _ in range(2):
        rules.hello("web01", entry())
        assert rules.job().status is JobStatus.RUNNING
        rules.hello("web01", journal_id="")

        job = rules.job()
        assert (job.status, job.suspension) == (JobStatus.SUSPENDED, Suspension.EXHAUSTED)
        assert job.counted == limits.ATTEMPTS_MOST


@pytest.mark.parametrize("status", OVER)
def test_an_attempt_that_is_over_is_discarded(status: JobStatus) -> None:
    rules = rules_with(granted(status, end=End(code=1)))
    before = rules.job()
    rules.hello("web01", entry(phase="exited"))

    assert verdicts(rules) == (frames.Discard(job=job_id(1), attempt=1, reason="the job is over"),)
    assert rules.job() == before


@pytest.mark.parametrize(
    "job",
    [
        granted(JobStatus.RUNNING, worker=worker_id(2)),
        granted(JobStatus.RUNNING, attempt=2),
        replace(granted(JobStatus.NEW), worker=None),
    ],
    ids=["another worker's", "an older attempt", "waits again"],
)
def test_an_attempt_that_is_not_current_is_discarded(job: Job) -> None:
    rules = rules_with(job)
    rules.hello("web01", entry())

    assert isinstance(verdicts(rules)[0], frames.Discard)
    assert not rules.followed(OpenSpool)


def test_an_attempt_of_an_unknown_job_is_left_alone_and_counted() -> None:
    rules = rules_with(granted(JobStatus.RUNNING))
    rules.hello("web01", entry(), entry(7))

    assert verdicts(rules)[1] == frames.Discard(
        job=job_id(7), attempt=1, reason="the job is not known here", let_run=True
    )
    counts = rules.followed(Count)
    assert counts == [Count(worker=worker_id(1), reason="hello: unknown_job")]


# --- it never ran ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [s for s in HELD if s is not JobStatus.STOPPING])
def test_a_void_attempt_makes_the_job_wait_again(status: JobStatus) -> None:
    rules = rules_with(granted(status))
    rules.hello("web01", entry(phase="void"))

    assert isinstance(verdicts(rules)[0], frames.Discard)
    job = rules.job()
    assert (job.status, job.worker, job.attempt) == (JobStatus.NEW, None, 1)
    assert rules.tables.attempts[job_id(1), 1].outcome == "never started"


def test_a_void_attempt_of_a_job_that_is_being_stopped_is_stopped() -> None:
    rules = rules_with(granted(JobStatus.STOPPING))
    rules.hello("web01", entry(phase="void"))

    assert rules.job().status is JobStatus.STOPPED


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        (JobStatus.ACTIVATING, JobStatus.NEW),
        (JobStatus.RUNNING, JobStatus.NEW),
        (JobStatus.DISCONNECTED, JobStatus.NEW),
        (JobStatus.STOPPING, JobStatus.STOPPED),
    ],
)
def test_absence_from_the_same_journal_proves_that_it_never_ran(
    status: JobStatus, becomes: JobStatus
) -> None:
    rules = rules_with(granted(status))
    rules.hello("web01")

    assert rules.job().status is becomes


# --- nobody knows ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hello",
    [
        {"journal_id": "another journal", "boot_id": "another boot"},
        {"journal_id": "another journal"},
        {"boot_id": "another boot"},
        {"journal_id": ""},
    ],
    ids=["a reboot", "a new sandbox", "a sandbox on a disk", "a silent runner"],
)
@pytest.mark.parametrize("status", [s for s in HELD if s is not JobStatus.SUSPENDED])
def test_absence_from_another_journal_proves_nothing(
    hello: dict[str, Any], status: JobStatus
) -> None:
    rules = rules_with(granted(status))
    rules.hello("web01", **hello)

    job = rules.job()
    rebooted = "boot_id" in hello
    stopped = rebooted and status is JobStatus.STOPPING
    assert job.status is (JobStatus.STOPPED if stopped else JobStatus.SUSPENDED)
    assert job.suspension is (None if stopped else Suspension.INDETERMINATE)
    assert (job.attempt, job.may_run) == (1, not rebooted)
    assert "worker web01 came back without it" in job.details
    outcome = rules.tables.attempts[job_id(1), 1].outcome
    assert outcome.startswith("died:" if rebooted else "lost:")


def test_a_suspended_job_stays_so_while_nothing_is_proven() -> None:
    rules = rules_with(granted(JobStatus.SUSPENDED, details="outcome unknown"))
    before = rules.job()
    rules.hello("web01", journal_id="")

    assert rules.job() == before


def test_a_job_that_was_given_up_waits_again_when_it_is_proven_that_it_never_ran() -> None:
    rules = rules_with(granted(JobStatus.SUSPENDED, details="outcome unknown", counted=1))
    rules.hello("web01")

    assert (rules.job().status, rules.job().counted) == (JobStatus.NEW, 0)


def test_a_job_that_was_given_up_does_not_run_any_more_after_a_restart_of_its_host() -> None:
    rules = rules_with(granted(JobStatus.SUSPENDED, details="outcome unknown"))
    before = rules.job()
    rules.hello("web01", boot_id="another boot", journal_id="another journal")

    assert rules.job() == replace(before, may_run=False)


def test_a_silent_runner_does_not_make_the_journal_another_one() -> None:
    rules = rules_with(granted(JobStatus.RUNNING))
    rules.hello("web01", journal_id="")
    assert rules.job().status is JobStatus.SUSPENDED

    rules.hello("web01")
    assert rules.job().status is JobStatus.NEW


def test_what_a_silent_runner_may_run_takes_a_slot_until_it_has_answered() -> None:
    rules = rules_with(granted(JobStatus.RUNNING))
    silent = rules.hello("web01", journal_id="", slots=1)
    rules.say(silent, frames.Heartbeat(sequence=1))
    rules.start(2)
    assert rules.why(2).code == "no_free_slot"

    heard = rules.hello("web01", entry(), slots=1)
    rules.say(heard, frames.Heartbeat(sequence=1))
    assert rules.job().status is JobStatus.RUNNING
    assert rules.why(2).code == "no_free_slot"

    rules.end(heard, code=0)
    assert rules.only(frames.Offer, heard).job == job_id(2)


def test_what_a_machine_cannot_run_any_more_takes_no_slot() -> None:
    rules = rules_with(granted(JobStatus.RUNNING))
    session = rules.hello("web01", journal_id="", boot_id="another boot", slots=1)
    rules.say(session, frames.Heartbeat(sequence=1))
    rules.start(2)

    assert rules.only(frames.Offer, session).job == job_id(2)


def test_a_journal_that_was_never_seen_before_proves_nothing() -> None:
    rules = Rules()
    session = rules.running()
    rules.lose(session)
    rules.hello("web01", journal_id="fresh", boot_id="fresh")
    rules.hello("web01", journal_id="fresh", boot_id="fresh")

    assert rules.job().status is JobStatus.SUSPENDED
