"""Finding the one thing that a request names, in a thread that may block."""

from collections.abc import Sequence

from farhand_server.engine.ports import Queries
from farhand_server.errors import (
    AssetNotFound,
    GroupNotFound,
    InvalidRequest,
    JobNotFound,
    RunbookNotFound,
    RunbookNotPublished,
    RunbookVersionNotFound,
    Violation,
    WorkerNotFound,
)
from farhand_server.model.asset import Asset, AssetKind
from farhand_server.model.identifiers import AccountId
from farhand_server.model.job import Job
from farhand_server.model.output import SpoolId
from farhand_server.model.runbook import Runbook
from farhand_server.model.worker import Group, Worker
from farhand_wire import limits


def job(queries: Queries, account: AccountId, prefix: str) -> Job:
    """The one job whose id begins so. Raises JobNotFound; InvalidRequest if several do."""
    found = queries.job(account, prefix)
    if not found:
        raise JobNotFound(f'no job "{prefix}"', do="see: farhand job list", job_id=prefix)
    if len(found) > 1:
        problem = f'"{prefix}" is the beginning of several jobs; give more of it'
        raise InvalidRequest([Violation(field="job_id", problem=problem)])
    return found[0]


def attempts(job: Job, *, one: int, every: bool) -> Sequence[int]:
    """The attempts that were asked for, the last one if none was. Raises InvalidRequest."""
    if one > job.attempt:
        problem = f"is {one}; the job has {job.attempt} so far"
        raise InvalidRequest([Violation(field="attempt", problem=problem)])
    last = range(1, job.attempt + 1)
    return last if every else (range(one, one + 1) if one else last[-1:])


def record(queries: Queries, spool: SpoolId, sequence: int) -> int:
    """An offset from which the record with this number is met. Raises InvalidRequest."""
    offset = queries.numbered(spool, sequence)
    if offset is None:
        problem = "cannot be found: this output was stored before records were counted"
        raise InvalidRequest([Violation(field="from.sequence", problem=problem)])
    return offset


def output_bytes(queries: Queries, job: Job) -> int:
    """Bytes of output stored so far."""
    if job.end is not None or not job.attempt:
        return job.output_bytes
    return queries.extent(SpoolId(job=job.id, attempt=job.attempt)).payload


def runbook(queries: Queries, account: AccountId, name: str) -> Runbook:
    """Raises RunbookNotFound."""
    found = queries.runbook(account, name)
    if found is None:
        raise RunbookNotFound(f'no runbook "{name}"', do="see: farhand runbook list")
    return found


def script(queries: Queries, runbook: Runbook, *, version: int, draft: bool) -> bytes:
    """The draft, the script of a version, or what is published now (0). Raises
    RunbookVersionNotFound, RunbookNotPublished."""
    digest = runbook.draft_digest if draft else runbook.published_digest
    if version:
        digest = queries.version(runbook, version)
        if not digest:
            raise RunbookVersionNotFound(
                f'runbook "{runbook.name}" has no version {version}',
                why=f"its last one is {runbook.published_version}",
                do=f"see: farhand runbook history {runbook.name}",
            )
    if not digest:
        raise RunbookNotPublished(
            f'runbook "{runbook.name}" has no published version',
            do=f"ask for the draft, or: farhand runbook publish {runbook.name}",
        )
    return queries.script(digest)


def asset(queries: Queries, account: AccountId, kind: AssetKind, name: str) -> Asset:
    """Raises AssetNotFound."""
    found = queries.asset(account, kind, name)
    if found is None:
        raise AssetNotFound(f'no {kind.value} "{name}"', do=f"see: farhand {kind.value} list")
    return found


def group(queries: Queries, account: AccountId, name: str) -> Group:
    """Raises GroupNotFound."""
    found = queries.group(account, name)
    if found is None:
        raise GroupNotFound(f'no hybrid worker group "{name}"', do="see: farhand group list")
    return found


def worker(queries: Queries, account: AccountId, name: str) -> Worker:
    """Raises WorkerNotFound."""
    found = queries.worker(account, name)
    if found is None:
        raise WorkerNotFound(f'no worker "{name}"', do="see: farhand worker list")
    return found


def members(queries: Queries, group: Group) -> list[Worker]:
    """Every worker of a group."""
    found: list[Worker] = []
    after = ""
    while True:
        page = queries.workers(
            group.account, group=group.name, size=limits.PAGE_SIZE_MOST, after=after
        )
        found += page.rows
        if not page.next:
            return found
        after = page.next
