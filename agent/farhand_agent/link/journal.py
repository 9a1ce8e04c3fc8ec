"""The journal as the link sees it: sandboxes on the host, and the session number on disk."""

from farhand_agent.core.frames import AttemptId
from farhand_agent.host.sandbox import AttemptId as Folder
from farhand_agent.host.sandbox import Sandbox
from farhand_agent.link.identity import Identity, State


class HostJournal:
    """`core.journal.Journal` over the state directory and the sandbox root."""

    def __init__(self, *, state: State, identity: Identity, sandbox: Sandbox) -> None:
        self._state = state
        self._identity = identity
        self._sandbox = sandbox

    @property
    def session_number(self) -> int:
        return self._state.session_number(self._identity)

    def keep_session_number(self, number: int) -> None:
        """Synced to disk when this returns."""
        self._state.keep_session_number(self._identity, number)

    def knows(self, id_: AttemptId) -> bool:
        folder = Folder(job_id=id_.job_id, attempt=id_.attempt)
        return (
            self._sandbox.attempt_path(folder).exists() or self._sandbox.overflow(folder).exists()
        )
