"""One transaction for everything that waits: events through the rules, commit, effects out.

Nothing that promises leaves before its commit; effects that promise nothing leave at once, so that
an offer overlaps the commit of its job. A commit that failed, or may have, is treated as a crash:
streams end, what was volatile is forgotten, agents return and tell what they know. So is a rule
that fails, which is a bug; the worker whose event it failed at is remembered.
"""

from collections.abc import Callable, Sequence

import structlog

from farhand_server.core import Core
from farhand_server.core.effects import Effect, Send
from farhand_server.core.events import Event
from farhand_server.engine.ports import Clock, StateStore
from farhand_server.errors import ConstraintBroken, OutcomeUnknown, StoreDamaged
from farhand_server.model.clock import Instant, Now

log = structlog.get_logger("farhand.engine")

#: After a failure the rows are read again this soon, if nothing happens before.
AGAIN_SECONDS = 0.2


class Turns:
    """Takes batches of events. Synchronous: one caller at a time."""

    def __init__(
        self,
        *,
        core: Core,
        clock: Clock,
        release: Callable[[Sequence[Effect]], None],
        start_over: Callable[[], None],
    ) -> None:
        """`release` gets effects when they may leave; `start_over` hears of a failure."""
        self._core = core
        self._clock = clock
        self._release = release
        self._start_over = start_over
        self._begun = False
        #: What the rules are busy with; None: they are not to blame.
        self._handled: Event | None = None

    def take(self, store: StateStore, batch: Sequence[Event]) -> None:
        """Handles a batch in one transaction. Failures end in `start_over`; only StoreDamaged is
        raised: what nobody can decide on must not be decided on."""
        late: list[Effect] = []
        try:
            with store.transaction() as tx:
                if not self._begun:
                    late += self._core.begin(tx, self.now())
                for event in batch:
                    self._handled = event
                    late += self._early(self._core.handle(event, tx, self.now()))
                self._handled = None
        except ConstraintBroken:
            self._rule_failed()
        except StoreDamaged:
            raise
        except OutcomeUnknown:
            log.exception("commit failed; starting over")
            self._forget()
        except Exception:
            self._rule_failed()
        else:
            self._begun = True
            if late:
                self._release(late)

    def patience(self) -> float | None:
        """Seconds until a Tick is wanted; None: not before something else happens."""
        if not self._begun:
            return AGAIN_SECONDS
        until = self._core.next_due()
        return None if until is None else max(0.0, until - self._clock.monotonic())

    def due(self) -> bool:
        """Whether a Tick is wanted by now."""
        return self._core.due(self.now().instant)

    def now(self) -> Now:
        return Now(instant=Instant(self._clock.monotonic()), unix_ms=self._clock.unix_ms())

    def _early(self, effects: list[Effect]) -> list[Effect]:
        """Releases what promises nothing; gives the rest."""
        early = [e for e in effects if isinstance(e, Send) and not e.promises]
        if not early:
            return effects
        self._release(early)
        return [e for e in effects if not (isinstance(e, Send) and not e.promises)]

    def _rule_failed(self) -> None:
        """Nothing of the batch was written, and Live may be half changed."""
        event = self._handled
        worker = None if event is None else self._core.blame(event)
        log.exception("a rule failed; starting over", at=type(event).__name__, worker=worker)
        self._forget()

    def _forget(self) -> None:
        self._handled = None
        self._core.forget()
        self._begun = False
        self._start_over()
