"""Runbooks, groups, workers, keys and tokens: what an operator manages."""

import hashlib
from typing import Any

import grpc
import pytest
from grpc import aio
from tests.support.edge import Caller, Edge, Worker, refusal

from farhand_server.certificates import fingerprint
from farhand_wire.v1 import (
    account_pb2,
    hybrid_worker_group_pb2,
    hybrid_worker_pb2,
    runbook_pb2,
)

SCRIPT = b"echo hi\n"


async def import_(owner: Caller, **values: Any) -> runbook_pb2.Runbook:
    fields: dict[str, Any] = {"name": "hello", "type": "RUNBOOK_TYPE_BASH", "content": SCRIPT}
    request = runbook_pb2.ImportRunbookRequest(**(fields | values))
    runbook: runbook_pb2.Runbook = (await owner.ask(owner.runbooks.ImportRunbook, request)).runbook
    return runbook


async def test_a_runbook_is_imported_published_exported_and_deleted(owner: Caller) -> None:
    draft = await import_(owner)
    request = runbook_pb2.ExportRunbookRequest(runbook="hello")
    unpublished = await refusal(owner.ask(owner.runbooks.ExportRunbook, request))
    await owner.ask(
        owner.runbooks.PublishRunbook, runbook_pb2.PublishRunbookRequest(runbook="hello")
    )
    exported = await owner.ask(owner.runbooks.ExportRunbook, request)
    await owner.ask(owner.runbooks.DeleteRunbook, runbook_pb2.DeleteRunbookRequest(runbook="hello"))
    listed = await owner.ask(owner.runbooks.ListRunbooks, runbook_pb2.ListRunbooksRequest())

    assert draft.state == runbook_pb2.RUNBOOK_STATE_NEW
    assert draft.draft_digest == hashlib.sha256(SCRIPT).hexdigest()
    assert unpublished.reason == "RUNBOOK_NOT_PUBLISHED"
    assert (exported.content, exported.runbook.published_version) == (SCRIPT, 1)
    assert list(listed.runbooks) == []


async def test_a_powershell_runbook_tells_what_its_param_block_declares(owner: Caller) -> None:
    script = b"param([Parameter(Mandatory)] [int]$Count, [SecureString]$Password)"
    await import_(owner, type="RUNBOOK_TYPE_POWERSHELL", content=script, publish=True)
    request = runbook_pb2.GetRunbookRequest(runbook="hello")
    known = await owner.ask(owner.runbooks.GetRunbook, request)

    assert [(p.name, p.type, p.required, p.secret) for p in known.parameters] == [
        ("Count", runbook_pb2.PARAMETER_TYPE_INTEGER, True, False),
        ("Password", runbook_pb2.PARAMETER_TYPE_STRING, False, True),
    ]


async def test_a_script_of_a_megabyte_is_taken_and_no_more(owner: Caller) -> None:
    await import_(owner, content=b"x" * 1024 * 1024)
    refused = await refusal(import_(owner, content=b"x" * (1024 * 1024 + 1), force=True))

    assert "content" in refused.fields


@pytest.mark.parametrize(
    ("service", "method", "request_", "reason"),
    [
        (
            "runbooks",
            "GetRunbook",
            runbook_pb2.GetRunbookRequest(runbook="x"),
            "RUNBOOK_NOT_FOUND",
        ),
        (
            "groups",
            "GetHybridWorkerGroup",
            hybrid_worker_group_pb2.GetHybridWorkerGroupRequest(group="x"),
            "GROUP_NOT_FOUND",
        ),
        (
            "workers",
            "GetHybridWorker",
            hybrid_worker_pb2.GetHybridWorkerRequest(worker="x"),
            "WORKER_NOT_FOUND",
        ),
        (
            "account",
            "RevokeRegistrationToken",
            account_pb2.RevokeRegistrationTokenRequest(token_id="00000000"),
            "REGISTRATION_TOKEN_NOT_FOUND",
        ),
    ],
)
async def test_what_is_not_there_is_named_with_what_to_do(
    owner: Caller, service: str, method: str, request_: Any, reason: str
) -> None:
    refused = await refusal(owner.ask(getattr(getattr(owner, service), method), request_))

    assert refused.code == grpc.StatusCode.NOT_FOUND
    assert refused.reason == reason
    assert "farhand" in refused.words["do"]


async def test_a_group_counts_its_members_and_their_slots(owner: Caller, worker: Worker) -> None:
    request = hybrid_worker_group_pb2.GetHybridWorkerGroupRequest(group="demo")
    before = (await owner.ask(owner.groups.GetHybridWorkerGroup, request)).group
    await worker.serve(slots=4)
    after = (await owner.ask(owner.groups.GetHybridWorkerGroup, request)).group
    listed = await owner.ask(
        owner.groups.ListHybridWorkerGroups,
        hybrid_worker_group_pb2.ListHybridWorkerGroupsRequest(),
    )

    assert (before.workers, before.workers_online, before.slots) == (1, 0, 0)
    assert (after.workers, after.workers_online, after.slots) == (1, 1, 4)
    assert [group.name for group in listed.groups] == ["cloud", "demo"]
    assert listed.groups[1] == after


