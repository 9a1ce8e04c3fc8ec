"""Endpoints as people write them."""

import pytest

from farhand_agent.errors import AgentError
from farhand_agent.link import endpoint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ctl:8443", "ctl:8443"),
        ("ctl", "ctl:8443"),
        ("10.0.0.5:1", "10.0.0.5:1"),
        ("[::1]:8443", "[::1]:8443"),
        ("https://ctl", "ctl:443"),
        ("https://ctl:8443/accounts/default?x=1", "ctl:8443"),
        (" HTTPS://Ctl.Example:9 ", "ctl.example:9"),
    ],
)
def test_an_endpoint_may_be_written_in_many_ways(text: str, expected: str) -> None:
    assert str(endpoint.parse(text)) == expected


@pytest.mark.parametrize("text", ["", "http://ctl:80", "ctl:port", "ctl:99999", ":8443", "ftp://c"])
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(AgentError, match="is not an endpoint"):
        endpoint.parse(text)
