"""`farhand-server backup`: the whole server in one file, taken while it serves."""

import datetime
import sqlite3
from pathlib import Path

import farhand_wire
from farhand_server.care.archive import Packer, new_archive
from farhand_server.care.manifest import Manifest
from farhand_server.data import DataDirectory
from farhand_server.errors import StartError
from farhand_server.master_key import current
from farhand_server.store import sqlite


def back_up(data: DataDirectory, file: Path, *, now: datetime.datetime) -> Manifest:
    """Writes a backup, or puts it in the place of an older one. Raises StartError; then whatever
    was there before still is."""
    data.check()
    key = current(data)
    before = key.read_bytes()
    with new_archive(file) as (packer, desk):
        # The state first: then every job that is over in it has its output in the other.
        schema = {
            path.name: _pack_copy(path, what, packer, desk)
            for path, what in ((data.state, "state"), (data.output, "output"))
        }
        for path in data.secrets_and_settings:
            if path.exists():
                packer.add(path.name, key if path == data.master_key else path)
        if current(data) != key or key.read_bytes() != before:
            raise StartError("the master key was changed meanwhile", do="take the backup again")
        manifest = Manifest(
            version=farhand_wire.__version__,
            sqlite=sqlite3.sqlite_version,
            deployment=sqlite.deployment_id(data.state),
            created=now.isoformat(timespec="seconds"),
            schema=schema,
            files=packer.members,
        )
        packer.seal(manifest)
    return manifest


def _pack_copy(path: Path, what: str, packer: Packer, desk: Path) -> str:
    """Gives the last migration of what it packed."""
    copy = desk / path.name
    sqlite.copy(path, copy)
    if wrong := sqlite.examine(copy, thorough=False):
        raise StartError(
            f"{path} is damaged, and no backup was made",
            why="; ".join(wrong),
            do=f"look closer: farhand-server check --data {path.parent}",
        )
    version = sqlite.chain(copy, what).version
    packer.add(path.name, copy)
    for file in (copy, *desk.glob(f"{copy.name}-*")):
        file.unlink()
    return version
