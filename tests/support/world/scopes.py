"""The small worlds that are explored: each shows one kind of thing, and all of that."""

from tests.support.world.moves import Scope

SCOPES = {
    # One job on two workers of one slot each; whatever breaks, once.
    "plain": Scope(),
    "joins": Scope(joins=True),
    "again": Scope(again=True),
    "resumes": Scope(resumes=True),
    "prints": Scope(prints=True),
    "stops": Scope(stops=True),
    "suspends": Scope(suspends=True),
    "strangers": Scope(strangers=True, failures=False),
    "restores": Scope(restores=True, failures=False),
    "two jobs": Scope(jobs=2),
    "two troubles": Scope(troubles=2),
}
