"""How long `make chaos` may take, and by which chance."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MINUTES = 30.0
#: Of the time that there is; the rest is for the crash points, which take what they need.
SHARES = {"seeds": 0.15, "databases": 0.05, "hypothesis": 0.08, "explorer": 0.2, "real": 0.5}
#: Of the real part: to come up, to come to rest and to be judged.
REST_SECONDS = 120.0
#: Less than this under fire proves nothing.
FIRE_SECONDS_LEAST = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What was asked for."""

    minutes: float
    seed: int
    #: Where the report goes as Markdown.
    report: Path | None = None

    def seconds(self, part: str) -> float:
        """The share of a part."""
        return self.minutes * 60 * SHARES[part]

    @property
    def fire_seconds(self) -> float:
        """How long real processes are under fire."""
        return max(FIRE_SECONDS_LEAST, self.seconds("real") - REST_SECONDS)

    @property
    def first_seed(self) -> int:
        """Simulated worlds of another run are others."""
        return self.seed * 1_000_000


def budget(environ: Mapping[str, str]) -> Budget:
    """From CHAOS_MINUTES, CHAOS_SEED and CHAOS_REPORT. Raises ValueError."""
    minutes = float(environ.get("CHAOS_MINUTES") or MINUTES)
    if minutes <= 0:
        raise ValueError(f"CHAOS_MINUTES is {minutes:g}; it must be above 0")
    seed = environ.get("CHAOS_SEED")
    report = environ.get("CHAOS_REPORT")
    return Budget(
        minutes=minutes,
        seed=int(seed) if seed else secrets.randbelow(1_000_000),
        report=Path(report) if report else None,
    )
