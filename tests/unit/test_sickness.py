"""The words of a health check: sick, degraded, or nothing that we may judge."""

from typing import Any

import pytest

from optimus_tui.probes.sickness import sickness_of


@pytest.mark.parametrize("word", ["DOWN", "fail", "Failed", "error", "unhealthy", " critical "])
@pytest.mark.parametrize("key", ["status", "state", "health"])
def test_a_verdict_that_is_sick_is_quoted(key: str, word: str) -> None:
    assert sickness_of({key: word, "version": "1"}) == ("sick", f'"{key}": "{word.strip()}"')


@pytest.mark.parametrize("word", ["degraded", "WARN"])
def test_a_degraded_service_is_not_as_sick(word: str) -> None:
    assert sickness_of({"status": word}) == ("degraded", f'"status": "{word}"')
    assert sickness_of({"status": word, "ok": False}) == ("sick", '"ok": false')


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"ok": False}, '"ok": false'),
        ({"healthy": False}, '"healthy": false'),
        ({"health": {"status": "DOWN"}}, '"health.status": "DOWN"'),
        ({"status": {"healthy": False}}, '"status.healthy": false'),
    ],
)
def test_flags_and_verdicts_one_level_deeper_count(document: dict[str, Any], said: str) -> None:
    assert sickness_of(document) == ("sick", said)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"status": "ok"},
        {"status": "UP", "components": {"db": {"status": "DOWN"}}},
        {"status": "pass", "checks": {"a": [{"status": "fail"}]}},
        {"status": "starting"},
        {"status": "downtown"},
        {"status": None, "ok": None, "healthy": 0},
        {"status": ["down"], "state": 0},
        {"error": "none", "message": "down"},
        {"health": {"deeper": {"status": "down"}}},
    ],
)
def test_unknown_words_and_the_parts_of_a_service_never_make_it_sick(document: dict[str, Any]) -> None:
    assert sickness_of(document) is None


def test_a_word_from_outside_is_made_safe() -> None:
    said = sickness_of({"status": "down", "ok": True})
    assert said == ("sick", '"status": "down"')
