"""Worlds in which the server takes no output now and then: all the promises hold, and all of it
arrives in the end."""

import pytest
from tests.support.world.seeds import Driver
from tests.support.world.truth import Violation

from farhand_server.engine.desk import OutputDesk

SEEDS = 150


class FullDisk(Driver):
    """The server's disk is full, and then there is room again."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, trouble=0.3)
        self._weights["fill_disk"] = 4

    def _fill_disk(self) -> bool | None:
        server = self.world.server
        if server is None:
            return False
        self._note("full" if server.takes_output else "room")
        server.take_output(not server.takes_output)
        return None


def test_nothing_is_lost_while_no_output_is_taken() -> None:
    for seed in range(SEEDS):
        FullDisk(seed).run()


def test_output_that_was_dropped_would_be_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OutputDesk, "resume", lambda desk: setattr(desk, "_paused", ""))
    with pytest.raises(Violation, match="I17: stuck"):
        for seed in range(SEEDS):
            FullDisk(seed).run()
