"""Scripts by digest."""

from farhand_agent.core.scripts import Scripts


def test_the_script_used_longest_ago_goes_first() -> None:
    scripts = Scripts(entries=2)
    scripts.keep("a", b"a")
    scripts.keep("b", b"b")
    scripts.get("a")
    scripts.keep("c", b"c")

    assert ("a" in scripts, "b" in scripts, "c" in scripts) == (True, False, True)


def test_scripts_are_bounded_in_bytes() -> None:
    scripts = Scripts(size=10)
    scripts.keep("a", b"x" * 6)
    scripts.keep("b", b"x" * 6)

    assert scripts.get("a") is None
    assert scripts.get("b") == b"x" * 6


def test_keeping_a_script_twice_counts_it_once() -> None:
    scripts = Scripts(size=10)
    scripts.keep("a", b"x" * 6)
    scripts.keep("a", b"x" * 6)
    scripts.keep("b", b"x" * 4)

    assert "a" in scripts
    assert "b" in scripts
