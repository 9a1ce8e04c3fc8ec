"""farhand worker: the machines that dialled in."""

import sys
from typing import TYPE_CHECKING

import click

from farhand_cli import wire, words
from farhand_cli.api import pages
from farhand_cli.session import Session
from farhand_cli.show import Format, View
from farhand_cli.table import Cell, Column, table
from farhand_cli.verb import answers, pass_session

if TYPE_CHECKING:
    from farhand_wire.v1.hybrid_worker_pb2 import ConflictParty as Party
    from farhand_wire.v1.hybrid_worker_pb2 import HybridWorker as Worker

UNREPORTED = "not heard since the restore of the control plane"


def state_name(worker: "Worker") -> str:
    """Azure-like: ONLINE, OFFLINE, DRAINING; or why an operator has to look."""
    if worker.conflict.undecided:
        return "CONFLICT"
    if worker.held_back:
        return "HELD_BACK"
    states = wire.hybrid_worker.WorkerState
    return states.Name(worker.state).removeprefix("WORKER_STATE_")


def _types(worker: "Worker") -> str:
    names = wire.runbook.RunbookType
    return ", ".join(
        names.Name(each).removeprefix("RUNBOOK_TYPE_").lower()
        for each in worker.facts.runbook_types
    )


def _interpreters(worker: "Worker") -> str:
    """`bash 5.2.15 (/bin/bash), …`."""
    names = wire.runbook.RunbookType
    return ", ".join(
        f"{names.Name(each.runbook_type).removeprefix('RUNBOOK_TYPE_').lower()} "
        + (f"{each.version} ({each.path})" if each.version else each.path)
        for each in worker.facts.interpreters
    )


def _refused(worker: "Worker") -> str:
    """`3 × output: protocol_violation`."""
    counts = sorted(worker.refused_frames.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} × {reason}" for reason, count in counts)


def _standing(party: "Party") -> str:
    names = wire.hybrid_worker.PartyStanding
    return names.Name(party.standing).removeprefix("PARTY_STANDING_").lower()


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
        Column("UNREPORTED", lambda worker, _: UNREPORTED if worker.unreported else ""),
        Column("ARCHITECTURE", lambda worker, _: worker.facts.architecture),
        Column("RUNS", lambda worker, _: _interpreters(worker) or _types(worker)),
        Column("ADDRESS", lambda worker, _: worker.address),
        Column("REGISTERED", lambda worker, manner: manner.time(worker.register_time)),
        Column("ID", lambda worker, _: worker.worker_id),
        Column("REFUSED", lambda worker, _: _refused(worker)),
        Column("FAILURES", lambda worker, _: f"{worker.failures}" if worker.failures else ""),
    ),
)
#: One line for each machine.
PARTIES: tuple[Column["Party"], ...] = (
    Column("MACHINE", lambda party, _: party.machine_id),
    Column("BOOT", lambda party, _: party.boot_id),
    Column("AGENT", lambda party, _: party.instance),
    Column("HOST", lambda party, _: party.host_name),
    Column("ADDRESS", lambda party, _: party.address),
    Column("FIRST SEEN", lambda party, manner: manner.time(party.first_seen_time)),
    Column("LAST SEEN", lambda party, manner: manner.time(party.last_seen_time)),
    Column("STANDING", lambda party, _: _standing(party)),
)


@click.group
def worker() -> None:
    """Hybrid workers: machines that dialled in."""


@worker.command("list")
@click.option("--group", default="", metavar="GROUP", help="Only its members.")
@click.option("--state", metavar="STATE", help="Only those: connected, conflict, …")
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
    """One worker, and every machine that uses its identity."""
    request = wire.hybrid_worker.GetHybridWorkerRequest(worker=name)
    found = session.api.workers.GetHybridWorker(request).worker
    session.show(VIEW, found)
    if session.format is Format.TABLE and found.conflict.parties:
        click.echo()
        click.echo("\n".join(table(PARTIES, found.conflict.parties, session.manner(sys.stdout))))
    if found.conflict.undecided:
        session.note(
            f"{len(found.conflict.parties)} machines use this identity; name the one to keep: "
            f"farhand worker resume {name} --machine ID"
        )
    if found.held_back:
        session.note(f"held back; look at the server's log, then: farhand worker resume {name}")


@worker.command("resume")
@click.argument("name", metavar="WORKER")
@click.option("--machine", default="", metavar="ID", help="Of several machines: the one to keep.")
@answers
@pass_session
def resume(session: Session, name: str, machine: str) -> None:
    """Let a worker back in that the server refuses.

    Where several machines use one identity, --machine names the one that keeps it, by its machine
    id, boot id, agent or address, or the beginning of one. The others are refused until they
    register anew.

    \b
    farhand worker show web03
    farhand worker resume web03 --machine 4f18639e
    """
    request = wire.hybrid_worker.ResumeHybridWorkerRequest(worker=name, machine=machine)
    found = session.api.workers.ResumeHybridWorker(request).worker
    note = f"worker {name} is let in again"
    if machine:
        note = f"worker {name} is {machine}; the others are refused until they register anew"
    session.made(VIEW, found, note)


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
    known = ", ".join(shown.word.replace(" ", "-") for shown in words.WORKER_STATES.values())
    raise click.BadParameter(f"one of {known}", param_hint="--state")
