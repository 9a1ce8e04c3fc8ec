"""The tables of a run with real processes."""

from collections.abc import Sequence

from tests.chaos.checker import Broken, Violation
from tests.chaos.history import JobHistory
from tests.chaos.monitor import Monitor
from tests.chaos.nemesis import Nemesis, Struck
from tests.chaos.plan import Kind
from tests.chaos.report import Table, bound, seconds
from tests.chaos.rescue import Rescued

from farhand_server.model.job import JobStatus

#: What ends the network half of an agent at once.
DEATHS = frozenset({Kind.AGENT_KILL, Kind.LAUNCHER_KILL, Kind.LINK_KILL, Kind.AGENT_RESTART})
#: What makes it deaf or dumb without a word.
SILENCES = frozenset({Kind.HALF_OPEN, Kind.LOSE_UP, Kind.LOSE_DOWN, Kind.LINK_FREEZE, Kind.STALL})


def promises(histories: Sequence[JobHistory], violations: Sequence[Violation]) -> Table:
    """Each promise: how often it was tried, and what that proves."""
    ended = [h for h in histories if h.ending is not None and h.ending.status.is_final]
    ran = [h for h in histories if h.executions()]
    once = [h for h in ran if not h.task.runbook.at_least_once]
    again = [h for h in ran if h.task.runbook.at_least_once]
    stopped = [h for h in ended if h.ending and h.ending.status is JobStatus.STOPPED]
    frozen = [h for h in histories if any(seen.is_frozen for seen in h.seen)]
    followed = [h for h in ended if h.followed is not None]
    lines = sum(data.count(b"\n") for h in histories for data in h.stored.values())
    acknowledged = [h for h in histories if h.acknowledged is not None]
    changes = sum(len(h.moves) for h in histories)
    reconnects = sum(h.reconnects for h in followed)
    tried = (
        ("no acknowledged job is forgotten", len(acknowledged), "jobs", Broken.FORGOTTEN),
        ("no line is lost (L)", len(ran), f"jobs, {lines:,} lines", Broken.LOST),
        ("no line stands there twice (D)", len(ran), "jobs", Broken.DOUBLED),
        ("no other line, in no other order", len(ran), "jobs", Broken.FOREIGN),
        ("at most once is once (X)", len(once), "jobs", Broken.EXTRA),
        ("at least once is three times at most", len(again), "jobs", Broken.EXTRA),
        ("Stopped means that nothing runs", len(stopped), "jobs", Broken.FALSE_STOPPED),
        ("Suspended means that nothing moves", len(frozen), "jobs", Broken.FALSE_SUSPENDED),
        ("nothing is stuck", len(histories), "jobs", Broken.STUCK),
        ("exits are right", len(ended), "jobs", Broken.EXIT),
        (
            "followers see what is stored",
            len(followed),
            f"followers, {reconnects:,} reconnects",
            Broken.FOLLOWER,
        ),
        ("a status changes as the table says", changes, "changes", Broken.PATH),
        ("answers keep the order of time", len(histories), "jobs", Broken.ORDER),
        ("nothing is left behind", 1, "run", Broken.LEFT),
    )
    return Table(
        title="promises",
        head=("promise", "tried", "of", "broken", "bound (3/n)"),
        rows=tuple(_row(*one, violations) for one in tried),
    )


def _row(
    promise: str, trials: int, of: str, kind: Broken, violations: Sequence[Violation]
) -> tuple[str, ...]:
    failures = sum(violation.count for violation in violations if violation.kind is kind)
    return promise, f"{trials:,}", of, f"{failures:,}", bound(trials, failures)


def faults(nemesis: Nemesis) -> Table:
    """By kind; `met` counts the jobs that ran, or were open, when one struck."""
    rows = []
    for kind in Kind:
        if struck := [s for s in nemesis.struck if s.kind is kind]:
            met = sum(s.jobs for s in struck)
            rows.append((kind.value, f"{len(struck):,}", f"{met:,}", bound(met)))
    total = sum(s.jobs for s in nemesis.struck)
    rows.append(("all", f"{len(nemesis.struck):,}", f"{total:,}", bound(total)))
    return Table(
        title="faults", head=("fault", "struck", "jobs met", "bound (3/n)"), rows=tuple(rows)
    )


def rescue(rescued: Rescued) -> Table:
    """A backup under load, a server lost with its data, a restore."""
    broken = len(rescued.violations)
    jobs = len(rescued.histories)
    rows = (
        ("jobs", f"{jobs}", f"{broken}", bound(jobs, broken)),
        ("backup under load", f"{rescued.backup_seconds:.2f} s", "", ""),
        ("restore and start", f"{rescued.restore_seconds:.2f} s", "", ""),
    )
    return Table(
        title="backup and restore",
        head=("what", "value", "broken", "bound (3/n)"),
        rows=rows,
    )


def times(histories: Sequence[JobHistory], monitor: Monitor, nemesis: Nemesis) -> Table:
    """Percentiles under fire."""
    figures = {
        "dispatch: StartJob sent → script runs": [
            h.oaths[0].at - h.sent for h in histories if h.oaths
        ],
        "adoption: agent with jobs started again → online with them": _adoptions(monitor, nemesis),
        "detection: agent killed → shown offline": _detections(monitor, nemesis, DEATHS),
        "detection: agent silent → shown offline": _detections(monitor, nemesis, SILENCES),
    }
    return Table(
        title="times",
        head=("from → to", "samples", "p50", "p99", "most"),
        rows=tuple(
            (name, f"{len(v):,}", seconds(v, 0.5), seconds(v, 0.99), seconds(v, 1.0))
            for name, v in figures.items()
        ),
    )


def _adoptions(monitor: Monitor, nemesis: Nemesis) -> list[float]:
    found = []
    for struck in nemesis.struck:
        if struck.kind in DEATHS and struck.jobs and struck.mended is not None:
            gone = monitor.first(struck.whom, online=False, since=struck.begun)
            if gone is not None:
                since = max(gone, struck.mended)
                back = monitor.first(struck.whom, online=True, since=since)
                if back is not None and _alone(struck, nemesis, until=back):
                    found.append(back - struck.mended)
    return found


def _detections(monitor: Monitor, nemesis: Nemesis, kinds: frozenset[Kind]) -> list[float]:
    found = []
    for struck in nemesis.struck:
        if struck.kind in kinds and monitor.was_online(struck.whom, at=struck.begun):
            gone = monitor.first(struck.whom, online=False, since=struck.begun)
            if gone is not None and _alone(struck, nemesis, until=gone):
                found.append(gone - struck.begun)
    return found


def _alone(struck: Struck, nemesis: Nemesis, *, until: float) -> bool:
    """Whether nothing else happened to its agent or to the server meanwhile."""
    return not any(
        other is not struck
        and other.whom in (struck.whom, "server")
        and other.begun <= until
        and (other.mended or until) >= struck.begun
        for other in nemesis.struck
    )
