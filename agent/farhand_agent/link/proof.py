"""The first frames of a stream: who we say we are, and the proof of it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from farhand_agent.errors import Refused
from farhand_agent.link.key import Key
from farhand_agent.link.stream import Stream
from farhand_wire import limits
from farhand_wire.transcript import NONCE_BYTES, transcript
from farhand_wire.v1 import worker_pb2

#: For each step of the opening; the server itself gives a proof 5 s.
ANSWER_SECONDS = 2 * limits.PROOF_SECONDS


def nonce() -> bytes:
    """32 random bytes, fresh for each stream."""
    return os.urandom(NONCE_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a first frame claimed, and the key that proves it."""

    key: Key
    client_nonce: bytes
    subject: bytes

    def prove(self, challenge: worker_pb2.Challenge) -> worker_pb2.AgentFrame:
        """The Proof. Never signs a challenge too short to be fresh: Raises Refused."""
        if len(challenge.server_nonce) != NONCE_BYTES:
            raise illegal("its challenge is not 32 bytes")
        signed = transcript(
            deployment_id=challenge.deployment_id,
            session_id=challenge.session_id,
            server_nonce=challenge.server_nonce,
            client_nonce=self.client_nonce,
            subject=self.subject,
        )
        proof = worker_pb2.Proof(signature=self.key.sign(signed))
        return worker_pb2.AgentFrame(proof=proof)


class Opening:
    """The opening of a stream by a command that does one thing and leaves."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.proof_sent = False

    async def run(self, first: worker_pb2.AgentFrame, claim: Claim) -> list[worker_pb2.ServerFrame]:
        """The frames that answer the proof; Welcome is the last of them. Raises Refused,
        Unreachable."""
        await self._stream.send([first])
        answer = await self._answer()
        if answer[0].WhichOneof("frame") != "challenge":
            raise illegal("it did not ask for a proof")
        proof = claim.prove(answer[0].challenge)
        self.proof_sent = True
        await self._stream.send([proof])
        frames = [*answer[1:]]
        while not frames or frames[-1].WhichOneof("frame") != "welcome":
            frames += await self._answer()
        return frames

    async def leave(self, *last: worker_pb2.AgentFrame) -> None:
        """Sends the last frames and hears the server out. Raises Refused, Unreachable."""
        await self._stream.send(last)
        await self._stream.part()
        while await self._stream.receive() is not None:
            pass

    async def _answer(self) -> Sequence[worker_pb2.ServerFrame]:
        timer = self._stream.give_up_after(
            ANSWER_SECONDS, f"no answer within {ANSWER_SECONDS:.0f} s"
        )
        try:
            answer = await self._stream.receive()
        finally:
            timer.cancel()
        if not answer:
            raise illegal("it ended the stream")
        return answer


def illegal(what: str) -> Refused:
    """The other side does not keep to the protocol."""
    return Refused(
        "the server does not speak this protocol",
        why=what,
        do="check that the endpoint is a Farhand server of about this agent's version",
    )
