"""`farhand-server check`: whether both databases are what was written, and belong together.

It only reads, also beside a server that serves.
"""

from collections.abc import Iterator
from pathlib import Path

from farhand_server.care.finding import Finding, fail, warn
from farhand_server.data import DataDirectory
from farhand_server.errors import StartError
from farhand_server.store import sqlite

_WHAT = {"farhand.db": "state", "output.db": "output"}


def check(data: DataDirectory) -> Iterator[Finding]:
    """One finding after the other: a large output takes its time."""
    data.check()
    sound = True
    for path in (data.state, data.output):
        finding = _structure(path)
        sound = sound and not finding.do
        yield finding
    if not sound:
        return
    yield _rows(data.state)
    yield from _completeness(data)


def _structure(path: Path) -> Finding:
    if not path.exists():
        return fail(path.name, "is not there", _remedy(path))
    try:
        if wrong := sqlite.examine(path):
            return fail(path.name, "; ".join(wrong), _remedy(path))
        chain = sqlite.chain(path, _WHAT[path.name])
    except StartError as error:
        return fail(path.name, f"{error.what}: {error.why}", error.do)
    if chain.pending:
        text = f"sound, at {chain.version}, not yet at {chain.known[-1]}"
        return warn(path.name, text, f"farhand-server migrate --data {path.parent}")
    size = path.stat().st_size / 1_000_000
    return Finding(name=path.name, text=f"sound, at {chain.version}, {size:,.1f} MB")


def _remedy(path: Path) -> str:
    return sqlite.damaged(path, "").do


def _rows(state: Path) -> Finding:
    if wrong := sqlite.unreadable(state, history=True):
        return fail("rows", "; ".join(wrong), _remedy(state))
    return Finding(name="rows", text="every row of the state can be read")


def _completeness(data: DataDirectory) -> Iterator[Finding]:
    found = sqlite.completeness(data.state, data.output)
    if found.earlier_count:
        yield warn(
            "output",
            f"output of {found.earlier_count:,} job(s) is gone: they ended before this output.db "
            "was made",
            "restore a backup if it is wanted",
        )
    if found.lacking_count:
        yield fail(
            "output",
            f"{found.lacking_count:,} job(s) are over, and their output is not all here: "
            f"{', '.join(found.lacking)}",
            "restore a backup",
        )
    if found.broken_count:
        yield fail(
            "output",
            f"{found.broken_count:,} spool(s) have holes that nothing explains: "
            f"{', '.join(found.broken)}",
            "restore a backup",
        )
    if not (found.lacking_count or found.broken_count):
        yield Finding(name="output", text="every job that is over has its output, without a hole")
