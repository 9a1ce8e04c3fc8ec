"""Run As with real processes: a group's jobs are its credential's user, or are nobody's."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.conftest import Deployment
from tests.support.humble import humble

from farhand_agent.host.ground import root_half, sandbox_root

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users")

USER = "daemon"
PASSWORD = "canary-hunter-2f"


@pytest.fixture
def bare(bare: Deployment) -> Iterator[Deployment]:
    """In a folder that lets others pass, and with a group that runs as a user."""
    bare.root.chmod(0o711)
    made = bare.call(
        *("farhand", "credential", "create", "svc", "--user", USER, "--password-stdin"),
        stdin=PASSWORD.encode(),
    )
    assert made.code == 0, made.err
    assert bare.farhand("group", "create", "demo").code == 0
    assert bare.farhand("group", "set", "demo", "--run-as", "svc").code == 0
    yield bare


def without_the_user(bare: Deployment, name: str) -> None:
    """A member whose host does not know the user."""
    lines = Path("/etc/passwd").read_text().splitlines(keepends=True)
    passwd = bare.root / "passwd"
    passwd.write_text("".join(line for line in lines if not line.startswith(f"{USER}:")))
    mount = 'mount --bind "$0" /etc/passwd && exec "$@"'
    bare.join(name, bare.token())
    bare.agent_by(name, "unshare", "--mount", "sh", "-c", mount, str(passwd), slots=9)


def ends(bare: Deployment, job: str) -> dict[str, object]:
    bare.until("the job is over", lambda: "endTime" in bare.job(job))
    return bare.job(job)


def verdicts(bare: Deployment, job: str) -> list[tuple[object, object, object]]:
    """What `job why` says of each member."""
    workers = bare.json("job", "why", job)["workers"]
    assert isinstance(workers, list)
    return [(each["worker"], each["verdict"], each["detail"]) for each in workers]


def test_a_script_is_the_credentials_user_and_so_is_what_it_makes(bare: Deployment) -> None:
    shared = bare.root / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    bare.publish("who", f"id -un; echo $HOME; touch {shared}/file; echo x > /dev/stderr")
    bare.add_agent("w1")
    job = bare.start("who")
    shown = ends(bare, job)
    output = bare.farhand("job", "output", job)

    assert (shown["status"], shown["runAs"]) == ("JOB_STATUS_COMPLETED", USER)
    user = pwd.getpwnam(USER)
    assert output.out.decode().splitlines() == [USER, user.pw_dir]
    assert (shared / "file").stat().st_uid == user.pw_uid
    assert f"run as    {USER}" in bare.farhand("job", "show", job).out.decode().splitlines()


def test_a_change_of_the_group_does_not_reach_a_job_that_waits(bare: Deployment) -> None:
    bare.publish("who", "id -un")
    waiting = bare.start("who")
    assert bare.farhand("group", "set", "demo", "--run-as-default").code == 0
    later = bare.start("who")
    bare.add_agent("w1")
    ends(bare, waiting)
    ends(bare, later)

    assert bare.farhand("job", "output", waiting).out.decode().strip() == USER
    assert bare.farhand("job", "output", later).out.decode().strip() == "root"
    assert bare.farhand("credential", "delete", "svc").code == 0


def test_the_password_is_nowhere_on_the_workers_side(bare: Deployment) -> None:
    bare.publish("waits", "env; echo up; sleep 600")
    agent = bare.add_agent("w1")
    job = bare.start("waits")
    bare.until("it runs", lambda: b"up" in bare.farhand("job", "output", job).out)
    state = bare.root / "w1"
    places = (state, root_half(state), sandbox_root(state, environ=bare.env))
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    running = [p for p in Path("/proc").iterdir() if p.name.isdigit() and _is_ours(p, bare)]

    assert any(path.name == "script" for path in files)
    assert all(PASSWORD.encode() not in path.read_bytes() for path in files)
    assert f"{agent.pid}" in {path.name for path in running}
    for process in running:
        for name in ("environ", "cmdline"):
            assert PASSWORD.encode() not in (process / name).read_bytes()
    assert PASSWORD.encode() not in bare.farhand("job", "output", job).out
    assert bare.farhand("job", "stop", job, "--grace", "0").code == 0
    ends(bare, job)


def test_a_member_that_does_not_know_the_user_leaves_the_job_to_the_next(
    bare: Deployment,
) -> None:
    bare.publish("who", "id -un")
    without_the_user(bare, "w1")
    job = bare.start("who")
    refused = ("w1", "refused", f'no user "{USER}" on this host')
    bare.until("it is refused", lambda: refused in verdicts(bare, job))
    assert bare.job(job)["status"] == "JOB_STATUS_NEW"

    bare.add_agent("w2")
    shown = ends(bare, job)
    assert (shown["worker"], shown["status"]) == ("w2", "JOB_STATUS_COMPLETED")
    assert bare.farhand("job", "output", job).out.decode().strip() == USER


def test_an_agent_that_is_not_root_leaves_the_job_to_one_that_is(bare: Deployment) -> None:
    bare.publish("who", "id -un")
    humble(bare, "w1")
    job = bare.start("who")
    why = f'the agent does not run as root, so it cannot run a job as user "{USER}"'
    bare.until("it is refused", lambda: ("w1", "refused", why) in verdicts(bare, job))

    bare.add_agent("w2")
    assert ends(bare, job)["worker"] == "w2"
    assert bare.farhand("job", "output", job).out.decode().strip() == USER


def _is_ours(process: Path, bare: Deployment) -> bool:
    try:
        return f"{bare.root}/w1".encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False
