"""Values as authors of runbooks have them: of every declared type, with whatever text."""

from typing import Any

from hypothesis import strategies as st

#: What shells, JSON and command lines stumble over.
TRAPS = (
    *("", " ", "007", "true", "null", "-n", "--", "1e5", "2026-11-25T19:00:00Z", "'", '"', "\\"),
    *("a; rm -rf 'b'", "$(id)", "`id`", "${HOME}", "* ?", "~", "!!", "%s%n", "#", "&|<>", "{"),
    *("a\nb\n", "\r\n", "\t", "ERROR: x", "\nERROR: x\n", "\x01\x1b[31m", "\x7f\x85\u2028"),
    *("日本語", "ü", "e\u0301", "🦜", "\u202egnp", "\ufeff", "[1]", '{"a": 1}'),
)
#: No process can be given NUL, and surrogates are no text.
TEXT = st.sampled_from(TRAPS) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40
)
#: Parameters travel as doubles: what does not fit is refused before it is sent.
WHOLE = st.integers(-(2**53), 2**53)
NUMBER = WHOLE | st.floats(allow_nan=False, allow_infinity=False)
SIMPLE = TEXT | NUMBER | st.booleans() | st.none()
NESTED: st.SearchStrategy[Any] = st.recursive(
    SIMPLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
VALUE = SIMPLE | NESTED
