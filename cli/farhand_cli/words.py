"""The words of the command: states, durations, sizes and times as people read them."""

import enum
from dataclasses import dataclass
from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60, 3600, 86400


class Tone(enum.Enum):
    """What a state means for its reader; the value is the colour of it."""

    GOOD = "green"
    BAD = "red"
    ACTIVE = "blue"
    WARN = "yellow"
    IDLE = "bright_black"


@dataclass(frozen=True, slots=True)
class State:
    """A state as people see it: shape, word and tone, so that no reader needs all three."""

    mark: str
    word: str
    tone: Tone


#: Azure's job states.
JOB_STATES = {
    "NEW": State("..", "queued", Tone.IDLE),
    "ACTIVATING": State(">", "starting", Tone.ACTIVE),
    "RUNNING": State(">", "running", Tone.ACTIVE),
    "COMPLETED": State("ok", "completed", Tone.GOOD),
    "FAILED": State("x", "failed", Tone.BAD),
    "STOPPED": State("stop", "stopped", Tone.IDLE),
    "BLOCKED": State("..", "waiting", Tone.WARN),
    "SUSPENDED": State("||", "suspended", Tone.WARN),
    "DISCONNECTED": State("?", "out of contact", Tone.WARN),
    "SUSPENDING": State("||", "suspending", Tone.ACTIVE),
    "STOPPING": State("stop", "stopping", Tone.ACTIVE),
    "RESUMING": State(">", "resuming", Tone.ACTIVE),
    "REMOVING": State("-", "removing", Tone.IDLE),
}

WORKER_STATES = {
    "ONLINE": State("*", "connected", Tone.GOOD),
    "OFFLINE": State("!", "out of contact", Tone.WARN),
    "DRAINING": State("-", "draining", Tone.IDLE),
    "CONFLICT": State("!", "conflict", Tone.BAD),
    "HELD_BACK": State("!", "held back", Tone.BAD),
}

RUNBOOK_STATES = {
    "NEW": State("+", "draft only", Tone.IDLE),
    "PUBLISHED": State("ok", "published", Tone.GOOD),
    "EDIT": State("+", "published, draft differs", Tone.WARN),
}


def state(states: dict[str, State], name: str) -> State:
    """The state of a name that a newer server may have and this table may not."""
    return states.get(name) or State("-", name.lower(), Tone.IDLE)


def named(states: dict[str, State], text: str) -> str | None:
    """The state that someone typed: Azure's name or the word that is shown."""
    wanted = text.strip().lower().replace("-", " ")
    return next(
        (name for name, shown in states.items() if wanted in (name.lower(), shown.word)), None
    )


def plain(text: str) -> str:
    """`text` as one line that cannot move a cursor: what a server or a host sent is not trusted."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " for c in text)


def count(number: int, noun: str) -> str:
    """`1 job`, `2 jobs`, `9,871 lines`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """Bytes in decimal units: `912 KB`, `1.2 GB`."""
    value, unit = float(number), "B"
    for larger in ("KB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}" if unit != "B" and value < 9.95 else f"{value:.0f} {unit}"


def duration(seconds: float) -> str:
    """`1:12` below an hour, then `4 h 31 min`."""
    whole = max(0, int(seconds))
    if whole < HOUR:
        return f"{whole // MINUTE}:{whole % MINUTE:02}"
    return f"{whole // HOUR:,} h {whole % HOUR // MINUTE} min"


def span(seconds: float) -> str:
    """A duration that is over, with tenths while they matter: `10.2 s`."""
    return f"{max(0.0, seconds):.1f} s" if seconds < MINUTE else duration(seconds)


def ago(then: datetime, now: datetime) -> str:
    """`41 min ago`; after a day the local time itself, with its zone."""
    seconds = int((now - then).total_seconds())
    if seconds >= DAY:
        return local(then)
    if seconds >= HOUR:
        return f"{seconds // HOUR} h ago"
    if seconds >= MINUTE:
        return f"{seconds // MINUTE} min ago"
    return f"{max(0, seconds)} s ago"


def local(moment: datetime) -> str:
    """A moment in the zone of the reader, the zone named."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M %Z")


def rfc3339(moment: datetime) -> str:
    """A moment for programs: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
