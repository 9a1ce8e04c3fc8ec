"""A state directory that was copied: both agents run, one of them serves, and a person decides."""

import shutil
from typing import Any

from tests.acceptance.conftest import Deployment, Done


def conflict(deployment: Deployment) -> dict[str, Any]:
    """Who uses the identity of w1; empty if one machine does."""
    found = deployment.worker("w1").get("conflict") or {}
    assert isinstance(found, dict)
    return found


def is_undecided(deployment: Deployment) -> bool:
    return bool(conflict(deployment).get("undecided"))


def accepted(deployment: Deployment) -> str:
    """The agent that serves."""
    (instance,) = (
        party["instance"]
        for party in conflict(deployment)["parties"]
        if party["standing"] == "PARTY_STANDING_ACCEPTED"
    )
    return str(instance)


def said(done: Done, *words: str) -> None:
    assert done.code == 0, done.err
    for word in words:
        assert word in done.out.decode() + done.err


def copy_state(bare: Deployment, name: str, to: str) -> None:
    """What spares work in goes at this moment: theirs is the agent that was killed."""
    going = shutil.ignore_patterns("work", "reserve")
    shutil.copytree(bare.root / name, bare.root / to, ignore=going)


def test_a_copy_is_shown_and_refused_and_no_job_notices(bare: Deployment) -> None:
    end = bare.root / "end"
    bare.publish("long", f"echo begin; until [ -e {end} ]; do sleep 0.02; done; echo end")
    bare.publish("short", "echo hello")
    first = bare.add_agent("w1")
    job = bare.start("long")
    bare.until("it began", lambda: bare.prints(job))
    first.kill()
    copy_state(bare, "w1", "copy")
    bare.agent("w1", slots=4)

    bare.launch("copy")
    bare.until("the copy is found", lambda: is_undecided(bare))
    said(bare.farhand("worker", "list"), "conflict")
    said(bare.farhand("worker", "show", "w1"), "2 machines use this identity", "--machine ID")
    assert bare.farhand("worker", "resume", "w1").code == 1
    assert "two agents use one identity" in (bare.root / "server.log").read_text()
    assert bare.status(job) == "JOB_STATUS_RUNNING"

    bare.server.kill()
    bare.server = bare.resume()
    assert is_undecided(bare)
    assert bare.farhand("worker", "resume", "w1", "--machine", accepted(bare)).code == 0
    assert not is_undecided(bare)
    after = bare.start("short")
    bare.until("w1 is back", lambda: bare.status(after) == "JOB_STATUS_COMPLETED")
    end.touch()
    bare.until("it is over", lambda: bare.status(job) == "JOB_STATUS_COMPLETED")
    assert bare.farhand("job", "output", job).out == b"begin\nend\n"
    assert bare.job(job)["attempt"] == 1


def test_a_copy_that_registers_anew_is_a_worker_of_its_own(bare: Deployment) -> None:
    bare.publish("short", "echo hello")
    first = bare.add_agent("w1")
    first.kill()
    copy_state(bare, "w1", "w2")
    bare.agent("w1")
    copy = bare.launch("w2")
    bare.until("the copy is found", lambda: is_undecided(bare))
    copy.kill()

    anew = bare.register("w2", "--group", "demo", "--token", bare.token(), "--replace")
    assert anew.code == 0, anew.err
    bare.agent("w2")
    assert bare.worker("w2")["state"] == "WORKER_STATE_ONLINE"
    assert bare.worker("w1")["workerId"] != bare.worker("w2")["workerId"]
