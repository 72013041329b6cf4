"""The words of a health check: sick, degraded, a remark, or nothing that we may judge."""

from typing import Any

import msgspec
import pytest

from optimus_tui.probes.http.health_body import WELL, ReportedHealth, judge_body, judge_text, says_well
from tests.steps import steps_of


def verdict(document: Any) -> tuple[str | None, str]:
    said = judge_body(document)
    return said.sickness, said.words


def remark(document: Any) -> tuple[str, str] | None:
    said = judge_body(document)
    assert said.sickness is None
    return (said.remark.kind, said.remark.words) if said.remark else None


@pytest.mark.parametrize(
    "word",
    [
        *("DOWN", "fail", "Failed", "error", "unhealthy", " critical ", "failure", "OUT_OF_SERVICE", "NOT_SERVING"),
        *("not ready", "not_ready", "unavailable", "stopped", "maintenance", "starting", "shutting_down", "offline"),
        *("Unavailable: no route to host", "Not OK", "red", "Service Unavailable", "DRAINING", "loading model"),
    ],
)
@pytest.mark.parametrize("key", ["status", "State", "health", "overall_status"])
def test_a_verdict_that_is_sick_is_quoted(key: str, word: str) -> None:
    assert verdict({key: word, "version": "1"}) == ("sick", f'"{key}": "{word.strip()}"')


@pytest.mark.parametrize("word", ["degraded", "WARN", "Partially Available", "yellow"])
def test_a_degraded_service_is_not_as_sick(word: str) -> None:
    assert verdict({"status": word}) == ("degraded", f'"status": "{word}"')
    assert verdict({"status": word, "ok": False}) == ("sick", '"ok": false')


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"ok": False}, '"ok": false'),
        ({"status": False}, '"status": false'),
        ({"isHealthy": False}, '"isHealthy": false'),
        ({"healthy": "false"}, '"healthy": "false"'),
        ({"maintenance": True, "status": "ok"}, '"maintenance": true'),
        ({"status": 503, "message": "no database"}, '"status": 503'),
        ({"health": {"status": "DOWN"}}, '"health.status": "DOWN"'),
        ({"status": {"healthy": False}}, '"status.healthy": false'),
        ({"data": {"status": "DOWN"}}, '"data.status": "DOWN"'),
        ({"status": "success", "data": {"status": "down"}}, '"data.status": "down"'),
    ],
)
def test_flags_alarms_and_what_wraps_a_verdict_count(document: dict[str, Any], said: str) -> None:
    assert verdict(document) == ("sick", said)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"checks": {"redis": {"status": "down"}}}, '"checks.redis.status": "down"'),
        ({"checks": {"redis": "down", "db": "up"}}, '"checks.redis": "down"'),
        ({"checks": {"redis": False, "db": True}}, '"checks.redis": false'),
        ({"checks": {"db:time": [{"status": "pass"}, {"status": "fail"}]}}, '"checks.db:time.1.status": "fail"'),
        ({"checks": [{"name": "db", "status": "DOWN"}]}, '"checks.db.status": "DOWN"'),
        (
            {"components": {"db": {"components": {"main": {"status": "DOWN"}}}}},
            '"components.db.components.main.status"',
        ),
        ({"dependencies": [{"name": "db", "healthy": False}]}, '"dependencies.db.healthy": false'),
        ({"services": {"inner": {"db": {"state": "stopped"}}}}, '"services.inner.db.state": "stopped"'),
        ({"details": {"db": {"status": "failed"}}}, '"details.db.status": "failed"'),
        ({"health": [{"name": "db", "status": False}]}, '"health.db.status": false'),
        ({"DatabaseBackend": "unavailable: Database error"}, '"DatabaseBackend": "unavailable: Database error"'),
        ({"database": {"reachable": False}}, '"database.reachable": false'),
        ({"scheduler": {"status": "unhealthy"}}, '"scheduler.status": "unhealthy"'),
    ],
)
def test_without_a_verdict_of_its_own_the_parts_decide(document: dict[str, Any], said: str) -> None:
    sickness, words = verdict(document)
    assert sickness == "sick" and words.startswith(said)


def test_a_verdict_names_the_parts_that_are_sick_too() -> None:
    parts = {name: {"status": "DOWN"} for name in "abcd"}
    assert verdict({"status": "DOWN", "components": parts}) == (
        "sick",
        '"status": "DOWN", "components.a.status": "DOWN", "components.b.status": "DOWN" and 2 more',
    )


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"status": "UP", "components": {"db": {"status": "DOWN"}}}, '"components.db.status": "DOWN"'),
        ({"status": "pass", "checks": {"a": [{"status": "fail"}]}}, '"checks.a.0.status": "fail"'),
        ({"status": "ok", "redis": "disconnected"}, '"redis": "disconnected"'),
        ({"status": True, "data": {"health": [{"name": "db", "status": False}]}}, '"data.health.db.status": false'),
    ],
)
def test_a_sick_part_beside_a_good_verdict_is_a_remark(document: dict[str, Any], words: str) -> None:
    assert remark(document) == ("part", words)


