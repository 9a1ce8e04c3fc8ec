"""One gRPC call written by hand, for what no gRPC library would send: HTTP/2 on a TLS socket."""

import enum
import socket
import ssl
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

WAIT_SECONDS = 20.0
STREAM = 1
#: Of RFC 9113: flags, and what a peer may send before it is told otherwise.
END_STREAM, ACK, END_HEADERS = 1, 1, 4
INITIAL_WINDOW_SIZE = 4
WINDOW_BYTES = 65_535
FRAME_BYTES = 16_384

Headers = Sequence[tuple[str, str]]


class Kind(enum.IntEnum):
    """Frames of HTTP/2."""

    DATA = 0
    HEADERS = 1
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    WINDOW_UPDATE = 8


class RawCall:
    """The client's end of one call on a connection of its own."""

    def __init__(self, *, port: int, roots: Path, path: str, headers: Headers) -> None:
        context = ssl.create_default_context(cafile=str(roots))
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("localhost", port), timeout=WAIT_SECONDS)
        self._socket = context.wrap_socket(plain, server_hostname="localhost")
        #: What the server takes at once, on the connection and on the stream.
        self._connection = self._stream = self._initial = WINDOW_BYTES
        self._over = False
        #: Header blocks of the server, as they came.
        self.headers = b""
        self._socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(Kind.SETTINGS, 0, 0, b""))
        self._frames = self._hear()
        begin = (
            (":method", "POST"),
            (":scheme", "https"),
            (":path", path),
            (":authority", f"localhost:{port}"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        )
        block = b"".join(map(_literal, [*begin, *headers]))
        self._socket.sendall(_frame(Kind.HEADERS, END_HEADERS, STREAM, block))

    def send(self, message: bytes, *, compressed: bool) -> None:
        """Sends one message, as fast as the server takes it, until it takes no more."""
        rest = memoryview(struct.pack(">?I", compressed, len(message)) + message)
        while rest and not self._over:
            size = min(len(rest), FRAME_BYTES, self._connection, self._stream)
            if size <= 0:
                next(self._frames)
                continue
            self._connection -= size
            self._stream -= size
            self._socket.sendall(_frame(Kind.DATA, 0, STREAM, rest[:size]))
            rest = rest[size:]

    def end(self) -> None:
        """Returns when the server has ended the call. Raises TimeoutError if it does not."""
        while not self._over:
            next(self._frames)

    def close(self) -> None:
        self._socket.close()

    def _hear(self) -> Iterator[None]:
        """One frame for each step."""
        while True:
            head = self._exactly(9)
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream = int.from_bytes(head[5:], "big")
            self._heard(kind, flags, stream, self._exactly(size))
            yield

    def _heard(self, kind: int, flags: int, stream: int, body: bytes) -> None:
        match kind:
            case Kind.SETTINGS if not flags & ACK:
                for number, value in struct.iter_unpack(">HI", body):
                    if number == INITIAL_WINDOW_SIZE:
                        self._stream += value - self._initial
                        self._initial = value
                self._socket.sendall(_frame(Kind.SETTINGS, ACK, 0, b""))
            case Kind.PING if not flags & ACK:
                self._socket.sendall(_frame(Kind.PING, ACK, 0, body))
            case Kind.WINDOW_UPDATE if stream:
                self._stream += int.from_bytes(body, "big")
            case Kind.WINDOW_UPDATE:
                self._connection += int.from_bytes(body, "big")
            case Kind.HEADERS:
                self.headers += body
        ends = kind == Kind.RST_STREAM or (kind == Kind.HEADERS and flags & END_STREAM)
        self._over = self._over or bool(ends and stream == STREAM)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._socket.recv(size - len(data))
            if not piece:
                raise ConnectionResetError("the server has closed the connection")
            data += piece
        return data


def _frame(kind: int, flags: int, stream: int, body: bytes | memoryview) -> bytes:
    return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body


def _literal(header: tuple[str, str]) -> bytes:
    """A header without compression, without an index (RFC 7541, 6.2.2)."""
    return b"\0" + b"".join(_short(each.encode()) for each in header)


def _short(text: bytes) -> bytes:
    assert len(text) < 127, "a longer one is written in another way"

    return bytes([len(text)]) + text
