"""Windows over our own history and over a Prometheus that answers anything."""

import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from optimus_tui.clock import counting_from
from optimus_tui.contract.reading import Fault
from optimus_tui.grammar.info import series_name
from optimus_tui.history.samples.prometheus import Prometheus, read_answer
from optimus_tui.history.samples.store import Store
from optimus_tui.history.samples.windows import Windows
from optimus_tui.settings.model import Settings
from tests.fixed_clock import FixedClock

NOW = 1_795_000_000.0
HOUR = 3600.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    one = Store(tmp_path / "h.sqlite")
    yield one
    await one.close()


def over(store: Store | None, get: Callable[..., object] | None = None, **settings: object) -> Windows:
    made = Settings(prometheus_url="http://prom:9090" if get else None, **settings)  # type: ignore[arg-type]
    return Windows(made, (lambda: store) if store else None, get, FixedClock(NOW))  # type: ignore[arg-type]


async def test_a_window_says_what_it_covered_and_gaps_are_not_in_it(store: Store) -> None:
    for second in [*range(0, 600, 2), *range(1800, 2400, 2)]:
        store.put(NOW - HOUR + second, {"latency.redis": 1.5})
    window = await over(store).series("latency.redis", 60)
    assert (window.source, len(window.samples), window.fault) == ("history", 600, None)
    assert window.covered_minutes == pytest.approx(2 * 598 / 60)


async def test_nobody_who_kept_anything_means_live_and_nothing_covered(store: Store) -> None:
    windows = over(store)
    empty = await windows.series("latency.redis", 60)
    assert (empty.source, empty.covered_minutes, empty.samples) == ("live", 0.0, ())
    growth = await windows.increase("http_requests_total", 60)
    assert (growth.source, growth.covered_minutes, growth.series) == ("live", 0.0, ())
    assert (await windows.quantiles("http_request_duration_seconds", 60)).groups == {}
    assert (await over(None).series("latency.redis", 60)).source == "live"


def look(store: Store, at: float, metrics: tuple[str, ...] = ("http_requests_total",), **values: float) -> None:
    named = {f"http_requests_total|tenant={tenant}": value for tenant, value in values.items()}
    store.put(at, {**{f"published.{metric}": 1.0 for metric in metrics}, **named})


async def test_growth_counts_from_what_was_known_when_the_window_began(store: Store) -> None:
    look(store, NOW - 660, acme=100, other=7)
    for ago in range(630, 0, -30):
        changed = {"acme": 100 + (660 - ago) / 30} if ago % 60 == 0 else {}
        look(store, NOW - ago, **changed)  # type: ignore[arg-type]
    look(store, NOW, acme=130)
    growth = await over(store).increase("http_requests_total", 10)
    assert growth.by("tenant") == {"acme": 28.0, "other": 0.0}
    assert growth.source == "history" and growth.covered_minutes == 10.0
    assert (await over(store).increase("http_requests_total", 10, {"tenant": "acme"})).total == 28.0
    nothing = await over(store).increase("http_requests_total", 10, {"tenant": "*"})
    assert (nothing.series, nothing.covered_minutes) == ((), 10.0)


async def test_a_restarted_gateway_is_no_negative_rate_row_91(store: Store) -> None:
    for ago, value in ((120, 500.0), (90, 510.0), (60, 2.0), (30, 6.0)):
        look(store, NOW - ago, acme=value)
    growth = await over(store).increase("http_requests_total", 10)
    assert (growth.total, growth.series[0].resets) == (16.0, 1)


async def test_a_series_born_while_we_watched_counts_whole_and_one_that_we_found_does_not(store: Store) -> None:
    look(store, NOW - 90, acme=1000)
    look(store, NOW - 60)
    look(store, NOW - 30, late=5)
    assert (await over(store).increase("http_requests_total", 10)).by("tenant") == {"late": 5.0, "acme": 0.0}


async def test_what_was_kept_long_before_we_looked_again_does_not_count_into_the_window(store: Store) -> None:
    look(store, NOW - 1000, acme=0)
    look(store, NOW - 300, acme=900)
    look(store, NOW - 270, acme=901)
    assert (await over(store).increase("http_requests_total", 10)).total == 1.0


async def test_a_counter_that_is_published_and_never_counted_is_zero_and_one_that_is_not_published_is_unknown(
    store: Store,
) -> None:
    for ago in (90, 60, 30):
        look(store, NOW - ago, ("http_requests_total", "rate_limit_refused_total"), acme=1)
    refused = await over(store).increase("rate_limit_refused_total", 10, {"tenant": "acme"})
    assert (refused.total, refused.source, refused.covered_minutes) == (0.0, "history", 1.0)
    unknown = await over(store).increase("cache_hits_total", 10)
    assert (unknown.source, unknown.covered_minutes) == ("live", 0.0)


