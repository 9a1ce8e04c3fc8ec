"""`farhand-server restore`: a backup becomes a server again, on a machine that holds none."""

from contextlib import suppress
from pathlib import Path

from farhand_server.care.archive import Archive, open_archive
from farhand_server.care.manifest import Manifest
from farhand_server.data import DataDirectory, claim
from farhand_server.errors import StartError
from farhand_server.model.clock import UnixMs
from farhand_server.store import sqlite


def restore(file: Path, path: Path, *, now: UnixMs) -> Manifest:
    """Fills an empty or absent data directory. Raises StartError; then it is empty again."""
    with open_archive(file) as archive:
        data = claim(path)
        try:
            _fill(data, archive)
            _revive(data, now)
            # Last: without it the directory does not count as a server's.
            archive.extract(data.master_key.name, data.master_key)
            data.check()
        except BaseException:
            _empty(data)
            raise
    return archive.manifest


def _fill(data: DataDirectory, archive: Archive) -> None:
    known = {entry.name: entry for entry in (data.state, data.output, *data.secrets_and_settings)}
    if strange := sorted(archive.manifest.files.keys() - known.keys()):
        raise StartError(
            f"the backup holds {', '.join(strange)}, which is no file of a server",
            do="restore it with the version that made it",
        )
    needed = {data.state.name, data.output.name, data.master_key.name}
    if missing := sorted(needed - archive.manifest.files.keys()):
        raise StartError(f"the backup lacks {', '.join(missing)}", do="take another one")
    for name in archive.manifest.files:
        if name != data.master_key.name:
            archive.extract(name, known[name])


def _revive(data: DataDirectory, now: UnixMs) -> None:
    for path in (data.state, data.output):
        if wrong := sqlite.examine(path):
            raise StartError(
                f"{path.name} in the backup is damaged",
                why="; ".join(wrong),
                do="take another backup",
            )
    sqlite.upgrade(data.path)
    sqlite.mark_restored(data.state, now)


def _empty(data: DataDirectory) -> None:
    for entry in data.path.iterdir():
        with suppress(OSError):
            entry.unlink()