async def test_a_worker_shows_its_facts_made_fit_for_a_terminal(
    owner: Caller, worker: Worker
) -> None:
    await worker.serve(facts={"host_name": "host\x1b[31m\nred", "os": "x" * 300})
    request = hybrid_worker_pb2.GetHybridWorkerRequest(worker="w1")

    seen = (await owner.ask(owner.workers.GetHybridWorker, request)).worker

    assert seen.state == hybrid_worker_pb2.WORKER_STATE_ONLINE
    assert seen.facts.host_name == "host [31m red"
    assert len(seen.facts.os) == 256
    assert seen.address in ("127.0.0.1", "::1")


async def test_a_deleted_worker_is_gone_at_once(owner: Caller, worker: Worker) -> None:
    await worker.serve()
    await owner.ask(
        owner.workers.DeleteHybridWorker, hybrid_worker_pb2.DeleteHybridWorkerRequest(worker="w1")
    )
    goodbye = await worker.until("goodbye")

    assert "removed" in goodbye.reason
    with pytest.raises(aio.AioRpcError, match="not registered"):
        await worker.greet()


async def test_account_keys_are_shown_replaced_and_let_machines_join(
    server: Edge, owner: Caller
) -> None:
    request = account_pb2.GetAccountKeysRequest()
    before = await owner.ask(owner.account.GetAccountKeys, request)
    replaced = await owner.ask(
        owner.account.RegenerateAccountKey,
        account_pb2.RegenerateAccountKeyRequest(slot="ACCOUNT_KEY_SLOT_SECONDARY"),
    )
    after = await owner.ask(owner.account.GetAccountKeys, request)
    async with server.channel() as channel:
        await Worker(channel).join(after.secondary_key, "by-key", "w9")

    assert before.primary_key == after.primary_key
    assert before.secondary_key != after.secondary_key == replaced.key
    assert after.endpoint == "localhost:8443"
    assert after.ca_sha256 == fingerprint((server.data / "ca.pem").read_bytes())


async def test_no_secret_lies_in_the_databases(server: Edge, owner: Caller) -> None:
    keys = await owner.ask(owner.account.GetAccountKeys, account_pb2.GetAccountKeysRequest())
    made = await owner.ask(
        owner.account.CreateRegistrationToken,
        account_pb2.CreateRegistrationTokenRequest(group="demo"),
    )
    stored = b"".join(path.read_bytes() for path in server.data.glob("*.db*"))

    for secret in (keys.primary_key, keys.secondary_key, made.token, server.token):
        assert secret.encode() not in stored


async def test_a_registration_token_comes_with_the_line_to_run(owner: Caller) -> None:
    request = account_pb2.CreateRegistrationTokenRequest(
        group="demo", uses=3, cidrs=["127.0.0.0/8", "::1/128"]
    )
    request.ttl.FromSeconds(60)
    made = await owner.ask(owner.account.CreateRegistrationToken, request)
    token = made.registration_token

    assert made.command == (
        f"farhand-agent register --group demo --endpoint localhost:8443"
        f" --ca-sha256 {made.ca_sha256} --token {made.token}"
    )
    assert made.token.startswith(f"fht_{token.token_id}_")
    assert (token.uses, token.uses_left) == (3, 3)
    assert token.expire_time.ToSeconds() - token.create_time.ToSeconds() == 60


async def test_a_token_of_another_network_lets_nobody_join(server: Edge, owner: Caller) -> None:
    request = account_pb2.CreateRegistrationTokenRequest(group="demo", cidrs=["10.99.0.0/16"])
    made = await owner.ask(owner.account.CreateRegistrationToken, request)
    async with server.channel() as channel:
        machine = Worker(channel)
        with pytest.raises(Exception, match="Invalid Authorization Token"):
            await machine.join(made.token, "demo", "w1")


async def test_tokens_are_listed_without_secrets_and_revoked(owner: Caller) -> None:
    made = [
        await owner.ask(
            owner.account.CreateRegistrationToken,
            account_pb2.CreateRegistrationTokenRequest(group="demo"),
        )
        for _ in range(2)
    ]
    id_ = made[0].registration_token.token_id
    await owner.ask(
        owner.account.RevokeRegistrationToken,
        account_pb2.RevokeRegistrationTokenRequest(token_id=id_),
    )
    listed = await owner.ask(
        owner.account.ListRegistrationTokens, account_pb2.ListRegistrationTokensRequest()
    )

    assert [(t.token_id, t.revoked) for t in listed.registration_tokens] == [
        (made[1].registration_token.token_id, False),
        (id_, True),
    ]
    assert made[0].token not in str(listed)
