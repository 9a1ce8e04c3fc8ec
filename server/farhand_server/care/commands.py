"""The commands that look after a server's data: each gives an exit status, or raises StartError."""

import argparse
import datetime
import os
import sys
import time
from collections.abc import Callable, Iterable

from farhand_server.care.backup import back_up
from farhand_server.care.check import check
from farhand_server.care.doctor import examine
from farhand_server.care.finding import Finding, failed
from farhand_server.care.restore import restore
from farhand_server.data import DataDirectory, Lock
from farhand_server.master_key import rotate, settle
from farhand_server.model.clock import UnixMs
from farhand_server.settings import OPTIONS
from farhand_server.store import sqlite


def _backup(arguments: argparse.Namespace, data: DataDirectory) -> int:
    made = back_up(data, arguments.file, now=datetime.datetime.now(datetime.UTC))
    size = sum(member.bytes for member in made.files.values())
    _say(f"{arguments.file}: {size:,} bytes of deployment {made.deployment}, as of {made.created}")
    _say("  it holds the master key and the authority's key: keep it as secret as the server")
    return 0


def _restore(arguments: argparse.Namespace, data: DataDirectory) -> int:
    made = restore(arguments.file, data.path, now=UnixMs(time.time_ns() // 1_000_000))
    _say(f"restored deployment {made.deployment}, as of {made.created}, into {data.path}")
    _say(f"  next: farhand-server run --data {data.path}")
    _say("  no job is given away until every known worker has reported what it runs;")
    _say("  those that will not come back: farhand worker delete, or go on without them:")
    _say("  farhand account release")
    return 0


def _check(arguments: argparse.Namespace, data: DataDirectory) -> int:
    return _tell(check(data))


def _migrate(arguments: argparse.Namespace, data: DataDirectory) -> int:
    data.check()
    with Lock(data.lock):
        settle(data)
        upgraded = sqlite.upgrade(data.path)
    for name, (before, after) in upgraded.steps.items():
        way = f"is at {after} already" if before == after else f"{before} -> {after}"
        print(f"{name:<12} {way}")
    return 0


def _rotate_key(arguments: argparse.Namespace, data: DataDirectory) -> int:
    done = rotate(data, chance=os.urandom)
    _say(f"master key {done.before} -> {done.after}; secrets sealed for it: {done.boxes:,}")
    _say("  backups that were made before hold the old key, and what it opens")
    return 0


def _doctor(arguments: argparse.Namespace, data: DataDirectory) -> int:
    flags = {option.name: getattr(arguments, option.name) for option in OPTIONS}
    return _tell(examine(data, flags, os.environ, now=datetime.datetime.now(datetime.UTC)))


def _tell(findings: Iterable[Finding]) -> int:
    told = []
    for finding in findings:
        print(finding, flush=True)
        told.append(finding)
    return 1 if failed(told) else 0


def _say(line: str) -> None:
    print(line, file=sys.stderr)


COMMANDS: dict[str, Callable[[argparse.Namespace, DataDirectory], int]] = {
    "backup": _backup,
    "restore": _restore,
    "check": _check,
    "migrate": _migrate,
    "rotate-key": _rotate_key,
    "doctor": _doctor,
}
