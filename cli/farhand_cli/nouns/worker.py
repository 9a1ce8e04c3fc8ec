"""farhand worker: the machines that dialled in."""

from typing import TYPE_CHECKING

import click

from farhand_cli import wire, words
from farhand_cli.api import pages
from farhand_cli.session import Session
from farhand_cli.show import Format, View
from farhand_cli.table import Cell, Column
from farhand_cli.verb import answers, pass_session

if TYPE_CHECKING:
    from farhand_wire.v1.hybrid_worker_pb2 import HybridWorker as Worker


def state_name(worker: "Worker") -> str:
    """Azure-like: ONLINE, OFFLINE, DRAINING."""
    states = wire.hybrid_worker.WorkerState
    return states.Name(worker.state).removeprefix("WORKER_STATE_")


def _types(worker: "Worker") -> str:
    names = wire.runbook.RunbookType
    return ", ".join(
        names.Name(each).removeprefix("RUNBOOK_TYPE_").lower()
        for each in worker.facts.runbook_types
    )


_NAME: Column["Worker"] = Column("NAME", lambda worker, _: worker.name)
_STATE: Column["Worker"] = Column(
    "STATE", lambda worker, _: Cell.of(words.state(words.WORKER_STATES, state_name(worker)))
)
_GROUP: Column["Worker"] = Column("GROUP", lambda worker, _: worker.group)
_HEARD: Column["Worker"] = Column("HEARD", lambda it, manner: manner.time(it.last_seen_time))
_SLOTS: Column["Worker"] = Column("SLOTS", lambda worker, _: f"{worker.slots_used}/{worker.slots}")
_AGENT: Column["Worker"] = Column("AGENT", lambda worker, _: worker.facts.agent_version)
_OS: Column["Worker"] = Column("OS", lambda worker, _: worker.facts.os)
VIEW: View["Worker"] = View(
    name=lambda worker: worker.name,
    columns=(_NAME, _STATE, _GROUP, _HEARD, _SLOTS, _AGENT, _OS),
    card=(
        *(_NAME, _STATE, _GROUP, _HEARD, _SLOTS, _AGENT, _OS),
        Column("ARCHITECTURE", lambda worker, _: worker.facts.architecture),
        Column("RUNS", lambda worker, _: _types(worker)),
        Column("ADDRESS", lambda worker, _: worker.address),
        Column("REGISTERED", lambda worker, manner: manner.time(worker.register_time)),
        Column("ID", lambda worker, _: worker.worker_id),
    ),
)


@click.group
def worker() -> None:
    """Hybrid workers: machines that dialled in."""


@worker.command("list")
@click.option("--group", default="", metavar="GROUP", help="Only its members.")
@click.option("--state", metavar="STATE", help="Only connected, out-of-contact or draining ones.")
@answers
@pass_session
def list_(session: Session, group: str, state: str | None) -> None:
    """Workers, by name."""
    wanted = _wanted(state)
    found = pages(
        lambda token: session.api.workers.ListHybridWorkers(
            wire.hybrid_worker.ListHybridWorkersRequest(page_token=token, group=group)
        )
    )
    workers = [
        each
        for page in found
        for each in page.workers
        if wanted is None or state_name(each) == wanted
    ]
    session.show_all(
        VIEW, workers, empty="no workers: farhand token create --group NAME prints how one joins"
    )
    if workers and session.format is Format.TABLE:
        online = sum(state_name(each) == "ONLINE" for each in workers)
        session.note(f"{online:,} of {len(workers):,} connected")


@worker.command("show")
@click.argument("name", metavar="WORKER")
@answers
@pass_session
def show(session: Session, name: str) -> None:
    """One worker."""
    request = wire.hybrid_worker.GetHybridWorkerRequest(worker=name)
    session.show(VIEW, session.api.workers.GetHybridWorker(request).worker)


@worker.command("delete")
@click.argument("name", metavar="WORKER")
@click.option("--force", is_flag=True, help="Also while it runs jobs; they are ended as died.")
@answers
@pass_session
def delete(session: Session, name: str, force: bool) -> None:
    """Revoke a worker's key and end its session; the machine may register again."""
    request = wire.hybrid_worker.DeleteHybridWorkerRequest(worker=name, force=force)
    session.api.workers.DeleteHybridWorker(request)
    session.note(f"worker {name} is deleted; on that machine: farhand-agent remove")


def _wanted(state: str | None) -> str | None:
    if state is None:
        return None
    if name := words.named(words.WORKER_STATES, state):
        return name
    raise click.BadParameter("one of connected, out-of-contact, draining", param_hint="--state")
