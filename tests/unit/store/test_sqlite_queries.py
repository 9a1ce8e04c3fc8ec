"""What the edges read: pages, prefixes, and output by place and by line."""

import random
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import samples
from tests.support.audience import Audience
from tests.support.samples import ACCOUNT, job_id, worker_id
from tests.support.world.clock import WorldClock

from farhand_server.engine.writer import Append, Ledger
from farhand_server.model.account import KeySlot
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, JobId, SessionId
from farhand_server.model.job import Job, JobStatus
from farhand_server.model.output import Chunk, SpoolId
from farhand_server.store.sqlite import SqliteOutputStore, SqliteQueries, SqliteStateStore
from farhand_server.store.sqlite.connection import open_state
from farhand_wire import spool as spools

OTHER = AccountId(2)


@pytest.fixture
def store(data: Path) -> Iterator[SqliteStateStore]:
    store = SqliteStateStore(data / "farhand.db")
    yield store
    store.close()


@pytest.fixture
def queries(data: Path) -> SqliteQueries:
    return SqliteQueries(data / "farhand.db", data / "output.db")


# --- jobs -----------------------------------------------------------------------------------


def test_tests_are_in_no_list_and_are_found_by_their_ids(
    store: SqliteStateStore, queries: SqliteQueries
) -> None:
    with store.transaction() as tx:
        tx.add_job(samples.job(1))
        tx.add_job(samples.job(2, test=True))
        tx.add_job(samples.job(3, test=True, status=JobStatus.REMOVING))

    assert listed(queries) == [1]
    assert numbers(queries.job(ACCOUNT, "00000002")) == [2]
    assert not queries.job(ACCOUNT, job_id(3))


def numbers(jobs: Sequence[Job]) -> list[int]:
    return [int(job.id[:8], 16) for job in jobs]


def listed(queries: SqliteQueries, **wanted: object) -> list[int]:
    """Every page of two, in their order."""
    found: list[int] = []
    after = ""
    every = {"statuses": (), "runbook": "", "group": "", "parent": "", "size": 2}
    while True:
        page = queries.jobs(
            ACCOUNT,
            **{**every, "after": after, **wanted},  # type: ignore[arg-type]
        )
        found += numbers(page.rows)
        if not page.next:
            return found
        after = page.next


def test_jobs_come_newest_first_in_whole_pages(
    store: SqliteStateStore, queries: SqliteQueries
) -> None:
    with store.transaction() as tx:
        for number in (1, 2, 3, 4):
            tx.add_job(samples.job(number))
        tx.add_job(samples.job(9, account=OTHER))

    assert listed(queries) == [4, 3, 2, 1]


def test_a_page_that_ends_the_list_has_no_next(
    store: SqliteStateStore, queries: SqliteQueries
) -> None:
    with store.transaction() as tx:
        tx.add_job(samples.job(1))
        tx.add_job(samples.job(2))
    page = queries.jobs(ACCOUNT, statuses=(), runbook="", group="", parent="", size=2, after="")

    assert (numbers(page.rows), page.next) == ([2, 1], "")


def test_jobs_are_chosen_by_state_runbook_and_group(
    store: SqliteStateStore, queries: SqliteQueries
) -> None:
    with store.transaction() as tx:
        tx.add_job(samples.job(1, status=JobStatus.RUNNING))
        tx.add_job(samples.job(2, runbook="other"))
        tx.add_job(samples.job(3, group_name="dc2"))

    assert listed(queries, statuses=(JobStatus.RUNNING, JobStatus.FAILED)) == [1]
    assert listed(queries, runbook="hello") == [3, 1]
    assert listed(queries, group="dc1", runbook="other") == [2]


def test_a_job_is_found_by_a_prefix_and_two_by_an_ambiguous_one(
    store: SqliteStateStore, queries: SqliteQueries
) -> None:
    with store.transaction() as tx:
        for number in (0x11, 0x12, 0x13, 0x21):
            tx.add_job(samples.job(number))
        tx.add_job(samples.job(0x31, account=OTHER))

    assert numbers(queries.job(ACCOUNT, "00000021")) == [0x21]
    assert numbers(queries.job(ACCOUNT, job_id(0x11))) == [0x11]
    assert numbers(queries.job(ACCOUNT, "0000001")) == [0x11, 0x12]
    assert queries.job(ACCOUNT, "0000003") == []
    assert queries.job(ACCOUNT, "7") == []


