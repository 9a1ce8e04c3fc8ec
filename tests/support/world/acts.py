"""How a move happens.

What nobody outside could tell apart is one step: the server hears a message, takes its turn and
says what follows; runners act until they have nothing to do; their agent hears all that they said.
Heartbeats that only keep a session alive are heard by themselves.
"""

from collections.abc import Callable

from tests.support.memory import Failure
from tests.support.world.adversary import lie
from tests.support.world.backup import restore, take
from tests.support.world.fingerprint import instant
from tests.support.world.host import FakeHost
from tests.support.world.link import FakeLink
from tests.support.world.moves import Move
from tests.support.world.world import World

from farhand_server.model import frames

#: Moments that pass at most until something happens, when nothing else does.
_MOMENTS = 200


def make(world: World, move: Move) -> None:
    """Lets it happen, and checks every promise. Raises Violation."""
    _ACTS[move.name](world, move)
    _chatter(world)
    world.check()
    world.forget_history()


def commits(move: Move) -> bool:
    """Whether the rules take a turn in it that may fail."""
    return move.name in _COMMITS and not move.how


# --- the course of things -----------------------------------------------------------------------


def _submit(world: World, move: Move) -> None:
    world.submit(again=bool(move.which))
    _turn(world, move)


def _stop(world: World, move: Move) -> None:
    world.stop(world.jobs[move.which].id)
    _turn(world, move)


def _suspend(world: World, move: Move) -> None:
    world.suspend(world.jobs[move.which].id)
    _turn(world, move)


def _resume(world: World, move: Move) -> None:
    world.resume(world.jobs[move.which].id)
    _turn(world, move)


def _server_hears(world: World, move: Move) -> None:
    assert world.server is not None
    world.server.hear(list(world.server.streams.values())[move.which])
    _turn(world, move)


def _turn(world: World, move: Move | None = None) -> None:
    """The rules take what waits; `move.how` says how their commit fails."""
    name, _, leaked = move.how.partition(", ") if move is not None else ("", "", "")
    failure = Failure[name] if name in Failure.__members__ else None
    if world.server is not None and world.server.has_turn:
        world.turn(failure, leaked=bool(leaked))
    _loop(world)


def _store(world: World, move: Move) -> None:
    world.write(busy=True)
    _loop(world)


def _sync(world: World, move: Move) -> None:
    world.write(Failure[move.how] if move.how else None)
    _loop(world)


def _agent_hears(world: World, move: Move) -> None:
    _link(world, move).hear()


def _runners_act(world: World, move: Move) -> None:
    while any([runner.step() for runner in list(_host(world, move).runners)]):
        pass


def _agent_hears_runners(world: World, move: Move) -> None:
    while _link(world, move).hear_runners():
        pass


def _print(world: World, move: Move) -> None:
    host = _host(world, move)
    host.print(host.running()[0], b"a line\n")


def _exit(world: World, move: Move) -> None:
    host = _host(world, move)
    sandbox = host.running()[0]
    if sandbox.stopping:
        host.exit(sandbox, code=None, signal=15)
    else:
        host.exit(sandbox)


def _wait(world: World, move: Move) -> None:
    """To the next moment at which something happens that is no heartbeat."""
    before = _visible(world)
    known: set[int] = set()
    for _ in range(_MOMENTS):
        moment, now = _next_moment(world), instant(world)
        if moment is None or now in known:
            return  # nothing will ever happen
        known.add(now)
        world.tick(max(0, moment - world.clock.ms))
        _turn(world)
        _chatter(world)
        if _visible(world) != before:
            return


def _visible(world: World) -> object:
    """Whatever happens shows here."""
    server = world.server
    streams = [link.stream for link in world.links.values() if link.stream is not None]
    streams += server.streams.values() if server is not None else ()
    return (
        [(id(s), len(s.to_agent), len(s.to_server), s.agent_left, s.server_left) for s in streams],
        [link.ready for link in world.links.values()],
        [job.status for job in world.jobs],
        [sandbox.phase for host in world.hosts for sandbox in host.sandboxes.values()],
    )


def _next_moment(world: World) -> int | None:
    moments = [link.due_ms for link in world.links.values() if link.due_ms is not None]
    if world.server is not None and (left := world.server.patience_ms) is not None:
        moments.append(world.clock.ms + left)
    return min(moments, default=None)


