"""From frames to rows: whole entries, never more in one row than the largest entry has."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from farhand_server.model.output import Chunk, Extent
from farhand_wire import limits
from farhand_wire import spool as spools


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Rows, and what their streams hold."""

    chunks: Sequence[Chunk] = field(repr=False)
    lines: int
    records: int
    payload: int


def cut(data: bytes, before: Extent) -> Cut:
    """Whole entries as rows of at most SPOOL_ENTRY_BYTES, behind what is stored. Raises SpoolError
    if `data` is not whole entries that can be read."""
    chunks: list[Chunk] = []
    start = lines = records = payload = chunk_lines = chunk_records = end = 0
    for entry in spools.entries(data):
        if entry.end - start > limits.SPOOL_ENTRY_BYTES and entry.start > start:
            piece = data[start : entry.start]
            chunks.append(_chunk(piece, start, chunk_lines, chunk_records, before))
            start, chunk_lines, chunk_records = entry.start, lines, records
        if entry.kind in spools.STREAMS:
            body = entry.start + spools.HEADER.size
            lines += data.count(b"\n", body, entry.end)
            records += 1
            payload += len(entry.payload)
        elif entry.kind is spools.Kind.OMITTED:
            spools.read_omitted(entry.payload)
        end = entry.end
    chunks.append(_chunk(data[start:end], start, chunk_lines, chunk_records, before))
    return Cut(chunks=chunks, lines=lines, records=records, payload=payload)


def _chunk(data: bytes, start: int, lines: int, records: int, before: Extent) -> Chunk:
    return Chunk(
        offset=before.stored + start,
        lines_before=before.lines + lines,
        records_before=None if before.records is None else before.records + records,
        data=data,
    )
