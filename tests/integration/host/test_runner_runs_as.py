"""Run As: a script runs as another user, in that user's surroundings, and sees nothing of ours."""

import json
import os
import pwd
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.host_process import HostProcess
from tests.support.runner_client import Outcome, RunnerClient, alive, wait_for

from farhand_agent.host.wire import FIRST_CREDIT, Kind, Phase
from farhand_wire import spool

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users")

#: Who is on every machine.
DAEMON, NOBODY = "daemon", "nobody"


@pytest.fixture
def host(request: pytest.FixtureRequest) -> Iterator[HostProcess]:
    """An agent of root, in folders that let others pass, as in life. Its parameter, if there is
    one: the hierarchies of control groups that it knows."""
    with tempfile.TemporaryDirectory(prefix="fh-", dir="/tmp") as folder:
        os.chmod(folder, 0o711)
        state = Path(folder) / "state"
        state.mkdir(mode=0o711)
        process = HostProcess(state=state, sandbox=Path(folder) / "s")
        process.kinds = getattr(request, "param", process.kinds)
        process.start()
        try:
            yield process
        finally:
            process.clean_up()

        assert "Traceback" not in process.log


def started(host: HostProcess, script: str, **fields: object) -> tuple[RunnerClient, str, Outcome]:
    """A job that has said something."""
    client, seen = host.spare(), Outcome()
    job_id = client.start(script, **fields)
    client.take(seen, until=lambda seen: bool(seen.output))
    return client, job_id, seen


def ids(status: str, name: str) -> list[int]:
    """A line of /proc/PID/status."""
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return [int(word, 16 if name.startswith("Cap") else 10) for word in line.split()[1:]]


def test_it_is_the_user_with_its_groups_for_good_and_without_any_capability(
    host: HostProcess,
) -> None:
    user = pwd.getpwnam(DAEMON)
    outcome = host.spare().run("cat /proc/self/status", run_as=DAEMON)
    status = outcome.output.decode()

    assert ids(status, "Uid") == [user.pw_uid] * 4
    assert ids(status, "Gid") == [user.pw_gid] * 4
    assert ids(status, "Groups") == sorted(os.getgrouplist(DAEMON, user.pw_gid))
    assert ids(status, "CapPrm") == ids(status, "CapEff") == ids(status, "CapInh") == [0]


@pytest.mark.parametrize(
    "call", ["setuid(0)", "seteuid(0)", "setresuid(0, 0, 0)", "setgroups([0])"]
)
def test_it_cannot_become_root_again(host: HostProcess, call: str) -> None:
    script = f"import os\ntry:\n    os.{call}\nexcept PermissionError:\n    print('refused')\n"
    outcome = host.spare().run(script, type="python", run_as=NOBODY)

    assert outcome.output == b"refused\n"


def test_it_sees_its_users_surroundings_and_parameters(host: HostProcess) -> None:
    user = pwd.getpwnam(NOBODY)
    script = "umask; cat $FARHAND_PARAMETERS; echo; echo $1; env; echo | cat /dev/stdin"
    outcome = host.spare().run(script, run_as=NOBODY, parameters_json='{"a": 1}', arguments=["one"])
    umask, parameters, argument, *variables = outcome.output.decode().splitlines()

    assert (umask, json.loads(parameters), argument) == ("0022", {"a": 1}, "one")
    assert {
        f"HOME={user.pw_dir}",
        f"USER={NOBODY}",
        f"LOGNAME={NOBODY}",
        f"SHELL={user.pw_shell}",
    } <= set(variables)
    assert outcome.error == b""


def test_its_working_directory_is_its_own_and_can_be_reached_by_name(host: HostProcess) -> None:
    script = "here=$(pwd -P); cd /; cd $here && touch file && stat -c '%u %a %n' $here file"
    outcome = host.spare().run(script, run_as=NOBODY)
    uid = pwd.getpwnam(NOBODY).pw_uid

    assert outcome.error == b""
    folder, file = outcome.output.decode().splitlines()
    assert folder.startswith(f"{uid} 700 {host.state}/work/")
    assert file == f"{uid} 644 file"


def test_standard_error_can_be_opened_again(host: HostProcess) -> None:
    outcome = host.spare().run("echo one > /dev/stderr; echo two > /dev/stdout", run_as=NOBODY)

    assert (outcome.error, outcome.output, outcome.code) == (b"one\n", b"two\n", 0)


def test_a_pipe_that_breaks_ends_its_writer_quietly(host: HostProcess) -> None:
    outcome = host.spare().run("yes | head -1; echo ${PIPESTATUS[0]}", run_as=NOBODY)

    assert (outcome.output, outcome.error) == (b"y\n141\n", b"")


