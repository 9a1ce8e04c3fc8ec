"""What a job is given: checked against what its runbook declares, before it is queued; its secrets
are kept sealed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.declared import values
from farhand_server.declared.casing import as_declared
from farhand_server.declared.declaration import declared
from farhand_server.errors import InvalidRequest
from farhand_server.model.identifiers import JobId
from farhand_server.model.job import Job
from farhand_server.model.parameter import Json, Parameter
from farhand_server.model.runbook import RunbookType

#: What stands where a secret is.
MASK = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a script is given."""

    #: A JSON object.
    parameters: str = field(repr=False)
    #: In positional order, as text.
    arguments: tuple[str, ...] = field(repr=False)
    #: The secrets among them, by name.
    secrets: Mapping[str, Json] = field(repr=False, default_factory=dict)


def take(event: on.StartJob, digest: str, type_: RunbookType, ctx: Context) -> Given:
    """Completed by defaults, in the order of the script, with masks for secrets; PowerShell does
    the former itself. A runbook that declares nothing takes anything. Raises InvalidRequest with
    all that is wrong."""
    parameters = _declared(digest, type_, ctx)
    if not parameters:
        return Given(parameters=event.parameters, arguments=event.arguments)
    given = json.loads(event.parameters)
    powershell = type_ is RunbookType.POWERSHELL
    if powershell:
        given = as_declared(parameters, given)
    if wrong := values.problems(parameters, given):
        raise InvalidRequest(wrong)
    # PowerShell fills in defaults itself, and tells scripts what was really given.
    complete = given if powershell else values.completed(parameters, given)
    secrets = {p.name: complete[p.name] for p in parameters if p.secret and p.name in complete}
    masked = complete | dict.fromkeys(secrets, MASK)
    return Given(
        parameters=values.as_text(masked),
        arguments=() if powershell else values.positional(parameters, masked),
        secrets=secrets,
    )


def sealed(given: Given, job: JobId, ctx: Context) -> bytes | None:
    """Its secrets, for the row of the job."""
    if not given.secrets:
        return None
    return ctx.vault.seal(values.as_text(dict(given.secrets)), place(job))


def secrets(job: Job, ctx: Context) -> Mapping[str, Json]:
    """Those of a job, in clear."""
    if job.sealed is None:
        return {}
    opened: dict[str, Json] = json.loads(ctx.vault.open(job.sealed, place(job.id)))
    return opened


def given(job: Job, ctx: Context) -> Given:
    """What the script of a job gets: its secrets in clear, but for arguments, which every process
    of its machine can read."""
    if job.sealed is None:
        return Given(parameters=job.parameters, arguments=job.arguments)
    opened = secrets(job, ctx)
    complete = {**json.loads(job.parameters), **opened}
    return Given(parameters=values.as_text(complete), arguments=job.arguments, secrets=opened)


def _declared(digest: str, type_: RunbookType, ctx: Context) -> tuple[Parameter, ...]:
    known = ctx.live.declared.get(digest)
    if known is None:
        known = declared(ctx.tx.script(digest), type_)
        ctx.live.note_declared(digest, known)
    return known


def place(job: JobId) -> str:
    """Where the box of a job opens."""
    return f"job {job}"
