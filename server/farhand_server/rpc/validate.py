"""Requests are checked before their handlers see them: all violations at once."""

from google.protobuf.message import Message

from farhand_server.errors import InvalidRequest
from farhand_server.rpc.rules import problems


def check(message: Message, at: str = "") -> None:
    """Raises InvalidRequest with every violation; `at` is the path to the message."""
    if violations := list(problems(message, at)):
        raise InvalidRequest(violations)
