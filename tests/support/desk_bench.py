"""An output desk with everything around it: a writer that only keeps, boxes that can be read."""

from tests.support.memory_output import MemoryOutputStore
from tests.support.samples import job_id, worker_id
from tests.support.world.stream import StreamBox

from farhand_server.engine.desk import OutputDesk
from farhand_server.engine.switchboard import Switchboard
from farhand_server.engine.writer import Item, Stored
from farhand_server.model import frames
from farhand_server.model.identifiers import SessionId
from farhand_server.model.job import End
from farhand_server.model.output import Chunk, Extent, SpoolId

MINE, OTHER = SessionId("1" * 32), SessionId("2" * 32)
SPOOL = SpoolId(job=job_id(1), attempt=1)


class Writer:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.items: list[Item] = []

    def put(self, item: Item) -> None:
        self.items.append(item)


class DeskBench:
    """Two sessions; nothing is open yet."""

    def __init__(self, *, acknowledge_bytes: int = 1) -> None:
        self.writer = Writer()
        self.boxes = {MINE: StreamBox(), OTHER: StreamBox()}
        self.switchboard = Switchboard()
        for number, (session, box) in enumerate(self.boxes.items(), start=1):
            self.switchboard.open(session, box, worker_id(number))
        self.desk = OutputDesk(
            writer=self.writer,
            queries=MemoryOutputStore().reader(),
            switchboard=self.switchboard,
            acknowledge_bytes=acknowledge_bytes,
        )

    def output(self, data: bytes, *, offset: int = 0, session: SessionId = MINE) -> None:
        frame = frames.Output(job=SPOOL.job, attempt=1, offset=offset, data=data)
        self.desk.output(session, frame)

    def result(self, size: int, *, session: SessionId = MINE) -> None:
        frame = frames.Result(job=SPOOL.job, attempt=1, end=End(code=0), size=size, crc=1)
        self.desk.result(session, frame)

    def stored(self, stored: int, *, durable: int = 0, taken: int = 0, new: bool = True) -> None:
        chunks = [Chunk(offset=0, lines_before=0, data=b"x" * stored)] if new else []
        extent = Extent(stored=stored, durable=durable)
        news = Stored(session=MINE, spool=SPOOL, extent=extent, chunks=chunks, taken=taken)
        self.desk.stored([news])

    def said(self, session: SessionId = MINE) -> list[frames.ServerFrame]:
        return self.boxes[session].empty()

    def blamed(self) -> dict[str, int]:
        """What was refused of the worker of MINE, by reason."""
        return self.switchboard.refused(worker_id(1))


def ack(stored: int, durable: int = 0) -> frames.OutputAck:
    return frames.OutputAck(job=SPOOL.job, attempt=1, stored=stored, durable=durable)


def resend(offset: int) -> frames.Resend:
    return frames.Resend(job=SPOOL.job, attempt=1, offset=offset)
