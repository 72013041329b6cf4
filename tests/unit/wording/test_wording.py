"""Numbers into words: units, cuts instead of flattering roundings, and no invented zeros."""

import math
from typing import get_args

import pytest

from optimus_tui.contract.findings import Overall, Severity
from optimus_tui.contract.keyspace import LimitState
from optimus_tui.contract.reading import Coverage, Fault, Reading
from optimus_tui.contract.services import Status
from optimus_tui.wording import numbers, truth
from optimus_tui.wording.numbers import age, ago, clock, size, ttl, until
from optimus_tui.wording.truth import coverage_words, truth_line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (41, "0:41"),
        (245, "4:05"),
        (3723, "1h 02m"),
        (0.4, "0:01"),
        (0, "0:00"),
        (-3, "0:00"),
        (86_399, "23h 59m"),
        (36 * 3600, "36 h"),
        (3 * 86_400, "3 d"),
        (68 * 365 * 86_400, "68 y"),
        (None, "?"),
        (math.inf, "?"),
    ],
)
def test_a_ttl_reads_as_a_clock_and_rounds_up_row_19(seconds: float | None, text: str) -> None:
    assert ttl(seconds) == text


def test_never_expiring_and_unknown_are_different_words() -> None:
    assert ttl(None, immortal=True) == "never"
    assert ttl(None) == "?"
    assert [until(None), until(0.0), until(2.2), until(200)] == ["–", "now", "3 s", "3 min 20 s"]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (612, "612 B"),
        (999, "999 B"),
        (1008, "1.0 KB"),
        (1024, "1.0 KB"),
        (2150, "2.1 KB"),
        (94_208, "92 KB"),
        (10_200, "10 KB"),
        (1_048_500, "1 MB"),
        (255_852_544, "244 MB"),
        (2 * 2**30, "2 GB"),
        (2**80, "1,073,741,824 PB"),
        (None, "?"),
    ],
)
def test_a_size_carries_its_unit(count: int | None, text: str) -> None:
    assert size(count) == text


def test_an_estimated_size_says_so() -> None:
    assert size(2048, estimate=True) == "~2.0 KB"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.8, "0.8 s"),
        (-1, "0.0 s"),
        (9, "9 s"),
        (27, "27 s"),
        (240, "4 min"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (599, "9 min 59 s"),
        (605, "10 min"),
        (10_000, "2 h 46 min"),
        (3e5, "3 d 11 h"),
        (86_400 * 12.4, "12 d"),
        (None, "?"),
    ],
)
def test_an_age_is_short(seconds: float | None, text: str) -> None:
    assert age(seconds) == text


def test_times_are_utc_and_an_impossible_time_is_unknown_row_63() -> None:
    assert clock(1_795_000_000.0, dated=True) == "2026-11-18 11:06:40"
    assert clock(0.0) == "00:00:00"
    assert clock(0.0, dated=True) == "1970-01-01 00:00:00"
    assert [clock(1e300), clock(math.nan), clock(-1e18), clock(None)] == ["?"] * 4


def test_counts_shorten_without_rounding_up() -> None:
    assert [numbers.compact(n) for n in (0, 1247, 9999, 41_999, 184_000, 1_270_000, 12_999_999, None)] == [
        "0",
        "1,247",
        "9,999",
        "41k",
        "184k",
        "1.2M",
        "12M",
        "?",
    ]
    assert numbers.thousands(1247) == "1,247"
    assert numbers.thousands(None) == "?"


