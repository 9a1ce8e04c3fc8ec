"""The command `farhand`: its options, its nouns, and one place where failures are told."""

import json
import os
import sys
from importlib import import_module
from typing import Any

import click
from click.core import ParameterSource

from farhand_cli.failure import Failure
from farhand_cli.session import Session
from farhand_cli.show import Format
from farhand_cli.target import Choice
from farhand_cli.verb import FORMATS
from farhand_wire import __version__

INTERRUPTED = 130
BROKEN_PIPE = 141


#: In the order in which they are met. Each is loaded when it is named.
NOUNS = (
    "runbook",
    "start",
    "job",
    "group",
    "worker",
    "variable",
    "credential",
    "certificate",
    "connection",
    "token",
    "key",
    "account",
    "context",
    "completion",
)


class Command(click.Group):
    """The root: whatever a verb raises becomes a few lines and an exit code here."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*NOUNS, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NOUNS:
            return super().get_command(ctx, cmd_name)
        noun: click.Command = getattr(import_module(f"farhand_cli.nouns.{cmd_name}"), cmd_name)
        return noun

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (KeyboardInterrupt, click.Abort):
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            _forget_output()
            ctx.exit(BROKEN_PIPE)
        except Exception as error:
            if os.environ.get("FARHAND_DEBUG"):
                raise
            session = ctx.find_object(Session)
            _tell(_failure(error, session), session)
            ctx.exit(1)


@click.group(
    cls=Command,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Run runbooks on machines that you cannot reach.

    \b
    farhand runbook import inventory.sh --publish
    farhand start inventory --run-on dc1 -p days=7 --follow
    farhand job list --state failed
    """,
)
@click.option("--server", envvar="FARHAND_SERVER", metavar="HOST:PORT", help="Control plane.")
@click.option("--ca", envvar="FARHAND_CA", metavar="FILE", help="Its certificate authority, PEM.")
@click.option(
    "--token", envvar="FARHAND_TOKEN", metavar="T", help="API token; better FARHAND_TOKEN."
)
@click.option("--context", envvar="FARHAND_CONTEXT", metavar="C", help="Context to use.")
@click.option("-o", "--output", type=FORMATS, default="table", help="How to answer.")
@click.option("-q", "--quiet", is_flag=True, help="No remarks on standard error.")
@click.version_option(__version__, prog_name="farhand")
@click.pass_context
def farhand(
    ctx: click.Context,
    server: str | None,
    ca: str | None,
    token: str | None,
    context: str | None,
    output: str,
    quiet: bool,
) -> None:
    flagged = ctx.get_parameter_source("server") is ParameterSource.COMMANDLINE
    choice = Choice(
        server=server or "",
        server_source="" if not server else "--server" if flagged else "FARHAND_SERVER",
        ca=ca or "",
        token=token or "",
        context=context or "",
    )
    ctx.obj = Session(choice, environment=os.environ, format_=Format(output), quiet=quiet)
    ctx.call_on_close(ctx.obj.close)
    if ctx.invoked_subcommand is None:
        from farhand_cli import here

        here.tell(ctx.obj)


def _failure(error: Exception, session: Session | None) -> Failure:
    if isinstance(error, Failure):
        return error
    # Where grpc was never loaded, the error is none of its.
    if session and "grpc" in sys.modules:
        import grpc

        if isinstance(error, grpc.RpcError):
            from farhand_cli import refusal

            return refusal.failure(error, session.target)
    return Failure(
        f"unexpected {type(error).__name__}: {error}",
        why="this is a defect of farhand",
        do=["FARHAND_DEBUG=1 shows where; please report it"],
        code="defect",
    )


def _tell(failure: Failure, session: Session | None) -> None:
    if session and session.format in (Format.JSON, Format.JSONL):
        click.echo(json.dumps(failure.fields()), err=True)
    else:
        click.echo("\n".join(failure.lines()), err=True)


def _forget_output() -> None:
    """Nobody reads it; without this the interpreter complains when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