def _chatter(world: World) -> None:
    """Heartbeats that find nothing before them, and their answers."""
    heard = True
    while heard:
        heard = False
        server = world.server
        for stream in list(server.streams.values()) if server is not None else ():
            if server is not None and stream.to_server and all(map(_is_beat, stream.to_server[0])):
                server.hear(stream)
                server.turn()
                server.loop()
                heard = True
        for link in list(world.links.values()):
            waiting = link.stream.to_agent if link.stream is not None else ()
            if waiting and all(isinstance(frame, frames.HeartbeatAck) for frame in waiting[0]):
                link.hear()
                heard = True


def _is_beat(frame: frames.AgentFrame) -> bool:
    """The first one says more: that the session number is on disk."""
    return isinstance(frame, frames.Heartbeat) and frame.sequence > 1


# --- trouble ------------------------------------------------------------------------------------


def _kill_server(world: World, move: Move) -> None:
    world.kill_server(power_loss=move.name == "power loss")


def _cut(world: World, move: Move) -> None:
    world.cut(
        _host(world, move),
        agent_knows=move.how in ("both know", "agent knows"),
        server_knows=move.how in ("both know", "server knows"),
    )
    _turn(world)


def _mute(world: World, move: Move) -> None:
    """Nothing goes that way any more on this stream; nobody knows."""
    stream = _link(world, move).stream
    assert stream is not None
    stream.lose(up=move.how == "up", down=move.how == "down")


def _kill_runner(world: World, move: Move) -> None:
    host = _host(world, move)
    runner, _, unsaid = move.how.partition(", ")
    host.kill_runner(host.runners[int(runner)], unsaid=bool(unsaid))


def _reboot(world: World, move: Move) -> None:
    world.reboot(_host(world, move), keep_journal=move.how == "journal kept")


def _break(world: World, move: Move) -> None:
    _host(world, move).broken = "the interpreter is gone"


def _remove(world: World, move: Move) -> None:
    world.remove(_host(world, move))
    _turn(world)


def _force_close(world: World, move: Move) -> None:
    world.force_close(world.jobs[move.which].id)
    _turn(world)


def _decide(world: World, move: Move) -> None:
    if move.name == "keep":
        world.keep(_host(world, move))
    else:
        world.release()
    _turn(world)


def _back_up(world: World, move: Move) -> None:
    world.safe = take(world)


def _restore(world: World, move: Move) -> None:
    assert world.safe is not None
    backup, world.safe = world.safe, None
    restore(world, backup)


def _host(world: World, move: Move) -> FakeHost:
    return world.hosts[move.which]


def _link(world: World, move: Move) -> FakeLink:
    return world.links[_host(world, move)]


def _loop(world: World) -> None:
    if world.server is not None:
        world.server.loop()


_ACTS: dict[str, Callable[[World, Move], object]] = {
    "submit": _submit,
    "stop": _stop,
    "suspend": _suspend,
    "resume": _resume,
    "server hears": _server_hears,
    "turn": _turn,
    "store": _store,
    "sync": _sync,
    "agent hears": _agent_hears,
    "runners act": _runners_act,
    "agent hears runners": _agent_hears_runners,
    "print": _print,
    "exit": _exit,
    "wait": _wait,
    "back up": _back_up,
    "keep": _decide,
    "release": _decide,
    "start agent": lambda world, move: world.start_agent(_host(world, move)),
    "start server": lambda world, move: world.start_server(),
    "kill server": _kill_server,
    "power loss": _kill_server,
    "kill agent": lambda world, move: world.kill_agent(_host(world, move)),
    "kill runner": _kill_runner,
    "cut": _cut,
    "mute": _mute,
    "hang up": lambda world, move: _link(world, move).lose(),
    "reboot": _reboot,
    "break": _break,
    "lie": lambda world, move: lie(world, move.which),
    "clone": lambda world, move: world.start_agent(world.clone(_host(world, move))),
    "remove": _remove,
    "wipe": lambda world, move: world.wipe(_host(world, move)),
    "lose state": lambda world, move: world.lose_state(_host(world, move)),
    "restore": _restore,
    "force-close": _force_close,
}
_COMMITS = frozenset({"submit", "stop", "suspend", "resume", "server hears", "turn"})
