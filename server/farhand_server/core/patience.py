"""How long the rules wait for what; one value, so that a test can be impatient."""

from dataclasses import dataclass

from farhand_wire import limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Durations in seconds."""

    heartbeat: float = limits.HEARTBEAT_SECONDS
    lease: float = limits.LEASE_SECONDS
    #: An offer without an answer is opened to the next member as well.
    offer: float = limits.OFFER_SECONDS
    #: A member heard within this, with a free slot, gets a grant without being asked; 0: never.
    warm: float = limits.WARM_SECONDS
    #: A member that refused a job is not asked for it again so soon.
    exclusion: float = 60.0
    #: Started is written down after this, unless the result came first.
    started: float = 0.05
    #: How long a worker has been missed is written down this often.
    absence: float = limits.ABSENCE_SECONDS
    #: A worker's last-seen time is written at most so often.
    last_seen: float = 60.0

    def heartbeat_for(self, workers: int) -> float:
        """Heartbeats are spread as the fleet grows."""
        return self.heartbeat + workers // limits.HEARTBEAT_WORKERS_PER_SECOND

    @property
    def boot_grace(self) -> float:
        """After a start, workers get this long to come back."""
        return 2 * self.lease
