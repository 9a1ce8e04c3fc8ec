"""What a script declares in its comment block, and everything that is wrong with it at once."""

import pytest

from farhand_server.declared.declaration import declared
from farhand_server.errors import InvalidRequest
from farhand_server.model.parameter import Parameter, ParameterType
from farhand_server.model.runbook import RunbookType

BASH = b"""#!/bin/bash
# Copies what is new.
#
# /// farhand
# [parameters.target]
# description = "Where to"
# required = true
#
# [parameters.count]
# type = "integer"
# default = 3
# minimum = 1
#
# [parameters.mode]
# enum = ["fast", "safe"]
# default = "safe"
#
# [parameters.password]
# secret = true
#
# [parameters.since]
# type = "datetime"
# default = 2026-11-25T19:00:00Z
#
# [parameters.hosts]
# type = "array"
# items = { type = "string" }
# ///
echo "$1"
"""


def read(script: bytes) -> tuple[Parameter, ...]:
    return declared(script, RunbookType.BASH)


def problems(toml: str) -> dict[str, str]:
    """What is wrong with a block, by place."""
    lines = "".join(f"# {line}\n" if line else "#\n" for line in toml.splitlines())
    with pytest.raises(InvalidRequest) as refused:
        read(f"# /// farhand\n{lines}# ///\n".encode())
    return {v.field.removeprefix("content: "): v.problem for v in refused.value.violations}


def test_a_script_without_a_block_declares_nothing() -> None:
    assert read(b"#!/bin/bash\n# a comment\necho hi\n") == ()
    assert read(b"\xff\xfe\n# /// script\n# dependencies = []\n# ///\n") == ()


def test_parameters_come_in_the_order_of_the_script() -> None:
    found = read(BASH)

    assert [p.name for p in found] == ["target", "count", "mode", "password", "since", "hosts"]
    assert [p.required for p in found] == [True, False, False, False, False, False]
    assert [p.secret for p in found] == [False, False, False, True, False, False]
    assert [p.type for p in found] == [
        ParameterType.STRING,
        ParameterType.INTEGER,
        ParameterType.STRING,
        ParameterType.STRING,
        ParameterType.DATETIME,
        ParameterType.ARRAY,
    ]


def test_defaults_and_schemas_are_json() -> None:
    by_name = {parameter.name: parameter for parameter in read(BASH)}

    assert (by_name["count"].default, by_name["count"].has_default) == (3, True)
    assert by_name["target"].has_default is False
    assert by_name["since"].default == "2026-11-25T19:00:00+00:00"
    assert by_name["since"].schema == {"type": "string"}
    assert by_name["count"].schema == {"type": "integer", "minimum": 1}
    assert by_name["mode"].schema == {"type": "string", "enum": ["fast", "safe"]}
    assert by_name["hosts"].schema == {"type": "array", "items": {"type": "string"}}


def test_lines_may_end_as_on_windows() -> None:
    assert read(BASH.replace(b"\n", b"\r\n")) == read(BASH)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("# /// farhand\n# [parameters.a]\necho hi\n", "has no end"),
        ("# /// farhand\n# ///\n# /// farhand\n# ///\n", "more than once"),
        ("#///farhand\n# [parameters.a]\n# ///\n", "has no end"),
    ],
)
def test_what_only_looks_like_a_block_is_refused(script: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        read(script.encode())


def test_a_mistake_is_named_by_its_line_in_the_script() -> None:
    script = b"#!/bin/bash\n\n# /// farhand\n# [parameters.a]\n# type = string\n# ///\n"

    with pytest.raises(InvalidRequest, match="at line 5, column 8"):
        read(script)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = problems(
        """
title = "x"

[parameters.1st]
type = "text"

[parameters.b]
required = "yes"
description = 7
secret = true
default = "hunter2"

[parameters.c]
pattern = "(a+)+$"

[parameters.d]
type = "integer"
default = "three"

[parameters.e]
type = "integer"
minimum = "low"
"""
    )

    assert 'only "parameters" is' in found["title"]
    assert "is no name" in found["parameters.1st"]
    assert found["parameters.1st.type"].startswith("is 'text'; it may be string, integer")
    assert found["parameters.b.required"] == "is true or false"
    assert found["parameters.b.description"] == "is no text"
    assert "would be no secret" in found["parameters.b.default"]
    assert "is not known" in found["parameters.c.pattern"]
    assert found["parameters.d.default"] == "'three' is not of type 'integer'"
    assert found["parameters.e.minimum"] == "'low' is not of type 'number'"


def test_a_schema_that_refers_elsewhere_is_refused() -> None:
    found = problems('[parameters.a]\ntype = "array"\nitems = { "$ref" = "http://x/y" }\n')

    assert list(found) == ["parameters.a.items.$ref"]


def test_fifty_parameters_are_enough() -> None:
    script = "".join(f"[parameters.p{number}]\n" for number in range(51))

    assert problems(script)["parameters"] == "are 51; a runbook may have 50"
