"""Every option of `farhand-agent`: its default, its environment variable, its flag.

An option `--some-name` is also read from FARHAND_AGENT_SOME_NAME; the flag wins.
"""

import argparse
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from farhand_agent.host.interpreters import PROGRAMS
from farhand_wire import __version__, limits

PREFIX = "FARHAND_AGENT_"

EPILOG = """examples:
  sudo farhand-agent register --group dc1 --endpoint ctl:8443 --ca-sha256 9f2c… --token fht_…
  sudo farhand-agent run
  farhand-agent doctor --state ./state
"""


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> argparse.Namespace:
    """What was asked for; ends the process with status 2 if that cannot be said in options."""
    asked = _Parsers(environ).make().parse_args(argv)
    if asked.command == "register" and asked.token is None and asked.token_file is None:
        # Either variable may be set for good; what was typed, in either form, wins over both.
        asked.token = environ.get(PREFIX + "TOKEN")
        file = environ.get(PREFIX + "TOKEN_FILE")
        asked.token_file = Path(file) if file and not asked.token else None
    return asked


def default_state(environ: Mapping[str, str]) -> Path:
    """Where an agent of this user keeps its identity."""
    if os.geteuid() == 0:
        return Path("/var/lib/farhand-agent")
    home = environ.get("HOME", "/")
    return Path(environ.get("XDG_STATE_HOME") or f"{home}/.local/state") / "farhand-agent"


class _Parsers:
    """Builds the parser; options find their environment variables here."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def make(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(
            prog="farhand-agent",
            description="Runs what the control plane grants, on a machine that only dials out.",
            epilog=EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument("--version", action="version", version=f"farhand-agent {__version__}")
        commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
        self._register(self._command(commands, "register", "join a hybrid worker group"))
        run = self._command(commands, "run", "connect and serve")
        self._add(
            run, "--slots", type=_slots, default=limits.SLOTS, help="jobs that may run at once"
        )
        run.add_argument(
            "--interpreter",
            action="append",
            type=_interpreter,
            default=[],
            metavar="TYPE=PROGRAM",
            help="what runs runbooks of a type: bash, python, powershell; may be repeated",
        )
        remove = self._command(commands, "remove", "leave the group and forget the identity")
        self._flag(remove, "--force", "although jobs run: their outcome is then unknown")
        self._flag(remove, "--local", "only forget; the control plane is not asked")
        self._flag(remove, "--verbose", "say what is done")
        self._command(commands, "status", "who this worker is")
        session = self._command(commands, "session", "a token for a Hello typed by hand")
        self._flag(session, "--hello", "the whole message, for grpcurl -d @")
        self._command(commands, "doctor", "what the path to the control plane is like")
        sdk = commands.add_parser("sdk", help="write what runbooks import, to try them at a desk")
        sdk.add_argument("folder", type=Path, metavar="DIR", help="made if it is missing")
        return parser

    def _register(self, parser: argparse.ArgumentParser) -> None:
        self._add(parser, "--group", "--name", required=True, help="group to join, made if new")
        self._add(parser, "--endpoint", required=True, help="host:port or https://host:port")
        token = parser.add_mutually_exclusive_group(required=not self._has("TOKEN", "TOKEN_FILE"))
        token.add_argument("--token", help="registration token or account key; @FILE or - reads it")
        token.add_argument("--token-file", type=Path, metavar="FILE")
        trust = parser.add_mutually_exclusive_group()
        self._add(trust, "--ca", type=Path, metavar="FILE", help="certificate authority, PEM")
        self._add(trust, "--ca-sha256", metavar="HEX", help="SHA-256 of the authority")
        self._add(parser, "--worker-name", default=socket.gethostname(), help="default: host name")
        self._flag(parser, "--replace", "give a machine that is registered a new identity")
        self._flag(parser, "--verbose", "say what is done")

    def _command(self, commands: Any, name: str, summary: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = commands.add_parser(
            name, help=summary, description=f"{summary.capitalize()}."
        )
        self._add(
            parser,
            "--state",
            type=Path,
            metavar="DIR",
            default=default_state(self._environ),
            help="where the identity is kept (default: %(default)s)",
        )
        return parser

    def _add(self, parser: Any, flag: str, *others: str, **options: Any) -> None:
        value = self._environ.get(_variable(flag))
        if value is not None:
            # A string default is converted like a typed one.
            options |= {"default": value, "required": False}
        if not options.get("required", True):
            del options["required"]
        parser.add_argument(flag, *others, **options)

    def _flag(self, parser: argparse.ArgumentParser, flag: str, help_: str) -> None:
        on = self._environ.get(_variable(flag), "") not in ("", "0", "false")
        parser.add_argument(flag, action="store_true", default=on, help=help_)

    def _has(self, *names: str) -> bool:
        return any(PREFIX + name in self._environ for name in names)


def _variable(flag: str) -> str:
    return PREFIX + flag.removeprefix("--").replace("-", "_").upper()


def _interpreter(text: str) -> tuple[str, str]:
    kind, equals, program = text.partition("=")
    if kind not in PROGRAMS or not equals or not program:
        raise argparse.ArgumentTypeError(f"must be TYPE=PROGRAM, TYPE one of {', '.join(PROGRAMS)}")
    return kind, program


def _slots(text: str) -> int:
    slots = int(text)
    if not 1 <= slots <= limits.SLOTS_MOST:
        raise argparse.ArgumentTypeError(f"must be 1 to {limits.SLOTS_MOST}")
    return slots
