"""The fake control plane's services of resources."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import grpc
from tests.support.plane.ledger import Ledger, stamp

from farhand_wire.v1 import account_pb2 as account
from farhand_wire.v1 import hybrid_worker_group_pb2 as group
from farhand_wire.v1 import hybrid_worker_pb2 as worker
from farhand_wire.v1 import runbook_pb2 as runbook
from farhand_wire.v1.account_pb2_grpc import AccountServiceServicer
from farhand_wire.v1.hybrid_worker_group_pb2_grpc import HybridWorkerGroupServiceServicer
from farhand_wire.v1.hybrid_worker_pb2_grpc import HybridWorkerServiceServicer
from farhand_wire.v1.runbook_pb2_grpc import RunbookServiceServicer


class AccountService(AccountServiceServicer):
    """Keys and registration tokens."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def GetAccount(self, request: Any, context: Any) -> Any:
        self._ledger.admit("GetAccount", request, context)
        return self._ledger.account

    def UpdateAccount(self, request: Any, context: Any) -> Any:
        self._ledger.admit("UpdateAccount", request, context)
        return account.UpdateAccountResponse(delivery=request.delivery)

    def GetCertificateAuthority(self, request: Any, context: Any) -> Any:
        return account.GetCertificateAuthorityResponse(certificate="")

    def GetAccountKeys(self, request: Any, context: Any) -> Any:
        self._ledger.admit("GetAccountKeys", request, context)
        return account.GetAccountKeysResponse(
            endpoint=self._ledger.endpoint,
            primary_key="p-key",
            secondary_key="s-key",
            ca_sha256="9f2c",
        )

    def RegenerateAccountKey(self, request: Any, context: Any) -> Any:
        self._ledger.admit("RegenerateAccountKey", request, context)
        return account.RegenerateAccountKeyResponse(key="new-key")

    def CreateRegistrationToken(self, request: Any, context: Any) -> Any:
        self._ledger.admit("CreateRegistrationToken", request, context)
        uses = request.uses or 1
        made = account.RegistrationToken(
            token_id=f"t{len(self._ledger.tokens) + 1}",
            group=request.group,
            expire_time=stamp(datetime(2026, 9, 14, 13, 5, tzinfo=UTC)),
            uses=uses,
            uses_left=uses,
            cidrs=request.cidrs,
        )
        self._ledger.tokens[made.token_id] = made
        return account.CreateRegistrationTokenResponse(
            registration_token=made,
            token="fht_secret",
            endpoint=self._ledger.endpoint,
            ca_sha256="9f2c",
            command=f"farhand-agent register --group {request.group} --token fht_secret",
        )

    def ListRegistrationTokens(self, request: Any, context: Any) -> Any:
        self._ledger.admit("ListRegistrationTokens", request, context)
        return account.ListRegistrationTokensResponse(
            registration_tokens=self._ledger.tokens.values()
        )

    def RevokeRegistrationToken(self, request: Any, context: Any) -> Any:
        self._ledger.admit("RevokeRegistrationToken", request, context)
        self._ledger.found(self._ledger.tokens, request.token_id, context).revoked = True
        return account.RevokeRegistrationTokenResponse()

    def ReleaseDispatch(self, request: Any, context: Any) -> Any:
        self._ledger.admit("ReleaseDispatch", request, context)
        self._ledger.account.dispatch_paused = False
        return account.ReleaseDispatchResponse()


class GroupService(HybridWorkerGroupServiceServicer):
    """Groups."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def CreateHybridWorkerGroup(self, request: Any, context: Any) -> Any:
        self._ledger.admit("CreateHybridWorkerGroup", request, context)
        made = group.HybridWorkerGroup(name=request.name)
        self._ledger.groups[request.name] = made
        return group.CreateHybridWorkerGroupResponse(group=made)

    def GetHybridWorkerGroup(self, request: Any, context: Any) -> Any:
        self._ledger.admit("GetHybridWorkerGroup", request, context)
        return group.GetHybridWorkerGroupResponse(
            group=self._ledger.found(self._ledger.groups, request.group, context)
        )

    def ListHybridWorkerGroups(self, request: Any, context: Any) -> Any:
        self._ledger.admit("ListHybridWorkerGroups", request, context)
        return group.ListHybridWorkerGroupsResponse(groups=self._ledger.groups.values())

    def UpdateHybridWorkerGroup(self, request: Any, context: Any) -> Any:
        self._ledger.admit("UpdateHybridWorkerGroup", request, context)
        known = self._ledger.found(self._ledger.groups, request.group.name, context)
        for path in request.update_mask.paths:
            setattr(known, path, getattr(request.group, path))
        return group.UpdateHybridWorkerGroupResponse(group=known)

    def DeleteHybridWorkerGroup(self, request: Any, context: Any) -> Any:
        self._ledger.admit("DeleteHybridWorkerGroup", request, context)
        self._ledger.found(self._ledger.groups, request.group, context)
        del self._ledger.groups[request.group]
        return group.DeleteHybridWorkerGroupResponse()


class WorkerService(HybridWorkerServiceServicer):
    """Workers."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def GetHybridWorker(self, request: Any, context: Any) -> Any:
        self._ledger.admit("GetHybridWorker", request, context)
        return worker.GetHybridWorkerResponse(
            worker=self._ledger.found(self._ledger.workers, request.worker, context)
        )

    def ListHybridWorkers(self, request: Any, context: Any) -> Any:
        self._ledger.admit("ListHybridWorkers", request, context)
        members = [
            each for each in self._ledger.workers.values() if request.group in ("", each.group)
        ]
        return worker.ListHybridWorkersResponse(workers=members)

    def DeleteHybridWorker(self, request: Any, context: Any) -> Any:
        self._ledger.admit("DeleteHybridWorker", request, context)
        self._ledger.found(self._ledger.workers, request.worker, context)
        del self._ledger.workers[request.worker]
        return worker.DeleteHybridWorkerResponse()

    def ResumeHybridWorker(self, request: Any, context: Any) -> Any:
        self._ledger.admit("ResumeHybridWorker", request, context)
        known = self._ledger.found(self._ledger.workers, request.worker, context)
        return worker.ResumeHybridWorkerResponse(worker=known)