# --- runbooks, groups, workers, tokens ------------------------------------------------------


def test_runbooks_come_by_name_in_pages(store: SqliteStateStore, queries: SqliteQueries) -> None:
    with store.transaction() as tx:
        for name in ("c", "a", "b"):
            tx.save_runbook(samples.runbook(name), script=samples.SCRIPT)
    first = queries.runbooks(ACCOUNT, size=2, after="")
    second = queries.runbooks(ACCOUNT, size=2, after=first.next)

    assert [runbook.name for runbook in (*first.rows, *second.rows)] == ["a", "b", "c"]
    assert second.next == ""
    assert queries.runbook(OTHER, "a") is None
    assert queries.script(first.rows[0].draft_digest) == samples.SCRIPT


def test_versions_come_newest_first_in_pages(
    store: SqliteStateStore, queries: SqliteQueries
) -> None:
    with store.transaction() as tx:
        saved = tx.save_runbook(samples.runbook(), script=samples.SCRIPT)
        for number in (1, 2, 3):
            published = replace(
                saved,
                published_version=number,
                published_digest=saved.draft_digest,
                published=UnixMs(number),
                published_by=f"person {number}",
            )
            saved = tx.save_runbook(published)

    first = queries.versions(saved, size=2, after="")
    rest = queries.versions(saved, size=2, after=first.next)
    found = [*first.rows, *rest.rows]
    assert [version.version for version in found] == [3, 2, 1]
    assert [version.published_by for version in found] == ["person 3", "person 2", "person 1"]
    assert {version.size for version in found} == {len(samples.SCRIPT)}
    assert (first.next, rest.next) == ("2", "")
    assert queries.version(saved, 2) == saved.draft_digest
    assert queries.version(saved, 4) == ""


def test_groups_and_their_waiting_jobs_are_counted(
    store: SqliteStateStore, queries: SqliteQueries
) -> None:
    with store.transaction() as tx:
        group = tx.add_group(ACCOUNT, "dc1", UnixMs(1))
        tx.add_group(ACCOUNT, "dc2", UnixMs(1))
        tx.add_job(samples.job(1, group=group.id))
        tx.add_job(samples.job(2, group=group.id, status=JobStatus.RUNNING))
    first = queries.groups(ACCOUNT, size=1, after="")
    second = queries.groups(ACCOUNT, size=2, after=first.next)

    assert [row.name for row in (*first.rows, *second.rows)] == ["cloud", "dc1", "dc2"]
    assert second.next == ""
    assert queries.group(ACCOUNT, "dc1") == group
    assert queries.waiting_count(group) == 1


def test_workers_come_by_name_and_by_group(store: SqliteStateStore, queries: SqliteQueries) -> None:
    with store.transaction() as tx:
        one = tx.add_group(ACCOUNT, "dc1", UnixMs(1))
        two = tx.add_group(ACCOUNT, "dc2", UnixMs(1))
        for number, group in ((3, one), (1, two), (2, one)):
            tx.save_worker(samples.worker(number, group=group))
    first = queries.workers(ACCOUNT, group="", size=2, after="")
    second = queries.workers(ACCOUNT, group="", size=2, after=first.next)
    members = queries.workers(ACCOUNT, group="dc1", size=5, after="")

    assert [row.name for row in (*first.rows, *second.rows)] == ["web01", "web02", "web03"]
    assert [row.name for row in members.rows] == ["web02", "web03"]
    assert queries.worker(ACCOUNT, "web02") == samples.worker(2, group=one)
    assert queries.worker_key(worker_id(2)) == b"key 2"
    assert queries.worker_key(worker_id(9)) is None


def test_workers_that_have_not_reported_since_a_restore_are_named(
    store: SqliteStateStore, queries: SqliteQueries, data: Path
) -> None:
    with store.transaction() as tx:
        group = tx.add_group(ACCOUNT, "dc1", UnixMs(5))
        other = tx.add_group(OTHER, "dc1", UnixMs(5))
        tx.save_worker(samples.worker(2, group=group))
        tx.save_worker(samples.worker(1, group=group))
        tx.save_worker(samples.worker(3, group=other))
    assert queries.unreported(ACCOUNT) == []
    with closing(open_state(data / "farhand.db")) as connection:
        connection.execute("UPDATE deployments SET generation = generation + 1")
    with store.transaction() as tx:
        tx.save_worker(samples.worker(2, group=group, generation=1))

    assert queries.unreported(ACCOUNT) == ["web01"]


