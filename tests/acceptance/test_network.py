"""Networks that fail without a word: real processes, real keepalive, our own proxy between them."""

import contextlib
import itertools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from demo.stage import Process, children
from tests.acceptance.conftest import Deployment
from tests.support.fault_process import FaultProcess
from tests.support.operator import Operator

from farhand_wire.v1 import job_pb2

COMPLETED = job_pb2.JOB_STATUS_COMPLETED
#: Promised: by then both ends have noticed, and the agent is back on a new connection.
NOTICED_SECONDS = 20.0
PRINTS = """
for i in $(seq 1 200); do echo "line $i"; sleep 0.1; done
"""
LINES = "".join(f"line {n}\n" for n in range(1, 201)).encode()


class Paths:
    """A deployment whose machines reach it through proxies."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.proxies: dict[str, FaultProcess] = {}
        self._ids: dict[str, str] = {}
        self._followers: list[subprocess.Popen[bytes]] = []

    def proxy(self, name: str) -> FaultProcess:
        """A path of its own."""
        proxy = self.proxies[name] = self.deployment.path()
        return proxy

    def add_agent(self, name: str, *, group: str = "") -> Process:
        """A member behind a proxy of its own; of a group of its own, unless one is named."""
        deployment, group = self.deployment, group or name
        token = deployment.token(group=group)
        joined = deployment.register(
            name, "--endpoint", self.proxy(name).endpoint, "--token", token, "--group", group
        )
        assert joined.code == 0, joined.err
        return deployment.agent(name, slots=2)

    def log(self, name: str) -> str:
        return (self.deployment.root / f"{name}.log").read_text()

    def connections(self, name: str) -> int:
        """How often this agent has said that it is connected."""
        return self.log(name).count("connected to ")

    def is_online(self, name: str) -> bool:
        return self.deployment.worker(name)["state"] == "WORKER_STATE_ONLINE"

    def sessions(self, name: str) -> int:
        """How often the server has welcomed this agent back."""
        worker = self._ids.setdefault(name, str(self.deployment.worker(name)["workerId"]))
        log = (self.deployment.root / "server.log").read_text()
        return sum(f'"worker": "{worker}"' in line for line in log.splitlines())

    def follow(self, job: str, proxy: FaultProcess) -> subprocess.Popen[bytes]:
        """`farhand job follow` as a process of its own."""
        command = ("farhand", "--server", proxy.endpoint, "job", "follow", job, "--from-start")
        following = subprocess.Popen(
            self.deployment.command(*command),
            env=self.deployment.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._followers.append(following)
        return following

    def close(self) -> None:
        for following in self._followers:
            following.kill()
            following.communicate()
        for proxy in self.proxies.values():
            proxy.close()


def within_promise(**conditions: Callable[[], bool]) -> dict[str, float]:
    """Seconds until each condition held; all of them within what is promised."""
    began, took = time.monotonic(), dict[str, float]()
    while len(took) < len(conditions):
        spent = time.monotonic() - began
        assert spent <= NOTICED_SECONDS, f"only {took} within {spent:.1f} s"
        for name, holds in conditions.items():
            if name not in took and holds():
                took[name] = round(time.monotonic() - began, 1)
        time.sleep(0.05)
    print("noticed after", took)
    return took


@pytest.fixture
def paths(bare: Deployment) -> Iterator[Paths]:
    paths = Paths(bare)
    try:
        yield paths
    finally:
        paths.close()


def link_of(agent: Process) -> int:
    (link,) = children(agent.pid, "farhand-link")
    return link


def test_a_connection_that_died_in_silence_is_left_within_20_seconds(paths: Paths) -> None:
    """Both ways, and each way alone; a command that follows a job notices as well."""
    deployment = paths.deployment
    deployment.publish("prints", PRINTS)
    faults = ("half-open", "lose-up", "lose-down")
    for fault in faults:
        paths.add_agent(fault)
    jobs = {fault: deployment.start("prints", group=fault) for fault in faults}
    watched = paths.proxy("operator")
    following = paths.follow(jobs["half-open"], watched)
    deployment.until("all print", lambda: all(map(deployment.prints, jobs.values())))
    deployment.until("it is followed", lambda: watched.accepted == 1)
    assert [paths.sessions(fault) for fault in faults] == [1, 1, 1]
    for name, path in paths.proxies.items():
        path.set(name if name in faults else "half-open")
        path.set("pass")  # for those that come

    within_promise(
        half_open=lambda: paths.sessions("half-open") == 2,
        up=lambda: paths.sessions("lose-up") == 2,
        down=lambda: paths.sessions("lose-down") == 2,
        operator=lambda: watched.accepted == 2,
    )

    for job in jobs.values():
        assert deployment.farhand("job", "follow", job, "--from-start").out == LINES
        assert deployment.job(job)["attempt"] == 1
    out, err = following.communicate(timeout=60)
    assert out == LINES, err.decode()


def test_paused_peer_detected(paths: Paths) -> None:
    """The kernel of a paused process goes on to answer for it: only pings tell. First a link, then
    the server."""
    deployment = paths.deployment
    deployment.publish("prints", PRINTS)
    agent = paths.add_agent("w1")
    job = deployment.start("prints", group="w1")
    deployment.until("it prints", lambda: deployment.prints(job))
    with paused(link_of(agent)):
        within_promise(server=lambda: not paths.is_online("w1"))
    deployment.until("it is back", lambda: paths.is_online("w1"))
    said = paths.log("w1").count("not connected: ")
    with paused(deployment.server.pid):
        within_promise(agent=lambda: paths.log("w1").count("not connected: ") > said)
    deployment.until("it is back again", lambda: paths.is_online("w1"))

    assert deployment.farhand("job", "follow", job, "--from-start").out == LINES
    assert deployment.job(job)["attempt"] == 1


@contextlib.contextmanager
def paused(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_worker_that_hears_nothing_gets_no_work_for_long_and_its_jobs_run(
    paths: Paths, tmp_path: Path
) -> None:
    """What it says still arrives. What it was given and never heard of moves when it is back: only
    then can anybody know that it never ran."""
    deployment, witness = paths.deployment, tmp_path / "witness"
    deployment.publish("note", f'echo "$1" >> {witness}\n')
    paths.add_agent("deaf", group="demo")
    deployment.add_agent("other", slots=2)
    with contextlib.closing(Operator(deployment.contexts)) as operator:
        start = itertools.count(1)

        def note(count: int) -> list[str]:
            return [operator.start("note", parameters={"n": next(start)}) for _ in range(count)]

        def are_over(jobs: list[str]) -> bool:
            return all(operator.job(job).status == COMPLETED for job in jobs)

        paths.proxies["deaf"].set("lose-down")
        early = note(4)
        within_promise(offline=lambda: not paths.is_online("deaf"))
        late = note(4)
        deployment.until("the other one runs what came later", lambda: are_over(late))
        assert {operator.job(job).worker for job in late} == {"other"}

        paths.proxies["deaf"].set("cut")
        paths.proxies["deaf"].set("pass")
        deployment.until("all have run", lambda: are_over(early))
        assert all(operator.job(job).attempt <= 2 for job in early)
    ran = sorted(map(int, witness.read_text().split()))
    assert ran == list(range(1, 9))
