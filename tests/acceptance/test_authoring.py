"""What an author of runbooks does, with real interpreters: parameters, streams, versions."""

import hashlib
import json
from pathlib import Path

import pytest
from tests.acceptance.conftest import Deployment

#: One of every type, as text on the command line and as the script must find it.
VALUES = {
    "text": ("007", "007"),
    "sentence": ("a; rm 'b' \"c\" $(d) `e`\n\tü 日本", "a; rm 'b' \"c\" $(d) `e`\n\tü 日本"),
    "empty": ("", ""),
    "flag": ("true", True),
    "whole": ("42", 42),
    "number": ("1.5", 1.5),
    "moment": ("2026-11-25T19:00:00Z", "2026-11-25T19:00:00Z"),
    "list": ('["a",2,true,null]', ["a", 2, True, None]),
    "bag": ('{"Name":"v","n":[1]}', {"Name": "v", "n": [1]}),
}
PASSWORD = "correct horse battery staple"
BLOCK = """# /// farhand
# [parameters.text]
# required = true
# [parameters.sentence]
# [parameters.empty]
# [parameters.flag]
# type = "boolean"
# [parameters.whole]
# type = "integer"
# [parameters.number]
# type = "number"
# [parameters.moment]
# type = "datetime"
# [parameters.list]
# type = "array"
# [parameters.bag]
# type = "object"
# [parameters.big]
# type = "array"
# [parameters.password]
# secret = true
# [parameters.left_out]
# default = "as declared"
# ///
"""
SHOW = {
    ".sh": 'printf "%s\\0" "$@"; cat "$FARHAND_PARAMETERS"\n',
    ".py": (
        "import os, sys\n"
        'print(*sys.argv[1:], sep="\\0", end="\\0")\n'
        'print(open(os.environ["FARHAND_PARAMETERS"]).read(), end="")\n'
    ),
}


@pytest.mark.parametrize("ending", SHOW)
def test_one_value_of_every_type_arrives_as_it_is(
    deployment: Deployment, ending: str, tmp_path: Path
) -> None:
    big = [f"item {number}" for number in range(7_000)]
    (tmp_path / "big.json").write_text(json.dumps(big))
    name = f"typed-{ending[1:]}"
    deployment.publish(name, BLOCK + SHOW[ending], ending=ending)
    words = [word for name, (text, _) in VALUES.items() for word in ("-p", f"{name}={text}")]
    words += ["-p", f"big=@{tmp_path}/big.json", "-p", "password=hunter2"]

    done = deployment.farhand("start", name, "--run-on", "demo", "--follow", *words)

    *arguments, typed = done.out.decode().split("\0")
    expected = {name: value for name, (_, value) in VALUES.items()}
    # It arrives, and is hidden where it is printed.
    expected |= {"big": big, "password": "***", "left_out": "as declared"}
    assert json.loads(typed) == expected
    positional = dict(zip(expected, arguments, strict=True))
    assert positional["sentence"] == VALUES["sentence"][1]
    assert (positional["text"], positional["empty"], positional["flag"]) == ("007", "", "true")
    assert json.loads(positional["bag"]) == VALUES["bag"][1]
    assert json.loads(positional["big"]) == big
    assert positional["password"] == "***"
    assert '"password": "***"' in json.dumps(deployment.newest())


def test_a_secret_parameter_arrives_and_is_hidden_where_it_is_printed(
    deployment: Deployment,
) -> None:
    deployment.publish(
        "secret",
        "# /// farhand\n# [parameters.password]\n# secret = true\n# ///\n"
        'python3 -c "import farhand_job, hashlib\n'
        "word = farhand_job.parameters()['password']\n"
        'print(word, hashlib.sha256(word.encode()).hexdigest())"\n',
    )

    done = deployment.farhand(
        "start", "secret", "--run-on", "demo", "--follow", "-p", f"password={PASSWORD}"
    )

    assert done.out.decode() == f"*** {hashlib.sha256(PASSWORD.encode()).hexdigest()}\n"


def test_what_is_wrong_with_parameters_is_said_at_once_and_nothing_starts(
    deployment: Deployment,
) -> None:
    deployment.publish("typed", BLOCK + SHOW[".sh"])

    done = deployment.farhand("start", "typed", "--run-on", "demo", "-p", "whole=x", "-p", "so=1")

    assert done.code == 1
    for words in ("parameters.so", "parameters.text", "parameters.whole"):
        assert words in done.err


@pytest.mark.parametrize(
    ("ending", "script"),
    [
        (".sh", "echo one\necho WARNING: two\necho verbose: three\necho Debug: four\n"),
        (".py", "print('one\\nWARNING: two\\nverbose: three\\nDebug: four')\n"),
    ],
)
def test_prefixed_lines_go_to_their_streams(
    deployment: Deployment, ending: str, script: str
) -> None:
    name = f"streams-{ending[1:]}"
    deployment.publish(name, script, ending=ending)

    done = deployment.farhand("start", name, "--run-on", "demo", "--follow")
    job = str(deployment.newest()["jobId"])
    told = {
        stream: deployment.farhand("job", "output", job, "--stream", stream).out.decode()
        for stream in ("output", "warning", "verbose", "debug", "error")
    }

    assert done.out == b"one\n"
    assert "WARNING: two" in done.err and "three" not in done.err and "four" not in done.err
    assert told == {
        "output": "one\n",
        "warning": "WARNING: two\n",
        "verbose": "verbose: three\n",
        "debug": "Debug: four\n",
        "error": "",
    }


def test_a_version_can_be_gone_back_to(deployment: Deployment) -> None:
    for number in (1, 2):
        deployment.publish("counted", f"echo {number}\n")
    diff = deployment.farhand("runbook", "diff", "counted", "1", "2").out.decode()
    deployment.farhand("runbook", "rollback", "counted", "1")
    done = deployment.farhand("start", "counted", "--run-on", "demo", "--follow")
    history = deployment.farhand("runbook", "history", "counted").out.decode()

    assert "-echo 1" in diff and "+echo 2" in diff
    assert done.out == b"1\n"
    assert [line.split()[0] for line in history.splitlines()] == ["VERSION", "v3", "v2", "v1"]


def test_a_draft_is_tested_on_a_group_and_leaves_no_history(deployment: Deployment) -> None:
    deployment.publish("tried", "echo published\n")
    path = deployment.root / "draft.sh"
    path.write_text("echo draft\necho 'VERBOSE: detail'\nexit 7\n")
    deployment.farhand("runbook", "import", str(path), "--name", "tried", "--force")

    first = deployment.farhand("runbook", "test", "tried", "--run-on", "demo")
    second = deployment.farhand("runbook", "test", "tried", "--run-on", "demo", "--no-follow")
    id_ = second.out.decode().strip()
    waited = deployment.farhand("job", "wait", id_[:-2])
    verbose = deployment.farhand("job", "output", id_, "--stream", "verbose")
    listed = deployment.farhand("job", "list", "--runbook", "tried", "-o", "name")

    assert (first.code, first.out) == (7, b"draft\n")
    assert (waited.code, verbose.out) == (7, b"VERBOSE: detail\n")
    assert listed.out == b""
