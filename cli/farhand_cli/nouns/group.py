"""farhand group: hybrid worker groups, the addresses of jobs."""

from typing import TYPE_CHECKING

import click

from farhand_cli import wire
from farhand_cli.api import pages
from farhand_cli.session import Session
from farhand_cli.show import View
from farhand_cli.table import Cell, Column
from farhand_cli.verb import answers, pass_session
from farhand_cli.words import Tone

if TYPE_CHECKING:
    from farhand_wire.v1.hybrid_worker_group_pb2 import HybridWorkerGroup as Group


def _online(group: "Group") -> Cell:
    lacking = group.workers_online < group.workers or not group.workers
    return Cell(f"{group.workers_online}/{group.workers}", Tone.WARN if lacking else Tone.GOOD)


def _run_as(group: "Group") -> str:
    return f"Custom ({group.run_as})" if group.run_as else "Default"


_COLUMNS: tuple[Column["Group"], ...] = (
    Column("NAME", lambda group, _: group.name),
    Column("CONNECTED", lambda group, _: _online(group)),
    Column("SLOTS", lambda group, _: f"{group.slots_used}/{group.slots}"),
    Column("WAITING", lambda group, _: f"{group.jobs_waiting:,}"),
    Column("RUN AS", lambda group, _: _run_as(group)),
    Column("CREATED", lambda group, manner: manner.time(group.create_time)),
)
VIEW: View["Group"] = View(name=lambda group: group.name, columns=_COLUMNS, card=_COLUMNS)


@click.group
def group() -> None:
    """Hybrid worker groups: where runbooks run."""


@group.command("list")
@answers
@pass_session
def list_(session: Session) -> None:
    """Groups with their members, slots and waiting jobs."""
    found = pages(
        lambda token: session.api.groups.ListHybridWorkerGroups(
            wire.hybrid_worker_group.ListHybridWorkerGroupsRequest(page_token=token)
        )
    )
    session.show_all(
        VIEW,
        (each for page in found for each in page.groups),
        empty="no groups yet: farhand token create --group NAME prints how a machine makes one",
    )


@group.command("show")
@click.argument("name", metavar="GROUP")
@answers
@pass_session
def show(session: Session, name: str) -> None:
    """One group."""
    request = wire.hybrid_worker_group.GetHybridWorkerGroupRequest(group=name)
    session.show(VIEW, session.api.groups.GetHybridWorkerGroup(request).group)


@group.command("create")
@click.argument("name", metavar="GROUP")
@answers
@pass_session
def create(session: Session, name: str) -> None:
    """Create an empty group."""
    request = wire.hybrid_worker_group.CreateHybridWorkerGroupRequest(name=name)
    made = session.api.groups.CreateHybridWorkerGroup(request).group
    session.made(
        VIEW, made, f"group {name} is empty. Add a machine: farhand token create --group {name}"
    )


@group.command("set")
@click.argument("name", metavar="GROUP")
@click.option("--run-as", "credential", metavar="CREDENTIAL", help="Custom: as its user.")
@click.option("--run-as-default", "default", is_flag=True, help="As the user of the agent.")
@answers
@pass_session
def set_(session: Session, name: str, credential: str | None, default: bool) -> None:
    """Change as whom the runbooks of a group run, for jobs that are started from now on.

    \b
    farhand group set dc1 --run-as svc-backup
    farhand group set dc1 --run-as-default
    """
    if default == (credential is not None) or credential == "":
        raise click.UsageError("name one of --run-as CREDENTIAL and --run-as-default")
    request = wire.hybrid_worker_group.UpdateHybridWorkerGroupRequest(
        group=wire.hybrid_worker_group.HybridWorkerGroup(name=name, run_as=credential or "")
    )
    request.update_mask.paths.append("run_as")
    saved = session.api.groups.UpdateHybridWorkerGroup(request).group
    session.made(VIEW, saved, f"{saved.name}: saved; jobs that were started before keep theirs")


@group.command("delete")
@click.argument("name", metavar="GROUP")
@answers
@pass_session
def delete(session: Session, name: str) -> None:
    """Delete a group that has no members and no waiting jobs."""
    request = wire.hybrid_worker_group.DeleteHybridWorkerGroupRequest(group=name)
    session.api.groups.DeleteHybridWorkerGroup(request)
    session.note(f"group {name} is deleted")
