"""Scripts that ask while everything around them fails: what they set is set once, in its order, and
every question of a script that lives is answered."""

import random
from collections.abc import Callable

import pytest
from tests.support.memory import Failure
from tests.support.world.host import FakeHost
from tests.support.world.rest import heal
from tests.support.world.rows import ACCOUNT, OPERATOR
from tests.support.world.translation import VARIABLE
from tests.support.world.world import World

from farhand_server.core import Patience
from farhand_server.core import events as on
from farhand_server.model.asset import Asset, AssetKind

KIND = AssetKind.VARIABLE
STEPS = 60


class Story:
    """One world, in which scripts set the variable to the numbers of their questions."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = World(patience=Patience(warm=1.0))
        self.world.start_server()
        self._make_variable()
        self.hosts = [self._host() for _ in range(2)]
        for _ in self.hosts:
            self.world.submit()
        self._pass(2_000)

    def _host(self) -> FakeHost:
        host = self.world.add_host()
        self.world.join(host)
        self.world.start_agent(host)
        self._pass(500)
        return host

    def _make_variable(self) -> None:
        self.world.ask(
            lambda call: on.CreateAsset(
                call=call, by=OPERATOR, kind=KIND, name=VARIABLE, values={"value": 0}
            )
        )

    @property
    def variable(self) -> Asset:
        return self.world.state.tables.assets[ACCOUNT, KIND, VARIABLE]

    def _pass(self, ms: int) -> None:
        self.world.tick(ms)
        self.world.flow()
        self.world.check()

    def step(self) -> None:
        """Something happens, and not all of what follows from it."""
        host = self.random.choice(self.hosts)
        act: Callable[[], object] = self.random.choice(
            [
                *(lambda: self._ask(host),) * 4,
                *(lambda: self.world.step_host(host),) * 4,
                *(self.world.round,) * 4,
                lambda: self.world.cut(host, agent_knows=True, server_knows=True),
                lambda: self.world.cut(host, agent_knows=False, server_knows=True),
                lambda: self.world.kill_agent(host),
                lambda: self.world.start_agent(host),
                lambda: self.world.turn(self.random.choice(list(Failure))),
                self.world.kill_server,
                self.world.start_server,
                lambda: self._pass(self.random.choice((10, 1_000, 20_000))),
            ]
        )
        act()
        if self.world.server is None and self.random.random() < 0.3:
            self.world.start_server()
        self.world.check()

    def _ask(self, host: FakeHost) -> None:
        for sandbox in host.running():
            host.ask(sandbox)

    def rest(self) -> None:
        heal(self.world)
        for _ in range(60):
            self._pass(2_000)


@pytest.mark.parametrize("seed", range(60))
def test_what_scripts_ask_for_is_done_once_whatever_fails(seed: int) -> None:
    story = Story(seed)
    for _ in range(STEPS):
        story.step()
    story.rest()
    boxes = [box for host in story.hosts for box in host.running()]
    written = [read for read in story.world.state.tables.asset_reads if read.written]

    assert boxes, "no script lives to tell"
    for box in boxes:
        assert (box.open, box.answered) == ([], list(range(1, box.asked + 1)))
        versions = [read for read in written if (read.job, read.attempt) == (box.id.job_id, 1)]
        assert len(versions) == box.asked
    assert story.variable.version == 1 + len(written)
