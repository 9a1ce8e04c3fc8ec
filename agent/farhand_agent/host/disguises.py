"""The forms in which a secret may turn up in a job's output.

A value is looked for as it is, as JSON text (with and without `\\u` escapes), percent-encoded
(upper and lower case), quoted for shells, PowerShell and Python, in hexadecimal, and in base64
(standard and URL-safe, with and without padding, at each of the three places in a longer text where
it may begin). Of a value with several lines, each line is looked for as well, without the blanks
around it. What is long is looked for in pieces, so that little is held back, and as lines of the
lengths at which base64 is wrapped.

Not found: what is encoded twice, compressed, reversed, cut by the script itself; wrapped base64
that begins in the middle; and of a value longer than MASK_ENCODED_BYTES all but itself, its lines,
and unwrapped base64.
"""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from farhand_wire.limits import MASK_BYTES_LEAST, MASK_ENCODED_BYTES, MASK_PIECE_BYTES

#: PEM and openssl, and everybody else.
_WRAPS = (64, 76)
_BREAKS = re.compile(r"[\r\n]+")
#: `printf %q` puts a backslash before these.
_SHELL_SPECIAL = re.compile(r"""([ !"$&'()*,;<>?\[\\\]^`{|}])""")
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_ANSI_C = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
#: The frame of a PEM file is no secret, and stands in many an innocent output.
_ARMOUR = "-----"


def disguises(secret: str) -> frozenset[bytes]:
    """Everything to look for; empty if the secret is too short.

    Each is at least MASK_BYTES_LEAST long, and less than that longer than MASK_PIECE_BYTES.
    """
    text = secret.strip("\r\n")
    if not _counts(text):
        return frozenset()
    if len(_raw(text)) > MASK_ENCODED_BYTES:
        return frozenset({*_plain(text), *_base64(_raw(text))})
    return frozenset({*_plain(text), *_base64(_raw(text)), *_encoded(text), *_wrapped(secret)})


def _plain(text: str) -> Iterator[bytes]:
    for part in (text, *_lines(text)):
        yield from _pieces(_raw(part))


def _lines(text: str) -> Iterator[str]:
    for line in map(str.strip, _BREAKS.split(text)):
        if _counts(line) and not line.startswith(_ARMOUR):
            yield line


def _encoded(text: str) -> Iterator[bytes]:
    digits = _raw(text).hex()
    for form in (digits, digits.upper()):
        yield from _pieces(form.encode())
    for part in (text, *_lines(text)):
        for form in _quoted(part):
            yield from _pieces(_raw(form))


def _quoted(text: str) -> set[str]:
    """As languages write it between quotation marks, and as it stands in an address."""
    raw = _raw(text)
    percent = (quote(raw), quote(raw, safe=""), quote_plus(raw), quote(raw, safe="!'()*"))
    return {
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        *percent,
        *(_PERCENT.sub(lambda code: code.group().lower(), form) for form in percent),
        text.replace("'", "''"),
        text.replace("'", "'\\''"),
        text.replace("'", "'\"'\"'"),
        _SHELL_SPECIAL.sub(r"\\\1", text),
        text.translate(_ANSI_C),
        repr(text)[1:-1],
    }


def _base64(value: bytes) -> Iterator[bytes]:
    """Wherever it stands in what was encoded: the letters that depend on nothing else."""
    for encode in (b64encode, urlsafe_b64encode):
        yield from _pieces(encode(value))
        for before in range(3):
            first, end = -(before * -8 // 6), (before + len(value)) * 8 // 6
            yield from _pieces(encode(bytes(before) + value)[first:end])


def _wrapped(secret: str) -> Iterator[bytes]:
    """Lines of its base64, and of itself, which may be base64 already."""
    text = secret.strip("\r\n")
    for form in (b64encode(_raw(secret)), b"" if _BREAKS.search(text) else _raw(text)):
        for column in _WRAPS:
            lines = (form[start : start + column] for start in range(0, len(form), column))
            yield from (line for line in lines if len(line) >= MASK_BYTES_LEAST)


def _pieces(form: bytes) -> Iterator[bytes]:
    """The whole of it, cut so that no piece is too short."""
    start = 0
    while len(form) - start >= MASK_PIECE_BYTES + MASK_BYTES_LEAST:
        yield form[start : start + MASK_PIECE_BYTES]
        start += MASK_PIECE_BYTES
    yield form[start:]


def _counts(text: str) -> bool:
    return len(_raw(text)) >= MASK_BYTES_LEAST


def _raw(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
