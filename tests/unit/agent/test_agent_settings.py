"""Options, their variables, their defaults."""

from pathlib import Path

import pytest

from farhand_agent.settings import parse
from farhand_wire import limits

JOIN = ["register", "--group", "dc1", "--endpoint", "ctl:1", "--token", "fht_t"]


def test_a_flag_wins_over_its_variable() -> None:
    environ = {"FARHAND_AGENT_SLOTS": "3", "FARHAND_AGENT_STATE": "/x"}

    assert parse(["run"], environ).slots == 3
    assert parse(["run"], environ).state == Path("/x")
    assert parse(["run", "--slots", "4", "--state", "/y"], environ).slots == 4


def test_group_may_be_spelled_as_azure_does() -> None:
    assert parse([*JOIN, "--name", "dc2"], {}).group == "dc2"


def test_run_takes_the_default_number_of_slots() -> None:
    assert parse(["run"], {}).slots == limits.SLOTS


@pytest.mark.parametrize("slots", ["0", "201", "many"])
def test_slots_have_a_limit(slots: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["run"], {"FARHAND_AGENT_SLOTS": slots})

    assert ended.value.code == 2
    assert "--slots" in capsys.readouterr().err


def test_interpreters_are_named_by_type() -> None:
    asked = parse(["run", "--interpreter", "bash=/b", "--interpreter", "python=/p=1"], {})

    assert asked.interpreter == [("bash", "/b"), ("python", "/p=1")]
    assert parse(["run"], {}).interpreter == []


@pytest.mark.parametrize("text", ["python", "python=", "perl=/p", "=/p", "/usr/bin/bash"])
def test_an_interpreter_needs_a_type_and_a_program(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["run", "--interpreter", text], {})

    assert ended.value.code == 2
    assert "bash, python, powershell" in capsys.readouterr().err


def test_a_token_in_the_environment_is_enough() -> None:
    argv = ["register", "--group", "dc1", "--endpoint", "ctl:1"]

    assert parse(argv, {"FARHAND_AGENT_TOKEN": "fht_t"}).token == "fht_t"


def test_a_token_on_the_command_line_wins_over_a_file_in_the_environment() -> None:
    asked = parse(JOIN, {"FARHAND_AGENT_TOKEN_FILE": "/secret"})

    assert (asked.token, asked.token_file) == ("fht_t", None)


@pytest.mark.parametrize("argv", [[], ["fly"], JOIN[:-2], [*JOIN, "--ca", "a", "--ca-sha256", "b"]])
def test_what_cannot_be_said_in_options_is_a_usage_error(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(argv, {})

    assert ended.value.code == 2


def test_the_state_of_an_ordinary_user_is_in_their_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert parse(["run"], {"HOME": "/home/ann"}).state == Path(
        "/home/ann/.local/state/farhand-agent"
    )
    assert parse(["run"], {"XDG_STATE_HOME": "/s"}).state == Path("/s/farhand-agent")


def test_the_state_of_root_is_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)

    assert parse(["run"], {}).state == Path("/var/lib/farhand-agent")