def test_it_reads_nothing_of_the_agent_nor_of_other_jobs(host: HostProcess) -> None:
    (host.state / "identity.json").write_text("key")
    (host.state / "identity.json").chmod(0o600)
    default, root_job, _ = started(host, "echo $$; sleep 60", parameters_json='{"p": "x"}')
    other, others_job, told = started(host, "echo $$; sleep 60", run_as=DAEMON)
    pid = int(told.output)
    homes = [host.home(root_job), host.home(others_job)]
    secret = [
        host.state / "identity.json",
        host.state / "log",
        host.sandbox.root / "journal",
        Path(f"/proc/{pid}/environ"),
        Path(f"/proc/{host.runner_of(others_job)}/environ"),
        Path(f"/proc/{host.runner_of(others_job)}/mem"),
        *(home / "grant" for home in homes),
        *(home / "started" for home in homes),
        *(home / "job" / "script" for home in homes),
        *(home / "job" / "parameters.json" for home in homes),
        *(path for home in homes for path in home.glob("spool.*")),
    ]
    closed = [
        host.sandbox.root,
        host.sandbox.spares,
        host.sandbox.spools,
        host.state / "work",
        host.state / "reserve",
        *homes,
        *(home / "job" for home in homes),
        host.sandbox.work(host.runner_of(others_job)),
    ]
    (host.state / "log").chmod(0o600)
    script = f"""
import os, socket
for path in {[str(path) for path in secret]}:
    try:
        open(path, "rb").read(1)
        print("read", path)
    except PermissionError:
        pass
for path in {[str(path) for path in closed]}:
    try:
        print("listed", path, os.listdir(path))
    except PermissionError:
        pass
for path in {[str(home / name) for home in homes for name in ("sock", "job.sock")]}:
    try:
        socket.socket(socket.AF_UNIX).connect(path)
        print("dialled", path)
    except PermissionError:
        pass
print(sorted(os.listdir("/proc/self/fd")))
"""
    outcome = host.spare().run(script, type="python", run_as=NOBODY)

    assert outcome.error == b""
    # 3 is the listing itself.
    assert outcome.output == b"['0', '1', '2', '3']\n"
    for path in (*secret, *closed):
        assert path.exists()
    for client in (default, other):
        client.send(Kind.STOP, grace_ms=0)


def test_a_default_job_has_the_same_layout_and_is_the_agents(host: HostProcess) -> None:
    client, job_id, seen = started(host, "id -u; sleep 60")
    folder = host.home(job_id) / "job"

    assert seen.output == b"0\n"
    assert {path.name for path in folder.iterdir()} == {"script", "parameters.json"}
    assert {path.stat().st_uid for path in (folder, *folder.iterdir())} == {0}
    client.send(Kind.STOP, grace_ms=0)


@pytest.mark.parametrize("host", ["", "cgroup2,freezer,pids"], indirect=True)
def test_a_stop_ends_its_whole_tree(host: HostProcess) -> None:
    script = "trap '' TERM; (trap '' TERM; setsid sleep 600 & echo $!; wait) & wait"
    client, _, seen = started(host, script, run_as=NOBODY)
    grandchild = int(seen.output)
    client.send(Kind.STOP, grace_ms=50)
    client.take(seen)

    assert seen.exited is not None
    assert (seen.exited["signal"], seen.exited["stopped"]) == (9, True)
    assert not alive(grandchild)


def test_what_it_leaves_behind_is_ended_with_it(host: HostProcess) -> None:
    script = "(trap '' TERM HUP; sleep 600) >/dev/null 2>&1 & echo $!"
    outcome = host.spare().run(script, run_as=NOBODY)

    assert outcome.code == 0
    assert not alive(int(outcome.output))


def test_a_timeout_ends_it(host: HostProcess) -> None:
    outcome = host.spare().run("sleep 600", run_as=NOBODY, timeout_ms=50, stop_grace_ms=50)

    assert outcome.exited is not None
    assert outcome.exited["reason"] == "timed out after 50 ms"


@pytest.mark.parametrize("host", ["", "cgroup2,freezer,pids"], indirect=True)
def test_it_is_frozen_and_goes_on(host: HostProcess) -> None:
    client, _, seen = started(host, "echo up; read < <(sleep 600)", run_as=NOBODY)
    client.ask(Kind.FREEZE, Kind.FROZEN, seen)
    assert client.state()["phase"] == Phase.FROZEN
    client.ask(Kind.THAW, Kind.THAWED, seen)

    assert client.state()["phase"] == Phase.RUNNING
    client.send(Kind.STOP, grace_ms=50)
    client.take(seen)


def test_it_may_ask_its_runner(host: HostProcess) -> None:
    script = """
import json, os, socket
line = {"nonce": os.environ["FARHAND_JOB_NONCE"], "emit": {"stream": "verbose", "text": "I ask"}}
asks = socket.socket(socket.AF_UNIX)
asks.connect(os.environ["FARHAND_JOB_SOCKET"])
asks.sendall(json.dumps(line).encode() + b"\\n")
print(asks.recv(4096).decode())
"""
    outcome = host.spare().run(script, type="python", run_as=NOBODY)

    assert outcome.error == b""
    assert json.loads(outcome.output) == {"done": {}}
    assert outcome.of(spool.Kind.VERBOSE).startswith(b"I ask")