class RunbookService(RunbookServiceServicer):
    """Runbooks."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def ImportRunbook(self, request: Any, context: Any) -> Any:
        self._ledger.admit("ImportRunbook", request, context)
        if request.name in self._ledger.runbooks and not request.force:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f'runbook "{request.name}" exists')
        made = self._ledger.runbooks.setdefault(request.name, runbook.Runbook(name=request.name))
        made.type = request.type
        made.description = request.description
        made.published_version += request.publish
        published = runbook.RUNBOOK_STATE_PUBLISHED
        made.state = published if request.publish else runbook.RUNBOOK_STATE_NEW
        made.draft_digest = sha256(request.content).hexdigest()
        self._ledger.scripts[request.name] = request.content
        if request.publish:
            self._ledger.versions.setdefault(request.name, []).append(request.content)
        return runbook.ImportRunbookResponse(runbook=made)

    def RevertRunbook(self, request: Any, context: Any) -> Any:
        self._ledger.admit("RevertRunbook", request, context)
        made = self._ledger.found(self._ledger.runbooks, request.runbook, context)
        return runbook.RevertRunbookResponse(runbook=made)

    def RollbackRunbook(self, request: Any, context: Any) -> Any:
        self._ledger.admit("RollbackRunbook", request, context)
        made = self._ledger.found(self._ledger.runbooks, request.runbook, context)
        made.published_version += 1
        return runbook.RollbackRunbookResponse(runbook=made)

    def ListRunbookVersions(self, request: Any, context: Any) -> Any:
        """One a page."""
        self._ledger.admit("ListRunbookVersions", request, context)
        self._ledger.found(self._ledger.runbooks, request.runbook, context)
        versions = self._ledger.versions.get(request.runbook, [])
        number = int(request.page_token or len(versions))
        shown = [
            runbook.RunbookVersion(version=number, size=len(versions[number - 1]), published_by="o")
            for _ in range(number and 1)
        ]
        more = str(number - 1) if number > 1 else ""
        return runbook.ListRunbookVersionsResponse(versions=shown, next_page_token=more)

    def PublishRunbook(self, request: Any, context: Any) -> Any:
        self._ledger.admit("PublishRunbook", request, context)
        made = self._ledger.found(self._ledger.runbooks, request.runbook, context)
        made.published_version += 1
        made.state = runbook.RUNBOOK_STATE_PUBLISHED
        return runbook.PublishRunbookResponse(runbook=made)

    def UpdateRunbook(self, request: Any, context: Any) -> Any:
        self._ledger.admit("UpdateRunbook", request, context)
        made = self._ledger.found(self._ledger.runbooks, request.runbook.name, context)
        request.update_mask.MergeMessage(request.runbook, made)
        return runbook.UpdateRunbookResponse(runbook=made)

    def GetRunbook(self, request: Any, context: Any) -> Any:
        self._ledger.admit("GetRunbook", request, context)
        made = self._ledger.found(self._ledger.runbooks, request.runbook, context)
        declared = self._ledger.parameters.get(request.runbook, ())
        draft = self._ledger.draft_parameters.get(request.runbook, declared)
        return runbook.GetRunbookResponse(runbook=made, parameters=declared, draft_parameters=draft)

    def ListRunbooks(self, request: Any, context: Any) -> Any:
        """Two a page, so that callers meet more than one."""
        self._ledger.admit("ListRunbooks", request, context)
        names = sorted(self._ledger.runbooks)
        begin = int(request.page_token or 0)
        more = str(begin + 2) if len(names) > begin + 2 else ""
        return runbook.ListRunbooksResponse(
            runbooks=[self._ledger.runbooks[name] for name in names[begin : begin + 2]],
            next_page_token=more,
        )

    def ExportRunbook(self, request: Any, context: Any) -> Any:
        self._ledger.admit("ExportRunbook", request, context)
        made = self._ledger.found(self._ledger.runbooks, request.runbook, context)
        content = self._ledger.scripts[request.runbook]
        published = self._ledger.versions.get(request.runbook, [])
        if published and not request.draft:
            content = published[request.version - 1]
        return runbook.ExportRunbookResponse(runbook=made, content=content)

    def DeleteRunbook(self, request: Any, context: Any) -> Any:
        self._ledger.admit("DeleteRunbook", request, context)
        self._ledger.found(self._ledger.runbooks, request.runbook, context)
        del self._ledger.runbooks[request.runbook]
        return runbook.DeleteRunbookResponse()
