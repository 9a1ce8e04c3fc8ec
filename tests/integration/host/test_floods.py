"""Much output at full speed and a reader that is slow: it lies on the disk, and not in memory.

FARHAND_FLOOD_MB makes it long: 10000 is what the promise says.
"""

import os
import zlib

import pytest
from tests.support.flood import peak_bytes
from tests.support.host_process import HostProcess
from tests.support.runner_client import RunnerClient, wait_for

from farhand_agent.host.wire import FIRST_CREDIT, Kind
from farhand_wire import limits, spool

MB = 1_000_000
FLOOD_MB = int(os.environ.get("FARHAND_FLOOD_MB", "300"))
#: What a runner may need beyond what it had when it was a spare; it takes about a third of it.
GROWTH = 8 * MB


@pytest.mark.timeout(120 + 2 * FLOOD_MB)
def test_a_flood_lies_on_disk_and_not_in_memory(host: HostProcess) -> None:
    first = host.spare()
    runner = host.runner(host.socket_of(first))
    first.state()
    before = peak_bytes(runner)
    job_id = first.start(f"head -c {FLOOD_MB * MB} /dev/zero | tr '\\0' x")
    first.expect(Kind.STARTED)
    first.close()
    client = host.dial(job_id)
    # Nobody reads while it writes all of it, or as much as a spool may hold.
    most = min(FLOOD_MB * MB, limits.SPOOL_BYTES)
    wait_for(lambda: client.state()["size"] >= most, 60 + FLOOD_MB)
    written, crc, exited = read_slowly(client)

    assert written == FLOOD_MB * MB
    assert exited["crc"] == crc
    assert peak_bytes(runner) - before < GROWTH


def read_slowly(client: RunnerClient) -> tuple[int, int, dict[str, int]]:
    """A message at a time; bytes of the script, checksum of the spool, and its exit."""
    written = size = crc = 0
    client.send(Kind.READ, offset=0, credit=FIRST_CREDIT)
    while (message := client.hear()) is not None and message.kind is Kind.DATA:
        crc = zlib.crc32(message.data, crc)
        size += len(message.data)
        written += sum(
            len(entry.payload)
            for entry in spool.entries(message.data)
            if entry.kind is spool.Kind.OUTPUT
        )
        client.send(Kind.CREDIT, credit=len(message.data))
        client.send(Kind.FREE, durable=size)
    assert message is not None and message.kind is Kind.EXITED
    return written, crc, message.fields
