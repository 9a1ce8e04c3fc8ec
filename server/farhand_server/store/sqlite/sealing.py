"""What is sealed in the rows of the state: to be tried, and to be sealed for another key."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from farhand_server.core import parameters
from farhand_server.model.account import AccountKey
from farhand_server.model.parameter import Json
from farhand_server.store.sqlite import job_rows, rows
from farhand_server.store.sqlite.connection import open_reader, open_state, usable

#: Of a box: its format, and which key it needs.
BOX_HEAD_BYTES = 9
#: Jobs among which a sample is taken: the newest.
_JOBS = 10_000
#: Assets that should have nothing secret in what everybody may read, and a box where they have
#: secrets.
_CLEAR = """
SELECT kind || ' ' || name FROM assets WHERE (encrypted = 1 AND content <> '{}')
OR (secrets = '[]') <> (sealed IS NULL)
OR EXISTS (SELECT 1 FROM json_each(secrets) AS secret JOIN json_each(content) AS shown
    ON secret.value = shown.key)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One sealed value of one row."""

    #: The row, for people.
    name: str
    #: Its row number.
    row: int
    place: str
    sealed: bytes = field(repr=False)
    #: What stands beside it in clear, by name.
    shown: Mapping[str, Json] = field(repr=False)


def sealing_keys(state: Path) -> list[bytes]:
    """How boxes begin that may still be opened: each kind once. Raises StartError."""
    with usable(state), closing(open_reader(state)) as connection:
        found = connection.execute(
            "SELECT substr(sealed, 1, :length) FROM jobs "
            f"WHERE sealed IS NOT NULL AND {job_rows.OPEN} "
            "UNION SELECT substr(sealed, 1, :length) FROM assets WHERE sealed IS NOT NULL",
            {"length": BOX_HEAD_BYTES},
        )
        return [bytes(head) for (head,) in found]


def boxes(state: Path, most: int) -> list[Box]:
    """The newest of each kind of row. Raises StartError."""
    with usable(state), closing(open_reader(state)) as connection:
        return [
            *_assets(connection, "ORDER BY rowid DESC LIMIT ?", most),
            *_jobs(
                connection,
                f"AND key > (SELECT max(key) FROM jobs) - {_JOBS} ORDER BY key DESC LIMIT ?",
                most,
            ),
        ]


def clear_secrets(state: Path) -> list[str]:
    """Assets of which something secret is not sealed. Raises StartError."""
    with usable(state), closing(open_reader(state)) as connection:
        return [name for (name,) in connection.execute(_CLEAR)]


def reseal(
    state: Path,
    *,
    box: Callable[[bytes, str], bytes],
    key: Callable[[AccountKey], AccountKey],
) -> int:
    """Every box and account key as these make it, in one transaction; how many. Nothing is left in
    the file of how they were. Raises StartError, also what `box` and `key` raise; then nothing has
    changed."""
    with usable(state), closing(open_state(state)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("BEGIN IMMEDIATE")
        count = 0
        for table, found in (("assets", _assets), ("jobs", _jobs)):
            for each in list(found(connection)):
                fresh = box(each.sealed, each.place)
                connection.execute(
                    f"UPDATE {table} SET sealed = ? WHERE rowid = ?", (fresh, each.row)
                )
                count += 1
        for row in connection.execute("SELECT * FROM account_keys").fetchall():
            made = key(rows.account_key(row))
            connection.execute(
                "UPDATE account_keys SET sealed = ? WHERE account = ? AND slot = ?",
                (made.sealed, made.account, made.slot.value),
            )
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return count


def _assets(connection: sqlite3.Connection, which: str = "", *values: int) -> Iterator[Box]:
    select = f"SELECT rowid AS number, * FROM assets WHERE sealed IS NOT NULL {which}"
    for row in connection.execute(select, values):
        asset = rows.asset(row)
        assert asset.sealed is not None
        yield Box(
            row=row["number"],
            name=f"{asset.kind.value} {asset.name}",
            place=asset.place,
            sealed=asset.sealed,
            shown=asset.values,
        )


def _jobs(connection: sqlite3.Connection, which: str = "", *values: int) -> Iterator[Box]:
    select = f"SELECT key, {job_rows.JOB_COLUMNS} FROM jobs WHERE sealed IS NOT NULL {which}"
    for row in connection.execute(select, values):
        job = job_rows.job(row)
        assert job.sealed is not None
        yield Box(
            row=row["key"],
            name=f"job {job.id}",
            place=parameters.place(job.id),
            sealed=job.sealed,
            shown=json.loads(job.parameters),
        )
