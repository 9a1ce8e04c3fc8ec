"""Values go through the whole of it and come back as they were: parameters from the command to
scripts, variables from one job to another."""

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.acceptance.conftest import Deployment
from tests.support.operator import Operator
from tests.support.values import TEXT, TRAPS, VALUE

from farhand_wire import limits
from farhand_wire.v1 import asset_pb2, asset_pb2_grpc

#: Each example is three jobs. Smaller ones would not be easier to read: a value is a line.
few = settings(
    max_examples=4,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
#: Variables that jobs set and read.
NAMES = [f"v{number:02}" for number in range(20)]

SHOW = {
    ".sh": """
for each in "$@"; do printf %s "$each" | base64 -w0; echo; done
base64 -w0 "$FARHAND_PARAMETERS"; echo
""",
    ".py": """
import base64, json, os, sys
import farhand_job

for each in sys.argv[1:]:
    print(base64.b64encode(os.fsencode(each)).decode())
print(base64.b64encode(json.dumps(farhand_job.parameters()).encode()).decode())
""",
}


def lines(deployment: Deployment, name: str, parameters: dict[str, Any]) -> list[str]:
    """What a runbook prints, in base64, line by line."""
    done = deployment.call(
        *("farhand", "start", name, "--run-on", "demo", "--follow", "--params", "-"),
        stdin=json.dumps(parameters).encode(),
    )
    assert done.code == 0, (done.out, done.err)
    return [base64.b64decode(line).decode() for line in done.out.splitlines()]


@pytest.mark.parametrize("ending", SHOW)
def test_parameters_arrive_as_they_were_given(deployment: Deployment, ending: str) -> None:
    values: list[Any] = [*TRAPS, 2**53, 0.1, -1e300, True, None, [[], {}], {"a": {'"': [1, "ü"]}}]
    named: dict[str, Any] = {f"p{number:02}": value for number, value in enumerate(values)}
    room = limits.PARAMETERS_BYTES - len(json.dumps(named).encode())
    big = ["x" * 100] * (min(room, 120 * 1024) // 104)
    named |= {"list": big, "rest": ["y" * 1000] * (300 * 1024 // 1004)}
    deployment.publish(f"show-{ending[1:]}", SHOW[ending], ending=ending)
    *arguments, typed = lines(deployment, f"show-{ending[1:]}", named)

    assert json.loads(typed) == named
    for text, value in zip(arguments[:-1], [*values, big], strict=True):
        assert text == value if isinstance(value, str) else json.loads(text) == value
    assert arguments[-1] == "", "longer than any argument"


SET = """
import automationassets, farhand_job

for name, value in farhand_job.parameters().items():
    automationassets.set_automation_variable(name, value)
# What no parameter can say.
automationassets.set_automation_variable("exact", [2**53 + 1, 10**300, 1e-320])
"""
READ = {
    ".py": """
import automationassets, base64, json, farhand_job

for name in farhand_job.parameters()["names"]:
    text = json.dumps(automationassets.get_automation_variable(name))
    print(base64.b64encode(text.encode()).decode(), flush=True)
""",
    ".sh": """
for name in $1; do farhand-asset get variable "$name" | base64 -w0; echo; done
""",
}


@pytest.fixture(scope="module")
def kept(deployment: Deployment) -> Deployment:
    """With variables, and runbooks for them."""
    operator = Operator(deployment.contexts)
    create = asset_pb2_grpc.AssetServiceStub(operator.channel).CreateVariable
    for name in (*NAMES, "exact"):
        variable = asset_pb2.Variable(name=name, value={"bool_value": True})
        request = asset_pb2.CreateVariableRequest(variable=variable)
        create(request, metadata=operator.metadata, timeout=30)
    operator.close()
    deployment.publish("set", SET, ending=".py")
    for ending, script in READ.items():
        deployment.publish(f"read-{ending[1:]}", script, ending=ending)
    return deployment


@few
@given(values=st.lists(VALUE | TEXT, min_size=len(NAMES), max_size=len(NAMES)))
def test_what_one_job_sets_others_read_as_it_was(kept: Deployment, values: list[Any]) -> None:
    assert lines(kept, "set", dict(zip(NAMES, values, strict=True))) == []
    names = [*NAMES, "exact"]
    typed = [json.loads(line) for line in lines(kept, "read-py", {"names": names})]
    written = lines(kept, "read-sh", {"names": " ".join(names)})

    values = [*values, [2**53 + 1, 10**300, 1e-320]]
    assert typed == values
    assert [type(found) is bool for found in typed] == [type(value) is bool for value in values]
    assert len(kept.farhand("-o", "name", "variable", "list").out.split()) == len(names)
    for line, value in zip(written, values, strict=True):
        text = line.removesuffix("\n")
        assert text == value if isinstance(value, str) else json.loads(text) == value


BY_COMMAND = """
set -e
python3 -c 'import farhand_job; print(end=farhand_job.parameters()["text"])' |
    farhand-asset set variable v00 -
python3 -c 'import farhand_job, json; print(json.dumps(farhand_job.parameters()["list"]))' |
    farhand-asset set variable v01 --json -
farhand-asset set variable v02 "$3"
"""


def test_what_a_command_sets_is_read_as_it_was(kept: Deployment) -> None:
    kept.publish("by-command", BY_COMMAND)
    text, values = "\n".join(TRAPS), [*TRAPS, 2**53, 0.1, None, {"a": [True]}]
    # Positions are those of the names, in their order.
    given = {"list": values, "text": text, "word": "a 'b' \"c\" $(d) `e`; \\ ü\n\n"}
    assert lines(kept, "by-command", given) == []
    names = {"names": ["v00", "v01", "v02"]}
    found = [json.loads(line) for line in lines(kept, "read-py", names)]

    assert found == [text, values, given["word"]]


PARENT = """
import farhand_job

given = dict(farhand_job.parameters(), exact=[2**53 + 1, 10**300, 1e-320])
child = farhand_job.start(given.pop("child"), given, run_on="demo").wait(60)
print(child.output(), end="")
"""


@pytest.mark.parametrize("ending", SHOW)
def test_a_child_gets_what_its_parent_gave_in_that_order(
    deployment: Deployment, ending: str
) -> None:
    values: list[Any] = [*TRAPS[:30], 0.1, True, None, [[], {}], {"a": {'"': [1, "ü"]}}]
    named = {f"p{number:02}": value for number, value in enumerate(values)}
    child = f"child-{ending[1:]}"
    deployment.publish(child, SHOW[ending], ending=ending)
    deployment.publish("parent", PARENT, ending=".py")
    *arguments, typed = lines(deployment, "parent", {"child": child, **named})

    exact = [2**53 + 1, 10**300, 1e-320]
    assert json.loads(typed) == {**named, "exact": exact}
    for text, value in zip(arguments, [*values, exact], strict=True):
        assert text == value if isinstance(value, str) else json.loads(text) == value


REFUSED = """
import automationassets, farhand_job

deep = 1
for _ in range(40):
    deep = [deep]
for value in (10**400, {"a": [deep]}):
    try:
        automationassets.set_automation_variable("exact", value)
    except automationassets.AutomationAssetException as error:
        print(error)
    try:
        farhand_job.start("set", {"a": value}, run_on="demo")
    except farhand_job.JobError as error:
        print(error)
"""


def test_what_nobody_could_be_shown_is_refused_where_a_job_says_it(kept: Deployment) -> None:
    kept.publish("refused", REFUSED, ending=".py")
    done = kept.farhand("start", "refused", "--run-on", "demo", "--follow")

    assert done.code == 0, done.err
    assert done.out.count(b"a number that is too large") == 2
    assert done.out.count(b"nested more than 32 deep") == 2
    for noun in ("variable", "job"):
        assert kept.farhand(noun, "list").code == 0
