"""farhand completion: what makes a shell complete the rest."""

import click
from click.shell_completion import get_completion_class

from farhand_cli.failure import Failure


@click.command
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a shell's completion script.

    \b
    eval "$(farhand completion bash)"       # in ~/.bashrc
    eval "$(farhand completion zsh)"        # in ~/.zshrc
    farhand completion fish > ~/.config/fish/completions/farhand.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise Failure(f"no completion for {shell}")
    click.echo(kind(ctx.find_root().command, {}, "farhand", "_FARHAND_COMPLETE").source())
