"""What really happened: seen by nobody in the world, and held against everyone."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from farhand_server.model.identifiers import JobId, WorkerId
from farhand_server.model.output import SpoolId
from farhand_wire import spool as spools


def _once() -> int:
    return 1


class Violation(AssertionError):
    """A promise was broken."""


@dataclass(slots=True)
class Truth:
    """The journal of the world."""

    #: How often each attempt's script was executed, and where.
    execs: Counter[SpoolId] = field(default_factory=Counter)
    ran_on: dict[SpoolId, str] = field(default_factory=dict)
    #: How each attempt's script really ended.
    ends: dict[SpoolId, spools.Exit] = field(default_factory=dict)
    #: Hosts that had each worker's identity: one, unless it was copied.
    hosts: defaultdict[WorkerId, set[str]] = field(default_factory=lambda: defaultdict(set))
    #: How often each job may be executed: once, unless it is one that may run again, or somebody
    #: has decided that it may.
    allowed: defaultdict[JobId, int] = field(default_factory=lambda: defaultdict(_once))
    #: Every byte that each attempt's spool ever held.
    written: defaultdict[SpoolId, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    #: Workers whose host lost its memory, or could not ask it, at least once: what they ran may
    #: never be told.
    forgetful: set[WorkerId] = field(default_factory=set)
    #: Attempts whose grants were under way when their server was lost, and to whom.
    under_way: dict[SpoolId, WorkerId] = field(default_factory=dict)
    #: Spools of which the server may hold less than it had called durable.
    receded: set[SpoolId] = field(default_factory=set)
    #: Workers of which an operator chose one machine among several.
    decided: set[WorkerId] = field(default_factory=set)
    #: Bugs, and complaints of one side about the other that nobody had provoked.
    faults: list[str] = field(default_factory=list)

    def executed(self, spool: SpoolId, host: str) -> None:
        self.execs[spool] += 1
        self.ran_on[spool] = host
        if self.execs[spool] > 1:
            raise Violation(f"I2: {spool} was executed {self.execs[spool]} times")
        runs = self.runs(spool.job)
        if len(runs) > self.allowed[spool.job]:
            raise Violation(f"I1: {spool.job} ran as {runs}, and nobody had asked for that")

    def runs(self, job: JobId) -> list[SpoolId]:
        return sorted(spool for spool in self.execs if spool.job == job)

    def forgets(self, host: str) -> None:
        """What this host ran may never be told."""
        self.forgetful |= {worker for worker, hosts in self.hosts.items() if host in hosts}

    def joined(self, worker: WorkerId, host: str) -> None:
        """This host has that identity now; what it runs, and has forgotten, came with it."""
        if any(host in hosts for old, hosts in self.hosts.items() if old in self.forgetful):
            self.forgetful.add(worker)
        self.hosts[worker].add(host)
