"""What a script gets, what becomes of what it writes, and how its end is told."""

import hashlib
import json
import signal
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import pytest
from tests.support.host_process import HostProcess
from tests.support.runner_client import Outcome, wait_for

from farhand_agent.host.process import processes
from farhand_agent.host.wire import Kind, Phase
from farhand_wire import spool

#: Signals 32 and 33: the C library keeps them for itself, and ignores them in whatever it spawns.
LIBRARY = 0b11 << 31


def test_output_and_error_come_apart_byte_for_byte(host: HostProcess) -> None:
    outcome = host.spare().run(r"printf 'a\n\0\377b'; printf 'no newline' >&2")

    assert outcome.output == b"a\n\0\xffb"
    assert outcome.error == b"no newline"


@pytest.mark.parametrize("code", [0, 1, 3, 127, 255])
def test_the_exit_code_is_told(host: HostProcess, code: int) -> None:
    outcome = host.spare().run(f"exit {code}")

    assert outcome.code == code


def test_a_signal_is_told_as_such(host: HostProcess) -> None:
    outcome = host.spare().run("kill -SEGV $$")

    assert outcome.exited is not None
    assert (outcome.exited.get("signal"), outcome.code) == (11, None)
    assert outcome.exited["stopped"] is False


def test_size_and_checksum_are_those_of_the_whole_spool(host: HostProcess) -> None:
    outcome = host.spare().run("seq 1000; echo x >&2")

    assert outcome.exited is not None
    assert outcome.exited["size"] == len(outcome.data)
    assert outcome.exited["crc"] == zlib.crc32(outcome.data)
    last = list(outcome.entries())[-1]
    assert spool.read_exit(last.payload) == spool.Exit(code=0)


def test_reopening_standard_error_loses_nothing(host: HostProcess) -> None:
    outcome = host.spare().run("echo one >&2; echo two > /dev/stderr; echo three > /dev/stderr")

    assert outcome.error == b"one\ntwo\nthree\n"


def test_output_and_error_keep_their_order(host: HostProcess) -> None:
    script = "for i in 1 2 3 4 5; do echo $i; sleep 0.02; echo $i >&2; sleep 0.02; done"
    outcome = host.spare().run(script)

    kinds = [entry.kind for entry in outcome.entries()][:-1]
    assert kinds == [spool.Kind.OUTPUT, spool.Kind.ERROR] * 5
    times = [entry.elapsed_ms for entry in outcome.entries()]
    assert times == sorted(times)
    assert 150 < times[-1] < 5_000


def test_a_line_of_100_megabytes_arrives_whole(host: HostProcess) -> None:
    client = host.spare()
    client.start("head -c 100000000 /dev/zero | tr '\\0' x")
    outcome = client.take(Outcome())

    digest = hashlib.sha256(outcome.output).hexdigest()
    assert digest == hashlib.sha256(b"x" * 100_000_000).hexdigest()


def test_the_first_line_comes_while_the_script_runs(host: HostProcess) -> None:
    client = host.spare()
    client.start("echo first; read -t 60 < <(sleep 60)")
    outcome = client.take(Outcome(), until=lambda seen: seen.output == b"first\n")

    assert outcome.exited is None


def test_a_python_script_is_not_buffered(host: HostProcess) -> None:
    client = host.spare()
    client.start("import time\nprint('first')\ntime.sleep(60)", type="python")
    outcome = client.take(Outcome(), until=lambda seen: seen.output == b"first\n")

    assert outcome.exited is None


def test_lines_of_an_unbuffered_writer_are_joined(host: HostProcess) -> None:
    outcome = host.spare().run("for ((i = 0; i < 20000; i++)); do echo $i; done")

    assert outcome.output == b"".join(b"%d\n" % i for i in range(20_000))
    assert len(list(outcome.entries())) < 2_000


def test_parameters_and_arguments_arrive_as_they_are(host: HostProcess) -> None:
    parameters = json.dumps({"name": "ü $x `y`", "count": 3, "deep": {"a": [1, None, True]}})
    arguments = ["plain", "two words", "$(touch /tmp/never)", "", "ü\n2"]
    outcome = host.spare().run(
        'cat "$FARHAND_PARAMETERS"; printf "|%s" "$@"',
        parameters_json=parameters,
        arguments=arguments,
    )

    assert outcome.output.decode() == parameters + "".join(f"|{each}" for each in arguments)


