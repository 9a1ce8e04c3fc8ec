"""Which TCP ports the processes of an agent listen on, read from the kernel."""

from pathlib import Path

LISTEN = "0A"


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += tree(int(child))
    return found


def listening(pids: list[int]) -> list[int]:
    """The TCP ports that these processes listen on."""
    inodes = {inode for pid in pids for inode in _inodes(pid)}
    ports = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in Path(table).read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == LISTEN and fields[9] in inodes:
                ports.append(int(fields[1].rsplit(":", 1)[1], 16))
    return ports


def _inodes(pid: int) -> list[str]:
    links = (link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink())
    names = (str(link) for link in links)
    return [name[8:-1] for name in names if name.startswith("socket:[")]
