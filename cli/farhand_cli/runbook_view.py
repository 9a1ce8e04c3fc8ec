"""How a runbook looks: in a list, as a card, its versions."""

import json
from typing import TYPE_CHECKING

from farhand_cli import delivery, durations, wire, words
from farhand_cli.show import View, fields
from farhand_cli.table import Cell, Column

if TYPE_CHECKING:
    from farhand_wire.v1.runbook_pb2 import Runbook, RunbookParameter, RunbookVersion


def type_word(runbook: "Runbook") -> str:
    names = wire.runbook.RunbookType
    return names.Name(runbook.type).removeprefix("RUNBOOK_TYPE_").lower()


def _state(runbook: "Runbook") -> Cell:
    names = wire.runbook.RunbookState
    name = names.Name(runbook.state).removeprefix("RUNBOOK_STATE_")
    return Cell.of(words.state(words.RUNBOOK_STATES, name))


def version_word(runbook: "Runbook") -> str:
    return f"v{runbook.published_version}" if runbook.published_version else "-"


def _shows(runbook: "Runbook") -> str:
    """Beside output, errors and warnings."""
    streams = {"verbose": runbook.log_verbose, "progress": runbook.log_progress}
    return ", ".join(name for name, shown in streams.items() if shown)


def _grants(runbook: "Runbook") -> str:
    if not runbook.HasField("grants"):
        return "as the account"
    return ", ".join(runbook.grants.grants) or "none"


def _tags(runbook: "Runbook") -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(runbook.tags.items()))


_NAME: Column["Runbook"] = Column("NAME", lambda runbook, _: runbook.name)
_TYPE: Column["Runbook"] = Column("TYPE", lambda runbook, _: type_word(runbook))
_VERSION: Column["Runbook"] = Column("VERSION", lambda runbook, _: version_word(runbook))
_CHANGED: Column["Runbook"] = Column("CHANGED", lambda it, manner: manner.time(it.modify_time))
_STATE: Column["Runbook"] = Column("STATE", lambda runbook, _: _state(runbook))
VIEW: View["Runbook"] = View(
    name=lambda runbook: runbook.name,
    columns=(_NAME, _TYPE, _VERSION, _CHANGED, _STATE),
    card=(
        *(_NAME, _TYPE, _STATE, _VERSION),
        Column("DESCRIPTION", lambda runbook, _: runbook.description),
        Column("TAGS", lambda runbook, _: _tags(runbook)),
        Column("DELIVERY", lambda runbook, _: delivery.word(runbook.delivery) or "as the account"),
        Column("TIMEOUT", lambda runbook, _: durations.shown(runbook.timeout)),
        Column("LOST AFTER", lambda runbook, _: durations.shown(runbook.lost_after)),
        Column("GRANTS", lambda runbook, _: _grants(runbook)),
        Column("SHOWS", lambda runbook, _: _shows(runbook)),
        Column("PUBLISHED", lambda runbook, manner: manner.time(runbook.publish_time)),
        Column("BY", lambda runbook, _: runbook.published_by),
        Column("PUBLISHED SHA-256", lambda runbook, _: runbook.published_digest),
        Column("DRAFT SHA-256", lambda runbook, _: runbook.draft_digest),
        Column("CREATED", lambda runbook, manner: manner.time(runbook.create_time)),
        _CHANGED,
    ),
)


def type_of(parameter: "RunbookParameter") -> str:
    """STRING, INTEGER, …"""
    name = wire.runbook.ParameterType.Name(parameter.type)
    return name.removeprefix("PARAMETER_TYPE_")


def _default(parameter: "RunbookParameter") -> str:
    if not parameter.HasField("default"):
        return "required" if parameter.required else "-"
    return json.dumps(fields(parameter)["default"], ensure_ascii=False)


PARAMETERS: tuple[Column["RunbookParameter"], ...] = (
    Column("PARAMETER", lambda parameter, _: parameter.name),
    Column(
        "TYPE",
        lambda it, _: type_of(it).lower() + (", secret" if it.secret else ""),
    ),
    Column("DEFAULT", lambda parameter, _: _default(parameter)),
    Column("DESCRIPTION", lambda parameter, _: parameter.description or " "),
)
VERSIONS: View["RunbookVersion"] = View(
    name=lambda version: str(version.version),
    columns=(
        Column("VERSION", lambda version, _: f"v{version.version}"),
        Column("PUBLISHED", lambda version, manner: manner.time(version.publish_time)),
        Column("BY", lambda version, _: version.published_by or "-"),
        Column("SIZE", lambda version, _: words.size(version.size)),
        Column("SHA-256", lambda version, _: version.digest),
    ),
    card=(),
)


def published(made: "Runbook") -> str:
    """What is said of a version that was just published."""
    return (
        f"{made.name}: {version_word(made)} published ({type_word(made)}). "
        f"Run it: farhand start {made.name} --run-on GROUP"
    )
