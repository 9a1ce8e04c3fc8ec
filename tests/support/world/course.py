"""Virtual time in which nothing else happens: everybody does what is due, when it is due."""

from tests.support.world.world import World

from farhand_server.model.identifiers import JobId
from farhand_server.model.job import JobStatus


def pass_time(world: World, seconds: float) -> None:
    """Lets time go by. Raises Violation as soon as a promise is broken."""
    until = world.clock.ms + round(seconds * 1000)
    world.flow()
    world.check()
    while (left := until - world.clock.ms) > 0:
        world.tick(min(left, next_due_ms(world)))
        world.flow()
        world.check()


def next_due_ms(world: World) -> int:
    """How long it takes until somebody has something to do, an hour at most."""
    now = world.clock.ms
    dues = [link.due_ms - now for link in world.links.values() if link.due_ms is not None]
    if world.server is not None and (patience := world.server.patience_ms) is not None:
        dues.append(patience)
    return max(1, min(dues, default=3_600_000))


def statuses(world: World, job: JobId) -> list[JobStatus]:
    """Every status that a job had, in order."""
    passed: list[JobStatus] = []
    for _, new in world.state.history:
        if new.id == job and (not passed or passed[-1] is not new.status):
            passed.append(new.status)
    return passed
