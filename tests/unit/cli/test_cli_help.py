from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from farhand_cli.app import NOUNS, farhand


def verbs(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every path of words that is a command."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from verbs(found, (*path, name))


@pytest.mark.parametrize("path", list(verbs(farhand)), ids=" ".join)
def test_every_verb_explains_itself(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(farhand, [*path, "--help"])

    assert result.exit_code == 0
    assert len(result.stdout.split("\n\n")) >= 3  # usage, what it does, options


def test_help_begins_with_three_examples_and_names_every_noun() -> None:
    text = CliRunner().invoke(farhand, ["--help"]).stdout

    before, after = text.split("Options:")
    assert before.count("\n  farhand ") == 3
    assert [line.split()[0] for line in after.split("Commands:")[1].splitlines()[1:]] == [*NOUNS]


def test_a_noun_that_does_not_exist_is_a_usage_error() -> None:
    result = CliRunner().invoke(farhand, ["nonsense"])

    assert result.exit_code == 2
    assert "No such command 'nonsense'" in result.stderr
