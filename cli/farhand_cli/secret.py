"""Secrets as people and programs give them: never in arguments, which every process can read."""

import sys
from pathlib import Path

import click


def given(*, file: Path | None, from_stdin: bool, what: str, option: str) -> str:
    """From a file, from standard input, or asked for twice at a terminal. A line break at the end
    is none of it. Raises click.UsageError if there is nowhere to get it from."""
    if file is not None and from_stdin:
        raise click.UsageError(f"--{option}-file and --{option}-stdin exclude each other")
    if file is not None:
        try:
            return _without_break(file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise click.BadParameter(f"{file}: {error}", param_hint=f"--{option}-file") from None
    if from_stdin:
        return _without_break(sys.stdin.read())
    if sys.stdin.isatty():
        asked: str = click.prompt(what, hide_input=True, confirmation_prompt=True, err=True)
        return asked
    raise click.UsageError(f"say where it is: --{option}-stdin, or --{option}-file FILE")


def _without_break(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")
