"""Who asks: set once per call by the authentication, read by the handlers of that call."""

from contextvars import ContextVar

from farhand_server.model.account import Principal

_caller: ContextVar[Principal] = ContextVar("farhand_caller")


def caller() -> Principal:
    """The principal of this call. Raises LookupError in a method that is open to everybody."""
    return _caller.get()


def set_caller(principal: Principal) -> None:
    """For the rest of this call's task."""
    _caller.set(principal)