def test_a_script_from_windows_runs(host: HostProcess) -> None:
    outcome = host.spare().run(b"#!/bin/bash\r\nif true; then\r\necho fine\r\nfi\r\n")

    assert (outcome.output, outcome.code) == (b"fine\n", 0)


def test_carriage_returns_inside_a_unix_script_are_kept(host: HostProcess) -> None:
    outcome = host.spare().run(b"#!/bin/bash\nprintf 'a\r\nb'\n")

    assert outcome.output == b"a\r\nb"


def test_the_environment_is_an_allow_list(
    host: HostProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.stop()
    monkeypatch.setenv("AGENT_SECRET", "hunter2")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nowhere")
    host.start()
    client = host.spare()
    job_id = client.start(
        "import json, os; print(json.dumps(dict(os.environ)))",
        type="python",
        runbook="hello",
        group="dc1",
        worker="web03",
        attempt=4,
    )
    seen = json.loads(client.take(Outcome()).output)

    assert seen["FARHAND_JOB_ID"] == seen["AUTOMATION_JOB_ID"] == job_id
    assert (seen["FARHAND_RUNBOOK"], seen["FARHAND_ATTEMPT"]) == ("hello", "4")
    assert (seen["FARHAND_GROUP"], seen["FARHAND_WORKER"]) == ("dc1", "web03")
    assert seen["PATH"].startswith("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    allowed = {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TERM", "PYTHONUNBUFFERED"),
        *("FARHAND_JOB_ID", "FARHAND_ATTEMPT", "FARHAND_RUNBOOK", "FARHAND_GROUP"),
        *("FARHAND_WORKER", "FARHAND_PARAMETERS", "AUTOMATION_JOB_ID", "AUTOMATION_ACTIVITY_ID"),
        *("FARHAND_JOB_SOCKET", "FARHAND_JOB_NONCE", "PYTHONPATH", "PSModulePath"),
        "LC_CTYPE",  # Python's own
    }
    # What a version manager's shim adds is not ours.
    assert {name for name in seen if not name.startswith("PYENV_")} <= allowed


_SURROUNDINGS = """
import json, os, signal, stat, sys
ignored = [n for n in signal.valid_signals() if n not in (9, 19)
           and signal.getsignal(n) is signal.SIG_IGN and n not in (signal.SIGPIPE, signal.SIGXFSZ)]
blocked = list(signal.pthread_sigmask(signal.SIG_BLOCK, []))
umask = os.umask(0)
print(json.dumps({
    "descriptors": sorted(int(n) for n in os.listdir("/proc/self/fd"))[:-1],
    "stdin": sys.stdin.read(),
    "leader": os.getsid(0) == os.getpid(),
    "umask": umask,
    "folder": os.listdir("."),
    "mode": stat.S_IMODE(os.stat(".").st_mode),
    "ignored": ignored,
    "blocked": blocked,
}))
"""


def test_a_script_inherits_nothing_but_its_pipes(host: HostProcess) -> None:
    outcome = host.spare().run(_SURROUNDINGS, type="python")

    assert json.loads(outcome.output) == {
        "descriptors": [0, 1, 2],
        "stdin": "",
        "leader": True,
        "umask": 0o022,
        "folder": [],
        "mode": 0o700,
        "ignored": [],
        "blocked": [],
    }


def test_no_signal_is_ignored_though_the_agent_was_started_so(host: HostProcess) -> None:
    """As by nohup, or in the background of a script: what is ignored no shell can trap."""
    names = ("HUP", "INT", "QUIT", "USR1", "ALRM", "RTMAX")
    host.stop()
    with ignoring([signal.Signals[f"SIG{name}"] for name in names]):
        host.start()
    script = "grep SigIgn /proc/self/status\n"
    script += "".join(f"trap 'echo {name}' {name}; kill -s {name} $$\n" for name in names)
    _, ignored, *trapped = host.spare().run(script).output.decode().split()

    assert int(ignored, 16) & ~LIBRARY == 0
    assert trapped == list(names)


