"""Words of a worker, made fit for people's terminals and our rows: printable, and not too long."""

from farhand_wire import limits

SENTENCE_CHARACTERS = 500


def fact(text: str) -> str:
    return _clean(text, limits.FACT_CHARACTERS)


def sentence(text: str) -> str:
    return _clean(text, SENTENCE_CHARACTERS)


def _clean(text: str, most: int) -> str:
    text = text[:most]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " for c in text)
