"""Links come and go, launchers and runners are killed: no byte is lost, nothing runs twice."""

import json
import os
import shutil
import signal
import zlib
from pathlib import Path

import pytest
from tests.support.host_process import HostProcess
from tests.support.runner_client import Outcome, RunnerClient, alive, wait_for

from farhand_agent.host import wire
from farhand_agent.host.linux import boot_id
from farhand_agent.host.recovery import LOST, NEVER_STARTED, RESTARTED
from farhand_agent.host.wire import FIRST_CREDIT, Kind, Phase
from farhand_wire import limits, spool

_NUMBERS = b"".join(b"%d\n" % i for i in range(1, 200_001))


def read_from(client: RunnerClient, offset: int) -> Outcome:
    client.send(Kind.READ, offset=offset, credit=FIRST_CREDIT)
    return client.take(Outcome())


def test_a_new_link_goes_on_where_the_old_one_was(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("seq 200000")
    seen = client.take(Outcome(), until=lambda seen: len(seen.data) > 100_000)
    client.close()
    rest = read_from(host.dial(job_id), len(seen.data))
    seen.data += rest.data

    assert seen.output == _NUMBERS
    assert rest.exited is not None
    assert rest.exited["crc"] == zlib.crc32(seen.data)


def test_a_new_link_is_told_how_things_stand(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("echo ready; sleep 60")
    client.take(Outcome(), until=lambda seen: seen.output == b"ready\n")
    client.close()
    state = host.dial(job_id).state()

    assert (state["job_id"], state["attempt"], state["phase"]) == (job_id, 1, Phase.RUNNING)
    assert state["size"] == len(b"ready\n") + spool.HEADER.size


def test_what_the_old_link_asked_for_is_done_before_the_new_one_is_answered(
    host: HostProcess,
) -> None:
    client = host.spare()
    path = host.socket_of(client)
    runner = host.runner(path)
    os.kill(runner, signal.SIGSTOP)
    job_id = client.start("echo hi")
    successor = RunnerClient(path)
    host.clients.append(successor)
    os.kill(runner, signal.SIGCONT)
    client.close()

    assert successor.state()["job_id"] == job_id
    assert read_from(successor, 0).output == b"hi\n"


def test_a_new_connection_ends_the_old_one(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("sleep 60")
    client.expect(Kind.STARTED)
    host.dial(job_id).state()

    assert client.hear() is None


def test_no_more_is_sent_than_there_is_credit(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("head -c 3000000 /dev/zero; sleep 60")
    client.expect(Kind.STARTED)
    taken = 0
    while taken <= FIRST_CREDIT - limits.SPOOL_ENTRY_BYTES:
        taken += len(client.expect(Kind.DATA).data)
    wait_for(lambda: (host.home(job_id) / f"spool.{0:016x}.{0:08x}").stat().st_size > 3_000_000)
    state = client.state()

    assert taken <= FIRST_CREDIT
    assert state["size"] > 3_000_000


def test_output_beyond_the_first_segment_goes_to_disk_and_is_freed(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("head -c 20000000 /dev/zero; sleep 60")
    client.take(Outcome(), until=lambda seen: len(seen.data) > 20_000_000)
    overflow = host.state / "spool" / f"{job_id}.1"
    assert len(list(overflow.iterdir())) == 4
    client.send(Kind.FREE, durable=16_000_000)
    client.state()

    assert len(list(overflow.iterdir())) == 2
    assert list(host.home(job_id).glob("spool.*")) == []


def test_what_nobody_acknowledges_is_on_disk_soon(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("echo precious; sleep 60")
    client.take(Outcome(), until=lambda seen: seen.output == b"precious\n")
    folder = host.state / "spool" / f"{job_id}.1"

    wait_for(lambda: any(b"precious" in path.read_bytes() for path in folder.glob("spool.*")), 5)


def test_what_is_acknowledged_stays_off_the_disk(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done")
    outcome = Outcome()
    while outcome.exited is None:
        message = client.hear()
        assert message is not None
        if message.kind is Kind.DATA:
            outcome.data += message.data
            client.send(Kind.FREE, durable=len(outcome.data))
        elif message.kind is Kind.EXITED:
            outcome.exited = message.fields

    assert outcome.output == b"1\n2\n3\n4\n5\n6\n"
    assert not (host.state / "spool" / f"{job_id}.1").exists()


def test_a_killed_runner_is_replaced_by_one_that_tells_what_is_known(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("seq 200000; setsid sleep 600 & echo $$ $!; sleep 600")
    outcome = client.take(Outcome(), until=lambda seen: seen.output.count(b"\n") > 200_000)
    left = [int(pid) for pid in outcome.output.splitlines()[-1].split()]
    os.kill(host.runner_of(job_id), signal.SIGKILL)
    wait_for(lambda: client.hear() is None)
    again = host.dial(job_id)

    assert again.state()["phase"] == Phase.EXITED
    seen = read_from(again, 0)
    assert seen.output == outcome.output
    assert seen.exited is not None
    assert (seen.exited["reason"], seen.exited["stopped"]) == (LOST, False)
    assert seen.exited["crc"] == zlib.crc32(seen.data)
    assert [pid for pid in left if alive(pid)] == []
    assert not again.done()
    wait_for(lambda: not host.home(job_id).exists())


def test_an_end_that_was_written_down_survives_its_runner(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("echo hi; exit 9")
    client.take(Outcome())
    os.kill(host.runner_of(job_id), signal.SIGKILL)
    wait_for(lambda: client.hear() is None)
    seen = read_from(host.dial(job_id), 0)

    assert (seen.output, seen.code) == (b"hi\n", 9)


def test_a_job_outlives_its_launcher_and_is_found_by_the_next(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("for i in $(seq 200); do echo $i; sleep 0.01; done")
    seen = client.take(Outcome(), until=lambda seen: seen.output.count(b"\n") > 10)
    runner = host.runner_of(job_id)
    host.kill()
    host.start()
    wait_for(lambda: sum(line.startswith("link") for line in host.diary) >= 2)
    again = host.dial(job_id)
    rest = read_from(again, len(seen.data))
    seen.data += rest.data

    assert seen.output == b"".join(b"%d\n" % i for i in range(1, 201))
    assert host.runner_of(job_id) == runner
    # Its launcher is gone, so it is needed no more.
    assert not again.done()


def test_a_runner_without_a_launcher_is_replaced_when_it_is_lost(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("echo hi; sleep 600")
    client.take(Outcome(), until=lambda seen: seen.output == b"hi\n")
    runner = host.runner_of(job_id)
    host.kill()
    host.start()
    wait_for(lambda: sum(line.startswith("link") for line in host.diary) >= 2)
    os.kill(runner, signal.SIGKILL)
    wait_for(lambda: host.runner_of(job_id) != runner)
    seen = read_from(host.dial(job_id), 0)

    assert seen.exited is not None
    assert seen.exited["reason"] == LOST


def test_a_spare_that_takes_a_job_when_its_launcher_is_gone_is_missed_when_it_is_lost(
    host: HostProcess,
) -> None:
    client = host.spare()
    assert Phase(client.state()["phase"]) is Phase.SPARE
    spares = {path.parent for path in host.spares()}
    runner = host.runner(host.socket_of(client))
    os.kill(runner, signal.SIGSTOP)
    host.kill()
    host.start()
    wait_for(lambda: len({path.parent for path in host.spares()} - spares) == 2)
    # What its link had said by then counts.
    job_id = client.start("sleep 60")
    os.kill(runner, signal.SIGCONT)
    wait_for(host.home(job_id).exists)
    os.kill(runner, signal.SIGKILL)

    wait_for(lambda: host.runner_of(job_id) != runner)
    assert host.dial(job_id).state()["phase"] in (Phase.EXITED, Phase.VOID)


def test_spares_end_with_their_launcher(host: HostProcess) -> None:
    host.spare().state()
    host.kill()

    wait_for(lambda: host.spares() == [])


def test_a_grant_that_never_started_is_void(host: HostProcess) -> None:
    host.spare().state()
    host.stop()
    job_id = "00000000-0000-0000-0000-000000000001"
    host.home(job_id).mkdir(mode=0o700)
    (host.home(job_id) / "grant").write_text(json.dumps({"boot_id": boot_id()}))
    host.start()
    state = host.dial(job_id).state()

    assert (state["phase"], state["reason"]) == (Phase.VOID, NEVER_STARTED)
    assert (host.home(job_id) / "started").read_text() == f"void {NEVER_STARTED}"


def lose_memory(host: HostProcess, job_id: str) -> None:
    """As if the machine had been switched off: every process is gone, and what was on tmpfs."""
    pid = int(wait_for((host.home(job_id) / "pid").read_text).split()[0])
    runner = host.runner_of(job_id)
    host.kill()
    os.kill(runner, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{runner}").exists())
    shutil.rmtree(host.home(job_id))


def test_after_a_reboot_the_disk_tells_what_was_written(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("echo precious; exec sleep 600")
    client.take(Outcome(), until=lambda seen: seen.output == b"precious\n")
    folder = host.state / "spool" / f"{job_id}.1"
    wait_for(lambda: any(b"precious" in path.read_bytes() for path in folder.glob("spool.*")), 5)
    lose_memory(host, job_id)
    host.start()
    again = host.dial(job_id)

    assert again.state()["phase"] == Phase.EXITED
    seen = read_from(again, 0)
    assert seen.output == b"precious\n"
    assert seen.exited is not None
    assert seen.exited["reason"] == RESTARTED


def test_after_a_reboot_the_end_lies_behind_what_the_server_has(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("echo precious; exec sleep 600")
    client.take(Outcome(), until=lambda seen: seen.output == b"precious\n")
    folder = host.state / "spool" / f"{job_id}.1"
    wait_for(lambda: any(b"precious" in path.read_bytes() for path in folder.glob("spool.*")), 5)
    lose_memory(host, job_id)
    host.start()
    seen = read_from(host.dial(job_id), 5000)

    assert seen.start == 5000
    assert seen.exited is not None
    assert seen.exited["size"] == 5000 + len(seen.data)


def test_an_attempt_is_started_once(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("echo once")
    client.take(Outcome())
    other = host.spare()
    other.start("echo twice", job_id=job_id)

    assert other.hear() is None
    assert read_from(client, 0).output == b"once\n"
    assert sorted(json.loads((host.home(job_id) / "grant").read_text())) == [
        "attempt",
        "boot_id",
        "job_id",
        "runbook",
        "type",
        "version",
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"job_id": "../../etc"},
        {"job_id": "00000000-0000-0000-0000-00000000000A"},
        {"attempt": 0},
        {"attempt": True},
        {"attempt": "1"},
        {"arguments": [1]},
        {"runbook": None},
    ],
)
def test_a_start_that_is_not_proper_ends_the_connection(
    host: HostProcess, fields: dict[str, object]
) -> None:
    client = host.spare()
    client.start("echo hi", **fields)

    assert client.hear() is None
    assert list(host.sandbox.attempts()) == []


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\xff\0\0\0\0",
        wire.HEADER.pack(Kind.WHAT, 1 << 30),
        wire.pack(Kind.READ, offset=0),
        wire.pack(Kind.STATE),
        wire.HEADER.pack(Kind.START, 4) + b"\xff\xff\xff\xff",
        wire.HEADER.pack(Kind.READ, 2) + b"[]",
    ],
)
def test_nonsense_ends_the_connection_and_nothing_else(host: HostProcess, nonsense: bytes) -> None:
    client = host.spare()
    client.send_raw(nonsense)

    assert client.hear() is None
    client.close()
    assert host.spare().run("echo fine").output == b"fine\n"
