"""A path through the states of a world, told so that a person can follow it."""

from collections.abc import Iterator, Sequence

from tests.support.world.acts import make
from tests.support.world.moves import Move
from tests.support.world.truth import Violation
from tests.support.world.world import World


def story(world: World, path: Sequence[Move]) -> Iterator[str]:
    """A line for each step of `path` from here on, as it is made once more."""
    for number, move in enumerate(path, 1):
        heard = _heard(world, move)
        try:
            make(world, move)
        except Violation:
            yield f"{number:3}. {move}{heard}"
            return
        yield f"{number:3}. {move}{heard}{_jobs(world)}"


def _heard(world: World, move: Move) -> str:
    """The frames of the message that is next."""
    waiting: Sequence[Sequence[object]]
    if move.name == "server hears" and world.server is not None:
        waiting = list(world.server.streams.values())[move.which].to_server
    elif move.name == "agent hears":
        stream = world.links[world.hosts[move.which]].stream
        waiting = stream.to_agent if stream is not None else ()
    else:
        return ""
    frames = [type(frame).__name__ for frame in waiting[0]] if waiting else ["the end"]
    return f": {', '.join(frames)}"


def _jobs(world: World) -> str:
    told = [f"{job.status.name} {job.attempt} {job.worker_name}".rstrip() for job in world.jobs]
    return f"  [{'; '.join(told)}]" if told else ""
