"""Every error that the agent shows to people.

AgentError                  what, why, and what to do next
├── Unreachable             nobody answered, or not the right one; trying again may help
├── Refused                 the control plane said no
│   └── WorkerUnknown       it does not know this worker any more: nothing will help but registering
└── StateError              the state directory, or what it holds, cannot be used
"""


class AgentError(Exception):
    """An error with its cause and its remedy, each one sentence."""

    def __init__(self, message: str, *, why: str, do: str) -> None:
        super().__init__(message)
        self.message = message
        self.why = why
        self.do = do

    def __str__(self) -> str:
        return f"error: {self.message}\n  why: {self.why}\n  do:  {self.do}"

    @property
    def line(self) -> str:
        """The same on one line, for logs."""
        return f"{self.message}: {self.why}; do: {self.do}"


class Unreachable(AgentError):
    """Nobody answered, or not the right one."""


class Refused(AgentError):
    """The control plane said no. `reason` is its word for programs, empty if it gave none."""

    def __init__(self, message: str, *, why: str, do: str, reason: str = "") -> None:
        super().__init__(message, why=why, do=do)
        self.reason = reason


class WorkerUnknown(Refused):
    """The control plane does not know this worker; it was deleted, or never was."""


class StateError(AgentError):
    """The state directory, or what it holds, cannot be used."""
