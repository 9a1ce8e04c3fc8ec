"""A whole world as bytes: copied, kept by the thousand, and gone on with.

Values that cannot change are kept once, however many worlds hold them.
"""

import dataclasses
import enum
import io
import pickle
import zlib
from typing import Any

from tests.support.world.world import World


class _Values:
    """Frozen values by number. They are never let go of, so that their addresses stay theirs."""

    def __init__(self) -> None:
        self._kept: list[Any] = []
        self._by_value: dict[Any, int] = {}
        self._by_address: dict[int, int] = {}

    def number(self, value: Any) -> int | None:
        """None for what only looks frozen."""
        known = self._by_address.get(id(value))
        if known is not None and self._kept[known] is value:
            return known
        try:
            number = self._by_value.setdefault((type(value), value), len(self._kept))
        except TypeError:
            return None
        if number == len(self._kept):
            self._kept.append(value)
            self._by_address[id(value)] = number
        return number

    def __getitem__(self, number: int) -> Any:
        return self._kept[number]


_values = _Values()


def _value(number: int) -> Any:
    return _values[number]


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if is_frozen(type(value)):
            number = _values.number(value)
            if number is not None:
                return _value, (number,)
        return NotImplemented


_frozen: dict[type, bool] = {}


def is_frozen(kind: type) -> bool:
    """Whether values of this class never change."""
    known = _frozen.get(kind)
    if known is None:
        parameters = getattr(kind, "__dataclass_params__", None)
        known = _frozen[kind] = issubclass(kind, enum.Enum) or (
            dataclasses.is_dataclass(kind) and parameters is not None and parameters.frozen
        )
    return known


def pack(world: World) -> bytes:
    """The world as it is now."""
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(world)
    return zlib.compress(buffer.getvalue(), 1)


def unpack(packed: bytes) -> World:
    """A world of its own that goes on from there."""
    world: World = pickle.loads(zlib.decompress(packed))
    return world
