"""What the card of a job that is over says of its output: how much, and whether it is all there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from farhand_cli import wire
from farhand_cli.outcome import is_final
from farhand_cli.session import Session
from farhand_cli.show import Format, View, fields
from farhand_cli.table import Column
from farhand_cli.words import count

if TYPE_CHECKING:
    from farhand_wire.v1.job_pb2 import Job, JobReceipt, StreamReceipt


@dataclass(frozen=True, kw_only=True)
class Receipted:
    """A job, with the receipt of its last attempt if it is over and had one."""

    job: "Job"
    receipts: "Sequence[JobReceipt]" = ()


def receipted(session: Session, job: "Job") -> Receipted:
    """Asks for the receipt; the job is shown all the same where there is none to be had."""
    if not is_final(job) or session.format is Format.NAME:
        return Receipted(job=job)
    import grpc

    request = wire.job.GetJobReceiptRequest(job_id=job.job_id)
    try:
        return Receipted(job=job, receipts=session.api.jobs.GetJobReceipt(request).receipts)
    except grpc.RpcError as error:
        if cast(grpc.Call, error).code() is not grpc.StatusCode.UNIMPLEMENTED:
            raise
        return Receipted(job=job)  # the server is older than this command


def with_receipt(view: "View[Job]") -> View[Receipted]:
    """The view of one job, and the receipt behind it."""
    return View(
        name=lambda shown: view.name(shown.job),
        columns=(),
        card=(
            *(_of_job(column) for column in view.card),
            Column("RECEIPT", lambda shown, _: "; ".join(_parts(shown.receipts))),
        ),
        fields=lambda shown: {
            **view.fields(shown.job),
            "receipts": [fields(receipt) for receipt in shown.receipts],
        },
    )


def _of_job(column: "Column[Job]") -> Column[Receipted]:
    return Column(column.title, lambda shown, manner: column.cell(shown.job, manner))


def _parts(receipts: "Sequence[JobReceipt]") -> Iterator[str]:
    for receipt in receipts:
        yield from (_stream(stream) for stream in receipt.streams)
        yield "verified" if receipt.verified else f"NOT VERIFIED: {receipt.why}"


def _stream(stream: "StreamReceipt") -> str:
    name = wire.job.JobStream.Name(stream.stream).removeprefix("JOB_STREAM_").lower()
    if not stream.bytes:
        return f"{name} 0 B"
    hashed = f" sha256 {stream.sha256}" if stream.sha256 else ""
    return f"{name} {count(stream.lines, 'line')} {stream.bytes:,} B{hashed}"
