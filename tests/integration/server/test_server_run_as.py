"""Run As of a group over the wire."""

from tests.support.edge import Caller, refusal

from farhand_wire.v1 import asset_pb2, hybrid_worker_group_pb2, job_pb2, runbook_pb2

CANARY = "canary-71aa"


async def credential(owner: Caller, name: str = "svc-backup") -> None:
    made = asset_pb2.Credential(name=name, user_name="backup@corp.example")
    request = asset_pb2.CreateCredentialRequest(credential=made, password=CANARY)
    await owner.ask(owner.assets.CreateCredential, request)


async def group(owner: Caller) -> None:
    request = hybrid_worker_group_pb2.CreateHybridWorkerGroupRequest(name="dc1")
    await owner.ask(owner.groups.CreateHybridWorkerGroup, request)


def update(
    run_as: str, *, name: str = "dc1", mask: str = "run_as"
) -> hybrid_worker_group_pb2.UpdateHybridWorkerGroupRequest:
    wanted = hybrid_worker_group_pb2.HybridWorkerGroup(name=name, run_as=run_as)
    request = hybrid_worker_group_pb2.UpdateHybridWorkerGroupRequest(group=wanted)
    request.update_mask.paths.extend(mask.split(","))
    return request


async def test_a_group_shows_the_credential_that_its_jobs_run_as(owner: Caller) -> None:
    await credential(owner)
    await group(owner)
    get = hybrid_worker_group_pb2.GetHybridWorkerGroupRequest(group="dc1")
    before = await owner.ask(owner.groups.GetHybridWorkerGroup, get)
    saved = await owner.ask(owner.groups.UpdateHybridWorkerGroup, update("svc-backup"))
    got = await owner.ask(owner.groups.GetHybridWorkerGroup, get)
    listed = await owner.ask(
        owner.groups.ListHybridWorkerGroups,
        hybrid_worker_group_pb2.ListHybridWorkerGroupsRequest(),
    )

    assert before.group.run_as == ""
    assert saved.group == got.group
    assert got.group in listed.groups
    assert got.group.run_as == "svc-backup"
    back = await owner.ask(owner.groups.UpdateHybridWorkerGroup, update(""))
    assert back.group == before.group


async def test_a_job_shows_the_user_and_never_the_password(owner: Caller) -> None:
    await credential(owner)
    await group(owner)
    await owner.ask(owner.groups.UpdateHybridWorkerGroup, update("svc-backup"))
    runbook = runbook_pb2.ImportRunbookRequest(
        name="hello", type=runbook_pb2.RUNBOOK_TYPE_BASH, content=b"id", publish=True
    )
    await owner.ask(owner.runbooks.ImportRunbook, runbook)
    started = await owner.ask(
        owner.jobs.StartJob, job_pb2.StartJobRequest(runbook="hello", run_on="dc1")
    )
    got = await owner.ask(owner.jobs.GetJob, job_pb2.GetJobRequest(job_id=started.job.job_id))

    assert got.job.run_as == "backup@corp.example"
    assert CANARY not in f"{started} {got}"


async def test_a_credential_in_use_and_one_that_is_not_there_are_refused(owner: Caller) -> None:
    await credential(owner)
    await group(owner)
    unknown = await refusal(
        owner.groups.UpdateHybridWorkerGroup(update("nobody"), metadata=owner.metadata)
    )
    await owner.ask(owner.groups.UpdateHybridWorkerGroup, update("svc-backup"))
    used = await refusal(
        owner.assets.DeleteCredential(
            asset_pb2.DeleteCredentialRequest(name="svc-backup"), metadata=owner.metadata
        )
    )

    assert (unknown.reason, used.reason) == ("ASSET_NOT_FOUND", "IN_USE")
    assert "--run-as-default" in used.words["do"]


async def test_every_violation_is_named_at_once(owner: Caller) -> None:
    request = update("no name/", name="-", mask="name,run_as")
    refused = await refusal(owner.groups.UpdateHybridWorkerGroup(request, metadata=owner.metadata))

    assert list(refused.fields) == ["group.name", "group.run_as", "update_mask.paths[0]"]
