from pathlib import Path

import pytest

from farhand_cli.contexts import Context, Contexts
from farhand_cli.failure import Failure
from farhand_cli.target import Choice, endpoint, resolve

CONTEXTS = (
    Contexts()
    .with_context("prod", Context(server="prod:1", ca="/prod.pem", token="fh_prod"))
    .with_context("lab", Context(server="lab:2", token="fh_lab"))
)
FILE = Path("/config.toml")


def test_the_current_context_is_meant_when_nothing_is_said() -> None:
    target = resolve(Choice(), CONTEXTS, FILE)

    assert (target.server, target.token, target.ca) == ("prod:1", "fh_prod", Path("/prod.pem"))
    assert target.source == 'context "prod" from /config.toml'


def test_another_context_may_be_named() -> None:
    target = resolve(Choice(context="lab"), CONTEXTS, FILE)

    assert (target.server, target.token, target.ca) == ("lab:2", "fh_lab", None)


def test_each_value_that_is_said_replaces_that_of_the_context() -> None:
    choice = Choice(server="other", server_source="--server", token="fh_x")

    target = resolve(choice, CONTEXTS, FILE)

    assert (target.server, target.source) == ("other:8443", "--server")
    assert (target.token, target.ca) == ("fh_x", Path("/prod.pem"))


@pytest.mark.parametrize(
    ("choice", "code"),
    [
        (Choice(), "no_server"),
        (Choice(server="ctl:1"), "no_token"),
        (Choice(server="ctl:1", token="fh_\n\x01"), "bad_token"),
        (Choice(context="none"), "no_such_context"),
    ],
)
def test_what_is_missing_is_said(choice: Choice, code: str) -> None:
    with pytest.raises(Failure) as caught:
        resolve(choice, Contexts(), FILE)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "server", "host", "port"),
    [
        ("ctl", "ctl:8443", "ctl", 8443),
        ("ctl:1", "ctl:1", "ctl", 1),
        ("https://ctl.example.net/", "ctl.example.net:8443", "ctl.example.net", 8443),
        ("https://ctl:443", "ctl:443", "ctl", 443),
        ("[::1]", "[::1]:8443", "::1", 8443),
        ("[::1]:5", "[::1]:5", "::1", 5),
    ],
)
def test_a_server_may_be_written_in_several_ways(
    text: str, server: str, host: str, port: int
) -> None:
    target = resolve(Choice(server=text, token="fh_x"), Contexts(), FILE)

    assert (target.server, target.host, target.port) == (server, host, port)


@pytest.mark.parametrize("text", ["", "ctl:port", "http://ctl", "ctl:1/path", "a@b", "ctl:99999"])
def test_what_is_no_server_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="is not a server"):
        endpoint(text)


def test_the_token_is_not_in_the_repr() -> None:
    assert "fh_prod" not in repr(resolve(Choice(), CONTEXTS, FILE))
