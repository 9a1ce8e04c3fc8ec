"""The session number: fence and clone detector in one.

Every proven Hello gets a number that was never given before. The server keeps the lowest that the
agent may still hold (`confirmed`) and the last that it issued. An agent shows the last one that
reached its disk, which lies between them, so no lost Welcome locks it out. Its Heartbeat proves
which one that is; from then on nobody else holds a number that is accepted.
"""

from dataclasses import replace

from farhand_server.model.worker import Worker


def admits(worker: Worker, number: int) -> bool:
    """Whether the agent that was this worker may hold `number`."""
    return worker.confirmed_number <= number <= worker.issued_number


def shown(worker: Worker, number: int) -> Worker:
    """A Hello showed `number`, so no older one is held any more; the next one is issued. One that
    was never issued here, as after a restore, is where counting goes on."""
    return replace(
        worker, confirmed_number=number, issued_number=max(worker.issued_number, number) + 1
    )


def confirmed(worker: Worker, number: int) -> Worker:
    """A Heartbeat of the session that was given `number`: it is on the agent's disk."""
    return replace(worker, confirmed_number=number)
