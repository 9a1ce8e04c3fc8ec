"""The files of a database as a process leaves them that is killed while it has it open: whoever
closes a connection instead writes back what is in its log, and a kill does not."""

from pathlib import Path

Files = dict[Path, bytes]


def taken(database: Path) -> Files:
    """As they are at this moment. The index of the log is not among them: it is made anew."""
    names = (database.name, f"{database.name}-wal")
    return {path: path.read_bytes() for path in map(database.with_name, names) if path.exists()}


def put_back(files: Files) -> None:
    """For the next process; nobody has the database open."""
    for path, data in files.items():
        path.write_bytes(data)
