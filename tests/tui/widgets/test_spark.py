"""The small chart and the figures: no value is invented, no number is cut."""

import math

import pytest

from optimus_tui.tui.widgets.cells import as_many_as_fit, fit_count, fit_name, fit_percent, spark, wrap


def test_a_spark_has_exactly_its_width_and_grows_in_from_the_right() -> None:
    assert spark([1.0, 1.0], 5, top=1.0) == "   ▇▇"
    assert spark([], 4) == "    "
    assert spark([1.0], 0) == ""


def test_a_gap_is_a_blank_and_never_a_zero() -> None:
    assert spark([1.0, None, math.nan, 1.0], 4, top=1.0) == "▇  ▇"


def test_a_steady_history_is_low_and_flat_and_a_spike_stands_out() -> None:
    assert spark([45.0] * 6, 6) == "▂" * 6
    assert spark([45.0] * 5 + [400.0], 6) == "▁▁▁▁▁▇"


def test_values_that_share_a_cell_keep_the_spike() -> None:
    assert "▇" in spark([1.0] * 39 + [50.0], 10)
    assert spark([1.0, 1.0, 0.1, 1.0], 2, top=1.0, combine=min) == "▇▁"


def test_a_history_of_zeros_draws_the_baseline() -> None:
    assert spark([0.0, 0.0], 2) == "▁▁"


@pytest.mark.parametrize(
    ("count", "width", "shown"),
    [(400, 6, "400"), (41_234, 6, "41,234"), (1_234_567, 6, "1.2M"), (2**62, 6, "4e18"), (None, 3, "?")],
)
def test_a_count_is_shortened_and_never_cut(count: int | None, width: int, shown: str) -> None:
    assert fit_count(count, width) == shown


def test_a_share_beyond_all_measure_is_still_a_number() -> None:
    assert fit_percent(2.67, 5) == "267"
    assert fit_percent(1e16, 5) == "1e18"
    assert fit_percent(None, 5) == "?"


def test_a_sentence_wraps_at_words_by_cells() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("日本語日本語 x", 6) == ["日本語", "日本語", "x"]
    assert wrap("", 10) == [""]


def test_a_number_is_never_parted_from_its_unit() -> None:
    assert wrap("99 of 100 (99 %)", 13) == ["99 of 100", "(99 %)"]
    assert wrap("p95 840 ms is over", 8) == ["p95", "840 ms", "is over"]


def test_host_and_port_of_a_url_stay_together_where_it_is_longer_than_a_line() -> None:
    url = "http://gateway.internal:8001/api/v1/health?deep=true"
    assert wrap(f"ask {url} now", 58) == [f"ask {url}", "now"]
    assert wrap(f"ask {url} now", 34) == [
        "ask",
        "http://gateway.internal:8001/api/",
        "v1/health?deep=true now",
    ]
    for width in range(len("http://gateway.internal:8001"), 60):
        lines = wrap(f"see ({url}).", width)
        assert any("http://gateway.internal:8001" in line for line in lines)
        assert "".join(lines).replace(" ", "") == f"see({url})."
        assert all(len(line) <= width for line in lines)


def test_a_url_in_a_cell_keeps_its_host_and_port() -> None:
    url = "http://gateway:8001/api/v1/health"
    assert fit_name(url, 24) == "http://gateway:8001/api…"
    assert fit_name(url, 18) == "gateway:8001/api/…"
    assert fit_name(url, 40) == url.ljust(40)


def test_parts_that_do_not_fit_stay_out_whole() -> None:
    assert as_many_as_fit(["since 10:04", "31 samples", "e explains"], 26) == "since 10:04 · 31 samples"
