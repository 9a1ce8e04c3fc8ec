"""Parameters between Struct, JSON and positional text."""

import json
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from farhand_server.declared.values import as_text
from farhand_server.rpc.convert import parameters
from farhand_wire.v1 import asset_pb2

VALUES = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers(-(2**53), 2**53),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def struct(values: dict[str, Any]) -> Struct:
    made = Struct()
    made.update(values)
    return made


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_values_come_back_as_they_were(values: dict[str, Any]) -> None:
    text = as_text(parameters.plain(struct(values)))

    assert json.loads(text) == values
    assert parameters.struct(text) == struct(values)


@pytest.mark.parametrize(("number", "text"), [(7.0, "7"), (7.5, "7.5"), (-0.0, "0"), (1e300, None)])
def test_whole_numbers_are_integers(number: float, text: str | None) -> None:
    plain = parameters.plain(struct({"n": number}))["n"]

    assert plain == number
    assert text is None or as_text(plain) == text


def test_positional_values_follow_the_order_then_the_names() -> None:
    values: dict[str, Any] = {"b": 2, "a": "one two", "d": [1, {"x": None}], "c": True}

    assert parameters.arguments(values, ["c", "a"]) == ("true", "one two", "2", '[1,{"x":null}]')


@pytest.mark.parametrize("name", ["a", "Z9_", "a" * 63, "WebhookData"])
def test_azures_parameter_names_are_taken(name: str) -> None:
    assert parameters.problem(struct({name: 1})) == ""


@pytest.mark.parametrize("name", ["", "1a", "_a", "a-b", "a b", "ä", "a" * 64, "a\n"])
def test_a_name_that_azure_refuses_is_refused(name: str) -> None:
    assert "a name is a letter, then" in parameters.problem(struct({name: 1}))


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "text", ["\\ud800".join('""'), '{"\\udfff": 1}', "1e999", "1" * 310, json.dumps(nested(33))]
)
def test_what_no_message_could_show_is_refused(text: str) -> None:
    assert parameters.problem_of_value(text) != ""
    assert parameters.problem_of_text(f'{{"a": {text}}}') != ""


@pytest.mark.parametrize("value", ["🦜", 10**308, -(10**308), 1e308, nested(32), {"a": [{}]}])
def test_what_is_allowed_can_be_shown(value: Any) -> None:
    text = as_text(value)

    assert parameters.problem_of_value(text) == ""
    shown = asset_pb2.ListVariablesResponse(variables=[asset_pb2.Variable()])
    json_format.Parse(text, shown.variables[0].value)
    again = asset_pb2.ListVariablesResponse.FromString(shown.SerializeToString())
    told = json_format.MessageToJson(again.variables[0].value)
    assert json.loads(told) == json.loads(text, parse_int=float)
