"""farhand-server: argv and environment to settings, then one command."""

import argparse
import asyncio
import datetime
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import farhand_wire
from farhand_server import logs
from farhand_server.care.commands import COMMANDS
from farhand_server.data import DataDirectory
from farhand_server.errors import StartError
from farhand_server.init import Plan, contexts_path, initialise
from farhand_server.memory import forbid_inspection
from farhand_server.settings import (
    ACCOUNT,
    DATA,
    ENDPOINT,
    HOST,
    LISTEN,
    OPTIONS,
    Option,
    data_path,
    resolve,
)

#: Threads hand over the interpreter this often: a busy one must not delay the loop.
SWITCH_SECONDS = 0.0005


def main(argv: Sequence[str] | None = None) -> int:
    """Gives the exit status."""
    arguments = _parser().parse_args(argv)
    # Whatever is made here is its owner's alone.
    os.umask(0o077)
    try:
        return _do(arguments)
    except StartError as error:
        print(f"error: {error.what}", file=sys.stderr)
        for name, text in (("why:", error.why), ("do:", error.do)):
            if text:
                print(f"  {name:<4} {text}", file=sys.stderr)
        return 1


def _do(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "init":
            return _init(arguments)
        case "run":
            return _run(arguments)
        case command:
            return COMMANDS[command](arguments, DataDirectory(_data(arguments)))


def _run(arguments: argparse.Namespace) -> int:
    flags = {option.name: getattr(arguments, option.name) for option in OPTIONS}
    settings = resolve(flags, os.environ, data=_data(arguments))
    logs.configure(form=settings.log_format, level=settings.log_level)
    sys.setswitchinterval(SWITCH_SECONDS)
    forbid_inspection()
    _prepare_grpc()
    from farhand_server.app import serve  # imports grpc

    asyncio.run(serve(settings))
    return 0


def _prepare_grpc() -> None:
    """What grpc reads from the environment when it is imported."""
    assert "grpc" not in sys.modules
    # Its fork handlers crash children.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    # It would write to stderr by itself, in another form than the log, whatever a peer does wrong.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # TLS 1.3 only: the one cipher of TLS 1.2 that is left needs an RSA certificate, ours is ECDSA.
    os.environ.setdefault("GRPC_SSL_CIPHER_SUITES", "ECDHE-RSA-AES256-GCM-SHA384")


def _init(arguments: argparse.Namespace) -> int:
    plan = Plan(
        data=_data(arguments),
        account=_chosen(ACCOUNT, arguments),
        hosts=arguments.host or _chosen(HOST, arguments).replace(",", " ").split(),
        listen=_chosen(LISTEN, arguments),
        endpoint=_chosen(ENDPOINT, arguments),
        contexts=contexts_path(os.environ),
    )
    token = initialise(plan, now=datetime.datetime.now(datetime.UTC), chance=os.urandom)
    print(f"owner token: {token}")
    print(f"  the token is in {plan.contexts}: farhand works here at once", file=sys.stderr)
    print(f"  next: farhand-server run --data {plan.data}", file=sys.stderr)
    return 0


def _chosen(option: Option, arguments: argparse.Namespace) -> str:
    """`init` reads no file: it is the one who writes it."""
    flag = getattr(arguments, option.name)
    return str(flag or os.environ.get(option.variable) or option.default or "")


def _data(arguments: argparse.Namespace) -> Path:
    return data_path(arguments.data, os.environ, root=os.geteuid() == 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="farhand-server", description="The control plane of Farhand."
    )
    parser.add_argument("--version", action="version", version=farhand_wire.__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    init = commands.add_parser("init", help="make a data directory and everything in it")
    _add(init, DATA)
    init.add_argument(
        HOST.flag,
        action="append",
        metavar="NAME",
        help=f"{HOST.help} (may be given again; or {HOST.variable}, separated by commas)",
    )
    for option in (ACCOUNT, LISTEN, ENDPOINT):
        _add(init, option)
    run = commands.add_parser("run", help="serve until SIGTERM")
    for option in (DATA, *OPTIONS):
        _add(run, option)
    _add_care(commands)
    return parser


def _add_care(commands: Any) -> None:
    backup = commands.add_parser("backup", help="the whole server in one file, while it serves")
    backup.add_argument("file", type=Path, metavar="FILE", help="written whole or not at all")
    restore = commands.add_parser("restore", help="a backup into an empty data directory")
    restore.add_argument("file", type=Path, metavar="FILE", help="what `backup` wrote")
    migrate = commands.add_parser("migrate", help="bring the databases up to date, as `run` does")
    rotate = commands.add_parser("rotate-key", help="another master key for what is sealed")
    check = commands.add_parser("check", help="whether the databases are sound and complete")
    doctor = commands.add_parser("doctor", help="whether the server is safe and well set up")
    for command in (backup, restore, migrate, rotate, check, doctor):
        _add(command, DATA)
    for option in OPTIONS:
        _add(doctor, option)


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    default = f", {option.default} if not given" if option.default else ""
    if option.is_switch:
        parser.add_argument(
            option.flag,
            dest=option.name,
            action="store_const",
            const="yes",
            help=f"{option.help} (or {option.variable}=yes)",
        )
        return
    parser.add_argument(
        option.flag,
        dest=option.name,
        choices=option.choices or None,
        help=f"{option.help} (or {option.variable}{default})",
    )


if __name__ == "__main__":
    sys.exit(main())
