"""Bringing a world to rest, and what must be true there: nothing is stuck, nothing is left."""

from tests.support.world.host import FakeHost
from tests.support.world.rows import GROUP, OPERATOR
from tests.support.world.runner import Sandbox
from tests.support.world.translation import spool_id
from tests.support.world.truth import Violation
from tests.support.world.world import World

from farhand_server.core import events as on
from farhand_server.core.explain import Explanation
from farhand_server.core.overview import Overview
from farhand_server.model.job import Job, JobStatus
from farhand_wire import limits

#: Virtual time in which everything must have ended, once all is well again.
PATIENCE_MS = 400_000


def heal(world: World) -> None:
    """Everybody is back, and everything works. Of a copy the operator has removed the worker, or
    only the machine: then it is decided who is the worker."""
    world.start_server()
    if world.server is not None:
        world.server.take_output(True)
    for clone in world.clones:
        world.kill_agent(clone)
        if world.clock.ms % 2:
            world.remove(clone)
        world.hosts.remove(clone)
    world.clones.clear()
    world.flow()
    for host in world.hosts:
        host.broken = ""
        _welcome(world, host)
        world.join(host)
        world.start_agent(host)
        if (link := world.links.get(host)) is not None:
            link.congested = False
            link.speak()


def _welcome(world: World, host: FakeHost) -> None:
    """After a restore there are workers that nobody knows, and some that nobody has removed."""
    is_known = host.worker in world.state.tables.workers
    if host.worker is not None and not is_known and host.worker not in world.removed:
        world.lose_state(host)
    if is_known and (link := world.links.get(host)) is not None and link.unwelcome:
        world.kill_agent(host)


def _operate(world: World) -> None:
    """An operator looks now and then, and removes workers that no machine is any more."""
    machines = {host.worker for host in world.hosts}
    for worker in world.state.tables.workers.values():
        if worker.id not in machines and worker.group == GROUP.id:
            world.remove_worker(worker)
    here = [link for link in world.links.values() if link.host in _members(world)]
    for link in here:
        if not link.ready:
            world.keep(link.host)
    if _is_paused(world) and all(link.ready for link in here):
        world.release()


def _is_paused(world: World) -> bool:
    overview = world.ask(lambda call: on.Overview(call=call, by=OPERATOR))
    return isinstance(overview, Overview) and overview.is_paused


def rest(world: World) -> None:
    """Lets every script end and every job become final. Raises Violation if one is stuck."""
    heal(world)
    until = world.clock.ms + PATIENCE_MS
    while True:
        _move(world)
        if _is_at_rest(world):
            break
        if world.clock.ms > until:
            raise Violation(f"I17: stuck: {_stuck(world)}")
        _operate(world)
        world.tick(_step_ms(world))
    for job in world.jobs:
        _is_explained(world, job)
    _nothing_is_left(world)


def prompt(world: World) -> None:
    """Without any time passing, no job waits while a member is free. Raises Violation."""
    world.flow()
    if world.server is None:
        return
    for job in world.jobs:
        if job.status is not JobStatus.NEW:
            continue
        why = _explanation(world, job)
        free = (
            isinstance(why, Explanation)
            and why.code != "offered"
            and [name for name, verdict, _ in why.workers if verdict == "free"]
        )
        if free:
            raise Violation(f"I17: {job.id} waits, and {free} is free")


def _explanation(world: World, job: Job) -> object:
    return world.ask(lambda call: on.Explain(call=call, by=OPERATOR, job=job.id))


def _move(world: World) -> None:
    """Scripts end as soon as they run; those that are to be stopped wait for their signal, and what
    is frozen is thawed. Where nobody can do that, because a restored server does not know the job,
    somebody ends it at the machine."""
    world.flow()
    world.check()
    for job in world.jobs:
        if job.is_frozen:
            world.resume(job.id)
    for host in world.hosts:
        for sandbox in host.frozen():
            if spool_id(sandbox.id).job not in world.state.tables.jobs:
                host.exit(sandbox, code=None, signal=9)
    world.flow()
    while running := [(h, s) for h in world.hosts for s in h.running() if _ends(world, h, s)]:
        for host, sandbox in running:
            if sandbox.stopping:
                host.exit(sandbox, code=None, signal=15)
            else:
                host.exit(sandbox)
        world.flow()
    world.check()


def _ends(world: World, host: FakeHost, sandbox: Sandbox) -> bool:
    job = world.state.tables.jobs.get(spool_id(sandbox.id).job)
    is_current = job is not None and job.worker == host.worker
    waits = is_current and job is not None and job.status is JobStatus.STOPPING
    return sandbox.stopping or not waits


def _step_ms(world: World) -> int:
    """To the next moment that somebody waits for, a second at most."""
    now = world.clock.ms
    dues = [link.due_ms - now for link in world.links.values() if link.due_ms is not None]
    if world.server is not None and (patience := world.server.patience_ms) is not None:
        dues.append(patience)
    return min([max(1, due) for due in dues] + [1_000])


def _open_jobs(world: World) -> list[Job]:
    """Jobs that somebody could still run, or is running."""
    languages = {type_.value for host in _members(world) for type_ in host.types}
    return [
        job
        for job in world.jobs
        if not job.status.is_final
        and job.status is not JobStatus.SUSPENDED
        and (job.status is not JobStatus.NEW or job.runbook_type.value in languages)
    ]


def _is_at_rest(world: World) -> bool:
    welcome = _members(world)
    if not all(link.ready for link in world.links.values() if link.host in welcome):
        return False
    if any(host.sandboxes for host in welcome):
        return False
    return not _open_jobs(world) and not _is_paused(world)


def _members(world: World) -> list[FakeHost]:
    """Hosts whose worker still exists."""
    return [host for host in world.hosts if host.worker in world.state.tables.workers]


def _stuck(world: World) -> str:
    jobs = [(job.id[:8], job.status.name, job.details) for job in _open_jobs(world)]
    sandboxes = [(h.name, list(h.sandboxes)) for h in _members(world) if h.sandboxes]
    away = [h.name for h, link in world.links.items() if not link.ready]
    return f"jobs {jobs}, sandboxes {sandboxes}, not ready {away}"


def _is_explained(world: World, job: Job) -> None:
    if job.status is not JobStatus.SUSPENDED:
        return
    if job.worker not in world.truth.forgetful | world.removed:
        raise Violation(f"I16: {job.id} is Suspended ({job.details}), but its host remembers all")


def _nothing_is_left(world: World) -> None:
    """Every slot of every member takes a job at the same time: none leaked. The next heartbeats
    have said that nothing runs any more."""
    world.tick(int(2 * limits.HEARTBEAT_SECONDS * 1000))
    world.flow()
    overview = world.ask(lambda call: on.Overview(call=call, by=OPERATOR))
    assert isinstance(overview, Overview)
    for worker, presence in overview.workers.items():
        if presence.used:
            raise Violation(f"I16: {presence.used} slots of {worker} are taken by nothing")
    members = _members(world)
    jobs = [world.submit() for _ in range(sum(host.slots for host in members))]
    world.flow()
    running = sum(len(host.running()) for host in members)
    if running != len(jobs):
        raise Violation(f"I16: of {len(jobs)} slots {running} can be used")
    _move(world)
    if _open_jobs(world) and members:
        raise Violation(f"I17: stuck: {_stuck(world)}")
