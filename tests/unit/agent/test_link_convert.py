"""The border between the wire and the rules."""

import pytest
from tests.support.worker_desk import ONE

from farhand_agent.core import frames
from farhand_agent.core.frames import Phase, RunbookType
from farhand_agent.link import convert
from farhand_wire.v1 import runbook_pb2, worker_pb2


def from_agent(frame: frames.AgentFrame, data: bytes = b"") -> worker_pb2.AgentFrame:
    return convert.agent_frame(frame, load=0.5, data=data)


def test_every_frame_of_the_server_can_be_read_but_those_of_the_opening() -> None:
    kinds = {field.name for field in worker_pb2.ServerFrame.DESCRIPTOR.fields}

    assert set(convert._READERS) == kinds - {"challenge", "registered"}


def test_output_carries_its_bytes() -> None:
    wire = from_agent(frames.Output(id=ONE, offset=5, size=3), b"abc").output

    assert (wire.job_id, wire.attempt, wire.offset, wire.data) == (ONE.job_id, 1, 5, b"abc")


@pytest.mark.parametrize(
    ("exit_", "how"),
    [
        (frames.Exit(code=0), "code"),
        (frames.Exit(signal=9, stopped=True), "signal"),
        (frames.Exit(reason="no bash"), "reason"),
    ],
)
def test_an_exit_says_exactly_one_thing(exit_: frames.Exit, how: str) -> None:
    wire = from_agent(frames.Result(id=ONE, exit=exit_, size=9, crc=2**32 - 1)).result

    assert wire.exit.WhichOneof("how") == how
    assert wire.exit.stopped == exit_.stopped
    assert wire.crc == 2**32 - 1


def test_a_grant_without_script_is_not_one_with_an_empty_script() -> None:
    def script(grant: worker_pb2.Grant) -> bytes | None:
        grant.job_id, grant.attempt = ONE.job_id, 1
        read = convert.server_frame(worker_pb2.ServerFrame(grant=grant))
        assert isinstance(read, frames.Grant)
        return read.script

    assert script(worker_pb2.Grant()) is None
    assert script(worker_pb2.Grant(script=b"")) == b""


def test_a_runbook_type_of_a_newer_server_is_no_type() -> None:
    offer = worker_pb2.Offer(offer_id="o", runbook_type=runbook_pb2.RUNBOOK_TYPE_UNSPECIFIED)
    read = convert.server_frame(worker_pb2.ServerFrame(offer=offer))

    assert read == frames.Offer(offer_id="o", runbook_type=None, digest="")


def test_all_types_and_phases_have_a_wire_name() -> None:
    assert set(convert.TYPES) == set(RunbookType)
    assert set(convert._PHASES) == set(Phase)


@pytest.mark.parametrize("job_id", ["", "../etc", ONE.job_id.upper() + "A", "x" * 36])
def test_an_id_that_is_no_uuid_goes_no_further(job_id: str) -> None:
    stop = worker_pb2.Stop(job_id=job_id, attempt=1)

    with pytest.raises(convert.BadFrame):
        convert.server_frame(worker_pb2.ServerFrame(stop=stop))


def test_an_empty_frame_is_a_bad_frame() -> None:
    with pytest.raises(convert.BadFrame, match="says nothing"):
        convert.server_frame(worker_pb2.ServerFrame())


def test_an_empty_continue_is_an_order() -> None:
    verdict = worker_pb2.Verdict(job_id=ONE.job_id, attempt=1)
    getattr(verdict, "continue").SetInParent()
    welcome = worker_pb2.Welcome(verdicts=[verdict])
    read = convert.server_frame(worker_pb2.ServerFrame(welcome=welcome))

    assert isinstance(read, frames.Welcome)
    assert read.verdicts == (frames.Continue(id=ONE, stored=0, durable=0, crc=0),)
