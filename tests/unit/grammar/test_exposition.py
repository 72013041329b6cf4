"""The text exposition format, hostile and honest: RELIABILITY row 91."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimus_tui.grammar.info import base_of, canonical, parse_exposition, series_name, split_series
from optimus_tui.probes.http.metrics import MAX_SERIES, _wanted, pick_series
from tests.steps import steps_of

PAGE = b"""# HELP http_requests_total Requests answered.
# TYPE http_requests_total counter
http_requests_total{method="GET",route="/api/{x}",status="200",tenant="ac\\"me\\\\ \\n}"} 12.0
http_requests_total{method="GET",route="/",status="500",tenant="b",} 1e3 1795000000000
http_requests_total_something 5
# TYPE rate_limit_refused_total counter
cache_hits_total 7
process_resident_memory_bytes 5.4e+07
http_request_duration_seconds_bucket{le="+Inf",route="/"} 3 # {trace="x"} 0.2 1.0
# EOF
"""


def test_samples_come_with_labels_unescaped_and_comments_timestamps_and_exemplars_left_out() -> None:
    parsed = parse_exposition(PAGE)
    assert parsed.malformed == 0
    assert len(parsed.samples) == 6
    assert parsed.samples[0].labels["tenant"] == 'ac"me\\ \n}'
    assert parsed.samples[0].labels["route"] == "/api/{x}"
    assert (parsed.samples[1].value, parsed.samples[-1].labels) == (1000.0, {"le": "+Inf", "route": "/"})
    assert parsed.declared.keys() == {"http_requests_total", "rate_limit_refused_total"}


def test_a_bad_line_costs_only_itself() -> None:
    bad = [
        b"{}",
        b"a",
        b"a{b=c} 1",
        b'a{b="c} 1',
        b"a 1_000",
        "a １".encode(),
        b"a 0x10",
        b"a 1 2 3",
        b'a{b="1",b="2"} 1',
    ]
    parsed = parse_exposition(b"\n".join([b"good 1", *bad, b"good 2\r", b"\xff 1", b'c{d="\xff"} 1']))
    assert [one.value for one in parsed.samples if one.name == "good"] == [1.0, 2.0]
    assert parsed.malformed == len(bad) + 1
    assert parsed.samples[-1].labels == {"d": "\udcff"}


def test_nan_and_infinities_are_read_and_then_left_out_with_negative_counters_row_91() -> None:
    page = b"cache_hits_total NaN\ncache_misses_total -1\nprocess_resident_memory_bytes +Inf\nhttp_requests_total 4\n"
    assert math.isnan(parse_exposition(page).samples[0].value)
    wanted = _wanted({})
    state = pick_series(parse_exposition(page, wanted), wanted)
    assert (state.values, state.malformed) == ({"http_requests_total": 4.0}, 3)


def test_a_remapped_name_and_its_histogram_parts_come_under_the_contracts_names() -> None:
    wanted = _wanted({"http_requests_total": "gw_requests", "http_request_duration_seconds": "gw_latency"})
    page = b'gw_requests{route="/"} 2\ngw_latency_bucket{le="1"} 3\ngw_latency_count 3\nhttp_requests_total 9\n'
    state = pick_series(parse_exposition(page, wanted), wanted)
    assert state.values == {
        "http_requests_total|route=/": 2.0,
        "http_request_duration_seconds_bucket|le=1": 3.0,
        "http_request_duration_seconds_count": 3.0,
    }
    assert state.metrics == ("http_requests_total", "http_request_duration_seconds")


def test_a_labelled_counter_that_never_counted_is_known_to_be_published() -> None:
    wanted = _wanted({})
    state = pick_series(parse_exposition(b"# TYPE rate_limit_refused_total counter\n", wanted), wanted)
    assert (state.metrics, state.values) == (("rate_limit_refused_total",), {})


def test_series_beyond_the_cap_and_names_too_long_are_left_out_and_counted() -> None:
    lines = [b'http_requests_total{route="/r%d"} 1' % n for n in range(MAX_SERIES + 5)]
    lines.insert(0, b'http_requests_total{route="%s"} 1' % (b"x" * 600))
    wanted = _wanted({})
    state = pick_series(parse_exposition(b"\n".join(lines), wanted), wanted)
    assert (len(state.values), state.left_out) == (MAX_SERIES, 6)


@given(st.binary(max_size=400))
def test_any_bytes_are_read(raw: bytes) -> None:
    parsed = parse_exposition(raw)
    assert parsed.malformed + len(parsed.samples) <= raw.count(b"\n") + 1


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_any_bytes_in_a_quoted_label_are_read(name: bytes, value: bytes) -> None:
    parsed = parse_exposition(b'a{b="' + name + b'",c="' + value + b'"} 1')
    if not set(b'"\\\n') & set(name + value):
        (sample,) = parsed.samples
        assert (sample.value, set(sample.labels)) == (1.0, {"b", "c"})


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,5}", fullmatch=True), st.text(max_size=12), max_size=4))
def test_a_series_name_can_be_taken_apart_again(labels: dict[str, str]) -> None:
    assert split_series(series_name("metric", labels)) == ("metric", labels)


def test_the_name_of_a_series_is_as_documented() -> None:
    labels = {"tenant": "acme", "status": "200", "route": "/api/x", "method": "GET"}
    assert (
        series_name("http_requests_total", labels)
        == "http_requests_total|method=GET|route=/api/x|status=200|tenant=acme"
    )
    assert base_of("http_request_duration_seconds_bucket") == "http_request_duration_seconds"


@given(st.text(max_size=40))
def test_any_text_is_a_series_name_to_be_taken_apart(text: str) -> None:
    metric, labels = split_series(text)
    assert text.startswith(metric)
    assert all(label in text for label in labels)


HOSTILE = {
    "unclosed": b"a{" + b'a="' * 300_000,
    "backslashes": b'a{a="' + b"\\" * 900_000,
    "labels without end": (b"a{" + b'b="c",' * 2_600 + b"\n") * 60,
    "digits": (b"a " + b"9" * 16_000 + b"\n") * 60,
    "braces": b"{" * 1_000_000,
    "line ends": b"\n" * 1_000_000,
    "comments": b"#" * 1_000_000,
    "noise": random.Random(4).randbytes(1_000_000),
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("page", HOSTILE.values(), ids=HOSTILE)
def test_a_megabyte_is_read_in_a_few_steps_a_byte_row_91(page: bytes) -> None:
    _, steps = steps_of(lambda: parse_exposition(page))
    assert steps <= 5 * len(page)


@pytest.mark.unmeasured
def test_an_honest_megabyte_is_read_in_a_few_steps_a_sample() -> None:
    line = b'http_requests_total{method="GET",route="/api/x/%d",status="200",tenant="tenant_%d"} %d.0\n'
    page = b"".join(line % (n % 50, n, n) for n in range(10_800))
    parsed, steps = steps_of(lambda: parse_exposition(page))
    assert len(parsed.samples) == 10_800
    assert steps <= 20 * len(parsed.samples)


def test_one_series_a_state_is_one_series_with_the_states_number() -> None:
    lines = [f'circuit_breaker_state{{service="ai",state="{state}"}} {int(state == "half_open")}' for state in
             ("closed", "half_open", "open")]  # fmt: skip
    wanted = _wanted({})
    state = pick_series(parse_exposition("\n".join(lines).encode(), wanted), wanted)
    assert state.values == {"circuit_breaker_state|service=ai": 1.0}


def test_very_many_tenants_are_summed_so_that_the_total_stays_true() -> None:
    lines = [f'http_requests_total{{status="200",tenant="t{n}"}} 2' for n in range(MAX_SERIES + 500)]
    wanted = _wanted({})
    state = pick_series(parse_exposition("\n".join(lines).encode(), wanted), wanted)
    assert state.values == {"http_requests_total|status=200|tenant=other": 2.0 * (MAX_SERIES + 500)}
    assert (state.summed, state.left_out) == (True, 0)


def test_labels_of_common_libraries_are_read_under_the_contracts_names() -> None:
    assert canonical({"handler": "/a", "status_code": "200", "tenant_id": "x"}) == {
        "route": "/a",
        "status": "200",
        "tenant": "x",
    }
    assert canonical({"route": "/a", "path": "/b", "code": "503"}) == {"route": "/a", "path": "/b", "status": "503"}
