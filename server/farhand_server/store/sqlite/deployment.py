"""What the state says of the control plane as a whole: its name, its age, its secrets."""

from contextlib import closing
from pathlib import Path

from farhand_server.model.account import AccountKey
from farhand_server.model.clock import UnixMs
from farhand_server.store.sqlite import rows
from farhand_server.store.sqlite.connection import open_reader, open_state, usable


def deployment_id(state: Path) -> str:
    """Raises StartError."""
    with usable(state), closing(open_reader(state)) as connection:
        row = connection.execute("SELECT id FROM deployments").fetchone()
    return str(row["id"]) if row else ""


def latest(state: Path) -> UnixMs:
    """When something was written last, by the clock of then. Raises StartError."""
    with usable(state), closing(open_reader(state)) as connection:
        moments = [
            row[0]
            for row in connection.execute(
                "SELECT created FROM deployments UNION ALL "
                "SELECT * FROM (SELECT created FROM jobs ORDER BY key DESC LIMIT 1)"
            )
        ]
    return UnixMs(max(moments, default=0))


def account_keys(state: Path) -> list[AccountKey]:
    """Of every account. Raises StartError."""
    with usable(state), closing(open_reader(state)) as connection:
        found = connection.execute("SELECT * FROM account_keys").fetchall()
    return [rows.account_key(row) for row in found]


def mark_restored(state: Path, now: UnixMs) -> None:
    """Workers may know more than these rows: from now on their word is awaited before anything is
    given away."""
    with usable(state), closing(open_state(state)) as connection:
        connection.execute(
            "UPDATE deployments SET generation = generation + 1, restored = ?", (now,)
        )
