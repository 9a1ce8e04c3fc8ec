"""Where the last lines of a job's output begin."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from farhand_server.model.output import Missing, SpoolId
from farhand_server.rpc.backend import Backend
from farhand_server.rpc.output import READ_BYTES, Wanted
from farhand_wire import spool as spools


@dataclass(frozen=True, slots=True)
class Piece:
    """One entry of a shown stream: where it begins, its newlines, whether it ends with one."""

    start: int
    newlines: int
    ends_line: bool


async def tail_offset(backend: Backend, spool: SpoolId, wanted: Wanted, lines: int) -> int:
    """The offset from which exactly the last `lines` lines of the wanted streams are read (all, if
    there are fewer). A last line without its newline counts. Where lines were left out in the
    middle, none before them is one of the last: then reading starts with what is missing."""
    asked, extent = lines, await backend.desk.extent(spool)
    while True:
        start = 0
        if asked < extent.lines:
            start = await backend.look(backend.queries.tail, spool, asked)
        start = max(start, extent.omitted_to)
        pieces = [piece async for piece in _scan(backend, spool, start, wanted)]
        surplus = sum(piece.newlines for piece in pieces) - lines
        if pieces and not pieces[-1].ends_line:
            surplus += 1
        if surplus > 0 or start == extent.omitted_to:
            break
        asked *= 4  # the first line may begin further back, or hidden streams stand between
    for piece in pieces:
        if 0 < surplus <= piece.newlines:
            return await _behind(backend, spool, piece, surplus)
        surplus -= piece.newlines
    return extent.omitted_from if extent.omitted_to else start


async def _scan(
    backend: Backend, spool: SpoolId, offset: int, wanted: Wanted
) -> AsyncIterator[Piece]:
    while chunks := await backend.desk.read(spool, offset, READ_BYTES):
        for chunk in chunks:
            for end, entry in chunk.contents():
                if isinstance(entry, Missing) or not wanted.shows(entry.kind):
                    continue
                start = end - len(entry.payload) - spools.HEADER.size
                if start >= offset and entry.payload:
                    text = bytes(entry.payload)
                    yield Piece(start, text.count(b"\n"), text.endswith(b"\n"))
        offset = chunks[-1].end


async def _behind(backend: Backend, spool: SpoolId, piece: Piece, newlines: int) -> int:
    """The offset behind so many newlines of an entry."""
    for chunk in await backend.desk.read(spool, piece.start, 1):
        for entry in spools.entries(chunk.data):
            if chunk.offset + entry.start == piece.start:
                text, at = bytes(entry.payload), 0
                for _ in range(newlines):
                    at = text.index(b"\n", at) + 1
                return piece.start + spools.HEADER.size + at
    return piece.start