def test_a_share_is_rounded_once_and_never_reads_as_full_or_as_the_bar_it_missed() -> None:
    shares = (0.85, 0.995, 0.996, 0.99996, 1.0, 1.004, 0.29, 2.667, 0.075, 0.0995, 0.999, 0.001, 0.0004, 0.0)
    assert [numbers.percent(one) for one in shares] == [
        "85 %", "99.5 %", "99.6 %", "99.9 %", "100 %", "100.4 %", "29 %", "267 %", "7.5 %", "10 %", "99.9 %", "0.1 %",
        "<0.1 %", "0 %",
    ]  # fmt: skip
    assert [numbers.percent_number(one) for one in (0.94, 0.995, 1.0, 0.001, 0.0, 0.697)] == [
        "94", "99.5", "100", "<1", "0", "70",
    ]  # fmt: skip
    assert numbers.percent(0.6999) == "70 %"
    assert numbers.percent(0.6999, 0.7) == "69.99 %"
    assert numbers.percent(0.7, 0.7) == "70 %" and numbers.percent(0.61, 0.7) == "61 %"
    assert numbers.percent(0.0499, 0.05) == "4.99 %"
    assert numbers.percent(0.05002, 0.05) == "5.002 %" and numbers.percent(0.0500001, 0.05) == "5 %"
    assert [numbers.percent(None), numbers.percent(math.nan)] == ["?", "?"]


def test_rates_slopes_and_latencies() -> None:
    assert [numbers.rate(r) for r in (38.2, 0.4, 0.0, 41_999, None)] == ["38/s", "0.4/s", "0/s", "41k/s", "?"]
    assert [numbers.slope(s) for s in (3.14, 0.0, -0.4, None, 0.01)] == ["+3.1", "0.0", "-0.4", "?", "0.0"]
    assert [numbers.latency(v) for v in (0.41, 45, 840, 1234, None)] == ["0.4 ms", "45 ms", "840 ms", "1.2 s", "?"]
    assert [numbers.plural(1, "counter"), numbers.plural(1247, "counter")] == ["1 counter", "1,247 counters"]
    parts = [numbers.part_of(*counts, "tenant") for counts in ((8, 9), (9, 9), (2, 2), (1, 1), (0, 1), (0, 0))]
    assert parts == ["8 of 9 tenants", "all 9 tenants", "both tenants", "the only tenant", "0 of 1 tenant",
                     "0 of 0 tenants"]  # fmt: skip


def test_every_state_has_a_glyph_and_a_word() -> None:
    assert set(truth.SEVERITY_MARKS) == set(get_args(Severity))
    assert set(truth.OVERALL_MARKS) == set(get_args(Overall))
    assert set(truth.STATUS_MARKS) == set(get_args(Status))
    assert set(truth.LIMIT_MARKS) == set(get_args(LimitState))
    assert truth.SEVERITY_MARKS["critical"].text == "✖ CRIT"
    for marks in (truth.SEVERITY_MARKS, truth.OVERALL_MARKS, truth.STATUS_MARKS, truth.LIMIT_MARKS):
        assert all(len(mark.glyph) == 1 and mark.word for mark in marks.values())


AT = 37_807.0  # 10:30:07 UTC
REFUSED = Fault("refused", "connection refused")


def test_the_truth_line_of_a_stale_partial_reading_says_all_of_it() -> None:
    reading = Reading(
        value=1, taken_at=AT, taken_mono=5.0, fault=REFUSED, retry_in=3.0, coverage=Coverage(41_200, 184_000, False)
    )
    assert truth_line(reading, 5.8, source="redis") == (  # type: ignore[arg-type]
        "as of 10:30:07 (0.8 s) · scanned 41k of 184k · redis: connection refused · retry in 3 s"
    )


def test_the_truth_line_of_a_good_reading() -> None:
    reading = Reading(value=1, taken_at=AT, taken_mono=5.0, coverage=Coverage(1247, 1247, True))
    assert truth_line(reading, 5.6, source="redis", counted="48 counters, complete") == (  # type: ignore[arg-type]
        "as of 10:30:07 (0.6 s) · 48 counters, complete · redis ok"
    )
    assert "scanned 1,247, complete" in truth_line(reading, 5.6, source="redis")  # type: ignore[arg-type]


