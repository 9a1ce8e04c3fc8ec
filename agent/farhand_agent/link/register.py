"""How this machine becomes a worker."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from farhand_agent.errors import Refused, StateError, Unreachable
from farhand_agent.link import proof, proxy, trust
from farhand_agent.link.convert import goodbye
from farhand_agent.link.endpoint import Endpoint
from farhand_agent.link.identity import Identity, State
from farhand_agent.link.key import Key
from farhand_agent.link.reach import reach
from farhand_agent.link.visit import open_stream, roots
from farhand_wire.transcript import register_subject
from farhand_wire.v1 import worker_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What `farhand-agent register` was asked for."""

    endpoint: Endpoint
    token: str = field(repr=False)
    group: str
    worker_name: str
    facts: worker_pb2.Facts
    ca: Path | None = None
    ca_sha256: str | None = None
    replace: bool = False


async def register(
    asked: Registration,
    state: State,
    *,
    environ: Mapping[str, str],
    say: Callable[[str], None],
) -> Identity:
    """Joins, and keeps key and identity. A registration that was refused leaves nothing behind; one
    whose answer was lost leaves its key, so that the next try gets the same worker. Raises
    AgentError; `say` hears of progress."""
    _check_new(asked, state)
    new = state.make()
    try:
        authority = await _authority(asked, state, environ, say)
        identity = await _join(asked, state, authority, environ)
    finally:
        if new:
            # Not empty, and so still there, if anything is worth keeping.
            with suppress(OSError):
                state.path.rmdir()
    say(
        f"joined group {identity.group} as {identity.worker_name}; the key was made here and "
        f"stays in {state.path}"
    )
    return identity


def _check_new(asked: Registration, state: State) -> None:
    if asked.replace or not state.path.exists():
        return
    identity = state.identity()
    if identity is None:
        return
    since = time.strftime("%-d %b %Y", time.localtime(identity.registered))
    raise StateError(
        "Machine is already registered to a different account.",
        why=f"it is worker {identity.worker_name} of group {identity.group}, account "
        f"{identity.account}, since {since}",
        do="add --replace to give it a new identity, or: farhand-agent remove",
    )


async def _authority(
    asked: Registration, state: State, environ: Mapping[str, str], say: Callable[[str], None]
) -> bytes | None:
    """What to trust, after a look at the path to the server."""
    given = trust.authority_file(asked.ca) if asked.ca else None
    if given is None and asked.ca_sha256 is None:
        given = roots(state)
    if proxy.proxy_for(environ, asked.endpoint):
        if asked.ca_sha256 is not None:
            raise StateError(
                "--ca-sha256 does not work through a proxy",
                why="the server's certificate has to be seen once before it is trusted",
                do="copy ca.pem from the server and use --ca FILE",
            )
        return given
    reached = await reach(asked.endpoint, roots=given, verify=asked.ca_sha256 is None)
    note = ""
    if asked.ca_sha256 is not None:
        given = await trust.pinned_authority(
            asked.endpoint, reached, digest=asked.ca_sha256, environ=environ
        )
        note = f", CA sha256 {asked.ca_sha256[:4]}..{asked.ca_sha256[-2:]} as asked"
    say(f"{asked.endpoint} reached in {reached.milliseconds:.0f} ms, {reached.tls_version}{note}")
    return given


async def _join(
    asked: Registration, state: State, authority: bytes | None, environ: Mapping[str, str]
) -> Identity:
    made_here = not state.has_pending_key
    key = state.pending_key()
    async with open_stream(str(asked.endpoint), roots=authority, environ=environ) as stream:
        opening = proof.Opening(stream)
        try:
            first, claim = _frame(asked, key)
            answer = await opening.run(first, claim)
            identity = _identity(asked, answer)
        except Refused:
            state.drop_pending_key()
            raise
        except Unreachable:
            if made_here and not opening.proof_sent:
                state.drop_pending_key()
            raise
        state.commit(identity, key, ca=authority)
        # The machine is a worker now, however this stream ends.
        with suppress(Refused, Unreachable):
            await opening.leave(goodbye("registered"))
    return identity


def _frame(asked: Registration, key: Key) -> tuple[worker_pb2.AgentFrame, proof.Claim]:
    client_nonce = proof.nonce()
    subject = register_subject(
        token=asked.token,
        group=asked.group,
        worker_name=asked.worker_name,
        public_key=key.public,
    )
    frame = worker_pb2.Register(
        token=asked.token,
        group=asked.group,
        worker_name=asked.worker_name,
        public_key=key.public,
        client_nonce=client_nonce,
        facts=asked.facts,
        replace=asked.replace,
    )
    claim = proof.Claim(key=key, client_nonce=client_nonce, subject=subject)
    return worker_pb2.AgentFrame(register=frame), claim


def _identity(asked: Registration, answer: list[worker_pb2.ServerFrame]) -> Identity:
    kinds = [frame.WhichOneof("frame") for frame in answer]
    if kinds != ["registered", "welcome"]:
        raise proof.illegal(f"it answered a registration with {', '.join(map(str, kinds))}")
    registered = answer[0].registered
    return Identity(
        worker_id=registered.worker_id,
        worker_name=registered.worker_name,
        group=registered.group,
        account=registered.account,
        endpoint=str(asked.endpoint),
        registered=int(time.time()),
        session_number=answer[1].welcome.session_number,
    )
