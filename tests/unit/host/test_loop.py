"""The loop calls back whom it should, and nobody else."""

import os
import signal

from farhand_agent.host.backoff import Backoff
from farhand_agent.host.loop import Loop, Timer, watch_signals


def test_timers_are_called_in_their_time_and_not_when_cancelled() -> None:
    loop, called = Loop(), []
    loop.after(0.02, lambda: called.append("second"))
    loop.after(0.01, lambda: called.append("first"))
    loop.cancel(loop.after(0.015, lambda: called.append("never")))
    loop.after(0.03, lambda: loop.stop(7))

    assert loop.run() == 7
    assert called == ["first", "second"]


def test_what_is_due_in_one_turn_is_called_in_the_order_of_its_moments() -> None:
    now = 0.0
    loop, called = Loop(lambda: now), []
    for moment in range(50, 0, -1):
        loop.after(moment, lambda moment=moment: called.append(moment))  # type: ignore[misc]
    now = 60.0
    loop.turn()

    assert called == sorted(called) and len(called) == 50


def test_a_timer_may_cancel_another_that_is_due() -> None:
    loop, called = Loop(lambda: 0.0), []
    timers: list[Timer] = []

    def first() -> None:
        called.append(1)
        for timer in timers:
            loop.cancel(timer)

    timers += [loop.after(0, first) for _ in range(3)]
    loop.turn()

    assert called == [1]


def test_a_descriptor_that_was_forgotten_in_this_turn_is_not_called() -> None:
    loop, called = Loop(), []
    pipes = [os.pipe(), os.pipe()]

    def heard() -> None:
        called.append(1)
        for reader, _ in pipes:
            loop.forget(reader)

    for reader, writer in pipes:
        loop.watch(reader, heard)
        os.write(writer, b"x")
    loop.turn()

    assert called == [1]
    for pair in pipes:
        for end in pair:
            os.close(end)


def test_a_signal_is_told_by_the_loop() -> None:
    loop, called = Loop(), []
    before = signal.getsignal(signal.SIGUSR1)
    watch_signals(loop, {signal.SIGUSR1: lambda: called.append("usr1")})
    os.kill(os.getpid(), signal.SIGUSR1)
    loop.turn()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGUSR1, before)

    assert called == ["usr1"]


def test_the_wait_doubles_up_to_its_limit_and_starts_again_after_a_good_life() -> None:
    backoff = Backoff(first=0.1, most=1.0)

    assert [round(backoff.after(0), 1) for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert backoff.after(60) == 0.1
