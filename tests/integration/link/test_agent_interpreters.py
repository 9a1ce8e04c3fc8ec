"""An agent says which interpreters it has, and runs scripts with those that were chosen."""

from pathlib import Path

from tests.support.worker_jobs import Register, Start, connected, grant, text
from tests.support.worker_server import WorkerServer

from farhand_wire.v1 import runbook_pb2

BASH = runbook_pb2.RUNBOOK_TYPE_BASH
PYTHON = runbook_pb2.RUNBOOK_TYPE_PYTHON


async def test_a_chosen_interpreter_is_reported_and_runs_the_scripts(
    register: Register, start: Start, server: WorkerServer, tmp_path: Path
) -> None:
    chosen = tmp_path / "python3.99"
    chosen.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.99.1 || echo chosen\n')
    chosen.chmod(0o755)
    await register()
    session = await connected(server, await start("--interpreter", f"python={chosen}"))
    job = grant("print('not this one')", runbook_type=PYTHON)
    session.send(grant=job)
    await session.next("result")

    assert session.hello is not None
    reported = {each.runbook_type: each for each in session.hello.facts.interpreters}
    assert (reported[PYTHON].path, reported[PYTHON].version) == (str(chosen), "3.99.1")
    assert reported[BASH].version.startswith(("3.", "4.", "5."))
    assert text(server, job) == b"chosen\n"


async def test_a_chosen_interpreter_that_cannot_be_executed_takes_its_type_away_and_that_is_said(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    agent = await start(FARHAND_AGENT_INTERPRETER_BASH="/nowhere/bash")
    said = await agent.log_until("bash")
    session = await connected(server, agent)
    session.send(grant=grant("echo hi"))
    refused = await session.next("not_started")

    assert said == (
        "this worker runs no bash runbooks: /nowhere/bash cannot be executed; "
        "do: correct FARHAND_AGENT_INTERPRETER_BASH=/nowhere/bash, or leave it out"
    )
    assert session.hello is not None
    assert BASH not in session.hello.facts.runbook_types
    assert refused.reason == "this host has no interpreter for runbooks of type 'bash'"