def test_it_finds_the_commands_and_modules_for_runbooks(host: HostProcess) -> None:
    script = "farhand-emit verbose said; python3 -c 'import automationassets'"
    outcome = host.spare().run(script, run_as=NOBODY)

    assert (outcome.error, outcome.code) == (b"", 0)
    assert outcome.of(spool.Kind.VERBOSE).startswith(b"said")


def test_its_runner_takes_no_other_job(host: HostProcess) -> None:
    client = host.spare()
    runner = host.runner(host.socket_of(client))
    client.run("mkdir -p deep/er; ln -s /etc link", run_as=NOBODY)

    assert not client.done()
    wait_for(lambda: not alive(runner))
    wait_for(lambda: not host.sandbox.work(runner).exists())
    assert list(host.sandbox.attempts()) == []
    other = host.spare()
    other.run("true")
    assert other.done()


@pytest.mark.parametrize(
    "name", ["no-such-user", "CORP\\root", "root@corp.example", "CORP\\nobody", "nobody@corp"]
)
def test_a_user_that_the_host_does_not_know_is_refused_before_anything_runs(
    host: HostProcess, name: str
) -> None:
    outcome = host.spare().run("id -u", run_as=name)

    assert outcome.void == f'no user "{name}" on this host'
    assert outcome.output == b""


def test_a_runner_that_has_refused_one_takes_the_next(host: HostProcess) -> None:
    """It has given nothing away."""
    client = host.spare()
    client.run("id -u", run_as="no-such-user")
    assert client.done()
    outcome = client.run("stat -c '%u %a' .; ls -A")

    assert outcome.output == b"0 700\n"
    assert client.done()
    assert client.run("stat -c %U .", run_as=NOBODY).output.decode() == f"{NOBODY}\n"


def test_a_runner_that_is_given_an_attempt_twice_ends_if_it_has_given_its_socket_away(
    host: HostProcess,
) -> None:
    first, job_id, _ = started(host, "echo up; sleep 600")
    second = host.spare()
    runner = host.runner(host.socket_of(second))
    second.start("id -u", job_id=job_id, run_as=NOBODY)

    assert second.hear() is None
    wait_for(lambda: not alive(runner))
    assert first.state()["phase"] == Phase.RUNNING
    first.send(Kind.STOP, grace_ms=0)


@pytest.mark.parametrize("domain", [".", os.uname().nodename.partition(".")[0].upper()])
def test_the_hosts_own_name_is_no_domain(host: HostProcess, domain: str) -> None:
    outcome = host.spare().run("id -un", run_as=f"{domain}\\{NOBODY}")

    assert outcome.output.decode().strip() == NOBODY


def test_an_interpreter_that_the_user_may_not_execute_is_named(host: HostProcess) -> None:
    program = host.state / "pwsh"
    program.write_text("#!/bin/sh\nfor script; do :; done\nexec /bin/sh $script\n")
    program.chmod(0o700)
    host.stop()
    host.start()
    refused = host.spare().run("id -u", run_as=NOBODY, type="powershell")
    allowed = host.spare().run("id -u", type="powershell")

    assert refused.void == f'user "{NOBODY}" may not execute {program}'
    assert allowed.output == b"0\n"


def test_a_folder_that_does_not_let_the_user_pass_is_named(host: HostProcess) -> None:
    host.state.chmod(0o700)
    outcome = host.spare().run("id -u", run_as=NOBODY)

    assert outcome.void is not None
    assert f'user "{NOBODY}" cannot get to {host.state}/work:' in outcome.void


def test_what_its_script_made_of_its_folder_goes_with_a_runner_that_died(
    host: HostProcess, tmp_path: Path
) -> None:
    """Its files are whatever the user made of them: root follows none."""
    (tmp_path / "kept").write_text("x")
    script = f"""
job=$(dirname $FARHAND_PARAMETERS)
rm $job/script $FARHAND_PARAMETERS
ln -s {tmp_path} $job/script
ln -s {tmp_path}/kept $FARHAND_PARAMETERS
mkdir -p $job/deep/er; mkfifo $job/fifo; chmod 0 $job/deep
echo $$; sleep 600
"""
    client, job_id, seen = started(host, script, run_as=NOBODY)
    os.kill(host.runner_of(job_id), signal.SIGKILL)
    wait_for(lambda: client.hear() is None)
    heir = host.dial(job_id)
    assert heir.state()["phase"] == Phase.EXITED
    assert not alive(int(seen.output))
    heir.send(Kind.READ, offset=0, credit=FIRST_CREDIT)
    heir.take(Outcome())
    heir.done()

    wait_for(lambda: not host.home(job_id).exists())
    assert (tmp_path / "kept").read_text() == "x"


def test_its_runner_loads_nothing_after_its_fork(host: HostProcess) -> None:
    """A package is upgraded under a running agent."""
    client = host.spare()
    runner = host.runner(host.socket_of(client))
    client.run("id", run_as=NOBODY)
    client.done()
    other = host.spare()
    second = host.runner(host.socket_of(other))
    other.run("id", run_as="no-such-user")
    path = host.state / "imports"
    lines = path.read_text().splitlines() if path.exists() else []

    assert [line for line in lines if int(line.split()[0]) in (runner, second)] == []