def test_registration_tokens_come_newest_first(
    store: SqliteStateStore, queries: SqliteQueries
) -> None:
    with store.transaction() as tx:
        for number in (1, 2, 3):
            tx.save_registration_token(samples.token(number))
    first = queries.registration_tokens(ACCOUNT, size=2, after="")
    second = queries.registration_tokens(ACCOUNT, size=2, after=first.next)

    assert [token.id for token in (*first.rows, *second.rows)] == [
        samples.token(number).id for number in (3, 2, 1)
    ]
    assert second.next == ""


def test_keys_come_primary_first(queries: SqliteQueries) -> None:
    assert [key.slot for key in queries.account_keys(ACCOUNT)] == list(KeySlot)


# --- output ---------------------------------------------------------------------------------

texts = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.text("ab\n", max_size=60).map(str.encode),
        st.integers(1, 60_000).map(lambda size: b"line\n" * (size // 5)),
    ),
    min_size=1,
    max_size=25,
)


def stored(folder: Path, texts: list[bytes], seed: int) -> tuple[SpoolId, bytes]:
    """A spool of its own, written as frames of whole entries."""
    spool = SpoolId(job=JobId(str(uuid.uuid4())), attempt=1)
    chance = random.Random(seed)
    with closing(SqliteOutputStore(folder / "output.db")) as store:
        ledger = Ledger(store=store, clock=WorldClock(), audience=Audience())
        data = b""
        frame = b""
        for number, text in enumerate(texts):
            frame += spools.pack(spools.Kind.OUTPUT, 0, text)
            if number == len(texts) - 1 or chance.random() < 0.4:
                item = Append(session=SessionId("s"), spool=spool, offset=len(data), data=frame)
                ledger.write([item], idle=False)
                data, frame = data + frame, b""
    return spool, data


def text_of(chunks: Sequence[Chunk]) -> bytes:
    data = b"".join(chunk.data for chunk in chunks)
    return b"".join(bytes(entry.payload) for entry in spools.entries(data))


fast = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@fast
@given(
    texts=texts, seed=st.integers(1, 1 << 30), share=st.floats(0, 1), most=st.integers(1, 200_000)
)
def test_chunks_begin_with_the_one_that_holds_the_offset(
    data: Path, texts: list[bytes], seed: int, share: float, most: int
) -> None:
    queries = SqliteQueries(data / "farhand.db", data / "output.db")
    spool, written = stored(data, texts, seed)
    offset = int(share * len(written))
    chunks = queries.chunks(spool, offset, most)

    if offset == len(written):
        assert chunks == []
        return
    assert chunks[0].offset <= offset < chunks[0].end
    start, end = chunks[0].offset, chunks[-1].end
    assert b"".join(chunk.data for chunk in chunks) == written[start:end]
    assert end >= min(offset + most, len(written)) or end >= offset + 1
    assert all(len(chunk.data) <= 64 * 1024 for chunk in chunks)


@fast
@given(texts=texts, seed=st.integers(1, 1 << 30), lines=st.integers(0, 50))
def test_the_tail_holds_the_lines_that_were_asked_for(
    data: Path, texts: list[bytes], seed: int, lines: int
) -> None:
    queries = SqliteQueries(data / "farhand.db", data / "output.db")
    spool, written = stored(data, texts, seed)
    offset = queries.tail(spool, lines)
    chunks = queries.chunks(spool, offset, len(written))
    tail = text_of([chunk for chunk in chunks if chunk.offset >= offset])

    whole = b"".join(texts)
    assert whole.endswith(tail)
    assert tail.endswith(_last_lines(whole, lines))


def _last_lines(text: bytes, count: int) -> bytes:
    """The last `count` lines; a line ends with its newline, or with the text."""
    pieces = text.split(b"\n")
    lines = [piece + b"\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
    return b"".join(lines[len(lines) - count :] if count else [])


def test_nothing_is_found_in_a_spool_that_is_not_there(queries: SqliteQueries) -> None:
    spool = SpoolId(job=job_id(1), attempt=1)

    assert queries.chunks(spool, 0, 100) == []
    assert queries.tail(spool, 10) == 0
    assert queries.extent(spool).stored == 0
