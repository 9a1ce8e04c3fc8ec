"""Runbooks: a draft that is edited, and a published copy that runs."""

from dataclasses import replace

from farhand_server.core import events as on
from farhand_server.core import removal
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, Effect
from farhand_server.declared.declaration import declared
from farhand_server.errors import (
    DraftChanged,
    InUse,
    RunbookExists,
    RunbookNotFound,
    RunbookNotPublished,
    RunbookTypeFixed,
    RunbookVersionNotFound,
)
from farhand_server.model.identifiers import AccountId, RunbookId
from farhand_server.model.runbook import Runbook


def import_(event: on.ImportRunbook, ctx: Context) -> list[Effect]:
    """Makes a runbook from a script; replaces the draft of one that exists only if forced. What is
    wrong with what it declares is said here, and not to whoever starts it."""
    known = ctx.tx.runbook(event.by.account, event.name)
    if known is not None and not event.force:
        raise RunbookExists(
            f'runbook "{event.name}" exists already',
            why="an import would replace its draft",
            do="add --force to replace the draft, or choose another --name",
        )
    declared(event.script, event.type)
    if known is not None:
        _check_draft(known, event)
    saved = ctx.tx.save_runbook(_draft(known, event, ctx), script=event.script)
    if event.publish:
        saved = ctx.tx.save_runbook(_publish(saved, event, ctx))
    return [Answer(call=event.call, value=saved)]


def _check_draft(known: Runbook, event: on.ImportRunbook) -> None:
    """Raises what keeps this script from becoming the draft of that runbook."""
    if known.published_version and known.type is not event.type:
        raise RunbookTypeFixed(
            f'runbook "{known.name}" is written in {known.type.value}, and stays so',
            why="a version of it was published, and jobs may run it again",
            do="choose another --name, or delete this runbook first",
        )
    if event.draft_digest and event.draft_digest != known.draft_digest:
        raise DraftChanged(
            f'the draft of "{known.name}" is not what it was any more',
            why="somebody replaced it meanwhile",
            do=f"look at it: farhand runbook export {known.name} --draft",
        )


def _draft(known: Runbook | None, event: on.ImportRunbook, ctx: Context) -> Runbook:
    if known is None:
        return Runbook(
            id=RunbookId(0),
            account=event.by.account,
            name=event.name,
            type=event.type,
            description=event.description,
            draft_digest=event.digest,
            created=ctx.now.unix_ms,
            modified=ctx.now.unix_ms,
        )
    return replace(
        known,
        type=event.type,
        description=event.description or known.description,
        draft_digest=event.digest,
        modified=ctx.now.unix_ms,
    )


def publish(event: on.PublishRunbook, ctx: Context) -> list[Effect]:
    """The draft becomes the next version; publishing it again changes nothing."""
    known = find(event.by.account, event.name, ctx)
    if known.published_version and known.draft_digest == known.published_digest:
        return [Answer(call=event.call, value=known)]
    return [Answer(call=event.call, value=ctx.tx.save_runbook(_publish(known, event, ctx)))]


def _publish(runbook: Runbook, event: on.Call, ctx: Context) -> Runbook:
    if runbook.published_version and runbook.draft_digest == runbook.published_digest:
        return runbook
    return replace(
        runbook,
        published_digest=runbook.draft_digest,
        published_version=runbook.published_version + 1,
        published=ctx.now.unix_ms,
        published_by=event.by.name,
        modified=ctx.now.unix_ms,
    )


def revert(event: on.RevertRunbook, ctx: Context) -> list[Effect]:
    """Throws the draft away: it is what is published again."""
    known = find(event.by.account, event.name, ctx)
    if not known.published_version:
        raise RunbookNotPublished(
            f'runbook "{known.name}" has no published version to go back to',
            do=f"replace its draft, or: farhand runbook delete {known.name}",
        )
    if known.draft_digest == known.published_digest:
        return [Answer(call=event.call, value=known)]
    reverted = replace(known, draft_digest=known.published_digest, modified=ctx.now.unix_ms)
    return [Answer(call=event.call, value=ctx.tx.save_runbook(reverted))]


def rollback(event: on.RollbackRunbook, ctx: Context) -> list[Effect]:
    """Publishes the script of an earlier version again; a draft that differs goes."""
    known = find(event.by.account, event.name, ctx)
    digest = ctx.tx.version(known.id, event.version)
    if digest is None:
        raise RunbookVersionNotFound(
            f'runbook "{known.name}" has no version {event.version}',
            why=f"its last one is {known.published_version}",
            do=f"see: farhand runbook history {known.name}",
        )
    saved = ctx.tx.save_runbook(_publish(replace(known, draft_digest=digest), event, ctx))
    return [Answer(call=event.call, value=saved)]


def update(event: on.UpdateRunbook, ctx: Context) -> list[Effect]:
    """Changes settings; jobs that were started before keep what they were started with."""
    known = find(event.by.account, event.name, ctx)
    changes = {field: getattr(event, field) for field in event.fields}
    saved = ctx.tx.save_runbook(replace(known, **changes, modified=ctx.now.unix_ms))
    return [Answer(call=event.call, value=saved)]


def delete(event: on.DeleteRunbook, ctx: Context) -> list[Effect]:
    """Deletes a runbook that no open job needs; the history of its jobs stays, its tests go."""
    known = find(event.by.account, event.name, ctx)
    if ctx.tx.has_jobs(runbook=known.name, group=None, account=known.account):
        raise InUse(
            f'runbook "{known.name}" has jobs that are not over',
            do=f"stop them or wait: farhand job list --runbook {known.name}",
        )
    former = removal.former_tests(known, ctx)
    ctx.tx.delete_runbook(known.id)
    return [*former, Answer(call=event.call, value=None)]


def find(account: AccountId, name: str, ctx: Context) -> Runbook:
    """A runbook of the account. Raises RunbookNotFound."""
    runbook = ctx.tx.runbook(account, name)
    if runbook is None:
        raise RunbookNotFound(f'no runbook "{name}"', do="see: farhand runbook list")
    return runbook
