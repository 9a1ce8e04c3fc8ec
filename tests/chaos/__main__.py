"""Runs every part in order, prints its numbers, and ends with 1 if a promise was broken."""

import argparse
import asyncio
import logging
import os
import sys
import time

import structlog
from tests.chaos import plan, real, simulated
from tests.chaos.budget import Budget, budget
from tests.chaos.explored import crashed, explored
from tests.chaos.report import Report

AGENTS = 4


def main() -> int:
    only = _options().only
    try:
        asked = budget(os.environ)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    # The simulated world fails on purpose by the thousand: nobody wants to read its tracebacks.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    whole = Report(title=f"make chaos: {asked.minutes:g} minutes, seed {asked.seed}")
    say(f"{whole.title}; again: CHAOS_MINUTES={asked.minutes:g} CHAOS_SEED={asked.seed} make chaos")
    for name, part in PARTS.items():
        if not only or name in only:
            begun = time.monotonic()
            say(f"\n## {name}")
            report = part(asked)
            say(report.text())
            say(f"({name}: {time.monotonic() - begun:.0f} s)")
            whole.add(report)
    say(f"\n## the whole\n{whole.verdict()}")
    if asked.report is not None:
        asked.report.write_text(whole.markdown())
    return 0 if whole.is_good else 1


def say(text: str) -> None:
    print(text, flush=True)


def _seeds(asked: Budget) -> Report:
    return simulated.by_seeds(asked.first_seed, seconds=asked.seconds("seeds"), say=say)


def _hypothesis(asked: Budget) -> Report:
    return simulated.by_hypothesis(asked.first_seed, seconds=asked.seconds("hypothesis"), say=say)


def _databases(asked: Budget) -> Report:
    return simulated.on_databases(asked.first_seed, seconds=asked.seconds("databases"), say=say)


def _explorer(asked: Budget) -> Report:
    return explored(seconds=asked.seconds("explorer"), say=say)


def _crashes(asked: Budget) -> Report:
    return crashed(say=say)


def _real(asked: Budget) -> Report:
    made = plan.make(asked.seed, seconds=asked.fire_seconds)
    return asyncio.run(real.play(made, agents=AGENTS, say=say, restores=True)).report


PARTS = {
    "seeds": _seeds,
    "databases": _databases,
    "hypothesis": _hypothesis,
    "explorer": _explorer,
    "crashes": _crashes,
    "real": _real,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; may be repeated")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
