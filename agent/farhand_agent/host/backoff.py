"""How long to wait before something that died is started again."""


class Backoff:
    """Doubles with every death that follows soon; forgets after a life that was long enough."""

    def __init__(self, *, first: float = 0.1, most: float = 5.0) -> None:
        self._first = first
        self._most = most
        self._next = first

    def after(self, lived_seconds: float) -> float:
        """Seconds to wait now."""
        if lived_seconds > self._most:
            self._next = self._first
        wait = self._next
        self._next = min(2 * wait, self._most)
        return wait
