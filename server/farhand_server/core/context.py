"""What a rule is given: the open transaction, the volatile truth, the moment, chance."""

from dataclasses import dataclass

from farhand_server.core.faults import Faults
from farhand_server.core.live import Live
from farhand_server.core.patience import Patience
from farhand_server.core.ports import Chance, Tx, Vault
from farhand_server.model.clock import Instant, Now


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """For one event."""

    tx: Tx
    live: Live
    faults: Faults
    now: Now
    chance: Chance
    patience: Patience
    vault: Vault

    def alarm_in(self, seconds: float) -> Instant:
        """Asks to be woken then; gives the moment."""
        return self.alarm_at(self.now.instant + seconds)

    def alarm_at(self, moment: float) -> Instant:
        """The same for a moment that was reckoned from another one, and may be over."""
        at = Instant(moment)
        self.live.alarm(at)
        return at
