"""The worker's stream: proofs, probes, and every way in which it may not be used."""

import os

import grpc
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from grpc import aio
from tests.support.edge import Caller, Edge, Worker, eventually, refusal

from farhand_wire import limits, transcript
from farhand_wire.v1 import account_pb2, hybrid_worker_pb2, worker_pb2

Frame = worker_pb2.AgentFrame
HEARTBEAT = Frame(heartbeat=worker_pb2.Heartbeat(sequence=1))


async def test_a_registered_worker_comes_back_with_its_key(worker: Worker) -> None:
    welcome = await worker.greet()
    await worker.beat(1)
    ack = await worker.hear("heartbeat_ack")

    assert welcome.heartbeat_ms == 10_000
    assert welcome.window_bytes == limits.WINDOW_BYTES
    assert ack.sequence == 1


async def test_a_proof_by_another_key_is_refused(worker: Worker) -> None:
    worker.key = ec.generate_private_key(ec.SECP256R1())
    worker.open()
    hello = worker.hello()
    await worker.say(Frame(hello=hello))
    await worker.prove(worker.hello_subject(hello), hello.client_nonce)

    refused = await refusal(worker.call)

    assert refused.code == grpc.StatusCode.UNAUTHENTICATED
    assert refused.reason == "PROOF_REFUSED"


async def test_a_proof_cannot_be_replayed_on_another_stream(worker: Worker) -> None:
    nonce = os.urandom(32)
    hello = worker.hello(client_nonce=nonce)
    worker.open()
    await worker.say(Frame(hello=hello))
    old = await worker.hear("challenge")
    worker.open()
    await worker.say(Frame(hello=hello))
    await worker.hear("challenge")
    await worker.sign(
        transcript.transcript(
            deployment_id=old.deployment_id,
            session_id=old.session_id,
            server_nonce=old.server_nonce,
            client_nonce=nonce,
            subject=worker.hello_subject(hello),
        )
    )

    refused = await refusal(worker.call)

    assert refused.reason == "PROOF_REFUSED"


async def test_a_proof_covers_the_session_number(worker: Worker) -> None:
    worker.open()
    hello = worker.hello(session_number=7)
    await worker.say(Frame(hello=hello))
    await worker.prove(worker.hello_subject(worker.hello(session_number=1)), hello.client_nonce)

    refused = await refusal(worker.call)

    assert refused.reason == "PROOF_REFUSED"


async def test_an_unknown_worker_is_told_to_stop_trying(worker: Worker) -> None:
    worker.worker_id = "0b0a7b0e-0000-4000-8000-000000000000"
    worker.open()
    hello = worker.hello()
    await worker.say(Frame(hello=hello))
    await worker.prove(worker.hello_subject(hello), hello.client_nonce)

    refused = await refusal(worker.call)

    assert refused.reason == "WORKER_UNKNOWN"
    assert "register" in refused.words["do"]


async def test_a_key_of_another_curve_cannot_join(server: Edge) -> None:
    async with server.channel() as channel:
        machine = Worker(channel)
        other = ec.generate_private_key(ec.SECP384R1()).public_key()
        register = machine.register("fht_00000000_x", "demo", "w1")
        register.public_key = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        machine.open()
        await machine.say(Frame(register=register))
        await machine.prove(b"anything", register.client_nonce)

        refused = await refusal(machine.call)

    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert "P-256" in refused.fields["register.public_key"]


async def test_a_wrong_registration_token_gets_azures_words(server: Edge) -> None:
    async with server.channel() as channel:
        machine = Worker(channel)
        register = machine.register("fht_00000000_wrong", "demo", "w1")
        machine.open()
        await machine.say(Frame(register=register))
        subject = transcript.register_subject(
            token=register.token,
            group="demo",
            worker_name="w1",
            public_key=machine.public_key,
        )
        await machine.prove(subject, register.client_nonce)

        refused = await refusal(machine.call)

    assert refused.code == grpc.StatusCode.PERMISSION_DENIED
    assert refused.message == "Invalid Authorization Token"


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (HEARTBEAT, "heartbeat before Register or Hello"),
        (Frame(proof=worker_pb2.Proof(signature=b"x")), "proof before Register or Hello"),
        (Frame(), "an empty or unknown frame"),
    ],
)
async def test_the_first_frame_is_a_greeting(server: Edge, first: Frame, words: str) -> None:
    async with server.channel() as channel:
        machine = Worker(channel)
        machine.open()
        await machine.say(first)

        refused = await refusal(machine.call)

    assert refused.code == grpc.StatusCode.FAILED_PRECONDITION
    assert refused.reason == "PROTOCOL_VIOLATION"
    assert words in refused.message


