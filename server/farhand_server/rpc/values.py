"""Kinds of values that requests and frames hold: what is wrong with one."""

import ipaddress
from collections.abc import Mapping

from google.protobuf.duration_pb2 import Duration

from farhand_server.rpc.rules import Check, On, Rule, between, matches, one_of, required
from farhand_wire import limits
from farhand_wire.v1 import delivery_pb2, job_pb2, runbook_pb2

UUID = matches(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "is not a UUID (8-4-4-4-12 hexadecimal digits, lower case)",
)
JOB = required(matches(r"[0-9a-f-]{1,36}", "is not a job id or the beginning of one"))
#: What a runbook may use.
GRANT = matches(
    rf"(variable|credential|certificate|connection|runbook)/"
    rf"(\*|[A-Za-z][A-Za-z0-9_.-]{{0,{limits.ASSET_NAME_CHARACTERS - 1}}})",
    'is not a kind and a name, as in "variable/region" or "credential/*"',
)
RUNBOOK = matches(
    rf"[A-Za-z][A-Za-z0-9_-]{{0,{limits.NAME_CHARACTERS - 1}}}",
    f"starts with a letter and has letters, digits, underscores and dashes, "
    f"{limits.NAME_CHARACTERS} at most",
)
MEMBER = matches(
    rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{limits.WORKER_NAME_CHARACTERS - 1}}}",
    f"starts with a letter or digit and has letters, digits, dots, underscores and dashes, "
    f"{limits.WORKER_NAME_CHARACTERS} at most",
)
ASSET = matches(
    rf"[A-Za-z][A-Za-z0-9._-]{{0,{limits.ASSET_NAME_CHARACTERS - 1}}}",
    f"starts with a letter and has letters, digits, dots, underscores and dashes, "
    f"{limits.ASSET_NAME_CHARACTERS} at most",
)
STREAM = one_of(job_pb2.JobStream, "is not a stream")
DELIVERY = one_of(delivery_pb2.Delivery, "is required: at most once or at least once")
TYPE = one_of(runbook_pb2.RunbookType, "is required: RUNBOOK_TYPE_BASH or RUNBOOK_TYPE_PYTHON")


def cidr(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        return f'"{value[:64]}" is not a network, for example 10.0.0.0/8'
    return ""


def tags(value: Mapping[str, str]) -> str:
    """Azure's limits of tags."""
    if len(value) > limits.TAGS_MOST:
        return f"has {len(value)} tags of {limits.TAGS_MOST}"
    for name, text in value.items():
        if not 0 < len(name) <= limits.TAG_NAME_CHARACTERS:
            return f"has a name of {len(name)} characters; 1 to {limits.TAG_NAME_CHARACTERS} may be"
        if len(text) > limits.TAG_CHARACTERS:
            return f'has {len(text)} characters of {limits.TAG_CHARACTERS} in "{name[:64]}"'
    return ""


def span(low: int, high: int) -> Rule:
    """Of a Duration, in seconds."""

    def rule(value: Duration) -> str:
        seconds = value.seconds + value.nanos / 1e9
        return "" if low <= seconds <= high else f"is {seconds:g} s; it may be {low} to {high:,} s"

    return rule


def life(value: Duration) -> str:
    most = int(limits.TOKEN_TTL_SECONDS_MOST)
    if value == Duration() or (0 < value.seconds <= most and value.nanos >= 0):
        return ""
    return f"is {value.seconds} s; it may be 1 s to {most // 86400} days"


# --- pages ---------------------------------------------------------------------------------

_SIZE = On("page_size", between(0, limits.PAGE_SIZE_MOST))
_NOT_A_PAGE = "is not the next_page_token of the page before"
PLACES: tuple[Check, ...] = (_SIZE, On("page_token", matches(r"[0-9]{0,18}", _NOT_A_PAGE)))
NAMES: tuple[Check, ...] = (_SIZE, On("page_token", matches(r"[A-Za-z0-9._-]{0,64}", _NOT_A_PAGE)))
