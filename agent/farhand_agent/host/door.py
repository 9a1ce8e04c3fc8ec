"""Where links dial a runner: one conversation at a time, and the newest is the one that counts."""

import os
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from farhand_agent.host.conversation import Conversation
from farhand_agent.host.home import Home
from farhand_agent.host.linux import peer_user, socket_address
from farhand_agent.host.loop import Loop
from farhand_agent.host.sandbox import Sandbox
from farhand_agent.host.wire import Kind, Message, pack


def listen(home: Home, sandbox: Sandbox) -> socket.socket:
    """A listener on the socket of a home; whoever connects waits until a runner serves it."""
    listener = listen_at(home.socket)
    sandbox.share(home.socket, 0o600)
    return listener


def listen_at(path: Path) -> socket.socket:
    """A listener for this user alone."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    with suppress(FileNotFoundError):
        os.unlink(path)
    umask = os.umask(0o177)
    try:
        with socket_address(path) as address:
            listener.bind(address)
    finally:
        os.umask(umask)
    listener.listen()
    return listener


class Door:
    """Lets in whom it may, and passes on what is said."""

    def __init__(
        self,
        loop: Loop,
        listener: socket.socket,
        *,
        peers: Collection[int],
        heard: Callable[[Message], None],
        drained: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        """`peers`: users that may come in. `heard` may raise WireError. `drained`: nothing waits to
        be sent. `changed`: the link is another one now, or none, and has read nothing yet."""
        self._loop = loop
        self._listener = listener
        self._peers = peers
        self._heard = heard
        self._drained = drained
        self._changed = changed
        self._conversation: Conversation | None = None
        loop.watch(listener.fileno(), self._knocked)

    @property
    def idle(self) -> bool:
        """True when a link is there and nothing waits to be sent to it."""
        return self._conversation is not None and self._conversation.idle

    def say(self, *parts: bytes) -> None:
        """Send one message, given in parts; lost if no link is there."""
        if self._conversation is not None:
            self._conversation.say(*parts)

    def tell(self, kind: Kind, **fields: object) -> None:
        """Send one message without a binary part."""
        self.say(pack(kind, **fields))

    def hear_out(self) -> None:
        """Hear what the link has said so far, and let go of it."""
        if self._conversation is not None:
            self._conversation.hear_out()
            self._lost()

    def close(self) -> None:
        """Send what waits, if the link takes it, and be gone."""
        if self._conversation is not None:
            self._conversation.flush()
            self._conversation.close()
        self._loop.forget(self._listener.fileno())
        self._listener.close()

    def _knocked(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if peer_user(connection) not in self._peers:
            connection.close()
            return
        # What the former link asked for counts; its successor is told how things stand then.
        self.hear_out()
        self._conversation = Conversation(
            self._loop, connection, heard=self._heard, drained=self._drained, lost=self._lost
        )

    def _lost(self) -> None:
        self._conversation = None
        self._changed()
