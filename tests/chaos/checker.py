"""Compares what was seen with what the witness knows. Whatever differs is a violation, counted."""

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.chaos.history import JobHistory, Place
from tests.chaos.path import path_violations
from tests.chaos.runbooks import OUTPUT, STREAMS

from farhand_server.model.job import JobStatus

#: Granted attempts of one at-least-once job.
ATTEMPTS_MOST = 3
#: The server's clock shows milliseconds, and may be slewed.
CLOCK_SECONDS = 1.0
#: How `farhand` ends for a job that is Stopped or Suspended.
SUSPENDED = 4
#: A script may have cut so much off the time that it swore.
OATH_SECONDS = 0.02
_S = JobStatus


class Broken(enum.StrEnum):
    """A promise, as it is named in the report when it was not kept."""

    LOST = "lines lost"
    DOUBLED = "lines duplicated"
    FOREIGN = "lines that nobody wrote, or out of order"
    EXTRA = "extra executions"
    FALSE_STOPPED = "false Stopped"
    FALSE_SUSPENDED = "false Suspended"
    STUCK = "stuck"
    FORGOTTEN = "acknowledged and forgotten"
    EXIT = "wrong exits"
    PATH = "changes of status that the table does not have"
    ORDER = "answers against the order of time"
    FOLLOWER = "followers that saw something else"
    LEFT = "things left behind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One promise broken, `count` times, by one job or by the whole (job "")."""

    kind: Broken
    text: str
    job: str = ""
    count: int = 1

    def __str__(self) -> str:
        where = f"{self.job}: " if self.job else ""
        return f"{self.kind} ({self.count}): {where}{self.text}"


def judge(histories: Sequence[JobHistory]) -> list[Violation]:
    """Every violation; none if every promise was kept."""
    found = [violation for history in histories for violation in _judge_one(history)]
    return found + list(_order(histories))


def _judge_one(history: JobHistory) -> Iterator[Violation]:
    for kind, count, text in _checks(history):
        yield Violation(kind=kind, count=count, text=text, job=history.job)


Found = Iterator[tuple[Broken, int, str]]


def _checks(history: JobHistory) -> Found:
    yield from _remembered(history)
    yield from _executions(history)
    yield from _moments(history)
    if history.ending is None:
        return
    yield from ((Broken.PATH, 1, text) for text in path_violations(history))
    yield from _end(history)
    yield from _stopped(history)
    for attempt in range(1, history.ending.attempt + 1):
        yield from _lines(history, attempt)
    if history.omitted:
        yield Broken.LOST, history.omitted, f"{history.omitted} ranges are said to be gone"
    yield from _followers(history)


def _remembered(history: JobHistory) -> Found:
    if history.acknowledged is None:
        yield Broken.STUCK, 1, "StartJob was never answered, though everything had been mended"
        return
    if history.ending is None:
        yield Broken.FORGOTTEN, 1, "StartJob was answered; the job does not exist"
    if history.unknown:
        yield Broken.FORGOTTEN, len(history.unknown), "was not found after StartJob was answered"


def _executions(history: JobHistory) -> Found:
    attempts = sorted({oath.attempt for oath in history.oaths})
    for attempt in attempts:
        if (count := history.executions(attempt)) > 1:
            yield Broken.EXTRA, count - 1, f"attempt {attempt} was executed {count} times"
    ran, most = [a for a in attempts if history.executions(a)], _most_runs(history)
    if len(ran) > most:
        yield Broken.EXTRA, len(ran) - most, f"ran as attempts {ran}; {most} may run"
    if history.ending is not None and ran and ran[-1] > history.ending.attempt:
        yield Broken.EXTRA, 1, f"attempt {ran[-1]} ran, but the job is at {history.ending.attempt}"


def _most_runs(history: JobHistory) -> int:
    """Attempts that may run. Without a loss it is one in either delivery, however often somebody
    suspends and resumes it: a frozen job goes on with the attempt that it has."""
    if not history.lost:
        return 1
    once = not history.task.runbook.at_least_once
    return (1 if once else ATTEMPTS_MOST) * (1 + history.resumes)