@contextmanager
def ignoring(signals: Collection[int]) -> Iterator[None]:
    """Whoever is started meanwhile inherits that they are ignored."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_broken_pipe_kills_its_writer_in_silence(host: HostProcess) -> None:
    outcome = host.spare().run("yes | head -1; echo ${PIPESTATUS[0]}")

    assert outcome.output == b"y\n141\n"
    assert outcome.error == b""


def test_an_interpreter_that_cannot_be_executed_is_named(host: HostProcess) -> None:
    host.stop()
    pwsh = host.state / "pwsh"
    pwsh.write_text("#!/nowhere/interpreter\n")
    pwsh.chmod(0o755)
    host.start()
    outcome = host.spare().run("Write-Output hi", type="powershell")

    assert outcome.exited is not None
    reason = outcome.exited["reason"]
    assert reason == f"{pwsh} could not be executed: No such file or directory"
    assert [entry.kind for entry in outcome.entries()] == [spool.Kind.EXIT]


def test_an_argument_that_no_program_can_take_is_a_failure(host: HostProcess) -> None:
    outcome = host.spare().run("echo hi", arguments=["a\0b"])

    assert outcome.exited is not None
    assert "null" in outcome.exited["reason"]


def test_a_type_without_an_interpreter_is_void_and_stays_so(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("MsgBox", type="basic")
    outcome = client.take(Outcome())

    assert outcome.void == "this host has no interpreter for runbooks of type 'basic'"
    state = host.dial(job_id).state()
    assert (state["phase"], state["reason"]) == (Phase.VOID, outcome.void)
    assert (host.home(job_id) / "started").read_bytes().startswith(b"void")


def test_a_runner_takes_the_next_job(host: HostProcess) -> None:
    client = host.spare()
    first = client.run("echo $PPID; touch left-behind; ls")
    assert client.done()
    second = client.run("echo $PPID; ls")

    assert first.output == second.output + b"left-behind\n"
    assert client.done()
    assert client.state()["phase"] == Phase.SPARE


def test_nothing_is_left_of_a_job_that_is_done(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("head -c 10000000 /dev/zero")
    client.take(Outcome())
    overflow = host.state / "spool" / f"{job_id}.1"
    assert overflow.exists()
    client.send(Kind.FREE, durable=9_000_000)
    assert client.done()

    assert not host.home(job_id).exists()
    assert not overflow.exists()
    assert list(host.sandbox.attempts()) == []


def test_secrets_of_a_job_are_for_its_user_alone(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("sleep 60")
    client.expect(Kind.STARTED)
    home = host.home(job_id)

    # Others may pass where root's scripts may be others; they may not look.
    assert home.stat().st_mode & 0o766 == 0o700
    assert (home / "job").stat().st_mode & 0o777 == 0o700
    files = [path for path in (*home.iterdir(), *(home / "job").iterdir()) if not path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    names = {path.name for path in files}
    assert {"grant", "script", "parameters.json", "started", "sock"} <= names


def test_two_spares_wait_whatever_is_running(host: HostProcess) -> None:
    for _ in range(5):
        client = host.spare()
        client.start("sleep 60")
        client.expect(Kind.STARTED)

    wait_for(lambda: len(host.spares()) == 2)
    assert len(list(host.sandbox.attempts())) == 5


def test_spares_above_four_are_let_go_after_a_burst(host: HostProcess) -> None:
    jobs = []
    for _ in range(7):
        jobs.append(host.spare())
        jobs[-1].run("true")
    for client in jobs:
        client.send(Kind.DONE)

    wait_for(lambda: 2 <= len(host.spares()) <= 4 and not list(host.sandbox.attempts()))


def test_a_running_script_does_not_leave_zombies(host: HostProcess) -> None:
    client = host.spare()
    job_id = client.start("for i in 1 2 3; do (sleep 0.05 & ); done; echo forked; sleep 60")
    client.take(Outcome(), until=lambda seen: b"forked" in seen.output)
    runner = host.runner_of(job_id)

    def children() -> list[str]:
        return [each.state for each in processes() if each.parent == runner]

    wait_for(lambda: children() == ["S"])
