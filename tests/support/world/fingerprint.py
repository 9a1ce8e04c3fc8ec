"""What matters of a world, in a form in which equal situations are equal.

Every object is looked at field by field, so that rules and rows may grow without a word here. What
only tells things apart gets a name by the order in which it is met; counters count from the lowest
that is still in use; moments are told apart as far as rules do: now, soon, in a second, in a lease.
States that are called equal though they are not cost coverage, never a false alarm.
"""

import dataclasses
import enum
import operator
import re
from bisect import bisect_left
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any

from tests.support.world.chance import Serial
from tests.support.world.clock import Moment, MomentMs, WallMs
from tests.support.world.host import FakeHost
from tests.support.world.snapshot import is_frozen
from tests.support.world.world import World

#: Seconds between which moments are told apart.
MOMENTS = (-0.95, 0.0005, 0.1, 2.0, 22.0, 50.0, 100.0, 1000.0)
#: Seconds for which it matters how long ago something was.
_PAST = -60
#: Fields that nobody's future depends on, by class.
_IGNORED = {
    "ControlPlane": {"_accepted"},
    "WatchedSwitchboard": {"_recent", "_refused", "_watches"},
    "OutputDesk": {"_cache", "_acknowledge_bytes"},
    "Outlet": {"_calls"},
    "StreamBox": {"_news"},
    "MemoryStateStore": {"commits", "history", "fail_next"},
    "MemoryOutputStore": {"syncs", "fail_next"},
    "FakeHost": {"_boots", "slots", "types", "talk"},
    "FakeLink": {"host", "_dial", "_instance"},
    "Runner": {"_begin", "_forget", "_converse", "_credit"},
    "Flow": {"_owed"},
    "Arrival": {"fresh"},
    "Runners": {"_host", "_feed", "_serials"},
    "WatchedCore": {"_patience"},
    "Turns": {"_release", "_start_over"},
    "Ledger": {"_audience"},
    "Tables": {"accounts", "groups", "runbooks", "versions", "scripts", "keys", "tokens"},
    "Truth": {"faults"},
    "Worker": {"facts", "address", "public_key", "joined_with"},
    "Welcome": {"server_time_ms"},
    "Live": {"_alarms", "declared", "ticked_at", "leases_due", "scripts"},
    "Session": {"given", "seen_written", "welcome", "listed", "heartbeat_at", "_scripts"},
}
#: Fields that show nothing of the world.
_NEVER = {"_watcher", "_truth", "_clock", "_chance"}
#: Counters, by field: only their distances count.
_COUNTERS = {
    "session_number": "number",
    "number": "number",
    "_number": "number",
    "confirmed_number": "number",
    "issued_number": "number",
    "sequence": "sequence",
    "unanswered": "sequence",
    "turn": "turn",
    "turns": "turn",
}
#: Whose numbers are compared with each other: the worker's.
_SCOPES = {"FakeHost": "worker", "Session": "worker", "Worker": "id", "Stream": "worker"}
#: Lists whose order means nothing.
_BAGS = frozenset({"runners", "_talks"})
#: Where the order of a dict is that of a queue.
_QUEUES = frozenset({"jobs"})
_AN_ID = re.compile(r"^\S*\d\S*$")


def _vaguely(seconds: float) -> int:
    return bisect_left(MOMENTS, seconds)


def fingerprint(world: World) -> int:
    """Equal for worlds that have the same future."""
    return hash(canonical(world))


def canonical(world: World) -> tuple[object, ...]:
    """What `fingerprint` is made of."""
    return _form(world).finished()


def instant(world: World) -> int:
    """Like `fingerprint`, but to the second: where it repeats itself, nothing comes nearer."""
    return hash(_form(world, distance=lambda seconds: max(_PAST, round(seconds))).finished())


def _form(world: World, *, distance: Callable[[float], int] = _vaguely) -> "_Form":
    form = _Form(world.clock.ms, distance)
    hosts = sorted(world.hosts, key=lambda host: _busyness(world, host))
    for place, host in enumerate(hosts):
        link = world.links.get(host)
        if link is not None:
            form.rank(link.runner_order)
        form.add(host)
        form.belongs(host.worker, place)
        form.add(link)
        form.add(host in world.clones)
    form.belongs(None, None)
    form.add(world.server)
    form.add(world.state)
    form.add(world.output)
    form.add(world.truth)
    form.add(world.removed)
    form.add(world.safe)
    return form


