"""A service that answers and fails by turns is no healthy one."""

import pytest

from optimus_tui.verdicts.gateway.latency import judge_flapping


def looks(pattern: str) -> list[tuple[float, float]]:
    """``.`` a good look, ``x`` a failed one; two seconds apart."""
    return [(100.0 + 2 * number, float(mark == ".")) for number, mark in enumerate(pattern)]


@pytest.mark.parametrize(
    ("pattern", "severities"),
    [
        ("..xxx...xxx..", ["medium"]),
        ("xxx..........", ["medium"]),
        ("xxx" + "." * 15, ["low"]),  # it has been good for a while
        ("x" + "." * 20, []),  # a restart costs a look
        ("xx" + "." * 6, []),
        ("." * 20, []),
        ("...xxx.xx", ["medium"]),
        ("xxxxxxx", []),  # it is down: that is a finding of its own
        ("xxx.", []),  # too few looks
        ("", []),
    ],
)
def test_looks_that_fail_again_and_again_are_told(pattern: str, severities: list[str]) -> None:
    found = judge_flapping("engine", looks(pattern))
    assert [one.severity for one in found] == severities
    assert all(one.rule == "services.flapping" and one.subject == "engine" for one in found)


def test_it_says_how_often_and_over_what_time() -> None:
    (found,) = judge_flapping("engine", looks("..xxx...xxx.."))
    assert "engine failed 6 of 13 checks in 24 s" in found.message
    assert (found.window_seconds, found.samples) == (24.0, 13)
