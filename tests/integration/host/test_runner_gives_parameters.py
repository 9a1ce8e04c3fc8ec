"""What is given to a runbook arrives as it is, in real interpreters: as arguments, and with its
types in the file that FARHAND_PARAMETERS names."""

import base64
import json
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.support.host_process import HostProcess
from tests.support.values import TRAPS, VALUE

from farhand_agent.host.order import ARGUMENT_BYTES_MOST
from farhand_server.declared.values import argument, as_text
from farhand_server.rpc.convert import parameters
from farhand_wire import limits, spool

#: In base64: text may look like a record of another stream, and end in the middle of a line.
SHOW = {
    "bash": """
for each in "$@"; do printf %s "$each" | base64 -w0; echo; done
base64 -w0 "$FARHAND_PARAMETERS"; echo
""",
    "python": """
import base64, json, os, sys
import farhand_job

for each in sys.argv[1:]:
    print(base64.b64encode(os.fsencode(each)).decode())
assert open(os.environ["FARHAND_PARAMETERS"], encoding="utf-8").read()
print(base64.b64encode(json.dumps(farhand_job.parameters()).encode()).decode())
""",
}
#: A few jobs carry many values each.
few = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


def arrived(host: HostProcess, type_: str, values: dict[str, Any]) -> tuple[list[str], Any]:
    """Arguments and parameters as a script of that type finds them."""
    message = Struct()
    message.update(values)
    assert parameters.problem(message) == ""
    given_ = parameters.plain(message)
    client = host.spare()
    seen = client.run(
        SHOW[type_],
        type=type_,
        parameters_json=as_text(given_),
        arguments=[argument(given_[name]) for name in values],
    )
    assert (seen.code, seen.error) == (0, b"")
    client.done()
    client.close()
    *arguments, typed = (base64.b64decode(line) for line in seen.output.splitlines())
    return [each.decode() for each in arguments], json.loads(typed)


def is_same(found: Any, sent: Any) -> bool:
    """Equal, and truth is no number."""
    return json.dumps(found, sort_keys=True) == json.dumps(sent, sort_keys=True) or (
        found == sent and isinstance(found, bool) == isinstance(sent, bool)
    )


@pytest.mark.parametrize("type_", SHOW)
@few
@given(values=st.lists(VALUE, min_size=1, max_size=limits.PARAMETERS))
@example(values=list(TRAPS)[: limits.PARAMETERS])
@example(values=[0, -0.0, 1.0, 0.1, 5e-324, 1.7976931348623157e308, 2**53, -(2**53), 1e22])
def test_every_value_arrives_as_it_was_given(
    host: HostProcess, type_: str, values: list[Any]
) -> None:
    named = {f"p{number:02}": value for number, value in enumerate(values)}
    arguments, typed = arrived(host, type_, named)

    assert typed.keys() == named.keys()
    for text, (name, value) in zip(arguments, named.items(), strict=True):
        assert is_same(typed[name], value)
        assert text == value if isinstance(value, str) else json.loads(text) == value


@pytest.mark.parametrize("type_", SHOW)
def test_as_much_as_is_allowed_arrives(host: HostProcess, type_: str) -> None:
    each = "ü" * (limits.PARAMETERS_BYTES // limits.PARAMETERS // 2 - 8)
    named: dict[str, Any] = {f"p{number:02}": each for number in range(limits.PARAMETERS)}
    assert len(as_text(named).encode()) > limits.PARAMETERS_BYTES * 0.99
    arguments, typed = arrived(host, type_, named)

    assert arguments == list(named.values())
    assert typed == named


@pytest.mark.parametrize("type_", SHOW)
def test_an_argument_that_no_process_can_be_given_is_in_the_file_and_the_script_is_told(
    host: HostProcess, type_: str
) -> None:
    longest, longer = "x" * ARGUMENT_BYTES_MOST, ["y" * 1000] * 300
    text = json.dumps({"a": longest, "b": longer, "c": "z"})
    seen = host.spare().run(
        SHOW[type_], type=type_, parameters_json=text, arguments=[longest, json.dumps(longer), "z"]
    )
    *arguments, typed = (base64.b64decode(line).decode() for line in seen.output.splitlines())

    assert (seen.code, arguments) == (0, [longest, "", "z"])
    assert json.loads(typed) == {"a": longest, "b": longer, "c": "z"}
    assert b"$2 would be longer than 128 KiB" in seen.of(spool.Kind.WARNING)