async def test_a_challenge_is_answered_with_a_proof(worker: Worker) -> None:
    worker.open()
    await worker.say(Frame(hello=worker.hello()))
    await worker.say(HEARTBEAT)

    refused = await refusal(worker.call)

    assert "heartbeat instead of the Proof" in refused.message


async def test_nothing_is_said_before_the_welcome(worker: Worker) -> None:
    worker.open()
    hello = worker.hello()
    await worker.say(Frame(hello=hello))
    challenge = await worker.hear("challenge")
    signed = transcript.transcript(
        deployment_id=challenge.deployment_id,
        session_id=challenge.session_id,
        server_nonce=challenge.server_nonce,
        client_nonce=hello.client_nonce,
        subject=worker.hello_subject(hello),
    )
    signature = worker.key.sign(signed, ec.ECDSA(hashes.SHA256()))
    await worker.say(Frame(proof=worker_pb2.Proof(signature=signature)), HEARTBEAT)

    refused = await refusal(worker.call)

    assert refused.message == "heartbeat before Welcome"


@pytest.mark.parametrize(
    "frame",
    [
        Frame(hello=worker_pb2.Hello(worker_id="0b0a7b0e-0000-4000-8000-000000000000", slots=1)),
        Frame(proof=worker_pb2.Proof(signature=b"x")),
        Frame(),
    ],
)
async def test_an_open_session_takes_no_second_greeting(worker: Worker, frame: Frame) -> None:
    frame = Frame.FromString(frame.SerializeToString())
    if frame.HasField("hello"):
        frame.hello.client_nonce = bytes(32)
    await worker.serve()
    await worker.say(frame)

    refused = await refusal(worker.call)

    assert refused.code == grpc.StatusCode.FAILED_PRECONDITION
    assert "not a frame of an open session" in refused.message


async def test_bad_fields_of_a_frame_are_named_all_at_once(worker: Worker) -> None:
    await worker.serve()
    await worker.say(HEARTBEAT, Frame(output=worker_pb2.Output(job_id="x", offset=-1)))

    refused = await refusal(worker.call)

    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert set(refused.fields) == {
        "frames[1].output.job_id",
        "frames[1].output.attempt",
        "frames[1].output.offset",
        "frames[1].output.data",
    }


async def test_a_message_of_too_many_frames_is_refused(worker: Worker) -> None:
    await worker.serve()
    await worker.say(*[HEARTBEAT] * (limits.FRAMES_PER_MESSAGE + 1))

    refused = await refusal(worker.call)

    assert "2000 frames at most" in refused.message


async def test_a_message_over_the_limit_is_refused_and_the_server_lives(
    worker: Worker, owner: Caller
) -> None:
    worker.open()
    await worker.say(Frame(goodbye=worker_pb2.Goodbye(reason="x" * limits.MESSAGE_BYTES)))

    refused = await refusal(worker.call)

    assert refused.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    await owner.ask(owner.account.GetAccount, account_pb2.GetAccountRequest())


async def test_goodbye_is_answered_with_the_end_of_the_stream(worker: Worker) -> None:
    await worker.serve()
    await worker.say(Frame(goodbye=worker_pb2.Goodbye(reason="done")))

    assert await worker.next() is None
    assert await worker.call.code() == grpc.StatusCode.OK


