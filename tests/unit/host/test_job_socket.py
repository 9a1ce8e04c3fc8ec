"""The socket of a script: who may ask, one answer to each line, nothing that stops the runner."""

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farhand_agent.host.asking import Asking
from farhand_agent.host.door import listen_at
from farhand_agent.host.job_socket import Guests, JobSocket
from farhand_agent.host.loop import Loop
from farhand_agent.host.wire import Decoder, Kind, pack_answer
from farhand_wire import limits
from farhand_wire.spool import Kind as Stream

ME = os.geteuid()


class Bench:
    """A runner's side, turned by hand; what it says to the link is kept."""

    def __init__(self, folder: Path) -> None:
        self.loop = Loop()
        self.said: list[bytes] = []
        self.records: list[tuple[Stream, bytes]] = []
        self.full = False
        self.path = folder / "job.sock"
        self.asking = Asking(self.loop, listen_at(self.path), say=self.said.append)
        self.clients: list[socket.socket] = []
        self.begin()

    def begin(self, *, user: int = ME) -> None:
        self.masker = self.asking.expect(())
        self.nonce = self.asking.begin(user, self._emit)

    def _emit(self, kind: Stream, data: bytes) -> bool:
        if not self.full:
            self.records.append((kind, data))
        return not self.full

    def client(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(self.path))
        client.setblocking(False)
        self.clients.append(client)
        return client

    def ask(
        self, client: socket.socket, question: dict[str, Any], *, nonce: str | None = None
    ) -> None:
        shown = self.nonce if nonce is None else nonce
        client.sendall(json.dumps({**question, "nonce": shown}).encode() + b"\n")

    def turn(self, times: int = 8) -> None:
        """Whatever waits is done."""
        for _ in range(times):
            wake = self.loop.after(0, lambda: None)
            self.loop.turn()
            self.loop.cancel(wake)

    def questions(self) -> list[dict[str, Any]]:
        decoder = Decoder()
        messages = [message for said in self.said for message in decoder.feed(said)]
        assert all(message.kind is Kind.ASK for message in messages)
        return [message.fields for message in messages]

    def answer(self, ask: int, answer: dict[str, Any], *secrets: str) -> None:
        body = json.dumps({"answer": answer, "secrets": secrets}).encode()
        (message,) = Decoder().feed(pack_answer(ask, body))
        self.asking.answered(message)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.asking.close()
    for client in made.clients:
        client.close()


def told(client: socket.socket) -> Any:
    """One answer that has come, None: nothing has, False: the other end is closed."""
    try:
        data = client.recv(1 << 20)
    except BlockingIOError:
        return None
    except ConnectionResetError:
        return False
    return json.loads(data) if data else False


def test_a_question_goes_to_the_link_without_its_nonce_and_the_answer_back(bench: Bench) -> None:
    client = bench.client()
    bench.ask(client, {"get_asset": {"kind": "variable", "name": "x"}})
    bench.turn()

    assert bench.questions() == [
        {"ask": 1, "question": {"get_asset": {"kind": "variable", "name": "x"}}}
    ]
    assert told(client) is None
    bench.answer(1, {"asset": {"value": 7}})
    assert told(client) == {"asset": {"value": 7}}


def test_the_secrets_of_an_answer_are_masked_before_the_script_has_it(bench: Bench) -> None:
    client = bench.client()
    bench.ask(client, {"get_asset": {"kind": "credential", "name": "x"}})
    bench.turn()
    bench.answer(1, {"asset": {"password": "hunter22"}}, "hunter22")

    assert bench.masker.pipe().mask(b"it is hunter22\n") == b"it is ***\n"
    assert told(client) == {"asset": {"password": "hunter22"}}
    assert bench.records == []


def test_a_secret_that_is_too_short_to_be_masked_is_warned_of(bench: Bench) -> None:
    client = bench.client()
    bench.ask(client, {"get_asset": {"kind": "credential", "name": "x"}})
    bench.turn()
    bench.answer(1, {"asset": {"password": "abc"}}, "abc")

    assert [kind for kind, _ in bench.records] == [Stream.WARNING]
    assert b"abc" not in bench.records[0][1]


