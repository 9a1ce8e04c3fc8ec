"""What a JSON value must not hold, or no message could show it: whoever lists jobs or variables
would get an error instead of all of them."""

import math
import re
import sys

from farhand_server.model.parameter import Json
from farhand_wire import limits

_SURROGATE = re.compile("[\ud800-\udfff]")
_LARGEST = int(sys.float_info.max)


def beyond(value: Json) -> str:
    """What is wrong with it; "" if nothing is."""
    rest: list[tuple[Json, int]] = [(value, 0)]
    while rest:
        each, depth = rest.pop()
        if depth > limits.NESTING_MOST:
            return f"is nested more than {limits.NESTING_MOST} deep"
        if isinstance(each, dict):
            rest += [(name, depth) for name in each]
            rest += [(inner, depth + 1) for inner in each.values()]
        elif isinstance(each, list):
            rest += [(inner, depth + 1) for inner in each]
        elif problem := _simple(each):
            return problem
    return ""


def _simple(value: Json) -> str:
    match value:
        case str() if _SURROGATE.search(value):
            return "holds half of a surrogate pair, which is no text"
        case float() if not math.isfinite(value):
            return "holds a number that is too large"
        case int() if abs(value) > _LARGEST:
            return "holds a number that is too large"
    return ""
