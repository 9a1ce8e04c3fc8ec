"""Every noun and verb against a control plane: what it asks for, and what it shows."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
import yaml
from click.testing import Result
from tests.support.control_plane import ControlPlane
from tests.support.plane.ledger import stamp

from farhand_wire.v1 import (
    account_pb2,
    delivery_pb2,
    hybrid_worker_pb2,
    job_pb2,
    runbook_pb2,
    worker_pb2,
)
from farhand_wire.v1.hybrid_worker_group_pb2 import HybridWorkerGroup

Run = Callable[..., Result]
BINARY = b"#!/bin/bash\nprintf '\xff\x00\r\n'"
WHEN = stamp(datetime(2026, 9, 14, 12, 0, tzinfo=UTC))


@pytest.fixture
def workers(plane: ControlPlane) -> None:
    for name, state in (
        ("app01", hybrid_worker_pb2.WORKER_STATE_ONLINE),
        ("app02", hybrid_worker_pb2.WORKER_STATE_OFFLINE),
    ):
        plane.workers[name] = hybrid_worker_pb2.HybridWorker(
            name=name,
            worker_id=f"id-{name}",
            group="dc1",
            state=state,
            slots=10,
            slots_used=3,
            last_seen_time=WHEN,
            facts=worker_pb2.Facts(
                os="Debian 12",
                agent_version="1.2.0",
                runbook_types=[runbook_pb2.RUNBOOK_TYPE_BASH, runbook_pb2.RUNBOOK_TYPE_PYTHON],
            ),
        )


# ---- runbook ---------------------------------------------------------------------------------


def test_import_sends_the_bytes_with_name_and_type_of_the_file(
    run: Run, plane: ControlPlane, tmp_path: Path
) -> None:
    (tmp_path / "rotate-logs.sh").write_bytes(BINARY)

    result = run("runbook", "import", str(tmp_path / "rotate-logs.sh"))

    request = plane.requests(runbook_pb2.ImportRunbookRequest)[0]
    assert (request.name, request.type) == ("rotate-logs", runbook_pb2.RUNBOOK_TYPE_BASH)
    assert (request.content, request.publish, request.force) == (BINARY, False, False)
    assert result.stdout == ""
    assert "draft saved (bash). Publish: farhand runbook publish rotate-logs" in result.stderr


def test_import_may_name_type_publish_and_replace(
    run: Run, plane: ControlPlane, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(b"print()")
    words = ["--name", "report", "--type", "python", "--publish", "--force", "-o", "json"]

    result = run("runbook", "import", str(tmp_path / "x"), *words)

    request = plane.requests(runbook_pb2.ImportRunbookRequest)[0]
    assert (request.name, request.type) == ("report", runbook_pb2.RUNBOOK_TYPE_PYTHON)
    assert (request.publish, request.force) == (True, True)
    assert json.loads(result.stdout)["publishedVersion"] == 1


def test_export_prints_the_bytes(run: Run, plane: ControlPlane, tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_bytes(BINARY)
    run("runbook", "import", str(tmp_path / "a.sh"))

    assert run("runbook", "export", "a", "--draft").stdout_bytes == BINARY
    assert plane.requests(runbook_pb2.ExportRunbookRequest)[0].draft


def test_a_list_shows_every_page(run: Run, plane: ControlPlane) -> None:
    for name in "edcba":
        plane.runbooks[name] = runbook_pb2.Runbook(
            name=name,
            type=runbook_pb2.RUNBOOK_TYPE_PYTHON,
            state=runbook_pb2.RUNBOOK_STATE_EDIT,
            published_version=9,
            modify_time=WHEN,
        )

    lines = run("runbook", "list").stdout.splitlines()

    assert lines[0].split() == ["NAME", "TYPE", "VERSION", "CHANGED", "STATE"]
    assert lines[1] == "a     python  v9       2026-09-14T12:00:00Z  + published, draft differs"
    assert [line[0] for line in lines[1:]] == list("abcde")


def test_show_publish_and_delete_a_runbook(run: Run, plane: ControlPlane) -> None:
    plane.runbooks["a"] = runbook_pb2.Runbook(name="a", type=runbook_pb2.RUNBOOK_TYPE_BASH)

    published = run("runbook", "publish", "a")
    shown = run("runbook", "show", "a")
    deleted = run("runbook", "delete", "a")

    assert "a: v1 published (bash)" in published.stderr
    assert "state     ok published\n" in shown.stdout
    assert (deleted.exit_code, plane.runbooks) == (0, {})


# ---- group, worker ---------------------------------------------------------------------------


def test_groups_are_created_shown_listed_and_deleted(run: Run, plane: ControlPlane) -> None:
    created = run("group", "create", "dc1")
    plane.groups["dc1"].MergeFrom(HybridWorkerGroup(workers=7, workers_online=6, slots=60))
    listed = run("group", "list")
    shown = run("group", "show", "dc1", "-o", "json")
    deleted = run("group", "delete", "dc1")

    assert "farhand token create --group dc1" in created.stderr
    assert listed.stdout.splitlines()[1].split() == ["dc1", "6/7", "0/60", "0", "Default", "-"]
    assert json.loads(shown.stdout)["workersOnline"] == 6
    assert (deleted.exit_code, plane.groups) == (0, {})


def test_a_group_runs_as_the_user_of_a_credential_or_as_the_agents(
    run: Run, plane: ControlPlane
) -> None:
    run("group", "create", "dc1")
    custom = run("group", "set", "dc1", "--run-as", "svc-backup")
    shown = run("group", "show", "dc1")
    assert plane.groups["dc1"].run_as == "svc-backup"
    assert "jobs that were started before keep theirs" in custom.stderr
    assert "Custom (svc-backup)" in shown.stdout

    run("group", "set", "dc1", "--run-as-default")
    assert plane.groups["dc1"].run_as == ""
    assert "Default" in run("group", "show", "dc1").stdout


@pytest.mark.parametrize("words", [(), ("--run-as", "svc", "--run-as-default"), ("--run-as", "")])
def test_as_whom_a_group_runs_is_said_in_one_way(
    run: Run, plane: ControlPlane, words: tuple[str, ...]
) -> None:
    run("group", "create", "dc1")
    refused = run("group", "set", "dc1", *words)

    assert refused.exit_code == 2
    assert "--run-as CREDENTIAL" in refused.stderr
    assert "UpdateHybridWorkerGroup" not in str(plane.calls)


@pytest.mark.usefixtures("workers")
def test_workers_are_listed_with_state_and_facts(run: Run) -> None:
    result = run("worker", "list", "--group", "dc1")

    assert result.stdout.splitlines() == [
        "NAME   STATE             GROUP  HEARD                 SLOTS  AGENT  OS",
        "app01  * connected       dc1    2026-09-14T12:00:00Z  3/10   1.2.0  Debian 12",
        "app02  ! out of contact  dc1    2026-09-14T12:00:00Z  3/10   1.2.0  Debian 12",
    ]
    assert result.stderr == "1 of 2 connected\n"


@pytest.mark.usefixtures("workers")
def test_workers_may_be_chosen_by_state(run: Run) -> None:
    result = run("worker", "list", "--state", "connected", "-o", "name")

    assert result.stdout == "app01\n"


@pytest.mark.usefixtures("workers")
def test_a_worker_is_shown_and_deleted(run: Run, plane: ControlPlane) -> None:
    shown = run("worker", "show", "app01")
    deleted = run("worker", "delete", "app01", "--force")

    assert "runs   bash, python\n" in shown.stdout
    assert (deleted.exit_code, list(plane.workers)) == (0, ["app02"])
    assert plane.requests(hybrid_worker_pb2.DeleteHybridWorkerRequest)[0].force


@pytest.mark.usefixtures("workers")
def test_a_worker_is_shown_with_its_interpreters(run: Run, plane: ControlPlane) -> None:
    plane.workers["app01"].facts.interpreters.add(
        runbook_type=runbook_pb2.RUNBOOK_TYPE_BASH, path="/bin/bash", version="5.2.15"
    )
    plane.workers["app01"].facts.interpreters.add(
        runbook_type=runbook_pb2.RUNBOOK_TYPE_POWERSHELL, path="/opt/pwsh"
    )

    shown = run("worker", "show", "app01")

    assert "bash 5.2.15 (/bin/bash), powershell /opt/pwsh\n" in shown.stdout


# ---- token, key ------------------------------------------------------------------------------


def test_a_token_is_the_line_that_joins_a_machine(run: Run, plane: ControlPlane) -> None:
    words = ["--ttl", "90m", "--uses", "50", "--cidr", "10.0.0.0/8", "--cidr", "10.1.0.1"]

    result = run("token", "create", "--group", "dc1", *words)

    request = plane.requests(account_pb2.CreateRegistrationTokenRequest)[0]
    assert (request.ttl.seconds, request.uses) == (5400, 50)
    assert list(request.cidrs) == ["10.0.0.0/8", "10.1.0.1/32"]
    assert result.stdout == "farhand-agent register --group dc1 --token fht_secret\n"
    assert result.stderr.startswith("50 uses, until 2026-09-14T13:05:00Z. See it arrive:")


def test_a_token_as_json_has_its_parts(run: Run, plane: ControlPlane) -> None:
    made = json.loads(run("token", "create", "--group", "dc1", "-o", "json").stdout)

    assert made["token"] == "fht_secret"
    assert made["endpoint"] == plane.endpoint
    assert made["caSha256"] == "9f2c"
    assert made["command"].startswith("farhand-agent register")
    assert not plane.requests(account_pb2.CreateRegistrationTokenRequest)[0].HasField("ttl")


def test_tokens_are_listed_and_revoked(run: Run) -> None:
    run("token", "create", "--group", "dc1")
    revoked = run("token", "revoke", "t1")
    listed = run("token", "list")

    assert revoked.exit_code == 0
    assert listed.stdout.splitlines()[1].split() == [
        *("t1", "dc1", "revoked", "2026-09-14T13:05:00Z", "anywhere")
    ]


@pytest.mark.parametrize(
    "words", [["--ttl", "soon"], ["--ttl", "0s"], ["--cidr", "10.0.0.1/8"], ["--uses", "0"]]
)
def test_a_token_with_wrong_limits_is_a_usage_error(
    run: Run, plane: ControlPlane, words: list[str]
) -> None:
    result = run("token", "create", "--group", "dc1", *words)

    assert (result.exit_code, plane.calls) == (2, [])


def test_keys_are_shown_and_regenerated(run: Run, plane: ControlPlane) -> None:
    shown = run("key", "show")
    regenerated = run("key", "regenerate", "secondary")

    assert shown.stdout.splitlines()[1:] == [
        "primary     p-key",
        "secondary   s-key",
        "ca sha-256  9f2c",
    ]
    assert regenerated.stdout == "new-key\n"
    request = plane.requests(account_pb2.RegenerateAccountKeyRequest)[0]
    assert request.slot == account_pb2.ACCOUNT_KEY_SLOT_SECONDARY


# ---- job -------------------------------------------------------------------------------------


@pytest.fixture
def jobs(plane: ControlPlane) -> None:
    plane.add_job(
        "0197c2e1",
        runbook="nightly-copy",
        runbook_version=4,
        run_on="dc1",
        worker="app01",
        status=job_pb2.JOB_STATUS_FAILED,
        status_details="exit code 28",
        started_by="olga",
        start_time=WHEN,
        end_time=stamp(datetime(2026, 9, 14, 12, 4, 11, tzinfo=UTC)),
        exit_code=28,
    )
    plane.add_job("0297c2e1", runbook="other", run_on="dmz", status=job_pb2.JOB_STATUS_NEW)


@pytest.mark.usefixtures("jobs")
def test_jobs_are_listed_newest_first_with_their_state_first(run: Run) -> None:
    lines = run("job", "list").stdout.splitlines()

    assert lines[0].split() == [
        *("STATE", "RUNBOOK", "WHERE", "BY", "STARTED", "RAN", "EXIT", "JOB", "DETAILS")
    ]
    assert lines[1].startswith(".. queued  other")
    assert lines[2].split("  ")[0] == "x failed"
    assert "dc1/app01  olga  2026-09-14T12:00:00Z  4:11  28    0197c2e1  exit code 28" in lines[2]


@pytest.mark.usefixtures("jobs")
def test_jobs_may_be_chosen(run: Run, plane: ControlPlane) -> None:
    words = ["--state", "failed", "--state", "out-of-contact", "--limit", "7"]

    result = run("job", "list", *words, "--runbook", "nightly-copy", "--group", "dc1", "-o", "name")

    request = plane.requests(job_pb2.ListJobsRequest)[0]
    assert result.stdout == "0197c2e1\n"
    assert (request.page_size, request.runbook, request.run_on) == (7, "nightly-copy", "dc1")
    assert list(request.statuses) == [
        job_pb2.JOB_STATUS_FAILED,
        job_pb2.JOB_STATUS_DISCONNECTED,
    ]


@pytest.mark.usefixtures("jobs")
def test_a_list_that_was_cut_says_so(run: Run) -> None:
    assert run("job", "list", "--limit", "1").stderr == "the newest 1; more: --limit\n"


def test_an_unknown_state_names_the_known_ones(run: Run, plane: ControlPlane) -> None:
    result = run("job", "list", "--state", "exploded")

    assert (result.exit_code, plane.calls) == (2, [])
    assert "out-of-contact" in result.stderr


@pytest.mark.usefixtures("jobs")
def test_a_job_is_shown_by_the_beginning_of_its_id(run: Run) -> None:
    result = run("job", "show", "01")

    assert "state    x failed\n" in result.stdout
    assert "runbook  nightly-copy v4\n" in result.stdout
    assert "exit     28\n" in result.stdout


@pytest.mark.usefixtures("jobs")
def test_the_formats_of_one_thing_and_of_a_list(run: Run) -> None:
    one = json.loads(run("job", "show", "01", "-o", "json").stdout)
    many = json.loads(run("-o", "json", "job", "list").stdout)
    lines = [json.loads(line) for line in run("job", "list", "-o", "jsonl").stdout.splitlines()]
    document = yaml.safe_load(run("job", "list", "-o", "yaml").stdout)

    assert (one["exitCode"], one["status"]) == (28, "JOB_STATUS_FAILED")
    assert one["outputBytes"] == "0"
    assert many == lines == document
    assert {**many[1], "receipts": []} == one


OUT, ERR = job_pb2.JOB_STREAM_OUTPUT, job_pb2.JOB_STREAM_ERROR
RECEIPT = job_pb2.JobReceipt(
    attempt=1,
    streams=[
        job_pb2.StreamReceipt(stream=OUT, lines=3, bytes=1_042, sha256="ab" * 32),
        job_pb2.StreamReceipt(stream=ERR, sha256="cd" * 32),
    ],
    spool_bytes=1_100,
    verified=True,
)


@pytest.mark.usefixtures("jobs")
def test_a_job_that_is_over_is_shown_with_its_receipt(run: Run, plane: ControlPlane) -> None:
    plane.spools["0197c2e1"].receipts.append(RECEIPT)

    card = run("job", "show", "01").stdout
    one = json.loads(run("job", "show", "01", "-o", "json").stdout)

    expected = f"output 3 lines 1,042 B sha256 {'ab' * 32}; error 0 B; verified"
    assert f"receipt  {expected}\n" in card
    (receipt,) = one["receipts"]
    assert (receipt["verified"], receipt["spoolBytes"]) == (True, "1100")
    assert [stream["sha256"] for stream in receipt["streams"]] == ["ab" * 32, "cd" * 32]
    assert plane.requests(job_pb2.GetJobReceiptRequest)[0].job_id == "0197c2e1"


@pytest.mark.usefixtures("jobs")
def test_a_receipt_that_is_not_verified_says_why(run: Run, plane: ControlPlane) -> None:
    receipt = job_pb2.JobReceipt(why="attempt 1: bytes 5 to 9 of its spool are\x1b[2J gone")
    receipt.streams.add(stream=OUT, lines=1, bytes=7)
    plane.spools["0197c2e1"].receipts.append(receipt)

    words = "output 1 line 7 B; NOT VERIFIED: attempt 1: bytes 5 to 9 of its spool are [2J gone"
    assert f"receipt  {words}\n" in run("job", "show", "01").stdout


@pytest.mark.usefixtures("jobs")
def test_no_receipt_is_asked_for_where_none_is_due(run: Run, plane: ControlPlane) -> None:
    run("job", "show", "02")
    run("job", "show", "01", "-o", "name")

    assert plane.requests(job_pb2.GetJobReceiptRequest) == []


@pytest.mark.usefixtures("jobs")
def test_a_server_without_receipts_shows_the_job_all_the_same(
    run: Run, plane: ControlPlane
) -> None:
    plane.refuse("GetJobReceipt", grpc.StatusCode.UNIMPLEMENTED, "no such method")
    shown = run("job", "show", "01")

    assert "exit     28\n" in shown.stdout
    assert "receipt" not in shown.stdout


@pytest.mark.usefixtures("jobs")
def test_a_receipt_that_cannot_be_had_is_an_error(run: Run, plane: ControlPlane) -> None:
    plane.refuse("GetJobReceipt", grpc.StatusCode.INTERNAL, "internal error 7")

    assert "error: internal error 7" in run("job", "show", "01").stderr


@pytest.mark.usefixtures("jobs")
def test_why_tells_each_worker_and_what_to_do(run: Run, plane: ControlPlane) -> None:
    plane.verdict = job_pb2.ExplainJobResponse(
        code="no_member_online",
        message="other waits because no member of group dmz is online",
        workers=[
            job_pb2.WorkerVerdict(
                worker="dmz-01", verdict="not connected", detail="last heard 09:31"
            ),
            job_pb2.WorkerVerdict(worker="dmz-2", verdict="free"),
        ],
        do=["start the agent on dmz-01"],
    )

    assert run("job", "why", "02").stdout.splitlines() == [
        "other waits because no member of group dmz is online",
        "  dmz-01  not connected  last heard 09:31",
        "  dmz-2   free",
        "do: start the agent on dmz-01",
    ]
    assert json.loads(run("job", "why", "02", "-o", "json").stdout)["code"] == "no_member_online"


@pytest.mark.usefixtures("jobs")
def test_output_is_byte_for_byte_and_each_stream_goes_where_it_belongs(
    run: Run, plane: ControlPlane
) -> None:
    plane.say("0197c2e1", BINARY)
    plane.lose("0197c2e1", 5, "disk full")
    plane.say("0197c2e1", b"\xfeerror", job_pb2.JOB_STREAM_ERROR)

    result = run("job", "output", "01")

    assert result.stdout_bytes == BINARY
    assert result.stderr_bytes == b"5 bytes of output are gone: disk full\n\xfeerror"


@pytest.mark.usefixtures("jobs")
def test_a_stream_that_is_asked_for_goes_to_standard_output(run: Run, plane: ControlPlane) -> None:
    plane.say("0197c2e1", b"out\n")
    plane.say("0197c2e1", b"err\n", job_pb2.JOB_STREAM_ERROR)

    result = run("job", "output", "01", "--stream", "error")

    assert (result.stdout, result.stderr) == ("err\n", "")


@pytest.mark.usefixtures("jobs")
def test_output_as_json_has_text_or_raw_bytes(run: Run, plane: ControlPlane) -> None:
    plane.say("0197c2e1", b"a\xff")

    text = json.loads(run("job", "output", "01", "-o", "json").stdout)
    raw = json.loads(run("job", "output", "01", "-o", "jsonl", "--raw").stdout)

    assert text[0]["output"]["text"] == "a\ufffd"
    assert raw["output"]["data"] == "Yf8="


# ---- the rest --------------------------------------------------------------------------------


def test_records_are_told_with_time_number_stream_and_version(
    run: Run, plane: ControlPlane
) -> None:
    plane.add_job("0197", runbook="hello", runbook_version=3)
    plane.say("0197", b"one\ntwo\n")
    plane.say("0197", b"\x1b[31mwrong", job_pb2.JOB_STREAM_ERROR)
    plane.lose("0197", 7, "the disk was full")

    table = run("job", "output", "0197", "--records").stdout.splitlines()
    lines = run("job", "output", "0197", "--records", "-o", "jsonl", "--from", "1").stdout
    document = json.loads(run("job", "output", "0197", "--records", "-o", "json").stdout)

    assert [line.split() for line in table[:3]] == [
        ["RECORD", "TIME", "SEQUENCE", "STREAM", "VERSION", "TEXT"],
        ["2026-11-25T00:00:00Z", "0", "output", "v3", "one", "two"],
        ["2026-11-25T00:00:00Z", "1", "error", "v3", "[31mwrong"],
    ]
    assert table[3].strip() == "7 bytes are gone: the disk was full"
    assert document[0] == {
        "recordTime": "2026-11-25T00:00:00Z",
        "attempt": 1,
        "sequence": 0,
        "stream": "output",
        "runbookVersion": 3,
        "text": "one\ntwo\n",
    }
    assert json.loads(lines.splitlines()[0])["sequence"] == 1


@pytest.mark.parametrize(
    "words", [["--records", "--raw"], ["--from", "3"], ["--records", "--from", "3", "--tail", "1"]]
)
def test_what_cannot_be_said_of_records_is_a_usage_error(
    run: Run, plane: ControlPlane, words: list[str]
) -> None:
    plane.add_job("0197", runbook="hello")

    assert run("job", "output", "0197", *words).exit_code == 2


def test_without_a_noun_it_says_where_it_is(run: Run, plane: ControlPlane) -> None:
    plane.groups["dc1"] = HybridWorkerGroup(
        name="dc1", workers=7, workers_online=6, slots_used=12, jobs_waiting=7
    )
    plane.groups["dmz"] = HybridWorkerGroup(name="dmz", workers=2)

    result = run()

    assert result.stdout == (
        f"{plane.endpoint} as olga, account default | 12 running, 7 queued | dc1 6/7  dmz 0/2 !\n"
    )
    assert json.loads(run("-o", "json").stdout)["groups"][0]["jobsWaiting"] == 7


@pytest.mark.parametrize("noun", ["runbook", "group", "worker", "token", "job"])
def test_an_empty_list_says_what_to_do_and_is_empty_for_programs(run: Run, noun: str) -> None:
    people = run(noun, "list")
    program = run(noun, "list", "-o", "json")

    assert (people.exit_code, people.stdout) == (0, "")
    assert "farhand " in people.stderr
    assert (json.loads(program.stdout), program.stderr) == ([], "")


def test_quiet_makes_no_remarks(run: Run) -> None:
    assert run("group", "list", "-q").stderr == ""
    assert run("-q", "group", "list").stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed(run: Run, shell: str) -> None:
    assert "_FARHAND_COMPLETE" in run("completion", shell).stdout


# ---- the life of a job -----------------------------------------------------------------------

JOB = "0190a1b2-0000-7000-8000-000000000001"


@pytest.fixture
def running(plane: ControlPlane) -> None:
    plane.add_job(JOB, runbook="nightly", worker="app01", status=job_pb2.JOB_STATUS_RUNNING)


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    ("verb", "request_type", "says"),
    [
        ("suspend", job_pb2.SuspendJobRequest, "is suspending on app01"),
        ("resume", job_pb2.ResumeJobRequest, "is resuming"),
    ],
)
def test_a_job_is_frozen_and_resumed(
    run: Run, plane: ControlPlane, verb: str, request_type: type, says: str
) -> None:
    result = run("job", verb, JOB)

    assert plane.requests(request_type)[0].job_id == JOB
    assert says in result.stderr


@pytest.mark.usefixtures("running")
def test_a_job_is_given_up_only_with_a_reason(run: Run, plane: ControlPlane) -> None:
    assert run("job", "force-close", JOB).exit_code == 2

    result = run("job", "force-close", JOB, "--reason", "the rack is gone")
    assert plane.requests(job_pb2.ForceCloseJobRequest)[0].reason == "the rack is gone"
    assert "is failed: it was given up" in result.stderr


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    ("options", "grace"), [((), None), (("--grace", "0"), 0), (("--grace", "5m"), 300)]
)
def test_a_stop_may_have_a_grace_of_its_own(
    run: Run, plane: ControlPlane, options: tuple[str, ...], grace: int | None
) -> None:
    run("job", "stop", JOB, *options)

    request = plane.requests(job_pb2.StopJobRequest)[0]
    assert (request.grace.seconds if request.HasField("grace") else None) == grace


def test_only_the_settings_that_were_named_change(run: Run, plane: ControlPlane) -> None:
    plane.runbooks["nightly"] = runbook_pb2.Runbook(name="nightly", description="copies")
    result = run("runbook", "set", "nightly", "--delivery", "at-least-once", "--timeout", "2h")

    request = plane.requests(runbook_pb2.UpdateRunbookRequest)[0]
    assert list(request.update_mask.paths) == ["delivery", "timeout"]
    assert request.runbook.delivery == delivery_pb2.DELIVERY_AT_LEAST_ONCE
    assert request.runbook.timeout.seconds == 7200
    assert "jobs that were started before keep theirs" in result.stderr
    assert plane.runbooks["nightly"].description == "copies"


def test_a_setting_is_taken_back(run: Run, plane: ControlPlane) -> None:
    plane.runbooks["nightly"] = runbook_pb2.Runbook(name="nightly")
    run("runbook", "set", "nightly", "--delivery", "account", "--timeout", "none")

    request = plane.requests(runbook_pb2.UpdateRunbookRequest)[0]
    assert list(request.update_mask.paths) == ["delivery", "timeout"]
    assert request.runbook.delivery == delivery_pb2.DELIVERY_UNSPECIFIED


def test_nothing_to_set_is_a_mistake(run: Run) -> None:
    assert run("runbook", "set", "nightly").exit_code == 2


def test_the_account_says_how_jobs_are_delivered(run: Run, plane: ControlPlane) -> None:
    result = run("account", "set", "--delivery", "at-least-once")

    request = plane.requests(account_pb2.UpdateAccountRequest)[0]
    assert request.delivery == delivery_pb2.DELIVERY_AT_LEAST_ONCE
    assert "delivered at-least-once" in result.stderr
