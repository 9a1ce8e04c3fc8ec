"""Behind a real nginx: as we say that it should be set up, and as it comes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.conftest import Deployment
from tests.support.nginx import Nginx, require_nginx
from tests.support.server_process import free_port

SHIPPED = Path(__file__).parents[2] / "deploy/nginx.conf"
MIB = 1024 * 1024
#: 8 MiB in lines of 128 bytes.
PRINTS = "seq -f '%0127g' 1 65536\n"
OUTPUT = "".join(f"{n:0127d}\n" for n in range(1, 65537)).encode()


@pytest.fixture(autouse=True)
def nginx_is_there() -> None:
    require_nginx()


def site(deployment: Deployment, port: int) -> str:
    """The shipped configuration with the places of this deployment, and nothing else changed."""
    data = deployment.root / "server"
    text = SHIPPED.read_text()
    for shipped, here in {
        "server 127.0.0.1:8443;": f"server {deployment.endpoint};",
        "listen 443 ": f"listen 127.0.0.1:{port} ",
        "/etc/nginx/farhand.pem": str(data / "server.pem"),
        "/etc/nginx/farhand.key": str(data / "server.key"),
        "/etc/nginx/farhand-ca.pem": str(data / "ca.pem"),
    }.items():
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, here)
    return text


@pytest.fixture
def body() -> str:
    """The largest body of a request, as nginx spells it."""
    return "client_max_body_size 0;"


@pytest.fixture
def nginx(bare: Deployment, body: str) -> Iterator[Nginx]:
    """With an agent `w1` behind it that has connected."""
    port = free_port()
    text = site(bare, port).replace("client_max_body_size 0;", body)
    proxy = Nginx(bare.root, text, port=port)
    try:
        endpoint = f"localhost:{port}"
        token = bare.token()
        joined = bare.register("w1", "--endpoint", endpoint, "--token", token, "--group", "demo")
        assert joined.code == 0, joined.err
        bare.agent("w1")
        yield proxy
    finally:
        proxy.close()


def log(deployment: Deployment) -> str:
    return (deployment.root / "w1.log").read_text()


def test_with_the_shipped_configuration_one_stream_carries_everything(
    bare: Deployment, nginx: Nginx
) -> None:
    bare.publish("prints", PRINTS)
    followed = bare.farhand("job", "follow", bare.start("prints"), "--from-start")

    assert followed.out == OUTPUT
    assert log(bare).count("connected to") == 1
    assert nginx.errors() == ""


@pytest.mark.parametrize("body", [""], ids=["default"])
def test_behind_a_default_nginx_eight_mib_come_through_whole(
    bare: Deployment, nginx: Nginx
) -> None:
    """nginx ends each stream after 1 MiB; that is told once, and costs no growing delays."""
    bare.publish("prints", PRINTS)
    job = bare.start("prints")
    followed = bare.farhand("job", "follow", job, "--from-start")

    assert followed.out == OUTPUT
    assert bare.job(job)["attempt"] == 1
    broken = nginx.errors().count("too large chunked body")
    assert broken >= 7
    assert log(bare).count("set client_max_body_size 0 (nginx)") == 1
    assert log(bare).count("not connected") < broken


def test_the_doctor_names_the_proxy(bare: Deployment, nginx: Nginx) -> None:
    examined = bare.call("farhand-agent", "doctor", "--state", str(bare.root / "w1"))

    assert examined.code == 0, examined.out
    assert b"nginx/" in examined.out
    assert b"client_max_body_size" in examined.out
