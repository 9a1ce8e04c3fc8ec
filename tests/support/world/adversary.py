"""A worker that lies: it has a key of its own and wants what is another's."""

import random

from tests.support.world.world import World

from farhand_server.model import frames
from farhand_server.model.job import End, Job
from farhand_wire import spool

#: Kinds of lies.
LIES = 5
_LIE = spool.pack(spool.Kind.OUTPUT, 0, b"this was never printed\n")


def forge(world: World, chance: random.Random) -> str:
    """One frame about an attempt of somebody else, on a stream of its own; says which."""
    if world.server is None or not world.jobs:
        return "nobody to deceive"
    running = [job for job in world.jobs if job.status.is_granted]
    job = chance.choice(running or world.jobs)
    frame = chance.choice(_frames(job))
    _say(world, frame)
    return f"{type(frame).__name__} of {job.id[:8]}"


def lie(world: World, which: int) -> None:
    """One of the `LIES` about the oldest job; the server has forgotten the stream afterwards."""
    _say(world, _frames(world.jobs[0])[which])
    assert world.server is not None
    world.server.turn()
    world.server.loop()


def lie_low(world: World) -> None:
    """Joins, and waits for its chance."""
    assert world.server is not None
    world.server.lose(world.rogue())
    world.server.turn()
    world.server.loop()


def _say(world: World, frame: frames.AgentFrame) -> None:
    assert world.server is not None
    stream = world.rogue()
    stream.up([frame])
    world.server.hear(stream)
    world.server.turn()
    world.server.loop()
    world.server.lose(stream)


def _frames(job: Job) -> list[frames.AgentFrame]:
    attempt = max(1, job.attempt)
    return [
        frames.Output(job=job.id, attempt=attempt, offset=0, data=_LIE),
        frames.Started(job=job.id, attempt=attempt),
        frames.NotStarted(job=job.id, attempt=attempt, reason="I say so"),
        frames.Result(job=job.id, attempt=attempt, end=End(code=0), size=0, crc=0),
        frames.Result(job=job.id, attempt=attempt + 1, end=End(code=0), size=0, crc=0),
    ]
