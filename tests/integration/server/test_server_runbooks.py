"""Every version of a runbook over the wire: kept, shown, gone back to; jobs keep theirs."""

import json
from typing import Any

import pytest
from tests.support.edge import Caller, Edge, Worker, refusal
from tests.support.edge_jobs import end, granted, start, started

from farhand_wire.v1 import job_pb2, runbook_pb2

BASH = runbook_pb2.RUNBOOK_TYPE_BASH
SCRIPTS = [b"echo %d\n" % number for number in (1, 2, 3)]


async def publish(owner: Caller, script: bytes, **fields: Any) -> runbook_pb2.Runbook:
    request = runbook_pb2.ImportRunbookRequest(
        name="hello", type=BASH, content=script, force=True, **({"publish": True} | fields)
    )
    made: runbook_pb2.Runbook = (await owner.ask(owner.runbooks.ImportRunbook, request)).runbook
    return made


async def versions(owner: Caller, **page: Any) -> runbook_pb2.ListRunbookVersionsResponse:
    request = runbook_pb2.ListRunbookVersionsRequest(runbook="hello", **page)
    answer: runbook_pb2.ListRunbookVersionsResponse = await owner.ask(
        owner.runbooks.ListRunbookVersions, request
    )
    return answer


async def exported(owner: Caller, **which: Any) -> bytes:
    request = runbook_pb2.ExportRunbookRequest(runbook="hello", **which)
    content: bytes = (await owner.ask(owner.runbooks.ExportRunbook, request)).content
    return content


async def test_every_published_version_is_kept_and_can_be_read(owner: Caller) -> None:
    for script in SCRIPTS:
        made = await publish(owner, script)
    assert made.published_by == "owner"
    assert made.publish_time.seconds > 0

    first = await versions(owner, page_size=2)
    rest = await versions(owner, page_size=2, page_token=first.next_page_token)
    listed = [*first.versions, *rest.versions]
    assert [version.version for version in listed] == [3, 2, 1]
    assert {(version.size, version.published_by) for version in listed} == {(7, "owner")}
    assert rest.next_page_token == ""
    assert [await exported(owner, version=number) for number in (1, 2, 3)] == SCRIPTS


async def test_a_version_that_never_was_is_refused(owner: Caller) -> None:
    await publish(owner, SCRIPTS[0])
    request = runbook_pb2.ExportRunbookRequest(runbook="hello", version=2)
    refused = await refusal(owner.ask(owner.runbooks.ExportRunbook, request))
    both = runbook_pb2.ExportRunbookRequest(runbook="hello", version=1, draft=True)

    assert refused.reason == "RUNBOOK_VERSION_NOT_FOUND"
    assert (
        "cannot be combined"
        in (await refusal(owner.ask(owner.runbooks.ExportRunbook, both))).message
    )


async def test_a_job_keeps_the_version_that_it_was_started_with(
    owner: Caller, worker: Worker
) -> None:
    await publish(owner, SCRIPTS[0])
    await start(owner)
    await publish(owner, SCRIPTS[1])
    request = runbook_pb2.RollbackRunbookRequest(runbook="hello", version=1)
    back = (await owner.ask(owner.runbooks.RollbackRunbook, request)).runbook
    await publish(owner, SCRIPTS[2], publish=False)
    await worker.serve()
    grant = await granted(worker)
    await worker.say(started(grant))
    await end(worker, grant, b"")
    shown = await owner.ask(owner.jobs.GetJob, job_pb2.GetJobRequest(job_id=grant.job_id))

    assert (grant.script, grant.runbook_version) == (SCRIPTS[0], 1)
    assert shown.job.runbook_version == 1
    assert back.published_version == 3
    assert await exported(owner) == SCRIPTS[0]
    assert await exported(owner, draft=True) == SCRIPTS[2]


async def test_a_draft_can_be_thrown_away(owner: Caller) -> None:
    await publish(owner, SCRIPTS[0])
    await publish(owner, SCRIPTS[1], publish=False)
    request = runbook_pb2.RevertRunbookRequest(runbook="hello")
    made = (await owner.ask(owner.runbooks.RevertRunbook, request)).runbook

    assert made.state == runbook_pb2.RUNBOOK_STATE_PUBLISHED
    assert await exported(owner, draft=True) == SCRIPTS[0]


async def test_tags_are_set_and_all_that_is_wrong_with_them_is_said(owner: Caller) -> None:
    await publish(owner, SCRIPTS[0])
    wanted = runbook_pb2.Runbook(name="hello", tags={"team": "storage", "tier": "1"})
    request = runbook_pb2.UpdateRunbookRequest(runbook=wanted)
    request.update_mask.paths.append("tags")
    saved = (await owner.ask(owner.runbooks.UpdateRunbook, request)).runbook
    request.runbook.tags.update({str(number): "x" for number in range(16)})
    refused = await refusal(owner.ask(owner.runbooks.UpdateRunbook, request))

    assert dict(saved.tags) == {"team": "storage", "tier": "1"}
    assert saved.description == ""
    assert "18 tags of 15" in refused.message


DECLARING = b"""# /// farhand
# [parameters.target]
# description = "Where to"
# required = true
# [parameters.count]
# type = "integer"
# default = 3
# ///
"""


async def test_what_a_script_declares_is_told_and_checked(owner: Caller, worker: Worker) -> None:
    await publish(owner, DECLARING)
    await publish(owner, SCRIPTS[0], publish=False)
    request = runbook_pb2.GetRunbookRequest(runbook="hello")
    told = await owner.ask(owner.runbooks.GetRunbook, request)
    wrong = job_pb2.StartJobRequest(runbook="hello", run_on="demo")
    wrong.parameters.update({"count": "three", "colour": "red"})
    refused = await refusal(owner.ask(owner.jobs.StartJob, wrong))
    await start(owner, parameters={"target": "a b"})
    await worker.serve()
    grant = await granted(worker)

    assert [(each.name, each.required) for each in told.parameters] == [
        ("target", True),
        ("count", False),
    ]
    assert told.parameters[1].default.number_value == 3
    assert dict(told.parameters[1].schema) == {"type": "integer"}
    assert not told.draft_parameters
    assert sorted(refused.fields) == [
        "parameters.colour",
        "parameters.count",
        "parameters.target",
    ]
    assert grant.parameters_json == '{"target":"a b","count":3}'
    assert list(grant.arguments) == ["a b", "3"]


SECRETIVE = b"""# /// farhand
# [parameters.password]
# secret = true
# ///
"""
CANARY = "canary-7c1f0d"


async def test_a_secret_parameter_is_nowhere_in_clear(
    owner: Caller, worker: Worker, server: Edge, capsys: pytest.CaptureFixture[str]
) -> None:
    await publish(owner, SECRETIVE)
    job = await start(owner, parameters={"password": CANARY})
    listed = await owner.ask(owner.jobs.ListJobs, job_pb2.ListJobsRequest())
    wrong = job_pb2.StartJobRequest(runbook="hello", run_on="demo")
    wrong.parameters.update({"password": [CANARY]})
    refused = await refusal(owner.ask(owner.jobs.StartJob, wrong))
    await worker.serve()
    grant = await granted(worker)

    assert json.loads(grant.parameters_json) == {"password": CANARY}
    assert dict(job.parameters) == dict(listed.jobs[0].parameters) == {"password": "***"}
    assert CANARY not in str(refused)
    assert list(grant.arguments) == ["***"]
    files = [path for path in server.data.rglob("*") if path.is_file()]
    assert files and all(CANARY.encode() not in path.read_bytes() for path in files)
    assert CANARY not in "".join(capsys.readouterr())
