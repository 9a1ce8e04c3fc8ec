"""The machine around a server: versions, port, disk, clock."""

import datetime
import errno
import os
import platform
import socket
import sqlite3
import ssl
from importlib.metadata import version
from pathlib import Path

import farhand_wire
from farhand_server.care.finding import Finding, fail, warn
from farhand_server.data import DataDirectory, holder
from farhand_server.model.clock import UnixMs
from farhand_server.room import room
from farhand_server.settings import split

#: The first with STRICT tables.
SQLITE = (3, 37, 0)
ANSWER_SECONDS = 3.0
#: Clocks of machines may differ so much.
SKEW_MS = 300_000


def versions() -> Finding:
    text = (
        f"farhand {farhand_wire.__version__}, Python {platform.python_version()}, "
        f"grpcio {version('grpcio')}, SQLite {sqlite3.sqlite_version}"
    )
    if sqlite3.sqlite_version_info < SQLITE:
        needed = ".".join(map(str, SQLITE))
        return fail("versions", text, f"use a Python with SQLite {needed} or newer")
    return Finding(name="versions", text=text)


def port(data: DataDirectory, listen: str) -> Finding:
    """Whether the server answers there, or could."""
    process = holder(data.lock)
    host, number = split(listen)
    if process is not None:
        return _answer(data, process, host, number)
    try:
        _bind(host, number)
    except OSError as error:
        words = {
            errno.EADDRINUSE: "is taken by another program",
            errno.EADDRNOTAVAIL: "is not an address of this machine",
            errno.EACCES: "is not for this user: ports below 1024 are root's",
        }
        text = f"{listen} {words.get(error.errno or 0, os.strerror(error.errno or 0))}"
        return fail("port", text, "stop what uses it, or choose another with --listen")
    return Finding(name="port", text=f"{listen} is free; no server runs on this data")


def _bind(host: str, number: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def _answer(data: DataDirectory, process: str, host: str, number: int) -> Finding:
    near = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    context = ssl.create_default_context(cafile=str(data.ca_certificate))
    context.check_hostname = False  # names are looked at by themselves
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((near, number), timeout=ANSWER_SECONDS) as plain,
            context.wrap_socket(plain) as wrapped,
        ):
            text = f"process {process} answers on {near}:{number}, {wrapped.version()}"
            return Finding(name="port", text=text)
    except OSError as error:
        return fail(
            "port",
            f"process {process} holds the data, but {near}:{number} does not answer: {error}",
            "look at its log; if it listens elsewhere, say so with --listen",
        )


def disk(path: Path) -> Finding:
    """Whether the server gives jobs away with this much room."""
    seen = room(path)
    text = f"{seen.free / 1e9:,.1f} GB of {seen.total / 1e9:,.1f} GB are free"
    if seen.is_low:
        do = f"make room: with less than {seen.needed / 1e9:,.2f} GB no job is given away"
        return fail("disk", text, do)
    if seen.free < 2 * seen.needed:
        return warn("disk", text, "make room soon, or shorten what is kept")
    return Finding(name="disk", text=text)


def clock(latest: UnixMs, now: datetime.datetime) -> Finding:
    """Whether time goes forward: certificates and the lives of tokens are judged by it."""
    behind = latest - int(now.timestamp() * 1000)
    if behind > SKEW_MS:
        text = f"{now:%Y-%m-%d %H:%M} UTC, but something was written {behind // 1000:,} s later"
        return fail("clock", text, "set the clock, and keep it set: timedatectl set-ntp true")
    return Finding(name="clock", text=f"{now:%Y-%m-%d %H:%M} UTC")
