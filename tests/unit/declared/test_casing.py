"""PowerShell does not tell capitals from small letters; what was given is spelled as declared."""

import pytest

from farhand_server.declared.casing import as_declared
from farhand_server.declared.declaration import declared
from farhand_server.model.parameter import Json
from farhand_server.model.runbook import RunbookType

PARAMETERS = declared(
    b"param([string]$Target, [ValidateSet('Fast', 'Safe')] [string]$Mode,"
    b" [ValidateSet('A', 'B')] [string[]]$Many)",
    RunbookType.POWERSHELL,
)


@pytest.mark.parametrize(
    ("given", "spelled"),
    [
        ({"target": "X"}, {"Target": "X"}),
        ({"TARGET": "x", "mode": "fast"}, {"Target": "x", "Mode": "Fast"}),
        ({"many": ["a", "B", "c", 5]}, {"Many": ["A", "B", "c", 5]}),
        ({"Mode": "other"}, {"Mode": "other"}),
        ({"Mode": None}, {"Mode": None}),
        ({"Unknown": "fast"}, {"Unknown": "fast"}),
        ({"Target": "a", "target": "b"}, {"Target": "a", "target": "b"}),
    ],
)
def test_names_and_words_of_a_set_are_spelled_as_declared(
    given: dict[str, Json], spelled: dict[str, Json]
) -> None:
    assert as_declared(PARAMETERS, given) == spelled
