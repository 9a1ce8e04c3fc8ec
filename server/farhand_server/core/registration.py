"""How a machine becomes a worker: a token or key of the account, and a key pair of its own.

Idempotent by (token, public key): when the answer was lost, the same request gets the same worker,
and no use is burned twice.
"""

import uuid
from dataclasses import replace

from farhand_server.core import conflicts, restoring, sessions
from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Effect, Send
from farhand_server.core.leaving import leave
from farhand_server.errors import TokenRefused, WorkerExists
from farhand_server.model import frames
from farhand_server.model.account import RegistrationToken
from farhand_server.model.identifiers import AccountId, WorkerId
from farhand_server.model.worker import Group, Worker

#: Azure's sentence (its Linux worker's source).
REFUSED = "Invalid Authorization Token"
REGISTERED = "Machine is already registered to a different account."


def joined(event: on.Joined, ctx: Context) -> list[Effect]:
    """A proven Register: one transaction burns the use and makes the worker."""
    account, token = _admit(event, ctx)
    asked = event.register
    known = ctx.tx.worker_named(account, asked.worker_name)
    again = (
        known is not None
        and known.public_key == asked.public_key
        and known.joined_with == asked.token_hash
    )
    effects: list[Effect] = []
    if known is not None and again:
        _check_identity(known, ctx)
        worker = _once_more(known, event)
        effects += sessions.supersede(worker, ctx)
    else:
        if token is not None:
            _check_use(token, asked.group, event, ctx)
        id_ = WorkerId(str(uuid.UUID(bytes=ctx.chance(16), version=4)))
        generation = ctx.live.generation.number
        if known is not None:
            _check_place(known, asked)
            generation = restoring.bequeath(known, id_, ctx)
            effects += leave(known.id, force=True, ctx=ctx)
        group = ctx.tx.group(account, asked.group) or ctx.tx.add_group(
            account, asked.group, ctx.now.unix_ms
        )
        worker = replace(_worker(event, group, id_, ctx), generation=generation)
        if token is not None:
            ctx.tx.save_registration_token(replace(token, uses_left=token.uses_left - 1))
    ctx.tx.save_worker(worker)
    session = sessions.open_session(event.session, worker, ctx)
    registered = frames.Registered(
        worker=worker.id,
        worker_name=worker.name,
        group=worker.group_name,
        account=ctx.tx.account(account).name,
    )
    return [
        *effects,
        Send(session=session.id, frame=registered),
        sessions.welcome(session, ctx),
    ]


def _admit(event: on.Joined, ctx: Context) -> tuple[AccountId, RegistrationToken | None]:
    hash_ = event.register.token_hash
    token = ctx.tx.registration_token(hash_)
    if token is not None:
        return token.account, token
    key = ctx.tx.account_key(hash_)
    if key is None:
        raise TokenRefused(
            REFUSED,
            why="no registration token and no account key of this control plane is like it",
            do="make a new one: farhand token create --group GROUP",
        )
    return key.account, None


def _check_use(token: RegistrationToken, group: str, event: on.Joined, ctx: Context) -> None:
    again = f"make a new one: farhand token create --group {group}"
    if token.revoked:
        raise TokenRefused(REFUSED, why=f"token {token.id} was revoked", do=again)
    if ctx.now.unix_ms >= token.expires:
        raise TokenRefused(REFUSED, why=f"token {token.id} has expired", do=again)
    if token.group_name != group:
        raise TokenRefused(
            REFUSED,
            why=f"token {token.id} is for group {token.group_name}, not for {group}",
            do=f"use --group {token.group_name}, or {again}",
        )
    if token.uses_left < 1:
        raise TokenRefused(REFUSED, why=f"token {token.id} is used up", do=again)
    if not token.allows(event.address):
        raise TokenRefused(
            REFUSED,
            why=f"token {token.id} may not be used from {event.address}",
            do=again + " --cidr NETWORK",
        )


def _check_identity(known: Worker, ctx: Context) -> None:
    """A key that several machines use, or that was held back, is not let in by another door."""
    ctx.faults.check(known.id, known.name)
    if known.parties:
        raise conflicts.rejection(known)


def _once_more(known: Worker, event: on.Joined) -> Worker:
    """Its number is still the first one, unless it has been in use since: then nobody else may
    hold the number that it gets."""
    in_use = known.confirmed_number > 0
    number = known.issued_number + 1 if in_use else known.issued_number
    return replace(known, address=event.address, issued_number=number)


def _check_place(known: Worker, asked: frames.Register) -> None:
    """Raises WorkerExists, unless the machine may take the place of this worker."""
    same_machine = bool(asked.facts.machine_id) and (
        known.facts.machine_id == asked.facts.machine_id
    )
    if not asked.replace and same_machine:
        raise WorkerExists(
            REGISTERED,
            why=f"it is worker {known.name} of group {known.group_name}",
            do="add --replace to give it a new identity, or: farhand-agent remove",
        )
    if not asked.replace:
        raise WorkerExists(
            f"a worker named {known.name} exists already",
            why=f"another machine ({known.facts.host_name}) joined group {known.group_name} "
            "under this name",
            do="choose another name with --worker-name, or take its place with --replace",
        )


def _worker(event: on.Joined, group: Group, id_: WorkerId, ctx: Context) -> Worker:
    asked = event.register
    return Worker(
        id=id_,
        account=group.account,
        group=group.id,
        group_name=group.name,
        name=asked.worker_name,
        public_key=asked.public_key,
        joined_with=asked.token_hash,
        facts=asked.facts,
        registered=ctx.now.unix_ms,
        issued_number=1,
        address=event.address,
        last_seen=ctx.now.unix_ms,
    )
