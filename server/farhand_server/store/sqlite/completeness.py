"""Whether the output that the state speaks of is there, judged by rows: cheap for any size."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from farhand_server.store.sqlite.connection import open_reader, usable

#: Named of each kind.
NAMED = 5
#: Final jobs that ended with a result, whose spool is not here, or not to its end. Tests may be
#: removed while a backup is made, when their rows are copied and their output is not yet.
_LACKING = """
    SELECT jobs.id AS job, jobs.ended AS ended, spools.id AS spool FROM jobs
    LEFT JOIN output.spools ON spools.job = jobs.id AND spools.attempt = jobs.attempt
    WHERE jobs.status IN (3, 4, 5) AND jobs.test = 0 AND jobs.exit_stopped IS NOT NULL
    AND (spools.id IS NULL OR spools.durable < spools.size)
"""
#: Spools whose chunks do not follow one another from the first byte to the last, but for what was
#: left out on purpose.
_BROKEN = """
    WITH links AS (
        SELECT spool, offset AS begins, offset + length(data) AS ends,
            lag(offset + length(data), 1, 0) OVER (PARTITION BY spool ORDER BY offset) AS before
        FROM output.chunks
    ), sums AS (
        SELECT spool, max(ends) AS ends, sum(begins <> before
            AND (before <> omitted_from OR begins <> omitted_to)) AS gaps
        FROM links JOIN output.spools ON spools.id = links.spool GROUP BY spool
    )
    SELECT job, attempt FROM output.spools LEFT JOIN sums ON sums.spool = spools.id
    WHERE (coalesce(sums.ends, 0) <> spools.size OR coalesce(sums.gaps, 0) > 0)
    AND job NOT IN (SELECT id FROM jobs WHERE test = 1)
"""
#: When this output.db was made, in milliseconds.
_MADE = "SELECT strftime('%s', min(applied_at)) * 1000 FROM output._sqlite_migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """Jobs and spools by name, the first of each; counts are of all."""

    #: Output that should be here.
    lacking: tuple[str, ...]
    lacking_count: int
    #: Jobs that ended before this output.db was made: somebody moved the one before away.
    earlier_count: int
    broken: tuple[str, ...]
    broken_count: int


def completeness(state: Path, output: Path) -> Completeness:
    """The state is looked at first, as it is copied first. Raises StartError."""
    with usable(output), closing(open_reader(state)) as connection:
        connection.execute("ATTACH ? AS output", (f"{output.absolute().as_uri()}?mode=ro",))
        (made,) = connection.execute(_MADE).fetchone()
        lacking = connection.execute(_LACKING).fetchall()
        broken = [f"{row['job']}/{row['attempt']}" for row in connection.execute(_BROKEN)]
    missing = [row["job"] for row in lacking if row["spool"] or row["ended"] >= made]
    return Completeness(
        lacking=tuple(missing[:NAMED]),
        lacking_count=len(missing),
        earlier_count=len(lacking) - len(missing),
        broken=tuple(broken[:NAMED]),
        broken_count=len(broken),
    )