@pytest.mark.parametrize("line", [b"{", b"[]", b"\xff\xfe", b"", b"7", b"[" * 100_000])
def test_nonsense_is_refused_and_the_connection_goes_on(bench: Bench, line: bytes) -> None:
    client = bench.client()
    client.sendall(line + b"\n")
    bench.turn()
    assert told(client)["refused"]["reason"] in ("INVALID_REQUEST", "FORBIDDEN")

    bench.ask(client, {"emit": {"stream": "output", "text": "x"}})
    bench.turn()
    assert told(client) == {"done": {}}


@pytest.mark.parametrize("nonce", ["", "m", "\u00e9"])
def test_who_has_not_the_nonce_is_told_nothing(bench: Bench, nonce: str) -> None:
    client = bench.client()
    bench.ask(client, {"get_asset": {"kind": "variable", "name": "x"}}, nonce=nonce)
    bench.turn()

    assert told(client)["refused"]["reason"] == "FORBIDDEN"
    assert bench.said == []


@pytest.mark.parametrize(("user", "is_let_in"), [(ME, True), (ME + 1, False)])
def test_another_user_is_not_let_in(bench: Bench, user: int, is_let_in: bool) -> None:
    bench.path = bench.path.with_name("another.sock")
    heard: list[dict[str, Any]] = []
    door = JobSocket(
        bench.loop, listen_at(bench.path), asked=lambda question, _: heard.append(question)
    )
    door.open(Guests(users={user}, nonce="n"))
    client = bench.client()
    bench.turn()
    if is_let_in:
        bench.ask(client, {"x": 1}, nonce="n")
        bench.turn()
    door.close()

    assert (told(client), heard) == (False, [{"x": 1}] if is_let_in else [])


def test_when_the_script_is_over_nobody_is_answered_and_the_next_one_has_its_own(
    bench: Bench,
) -> None:
    client = bench.client()
    bench.ask(client, {"get_asset": {"kind": "variable", "name": "x"}})
    bench.turn()
    late = bench.client()
    bench.asking.end()
    bench.answer(1, {"asset": {"value": 7}})

    assert told(client) is False
    former = bench.nonce
    bench.begin()
    bench.turn()
    assert told(late) is False
    again = bench.client()
    bench.ask(again, {"emit": {"stream": "output", "text": "x"}}, nonce=former)
    bench.turn()
    assert told(again)["refused"]["reason"] == "FORBIDDEN"


def test_lines_of_one_connection_are_answered_in_their_order(bench: Bench) -> None:
    client = bench.client()
    for number in range(3):
        bench.ask(client, {"get_asset": {"kind": "variable", "name": str(number)}})
    bench.turn()
    assert [each["ask"] for each in bench.questions()] == [1]

    for number in range(1, 4):
        bench.answer(number, {"asset": {"value": number}})
        bench.turn()
    lines = client.recv(1 << 20).decode().splitlines()
    assert [json.loads(line)["asset"]["value"] for line in lines] == [1, 2, 3]


def test_a_new_link_is_asked_what_is_open(bench: Bench) -> None:
    one, other = bench.client(), bench.client()
    for client, name in ((one, "a"), (other, "b")):
        bench.ask(client, {"get_asset": {"kind": "variable", "name": name}})
        bench.turn()
    bench.answer(1, {"asset": {}})
    bench.said.clear()
    bench.asking.again()

    assert [each["ask"] for each in bench.questions()] == [2]


def test_who_waits_for_a_child_again_and_again_is_one_question(bench: Bench) -> None:
    waits = {"get_child": {"job_id": "x", "wait": True}}
    for _ in range(3):
        impatient = bench.client()
        bench.ask(impatient, waits)
        bench.turn()
        impatient.close()
        bench.turn()
    client = bench.client()
    bench.ask(client, waits)
    bench.turn()
    assert [each["ask"] for each in bench.questions()] == [1]

    bench.answer(1, {"child": {"status": "Completed"}})
    assert told(client) == {"child": {"status": "Completed"}}
    bench.ask(client, waits)
    bench.turn()
    assert [each["ask"] for each in bench.questions()] == [1, 2]


