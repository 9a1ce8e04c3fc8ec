"""No secret leaves in a job's output, whatever it looks like and wherever a read cuts it."""

import base64
import itertools
import json
import re
import shlex
import subprocess
import textwrap
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from farhand_agent.host.masker import Masker
from farhand_wire.limits import MASK_BYTES_LEAST, MASK_ENCODED_BYTES, MASK_PIECE_BYTES

PEM = "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n".format(
    "\n".join(textwrap.wrap(base64.b64encode(bytes(range(256)) * 5).decode(), 64))
)
AWKWARD = """it's a "p$ssw&rd" +/\\ für 日本 """


def masker(*secrets: str) -> Masker:
    made = Masker()
    for secret in secrets:
        made.add(secret)
    return made


def masked(data: bytes, *secrets: str, cuts: tuple[int, ...] = ()) -> bytes:
    pipe = masker(*secrets).pipe()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    out = [pipe.mask(data[start:end]) for start, end in itertools.pairwise(edges)]
    return b"".join([*out, pipe.rest()])


def base64_at(text: str, before: int, encode: object = base64.b64encode) -> bytes:
    """Of the text inside something longer: only what the text alone decides."""
    assert callable(encode)
    raw = text.encode()
    encoded = bytes(encode(bytes(before) + raw + b"~~~"))
    return encoded[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]


def encodings(secret: str) -> dict[str, bytes]:
    raw = secret.encode()
    upper = {"quote": quote(secret), "all": quote(secret, safe=""), "plus": quote_plus(secret)}
    lower = {
        f"lower {name}": re.sub("%..", lambda code: code.group().lower(), form)
        for name, form in upper.items()
    }
    percent = {name: form.encode() for name, form in {**upper, **lower}.items()}
    shifts = {
        f"base64 {encode.__name__} {before}": base64_at(secret, before, encode)
        for encode in (base64.b64encode, base64.urlsafe_b64encode)
        for before in range(3)
    }
    return {
        "raw": raw,
        "json": json.dumps(secret)[1:-1].encode(),
        "json letters": json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
        "shell": shlex.quote(secret)[1:-1].encode() if shlex.quote(secret) != secret else raw,
        "set -x": secret.replace("'", "'\\''").encode(),
        "powershell": secret.replace("'", "''").encode(),
        "repr": repr(secret)[1:-1].encode(),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "base64 padded": base64.b64encode(raw),
        **percent,
        **shifts,
    }


# --- what is masked -------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["hunter2", "Tr0ub4dor&3", AWKWARD, PEM, "päßwörd"])
@pytest.mark.parametrize("form", encodings(AWKWARD))
def test_a_secret_is_masked_in_every_encoding(secret: str, form: str) -> None:
    encoded = encodings(secret.strip("\n"))[form]

    found = masked(b"<" + encoded + b">", secret)

    assert encoded not in found
    assert found.startswith(b"<***")
    assert found.endswith(b">")


@pytest.mark.parametrize("before", range(3))
def test_a_secret_is_masked_inside_something_that_is_encoded_as_a_whole(before: int) -> None:
    header = base64.b64encode(b"x" * before + b"hunter2-hunter2:and more")

    found = masked(b"Authorization: Basic " + header + b"\n", "hunter2-hunter2")

    assert b"***" in found
    assert base64_at("hunter2-hunter2", before) not in found
    assert len(found) < len(header) + 10


@pytest.mark.parametrize("quoting", ["set -x; : {}", "printf %q {}"])
def test_a_secret_is_masked_as_bash_quotes_it(quoting: str) -> None:
    script = quoting.format(shlex.quote("pa'ss $wor;d"))
    ran = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    printed = ran.stdout + ran.stderr

    assert b"wor" in printed
    assert b"wor" not in masked(printed, "pa'ss $wor;d")


@pytest.mark.parametrize("column", [64, 76])
def test_wrapped_base64_is_masked_line_by_line(column: int) -> None:
    secret = "long " * 60
    wrapped = "\n".join(textwrap.wrap(base64.b64encode(secret.encode()).decode(), column))

    assert set(masked(wrapped.encode() + b"\n", secret)) <= set(b"*\n")


def test_each_line_of_a_long_secret_is_masked_but_not_the_frame_of_a_pem_file() -> None:
    line = PEM.splitlines()[3].encode()

    assert masked(b"key: " + line + b"\n", PEM) == b"key: ***\n"
    assert masked(b"-----BEGIN PRIVATE KEY-----\n", PEM) == b"-----BEGIN PRIVATE KEY-----\n"


def test_lines_that_are_too_short_are_masked_with_the_whole_only() -> None:
    secret = "abc\nlong enough\ndef"

    assert masked(b"abc def", secret) == b"abc def"
    assert masked(secret.encode(), secret) == b"***"


def test_a_secret_of_a_million_characters_is_masked_as_a_whole_and_by_line() -> None:
    secret = "\n".join(f"{number:07} {'x' * 60}" for number in range(15_000))
    assert len(secret) > MASK_ENCODED_BYTES

    assert masked(b"<" + secret.encode() + b">", secret) == b"<***>"
    assert masked(secret.splitlines()[777].encode(), secret) == b"***"
    assert set(masked(base64.b64encode(secret.encode()), secret)) == set(b"*")


def test_secrets_that_overlap_or_touch_are_one_mask() -> None:
    assert masked(b"<abcdefghi>", "abcdef", "defghi") == b"<***>"
    assert masked(b"<abcdefghijkl>", "abcdef", "ghijkl") == b"<***>"
    assert masked(b"<abcdefxghijkl>", "abcdef", "ghijkl") == b"<***x***>"


