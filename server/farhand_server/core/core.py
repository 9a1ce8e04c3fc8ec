"""The rules as one object: an event goes to its rule; a refusal becomes an answer."""

from collections.abc import Callable
from typing import Any

from farhand_server.core import (
    account,
    assets,
    children,
    cloud,
    explain,
    freezing,
    groups,
    jobs,
    overview,
    pausing,
    registration,
    removal,
    restoring,
    runbooks,
    sessions,
    ticking,
    tokens,
    workers,
)
from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, Count, Effect, EndSession
from farhand_server.core.faults import Faults
from farhand_server.core.live import Live
from farhand_server.core.patience import Patience
from farhand_server.core.ports import Chance, Tx, Vault
from farhand_server.errors import ProtocolViolation, Refusal
from farhand_server.model.clock import Instant, Now
from farhand_server.model.identifiers import WorkerId

Rule = Callable[[Any, Context], list[Effect]]

RULES: dict[type, Rule] = {
    on.StartJob: jobs.start,
    on.StopJob: jobs.stop,
    on.SuspendJob: freezing.suspend,
    on.ResumeJob: freezing.resume,
    on.ForceCloseJob: jobs.force_close,
    on.ImportRunbook: runbooks.import_,
    on.PublishRunbook: runbooks.publish,
    on.RevertRunbook: runbooks.revert,
    on.RollbackRunbook: runbooks.rollback,
    on.UpdateRunbook: runbooks.update,
    on.DeleteRunbook: runbooks.delete,
    on.CreateAsset: assets.create,
    on.UpdateAsset: assets.update,
    on.DeleteAsset: assets.delete,
    on.UpdateAccount: account.update,
    on.CreateGroup: groups.create,
    on.UpdateGroup: groups.update,
    on.DeleteGroup: groups.delete,
    on.DeleteWorker: workers.delete,
    on.ResumeWorker: workers.resume,
    on.ReleaseDispatch: restoring.release,
    on.CreateRegistrationToken: tokens.create,
    on.RevokeRegistrationToken: tokens.revoke,
    on.ReplaceAccountKey: tokens.replace_key,
    on.Explain: explain.explain,
    on.Overview: overview.overview,
    on.Joined: registration.joined,
    on.Greeted: sessions.greeted,
    on.Resigned: workers.resigned,
    on.Said: sessions.said,
    on.ChildOf: children.of,
    on.Ended: jobs.ended,
    on.OutputRemoved: removal.removed,
    on.Lost: sessions.lost,
    on.DiskLow: pausing.disk_low,
    on.CloudAway: cloud.away,
    on.Tick: ticking.ticked,
}


class Core:
    """All rules over one Live. Not thread-safe: one caller at a time."""

    def __init__(self, *, chance: Chance, patience: Patience, vault: Vault) -> None:
        self._chance = chance
        self._vault = vault
        self._patience = patience
        self._live = Live()
        self._faults = Faults()

    def begin(self, tx: Tx, now: Now) -> list[Effect]:
        """Derives from the rows what must be watched. To be called before the first event, and
        again after `forget`."""
        return sessions.begin(self._context(tx, now))

    def forget(self) -> None:
        """Drops everything volatile, as a crash would."""
        paused_because = self._live.paused_because
        cloud_away = self._live.cloud_away
        self._live = Live()
        self._live.paused_because = paused_because
        self._live.cloud_away = cloud_away

    def blame(self, event: on.Event) -> WorkerId | None:
        """A rule failed at `event`: its worker is remembered, over `forget` as well, and given."""
        worker = self._worker_of(event)
        if worker is not None:
            self._faults.note(worker)
        return worker

    def handle(self, event: on.Event, tx: Tx, now: Now) -> list[Effect]:
        """What `event` changes through `tx`, and what follows from it."""
        try:
            ctx = self._context(tx, now)
            effects = RULES[type(event)](event, ctx)
            return [*effects, *children.follow(effects, ctx)]
        except Refusal as refusal:
            return self._refuse(event, refusal)

    def next_due(self) -> Instant | None:
        """When a Tick is wanted; None: not before something else happens."""
        return self._live.next_alarm()

    def due(self, now: Instant) -> bool:
        """Whether a Tick is wanted by now."""
        alarm = self._live.next_alarm()
        return alarm is not None and alarm <= now

    def _context(self, tx: Tx, now: Now) -> Context:
        return Context(
            tx=tx,
            live=self._live,
            faults=self._faults,
            now=now,
            chance=self._chance,
            patience=self._patience,
            vault=self._vault,
        )

    def _worker_of(self, event: on.Event) -> WorkerId | None:
        """Whose event it is; None for an operator's call, for time, and for a machine that was no
        worker yet."""
        match event:
            case on.Greeted(hello=hello):
                return hello.worker
            case on.Resigned(worker=worker):
                return worker
            case on.Said(session=id_) | on.Ended(session=id_) | on.Lost(session=id_):
                session = self._live.sessions.get(id_)
                return None if session is None else session.worker
        return None

    def _refuse(self, event: on.Event, refusal: Refusal) -> list[Effect]:
        if isinstance(event, on.Asked):
            return [Answer(call=event.call, value=refusal)]
        if isinstance(event, on.Greeted):
            reason = f"hello: {refusal.reason.lower()}"
            return [
                Count(worker=event.hello.worker, reason=reason),
                EndSession(session=event.session, reason=refusal.message, refusal=refusal),
            ]
        if isinstance(event, on.Joined):
            return [EndSession(session=event.session, reason=refusal.message, refusal=refusal)]
        if not isinstance(event, on.Said | on.Ended):
            raise refusal
        ended = EndSession(session=event.session, reason=refusal.message, refusal=refusal)
        session = self._live.sessions.get(event.session)
        if session is None or not isinstance(refusal, ProtocolViolation):
            return [ended]
        return [Count(worker=session.worker, reason=refusal.message), ended]