async def test_a_newer_stream_takes_over_and_the_older_one_is_told(
    server: Edge, worker: Worker
) -> None:
    await worker.serve()
    older = worker.call
    await worker.serve()

    last = worker_pb2.ServerFrame()
    while (message := await older.read()) is not aio.EOF:
        last = message.frames[-1]
    assert last.WhichOneof("frame") == "goodbye"
    assert "newer session" in last.goodbye.reason


# --- probes ---------------------------------------------------------------------------------


async def test_a_probe_looks_without_taking_over(worker: Worker, owner: Caller) -> None:
    await worker.serve()
    session = worker.call
    welcome = await worker.greet(probe=True, session_number=0)
    await worker.beat(5)
    ack = await worker.hear("heartbeat_ack")
    await worker.call.done_writing()

    assert await worker.next() is None
    assert await worker.call.code() == grpc.StatusCode.OK
    assert welcome.session_token.startswith("fhs_")
    assert ack.sequence == 5
    assert not session.done()


async def test_a_session_token_opens_a_probe_without_a_proof(worker: Worker) -> None:
    token = (await worker.greet(probe=True, session_number=0)).session_token
    worker.open()
    hello = worker_pb2.Hello(worker_id=worker.worker_id, probe=True, session_token=token)
    await worker.say(Frame(hello=hello), HEARTBEAT)
    await worker.call.done_writing()

    await worker.hear("welcome")
    await worker.hear("heartbeat_ack")
    assert await worker.next() is None
    assert await worker.call.code() == grpc.StatusCode.OK


@pytest.mark.parametrize("mine", [True, False])
async def test_a_session_token_is_for_one_worker_and_must_be_known(
    worker: Worker, mine: bool
) -> None:
    token = (await worker.greet(probe=True, session_number=0)).session_token
    other = "0b0a7b0e-0000-4000-8000-000000000000"
    worker.open()
    hello = worker_pb2.Hello(
        worker_id=worker.worker_id if mine else other,
        probe=True,
        session_token="fhs_wrong" if mine else token,
    )
    await worker.say(Frame(hello=hello))

    refused = await refusal(worker.call)

    assert refused.code == grpc.StatusCode.UNAUTHENTICATED
    assert "farhand-agent session" in refused.words["do"]


async def test_a_session_token_never_opens_a_session(worker: Worker) -> None:
    worker.open()
    await worker.say(Frame(hello=worker.hello(session_token="fhs_x")))

    refused = await refusal(worker.call)

    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert "frames[0].hello.session_token" in refused.fields


async def test_a_probe_may_not_work(worker: Worker) -> None:
    await worker.greet(probe=True, session_number=0)
    await worker.say(Frame(accept=worker_pb2.Accept(offer_id="x")))

    refused = await refusal(worker.call)

    assert "a probe only looks" in refused.message


async def test_a_worker_leaves_by_its_key_without_a_session(worker: Worker, owner: Caller) -> None:
    await worker.greet(probe=True, session_number=0)
    await worker.say(Frame(leave=worker_pb2.Leave()))
    await worker.hear("goodbye")

    assert await worker.next() is None
    listed = await owner.ask(
        owner.workers.ListHybridWorkers, hybrid_worker_pb2.ListHybridWorkersRequest()
    )
    assert list(listed.workers) == []


async def test_a_session_token_cannot_make_a_worker_leave(worker: Worker) -> None:
    token = (await worker.greet(probe=True, session_number=0)).session_token
    worker.open()
    hello = worker_pb2.Hello(worker_id=worker.worker_id, probe=True, session_token=token)
    await worker.say(Frame(hello=hello), Frame(leave=worker_pb2.Leave()))

    refused = await refusal(worker.call)

    assert refused.code == grpc.StatusCode.FAILED_PRECONDITION


async def test_a_cut_stream_is_forgotten(worker: Worker, owner: Caller) -> None:
    await worker.serve()
    worker.call.cancel()

    async def is_offline() -> bool:
        request = hybrid_worker_pb2.GetHybridWorkerRequest(worker="w1")
        seen = await owner.ask(owner.workers.GetHybridWorker, request)
        return bool(seen.worker.state == hybrid_worker_pb2.WORKER_STATE_OFFLINE)

    await eventually(is_offline)
