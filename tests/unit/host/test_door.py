"""Who may dial a runner, whose word counts, and how much a slow link holds up."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from farhand_agent.host import wire
from farhand_agent.host.door import Door, listen
from farhand_agent.host.home import Home
from farhand_agent.host.loop import Loop
from farhand_agent.host.sandbox import Sandbox
from farhand_agent.host.wire import Kind, Message, WireError


class Hall:
    """A door, and everything that was heard through it."""

    def __init__(self, folder: Path, peers: set[int]) -> None:
        self.loop = Loop()
        self.heard: list[Kind] = []
        self.changes = 0
        sandbox = Sandbox(root=folder / "s", state=folder)
        sandbox.make("boot")
        self.home: Home = sandbox.new_home()
        self.door = Door(
            self.loop,
            listen(self.home, sandbox),
            peers=peers,
            heard=self._hear,
            drained=lambda: None,
            changed=self._changed,
        )
        self.links: list[socket.socket] = []

    def dial(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(10)
        link.connect(str(self.home.socket))
        self.links.append(link)
        return link

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.loop.after(0.02, lambda: None)
            self.loop.turn()

    def close(self) -> None:
        for link in self.links:
            link.close()
        self.door.close()
        self.home.close()

    def _hear(self, message: Message) -> None:
        if message.kind is Kind.DONE:
            raise WireError("not now")
        self.heard.append(message.kind)

    def _changed(self) -> None:
        self.changes += 1


@pytest.fixture
def hall(short_path: Path) -> Iterator[Hall]:
    hall = Hall(short_path, {os.geteuid()})
    yield hall
    hall.close()


def test_a_stranger_is_not_let_in(short_path: Path) -> None:
    hall = Hall(short_path, set())
    link = hall.dial()
    link.sendall(wire.pack(Kind.WHAT))
    hall.turn()

    with pytest.raises(ConnectionResetError):
        link.recv(10)
    assert hall.heard == []
    hall.close()


def test_the_newest_link_counts_and_the_last_words_of_the_old_one(hall: Hall) -> None:
    old = hall.dial()
    hall.turn()
    old.sendall(wire.pack(Kind.STOP, grace_ms=1))
    new = hall.dial()
    hall.turn(2)
    hall.door.tell(Kind.STARTED)
    hall.turn()

    assert hall.heard == [Kind.STOP]
    assert old.recv(10) == b""
    assert new.recv(100) == wire.pack(Kind.STARTED)


def test_nonsense_closes_the_connection(hall: Hall) -> None:
    link = hall.dial()
    link.sendall(wire.pack(Kind.WHAT) + wire.pack(Kind.DONE) + wire.pack(Kind.WHAT))
    hall.turn(2)

    assert hall.heard == [Kind.WHAT]
    assert link.recv(10) == b""
    assert not hall.door.idle


def test_a_link_that_does_not_read_is_waited_for(hall: Hall) -> None:
    link = hall.dial()
    hall.turn()
    sent = bytes(range(256)) * 8192
    hall.door.say(sent[:1000], sent[1000:])
    hall.turn()
    assert not hall.door.idle
    received = b""
    while len(received) < len(sent):
        received += link.recv(1 << 16)
        hall.turn()

    assert received == sent
    assert hall.door.idle


def test_what_is_said_in_one_turn_leaves_together(hall: Hall) -> None:
    link = hall.dial()
    hall.turn()
    hall.door.tell(Kind.STARTED)
    hall.door.tell(Kind.IDLE)
    hall.turn()

    assert link.recv(100) == wire.pack(Kind.STARTED) + wire.pack(Kind.IDLE)


def test_words_to_nobody_are_dropped(hall: Hall) -> None:
    hall.door.tell(Kind.STARTED)
    hall.dial().close()
    hall.turn(3)
    hall.door.tell(Kind.STARTED)

    assert not hall.door.idle
    assert hall.changes == 1