async def test_rates_are_summed_to_amounts_and_our_own_counters_grow(store: Store) -> None:
    for second in range(0, 62, 2):
        store.put(NOW - 60 + second, {"redis.hits": 50.0, "redis.evicted": 10.0 + second})
    windows = over(store)
    assert (await windows.increase("redis.hits", 5)).total == pytest.approx(3000)
    assert (await windows.increase("redis.evicted", 5)).total == 60.0


async def test_a_labelled_gauge_shows_what_it_was_when_the_window_began(store: Store) -> None:
    store.put(NOW - 650, {"published.circuit_breaker_state": 1.0, "circuit_breaker_state|service=ai": 2.0})
    for ago in range(630, 0, -30):
        changed = {"circuit_breaker_state|service=ai": 0.0} if ago == 300 else {}
        store.put(NOW - ago, {"published.circuit_breaker_state": 1.0, **changed})
    window = await over(store).series("circuit_breaker_state|service=ai", 10)
    assert window.samples == ((NOW - 600, 2.0), (NOW - 300, 0.0))
    assert window.covered_minutes == 9.5


async def test_percentiles_come_from_the_growth_of_the_buckets(store: Store) -> None:
    name = "http_request_duration_seconds"
    for ago, share in ((60, 0.0), (30, 0.5), (0, 1.0)):
        counts = {"0.1": 80 * share, "0.5": 95 * share, "+Inf": 100 * share}
        buckets = {f"{name}_bucket|le={edge}|route=/a": 1000 + value for edge, value in counts.items()}
        rest = {f"{name}_sum|route=/a": 8 * share, f"{name}_count|route=/a": 1000 + 100 * share}
        store.put(NOW - ago, {f"published.{name}": 1.0, **buckets, **rest})
    found = await over(store).quantiles(name, 10, by="route")
    spread = found.groups["/a"]
    assert (spread.count, spread.mean, spread.p50, spread.p95) == (100.0, 0.08, pytest.approx(0.0625), 0.5)
    assert found.source == "history" and found.covered_minutes == 1.0


async def test_the_memory_of_two_workers_in_turn_is_told_of_one_of_them(store: Store) -> None:
    for n in range(60):
        grows, steady = 5e7 + 1e5 * n, 9e7
        store.put(NOW - 600 + 10 * n, {"metrics.process": 1.0 + n % 2, "gateway.rss": grows if n % 2 else steady})
    window = await over(store).series("gateway.rss", 10)
    assert len(window.samples) == 30
    assert [value for _, value in window.samples] == sorted(value for _, value in window.samples)
    assert window.samples[-1][1] < 9e7


# -- Prometheus


def matrix(*series: tuple[dict[str, str], list[tuple[float, str]]]) -> tuple[int, bytes]:
    result = [{"metric": labels, "values": values} for labels, values in series]
    return 200, json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


class Answers:
    """Stands in for the bounded GET."""

    def __init__(self, *answers: tuple[int, bytes] | Fault) -> None:
        self.answers, self.urls = list(answers), list[str]()

    async def __call__(self, url: str, deadline_s: float, cap_bytes: int) -> tuple[int, bytes] | Fault:
        assert deadline_s <= 3 and cap_bytes <= 8_000_000
        self.urls.append(url)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.urls[-1]).query).items()}


POINTS = [(NOW - 600 + 30 * n, str(10 * n)) for n in range(21)]


async def test_prometheus_comes_first_and_targets_labels_are_not_ours(store: Store) -> None:
    labels = {"__name__": "http_requests_total", "job": "gw", "instance": "gw:1", "tenant": "acme"}
    get = Answers(matrix((labels, POINTS)))
    growth = await over(store, get).increase("http_requests_total", 10, {"tenant": "acme"})
    assert (growth.source, growth.total, growth.covered_minutes) == ("prometheus", 200.0, 10.0)
    assert growth.series[0].labels == {"tenant": "acme"}
    assert growth.targets == ("gw/gw:1",)
    # Short windows get the samples as they were scraped, with some before them: their times divide the growth.
    assert get.query() == {"query": "http_requests_total{}[660s]", "time": f"{NOW:.3f}", "timeout": "2500ms"}
    await over(store, get).increase("http_requests_total", 60)
    assert get.query() == {
        "query": "http_requests_total{}", "start": f"{NOW - 3600:.3f}", "end": f"{NOW:.3f}", "step": "30",
        "timeout": "2500ms",
    }  # fmt: skip


async def test_two_instances_add_up_and_another_gateways_are_left_out_where_ours_is_named() -> None:
    one = ({"instance": "a:1", "tenant": "x"}, POINTS)
    two = ({"instance": "b:1", "tenant": "x"}, POINTS)
    assert (await over(None, Answers(matrix(one, two))).increase("http_requests_total", 10)).total == 400.0
    ours = over(None, Answers(matrix(one, two)), gateway_url="http://a:1")
    assert (await ours.increase("http_requests_total", 10)).total == 200.0


