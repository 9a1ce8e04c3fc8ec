import stat
from pathlib import Path

import pytest

from farhand_cli.contexts import Context, Contexts, load, path_of, save
from farhand_cli.failure import Failure

PROD = Context(server="ctl:8443", ca="/etc/farhand/ca.pem", token="fh_secret")


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.toml"
    contexts = Contexts().with_context("prod", PROD).with_context("lab", Context(server="l:1"))

    save(path, contexts)

    assert load(path) == contexts
    assert contexts.current == "prod"


def test_the_file_is_only_its_owners_even_if_it_was_not(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.touch(mode=0o644)

    save(path, Contexts().with_context("prod", PROD))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.mkdir()

    with pytest.raises(Failure, match="cannot be written"):
        save(path, Contexts())

    assert list(tmp_path.iterdir()) == [path]


def test_no_file_is_no_contexts(tmp_path: Path) -> None:
    assert load(tmp_path / "config.toml") == Contexts()


def test_the_file_of_another_writer_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        'current = "default"\n\n[contexts.default]\nserver = "localhost:8443"\ntoken = "fh_1"\n'
    )

    assert load(path).get("default") == Context(server="localhost:8443", token="fh_1")


@pytest.mark.parametrize(
    "text",
    ["current = ", "contexts = 3", "[contexts.a]\ntoken = 'fh_secret'", "contexts.a = 'fh_secret'"],
)
def test_a_file_of_another_kind_is_refused_without_its_secrets(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)

    with pytest.raises(Failure, match="not a contexts file") as caught:
        load(path)

    assert "fh_secret" not in "".join(caught.value.lines())


def test_removing_the_current_context_leaves_none_current() -> None:
    contexts = Contexts().with_context("prod", PROD).without("prod")

    assert contexts == Contexts()


def test_an_unknown_context_names_the_known_ones() -> None:
    with pytest.raises(Failure) as caught:
        Contexts().with_context("prod", PROD).using("lab")

    assert caught.value.why == "known: prod"


def test_a_token_is_not_in_the_repr() -> None:
    assert "fh_secret" not in repr(Contexts().with_context("prod", PROD))


def test_the_file_is_found_by_environment() -> None:
    assert path_of({"FARHAND_CONFIG": "/x/y.toml"}) == Path("/x/y.toml")
    assert path_of({"XDG_CONFIG_HOME": "/x"}) == Path("/x/farhand/config.toml")
    assert path_of({}) == Path.home() / ".config/farhand/config.toml"
