"""What requests may hold: names, ids, pages, parameters; all violations at once."""

from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from farhand_server.errors import InvalidRequest
from farhand_server.rpc import values
from farhand_server.rpc.auth import POLICIES, Policy
from farhand_server.rpc.rules import Inside, Masks, On
from farhand_server.rpc.validate import RULES, Part, check, problems
from farhand_wire import limits
from farhand_wire.v1 import (
    account_pb2,
    asset_pb2,
    hybrid_worker_group_pb2,
    hybrid_worker_pb2,
    job_pb2,
    runbook_pb2,
)

FILES = (
    account_pb2,
    asset_pb2,
    hybrid_worker_group_pb2,
    hybrid_worker_pb2,
    job_pb2,
    runbook_pb2,
)
RULED = (On, Part, Inside, Masks)
JOB = "018f2b3c-0000-7000-8000-00000000dead"
#: Fields with a rule that looks at more than one of them.
TOGETHER = {("StartJobRequest", "parameter_order")} | {
    (request, "from") for request in ("ReadJobOutputRequest", "FollowJobOutputRequest")
}


def start(**values: Any) -> job_pb2.StartJobRequest:
    made = job_pb2.StartJobRequest(runbook="hello", run_on="demo", job_id=JOB)
    made.parameters.update(values.pop("parameters", {}))
    made.MergeFrom(job_pb2.StartJobRequest(**values))
    return made


def fields(message: Message) -> set[str]:
    return {violation.field for violation in problems(message)}


def requests() -> list[type[Message]]:
    """Requests of every method of operators."""
    found = []
    for file in FILES:
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                if POLICIES[f"/{service.full_name}/{method.name}"] is Policy.OPERATOR:
                    found.append(getattr(file, method.input_type.name))
    return found


@pytest.mark.parametrize("request_type", requests(), ids=lambda kind: kind.DESCRIPTOR.name)
def test_every_field_of_every_request_has_a_rule(request_type: type[Message]) -> None:
    ruled = {rule.field for rule in RULES.get(request_type, ()) if isinstance(rule, RULED)}
    name = request_type.DESCRIPTOR.name
    free = {
        field.name
        for field in request_type.DESCRIPTOR.fields
        if field.type == FieldDescriptor.TYPE_BOOL or (name, field.name) in TOGETHER
    }

    assert {field.name for field in request_type.DESCRIPTOR.fields} == ruled | free


def test_every_violation_is_told_at_once() -> None:
    bad = job_pb2.StartJobRequest(runbook="1st", run_on="a b", job_id="x", parameter_order=["a"])
    with pytest.raises(InvalidRequest) as caught:
        check(bad)

    assert {violation.field for violation in caught.value.violations} == {
        "runbook",
        "run_on",
        "job_id",
        "parameter_order[0]",
    }
    assert "nothing was done" in caught.value.message


def test_a_job_need_not_name_a_group() -> None:
    check(job_pb2.StartJobRequest(runbook="hello"))


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,62}", fullmatch=True))
def test_azures_runbook_names_are_taken(name: str) -> None:
    assert fields(runbook_pb2.GetRunbookRequest(runbook=name)) == set()


@given(st.text(max_size=80))
def test_runbook_names_hold_nothing_that_is_not_plain(name: str) -> None:
    taken = not fields(runbook_pb2.GetRunbookRequest(runbook=name))
    plain = name.isascii() and name.replace("_", "").replace("-", "").isalnum()

    assert taken == (plain and name[:1].isalpha() and len(name) <= 63)


@pytest.mark.parametrize("name", ["a b", "../x", "a\n", "ä", "-a", ".a", "a" * 65, "a/b", "a\0"])
def test_group_and_worker_names_never_reach_a_path_or_a_terminal(name: str) -> None:
    assert fields(hybrid_worker_group_pb2.CreateHybridWorkerGroupRequest(name=name)) == {"name"}
    assert fields(hybrid_worker_pb2.GetHybridWorkerRequest(worker=name)) == {"worker"}


@given(st.integers(min_value=-(2**31), max_value=2**31 - 1))
def test_pages_have_one_to_a_thousand_rows(size: int) -> None:
    refused = fields(job_pb2.ListJobsRequest(page_size=size)) == {"page_size"}

    assert refused == (not 0 <= size <= limits.PAGE_SIZE_MOST)


@pytest.mark.parametrize("token", ["x y", "1; drop", "9" * 19, "-1"])
def test_a_page_token_is_one_that_was_given(token: str) -> None:
    assert fields(job_pb2.ListJobsRequest(page_token=token)) == {"page_token"}


@pytest.mark.parametrize(
    "parameters",
    [
        {f"p{n}": 1 for n in range(51)},
        {"1st": 1},
        {"with-dash": 1},
        {"": 1},
        {"a" * 64: 1},
        {"text": "x" * (512 * 1024)},
        {"text": "a\0b"},
        {"nested": {"text": ["\0"]}, "plain": "\0"},
    ],
    ids=lambda parameters: next(iter(parameters))[:8],
)
def test_parameters_have_limits(parameters: dict[str, Any]) -> None:
    assert fields(start(parameters=parameters)) == {"parameters"}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_cannot_say_are_refused(number: float) -> None:
    assert fields(start(parameters={"n": number})) == {"parameters"}


def test_fifty_parameters_of_half_a_megabyte_are_taken() -> None:
    many = {f"p{n}": "x" * 10_000 for n in range(50)}

    assert fields(start(parameters=many)) == set()


def test_positional_order_names_each_parameter_once() -> None:
    request = start(parameters={"a": 1, "b": 2}, parameter_order=["a", "a", "c"])

    assert fields(request) == {"parameter_order[1]", "parameter_order[2]"}


def test_the_tail_or_from_a_place_but_not_both() -> None:
    request = job_pb2.FollowJobOutputRequest(job_id=JOB, tail_lines=5)
    getattr(request, "from").offset = 1

    assert fields(request) == {"tail_lines"}


def test_a_place_cannot_be_negative() -> None:
    request = job_pb2.ReadJobOutputRequest(job_id=JOB)
    getattr(request, "from").offset = -1

    assert fields(request) == {"from.offset"}


@pytest.mark.parametrize("network", ["10.0.0.0/8", "10.1.2.3", "::1/128"])
def test_networks_are_taken(network: str) -> None:
    assert values.cidr(network) == ""


@pytest.mark.parametrize("network", ["10.0.0.1/8", "x", "", "10.0.0.0/33"])
def test_what_is_not_a_network_is_refused(network: str) -> None:
    request = account_pb2.CreateRegistrationTokenRequest(group="demo", cidrs=[network])

    assert fields(request) == {"cidrs[0]"}


@pytest.mark.parametrize(
    ("seconds", "taken"), [(1, True), (30 * 86400, True), (-1, False), (31 * 86400, False)]
)
def test_tokens_live_for_a_month_at_most(seconds: int, taken: bool) -> None:
    request = account_pb2.CreateRegistrationTokenRequest(group="demo")
    request.ttl.FromSeconds(seconds)

    assert (fields(request) == set()) == taken


def test_a_type_and_a_script_are_asked_for() -> None:
    assert fields(runbook_pb2.ImportRunbookRequest(name="x")) == {"type", "content"}


def test_an_enum_of_a_later_version_is_refused() -> None:
    request = job_pb2.ListJobsRequest()
    request.MergeFromString(b"\x18\x63")  # statuses: 99

    assert fields(request) == {"statuses[0]"}
