"""One run of the command: whom it talks to and how it answers."""

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import IO, TypeVar

import click

from farhand_cli import contexts, show, target
from farhand_cli.api import Api
from farhand_cli.contexts import Contexts
from farhand_cli.show import Format, View
from farhand_cli.table import Manner

M = TypeVar("M")


class Session:
    """What the verbs need, each part made when it is first asked for."""

    def __init__(
        self,
        choice: target.Choice,
        *,
        environment: Mapping[str, str],
        format_: Format = Format.TABLE,
        quiet: bool = False,
    ) -> None:
        self.choice = choice
        self.environment = environment
        #: May be said before the noun and after the verb.
        self.format = format_
        self.quiet = quiet

    @cached_property
    def contexts_path(self) -> Path:
        return contexts.path_of(self.environment)

    @cached_property
    def contexts(self) -> Contexts:
        return contexts.load(self.contexts_path)

    @cached_property
    def target(self) -> target.Target:
        return target.resolve(self.choice, self.contexts, self.contexts_path)

    @cached_property
    def api(self) -> Api:
        return Api(self.target)

    def close(self) -> None:
        """Ends what was opened."""
        if "api" in self.__dict__:
            self.api.close()

    def manner(self, stream: IO[str] | None = None) -> Manner:
        """How to speak to a stream, standard output if none is named."""
        return Manner.of(stream or sys.stdout, self.environment, datetime.now(UTC))

    def show(self, view: View[M], thing: M) -> None:
        """One thing, on standard output."""
        self._print(show.single(view, thing, self.format, self.manner()))

    def show_all(self, view: View[M], things: Iterable[M], *, empty: str) -> None:
        """A list, on standard output; `empty` tells people what to do if there is nothing."""
        lines = list(show.listed(view, things, self.format, self.manner()))
        self._print(lines)
        if not lines:
            self.note(empty)

    def made(self, view: View[M], thing: M, note: str) -> None:
        """What a verb has made or changed: a remark for people, the thing for programs."""
        if self.format is Format.TABLE:
            self.note(note)
        else:
            self.show(view, thing)

    def document(self, value: object) -> None:
        """Anything else, on standard output, as JSON or YAML."""
        click.echo(show.document(value, self.format))

    def note(self, text: str) -> None:
        """A line for people, on standard error."""
        if self.format is Format.TABLE and not self.quiet:
            click.echo(text, err=True)

    def _print(self, lines: Iterable[str]) -> None:
        for line in lines:
            click.echo(line, color=True)
