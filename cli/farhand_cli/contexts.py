"""The contexts file: the servers that an operator knows, and which of them is meant.

`~/.config/farhand/config.toml` ($XDG_CONFIG_HOME is respected, $FARHAND_CONFIG names another
file), mode 0600 because it holds tokens. `farhand context add` writes it, and so does
`farhand-server init` for the machine it runs on:

    current = "default"

    [contexts.default]
    server = "ctl.example.net:8443"
    ca = "/etc/farhand/ca.pem"
    token = "fh_…"

`ca` and `token` may be missing. A writer makes a new file beside the old one, 0600 from its first
byte, and renames it over the old one.
"""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from farhand_cli.failure import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One server and how to be let in."""

    server: str
    ca: str = ""
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contexts:
    """All that the file holds."""

    #: Name of the one that is used when none is named; empty if there is none.
    current: str = ""
    named: Mapping[str, Context] = field(default_factory=dict)

    def get(self, name: str) -> Context:
        """The context of that name. Raises Failure with the names there are."""
        try:
            return self.named[name]
        except KeyError:
            known = ", ".join(sorted(self.named)) or "none"
            raise Failure(
                f'there is no context "{name}"',
                why=f"known: {known}",
                do=["farhand context list"],
                code="no_such_context",
            ) from None

    def with_context(self, name: str, context: Context) -> "Contexts":
        """One more, or one replaced; the first one becomes current."""
        return replace(self, current=self.current or name, named={**self.named, name: context})

    def without(self, name: str) -> "Contexts":
        """One less. Raises Failure if there is none of that name."""
        self.get(name)
        return replace(
            self,
            current="" if self.current == name else self.current,
            named={other: context for other, context in self.named.items() if other != name},
        )

    def using(self, name: str) -> "Contexts":
        """Another one current. Raises Failure if there is none of that name."""
        self.get(name)
        return replace(self, current=name)


def path_of(environment: Mapping[str, str]) -> Path:
    """Where the file is."""
    if chosen := environment.get("FARHAND_CONFIG"):
        return Path(chosen)
    base = environment.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base, "farhand", "config.toml")


def shown(path: Path) -> str:
    """A path as people write it."""
    with contextlib.suppress(ValueError, RuntimeError):
        return f"~/{path.relative_to(Path.home())}"
    return str(path)


def load(path: Path) -> Contexts:
    """What the file says; nothing if there is no file. Raises Failure if it cannot be read."""
    import tomllib

    try:
        document = tomllib.loads(path.read_text("utf-8"))
        named = {
            name: Context(
                server=str(entry["server"]),
                ca=str(entry.get("ca", "")),
                token=str(entry.get("token", "")),
            )
            for name, entry in document.get("contexts", {}).items()
        }
        return Contexts(current=str(document.get("current", "")), named=named)
    except FileNotFoundError:
        return Contexts()
    except OSError as error:
        raise Failure(f"{shown(path)} cannot be read", why=str(error.strerror)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(
            f"{shown(path)} is not a contexts file",
            why=_cause(error),
            do=["correct it, or move it away and: farhand context add NAME --server HOST:PORT"],
        ) from error


def save(path: Path, contexts: Contexts) -> None:
    """Replaces the file as a whole; the new one is 0600 from its first byte. Raises Failure."""
    import tempfile

    import tomli_w

    document = {
        "current": contexts.current,
        "contexts": {
            name: {"server": context.server, "ca": context.ca, "token": context.token}
            for name, context in sorted(contexts.named.items())
        },
    }
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes files 0600, whatever the umask.
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(handle, "wb") as file:
                tomli_w.dump(document, file)
            os.replace(scratch, path)
        except BaseException:
            os.unlink(scratch)
            raise
    except OSError as error:
        raise Failure(f"{shown(path)} cannot be written", why=str(error.strerror)) from error


def _cause(error: Exception) -> str:
    """A sentence that cannot hold a value of the file, for one of them is a token."""
    if isinstance(error, ValueError):
        return str(error)
    return 'a context needs a server, as text: [contexts.NAME] server = "HOST:PORT"'