def _busyness(world: World, host: FakeHost) -> tuple[Any, ...]:
    """An order of hosts that does not depend on their names."""
    link = world.links.get(host)
    stream = link.stream if link is not None else None
    return (
        len(host.sandboxes),
        len(host.runners),
        sum(1 for job in world.jobs if job.worker == host.worker),
        link is not None,
        stream is not None,
        stream is not None and (len(stream.to_agent), len(stream.to_server), stream.cut),
        host.broken,
        link is not None and link.due_ms is not None and link.due_ms - world.clock.ms,
    )


class _Form:
    """One canonical form in the making."""

    def __init__(self, now_ms: int, distance: Callable[[float], int]) -> None:
        self._now_ms = now_ms
        self._distance = distance
        self._out: list[Any] = []
        self._names: dict[Any, int] = {}
        self._met: dict[int, int] = {}
        self._ranks: dict[int, int] = {}
        self._counters: list[tuple[str, object, int, int]] = []
        self._counter: str | None = None
        self._scope: object = None
        self._place: int | None = None

    def finished(self) -> tuple[object, ...]:
        least: dict[tuple[str, object], int] = {}
        for kind, scope, _, value in self._counters:
            least[kind, scope] = min(value, least.get((kind, scope), value))
        for kind, scope, place, value in self._counters:
            self._out[place] = value - least[kind, scope]
        return tuple(self._out)

    def add(self, value: Any) -> None:
        (_WRITERS.get(type(value)) or _learn(type(value)))(self, value)

    def belongs(self, worker: object, place: int | None) -> None:
        """Whose counters follow: those of sessions are the worker's, the others the host's."""
        self._scope, self._place = worker, place

    def rank(self, order: Iterable[object]) -> None:
        """What comes first in a bag: addresses are those of things that live on."""
        self._ranks = {id(value): place for place, value in enumerate(order)}

    # --- plain values -----------------------------------------------------------------------

    def literal(self, value: Any) -> None:
        self._out.append(value)

    def integer(self, value: int) -> None:
        if self._counter is not None:
            whose = self._scope if self._counter == "number" else self._place
            self._counters.append((self._counter, whose, len(self._out), value))
        self._out.append(value)

    def text(self, value: str) -> None:
        """Sentences are for people; what has a digit in it is a name that was made up."""
        if " " in value:
            self._out.append("…")
        elif _is_id(value):
            self.name(value)
        else:
            self._out.append(value)

    def name(self, value: Any) -> None:
        self._out.append(self._names.setdefault(value, len(self._names)))

    def moment(self, value: Moment) -> None:
        self._out.append(self._distance(float(value) - self._now_ms / 1000))

    def moment_ms(self, value: MomentMs) -> None:
        self._out.append(self._distance((int(value) - self._now_ms) / 1000))

    def wall(self, value: WallMs) -> None:
        self._out.append("then")

    def kind(self, value: object) -> None:
        self._out.append(type(value).__name__)

    def number(self, value: float) -> None:
        assert abs(value) < 100_000 or value == -float("inf"), f"{value} is a moment in disguise"
        self._out.append(value)

    def call(self, value: Any) -> None:
        self._out.append(value.__qualname__)

    def bytes(self, value: bytes | bytearray) -> None:
        self._out.append(bytes(value))

    # --- collections ------------------------------------------------------------------------

    def sequence(self, values: Any) -> None:
        """Of moments only which there are."""
        if values and all(type(value) is Moment for value in values):
            values = sorted({self._distance(float(v) - self._now_ms / 1000) for v in values})
        self._out.append(len(values))
        for value in values:
            self.add(value)

    def unordered(self, values: Iterable[Any]) -> None:
        known = sorted(values, key=self._peek)
        self._out.append(len(known))
        for value in known:
            self.add(value)

    def mapping(self, values: dict[Any, Any]) -> None:
        self._out.append(len(values))
        items = list(values.items())
        if len(items) > 1:
            items.sort(key=lambda item: self._peek(item[0]))
        for key, value in items:
            self.add(key)
            self.add(value)

    def queue(self, values: dict[Any, Any]) -> None:
        self._out.append(len(values))
        for key, value in values.items():
            self.add(key)
            self.add(value)

    def _peek(self, value: Any) -> Any:
        """By what a set is sorted: names that are known come first, others as they are."""
        if value in self._names:
            return (0, self._names[value], "")
        if isinstance(value, tuple):
            return tuple(self._peek(part) for part in value)
        if dataclasses.is_dataclass(value):
            return tuple(self._peek(getattr(value, f.name)) for f in dataclasses.fields(value))
        if isinstance(value, enum.Enum):
            return (1, 0, value.name)
        if isinstance(value, int):
            return (1, value, "")
        return (2, 0, "")

    # --- objects ----------------------------------------------------------------------------

    def fields(self, value: Any, plan: "_Plan") -> None:
        counter, outer = self._counter, self._scope
        self._counter = None
        if plan.scope is not None:
            self._scope = getattr(value, plan.scope, outer)
        self._out.append(plan.title)
        for field in plan.plain(value):
            (_WRITERS.get(type(field)) or _learn(type(field)))(self, field)
        for name, kind in plan.counters:
            self._counter = kind
            self.add(getattr(value, name))
        self._counter, self._scope = counter, outer
        if plan.queue is not None:
            self.queue(getattr(value, plan.queue))
        if plan.bag is not None:
            bag = getattr(value, plan.bag)
            self.sequence(sorted(bag, key=lambda each: self._ranks.get(id(each), len(bag))))

    def is_met(self, value: object) -> bool:
        """Whether a thing that changes was met before; which one it is matters then."""
        before = self._met.get(id(value))
        if before is None:
            self._met[id(value)] = len(self._met)
            return False
        self._out.append(("again", before))
        return True


