"""PowerShell's text as tokens and groups: enough of its grammar to find what belongs together."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

#: PowerShell takes typographic quotation marks for plain ones.
_SINGLE = "'\u2018\u2019\u201a\u201b"
_DOUBLE = '"\u201c\u201d\u201e'
_SPACE = re.compile(r"(?:[^\S\n]|`\r?\n)+")
_COMMENT = re.compile(r"#[^\n]*")
_HERE = re.compile(rf"@([{_SINGLE}{_DOUBLE}])[^\S\n]*\n")
_VARIABLE = re.compile(r"\$(?:\{((?:`.|[^`}])*)\}|((?:\w+:)?\w+|[$?^]))", re.DOTALL)
_WORD = re.compile(rf"(?:`.|[^\s(){{}}\[\],;=`{_SINGLE}{_DOUBLE}])+", re.DOTALL)
_OPEN = re.compile(r"[@$]\(|@\{|[({\[]")
_CLOSED_BY = {"(": ")", "{": "}", "[": "]"}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_DEPTH = 50
#: Tokens, comments, and spaces between them: what somebody made to be read for ever is not read.
_STEPS = 50_000


class Unreadable(Exception):
    """What stands here is not the PowerShell that this reader knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """`kind` is one of: word, variable, text, expandable, break (a new line or `;`), or the
    character itself (`,`, `=`)."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What stands between brackets; `source` is that in letters."""

    opened: str
    items: list["Item"] = field(default_factory=list)
    source: str = ""


Item = Token | Group


class Scanner:
    """One script, read once from the beginning."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = _DEPTH
        self._steps = _STEPS
        #: What stands in `<# … #>`.
        self.comments: list[str] = []

    def items(self) -> Iterator[Item]:
        """Raises Unreadable."""
        while self._at < len(self._text):
            if (item := self._next()) is not None:
                yield item

    def _next(self) -> Item | None:
        text, at = self._text, self._at
        self._steps -= 1
        if self._steps < 0:
            raise Unreadable(f"longer than {_STEPS} tokens")
        if self._skip(_SPACE):
            return None
        if text.startswith("<#", at):
            end = self._find("#>", at + 2)
            self.comments.append(text[at + 2 : end])
            self._at = end + 2
            return None
        if self._skip(_COMMENT):
            return None
        if here := _HERE.match(text, at):
            return self._here(here)
        if opened := _OPEN.match(text, at):
            return self._group(opened.group())
        if text[at] in _SINGLE:
            return self._single()
        if text[at] in _DOUBLE:
            return self._double()
        if variable := _VARIABLE.match(text, at):
            self._at = variable.end()
            return Token(kind="variable", text=variable[1] or variable[2])
        if text[at] in "\n;":
            self._at += 1
            return Token(kind="break", text=text[at])
        if text[at] in ",=":
            self._at += 1
            return Token(kind=text[at], text=text[at])
        if word := _WORD.match(text, at):
            self._at = word.end()
            return Token(kind="word", text=word.group())
        raise Unreadable(f"{text[at]!r} was not expected")

    def _skip(self, what: re.Pattern[str]) -> bool:
        if found := what.match(self._text, self._at):
            self._at = found.end()
        return found is not None

    def _find(self, what: str, start: int) -> int:
        end = self._text.find(what, start)
        if end < 0:
            raise Unreadable(f"{what!r} is missing")
        return end

    def _group(self, opened: str) -> Group:
        if self._depth == 0:
            raise Unreadable(f"deeper than {_DEPTH} levels")
        self._depth -= 1
        self._at += len(opened)
        start, end = self._at, _CLOSED_BY[opened[-1]]
        group = Group(opened=opened)
        while not self._text.startswith(end, self._at):
            if self._at >= len(self._text):
                raise Unreadable(f"{end!r} is missing")
            if (item := self._next()) is not None:
                group.items.append(item)
        source = self._text[start : self._at]
        self._at += 1
        self._depth += 1
        return Group(opened=opened, items=group.items, source=source)

    def _single(self) -> Token:
        """'it''s'"""
        said = []
        at = self._at + 1
        while True:
            if at >= len(self._text):
                raise Unreadable("a quotation mark is missing")
            if self._text[at] in _SINGLE:
                if self._text[at + 1 : at + 2] not in tuple(_SINGLE):
                    break
                at += 1
            said.append(self._text[at])
            at += 1
        self._at = at + 1
        return Token(kind="text", text="".join(said))

    def _double(self) -> Token:
        """ "`"it`" is $($what)": only without a `$` is known what it says."""
        said = []
        kind = "text"
        self._at += 1
        while True:
            here = self._text[self._at : self._at + 1]
            if not here:
                raise Unreadable("a quotation mark is missing")
            if here in _DOUBLE:
                if self._text[self._at + 1 : self._at + 2] not in tuple(_DOUBLE):
                    break
                self._at += 1
            elif here == "`":
                self._at += 1
                here = self._text[self._at : self._at + 1]
                kind = "expandable" if here == "u" else kind
                here = _ESCAPES.get(here, here)
            elif here == "$":
                kind = "expandable"
                if self._text.startswith("$(", self._at):
                    self._group("$(")
                    continue
            said.append(here)
            self._at += 1
        self._at += 1
        return Token(kind=kind, text="".join(said))

    def _here(self, here: re.Match[str]) -> Token:
        ends = _SINGLE if here[1] in _SINGLE else _DOUBLE
        end = re.compile(rf"\r?\n[{ends}]@").search(self._text, here.end() - 1)
        if end is None:
            raise Unreadable("a here-string has no end")
        self._at = end.end()
        said = self._text[here.end() : end.start()]
        plain = ends is _SINGLE or not re.search("[$`]", said)
        return Token(kind="text" if plain else "expandable", text=said)
