"""What the rules know and do not write down: sessions, open offers, patience.

All of it can be dropped at any moment: after a crash the Hellos of the workers rebuild it.
"""

import heapq
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from farhand_server.model import frames
from farhand_server.model.account import Generation
from farhand_server.model.clock import Instant, Now
from farhand_server.model.identifiers import (
    AccountId,
    GroupId,
    JobId,
    OfferId,
    SessionId,
    WorkerId,
)
from farhand_server.model.output import SpoolId
from farhand_server.model.parameter import Parameter
from farhand_server.model.runbook import RunbookType
from farhand_server.model.worker import Ground

#: Scripts that a worker surely still holds: fewer than the 64 (32 MiB) that it keeps.
KNOWN_SCRIPTS = 16
#: Scripts whose parameters are remembered.
DECLARED = 256
#: Sessions that are remembered after a newer one took over.
TAKEN_OVER = 1024


@dataclass(slots=True, kw_only=True)
class Session:
    """One proven stream of a worker."""

    id: SessionId
    worker: WorkerId
    name: str
    account: AccountId
    group: GroupId
    types: frozenset[RunbookType]
    slots: int
    number: int
    address: str
    #: What it says of attempts rests on this.
    ground: Ground
    #: Confirmed by the first Heartbeat: may be offered jobs.
    ready: bool = False
    draining: bool = False
    heard: Instant
    #: Since when it was asked and has not been heard; None: it owes nothing.
    asked: Instant | None = None
    seen_written: Instant
    #: When it last got work: ties go to who waited longest.
    given: Instant
    #: Attempts granted to it that have not ended.
    serving: set[SpoolId] = field(default_factory=set)
    #: Those of them of which it has not said yet whether they run, and since when.
    granted: dict[SpoolId, Instant] = field(default_factory=dict)
    #: Scripts of jobs that are not known here, as after a restore: each takes a slot until it ends.
    strangers: int = 0
    #: Attempts that a silent runner may hold: each takes a slot until the next Hello.
    unheard: int = 0
    offers: set[OfferId] = field(default_factory=set)
    _scripts: OrderedDict[str, None] = field(default_factory=OrderedDict)

    @property
    def free(self) -> int:
        """Slots neither used nor promised."""
        return self.slots - self.used - len(self.offers)

    @property
    def used(self) -> int:
        """Slots that something runs in."""
        return len(self.serving) + self.strangers + self.unheard

    @property
    def takes_work(self) -> bool:
        return self.ready and not self.draining and self.free > 0

    def patient_until(self, lease: float) -> Instant:
        """When its silence, or that about a grant, will have lasted for a lease."""
        oldest = min(self.granted.values(), default=self.heard)
        return Instant(min(self.heard, oldest) + lease)

    def over(self, spool: SpoolId) -> None:
        """Nothing of this attempt runs any more."""
        self.serving.discard(spool)
        self.granted.pop(spool, None)

    def holds_script(self, digest: str) -> bool:
        return digest in self._scripts

    def note_script(self, digest: str) -> None:
        """The worker has this script now."""
        self._scripts[digest] = None
        self._scripts.move_to_end(digest)
        if len(self._scripts) > KNOWN_SCRIPTS:
            self._scripts.popitem(last=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOffer:
    """A job that was offered to a session and is not answered yet."""

    id: OfferId
    job: JobId
    group: GroupId
    session: SessionId
    opened: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A question of a job that is answered when its child is over."""

    session: SessionId
    frame: frames.Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A worker whose absence is counted."""

    #: Up to here it is written down.
    since: Instant
    #: When to look again.
    due: Instant


class Live:
    """Sessions by id, worker and group; offers by id and job; when to look again."""

    def __init__(self) -> None:
        #: Since when it is filled; what was asked before belongs to another life.
        self.begun = Instant(0.0)
        self.generation = Generation()
        #: Workers of which nothing was heard since a restore, with their names: as long as there
        #: are any, no job of their account is dispatched.
        self.unreported: dict[AccountId, dict[WorkerId, str]] = {}
        #: When each worker said Hello last.
        self.greeted: dict[WorkerId, Instant] = {}
        #: Why nothing is given away; empty if it is. No Hello tells, so `forget` keeps it.
        self.paused_because = ""
        #: Why the control plane's own worker does not run; empty if it does. Kept in the same way.
        self.cloud_away = ""
        self.sessions: dict[SessionId, Session] = {}
        #: Whose those were that newer ones took over from, the latest.
        self.superseded: OrderedDict[SessionId, WorkerId] = OrderedDict()
        self._by_worker: dict[WorkerId, Session] = {}
        self._by_group: dict[GroupId, dict[SessionId, Session]] = {}
        self._offers: dict[OfferId, OpenOffer] = {}
        self._offers_of: dict[JobId, list[OfferId]] = {}
        #: Groups that have, or may have, a job in state New.
        self.queues: set[GroupId] = set()
        #: Workers without a session that serve jobs, and when these become Disconnected.
        self.absent: dict[WorkerId, Instant] = {}
        #: Workers whose jobs are Disconnected, or are to be stopped when they return.
        self.missed: dict[WorkerId, Missed] = {}
        #: Why a worker does not get a job for a while: until when, and its words.
        self.refusals: dict[tuple[JobId, WorkerId], tuple[Instant, str]] = {}
        #: Attempts seen to run, not written down yet.
        self.started: dict[SpoolId, Now] = {}
        #: Questions that are answered when a child is over, by child.
        self.waiting_for: dict[JobId, dict[tuple[JobId, int, int], Waiting]] = {}
        #: What scripts declare, by digest; reading it takes a moment.
        self.declared: OrderedDict[str, tuple[Parameter, ...]] = OrderedDict()
        #: No lease ends before this moment.
        self.leases_due: Instant | None = None
        self._alarms: list[Instant] = []

    # --- sessions ---------------------------------------------------------------------------

    def open(self, session: Session) -> None:
        self.sessions[session.id] = session
        self._by_worker[session.worker] = session
        self._by_group.setdefault(session.group, {})[session.id] = session
        self.forget_absence(session.worker)

    def forget_absence(self, worker: WorkerId) -> None:
        """It is here, or will never come."""
        self.absent.pop(worker, None)
        self.missed.pop(worker, None)

    def drop(self, session: Session) -> list[OpenOffer]:
        """Forgets a session; gives the offers that died with it."""
        self.sessions.pop(session.id, None)
        if self._by_worker.get(session.worker) is session:
            del self._by_worker[session.worker]
        members = self._by_group.get(session.group, {})
        members.pop(session.id, None)
        if not members:
            self._by_group.pop(session.group, None)
        for child in list(self.waiting_for):
            waiting = self.waiting_for[child]
            kept = {key: w for key, w in waiting.items() if w.session != session.id}
            self.waiting_for[child] = kept
            if not kept:
                del self.waiting_for[child]
        closed = (self.close_offer(offer, session.id) for offer in list(session.offers))
        return [offer for offer in closed if offer is not None]

    def supersede(self, session: Session) -> None:
        """Remembers whose it was."""
        self.superseded[session.id] = session.worker
        if len(self.superseded) > TAKEN_OVER:
            self.superseded.popitem(last=False)

    def of_worker(self, worker: WorkerId) -> Session | None:
        return self._by_worker.get(worker)

    def members(self, group: GroupId) -> Iterator[Session]:
        return iter(self._by_group.get(group, {}).values())

    # --- offers -----------------------------------------------------------------------------

    def open_offer(self, offer: OpenOffer) -> None:
        self._offers[offer.id] = offer
        self._offers_of.setdefault(offer.job, []).append(offer.id)
        self.sessions[offer.session].offers.add(offer.id)

    def close_offer(self, id_: OfferId, session: SessionId) -> OpenOffer | None:
        """The offer, now closed; None if it is late or another stream's."""
        offer = self._offers.get(id_)
        if offer is None or offer.session != session:
            return None
        del self._offers[id_]
        self._offers_of[offer.job].remove(id_)
        if not self._offers_of[offer.job]:
            del self._offers_of[offer.job]
        if holder := self.sessions.get(session):
            holder.offers.discard(id_)
        return offer

    def offers_of(self, job: JobId) -> list[OpenOffer]:
        return [self._offers[id_] for id_ in self._offers_of.get(job, ())]

    def overdue(self, session: Session, now: Instant, patience: float) -> bool:
        """Whether it owes an answer for too long."""
        return any(self._offers[id_].opened + patience <= now for id_ in session.offers)

    def overdue_offers(self, now: Instant, patience: float) -> list[OpenOffer]:
        return [o for o in self._offers.values() if o.opened + patience <= now]

    # --- patience ---------------------------------------------------------------------------

    def alarm(self, at: Instant) -> None:
        """Look again at that moment."""
        heapq.heappush(self._alarms, at)

    def next_alarm(self) -> Instant | None:
        return self._alarms[0] if self._alarms else None

    def ring(self, now: Instant) -> None:
        """Alarms up to now are over."""
        while self._alarms and self._alarms[0] <= now:
            heapq.heappop(self._alarms)

    def refuses(self, job: JobId, worker: WorkerId, now: Instant) -> bool:
        """Whether this worker is not to be asked for this job now."""
        held = self.refusals.get((job, worker))
        return held is not None and held[0] > now

    def note_declared(self, digest: str, parameters: tuple[Parameter, ...]) -> None:
        """Remembers it, the latest of them."""
        self.declared[digest] = parameters
        if len(self.declared) > DECLARED:
            self.declared.popitem(last=False)

    def forget_job(self, job: JobId) -> None:
        """A job that is final needs no memory of who refused it."""
        for key in [key for key in self.refusals if key[0] == job]:
            del self.refusals[key]
