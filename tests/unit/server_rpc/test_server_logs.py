"""Logs: a line an event, JSON, no values of variables."""

import json
import subprocess
import sys
from typing import Any

SCRIPT = """
import logging, sys
import structlog
from farhand_server import logs
logs.configure(form=sys.argv[1], level="info", file=sys.stdout)
log = structlog.get_logger("farhand.test")
log.debug("hidden")
log.info("hello", number=7)
def fail(token):
    raise ValueError("broken")
try:
    fail("fh_secret")
except ValueError:
    log.exception("failed")
logging.getLogger("grpc").warning("from a library")
"""


def lines(form: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, form], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_each_event_is_one_json_object_with_its_logger() -> None:
    events: list[dict[str, Any]] = [json.loads(line) for line in lines("json")]

    assert [(event["logger"], event["event"]) for event in events] == [
        ("farhand.test", "hello"),
        ("farhand.test", "failed"),
        ("grpc", "from a library"),
    ]
    assert events[0]["number"] == 7
    assert events[0]["level"] == "info"
    assert events[0]["timestamp"].endswith("Z")


def test_a_traceback_names_lines_but_no_values() -> None:
    failed = json.loads(lines("json")[1])

    assert "ValueError: broken" in failed["exception"]
    assert "secret" not in failed["exception"]


def test_people_get_plain_lines() -> None:
    text = "\n".join(lines("console"))

    assert "hello" in text
    assert "\x1b" not in text, "no colours but on a terminal"
