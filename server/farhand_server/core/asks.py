"""What a running job asks for: assets of its account, and children.

A question is answered once. One that is asked again, because its answer was lost with a stream,
does nothing twice: reading is harmless, a child has its id from the start, and the last write is
remembered beside the job.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from farhand_server.core import assets, children, grants
from farhand_server.core.answers import answered, refused
from farhand_server.core.context import Context
from farhand_server.core.effects import Effect
from farhand_server.core.live import Session
from farhand_server.errors import Refusal
from farhand_server.model import ask, frames
from farhand_server.model.asset import AssetKind
from farhand_server.model.job import Job


def asked(session: Session, frame: frames.Ask, job: Job, ctx: Context) -> list[Effect]:
    """Answers a question of a job that this session serves."""
    try:
        effects, answer = _RULES[type(frame.question)](frame, job, ctx)
    except Refusal as refusal:
        return [answered(session.id, frame, refused(refusal))]
    if answer is None:
        return [*effects, *children.wait(session, frame, ctx)]
    return [*effects, answered(session.id, frame, answer)]


_Answered = tuple[list[Effect], ask.Answer | None]


def _get_asset(frame: frames.Ask, job: Job, ctx: Context) -> _Answered:
    question = frame.question
    assert isinstance(question, ask.GetAsset)
    grants.check(question.kind.value, question.name, job, ctx)
    asset = assets.find(job.account, question.kind, question.name, ctx)
    secrets = assets.secrets(asset, ctx)
    _note(frame, question.kind, question.name, asset.version, ctx)
    return [], ask.AssetAnswer(asset=asset, secrets=secrets)


def _set_variable(frame: frames.Ask, job: Job, ctx: Context) -> _Answered:
    question = frame.question
    assert isinstance(question, ask.SetVariable)
    kind = AssetKind.VARIABLE
    grants.check(kind.value, question.name, job, ctx)
    asset = assets.find(job.account, kind, question.name, ctx)
    done = ask.Done(secret=question.value if asset.encrypted else None)
    if frame.ask <= job.asked:
        # Done before its answer was lost; somebody may have set it to something else since.
        return [], done
    changed = assets.with_value(asset, question.value, ctx)
    ctx.tx.swap_job(job, replace(job, asked=frame.ask))
    ctx.tx.save_asset(changed)
    _note(frame, kind, question.name, changed.version, ctx, written=True)
    return [], done


def _start_child(frame: frames.Ask, job: Job, ctx: Context) -> _Answered:
    assert isinstance(frame.question, ask.StartChild)
    grants.check("runbook", frame.question.runbook, job, ctx)
    effects, child = children.start(frame.question, job, ctx)
    return effects, ask.ChildAnswer(job=child)


def _get_child(frame: frames.Ask, job: Job, ctx: Context) -> _Answered:
    assert isinstance(frame.question, ask.GetChild)
    child = children.find(frame.question.job, job, ctx)
    if frame.question.wait and not child.status.is_final:
        return [], None
    return [], ask.ChildAnswer(job=child)


_RULES: dict[type, Callable[[frames.Ask, Job, Context], _Answered]] = {
    ask.GetAsset: _get_asset,
    ask.SetVariable: _set_variable,
    ask.StartChild: _start_child,
    ask.GetChild: _get_child,
}


def _note(
    frame: frames.Ask,
    kind: AssetKind,
    name: str,
    version: int,
    ctx: Context,
    *,
    written: bool = False,
) -> None:
    """Each version that an attempt has read or written is told of it, once."""
    read: dict[str, Any] = {"kind": kind, "name": name, "version": version, "written": written}
    ctx.tx.note_asset_read(
        ask.AssetRead(job=frame.job, attempt=frame.attempt, at=ctx.now.unix_ms, **read)
    )
