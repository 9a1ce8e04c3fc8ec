"""A data directory with a past: an initialised server, workers, jobs, and their output."""

import datetime
import os
import time
import zlib
from pathlib import Path

from tests.support import samples
from tests.support.samples import ACCOUNT, job_id

from farhand_server.data import DataDirectory
from farhand_server.engine.cutting import cut
from farhand_server.init import Plan, initialise
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import WorkerId
from farhand_server.model.job import End, Job, JobStatus
from farhand_server.model.output import Extent, SpoolId
from farhand_server.store.sqlite import SqliteOutputStore, SqliteStateStore
from farhand_wire import spool as spools

NOW = datetime.datetime(2026, 7, 4, 12, tzinfo=datetime.UTC)
LINE = b"one line of output\n"


def initialised(root: Path, *, now: datetime.datetime = NOW) -> DataDirectory:
    """As `farhand-server init` leaves it."""
    plan = Plan(
        data=root / "data",
        account="default",
        hosts=("localhost",),
        listen="localhost:8443",
        endpoint="localhost:8443",
        contexts=root / "config.toml",
    )
    initialise(plan, now=now, chance=os.urandom)
    return DataDirectory(plan.data)


def with_a_past(root: Path, *, jobs: int = 12, now: datetime.datetime = NOW) -> DataDirectory:
    """Every second job is over and has output, the others wait."""
    data = initialised(root, now=now)
    state, output = SqliteStateStore(data.state), SqliteOutputStore(data.output)
    with state.transaction() as tx:
        group = tx.add_group(ACCOUNT, "dc1", UnixMs(1))
        tx.save_runbook(samples.runbook(), script=samples.SCRIPT)
        for number in range(3):
            tx.save_worker(samples.worker(number, group=group))
        for number in range(jobs):
            tx.add_job(_job(number))
            if number % 2:
                tx.add_attempt(samples.attempt(number))
    for number in range(1, jobs, 2):
        store(output, SpoolId(job=job_id(number), attempt=1), lines=40 * number)
    output.sync()
    state.close()
    output.close()
    return data


def _job(number: int) -> Job:
    if number % 2 == 0:
        return samples.job(number)
    return samples.job(
        number,
        status=JobStatus.COMPLETED,
        attempt=1,
        worker=WorkerId(samples.worker_id(1)),
        worker_name="web01",
        started=UnixMs(1_700_000_000_300),
        ended=UnixMs(time.time_ns() // 1_000_000),
        end=End(code=0),
        output_bytes=40 * number * len(LINE),
    )


def written(lines: int) -> bytes:
    """The spool of a script that wrote so many lines."""
    entries = [spools.pack(spools.Kind.OUTPUT, 0, LINE) for _ in range(lines)]
    return b"".join([*entries, spools.pack_exit(spools.Exit(code=0), 5)])


def store(output: SqliteOutputStore, spool: SpoolId, *, lines: int) -> None:
    """Appended in pieces, as it arrives; not synced."""
    data = written(lines)
    size = len(spools.pack(spools.Kind.OUTPUT, 0, LINE))
    stored = 0
    while stored < len(data):
        piece = data[stored : stored + 16 * size]
        chunks = cut(piece, Extent(stored=stored)).chunks
        stored += len(piece)
        extent = Extent(
            stored=stored, crc=zlib.crc32(data[:stored]), lines=lines, payload=stored, opened=None
        )
        output.append(spool, chunks, extent)
        output.commit()
