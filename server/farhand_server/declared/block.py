"""The comment block in which a bash or Python script declares what it takes.

The grammar is that of inline script metadata (PEP 723), under the name `farhand`: TOML in comments.
"""

import re
from dataclasses import dataclass

#: As PEP 723 has it.
_BLOCK = re.compile(
    r"(?m)^# /// farhand[ \t]*\r?$\n(?P<content>(?:^#(?:| .*)\r?$\n)+?)^# ///[ \t]*\r?$"
)
_BEGINNING = re.compile(r"(?m)^#[ \t]*///[ \t]*farhand\b")


class NoBlock(Exception):
    """There is something like a block that is none; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The TOML, and the line of the script that it begins on, from 1."""

    toml: str
    line: int


def find(script: str) -> Block | None:
    """The one block of a script. Raises NoBlock."""
    begun = _BEGINNING.findall(script)
    found = list(_BLOCK.finditer(script))
    if len(found) > 1 or len(begun) > 1:
        raise NoBlock('"# /// farhand" stands there more than once')
    if not found:
        if begun:
            raise NoBlock(
                '"# /// farhand" has no end: each line begins with "# ", the last is "# ///"'
            )
        return None
    match = found[0]
    lines = (line.rstrip("\r") for line in match["content"].splitlines())
    toml = "\n".join(line[2:] if line.startswith("# ") else line[1:] for line in lines)
    return Block(toml=toml, line=script.count("\n", 0, match.start("content")) + 1)
