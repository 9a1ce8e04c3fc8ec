"""A script and its runner: questions on the job's socket, secrets that never reach the spool."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.support.host_process import HostProcess
from tests.support.runner_client import Outcome, RunnerClient

from farhand_agent.host.wire import Kind, Message, pack_answer
from farhand_wire import spool

SECRET = "correct horse battery"
ASKS = "import farhand_job\n"


def question(client: RunnerClient, seen: Outcome) -> dict[str, Any]:
    """What the script asks next; what it writes before that is kept."""
    while True:
        message = client.hear()
        assert message is not None
        if message.kind is Kind.ASK:
            return message.fields
        _keep(client, message, seen)


def _keep(client: RunnerClient, message: Message, seen: Outcome) -> None:
    if message.kind is Kind.DATA:
        seen.data += message.data
        client.send(Kind.CREDIT, credit=len(message.data))


def tell(client: RunnerClient, ask: int, answer: dict[str, Any], *secrets: str) -> None:
    body = json.dumps({"answer": answer, "secrets": secrets}).encode()
    client.send_raw(pack_answer(ask, body))


def test_a_script_asks_and_what_it_prints_of_the_answer_is_masked(host: HostProcess) -> None:
    client, seen = host.spare(), Outcome()
    job_id = client.start(
        ASKS + "import sys\n"
        "found = farhand_job.ask({'get_asset': {'kind': 'variable', 'name': 'key'}})\n"
        "value = found['asset']['value']\n"
        "print(len(value), value)\n"
        "print('in pieces:', value[:5], end='', flush=True)\n"
        "farhand_job.emit('verbose', 'said ' + value)\n"
        "print(value, file=sys.stderr)\n",
        type="python",
    )
    asked = question(client, seen)
    assert asked["question"] == {"get_asset": {"kind": "variable", "name": "key"}}
    tell(client, asked["ask"], {"asset": {"value": SECRET}}, SECRET)
    client.take(seen)

    assert seen.output == f"{len(SECRET)} ***\nin pieces: {SECRET[:5]}".encode()
    assert seen.of(spool.Kind.VERBOSE) == b"said ***\n"
    assert seen.error == b"***\n"
    kept = [path.read_bytes() for path in host.home(job_id).rglob("*") if path.is_file()]
    assert kept and all(SECRET.encode() not in data for data in kept)


def test_secret_parameters_are_masked_from_the_first_byte(host: HostProcess) -> None:
    client = host.spare()
    given = json.dumps({"password": SECRET})
    client.start(
        'echo "$1"; cat "$FARHAND_PARAMETERS"; printf "%s" "$2"; sleep 0.05; printf "%s\\n" "$3"',
        parameters_json=given,
        secrets=[SECRET, "short"],
        arguments=["***", SECRET[:7], SECRET[7:]],
    )
    seen = client.take(Outcome())

    assert seen.output == b'***\n{"password": "***"}***\n'
    assert b"too short to be masked" in seen.of(spool.Kind.WARNING)


def test_a_runner_that_knew_a_secret_takes_no_other_job(host: HostProcess) -> None:
    plain = host.spare()
    plain.run("echo hi")
    assert plain.done()

    client = host.spare()
    client.run("echo hi", secrets=[SECRET])
    assert not client.done()


def test_what_was_not_answered_is_asked_of_the_next_link_with_its_number(
    host: HostProcess,
) -> None:
    client, seen = host.spare(), Outcome()
    job_id = client.start(
        ASKS + "print(farhand_job.start('child').job_id)\n"
        "print(farhand_job.ask({'get_child': {'job_id': 'x', 'wait': True}})['child']['status'])\n",
        type="python",
    )
    first = question(client, seen)
    client.close()
    again = host.dial(job_id)
    again.send(Kind.READ, offset=0, credit=1 << 18)
    assert question(again, seen) == first

    child = first["question"]["start_child"]["job_id"]
    tell(again, first["ask"], {"child": {"job_id": child}})
    waits = question(again, seen)
    assert (waits["ask"], waits["question"]["get_child"]["wait"]) == (2, True)
    tell(again, waits["ask"], {"child": {"status": "Completed"}})
    again.take(seen)
    assert seen.output == f"{child}\nCompleted\n".encode()


def test_an_answer_to_nothing_and_one_that_comes_too_late_do_no_harm(host: HostProcess) -> None:
    client, seen = host.spare(), Outcome()
    client.start("echo hi; sleep 0.2")
    tell(client, 7, {"asset": {}}, SECRET)
    client.take(seen)
    tell(client, 1, {"asset": {}}, SECRET)

    assert (seen.output, client.done()) == (b"hi\n", True)


def test_the_socket_is_for_the_scripts_user_and_dies_with_the_script(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("echo $FARHAND_JOB_SOCKET; sleep 60")
    seen = client.take(Outcome(), until=lambda outcome: b"\n" in outcome.output)
    path = Path(seen.output.decode().strip())

    assert path == host.home(job_id) / "job.sock"
    assert (path.stat().st_mode & 0o777, path.stat().st_uid) == (0o600, os.geteuid())
    client.send(Kind.STOP, grace_ms=0)
    client.take(seen)
    assert client.done()
    assert not path.exists()


@pytest.mark.parametrize("command", ["farhand-asset", "farhand-emit", "farhand-job"])
def test_commands_are_found_and_say_what_they_take(host: HostProcess, command: str) -> None:
    seen = host.spare().run(f"{command} --help")

    assert (seen.code, seen.error) == (0, b"")
    assert seen.output.startswith(f"usage: {command}".encode())


def test_outside_of_a_job_the_commands_say_so(host: HostProcess) -> None:
    seen = host.spare().run("unset FARHAND_JOB_SOCKET; farhand-asset get variable x")

    assert seen.code == 1
    assert b"outside of a job" in seen.error