def _moments(history: JobHistory) -> Found:
    if history.oaths and history.oaths[0].at + OATH_SECONDS < history.sent:
        yield Broken.ORDER, 1, "ran before it was submitted"
    if moved := _moved_while_frozen(history):
        yield Broken.FALSE_SUSPENDED, len(moved), f"wrote blocks {moved} while it stood still"
    final = history.first_final
    if final is None:
        return
    late = [o for o in history.oaths if o.attempt == final.attempt and o.at > final.at]
    if late:
        kind = Broken.FALSE_STOPPED if final.status is _S.STOPPED else Broken.ORDER
        yield kind, 1, f"wrote block {late[-1].block} after it was seen to be {final.status.name}"


def _moved_while_frozen(history: JobHistory) -> list[int]:
    """Blocks that it swore to after it was seen to stand still and before it was to go on."""
    frozen = next((seen for seen in history.seen if seen.is_frozen), None)
    if frozen is None:
        return []
    until = history.resume_sent if history.resume_sent is not None else float("inf")
    return [oath.block for oath in history.oaths if frozen.at < oath.at < until - OATH_SECONDS]


def _end(history: JobHistory) -> Found:
    end = history.ending
    assert end is not None
    killed = bool(history.lost)
    if not end.status.is_final:
        if not (end.status is _S.SUSPENDED and killed):
            yield Broken.STUCK, 1, f"is {end.status.name}: {end.details or 'no reason given'}"
        return
    if end.status is _S.STOPPED:
        return
    own = history.task.code
    if end.code is not None:
        if end.code != own or (end.status is _S.COMPLETED) != (own == 0):
            text = f"is {end.status.name} with {end.code}; the script ends with {own}"
            yield Broken.EXIT, 1, text
    elif end.status is _S.COMPLETED or not killed:
        how = f"signal {end.signal}" if end.signal is not None else end.details
        yield Broken.EXIT, 1, f"is {end.status.name} by {how}, and nobody had killed it"


def _stopped(history: JobHistory) -> Found:
    if history.ending is not None and history.ending.status is _S.STOPPED:
        if history.stop_sent is None:
            yield Broken.FALSE_STOPPED, 1, "is Stopped, and nobody had asked for it"
        if history.survivors:
            yield Broken.FALSE_STOPPED, 1, f"Stopped, and these lived: {history.survivors}"


# --- lines ----------------------------------------------------------------------------------


def _lines(history: JobHistory, attempt: int) -> Found:
    blocks = history.blocks(attempt)
    if blocks != list(range(1, len(blocks) + 1)):
        yield Broken.FOREIGN, 1, f"attempt {attempt} swore to blocks {_short(blocks)}"
        return
    whole = _whole(history, attempt)
    if whole and len(blocks) != history.task.blocks:
        said = f"ended by itself, and the witness has {len(blocks)} of {history.task.blocks} blocks"
        yield Broken.FOREIGN, 1, said
        return
    for stream in STREAMS:
        yield from _stream(history, (attempt, stream), len(blocks), whole=whole)


def _whole(history: JobHistory, attempt: int) -> bool:
    """Whether the script came to its own end, and the server says so."""
    end = history.ending
    return end is not None and end.attempt == attempt and end.code is not None


def _stream(history: JobHistory, place: Place, sworn: int, *, whole: bool) -> Found:
    """What is stored lies between what was surely written and what may have been."""
    task, (attempt, stream) = history.task, place
    end = history.ending
    assert end is not None
    # A runner that dies takes with it what it had not written down yet. Of an attempt that is not
    # the last one, or of a job that waits for a person, nothing is promised but that it is true.
    excused = attempt in history.lost or attempt < end.attempt or not end.status.is_final
    surely = 0 if excused else sworn if whole else sworn - 1
    least = task.written(history.job, attempt, stream, blocks=surely)
    most = task.written(history.job, attempt, stream, blocks=sworn)
    stored = history.stored.get(place, b"")
    if stored.startswith(least) and most.startswith(stored):
        return
    name = f"attempt {attempt}, {'output' if stream == OUTPUT else 'error'} stream"
    yield from _difference(stored, least=least, most=most, name=name)


