"""Behind a real nginx: as we say that it should be set up, and as it comes."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.conftest import Deployment
from tests.support.nginx import Nginx, require_nginx
from tests.support.server_process import free_port

SHIPPED = Path(__file__).parents[2] / "deploy/nginx.conf"
UNBOUNDED = "client_max_body_size 0;"
#: 8 MiB in lines of 128 bytes.
PRINTS = "seq -f '%0127g' 1 65536\n"
OUTPUT = "".join(f"{n:0127d}\n" for n in range(1, 65537)).encode()


@pytest.fixture(autouse=True, scope="module")
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


@contextlib.contextmanager
def behind(deployment: Deployment, name: str, *, body: str) -> Iterator[Nginx]:
    """An nginx that bounds requests by `body`, and a member of a group of its own that dials it."""
    port = free_port()
    text = site(deployment, port).replace(UNBOUNDED, body)
    proxy = Nginx(deployment.root, text, port=port)
    try:
        endpoint, token = f"localhost:{port}", deployment.token(group=name)
        joined = deployment.register(
            name, "--endpoint", endpoint, "--token", token, "--group", name
        )
        assert joined.code == 0, joined.err
        agent = deployment.agent(name)
        yield proxy
        agent.terminate()
    finally:
        proxy.close()


def log(deployment: Deployment, name: str) -> str:
    return (deployment.root / f"{name}.log").read_text()


def test_with_the_shipped_configuration_one_stream_carries_everything(
    deployment: Deployment,
) -> None:
    """And the doctor says who stands between."""
    deployment.publish("prints", PRINTS)
    with behind(deployment, "shipped", body=UNBOUNDED) as nginx:
        job = deployment.start("prints", group="shipped")
        followed = deployment.farhand("job", "follow", job, "--from-start")

        assert followed.out == OUTPUT
        assert log(deployment, "shipped").count("connected to") == 1
        assert nginx.errors() == ""
        examined = deployment.call(
            "farhand-agent", "doctor", "--state", str(deployment.root / "shipped")
        )
        assert examined.code == 0, examined.out
        assert b"nginx/" in examined.out
        assert b"client_max_body_size" in examined.out


def test_behind_a_default_nginx_eight_mib_come_through_whole(deployment: Deployment) -> None:
    """It ends each stream after 1 MiB; that is told once, and costs no growing delays."""
    deployment.publish("prints", PRINTS)
    with behind(deployment, "default", body="") as nginx:
        job = deployment.start("prints", group="default")
        followed = deployment.farhand("job", "follow", job, "--from-start")

        assert followed.out == OUTPUT
        assert deployment.job(job)["attempt"] == 1
        broken = nginx.errors().count("too large chunked body")
        assert broken >= 7
        said = log(deployment, "default")
        assert said.count("set client_max_body_size 0 (nginx)") == 1
        assert said.count("not connected") < broken
