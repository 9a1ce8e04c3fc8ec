"""The newest chunks of the spools that move: what followers of running jobs read."""

from collections import OrderedDict, deque
from collections.abc import Sequence

from farhand_server.model.output import Chunk, SpoolId

SPOOL_BYTES = 512 * 1024
SPOOLS = 256


class ChunkCache:
    """At most `SPOOL_BYTES` of each of the `SPOOLS` spools that moved last."""

    def __init__(self) -> None:
        self._spools: OrderedDict[SpoolId, deque[Chunk]] = OrderedDict()

    def add(self, spool: SpoolId, chunks: Sequence[Chunk]) -> None:
        """Chunks that follow those before; a gap forgets the older ones."""
        if not chunks:
            return
        held = self._spools.setdefault(spool, deque())
        self._spools.move_to_end(spool)
        if held and held[-1].end != chunks[0].offset:
            held.clear()
        held.extend(chunks)
        while len(held) > 1 and held[-1].end - held[1].offset >= SPOOL_BYTES:
            held.popleft()
        if len(self._spools) > SPOOLS:
            self._spools.popitem(last=False)

    def read(self, spool: SpoolId, offset: int, most: int) -> Sequence[Chunk] | None:
        """Chunks from the one that holds `offset`, about `most` bytes of them; empty at the end of
        what is stored; None when the cache does not know."""
        held = self._spools.get(spool)
        if not held or offset < held[0].offset or offset > held[-1].end:
            return None
        found: list[Chunk] = []
        size = 0
        for chunk in held:
            if chunk.end > offset and size < most:
                found.append(chunk)
                size += len(chunk.data)
        return found
