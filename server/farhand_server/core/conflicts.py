"""Two agents with one identity: one goes on, the other is refused, and an operator decides.

The party whose session number is current goes on. Whoever shows another one is refused and written
down, until an operator names the one to keep; jobs do not notice.
"""

from dataclasses import replace

from farhand_server.core import events as on
from farhand_server.core import numbers, parties, restoring
from farhand_server.core.context import Context
from farhand_server.core.effects import Count, Effect, EndSession, Notice
from farhand_server.errors import SessionConflict
from farhand_server.model.worker import Party, Standing, Worker

#: Parties of one worker that are remembered: the latest.
REMEMBERED = 8
ANEW = (
    "give this machine an identity of its own: "
    "farhand-agent register --replace --worker-name ANOTHER-NAME"
)


def refused(worker: Worker, event: on.Greeted, ctx: Context) -> list[Effect]:
    """Why a Hello may not become a session; nothing if it may."""
    party = _party(event, ctx)
    chosen = worker.chosen
    if chosen is not None:
        rivals = [p for p in worker.everyone if p.traits != chosen.traits]
        if parties.is_recognised(party, chosen, rivals):
            return []
        return _refuse(worker, replace(party, standing=Standing.REFUSED), event, ctx)
    known = parties.known(worker, party)
    if known is None or parties.differs_at(known, worker.holder) == parties.ADDRESS:
        # After a restore nobody knows how far an agent had counted.
        reported = restoring.has_reported(worker, ctx)
        if not reported or numbers.admits(worker, event.hello.session_number):
            return []
    if event.challenged <= ctx.live.greeted.get(worker.id, ctx.live.begun):
        # Overtaken by a later Hello, maybe of the same agent: it proves nothing about today.
        return [EndSession(session=event.session, reason="a newer session of this worker began")]
    standing = Standing.OPEN if known is None else known.standing
    return _refuse(worker, replace(party, standing=standing), event, ctx)


def decide(worker: Worker, machine: str) -> Worker:
    """Keeps the party that is called `machine`. Raises PartyNotFound, IdentityDisputed."""
    chosen = parties.named(worker, machine)
    others = [p for p in worker.everyone if p.traits != chosen.traits]
    decided = [replace(p, standing=Standing.REFUSED) for p in others]
    if chosen.traits != worker.holder.traits:
        decided.append(replace(chosen, standing=Standing.KEPT))
    return replace(worker, parties=tuple(decided))


def settled(worker: Worker) -> Worker:
    """The party that an operator chose holds a number that nobody else was given."""
    others = tuple(p for p in worker.parties if p.standing is not Standing.KEPT)
    return replace(worker, parties=others)


def rejection(worker: Worker) -> SessionConflict:
    """What a party hears that an operator decided against."""
    return SessionConflict(
        "an operator keeps another machine for this worker",
        why=f"this machine has a copy of the identity of worker {worker.name}",
        do=ANEW,
    )


def _refuse(worker: Worker, party: Party, event: on.Greeted, ctx: Context) -> list[Effect]:
    is_open = party.standing is Standing.OPEN
    refusal = _doubt(worker, event.hello.session_number) if is_open else rejection(worker)
    effects: list[Effect] = [
        EndSession(session=event.session, reason=refusal.message, refusal=refusal),
        Count(worker=worker.id, reason="hello: session_conflict"),
    ]
    noted = _noted(worker, party, ctx)
    if noted != worker.parties:
        ctx.tx.save_worker(replace(worker, parties=noted))
    if is_open and parties.known(worker, party) is None:
        effects.append(_news(worker, party))
    return effects


def _noted(worker: Worker, party: Party, ctx: Context) -> tuple[Party, ...]:
    """The worker's parties with this one among them, written down now and then."""
    known = parties.known(worker, party)
    if known is not None:
        age_ms = ctx.now.unix_ms - known.last_seen
        if party.traits == known.traits and age_ms < ctx.patience.last_seen * 1000:
            return worker.parties
        party = replace(party, first_seen=known.first_seen)
    others = (p for p in worker.parties if p is not known)
    latest = sorted([*others, party], key=lambda p: (p.standing is Standing.KEPT, p.last_seen))
    return tuple(latest[-REMEMBERED:])


def _doubt(worker: Worker, number: int) -> SessionConflict:
    holder = worker.holder
    return SessionConflict(
        "another agent uses this worker's identity",
        why=f"session number {number} is not one that the worker may hold "
        f"({worker.confirmed_number} to {worker.issued_number}); "
        f"its last session came from {holder.host_name or 'a machine'} at {holder.address}",
        do=f"an operator decides: farhand worker resume {worker.name} --machine ID; or {ANEW}",
    )


def _news(worker: Worker, party: Party) -> Notice:
    return Notice(
        text="two agents use one identity",
        fields={
            "worker": worker.name,
            "accepted": parties.described(worker.holder),
            "refused": parties.described(party),
            "do": f"farhand worker resume {worker.name} --machine ID",
        },
    )


def _party(event: on.Greeted, ctx: Context) -> Party:
    hello = event.hello
    return Party(
        machine_id=hello.facts.machine_id,
        boot_id=hello.boot_id,
        instance=hello.instance,
        address=event.address,
        host_name=hello.facts.host_name,
        first_seen=ctx.now.unix_ms,
        last_seen=ctx.now.unix_ms,
    )
