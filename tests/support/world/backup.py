"""A backup of the control plane, and what a restore of it makes impossible to promise.

The rows go back in time; hosts, scripts and what is true do not. Whatever a worker holds is taken
over. What is lost for good is what ended, or was forgotten, between the backup and the report of
its worker: such a job may run once more, and nothing but a newer backup could prevent that.
"""

from tests.support.memory import Tables
from tests.support.world.stores import Backup
from tests.support.world.world import World

from farhand_server.model.output import SpoolId
from farhand_server.model.runbook import Delivery


def take(world: World) -> Backup:
    """What is committed now."""
    return Backup(state=world.state.back_up(), output=world.output.back_up())


def restore(world: World, backup: Backup) -> None:
    """Another server, on what was there then."""
    world.kill_server()
    lost = world.state.tables
    world.state.go_back(backup.state, world.clock.unix_ms())
    world.output.go_back(backup.output)
    _expect(world, lost)
    world.start_server()


def _expect(world: World, lost: Tables) -> None:
    """Every attempt that was granted since, and that no worker will report, is another run."""
    tables, truth = world.state.tables, world.truth
    held = {(spool, host.worker) for host in world.hosts for spool in host.attempts()}
    # A worker that hears late that its result has arrived forgets it nevertheless.
    held -= {
        (spool, link.host.worker) for link in world.links.values() for spool in link.acknowledged()
    }
    # Workers that joined later are unknown; of those with a copy only one party is heard.
    heard = set(tables.workers) - {clone.worker for clone in world.clones}
    for attempt in lost.attempts.values():
        job = tables.jobs.get(attempt.job)
        if job is None or attempt.attempt <= job.attempt:
            continue
        spool = SpoolId(job=attempt.job, attempt=attempt.attempt)
        # A grant that is still on its way is found where it arrives; one that has ended is
        # forgotten as soon as its acknowledgement arrives.
        may_come = not truth.execs[spool] or (spool, attempt.worker) in held
        is_there = attempt.worker in heard and may_come and attempt.ended is None
        if not truth.execs[spool]:
            truth.under_way[spool] = attempt.worker
        if job.delivery is Delivery.AT_LEAST_ONCE or not is_there:
            truth.allowed[job.id] += 1
    # What they ran may have been reported to the server that is gone.
    truth.forgetful |= set(tables.workers)
    # Bytes that were safe are so no more; hosts hear of it when they are asked for them again.
    truth.receded |= set(truth.written)
