"""Which proxy a channel takes."""

import pytest

from farhand_agent.errors import AgentError
from farhand_agent.link import proxy
from farhand_agent.link.endpoint import Endpoint

SERVER = Endpoint("ctl.corp.example", 8443)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ""),
        ({"https_proxy": "http://p:1"}, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ({"grpc_proxy": "http://g:1", "https_proxy": "http://p:1"}, "http://g:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, ""),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "a, .corp.example"}, ""),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "ctl.corp.example"}, ""),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "orp.example"}, "http://p:1"),
    ],
)
def test_variables_mean_what_people_expect(environ: dict[str, str], expected: str) -> None:
    assert proxy.proxy_for(environ, SERVER) == expected


def test_loopback_never_goes_through_a_proxy() -> None:
    assert proxy.proxy_for({"https_proxy": "http://p:1"}, Endpoint("localhost", 1)) == ""


def test_a_proxy_that_would_be_passed_by_in_silence_is_refused_without_its_password() -> None:
    with pytest.raises(AgentError) as refused:
        proxy.options({"https_proxy": "https://user:secret@p:1"}, SERVER)

    assert "secret" not in str(refused.value)
    assert "https://p:1" in str(refused.value)
