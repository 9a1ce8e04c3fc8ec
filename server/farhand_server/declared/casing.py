"""PowerShell does not tell capitals from small letters: values by the names that a script has."""

from collections.abc import Mapping, Sequence

from farhand_server.model.parameter import Json, Parameter


def as_declared(parameters: Sequence[Parameter], given: Mapping[str, Json]) -> dict[str, Json]:
    """What was given, with names and words of a fixed set spelled as they are declared."""
    known = {parameter.name.lower(): parameter for parameter in parameters}
    exact = {parameter.name for parameter in parameters}
    found: dict[str, Json] = {}
    for name, value in given.items():
        parameter = known.get(name.lower())
        # Two spellings of one name are a mistake that is told, not a choice that is made here.
        if parameter is None or (name not in exact and parameter.name in given):
            found[name] = value
        else:
            found[parameter.name] = _spelled(value, dict(parameter.schema))
    return found


def _spelled(value: Json, schema: Json) -> Json:
    if not isinstance(schema, dict):
        return value
    if isinstance(value, list):
        return [_spelled(each, schema.get("items")) for each in value]
    words = schema.get("enum")
    if not isinstance(value, str) or not isinstance(words, list):
        return value
    same = (word for word in words if isinstance(word, str) and word.lower() == value.lower())
    return value if value in words else next(same, value)
