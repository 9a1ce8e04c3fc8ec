"""What operators see of copied, held back and silent workers, and what they say to that."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from click.testing import Result
from tests.support.control_plane import ControlPlane
from tests.support.plane.ledger import stamp

from farhand_wire.v1 import account_pb2, hybrid_worker_pb2

Run = Callable[..., Result]
WHEN = stamp(datetime(2026, 9, 14, 12, 0, tzinfo=UTC))


def worker(plane: ControlPlane, **values: object) -> hybrid_worker_pb2.HybridWorker:
    made = hybrid_worker_pb2.HybridWorker(
        name="web03", group="dc1", state=hybrid_worker_pb2.WORKER_STATE_ONLINE
    )
    for name, value in values.items():
        setattr(made, name, value)
    plane.workers["web03"] = made
    return made


@pytest.fixture
def disputed(plane: ControlPlane) -> None:
    made = worker(plane)
    made.conflict.undecided = True
    for name, standing in (
        ("a", hybrid_worker_pb2.PARTY_STANDING_ACCEPTED),
        ("b", hybrid_worker_pb2.PARTY_STANDING_REFUSED),
    ):
        made.conflict.parties.append(
            hybrid_worker_pb2.ConflictParty(
                machine_id=f"machine-{name}",
                boot_id=f"boot-{name}",
                instance=f"agent-{name}",
                address="192.0.2.7",
                host_name=f"web03-{name}",
                first_seen_time=WHEN,
                last_seen_time=WHEN,
                standing=standing,
            )
        )


# ---- two machines with one identity -----------------------------------------------------------


@pytest.mark.usefixtures("disputed")
def test_show_names_every_machine_that_uses_the_identity(run: Run) -> None:
    result = run("worker", "show", "web03")

    lines = result.stdout.splitlines()
    assert "state  ! conflict" in lines
    header, *parties = lines[lines.index("") + 1 :]
    assert header.split("  ")[0] == "MACHINE"
    for word in ("BOOT", "AGENT", "HOST", "ADDRESS", "FIRST SEEN", "LAST SEEN", "STANDING"):
        assert word in header
    assert [line.split() for line in parties] == [
        [
            f"machine-{name}",
            f"boot-{name}",
            f"agent-{name}",
            f"web03-{name}",
            "192.0.2.7",
            "2026-09-14T12:00:00Z",
            "2026-09-14T12:00:00Z",
            standing,
        ]
        for name, standing in (("a", "accepted"), ("b", "refused"))
    ]
    assert "2 machines use this identity" in result.stderr
    assert "farhand worker resume web03 --machine ID" in result.stderr


@pytest.mark.usefixtures("disputed")
def test_programs_get_every_machine_as_a_field(run: Run) -> None:
    shown = json.loads(run("worker", "show", "web03", "-o", "json").stdout)

    assert [party["bootId"] for party in shown["conflict"]["parties"]] == ["boot-a", "boot-b"]
    assert shown["conflict"]["undecided"] is True


@pytest.mark.usefixtures("disputed")
def test_the_list_marks_it_and_finds_it(run: Run, plane: ControlPlane) -> None:
    plane.workers["web04"] = hybrid_worker_pb2.HybridWorker(
        name="web04", state=hybrid_worker_pb2.WORKER_STATE_ONLINE
    )

    assert "! conflict" in run("worker", "list").stdout
    assert run("worker", "list", "--state", "conflict", "-o", "name").stdout == "web03\n"


@pytest.mark.usefixtures("disputed")
def test_the_operator_names_the_machine_to_keep(run: Run, plane: ControlPlane) -> None:
    result = run("worker", "resume", "web03", "--machine", "boot-b")

    (request,) = plane.requests(hybrid_worker_pb2.ResumeHybridWorkerRequest)
    assert (request.worker, request.machine) == ("web03", "boot-b")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "the others are refused until they register anew" in result.stderr


def test_a_conflict_that_is_settled_is_shown_and_marks_nothing(
    run: Run, plane: ControlPlane
) -> None:
    made = worker(plane)
    made.conflict.parties.add(machine_id="m-1", standing=hybrid_worker_pb2.PARTY_STANDING_REJECTED)
    result = run("worker", "show", "web03")

    assert "* connected" in result.stdout
    assert "rejected" in result.stdout
    assert "resume" not in result.stderr


# ---- held back --------------------------------------------------------------------------------


def test_a_worker_that_is_held_back_says_how_often_it_failed(run: Run, plane: ControlPlane) -> None:
    worker(plane, held_back=True, failures=2)
    shown = run("worker", "show", "web03")
    resumed = run("worker", "resume", "web03")

    assert "! held back" in shown.stdout
    assert "failures  2" in shown.stdout
    assert "then: farhand worker resume web03" in shown.stderr
    assert run("worker", "list", "--state", "held-back", "-o", "name").stdout == "web03\n"
    assert "worker web03 is let in again" in resumed.stderr


def test_refused_frames_are_shown_with_their_reasons(run: Run, plane: ControlPlane) -> None:
    made = worker(plane)
    made.refused_frames["hello: session_conflict"] = 1
    made.refused_frames["output beyond the window"] = 1200

    shown = run("worker", "show", "web03").stdout
    assert "refused  1,200 × output beyond the window, 1 × hello: session_conflict" in shown


def test_an_unknown_state_is_answered_with_those_that_are(run: Run) -> None:
    result = run("worker", "list", "--state", "lost")

    assert result.exit_code == 2
    assert "connected, out-of-contact, draining, conflict, held-back" in result.stderr


# ---- after a restore --------------------------------------------------------------------------


@pytest.fixture
def restored(plane: ControlPlane) -> None:
    plane.account.dispatch_paused = True
    plane.account.restore_time.CopyFrom(WHEN)
    plane.account.unreported_workers.extend(["web01", "web02"])


@pytest.mark.usefixtures("restored")
def test_the_account_says_whom_dispatch_waits_for(run: Run) -> None:
    result = run("account", "show")

    assert "dispatch    ! paused" in result.stdout
    assert "restored    2026-09-14T12:00:00Z" in result.stdout
    assert "unreported  web01, web02" in result.stdout
    assert "farhand account release" in result.stderr


def test_an_account_that_waits_for_nobody_says_so(run: Run) -> None:
    result = run("account", "show")

    assert "dispatch  * on" in result.stdout
    assert "unreported" not in result.stdout
    assert result.stderr == ""


@pytest.mark.usefixtures("restored")
def test_an_operator_releases_dispatch(run: Run, plane: ControlPlane) -> None:
    result = run("account", "release")

    assert plane.requests(account_pb2.ReleaseDispatchRequest)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "jobs are dispatched\n")


@pytest.mark.usefixtures("restored")
def test_whoever_asks_for_nothing_is_told_that_dispatch_is_paused(run: Run) -> None:
    assert "dispatch is paused: farhand account show" in run().stderr


def test_a_worker_that_has_not_reported_says_so(run: Run, plane: ControlPlane) -> None:
    worker(plane, unreported=True)

    shown = run("worker", "show", "web03").stdout
    assert "unreported  not heard since the restore of the control plane" in shown