def test_the_truth_line_without_a_value_claims_no_time_row_33() -> None:
    assert truth_line(None, 0, source="redis", target="h:6379/0") == "connecting to redis at h:6379/0 …"
    never = Reading(value=None, taken_at=AT, taken_mono=5.0, fault=REFUSED, retry_in=0.0)  # type: ignore[var-annotated]
    assert truth_line(never, 9, source="redis") == "no data yet · redis: connection refused · retrying"


def test_an_old_value_carries_its_date_and_a_source_is_not_said_twice() -> None:
    fault = Fault("refused", "redis at h:1: connection refused")
    reading = Reading(value=1, taken_at=AT, taken_mono=0.0, fault=fault)
    assert truth_line(reading, 50_000.0, source="redis") == (  # type: ignore[arg-type]
        "as of 1970-01-01 10:30:07 (13 h) · redis at h:1: connection refused"
    )


def test_an_incomplete_sweep_gives_its_reason_row_34() -> None:
    reason = "server restarted (run_id changed)"
    assert coverage_words(Coverage(5, 20, False, reason)) == f"scanned 5 of 20, incomplete: {reason}"
    assert coverage_words(Coverage(5, None, False)) == "scanned 5, incomplete"


def test_a_share_reads_as_per_cent_and_other_numbers_keep_their_unit() -> None:
    assert (numbers.figure(0.8711, "share"), numbers.figure(None, "share")) == ("87 %", "?")
    assert (numbers.figure(24.9, "ms"), numbers.figure(16_862.0), numbers.figure(None, "ms")) == (
        "25 ms",
        "16,862",
        "?",
    )


def test_a_clock_that_was_set_back_tells_no_duration() -> None:
    assert ago(100.0, 73.0) == "27 s ago" and ago(100.0, 100.5) == "0.0 s ago"
    assert ago(0.0, 3600.0) == "at 1970-01-01 01:00:00 (the clock was set back since)"


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.305, "share", "31 %"),
        (0.305, "ratio", "31 %"),
        (965.621, "ms", "966 ms"),
        (1_543.2, "ms", "1.5 s"),
        (90.4, "s", "1 min 30 s"),
        (-41.2, "s", "-41 s"),
        (3_600.0, "s", "1 h"),
        (4_404_019.2, "bytes/h", "4.2 MB/h"),
        (-2_048.0, "bytes", "-2.0 KB"),
        (1.0, "keys", "1 key"),
        (153.0, "requests", "153 requests"),
        (12.3456, "events/s", "12.3 events/s"),
        (1_234.567, "events/s", "1,235 events/s"),
        (0.00012, "", "<0.001"),
        (float("nan"), "ms", "?"),
    ],
)
def test_a_figure_has_three_digits_and_the_format_of_its_unit(value: float, unit: str, words: str) -> None:
    assert numbers.figure(value, unit) == words


def test_how_many_are_left_out_is_those_that_are_not_shown() -> None:
    shown_of = {(1, 1): "", (3, 1): " (2 more)", (3, 3): "", (4, 3): " (1 more)", (5, 3): " (2 more)"}
    assert {key: numbers.and_others(range(key[0]), key[1]) for key in shown_of} == shown_of


@pytest.mark.parametrize(
    ("milliseconds", "bar", "words"),
    [
        (1020.0, 1000.0, "1.02 s"),
        (1003.0, 1000.0, "1.003 s"),
        (1600.0, 1000.0, "1.6 s"),
        (500.4, 500.0, "500.4 ms"),
        (829.0, 500.0, "829 ms"),
        (1000.0, 1000.0, "1.0 s"),
        (1000.01, 1000.0, "1.0 s"),
        (1045.1, 1040.0, "1.05 s"),
        (100.04, 100.0, "100.04 ms"),
    ],
)
def test_a_latency_never_reads_like_the_bar_that_it_is_over(milliseconds: float, bar: float, words: str) -> None:
    assert numbers.latency(milliseconds, bar) == words
