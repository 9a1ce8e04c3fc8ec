"""Offers and grants: what this host takes on."""

import hashlib

from farhand_agent.core.effects import Effect, LookUpUser, StartRunner
from farhand_agent.core.events import UserLookedUp
from farhand_agent.core.frames import Accept, Grant, Offer, Phase, Reject, Withdraw
from farhand_agent.core.journal import Journal
from farhand_agent.core.live import Attempt, IllegalFrame, Live
from farhand_agent.core.offsets import Flow


def offered(offer: Offer, live: Live, journal: Journal, now: float) -> list[Effect]:
    """Accepts what this host can run now, refuses the rest with a sentence."""
    refusal = _cannot(offer, live)
    if refusal:
        return live.say(Reject(offer_id=offer.offer_id, reason=refusal))
    if offer.run_as:
        live.lookups[offer.offer_id] = offer
        return [LookUpUser(offer_id=offer.offer_id, name=offer.run_as)]
    return _taken(offer, live)


def user_looked_up(event: UserLookedUp, live: Live, journal: Journal, now: float) -> list[Effect]:
    """Answers the offer, unless that was withdrawn or went with its stream."""
    offer = live.lookups.pop(event.offer_id, None)
    if offer is None:
        return []
    if event.refusal:
        return live.say(
            Reject(offer_id=offer.offer_id, reason=event.refusal, for_now=event.for_now)
        )
    return _taken(offer, live)


def _taken(offer: Offer, live: Live) -> list[Effect]:
    refusal = _cannot_now(live)
    if refusal:
        return live.say(Reject(offer_id=offer.offer_id, reason=refusal, for_now=True))
    live.offers.add(offer.offer_id)
    return live.say(Accept(offer_id=offer.offer_id, cached=offer.digest in live.scripts))


def withdrawn(frame: Withdraw, live: Live, journal: Journal, now: float) -> list[Effect]:
    live.offers.discard(frame.offer_id)
    live.lookups.pop(frame.offer_id, None)
    return []


def granted(grant: Grant, live: Live, journal: Journal, now: float) -> list[Effect]:
    """Starts the attempt. One that this host knows already is never started again; one that comes
    without an offer is run even if it is one too many: it is committed, and refusing it would cost
    a void attempt."""
    live.offers.discard(grant.offer_id)
    if grant.id in live.attempts or journal.knows(grant.id):
        return []
    script = _script(grant, live)
    live.scripts.keep(grant.digest, script)
    flow = Flow(stored=0, durable=0, read_ahead=live.read_ahead)
    live.attempts[grant.id] = Attempt(
        id=grant.id, start=(grant, script), flow=flow, told=Phase.RUNNING
    )
    return [StartRunner(grant=grant, script=script)]


def _cannot(offer: Offer, live: Live) -> str:
    if offer.runbook_type is None or offer.runbook_type not in live.types:
        return f"no interpreter for {offer.runbook_type or 'this type of runbook'} on this host"
    if offer.run_as and not live.becomes_users:
        return f'the agent does not run as root, so it cannot run a job as user "{offer.run_as}"'
    return ""


def _cannot_now(live: Live) -> str:
    if live.session.leave:
        return "the agent is going away"
    if live.free_slots() <= 0:
        return f"all {live.slots} slots are taken"
    return ""


def _script(grant: Grant, live: Live) -> bytes:
    script = grant.script if grant.script is not None else live.scripts.get(grant.digest)
    if script is None:
        raise IllegalFrame(f"a Grant without the script {grant.digest}, which is not cached here")
    if grant.script is not None and hashlib.sha256(script).hexdigest() != grant.digest:
        raise IllegalFrame("the script of a Grant does not have its digest")
    return script
