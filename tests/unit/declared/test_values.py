"""Values for declared parameters: all that is wrong at once, and defaults for the rest."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farhand_server.declared.declaration import declared
from farhand_server.declared.values import completed, positional, problems
from farhand_server.model.parameter import Json, Parameter
from farhand_server.model.runbook import RunbookType

SCRIPT = b"""# /// farhand
# [parameters.target]
# description = "Where to"
# required = true
# [parameters.count]
# type = "integer"
# default = 3
# maximum = 9
# [parameters.since]
# type = "datetime"
# [parameters.password]
# secret = true
# minLength = 8
# [parameters.anything]
# type = "object"
# ///
"""
PARAMETERS = declared(SCRIPT, RunbookType.PYTHON)


def wrong(given: dict[str, Json]) -> dict[str, str]:
    return {v.field.removeprefix("parameters."): v.problem for v in problems(PARAMETERS, given)}


def test_what_is_right_is_right() -> None:
    assert wrong({"target": "", "count": 9, "since": "2026-01-02", "anything": {"a": [1]}}) == {}


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert wrong({"count": 10, "since": "soon", "password": "hunter2", "colour": "red"}) == {
        "colour": "is not declared; declared are target, count, since, password, anything",
        "target": "is required: a string (Where to)",
        "count": "10 is greater than the maximum of 9",
        "since": "is not a time as in 2026-11-25T19:00:00Z",
        "password": "is not what is asked for: a string",
    }


def test_the_value_of_a_secret_is_in_no_refusal() -> None:
    values: tuple[Json, ...] = ("hunter2", 12345678, ["hunter2!"])
    for value in values:
        assert "hunter" not in str(wrong({"target": "x", "password": value}))
        assert "1234" not in str(wrong({"target": "x", "password": value}))


def test_a_runbook_that_takes_nothing_says_so() -> None:
    (violation,) = problems((), {"a": 1})

    assert violation.problem == "is not declared; this runbook takes none"


@pytest.mark.parametrize("value", [True, 1.5, "3", None, [3]])
def test_an_integer_is_nothing_else(value: Any) -> None:
    assert "count" in wrong({"target": "x", "count": value})


def test_defaults_are_filled_in_in_the_order_of_the_script() -> None:
    assert list(completed(PARAMETERS, {"since": "2026-01-02", "target": "x"}).items()) == [
        ("target", "x"),
        ("count", 3),
        ("since", "2026-01-02"),
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(given_=st.dictionaries(st.sampled_from([p.name for p in PARAMETERS]), VALUES))
def test_what_is_accepted_arrives_as_it_was_given(given_: dict[str, Json]) -> None:
    if problems(PARAMETERS, given_):
        return
    values = completed(PARAMETERS, given_)

    assert {name: values[name] for name in given_} == given_
    assert not problems(PARAMETERS, values)


def _of(name: str) -> Parameter:
    return next(parameter for parameter in PARAMETERS if parameter.name == name)


def test_a_moment_is_text_with_a_form() -> None:
    assert not problems((_of("since"),), {"since": "2026-11-25T19:00:00+01:00"})
    assert problems((_of("since"),), {"since": 1_700_000_000})


def test_positional_arguments_follow_the_script() -> None:
    assert positional(PARAMETERS, {"target": "a b", "count": 3}) == ("a b", "3")
    assert positional(PARAMETERS, {"target": "x", "anything": {"a": None}}) == (
        *("x", "", "", ""),
        '{"a":null}',
    )
    assert positional(PARAMETERS, {}) == ()
