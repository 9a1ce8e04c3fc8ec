"""What a job is given: checked against what its runbook declares, before it is queued."""

import json
from dataclasses import dataclass

from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.declared import values
from farhand_server.declared.declaration import declared
from farhand_server.errors import InvalidRequest
from farhand_server.model.parameter import Parameter
from farhand_server.model.runbook import RunbookType


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """As the job keeps them."""

    #: A JSON object.
    parameters: str
    #: In positional order, as text.
    arguments: tuple[str, ...]


def taken(event: on.StartJob, digest: str, type_: RunbookType, ctx: Context) -> Taken:
    """Completed by defaults, in the order of the script. A runbook that declares nothing takes
    anything. Raises InvalidRequest with all that is wrong."""
    parameters = _declared(digest, type_, ctx)
    if not parameters:
        return Taken(parameters=event.parameters, arguments=event.arguments)
    given = json.loads(event.parameters)
    if wrong := values.problems(parameters, given):
        raise InvalidRequest(wrong)
    complete = values.completed(parameters, given)
    return Taken(
        parameters=values.as_text(complete), arguments=values.positional(parameters, complete)
    )


def _declared(digest: str, type_: RunbookType, ctx: Context) -> tuple[Parameter, ...]:
    known = ctx.live.declared.get(digest)
    if known is None:
        known = declared(ctx.tx.script(digest), type_)
        ctx.live.note_declared(digest, known)
    return known
