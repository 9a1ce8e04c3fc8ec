"""From frames to rows: whole entries, never more in one row than the largest entry has."""

from farhand_server.model.output import Chunk
from farhand_wire import limits
from farhand_wire import spool as spools


def cut(data: bytes, *, offset: int, lines_before: int) -> tuple[list[Chunk], int, int]:
    """Whole entries as rows of at most SPOOL_ENTRY_BYTES; with the lines and bytes of their
    streams. Raises SpoolError if `data` is not whole entries that can be read."""
    chunks: list[Chunk] = []
    start = lines = payload = chunk_lines = end = 0
    for entry in spools.entries(data):
        if entry.end - start > limits.SPOOL_ENTRY_BYTES and entry.start > start:
            chunks.append(_chunk(data, offset, start, entry.start, lines_before + chunk_lines))
            start, chunk_lines = entry.start, lines
        if entry.kind in spools.STREAMS:
            body = entry.start + spools.HEADER.size
            lines += data.count(b"\n", body, entry.end)
            payload += len(entry.payload)
        elif entry.kind is spools.Kind.OMITTED:
            spools.read_omitted(entry.payload)
        end = entry.end
    chunks.append(_chunk(data, offset, start, end, lines_before + chunk_lines))
    return chunks, lines, payload


def _chunk(data: bytes, offset: int, start: int, end: int, lines_before: int) -> Chunk:
    return Chunk(offset=offset + start, lines_before=lines_before, data=data[start:end])
