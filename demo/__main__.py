"""The story that `make demo` tells. Each step runs the commands that an operator would type."""

import json
import os
import subprocess
import sys
import time

from demo.sockets import listening, tree
from demo.stage import HERE, Failure, Stage


def main() -> int:
    stage = Stage()
    try:
        play(stage)
        if sys.stdin.isatty() and os.environ.get("FARHAND_DEMO_ONCE") != "1":
            linger(stage)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nended")
    finally:
        stage.clear()
    return 0


def play(stage: Stage) -> None:
    """All of it, in order."""
    say("A control plane, and two agents that dial out to it")
    stage.serve()
    print(f"  server  {stage.endpoint}  (TLS, certificates made just now)")
    for name in ("demo-1", "demo-2"):
        token = json.loads(stage.run("farhand", "-o", "json", "token", "create", "--group", "demo"))
        stage.join(name, token["token"])
        agent = stage.agent(name)
        ports = listening(tree(agent.pid))
        print(f"  {name}  pid {agent.pid}  listening ports: {ports or 'none'}")
        if ports:
            raise Failure(f"{name} listens on {ports}; a worker must not")

    say("Three runbooks")
    for file in ("inventory.sh", "disk_report.py", "slow.sh"):
        show(stage, "runbook", "import", str(HERE / "runbooks" / file), "--publish")

    say("Run them in group demo; lines arrive while they run")
    show(stage, "start", "inventory", "--run-on", "demo", "--follow")
    show(stage, "start", "disk_report", "--run-on", "demo",
         "-p", "path=/", "-p", "warn_percent=101", "--follow")  # fmt: skip
    pull_the_plug(stage)

    say("How it stands")
    show(stage, "worker", "list")
    show(stage, "job", "list")
    print(
        "\nTry next, in another terminal:\n"
        f"  export FARHAND_CONFIG={stage.root / 'config.toml'}\n"
        "  farhand start slow --run-on demo --follow\n"
        "  farhand job list\n"
    )


def pull_the_plug(stage: Stage) -> None:
    """Both workers are busy, a job waits; one agent is killed. Nothing is lost, nothing twice."""
    say("Both workers are busy (one slot each), a third job waits, and an agent is killed")
    orphan = start(stage, "slow", "-p", "seconds=9")
    stage.until("it runs", lambda: bool(worker_of(stage, orphan)))
    other = start(stage, "slow", "-p", "seconds=3")
    stage.until("both run", lambda: bool(worker_of(stage, other)))
    waiting = start(stage, "inventory")
    show(stage, "job", "why", waiting)
    victim = worker_of(stage, orphan)
    stage.agents[victim].kill()
    print(f"  the agent of {victim} is gone (kill -9); its job runs on without it")

    say("The other member takes the waiting job")
    show(stage, "job", "follow", waiting, "--from-start")
    if worker_of(stage, waiting) == victim:
        raise Failure(f"the waiting job should not have gone to {victim}")

    say(f"The agent of {victim} comes back and adopts its running job; no line is missing")
    stage.agent(victim)
    show(stage, "job", "follow", orphan, "--from-start")
    lines = stage.run("farhand", "job", "output", orphan).splitlines()
    if lines != [f"second {n} of 9 on {victim}" for n in range(1, 10)]:
        raise Failure(f"the output of {orphan} is not what the runbook wrote: {lines}")


def start(stage: Stage, runbook: str, *arguments: str) -> str:
    """Starts a job and leaves it running; gives its id."""
    return stage.run("farhand", "start", runbook, "--run-on", "demo", *arguments).strip()


def worker_of(stage: Stage, job: str) -> str:
    """The worker that serves a job; empty while it waits."""
    return str(json.loads(stage.run("farhand", "-o", "json", "job", "show", job))["worker"])


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


def show(stage: Stage, *arguments: str) -> None:
    """Runs `farhand` before the reader's eyes. Raises Failure if it fails."""
    print(f"$ farhand {' '.join(arguments)}".replace(str(HERE.parent) + "/", ""), flush=True)
    begun = time.monotonic()
    done = subprocess.run(stage.command("farhand", *arguments), env=stage.env, check=False)
    if done.returncode:
        raise Failure(f"that ended with {done.returncode} after {time.monotonic() - begun:.1f} s")


def linger(stage: Stage) -> None:
    print("Serving until Ctrl-C.")
    for agent in stage.agents.values():
        agent.wait()


if __name__ == "__main__":
    sys.exit(main())