def _difference(stored: bytes, *, least: bytes, most: bytes, name: str) -> Found:
    there, may, must = (Counter(text.splitlines(keepends=True)) for text in (stored, most, least))
    torn = stored.rpartition(b"\n")[2]
    if torn and any(line.startswith(torn) for line in may):
        del there[torn]
    lost = sum((must - there).values())
    doubled = sum(count - 1 for line, count in there.items() if line in may and count > 1)
    foreign = sum(count for line, count in there.items() if line not in may)
    if lost:
        yield Broken.LOST, lost, f"{name}: {lost} of {sum(must.values())} lines are missing"
    if doubled:
        yield Broken.DOUBLED, doubled, f"{name}: {doubled} lines stand there twice"
    if foreign:
        yield Broken.FOREIGN, foreign, f"{name}: {foreign} lines were never written"
    if not lost and not doubled and not foreign:
        yield from _order_of_lines(stored, most, name)


def _order_of_lines(stored: bytes, most: bytes, name: str) -> Found:
    """Every line is known and there once, and still it is not what was written."""
    lines = most.splitlines(keepends=True)
    numbers = {line: number for number, line in enumerate(lines)}
    places = [numbers[line] for line in stored.splitlines(keepends=True) if line in numbers]
    gaps = (max(places) + 1 - len(places)) if places else 0
    if places == sorted(places) and gaps:
        yield Broken.LOST, gaps, f"{name}: {gaps} lines are missing before the last one"
    else:
        yield Broken.FOREIGN, 1, f"{name}: the lines are not in the order of their writing"


def _short(numbers: list[int]) -> str:
    return str(numbers) if len(numbers) < 12 else f"{numbers[:6]} … {numbers[-4:]}"


# --- followers ------------------------------------------------------------------------------


def _followers(history: JobHistory) -> Found:
    end = history.ending
    assert end is not None
    if history.followed is not None:
        for place in sorted({*history.followed, *history.stored}):
            got, stored = bytes(history.followed[place]), history.stored.get(place, b"")
            if got != stored if end.status.is_final else not stored.startswith(got):
                text = f"{place}: {len(got)} bytes followed, {len(stored)} stored, not the same"
                yield Broken.FOLLOWER, 1, text
    if history.command is not None and end.status.is_final:
        yield from _command(history)


def _command(history: JobHistory) -> Found:
    command, end = history.command, history.ending
    assert command is not None and end is not None
    output = b"".join(
        data for (_, stream), data in sorted(history.stored.items()) if stream == OUTPUT
    )
    was_suspended = any(move.status is _S.SUSPENDED for move in history.moves)
    if was_suspended and command.code == SUSPENDED and output.startswith(command.output):
        return  # nobody is kept waiting for a person
    if command.output != output:
        text = f"`farhand job follow` printed {len(command.output)} bytes, {len(output)} are stored"
        yield Broken.FOLLOWER, 1, text
    expected = SUSPENDED if end.status is _S.STOPPED else 3 if end.code is None else end.code
    if command.code != expected:
        text = f"`farhand job follow` ended with {command.code}, not {expected}: {command.error}"
        yield Broken.EXIT, 1, text


# --- all jobs together ----------------------------------------------------------------------


def _order(histories: Iterable[JobHistory]) -> Iterator[Violation]:
    """What was answered before a job was submitted is not younger than that job."""
    known = [h for h in histories if h.ending is not None]
    moments: list[tuple[float, int, JobHistory]] = []
    for history in known:
        moments.append((history.sent, 2, history))
        if history.acknowledged is not None:
            moments.append((history.acknowledged, 0, history))
        if history.first_final is not None:
            moments.append((history.first_final.at, 1, history))
    latest, whose = float("-inf"), ""
    for _, what, history in sorted(moments, key=lambda moment: moment[:2]):
        end = history.ending
        assert end is not None
        if what == 2 and end.created + CLOCK_SECONDS < latest:
            yield Violation(
                kind=Broken.ORDER,
                job=history.job,
                text=f"was submitted after {whose} was answered, and is {latest - end.created:.3f} "
                "s older by the server's account",
            )
        time = end.created if what == 0 else end.ended if what == 1 else None
        if time is not None and time > latest:
            latest, whose = time, history.job