async def test_a_series_that_its_process_began_later_counts_from_zero_in_prometheus_too() -> None:
    late = ({"instance": "a:1", "status": "500"}, [(NOW - 60, "3"), (NOW, "5")])
    growth = await over(None, Answers(matrix(({"instance": "a:1", "status": "200"}, POINTS), late))).increase("x", 10)
    assert growth.by("status") == {"200": 200.0, "500": 5.0}


async def test_tenants_are_literal_text_in_a_query_whatever_they_hold() -> None:
    get = Answers(matrix())
    windows = over(None, get)
    await windows.series(series_name("circuit_breaker_state", {"service": 'a"} or vector(1) #\\\n.*'}), 60)
    assert get.query()["query"] == 'circuit_breaker_state{service="a\\"} or vector(1) #\\\\\\n.*"}'
    await windows.series(series_name("circuit_breaker_state", {"service": "\udcff"}), 60)
    assert len(get.urls) == 1  # no UTF-8: Prometheus holds no such tenant


async def test_remapped_names_a_selector_and_the_gateways_memory_are_asked_for_as_configured() -> None:
    get = Answers(matrix())
    metrics = {"http_requests_total": "gw_requests", "http_request_duration_seconds": "lat", "selector": 'env="prod"'}
    windows = over(None, get, metrics=metrics)
    await windows.series("gateway.rss", 60)
    assert get.query()["query"] == (
        'process_resident_memory_bytes{env="prod"} and on (job, instance) gw_requests{env="prod"}'
    )
    assert get.query()["step"] == "30"
    await windows.increase("http_request_duration_seconds_bucket", 60)
    assert get.query()["query"] == 'lat_bucket{env="prod"}'
    await windows.series("latency.redis", 60)
    assert len(get.urls) == 2  # our own samples are not asked for there


BAD = {
    "an outage": Fault("refused", "nobody answers at prom:9090"),
    "html": (200, b"<html>"),
    "a refusal": (400, b'{"status":"error","errorType":"bad_data","error":"parse error \\u001b[31m"}'),
    "500 with text": (500, b"oops"),
    "another shape": (200, b'{"status":"success","data":{"resultType":"vector","result":[]}}'),
    "a deep document": (200, b"[" * 100_000),
    "bytes": (200, b"\xff\xfe"),
}


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD)
async def test_a_prometheus_that_fails_is_said_and_our_own_history_answers(
    store: Store, answer: Fault | tuple[int, bytes]
) -> None:
    look(store, NOW - 60, acme=1)
    look(store, NOW - 30, acme=4)
    growth = await over(store, Answers(answer)).increase("http_requests_total", 10)
    assert (growth.source, growth.total) == ("history", 3.0)
    assert growth.fault is not None and "\x1b" not in growth.fault.message


async def test_whoever_covers_more_answers(store: Store) -> None:
    for ago in range(600, -30, -30):
        look(store, NOW - ago, acme=1000 - ago)
    short = matrix(({"instance": "a:1", "tenant": "acme"}, [(NOW - 60, "5"), (NOW, "6")]))
    assert (await over(store, Answers(short)).increase("http_requests_total", 10)).source == "history"
    whole = matrix(({"instance": "a:1", "tenant": "acme"}, POINTS))
    assert (await over(store, Answers(whole)).increase("http_requests_total", 10)).source == "prometheus"


def test_values_that_are_no_numbers_are_left_out() -> None:
    values = [(1.0, "NaN"), (2.0, "+Inf"), (3.0, "4"), (4.0, "9" * 5000), (5.0, "x")]
    found, fault = read_answer(*matrix(({}, values)))
    assert (found[0].samples, fault) == ([(3.0, 4.0)], None)


def test_every_name_is_published_under_its_own_name_unless_remapped() -> None:
    one = Prometheus(Settings(), Answers(matrix()))
    assert one.published("http_requests_total") == "http_requests_total"
    assert re.fullmatch(r"\w+_bucket", one.published("upstream_request_duration_seconds_bucket"))


async def test_counted_from_a_remedy_on_a_window_holds_nothing_from_before_it(store: Store) -> None:
    remedy = NOW - 45
    for ago in range(600, 0, -10):
        look(store, NOW - ago, acme=float(10_000 - ago))
        store.put(NOW - ago, {"latency.engine": 900.0 if ago > 45 else 5.0})
    whole = await over(store).series("latency.engine", 10)
    with counting_from(remedy):
        window = await over(store).series("latency.engine", 10)
        grown = await over(store).increase("http_requests_total", 10)
        short = await over(store).series("latency.engine", 0.5)
    assert len(whole.samples) == 60
    assert {value for _, value in window.samples} == {5.0} and len(window.samples) == 4
    assert grown.total == 30, "from the first reading after the remedy (40 s ago) to the last (10 s ago)"
    assert len(short.samples) == 3, "a window that is shorter keeps its length"
    assert len((await over(store).series("latency.engine", 10)).samples) == 60, "and the next question has all"