@pytest.mark.parametrize(
    "document",
    [
        {"status": "ok", "checks": {"mail": {"status": "down", "optional": True}}},
        {"checks": {"mail": {"status": "down", "critical": False}, "db": "ok"}},
        {"status": "ok", "redis": False},
        {"status": "ok", "checks": {"disk": "warn"}},
        {"status": "ok", "deployment": {"state": "failed"}},
        {"status": "UP", "components": {"db": {"status": "UP", "components": {"old": {"status": "DOWN"}}}}},
    ],
)
def test_a_part_that_may_fail_or_is_perhaps_none_makes_nothing_sick(document: dict[str, Any]) -> None:
    found = remark(document)
    assert found is not None and found[0] == "part"


@pytest.mark.parametrize("word", ["UNKNOWN", "downtown", "standby", "blargh", "no idea"])
def test_a_word_that_nobody_knows_is_told_and_is_not_sick(word: str) -> None:
    assert remark({"status": word}) == ("unknown word", f'"status": "{word}"')
    assert remark({"status": word, "ok": True}) is None, "another verdict of its own is known"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"status": "ok"},
        {"status": None, "ok": None, "healthy": 0},
        {"status": ["down"], "state": 0},
        {"error": "none", "message": "down", "log_level": "critical"},
        {"healthy": 12, "unhealthy": 0, "failed": 0, "down": []},
        {"status": "ok", "errors": 0, "last_error": None, "failed": False, "maintenance": False, "degraded": False},
        {"status": "ok", "error": None, "failures": {}, "last_job": {"status": "failed"}},
        {
            "status": "ok",
            "checks": {"mail": {"status": "disabled"}, "sms": "off", "fax": {"enabled": False, "ok": False}},
        },
        {"status": "ok", "checks": {"redis": {"status": "up", "failed": 0, "error": None, "maintenance": False}}},
        {
            "status": "UP",
            "components": {"db": {"status": "UP", "details": {"error": "none"}}, "x": {"status": "UNKNOWN"}},
        },
        {"status": "ok", "details": {"tls": False, "mode": "maintenance", "message": "down the road"}},
        {"status": "200 OK"},
        {"status": "Healthy!", "results": {"db": {"status": "Healthy", "description": "unhealthy before"}}},
        {"checks": {"last_run": {"status": "failed"}, "db": "ok"}},
    ],
)
def test_a_healthy_body_is_never_accused(document: dict[str, Any]) -> None:
    assert judge_body(document) == WELL


@pytest.mark.parametrize("body", [b"DOWN", b'"DOWN"', b" Unhealthy\n", b"false", b"not ready", b"Degraded"])
def test_a_text_that_is_sick_is_quoted(body: bytes) -> None:
    word = body.decode().strip(' "\n')
    assert judge_text(body) == ReportedHealth(sickness="sick", words=f'"{word}"')


@pytest.mark.parametrize("body", [b"OK", b'"ok"', b"<html>DOWN</html>", b"\xff\xfe\x00", b"", b"[" * 5000, b"12"])
def test_any_other_text_is_not_judged(body: bytes) -> None:
    assert judge_text(body) == WELL


@pytest.mark.parametrize("body", [b"OK", b" ok\n", b'"ok"', b'"I\'m alive!"', b"pong", b"true", b"Healthy."])
def test_a_text_that_is_one_good_word_is_well(body: bytes) -> None:
    assert says_well(body)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"DOWN", b"degraded", b"off", b"1", b"[1,2]", b"null", b'{"status":"ok"}', b"<html>ok</html>"),
        *(b"ok, but redis is down", b"not ok", b"ok\x00", b"\xff\xfe\x00", b"[" * 5000, b"ok " * 500),
    ],
)
def test_any_other_text_is_not_taken_as_well(body: bytes) -> None:
    assert not says_well(body)


@pytest.mark.unmeasured
def test_hostile_bodies_cost_little_and_never_raise() -> None:
    deep: dict[str, Any] = {"status": "down"}
    for _ in range(500):
        deep = {"checks": deep}
    wide = {"checks": [{}] * 20_000}  # type: ignore[var-annotated]
    many = {f"key {number}": "down" for number in range(5000)}
    loop = {"status": {"status": {"status": {"status": "down"}}}}
    assert remark(deep) == remark(wide) == ("unknown word", "more than is read of a health check")
    assert judge_body(many).sickness == "degraded"
    assert judge_body(loop).sickness == "sick"
    assert judge_body({"status": "ok", **wide}) == WELL
    assert steps_of(lambda: judge_body(deep))[1] <= 1_000
    for large, values in ((wide, 20_000), (many, 5_000)):
        assert steps_of(lambda large=large: judge_body(large))[1] <= 50 * values  # type: ignore[misc]


def test_a_word_from_outside_is_made_safe() -> None:
    said = judge_body(msgspec.json.decode(b'{"checks":{"a\\u001b[2J":{"status":"down"}},"status":"fail\\u0007"}'))
    assert "\x1b" not in said.words and "\x07" not in said.words
    assert len(judge_body({"status": "down: " + "x" * 9000}).words) < 80