def test_a_child_has_its_id_before_it_is_asked_for_so_asking_again_makes_no_second(
    bench: Bench,
) -> None:
    bench.ask(bench.client(), {"start_child": {"runbook": "r"}})
    bench.turn()
    bench.asking.again()

    first, again = bench.questions()
    assert first == again
    assert len(first["question"]["start_child"]["job_id"]) == 36


def test_records_wait_while_the_spool_is_full(bench: Bench) -> None:
    client = bench.client()
    bench.full = True
    bench.ask(client, {"emit": {"stream": "warning", "text": "w"}})
    bench.turn()
    assert told(client) is None

    bench.full = False
    deadline = bench.loop.clock() + 10
    while (answer := told(client)) is None and bench.loop.clock() < deadline:
        bench.turn()
    assert answer == {"done": {}}
    assert bench.records == [(Stream.WARNING, b"w\n")]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"stream": "error", "text": "two\nlines"}, (Stream.ERROR, b"two\nlines\n")),
        ({"stream": "debug", "text": "\ud800"}, (Stream.DEBUG, b"?\n")),
        (
            {"stream": "progress", "activity": "a", "status": "s", "percent": 140},
            (Stream.PROGRESS, b'{"activity": "a", "status": "s", "percent": 100}\n'),
        ),
        (
            {"stream": "progress", "activity": "a", "percent": float("nan")},
            (Stream.PROGRESS, b'{"activity": "a"}\n'),
        ),
    ],
)
def test_records_go_to_their_streams(
    bench: Bench, record: dict[str, Any], expected: tuple[Stream, bytes]
) -> None:
    client = bench.client()
    bench.ask(client, {"emit": record})
    bench.turn()

    assert told(client) == {"done": {}}
    assert bench.records == [expected]


@pytest.mark.parametrize(
    "record",
    [{"stream": "nowhere", "text": "x"}, {"stream": "output"}, {"stream": "output", "text": 7}],
)
def test_a_record_that_is_none_is_refused(bench: Bench, record: dict[str, Any]) -> None:
    client = bench.client()
    bench.ask(client, {"emit": record})
    bench.turn()

    assert told(client)["refused"]["reason"] == "INVALID_REQUEST"
    assert bench.records == []


def test_who_never_ends_a_line_is_let_go(bench: Bench) -> None:
    client = bench.client()
    piece, sent = b"x" * 65536, 0
    while (answer := told(client)) is None and sent < 4 * limits.ASK_BYTES:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            sent += client.send(piece)
        bench.turn(2)

    assert answer is False
    assert (sent > limits.ASK_BYTES, bench.said) == (True, [])


def test_a_script_that_asks_without_end_is_slowed_down_and_loses_no_answer(bench: Bench) -> None:
    clients = [bench.client() for _ in range(limits.ASKS_OPEN)]
    burst = 2 * limits.ASKS_PER_SECOND
    for client in clients:
        client.setblocking(True)
        for _ in range(burst // limits.ASKS_OPEN + 1):
            bench.ask(client, {"get_child": {"job_id": "x"}})
    answered = 0
    while len(bench.said) < burst:
        bench.turn(4)
        while answered < len(bench.said):
            answered += 1
            bench.answer(answered, {"child": {}})
    assert len(bench.said) - answered < limits.ASKS_OPEN

    deadline = bench.loop.clock() + 10
    wanted = limits.ASKS_OPEN * (burst // limits.ASKS_OPEN + 1)
    while len(bench.said) < wanted and bench.loop.clock() < deadline:
        bench.turn(4)
        while answered < len(bench.said):
            answered += 1
            bench.answer(answered, {"child": {}})
    assert len(bench.said) == wanted


def test_only_so_many_are_let_in_at_once_and_the_others_wait(bench: Bench) -> None:
    clients = [bench.client() for _ in range(limits.ASKS_OPEN + 1)]
    for client in clients:
        bench.ask(client, {"get_asset": {"kind": "variable", "name": "x"}})
    bench.turn(64)
    assert len(bench.said) == limits.ASKS_OPEN

    clients[0].close()
    bench.turn(8)
    assert len(bench.said) == limits.ASKS_OPEN + 1
