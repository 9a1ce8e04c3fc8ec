"""What commands do on a stream of their own, beside an agent that may be running: look, and leave.

They come as probes, which never take over the agent's session.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from farhand_agent.errors import Unreachable, WorkerUnknown
from farhand_agent.link import endpoint as endpoints
from farhand_agent.link import proof
from farhand_agent.link.channel import open_channel
from farhand_agent.link.identity import Identity, State, not_registered
from farhand_agent.link.stream import Stream
from farhand_agent.link.trust import authority_file
from farhand_wire.transcript import hello_subject
from farhand_wire.v1 import worker_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A proven stream of a probe."""

    identity: Identity
    welcome: worker_pb2.Welcome
    opening: proof.Opening
    #: What a proxy on the way calls itself; empty if none does.
    intermediary: str


@asynccontextmanager
async def visit(state: State, environ: Mapping[str, str]) -> AsyncIterator[Visit]:
    """Proves this worker's key. Raises StateError, Refused, Unreachable."""
    identity = registered(state)
    client_nonce = proof.nonce()
    hello = worker_pb2.Hello(worker_id=identity.worker_id, client_nonce=client_nonce, probe=True)
    claim = proof.Claim(
        key=state.key(),
        client_nonce=client_nonce,
        subject=hello_subject(worker_id=identity.worker_id, session_number=0),
    )
    async with open_stream(identity.endpoint, roots=roots(state), environ=environ) as stream:
        opening = proof.Opening(stream)
        frames = await opening.run(worker_pb2.AgentFrame(hello=hello), claim)
        yield Visit(
            identity=identity,
            welcome=frames[-1].welcome,
            opening=opening,
            intermediary=await stream.intermediary(),
        )


async def look(state: State, environ: Mapping[str, str]) -> Visit:
    """Proves the key and goes: what the Welcome says, a session token among it."""
    async with visit(state, environ) as visited:
        await visited.opening.leave()
        return visited


async def leave(state: State, *, force: bool, environ: Mapping[str, str]) -> Identity:
    """Leaves the group and forgets the identity; also when the server has forgotten it before.
    Raises Refused while attempts run (unless `force`), Unreachable."""
    identity = registered(state)
    try:
        async with visit(state, environ) as visited:
            await visited.opening.leave(
                worker_pb2.AgentFrame(leave=worker_pb2.Leave(force=force)),
            )
    except WorkerUnknown:
        pass
    except Unreachable as error:
        raise Unreachable(
            error.message,
            why=error.why,
            do=f"{error.do}; or forget the identity on this machine only: "
            "farhand-agent remove --local",
        ) from error
    state.forget()
    return identity


@asynccontextmanager
async def open_stream(
    endpoint: str, *, roots: bytes | None, environ: Mapping[str, str]
) -> AsyncIterator[Stream]:
    """A stream on a connection of its own."""
    async with open_channel(endpoints.parse(endpoint), roots=roots, environ=environ) as channel:
        yield Stream(channel, endpoint)


def registered(state: State) -> Identity:
    """The identity. Raises StateError if this machine has none."""
    identity = state.identity()
    if identity is None:
        raise not_registered(state.path)
    return identity


def roots(state: State) -> bytes | None:
    """What the endpoint's certificate is checked against; None: the public authorities."""
    return authority_file(state.ca) if state.ca.exists() else None
