"""A rule that is broken on purpose."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from tests.support.world.moves import Scope

Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """A broken rule, and the invariants of which one must notice."""

    patch: Patch
    breaks: tuple[str, ...]
    #: Where everything is looked at to find it.
    scope: Scope = field(default_factory=Scope)
    #: Seeds come upon it as well; else it takes a coincidence that is too rare.
    by_chance: bool = True

    def __str__(self) -> str:
        return self.patch.__name__