_Writer = Callable[[_Form, Any], object]
_ids: dict[str, bool] = {}


def _is_id(value: str) -> bool:
    found = _ids.get(value)
    if found is None:
        found = _AN_ID.match(value) is not None
        if len(_ids) < 100_000:
            _ids[value] = found
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    """Which fields of a class are written, and how."""

    title: str
    plain: Callable[[Any], Iterable[Any]]
    counters: tuple[tuple[str, str], ...]
    queue: str | None
    bag: str | None
    scope: str | None


def _plan(kind: type, names: Iterable[str]) -> _Plan:
    ignored = _IGNORED.get(kind.__name__, set()) | _NEVER
    kept = [name for name in names if name not in ignored]
    plain = [name for name in kept if name not in {*_COUNTERS, *_QUEUES, *_BAGS}]
    counters = tuple((name, _COUNTERS[name]) for name in kept if name in _COUNTERS)
    queue = next((name for name in kept if name in _QUEUES), None)
    bag = next((name for name in kept if name in _BAGS), None)
    return _Plan(kind.__name__, _getter(plain), counters, queue, bag, _SCOPES.get(kind.__name__))


def _getter(names: list[str]) -> Callable[[Any], Iterable[Any]]:
    if len(names) > 1:
        return operator.attrgetter(*names)
    if not names:
        return lambda value: ()
    return lambda value: (getattr(value, names[0]),)


def _learn(kind: type) -> _Writer:
    """How values of this class are written."""
    _WRITERS[kind] = writer = _writer(kind)
    return writer


def _writer(kind: type) -> _Writer:
    if issubclass(kind, enum.Enum):
        return _Form.literal
    if issubclass(kind, BaseException):
        return _Form.kind
    if not dataclasses.is_dataclass(kind):
        return _attributes(kind)
    plan = _plan(kind, (field.name for field in dataclasses.fields(kind)))
    if is_frozen(kind):
        return lambda form, value: form.fields(value, plan)
    return lambda form, value: None if form.is_met(value) else form.fields(value, plan)


def _attributes(kind: type) -> _Writer:
    plans: dict[int, _Plan] = {}

    def write(form: _Form, value: Any) -> None:
        if form.is_met(value):
            return
        held = vars(value)
        plan = plans.get(len(held)) or plans.setdefault(len(held), _plan(kind, held))
        form.fields(value, plan)

    return write


_WRITERS: dict[type, _Writer] = {
    type(None): _Form.literal,
    bool: _Form.literal,
    int: _Form.integer,
    float: _Form.number,
    str: _Form.text,
    bytes: _Form.bytes,
    bytearray: _Form.bytes,
    Serial: _Form.name,
    Moment: _Form.moment,
    MomentMs: _Form.moment_ms,
    WallMs: _Form.wall,
    tuple: _Form.sequence,
    list: _Form.sequence,
    deque: _Form.sequence,
    set: _Form.unordered,
    frozenset: _Form.unordered,
    dict: _Form.mapping,
    defaultdict: _Form.mapping,
    OrderedDict: _Form.mapping,
    Counter: _Form.mapping,
    type(fingerprint): _Form.call,
    type(_Form(0, _vaguely).add): _Form.call,
    type([].append): _Form.call,
}
