"""What is stored and followed is what the script wrote."""

import hashlib
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.acceptance.conftest import Deployment

BINARY = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 1000)"
CASES = {
    "no-newline": "printf 'no newline at the end'",
    "invalid-utf8": r"printf '\xff\xfe\x80 caf\xc3'",
    "empty-lines": "yes '' | head -n 100000",
    "carriage-returns": r"for i in 1 2 3; do printf '%s%%\r' $i; done",
    "nothing": "true",
    "long-line": "head -c 100000000 /dev/zero | tr '\\0' x",
}


@pytest.mark.parametrize("case", CASES)
def test_output_equals_what_the_script_wrote(deployment: Deployment, case: str) -> None:
    script = CASES[case]
    deployment.publish(f"out-{case}", script + "\n")
    expected = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout

    followed = deployment.farhand("start", f"out-{case}", "--run-on", "demo", "--follow")

    assert followed.code == 0, followed.err
    assert hashlib.sha256(followed.out).digest() == hashlib.sha256(expected).digest()
    newest = deployment.newest()
    stored = deployment.farhand("job", "output", str(newest["jobId"]), "--raw")
    assert stored.out == expected
    card = deployment.farhand("job", "show", str(newest["jobId"])).out.decode()
    lines = expected.count(b"\n") + (expected != b"" and not expected.endswith(b"\n"))
    hashed = f"{lines:,} line{'' if lines == 1 else 's'} {len(expected):,} B sha256 "
    hashed += hashlib.sha256(expected).hexdigest()
    assert f" output {hashed if expected else '0 B'}; error 0 B; verified\n" in card


def test_binary_output_of_python_is_untouched(deployment: Deployment) -> None:
    deployment.publish("binary", BINARY, ending=".py")

    followed = deployment.farhand("start", "binary", "--run-on", "demo", "--follow")

    assert followed.out == bytes(range(256)) * 1000


def test_standard_error_is_the_error_stream(deployment: Deployment) -> None:
    deployment.publish("both", "echo out; echo err >&2; echo more > /dev/stderr; echo end\n")

    followed = deployment.farhand("start", "both", "--run-on", "demo", "--follow")

    assert followed.out == b"out\nend\n"
    assert "err\nmore\n" in followed.err
    job = str(deployment.newest()["jobId"])
    only = deployment.farhand("job", "output", job, "--stream", "error", "--raw")
    assert b"err\nmore\n" in only.out + only.err.encode()


def test_many_followers_see_the_same_from_the_first_line(deployment: Deployment) -> None:
    deployment.publish("ticks", "for i in $(seq 20); do echo $i; sleep 0.05; done\n")
    job = deployment.start("ticks")

    with ThreadPoolExecutor(4) as pool:
        follow = ("job", "follow", job, "--from-start")
        seen = list(pool.map(lambda _: deployment.farhand(*follow).out, range(4)))

    expected = "".join(f"{n}\n" for n in range(1, 21)).encode()
    assert seen == [expected] * 4


def test_a_follower_may_begin_with_the_tail(deployment: Deployment) -> None:
    deployment.publish("count", "seq 100000\n")
    job = deployment.start("count", "--wait")
    newest = str(deployment.newest()["jobId"])

    tail = deployment.farhand("job", "follow", newest, "--tail", "3")

    assert tail.out == b"99998\n99999\n100000\n", job


def test_a_million_lines_arrive_whole(deployment: Deployment) -> None:
    deployment.publish("million", "seq 1000000\n")

    followed = deployment.farhand("start", "million", "--run-on", "demo", "--follow")

    assert followed.out.count(b"\n") == 1_000_000
    assert followed.out.endswith(b"999999\n1000000\n")
