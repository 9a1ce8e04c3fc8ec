"""Both databases of a server, made fit to serve: looked through, then brought up to date."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from farhand_server.errors import OutcomeUnknown
from farhand_server.store.sqlite import migrations
from farhand_server.store.sqlite.bootstrap import make_file
from farhand_server.store.sqlite.connection import (
    damaged,
    open_output,
    open_state,
    refusal,
    usable,
)
from farhand_server.store.sqlite.output import SqliteOutputStore
from farhand_server.store.sqlite.reading import unreadable
from farhand_server.store.sqlite.soundness import THOROUGH_BYTES, examine, require

STATE, OUTPUT = "farhand.db", "output.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgraded:
    """What was found and done."""

    #: By file: its last migration before and after.
    steps: dict[str, tuple[str, str]]
    #: What is wrong with the output; it is served nevertheless.
    output_damage: tuple[str, ...]

    @property
    def output_is_new(self) -> bool:
        """There was none: what earlier jobs wrote is gone."""
        return self.steps[OUTPUT][0] == migrations.NOTHING


def upgrade(data: Path) -> Upgraded:
    """Raises StartError for a state that is not what was written, and for output that cannot be
    added to: jobs would run and never end."""
    state, output = data / STATE, data / OUTPUT
    steps = {STATE: _state(state)}
    make_file(output)
    damage = () if output.stat().st_size > THOROUGH_BYTES else tuple(examine(output))
    steps[OUTPUT] = _output(output)
    return Upgraded(steps=steps, output_damage=damage)


def _state(path: Path) -> tuple[str, str]:
    if not path.exists() or not path.stat().st_size:
        raise damaged(path, "the file is empty" if path.exists() else "there is no such file")
    thorough = path.stat().st_size <= THOROUGH_BYTES
    # Before anything is written to it.
    if wrong := examine(path, thorough=thorough):
        raise damaged(path, "; ".join(wrong))
    with closing(open_state(path)) as connection, usable(path):
        require(connection, path, "state")
        before = migrations.chain(connection, "state")
        migrations.migrate(connection, "state")
        if not connection.execute("SELECT 1 FROM deployments").fetchone():
            raise damaged(path, "no deployment is in it")
    if wrong := unreadable(path, history=False):
        raise damaged(path, "; ".join(wrong))
    return before.version, before.known[-1]


def _output(path: Path) -> tuple[str, str]:
    with closing(open_output(path)) as connection, usable(path):
        require(connection, path, "output")
        before = migrations.chain(connection, "output")
        migrations.migrate(connection, "output")
    try:
        SqliteOutputStore(path).close()
    except OutcomeUnknown as error:
        assert isinstance(error.__cause__, sqlite3.Error)
        raise refusal(path, error.__cause__) from error
    return before.version, before.known[-1]
