"""Databases that are not what was written: the state stops the server, output does not."""

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.support import samples
from tests.support.edge import joining
from tests.support.edge_jobs import granted, output, publish, start
from tests.support.server_process import farhand_server, reach, server_process

from farhand_server.model.asset import Asset, AssetKind
from farhand_server.model.clock import UnixMs
from farhand_server.store.sqlite import SqliteStateStore
from farhand_server.vault import Vault, key_id
from farhand_wire import spool as spools
from farhand_wire.v1 import account_pb2, job_pb2, worker_pb2

LINE = spools.pack(spools.Kind.OUTPUT, 0, b"hello\n")


def damage(path: Path) -> None:
    """A page that is read only when somebody looks for old output."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 16384)
        file.write(b"\xa5" * 16384)


def test_a_damaged_state_stops_the_start_with_what_why_and_what_to_do(
    tmp_path: Path, data: Path
) -> None:
    with (data / "farhand.db").open("r+b") as state:
        state.truncate(9_000)
    done = farhand_server(tmp_path, "run", "--data", str(data))

    assert done.returncode == 1
    what, why, do = done.stderr.splitlines()
    assert what == f"error: {data / 'farhand.db'} is damaged"
    assert why.startswith("  why: ")
    assert do == "  do:  restore a backup: farhand-server restore FILE --data AN_EMPTY_DIRECTORY"


@pytest.mark.parametrize("kept", ["asset", "job"])
def test_another_master_key_stops_the_start_and_says_which_one_is_needed(
    tmp_path: Path, data: Path, kept: str
) -> None:
    key, other = (data / "master.key").read_bytes(), bytes(32)
    box = Vault(key, chance=os.urandom).seal("secret", "anywhere")
    with closing(SqliteStateStore(data / "farhand.db")) as store, store.transaction() as tx:
        if kept == "asset":
            tx.save_asset(
                Asset(
                    account=samples.ACCOUNT,
                    kind=AssetKind.CREDENTIAL,
                    name="deploy",
                    sealed=box,
                    created=UnixMs(1),
                    modified=UnixMs(1),
                )
            )
        else:
            tx.add_job(samples.job(1, sealed=box))
    (data / "master.key").write_bytes(other)
    done = farhand_server(tmp_path, "run", "--data", str(data))

    assert done.returncode == 1
    assert f"needs the key {key_id(key).hex()}" in done.stderr
    assert f"master.key is {key_id(other).hex()}" in done.stderr
    assert "do:  restore master.key" in done.stderr


async def test_damaged_output_is_said_loudly_and_does_not_stop_the_server(
    tmp_path: Path, data: Path
) -> None:
    damage(data / "output.db")
    async with server_process(tmp_path, data) as server:
        loud = [event for event in server.events if "output is damaged" in event["event"]]

        assert loud[0]["level"] == "error"
        assert "farhand-server check" in loud[0]["do"]
        async with reach(data, tmp_path).caller() as caller:
            await caller.ask(caller.account.GetAccount, account_pb2.GetAccountRequest())
        checked = await asyncio.to_thread(farhand_server, tmp_path, "check", "--data", str(data))
        assert checked.returncode == 1
        assert "fail  output.db" in checked.stdout


async def test_output_that_was_moved_away_is_made_anew_and_said_to_be_gone(
    tmp_path: Path, data: Path
) -> None:
    shutil.move(data / "output.db", tmp_path / "output.db")
    async with server_process(tmp_path, data) as server:
        assert [event["level"] for event in server.events if "is new" in event["event"]] == [
            "warning"
        ]


def damage_table(path: Path, table: str) -> None:
    """Its only page becomes rubbish."""
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        found = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,))
        (page,) = found.fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)


async def test_output_that_cannot_be_stored_any_more_does_not_stop_dispatch(
    tmp_path: Path, data: Path
) -> None:
    """Every job is given away and runs; none becomes final, and the log says why."""
    damage_table(data / "output.db", "chunks")
    edge = reach(data, tmp_path)
    async with (
        server_process(tmp_path, data) as server,
        edge.caller() as owner,
        edge.channel() as channel,
    ):
        worker = await joining(owner, channel, "w1")
        worker.call.cancel()
        await publish(owner)
        await worker.serve()
        await start(owner)
        first = await granted(worker)
        await worker.say(output(first, 0, LINE))
        assert "is damaged" in (await server.event("output is not taken"))["reason"]
        await worker.until("drain")
        entry = worker_pb2.JournalEntry(
            job_id=first.job_id, attempt=first.attempt, phase="ATTEMPT_PHASE_RUNNING"
        )
        welcome = await worker.serve(journal=[entry])
        await start(owner)
        second = await granted(worker)
        await worker.say(output(second, 0, LINE))
        await worker.beat(2)

        # Nothing ends this stream: output is dropped until somebody has looked.
        assert (await worker.hear("heartbeat_ack")).sequence == 2
        assert welcome.verdicts[0].HasField("continue")
        assert second.job_id != first.job_id
        for grant in (first, second):
            request = job_pb2.GetJobRequest(job_id=grant.job_id)
            job = (await owner.ask(owner.jobs.GetJob, request)).job
            assert job.status in (job_pb2.JOB_STATUS_ACTIVATING, job_pb2.JOB_STATUS_RUNNING)


async def test_a_state_that_is_damaged_while_it_is_served_ends_the_server(
    tmp_path: Path, data: Path
) -> None:
    """It cannot decide any more; the next start says what is wrong."""
    edge = reach(data, tmp_path)
    async with server_process(tmp_path, data) as server, edge.caller() as owner:
        await publish(owner)
        async with edge.channel() as channel:
            (await joining(owner, channel, "w1")).call.cancel()
        with closing(sqlite3.connect(data / "farhand.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        damage_table(data / "farhand.db", "jobs")
        call = asyncio.create_task(start(owner))
        async with asyncio.timeout(20):
            assert await server.process.wait() == 1
        await asyncio.gather(call, return_exceptions=True)
        died = await server.event("a thread died")
    again = farhand_server(tmp_path, "run", "--data", str(data))

    assert "StoreDamaged" in died["exception"]
    assert again.returncode == 1
    assert "farhand.db is damaged" in again.stderr
