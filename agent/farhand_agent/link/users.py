"""Users are looked up beside the event loop: a directory service may need long, or hang."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from farhand_agent.host.users import JobUser, find_user, unanswered, unknown
from farhand_wire import limits

#: A directory service that needs longer than this counts as silent: an offer must be answered in
#: time, and it is made again soon. By then the answer may be in the service's cache.
LOOKUP_SECONDS = 0.8 * limits.OFFER_SECONDS
#: Look-ups at once, those included that hang: a thread cannot be ended from outside.
LOOKUPS = 8


class Unanswered(Exception):
    """Whether there is such a user is not known at this moment; for people."""


class Users:
    """Whom this host knows."""

    def __init__(
        self,
        *,
        find: Callable[[str], JobUser | None] = find_user,
        seconds: float = LOOKUP_SECONDS,
    ) -> None:
        self._find = find
        self._seconds = seconds
        self._room = threading.BoundedSemaphore(LOOKUPS)

    async def refusal(self, name: str) -> str:
        """Why no job can run as that user here; empty if one may. Raises Unanswered."""
        if not self._room.acquire(blocking=False):
            raise Unanswered(unanswered(name))
        loop = asyncio.get_running_loop()
        found: asyncio.Future[str] = loop.create_future()

        def look() -> None:
            try:
                answer = "" if self._find(name) else unknown(name)
            except OSError as error:
                answer = f'user "{name}" could not be looked up: {error.strerror}'
            finally:
                self._room.release()
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(_settle, found, answer)

        threading.Thread(target=look, daemon=True, name="user look-up").start()
        try:
            async with asyncio.timeout(self._seconds):
                return await found
        except TimeoutError:
            raise Unanswered(unanswered(name)) from None


def _settle(found: "asyncio.Future[str]", answer: str) -> None:
    if not found.done():
        found.set_result(answer)
