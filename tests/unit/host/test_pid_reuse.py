"""A number is not a process: its next owner is never signalled, whenever it got the number."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.fake_kernel import FakeKernel

from farhand_agent.host.home import Home
from farhand_agent.host.host import Host
from farhand_agent.host.process import send
from farhand_agent.host.recovery import LOST, RESTARTED, recover
from farhand_agent.host.remains import Remains
from farhand_agent.host.sandbox import AttemptId
from farhand_wire.spool import Exit

ATTEMPT = AttemptId(job_id="0190a0b1-0000-7000-8000-00000000000a", attempt=2)
VARIABLES = (f"FARHAND_JOB_ID={ATTEMPT.job_id}".encode(), b"FARHAND_ATTEMPT=2")


@pytest.fixture
def home(host: Host) -> Iterator[Home]:
    home = host.sandbox.new_home()
    home.write("started", b"ran")
    home.move(host.sandbox.attempt_path(ATTEMPT))
    yield home
    home.close()


def quiet() -> FakeKernel:
    """A kernel under which nothing happens by itself."""
    return FakeKernel(variables=VARIABLES, seed=0, haste=0)


def test_pid_reuse_after_reboot(host: Host, home: Home) -> None:
    """Same number, same start (it counts from the boot), same environment: still a stranger."""
    kernel = quiet()
    twin = kernel.birth(ours=True)
    assert twin is not None
    home.write("grant", b'{"boot_id": "the boot before"}')
    home.write("pid", f"{twin.pid} {twin.started}".encode())
    found = recover(ATTEMPT, home, host, kernel=kernel)

    assert kernel.signalled == []
    assert found.reason == RESTARTED


def test_pid_reuse_on_the_same_boot(host: Host, home: Home) -> None:
    kernel = quiet()
    script = kernel.birth(ours=True, known=False)
    assert script is not None
    kernel.death(script)
    for _ in range(8):  # one of them has its number
        kernel.birth(ours=False)
    home.write("grant", b'{"boot_id": "this boot"}')
    home.write("pid", f"{script.pid} {script.started}".encode())
    found = recover(ATTEMPT, home, host, kernel=kernel)

    assert script.pid in kernel.living
    assert kernel.signalled == []
    assert found.spool is not None
    assert found.spool.exit == Exit(reason=LOST, lost=True)


def test_what_is_left_of_an_attempt_is_found_and_nobody_else() -> None:
    kernel = quiet()
    script = kernel.birth(ours=True, known=False)
    assert script is not None
    child = kernel.birth(parent=script.pid, ours=True, known=False)
    orphan = kernel.birth(ours=True)
    stranger = kernel.birth(ours=False)
    remains = Remains(attempt=ATTEMPT, pid=script.pid, started=script.started)
    remains.end(5, kernel=kernel, pause=lambda _: None)

    assert {each.pid for each in kernel.signalled} == {
        each.pid for each in (script, child, orphan) if each is not None
    }
    assert [*kernel.living.values()] == [stranger]


@settings(max_examples=400, deadline=None)
@example(seed=355, haste=0.5, births=5)  # a parent that ends while it is looked at
@example(seed=1332, haste=0.3, births=5)  # an environment that is another one's
@given(seed=st.integers(0, 2**32), haste=st.floats(0, 0.9), births=st.integers(0, 7))
def test_whatever_happens_between_two_looks_no_stranger_is_signalled(
    seed: int, haste: float, births: int
) -> None:
    kernel = FakeKernel(variables=VARIABLES, seed=seed, haste=haste)
    script = kernel.birth(ours=True, known=False)
    assert script is not None
    for number in range(births):
        kernel.birth(ours=False) if number % 2 else kernel.birth(parent=script.pid, ours=True)
    remains = Remains(attempt=ATTEMPT, pid=script.pid, started=script.started)
    remains.end(1, kernel=kernel, pause=lambda _: None)

    assert [each for each in kernel.signalled if not each.ours] == []


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), haste=st.floats(0, 0.9))
def test_a_signal_reaches_those_that_were_listed_or_nobody(seed: int, haste: float) -> None:
    kernel = FakeKernel(variables=(), seed=seed, haste=haste)
    for _ in range(5):
        kernel.birth(ours=False)
    listed = list(kernel.processes())
    send(9, listed, kernel)

    meant = {(each.pid, each.started) for each in listed}
    assert {(each.pid, each.started) for each in kernel.signalled} <= meant
