"""Whether the server takes more and more of what this worker has, whatever becomes of streams."""

from farhand_wire.v1 import worker_pb2


class Advance:
    """Hears what the server says, stream after stream.

    What one stream brought may show only in the Welcome of the next: a stream that breaks off takes
    the acknowledgements with it that were on their way.
    """

    def __init__(self) -> None:
        #: Of each attempt under way, as far as the server said so.
        self._stored: dict[tuple[str, int], int] = {}
        self._moved = False

    def heard(self, kind: str | None, frame: worker_pb2.ServerFrame) -> None:
        """A frame of this kind has come."""
        match kind:
            case "welcome":
                self._welcomed(frame.welcome)
            case "output_ack":
                ack = frame.output_ack
                self._reached((ack.job_id, ack.attempt), ack.stored)
            case "result_ack":
                self._stored.pop((frame.result_ack.job_id, frame.result_ack.attempt), None)
                self._moved = True

    def take(self) -> bool:
        """Whether there was any since it was asked last."""
        moved, self._moved = self._moved, False
        return moved

    def _welcomed(self, welcome: worker_pb2.Welcome) -> None:
        """Only what the verdicts name is under way."""
        known, self._stored = self._stored, {}
        for verdict in welcome.verdicts:
            if verdict.WhichOneof("order") == "continue":
                attempt = (verdict.job_id, verdict.attempt)
                self._stored[attempt] = known.get(attempt, 0)
                self._reached(attempt, getattr(verdict, "continue").stored)

    def _reached(self, attempt: tuple[str, int], stored: int) -> None:
        if stored > self._stored.get(attempt, 0):
            self._stored[attempt] = stored
            self._moved = True
