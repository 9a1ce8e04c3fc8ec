"""The newest chunks of the spools that move: what followers of running jobs read."""

from collections import OrderedDict, deque
from collections.abc import Sequence

from farhand_server.model.identifiers import JobId
from farhand_server.model.output import Chunk, Extent, SpoolId

SPOOL_BYTES = 512 * 1024
SPOOLS = 256


class ChunkCache:
    """At most `SPOOL_BYTES` of each of the `SPOOLS` spools that moved last."""

    def __init__(self) -> None:
        self._spools: OrderedDict[SpoolId, deque[Chunk]] = OrderedDict()
        self._extents: dict[SpoolId, Extent] = {}

    def add(self, spool: SpoolId, chunks: Sequence[Chunk], extent: Extent) -> None:
        """Chunks that follow those before, and how much is stored with them; a gap forgets the
        older ones."""
        if not chunks:
            return
        self._extents[spool] = extent
        held = self._spools.setdefault(spool, deque())
        self._spools.move_to_end(spool)
        if held and held[-1].end != chunks[0].offset:
            held.clear()
        held.extend(chunks)
        while len(held) > 1 and held[-1].end - held[1].offset >= SPOOL_BYTES:
            held.popleft()
        if len(self._spools) > SPOOLS:
            oldest, _ = self._spools.popitem(last=False)
            del self._extents[oldest]

    def forget(self, job: JobId) -> None:
        """Nothing of it is stored any more."""
        for spool in [spool for spool in self._spools if spool.job == job]:
            del self._spools[spool], self._extents[spool]

    def extent(self, spool: SpoolId) -> Extent | None:
        """How much of it is stored; None when the cache does not know."""
        return self._extents.get(spool)

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
