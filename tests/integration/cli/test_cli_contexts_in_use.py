import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from tests.support.control_plane import ControlPlane
from tests.support.plane.ledger import TOKEN

Run = Callable[..., Result]
#: Nothing said by the environment.
BARE = {"FARHAND_SERVER": None, "FARHAND_CA": None, "FARHAND_TOKEN": None}


@pytest.fixture
def add(run: Run, plane: ControlPlane, ca_file: Path) -> Callable[[str], Result]:
    def add(name: str) -> Result:
        words = ["--server", plane.endpoint, "--ca", str(ca_file), "--token-stdin"]
        return run("context", "add", name, *words, stdin=f"{TOKEN}\n", env=BARE)

    return add


def test_a_context_is_all_that_a_command_needs(
    run: Run, add: Callable[[str], Result], plane: ControlPlane, tmp_path: Path
) -> None:
    added = add("prod")

    assert added.exit_code == 0
    assert run("group", "list", env=BARE).exit_code == 0
    assert stat.S_IMODE((tmp_path / "config.toml").stat().st_mode) == 0o600


def test_flag_beats_environment_beats_context(run: Run, add: Callable[[str], Result]) -> None:
    add("prod")

    environment = run("group", "list", env={**BARE, "FARHAND_TOKEN": "fh_wrong"})
    flag = run("--token", TOKEN, "group", "list", env={**BARE, "FARHAND_TOKEN": "fh_wrong"})

    assert "the token is not known" in environment.stderr
    assert flag.exit_code == 0


def test_contexts_are_listed_shown_used_and_removed(run: Run, add: Callable[[str], Result]) -> None:
    add("prod")
    add("lab")

    used = run("context", "use", "lab", env=BARE)
    listed = json.loads(run("context", "list", "-o", "json", env=BARE).stdout)
    shown = run("context", "show", env=BARE)
    removed = run("context", "remove", "lab", env=BARE)

    assert used.exit_code == 0
    assert [(each["name"], each["current"]) for each in listed] == [("lab", True), ("prod", False)]
    assert shown.stdout.splitlines()[0] == "name    lab"
    assert TOKEN not in shown.stdout + str(listed)
    assert "none is current now" in removed.stderr
    assert run("group", "list", env=BARE).exit_code == 1
    assert run("--context", "prod", "group", "list", env=BARE).exit_code == 0


@pytest.mark.parametrize("verb", ["use", "remove", "show"])
def test_an_unknown_context_is_refused(run: Run, verb: str) -> None:
    result = run("context", verb, "none")

    assert result.exit_code == 1
    assert 'error: there is no context "none"' in result.stderr


def test_no_token_is_taken_from_the_command_line(run: Run) -> None:
    result = run("context", "add", "x", "--server", "ctl:1", "--token", "fh_x")

    assert result.exit_code == 2


def test_a_context_without_a_token_or_a_ca_file_is_refused(run: Run) -> None:
    empty = run("context", "add", "x", "--server", "ctl:1", "--token-stdin", stdin="\n")
    missing = run("context", "add", "x", "--server", "ctl:1", "--ca", "/no/such", "--token-stdin")
    silent = run("context", "add", "x", "--server", "ctl:1")

    assert (empty.exit_code, missing.exit_code, silent.exit_code) == (1, 1, 2)
    assert run("context", "list", "-o", "json").stdout.strip() == "[]"
