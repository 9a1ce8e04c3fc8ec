from farhand_cli.failure import Failure, Violation


def test_people_read_error_why_and_do() -> None:
    failure = Failure("it broke", why="of age", do=["this", "or that"])

    assert failure.lines() == ["error: it broke", "  why: of age", "  do:  this", "  do:  or that"]


def test_all_violations_stand_below_each_other() -> None:
    failure = Failure(
        "2 parameters were refused",
        violations=[Violation("server", "is required"), Violation("mode", "is wrong")],
    )

    assert failure.lines() == [
        "error: 2 parameters were refused",
        "  server  is required",
        "  mode    is wrong",
    ]


def test_a_single_violation_is_not_told_twice() -> None:
    failure = Failure("name is wrong", violations=[Violation("name", "is wrong")])

    assert failure.lines() == ["error: name is wrong"]


def test_programs_get_one_object() -> None:
    failure = Failure("it broke", why="of age", do=["this"], code="too_old")

    assert failure.fields() == {
        "code": "too_old",
        "message": "it broke",
        "why": "of age",
        "do": ["this"],
        "violations": [],
    }
