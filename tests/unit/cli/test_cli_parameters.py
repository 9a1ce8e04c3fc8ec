from pathlib import Path
from typing import Any

import click
import pytest

from farhand_cli import parameters


def parse(pairs: list[str], document: str | None = None, **types: str) -> dict[str, Any]:
    return parameters.parse(pairs, document, types=lambda: types)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-1.5", -1.5),
        ("true", True),
        ("null", None),
        ('["a", 1]', ["a", 1]),
        ('{"a": {"b": []}}', {"a": {"b": []}}),
        ('"7"', "7"),
        ("9007199254740992", 9007199254740992),
    ],
)
def test_a_value_that_is_json_keeps_its_type(text: str, value: Any) -> None:
    assert parse([f"n={text}"]) == {"n": value}


@pytest.mark.parametrize(
    "text",
    [
        *("", "007", "hello", "a=b", "NaN", "-Infinity", "[1,", "1.2.3", " x ", "True", "[" * 9999),
        *("1e999 apples", "9007199254740993rd"),
    ],
)
def test_a_value_that_is_not_json_is_text(text: str) -> None:
    assert parse([f"n={text}"]) == {"n": text}


@pytest.mark.parametrize("text", ["9007199254740993", "1e999", "[9007199254740993]", "9" * 400])
def test_a_number_that_would_arrive_as_another_one_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="send it as text"):
        parse([f"n={text}"])


def test_a_declared_type_counts_in_any_case_of_letters_and_the_exact_name_first() -> None:
    assert parse(["ZIP=7"], Zip="STRING") == {"ZIP": "7"}
    assert parse(["zip=7"], zip="INTEGER", Zip="STRING") == {"zip": 7}


def test_the_order_is_the_one_that_was_typed() -> None:
    assert list(parse(["z=1", "a=2", "m=3"])) == ["z", "a", "m"]


def test_a_typed_value_replaces_that_of_the_document() -> None:
    found = parse(["b=3"], '{"a": 1, "b": 2}')

    assert found == {"a": 1, "b": 3}


def test_a_value_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "motd").write_text("two\nlines\n")
    (tmp_path / "hosts").write_text('["a", "b"]\n')

    found = parse([f"motd=@{tmp_path}/motd", f"hosts=@{tmp_path}/hosts"])

    assert found == {"motd": "two\nlines\n", "hosts": ["a", "b"]}


@pytest.mark.parametrize(
    ("pairs", "document", "problem"),
    [
        (["days"], None, "not NAME=VALUE"),
        (["=7"], None, "not NAME=VALUE"),
        (["a=1", "a=2"], None, "given twice"),
        (["a=@/no/such/file"], None, "No such file"),
        ([], "[1]", "one JSON object"),
        ([], "{", "not JSON"),
    ],
)
def test_what_cannot_be_read_is_refused(
    pairs: list[str], document: str | None, problem: str
) -> None:
    with pytest.raises(click.BadParameter, match=problem):
        parse(pairs, document)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    with pytest.raises(click.BadParameter, match="not UTF-8"):
        parse([f"a=@{tmp_path}/binary"])


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("7", "STRING", "7"),
        ("007", "STRING", "007"),
        ('"7"', "STRING", "7"),
        ("true", "STRING", "true"),
        ("true", "BOOLEAN", True),
        ("true", "INTEGER", "true"),
        ("7", "INTEGER", 7),
        ("7.5", "INTEGER", "7.5"),
        ("7.5", "NUMBER", 7.5),
        ("7", "NUMBER", 7),
        ("[1]", "ARRAY", [1]),
        ("[1]", "OBJECT", "[1]"),
        ("2026-01-02", "DATETIME", "2026-01-02"),
        ("null", "STRING", "null"),
        ("9007199254740993", "STRING", "9007199254740993"),
        ("1e999", "STRING", "1e999"),
    ],
)
def test_a_value_is_json_if_it_is_of_the_declared_type(text: str, type_: str, value: Any) -> None:
    assert parse([f"n={text}"], n=type_) == {"n": value}


def test_types_are_asked_for_only_when_something_was_typed() -> None:
    def unasked() -> dict[str, str]:
        raise AssertionError

    assert parameters.parse([], '{"a": 1}', types=unasked) == {"a": 1}
    with pytest.raises(click.BadParameter):
        parameters.parse(["a=1", "b"], types=unasked)