def test_the_longer_of_two_secrets_that_begin_alike_is_masked() -> None:
    assert masked(b"<secret1234>", "secret", "secret1234") == b"<***>"
    assert masked(b"<secret123>", "secret", "secret1234") == b"<***123>"


# --- what is not ----------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["", "12345", "\n\n1234\n\n\n", "äö"])
def test_what_is_too_short_is_not_masked_and_that_is_said(secret: str) -> None:
    made = Masker()

    assert made.add(secret) is False
    assert made.masks is False
    assert made.pipe().mask(b"12345 1234") == b"12345 1234"


def test_the_limit_counts_bytes() -> None:
    assert Masker().add("äöü") is True


def test_with_nothing_to_mask_the_data_itself_comes_back() -> None:
    data = b"some output"

    assert Masker().pipe().mask(data) is data


def test_the_same_secret_may_be_added_twice() -> None:
    made = masker("hunter2")

    assert made.add("hunter2") is True
    assert made.pipe().mask(b"<hunter2>") == b"<***>"


# --- while it flows -------------------------------------------------------------------------


def test_only_what_may_begin_a_secret_is_held_back() -> None:
    pipe = masker("hunter2").pipe()

    assert (pipe.mask(b"password: hun"), pipe.held) == (b"password: ", 3)
    assert (pipe.mask(b"ting\n"), pipe.held) == (b"hunting\n", 0)
    assert (pipe.mask(b"hunt"), pipe.rest(), pipe.held) == (b"", b"hunt", 0)


def test_a_secret_counts_from_when_it_is_added_for_what_is_held_too() -> None:
    made = masker("hunter2")
    pipe = made.pipe()
    assert pipe.mask(b"a hunt") == b"a "

    made.add("hunting")

    assert pipe.mask(b"ing lodge, hunter2") == b"*** lodge, ***"


def test_pipes_of_one_masker_do_not_mix() -> None:
    made = masker("hunter2")
    one, other = made.pipe(), made.pipe()

    assert one.mask(b"hun") + other.mask(b"ter2") == b"ter2"
    assert one.rest() == b"hun"


LETTERS = st.text("ab\n'é", max_size=14)
SECRETS = st.lists(LETTERS, max_size=4)
OUTPUT = st.lists(st.one_of(LETTERS, st.sampled_from(["x", "***", " "])), max_size=8)


@given(SECRETS, OUTPUT, st.lists(st.integers(0, 60), max_size=6))
@example(["aaaaaa"], ["aaaaaaaaaaaaa"], [3, 6, 7, 12])
@example(["abcabc", "bcabcabca"], ["abcabcabcab"], [6])
@example(["aaaaaaaaaééaaé", "aaaaaaaaaééaé\n"], [], [33])
def test_every_split_of_the_output_gives_the_same(
    secrets: list[str], output: list[str], cuts: list[int]
) -> None:
    data = "".join([*output, *secrets, *output]).encode()

    assert masked(data, *secrets, cuts=tuple(cuts)) == masked(data, *secrets)


@given(SECRETS, OUTPUT, st.data())
def test_no_secret_is_ever_in_the_output(
    secrets: list[str], output: list[str], data: st.DataObject
) -> None:
    found = [secret.strip("\n") for secret in secrets]
    long = [secret for secret in found if len(secret.encode()) >= MASK_BYTES_LEAST]
    forms = [form for secret in long for form in encodings(secret).values()]
    pieces = [piece.encode() for piece in output] + forms
    text = b"".join(data.draw(st.permutations(pieces)))

    result = masked(text, *secrets)

    assert [form for form in forms if form in result] == []


@given(st.text(min_size=6, max_size=700), st.binary(max_size=300), st.binary(max_size=300))
def test_any_text_is_masked_wherever_it_stands(secret: str, before: bytes, behind: bytes) -> None:
    secret = secret.strip("\r\n*")
    assume(len(secret.encode()) >= MASK_BYTES_LEAST and "***" not in secret)

    for form in encodings(secret).values():
        assert form not in masked(before + form + behind, secret)


@given(st.lists(st.text("abc", min_size=6), max_size=3), st.lists(st.text("defg\n"), max_size=9))
def test_output_without_a_secret_is_unchanged(secrets: list[str], output: list[str]) -> None:
    pieces = [piece.encode() for piece in output]
    pipe = masker(*secrets).pipe()

    assert b"".join([*map(pipe.mask, pieces), pipe.rest()]) == b"".join(pieces)


@given(st.lists(st.text("ab", min_size=6), max_size=3), st.lists(st.text("ab"), max_size=9))
def test_never_more_is_held_back_than_the_longest_secret_less_one(
    secrets: list[str], output: list[str]
) -> None:
    pipe = masker(*secrets).pipe()
    longest = max(
        (len(form) for secret in secrets for form in encodings(secret).values()), default=1
    )

    for piece in output:
        pipe.mask(piece.encode())
        assert pipe.held < min(longest, MASK_PIECE_BYTES + MASK_BYTES_LEAST)


def test_of_a_secret_of_any_length_little_is_held_back() -> None:
    secret = "".join(f"{number:05}" for number in range(20_000))
    pipe = masker(secret).pipe()

    for start in range(0, 10_000, 100):
        pipe.mask(secret[start : start + 100].encode())
        assert pipe.held < MASK_PIECE_BYTES + MASK_BYTES_LEAST


@given(st.lists(st.binary(max_size=40), max_size=5), st.text())
def test_bytes_that_are_no_text_go_through(pieces: list[bytes], secret: str) -> None:
    pipe = masker(secret).pipe()

    out = b"".join([*map(pipe.mask, pieces), pipe.rest()])

    assert out == b"".join(pieces) or b"***" in out


def test_half_a_surrogate_pair_is_no_reason_to_fail() -> None:
    made = Masker()

    assert made.add("\ud800 from JSON") is True
