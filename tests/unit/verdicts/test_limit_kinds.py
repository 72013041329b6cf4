"""Counters of other limiters, judged: full beside over, what a missing TTL means, limits and windows of their own."""

from typing import Any

import pytest
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import LIMITS_IMMORTAL, LIMITS_LONG_TTL, LIMITS_OVER
from optimus_tui.contract.keyspace import Counter, LimitRow, LimitRules, LimitsReport, NoTtl, Track
from optimus_tui.contract.reading import Coverage
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.limits.judge import judge, judge_row
from optimus_tui.verdicts.limits.words import merge_rules, subject_of, uncounted_forms, uncounted_words, used_words

TEN = LimitRules(window_seconds=60, default=10)


def counter(count: int | None = 7, **fields: Any) -> Counter:
    usual = {"key": b"k:acme:chat", "tenant": b"acme", "operation": b"chat", "ttl_ms": 30_000, "taken_mono": 100.0}
    return Counter(count=count, **{**usual, **fields})


def row(count: int | None = 7, rules: LimitRules | None = TEN, **fields: Any) -> LimitRow:
    return judge_row(counter(count, **fields), None, rules, Thresholds())


def report(*counters: Counter, rules: LimitRules | None = TEN) -> LimitsReport:
    return judge(
        counters, tracks={}, rules=rules, thresholds=Thresholds(), coverage=Coverage(complete=True, scanned=9, total=9)
    )


def test_the_limit_of_the_name_goes_before_the_one_in_force() -> None:
    assert (row(7, limit=5).state, row(7, limit=5).limit) == ("over", 5)
    assert row(7, rules=None, limit=100).state == "ok"
    assert row(7, rules=None).state == "unknown limit"


def test_windows_are_of_the_name_or_of_the_operation_or_general() -> None:
    rules = LimitRules(window_seconds=60, default=10, windows={"chat": 3600})
    assert row(rules=rules).window_seconds == 3600
    assert row(rules=rules, operation=b"list").window_seconds == 60
    assert row(rules=rules, window_seconds=1.0).window_seconds == 1
    assert row(rules=None).window_seconds is None


@pytest.mark.parametrize(
    ("fields", "state", "word"),
    [
        ({"count": 10}, "over", "over"),
        ({"count": 10, "counts_refused": False}, "over", "full"),
        ({"count": 3, "blocked": True}, "over", "blocked"),
        ({"count": None, "blocked": True}, "over", "blocked"),
        ({"count": 9}, "near", "near"),
        ({"count": None, "left": 0}, "over", "over"),
        ({"count": None, "left": 4}, "ok", "ok"),
        ({"count": None, "lacks": "window", "problem": "a list"}, "unknown limit", "unknown limit"),
        ({"count": None, "problem": "a list"}, "broken", "broken"),
        ({"count": 10, "left": 0, "left_least": True}, "ok", "ok"),
    ],
)
def test_a_used_up_limit_says_whether_requests_are_known_to_be_refused(
    fields: dict[str, Any], state: str, word: str
) -> None:
    found = row(**fields)
    assert (found.state, found.word) == (state, word)
    assert (found.refused_in == 0.0) is (state == "over")


def test_what_is_left_of_an_unknown_limit_is_said_so() -> None:
    found = row(None, rules=None, left=3, lacks="limit")
    assert (found.state, used_words(found)) == ("unknown limit", "3 left, its limit is not known")
    assert used_words(row(None, rules=None, left=3, left_least=True)) == "at least 3 left, its limit is not known"
    assert row(None, rules=None, left=0).state == "over"
    assert row(None, rules=None, left=0, left_least=True).state == "unknown limit"
    assert uncounted_words(row(None, blocked=True)) == "blocked by its limiter"
    assert uncounted_forms(row(None, blocked=True))[-1] == "blocked"
    assert uncounted_forms(found)[1:] == ["3 left, limit ?", "3 left"]
    assert uncounted_forms(row(None, rules=None, left=3, left_least=True))[-1] == "≥ 3 left"


@pytest.mark.parametrize(
    ("no_ttl", "fields", "state"),
    [
        ("", {"immortal": True}, "immortal"),
        ("", {"immortal": True, "sliding": True}, "over"),
        ("heals", {}, "ok"),
        ("heals", {"sliding": True}, "over"),
        ("normal", {}, "over"),
        ("dated", {}, "ok"),
        ("dated", {"resets_ms": 9000}, "over"),
    ],
)
def test_never_resets_is_red_only_where_the_limiter_is_stuck(no_ttl: NoTtl, fields: dict[str, Any], state: str) -> None:
    one = counter(12, ttl_ms=None, no_ttl=no_ttl, **fields)
    assert judge_row(one, None, TEN, Thresholds()).state == state
    red = [found.rule for found in report(one).findings if found.severity == "critical"]
    assert red == [LIMITS_IMMORTAL] * (state == "immortal")


def test_a_long_ttl_is_none_where_the_window_does_not_end_with_it() -> None:
    long = counter(10, ttl_ms=400_000)
    assert LIMITS_LONG_TTL in {found.rule for found in report(long).findings}
    assert LIMITS_LONG_TTL not in {found.rule for found in report(replace(long, ttl_is_reset=False)).findings}
    assert LIMITS_LONG_TTL not in {found.rule for found in report(replace(long, window_seconds=3600.0)).findings}


def test_two_windows_of_an_operation_are_two_subjects() -> None:
    second = counter(5, key=b"s", limit=5, window_seconds=1.0)
    hour = counter(100, key=b"h", limit=100, window_seconds=3600.0)
    subjects = {subject_of(one) for one in report(second, hour).rows}
    assert subjects == {"acme / chat per 1.0 s", "acme / chat per 1 h"}
    assert subject_of(row()) == "acme / chat"


def test_a_limiter_that_tells_no_count_has_a_finding_with_its_own_words() -> None:
    blocked, empty = counter(None, blocked=True), counter(None, left=0)
    assert [one.message for one in report(blocked).findings] == [
        "acme / chat is blocked by its limiter, whose own flag says so"
    ]
    found = report(empty, rules=None).findings
    assert [(one.rule, one.message) for one in found] == [
        (LIMITS_OVER, "acme / chat has nothing left; its limit is not known")
    ]


def test_the_forecast_uses_the_window_of_the_counter() -> None:
    """50 of 100 in the first half of a window of ten seconds: full at its end; in one of an hour it goes on."""
    samples = tuple((95.0 + second, second * 12) for second in range(1, 6))
    one = counter(60, ttl_ms=5000, limit=100, window_seconds=10.0)
    found = judge_row(one, Track(samples), None, Thresholds())
    assert found.refused_in is not None
    assert found.refused_in < 5
    stamped = replace(one, ttl_ms=900_000, ttl_is_reset=False, resets_ms=5000)
    assert judge_row(stamped, Track(samples), None, Thresholds()).refused_in == found.refused_in


def test_configured_windows_hold_for_what_the_gateway_does_not_publish() -> None:
    published = LimitRules(window_seconds=60, limits={"chat": 10})
    configured = LimitRules(window_seconds=60, windows={"chat": 5, "list": 3600}, limits={"list": 100})
    merged = merge_rules(published, configured)
    assert merged is not None
    assert (merged.window_for("chat"), merged.window_for("list")) == (60, 3600)
