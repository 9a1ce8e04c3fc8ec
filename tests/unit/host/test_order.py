"""What becomes of a START before it runs."""

from pathlib import Path

import pytest

from farhand_agent.host import wire
from farhand_agent.host.interpreters import SEARCH_PATH, find_interpreters
from farhand_agent.host.order import Paths, base_environment, command, environment, read_order
from farhand_agent.host.wire import Kind, Message, WireError

FIELDS = {
    "job_id": "0190a0b1-0000-7000-8000-00000000000a",
    "attempt": 2,
    "runbook": "hello",
    "version": 3,
    "type": "bash",
    "parameters_json": '{"a": 1}',
    "arguments": ["a", "b"],
    "group": "dc1",
    "worker": "web03",
    "stop_grace_ms": 30_000,
    "timeout_ms": 0,
}
BASE = base_environment({}, user="u", home="/", login_shell="/bin/sh")


def start(script: bytes = b"echo hi\n", **fields: object) -> Message:
    return Message(kind=Kind.START, fields=FIELDS | fields, data=script)


def test_what_is_written_down_of_a_grant_has_no_parameters() -> None:
    grant = read_order(start()).grant("boot-1")

    assert b"hello" in grant
    assert b'"a"' not in grant


@pytest.mark.parametrize("missing", sorted(FIELDS))
def test_every_field_must_be_there(missing: str) -> None:
    message = start()
    del message.fields[missing]

    with pytest.raises(WireError):
        read_order(message)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (b"a\r\nb\r\n", b"a\nb\n"),
        (b"a\nb\r\n", b"a\nb\r\n"),
        (b"a\r\nb\rc", b"a\nb\rc"),
        (b"", b""),
    ],
)
def test_line_ends_of_windows_are_changed_only_where_the_first_line_has_them(
    script: bytes, expected: bytes
) -> None:
    assert read_order(start(script)).script == expected


def test_the_agents_environment_stays_with_the_agent() -> None:
    agent = {"PATH": "/agent/venv/bin", "TOKEN": "x", "LANG": "de_DE.UTF-8", "TZ": "UTC"}

    assert base_environment(agent, user="u", home="/home/u", login_shell="/bin/sh") == {
        "PATH": SEARCH_PATH,
        "HOME": "/home/u",
        "USER": "u",
        "LOGNAME": "u",
        "SHELL": "/bin/sh",
        "LANG": "de_DE.UTF-8",
        "TERM": "dumb",
        "TZ": "UTC",
    }


def paths(interpreter: str) -> Paths:
    return Paths(interpreter=interpreter, parameters="p", socket="s", nonce="n", sdk="/sdk")


def test_a_script_is_told_where_it_can_ask_and_finds_what_it_needs_for_it() -> None:
    values = environment(read_order(start()), BASE, paths("/bin/x"))

    assert (values["FARHAND_JOB_SOCKET"], values["FARHAND_JOB_NONCE"]) == ("s", "n")
    assert values["PYTHONPATH"] == "/sdk/python"
    assert values["PSModulePath"] == "/sdk/powershell"


def test_the_interpreters_folder_is_searched_last() -> None:
    order = read_order(start(type="python"))

    def path(interpreter: str) -> str:
        return environment(order, BASE, paths(interpreter))["PATH"]

    assert path("/opt/py/bin/python3") == f"{SEARCH_PATH}:/sdk/bin:/opt/py/bin"
    assert path("/usr/bin/python3") == f"{SEARCH_PATH}:/sdk/bin"


def test_only_python_is_told_not_to_buffer() -> None:
    for kind, expected in (("python", "1"), ("bash", None)):
        values = environment(read_order(start(type=kind)), BASE, paths("/bin/x"))
        assert values.get("PYTHONUNBUFFERED") == expected


def test_arguments_are_for_scripts_that_have_no_other_parameters() -> None:
    bash = command(read_order(start()), paths("/bin/bash"), "/home/job/script")
    powershell = command(read_order(start(type="powershell")), paths("/opt/pwsh"), "/s.ps1")

    assert bash == ["/bin/bash", "/home/job/script", "a", "b"]
    assert (powershell[0], powershell[-2:]) == ("/opt/pwsh", ["/sdk/powershell/run.ps1", "/s.ps1"])


def executable(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_systems_interpreters_come_before_the_agents(tmp_path: Path) -> None:
    executable(tmp_path / "bash")
    pwsh = executable(tmp_path / "pwsh")
    found = find_interpreters(str(tmp_path), chosen={})

    assert found["bash"].startswith(("/usr", "/bin"))
    assert found["powershell"] == str(pwsh)


def test_a_chosen_interpreter_wins_and_a_wrong_one_takes_its_type_away(tmp_path: Path) -> None:
    python = executable(tmp_path / "python3.99")
    found = find_interpreters("", chosen={"python": str(python), "bash": str(tmp_path / "nowhere")})

    assert found["python"] == str(python)
    assert "bash" not in found


def test_messages_survive_any_cut() -> None:
    data = (
        wire.pack(Kind.WHAT)
        + wire.pack_start(b"echo \xff", job_id="x")
        + wire.pack_data(7, b"entries")
        + wire.pack(Kind.STOP, grace_ms=5)
    )
    decoder = wire.Decoder()
    heard = [message for byte in data for message in decoder.feed(bytes([byte]))]

    assert heard == list(wire.Decoder().feed(data))
    assert [message.kind for message in heard] == [Kind.WHAT, Kind.START, Kind.DATA, Kind.STOP]
    assert (heard[1].fields, heard[1].data) == ({"job_id": "x"}, b"echo \xff")
    assert (heard[2].fields, heard[2].data) == ({"offset": 7}, b"entries")


@pytest.mark.parametrize("payload", [b"", b"[]", b"1", b"{", b"\xff", b"[" * 100_000])
def test_a_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        list(wire.Decoder().feed(wire.HEADER.pack(Kind.STOP, len(payload)) + payload))


@pytest.mark.parametrize(
    ("type_", "places"), [("bash", (2,)), ("python", (2,)), ("powershell", ())]
)
def test_arguments_that_no_process_can_be_given_are_counted_in_bytes(
    type_: str, places: tuple[int, ...]
) -> None:
    fits = "x" * (128 * 1024 - 1)
    order = read_order(start(type=type_, arguments=[fits, "ü" * (64 * 1024), "a"]))

    assert order.too_long == places
