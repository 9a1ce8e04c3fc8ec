"""Who uses a worker's identity: telling machines apart, and calling them by what people type."""

from collections.abc import Sequence

from farhand_server.errors import IdentityDisputed, PartyNotFound
from farhand_server.model.worker import Party, Worker

#: Place of the address among a party's traits: two machines may have one after the other.
ADDRESS = 3


def known(worker: Worker, party: Party) -> Party | None:
    """The party that was written down before and is this one, or None."""
    accepted = worker.chosen or worker.holder
    return next((p for p in worker.parties if _is_same(party, p, accepted)), None)


def differs_at(party: Party, other: Party) -> int:
    """Place of the first trait that tells one from the other."""
    pairs = zip(party.traits[:ADDRESS], other.traits, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), ADDRESS)


def is_recognised(party: Party, chosen: Party, rivals: Sequence[Party]) -> bool:
    """Whether this is the chosen one, by the most lasting trait that no rival has; without such a
    trait all of them are one machine."""
    place = _own(chosen, rivals)
    return place is None or party.traits[place] == chosen.traits[place]


def named(worker: Worker, machine: str) -> Party:
    """The party that is called so: by a machine id, boot id, instance or address, or the beginning
    of one. Raises PartyNotFound, IdentityDisputed."""
    parties = worker.everyone
    if len(parties) < 2:
        raise PartyNotFound(
            f"no other machine uses the identity of worker {worker.name}",
            do=f"see: farhand worker show {worker.name}",
        )
    found = [p for p in parties if machine in p.traits] or [
        p for p in parties if any(trait.startswith(machine) for trait in p.traits)
    ]
    if not found:
        raise PartyNotFound(
            f'no machine "{machine}" uses the identity of worker {worker.name}',
            why=_listed(parties),
            do=_choices(worker),
        )
    if len(found) > 1:
        raise IdentityDisputed(
            f'"{machine}" is said of {len(found)} machines',
            why=_listed(found),
            do=_choices(worker),
        )
    return found[0]


def undecided(worker: Worker) -> IdentityDisputed:
    """Why a worker cannot be resumed without saying which of them."""
    parties = worker.everyone
    return IdentityDisputed(
        f"{len(parties)} machines use the identity of worker {worker.name}",
        why=_listed(parties),
        do=_choices(worker),
    )


def described(party: Party) -> str:
    """A party in words."""
    traits = zip(("machine", "boot", "agent"), party.traits, strict=False)
    ids = ", ".join(f"{what} {trait}" for what, trait in traits if trait)
    return f"{party.host_name or 'a machine'} at {party.address} ({ids})"


def _listed(parties: Sequence[Party]) -> str:
    return "; ".join(described(party) for party in parties)


def _choices(worker: Worker) -> str:
    """A command for each party."""
    parties = worker.everyone
    commands = []
    for party in parties:
        place = _own(party, [p for p in parties if p is not party])
        trait = "ID" if place is None else party.traits[place]
        commands.append(f"farhand worker resume {worker.name} --machine {trait}")
    return "name the one to keep: " + " or ".join(commands)


def _own(party: Party, others: Sequence[Party]) -> int | None:
    """Place of the most lasting trait that none of the others has."""
    for place, trait in enumerate(party.traits):
        if trait and all(other.traits[place] != trait for other in others):
            return place
    return None


def _is_same(party: Party, known: Party, accepted: Party) -> bool:
    """By what tells the known one from the one that is accepted: a machine stays itself when its
    agent starts again."""
    place = differs_at(known, accepted)
    return party.traits[: place + 1] == known.traits[: place + 1]
