"""The records of a job's output: who wrote what, when, in which order."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from farhand_cli import wire, words
from farhand_cli.show import Format, document, fields

if TYPE_CHECKING:
    from farhand_wire.v1.job_pb2 import ReadJobOutputResponse

#: Widths of all columns but the last; no list is held to find them out.
_TIME, _NUMBER, _STREAM, _VERSION = 24, 8, 8, 7


def lines(answers: "Iterable[ReadJobOutputResponse]", format_: Format) -> Iterator[str]:
    """As a table, or as JSON or YAML. What is gone has a line of its own."""
    if format_ in (Format.TABLE, Format.NAME):
        yield _row("RECORD TIME", "SEQUENCE", "STREAM", "VERSION", "TEXT")
        yield from map(_line, answers)
    elif format_ is Format.JSONL:
        yield from (document(_fields(answer), format_) for answer in answers)
    else:
        yield document([_fields(answer) for answer in answers], format_)


def _line(answer: "ReadJobOutputResponse") -> str:
    if answer.HasField("omitted"):
        gone = answer.omitted.to_offset - answer.omitted.from_offset
        return _row("", "", "", "", f"{gone:,} bytes are gone: {answer.omitted.reason}")
    told = _fields(answer)
    number, version = told["sequence"], told["runbookVersion"]
    return _row(
        told["recordTime"],
        "-" if number is None else str(number),
        told["stream"],
        f"v{version}" if version else "draft",
        told["text"].rstrip("\n"),
    )


def _row(time: str, number: str, stream: str, version: str, text: str) -> str:
    first = f"{time:<{_TIME}}  {number:>{_NUMBER}}  {stream:<{_STREAM}}  {version:<{_VERSION}}"
    return f"{first}  {words.plain(text)}".rstrip()


def _fields(answer: "ReadJobOutputResponse") -> dict[str, Any]:
    """What Azure says of a record; whole numbers are numbers."""
    if answer.HasField("omitted"):
        return fields(answer)
    record = answer.output
    stream: str = wire.job.JobStream.Name(record.stream)
    return {
        "recordTime": fields(record).get("time", ""),
        "attempt": record.next.attempt,
        "sequence": record.sequence if record.HasField("sequence") else None,
        "stream": stream.removeprefix("JOB_STREAM_").lower(),
        "runbookVersion": record.runbook_version,
        "text": record.text,
    }
