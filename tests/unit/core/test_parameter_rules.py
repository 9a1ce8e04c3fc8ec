"""What a job is given: checked before it is queued, completed, the same start known again."""

from typing import Any

from tests.support.rules import Rules
from tests.support.samples import sha256

from farhand_server.core import events as on
from farhand_server.errors import InvalidRequest, JobExists
from farhand_server.model import frames
from farhand_server.model.job import Job
from farhand_server.model.runbook import RunbookType

SCRIPT = b"""# /// farhand
# [parameters.target]
# required = true
# [parameters.count]
# type = "integer"
# default = 3
# ///
"""


def imported(rules: Rules, script: bytes = SCRIPT, **fields: Any) -> Any:
    values: dict[str, Any] = {
        "name": "copy",
        "type": RunbookType.BASH,
        "digest": sha256(script),
        "script": script,
        "publish": True,
        "force": True,
    }
    return rules.ask(on.ImportRunbook, **{**values, **fields})


def started(rules: Rules, parameters: str = "{}", **fields: Any) -> Any:
    return rules.start(**{"runbook": "copy", "parameters": parameters, **fields})


def test_defaults_are_filled_in_and_arguments_follow_the_script() -> None:
    rules = Rules()
    imported(rules)
    job = started(rules, '{"target":"a"}', arguments=("a",))

    assert isinstance(job, Job)
    assert (job.parameters, job.arguments) == ('{"target":"a","count":3}', ("a", "3"))


def test_all_that_is_wrong_is_said_before_anything_is_queued() -> None:
    rules = Rules()
    imported(rules)
    refusal = started(rules, '{"count":"x","colour":1}')

    assert isinstance(refusal, InvalidRequest)
    assert [violation.field for violation in refusal.violations] == [
        "parameters.colour",
        "parameters.target",
        "parameters.count",
    ]
    assert not rules.tables.jobs


def test_the_same_start_is_known_again_whatever_is_published_meanwhile() -> None:
    rules = Rules()
    imported(rules)
    first = started(rules, '{"target":"a"}')
    imported(rules, SCRIPT.replace(b"3", b"4"))

    assert started(rules, '{"target":"a"}') == first
    assert isinstance(started(rules, '{"target":"b"}'), JobExists)


def test_what_declares_nothing_takes_anything() -> None:
    rules = Rules()
    imported(rules, b"echo hi\n")
    job = started(rules, '{"b":1,"a":2}', arguments=("1", "2"))

    assert (job.parameters, job.arguments) == ('{"b":1,"a":2}', ("1", "2"))


def test_a_script_with_a_mistake_in_its_block_is_not_imported() -> None:
    rules = Rules()
    refusal = imported(rules, SCRIPT.replace(b"integer", b"int32"))

    assert isinstance(refusal, InvalidRequest)
    assert refusal.violations[0].field == "content: parameters.count.type"
    assert all(runbook.name != "copy" for runbook in rules.tables.runbooks.values())


# --- PowerShell -----------------------------------------------------------------------------

POWERSHELL = b"""param(
    [Parameter(Mandatory)] [ValidateSet('Fast', 'Safe')] [string]$Mode,
    [int]$Count = 3,
    [SecureString]$Password
)"""


def powershell(rules: Rules) -> None:
    imported(rules, POWERSHELL, type=RunbookType.POWERSHELL)


def test_powershell_fills_in_its_defaults_itself_and_gets_no_arguments() -> None:
    rules = Rules()
    powershell(rules)
    job = started(rules, '{"MODE":"fast"}', arguments=("fast",))

    assert isinstance(job, Job)
    assert (job.parameters, job.arguments) == ('{"Mode":"Fast"}', ())


def test_what_a_param_block_does_not_take_is_said_before_anything_is_queued() -> None:
    rules = Rules()
    powershell(rules)
    refusal = started(rules, '{"Count":"x","colour":1}')

    assert isinstance(refusal, InvalidRequest)
    assert [violation.field for violation in refusal.violations] == [
        "parameters.colour",
        "parameters.Mode",
        "parameters.Count",
    ]


def test_a_secure_string_is_in_no_row() -> None:
    rules = Rules()
    powershell(rules)
    job = started(rules, '{"mode":"Safe","password":"hunter2"}')

    assert job.parameters == '{"Mode":"Safe","Password":"***"}'
    assert job.sealed is not None


# --- secrets --------------------------------------------------------------------------------

SECRET = b"""# /// farhand
# [parameters.user]
# [parameters.password]
# secret = true
# [parameters.count]
# type = "integer"
# ///
"""
GIVEN = '{"count":3,"password":"hunter2","user":"a"}'


def test_a_secret_is_in_no_row_and_reaches_its_script() -> None:
    rules = Rules()
    imported(rules, SECRET)
    session = rules.connect()
    job = started(rules, GIVEN)
    rules.accept(session, rules.only(frames.Offer, session))
    grant = rules.only(frames.Grant, session)

    assert (job.parameters, job.arguments) == (
        '{"user":"a","password":"***","count":3}',
        ("a", "***", "3"),
    )
    assert "hunter2" not in repr(job) + repr(grant)
    assert grant.parameters == '{"user":"a","password":"hunter2","count":3}'
    assert grant.arguments == ("a", "***", "3"), "every process can read these"


def test_the_same_start_with_another_secret_is_another_start() -> None:
    rules = Rules()
    imported(rules, SECRET)
    first = started(rules, GIVEN)

    assert started(rules, GIVEN) == first
    assert isinstance(started(rules, GIVEN.replace("hunter2", "hunter3")), JobExists)


def test_a_job_without_its_secret_seals_nothing() -> None:
    rules = Rules()
    imported(rules, SECRET)

    assert started(rules, '{"user":"***"}').sealed is None


def test_secrets_go_when_their_job_is_over() -> None:
    rules = Rules()
    imported(rules, SECRET)
    session = rules.connect()
    started(rules, GIVEN)
    rules.accept(session, rules.only(frames.Offer, session))
    assert rules.job().sealed is not None
    rules.say(session, frames.Started(job=rules.job().id, attempt=1))
    rules.end(session, code=0)

    assert rules.job().sealed is None
    assert started(rules, GIVEN) == rules.job(), "the same start is known again"
