"""A proxy on the way that ends every stream after so many bytes, and how one finds out."""

from collections import deque

#: So many streams in a row are no accident.
STREAMS = 3
#: Streams that carried less end for other reasons.
LEAST_BYTES = 64 * 1024
#: What was under way when a stream broke off differs by some messages: these are the same number.
SPREAD = 1.5


class Ceiling:
    """Looks at how much went over each stream that broke off."""

    def __init__(self) -> None:
        self._ends: deque[int] = deque(maxlen=STREAMS)
        self._told = False

    def explains(self, sent_bytes: int) -> bool:
        """Whether the stream that broke off just now did so because of its bytes."""
        self._ends.append(sent_bytes)
        least, most = min(self._ends), max(self._ends)
        return len(self._ends) == STREAMS and least >= LEAST_BYTES and most <= SPREAD * least

    def words(self) -> str:
        """What to tell people, the first time; nothing later."""
        if self._told:
            return ""
        self._told = True
        return (
            f"streams break off after about {max(self._ends) / 2**20:.1f} MiB: a proxy on the way "
            "bounds the body of a request; nothing is lost, but large outputs take longer; "
            "do: set client_max_body_size 0 (nginx), as deploy/nginx.conf does"
        )
