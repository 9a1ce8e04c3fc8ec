"""A refusal as a status: code, text, ErrorInfo, bad fields; never more than headers may hold."""

import grpc
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

from farhand_server.errors import InvalidRequest, Kind, Refusal, RunbookNotFound, Violation
from farhand_server.rpc.status import CODES, status


def every(kind: type[Refusal]) -> set[type[Refusal]]:
    return {kind}.union(*(every(child) for child in kind.__subclasses__()))


def test_every_kind_of_refusal_has_its_code() -> None:
    assert set(CODES) == set(Kind)
    assert grpc.StatusCode.UNKNOWN not in CODES.values()


def test_words_and_fields_travel_in_error_info() -> None:
    refusal = RunbookNotFound(
        'no runbook "x"', why="it was deleted", do="farhand runbook list", runbook="x"
    )
    answer = status(refusal)
    info = error_details_pb2.ErrorInfo()
    answer.details[0].Unpack(info)

    assert answer.code == grpc.StatusCode.NOT_FOUND.value[0]
    assert answer.message == 'no runbook "x"'
    assert (info.reason, info.domain) == ("RUNBOOK_NOT_FOUND", "farhand.dev")
    assert dict(info.metadata) == {
        "why": "it was deleted",
        "do": "farhand runbook list",
        "runbook": "x",
    }


def test_violations_become_a_bad_request() -> None:
    violations = [Violation(field="a", problem="is bad"), Violation(field="b", problem="is worse")]
    answer = status(InvalidRequest(violations))
    bad = error_details_pb2.BadRequest()
    answer.details[1].Unpack(bad)

    assert [(v.field, v.description) for v in bad.field_violations] == [
        ("a", "is bad"),
        ("b", "is worse"),
    ]


def test_a_status_always_fits_into_headers() -> None:
    long = [Violation(field="f" * 5_000, problem="p" * 5_000) for _ in range(1_000)]
    answers = [status(InvalidRequest(long)), status(Refusal("m" * 9_999, why="w" * 9_999))]

    assert all(answer.ByteSize() < 16 * 1024 for answer in answers)


@pytest.mark.parametrize("kind", sorted(every(Refusal), key=str))
def test_reasons_are_upper_case_words(kind: type[Refusal]) -> None:
    refusal = InvalidRequest([Violation(field="x", problem="y")])
    shown = refusal if kind is InvalidRequest else kind("text")

    assert shown.reason.replace("_", "").isupper()
