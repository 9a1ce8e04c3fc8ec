"""`check` finds what is missing or broken, names it, and says what to do."""

from contextlib import closing

from tests.support.samples import job_id

from farhand_server.care.check import check
from farhand_server.care.finding import Finding, Level, failed
from farhand_server.data import DataDirectory
from farhand_server.store import sqlite
from farhand_server.store.sqlite.connection import open_output, open_state


def change(data: DataDirectory, sql: str, *, output: bool = False) -> None:
    opened = open_output(data.output) if output else open_state(data.state)
    with closing(opened) as connection:
        assert connection.execute(sql).rowcount


def found(data: DataDirectory, name: str) -> Finding:
    """The one finding of this name; a failure names what to do."""
    (finding,) = [finding for finding in check(data) if finding.name == name]
    if finding.level is Level.FAIL:
        assert finding.do
    return finding


def test_a_sound_server_passes(data: DataDirectory) -> None:
    findings = list(check(data))

    assert [finding.level for finding in findings] == [Level.OK] * 4
    assert not failed(findings)


def test_a_damaged_file_is_named(data: DataDirectory) -> None:
    with data.state.open("r+b") as state:
        state.seek(3 * 4096)
        state.write(b"\xa5" * 4096)

    assert found(data, "farhand.db").level is Level.FAIL
    assert found(data, "output.db").level is Level.OK


def test_a_file_that_is_gone_is_named(data: DataDirectory) -> None:
    data.output.unlink()
    finding = found(data, "output.db")

    assert (finding.level, finding.text) == (Level.FAIL, "is not there")


def test_a_reference_to_nothing_is_found(data: DataDirectory) -> None:
    with closing(open_state(data.state)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("DELETE FROM scripts")

    assert "a row of runbooks names a row of scripts" in found(data, "farhand.db").text


def test_an_old_schema_is_a_warning_with_the_command_that_helps(data: DataDirectory) -> None:
    last = sqlite.chain(data.state, "state").known[-1]
    change(data, f"DELETE FROM _sqlite_migrations WHERE name = '{last}'")
    finding = found(data, "farhand.db")

    assert finding.level is Level.WARN
    assert "farhand-server migrate" in finding.do


def test_a_newer_schema_fails(data: DataDirectory) -> None:
    change(
        data,
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
        "VALUES ('farhand-state', '9999_future', '2030-01-01')",
    )

    assert "newer farhand-server" in found(data, "farhand.db").text


def test_history_that_cannot_be_read_is_found(data: DataDirectory) -> None:
    change(data, "UPDATE jobs SET arguments = 'x' WHERE status = 3")

    assert "cannot be read" in found(data, "rows").text


def test_a_job_that_is_over_without_its_output_is_named(data: DataDirectory) -> None:
    change(data, f"DELETE FROM spools WHERE job = '{job_id(3)}'", output=True)
    finding = found(data, "output")

    assert finding.level is Level.FAIL
    assert job_id(3) in finding.text


def test_output_that_is_not_durable_to_its_end_is_named(data: DataDirectory) -> None:
    change(data, f"UPDATE spools SET durable = 1 WHERE job = '{job_id(5)}'", output=True)

    assert job_id(5) in found(data, "output").text


def test_a_hole_in_a_spool_is_named(data: DataDirectory) -> None:
    change(
        data,
        "DELETE FROM chunks WHERE offset > 0 AND spool = "
        f"(SELECT id FROM spools WHERE job = '{job_id(7)}') AND offset < 2000",
        output=True,
    )
    finding = found(data, "output")

    assert finding.level is Level.FAIL
    assert f"{job_id(7)}/1" in finding.text


def test_a_hole_that_was_left_on_purpose_is_none(data: DataDirectory) -> None:
    spool = f"(SELECT id FROM spools WHERE job = '{job_id(7)}')"
    left = f"FROM chunks WHERE offset > 0 AND offset < 2000 AND spool = {spool}"
    change(
        data,
        f"UPDATE spools SET omitted_from = (SELECT min(offset) {left}), "
        f"omitted_to = (SELECT max(offset + length(data)) {left}) WHERE id = {spool}",
        output=True,
    )
    change(data, f"DELETE {left}", output=True)
    assert found(data, "output").level is Level.OK

    change(data, f"UPDATE spools SET omitted_to = omitted_to - 1 WHERE id = {spool}", output=True)
    assert found(data, "output").level is Level.FAIL


def test_a_spool_that_ends_too_early_is_named(data: DataDirectory) -> None:
    change(
        data,
        f"UPDATE spools SET size = size + 1, durable = size + 1 WHERE job = '{job_id(9)}'",
        output=True,
    )

    assert f"{job_id(9)}/1" in found(data, "output").text


def test_output_that_was_moved_away_is_a_warning_with_how_many_jobs_it_concerns(
    data: DataDirectory,
) -> None:
    for file in data.path.glob("output.db*"):
        file.unlink()
    change(data, "UPDATE jobs SET ended = 1000 WHERE status = 3")
    sqlite.upgrade(data.path)
    warning, rest = [finding for finding in check(data) if finding.name == "output"]

    assert (warning.level, rest.level) == (Level.WARN, Level.OK)
    assert "output of 6 job(s) is gone" in warning.text


def test_a_job_that_never_ran_needs_no_output(data: DataDirectory) -> None:
    change(data, "UPDATE jobs SET status = 5, ended = 1 WHERE status = 0")

    assert found(data, "output").level is Level.OK
