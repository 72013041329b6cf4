"""high_latency: every part timed, the largest share first."""

from optimus_tui.contract.services import HitRate, LatencyEvent, Quantiles, SlowCall, SlowState, Spread
from optimus_tui.verdicts.playbooks.conclusion import Conclusion
from optimus_tui.verdicts.playbooks.high_latency import LatencyEvidence, conclude
from tests.unit.verdicts.playbooks.driver import (
    DENIED,
    GONE,
    NO_HISTORY,
    T,
    engine,
    found,
    gateway,
    quantiles,
    server,
    timed,
)


def ask(**more: object) -> Conclusion:
    fields = {
        "minutes": 30.0,
        "gateway": gateway(),
        "engine": engine(),
        "server": server(),
        "direct": {"gateway": timed(30.0), "engine": timed(60.0), "redis": timed(1.0)},
        "served": quantiles(0.12, name="/api/chat"),
        "upstream": quantiles(0.09),
        "slow": SlowState(logged=0),
        "rate": HitRate(0.85, "gateway"),
        **more,
    }
    return conclude(LatencyEvidence(**fields), T)  # type: ignore[arg-type]


def slow(took_ms: float, age_s: float) -> SlowState:
    return SlowState(logged=1, calls=(SlowCall(age_s=age_s, took_ms=took_ms, command="KEYS"),))


def test_a_fast_system_is_not_accused_and_every_part_was_looked_at() -> None:
    told = ask()
    assert (found(told), told.unknown) == ({}, ())
    assert len(told.examined) == 8


def test_the_largest_share_comes_first_by_the_gateways_own_histograms() -> None:
    told = ask()
    assert [one["part"] for one in told.analysis["where_the_time_goes"]] == ["ai_engine", "gateway itself and redis"]
    assert told.analysis["where_the_time_goes"][0]["share"] == 0.75
    assert told.analysis["basis"] == "the gateway's histograms"


def test_without_histograms_our_own_requests_are_compared_and_it_says_so() -> None:
    told = ask(served=NO_HISTORY, upstream=NO_HISTORY)
    assert [one["part"] for one in told.analysis["where_the_time_goes"]] == ["engine", "gateway", "redis"]
    assert told.analysis["basis"] == "our own requests (p50)"
    assert found(told) == {}


def test_latency_has_the_contracts_bars() -> None:
    assert found(ask(direct={"engine": timed(700.0, samples=20)})) == {"latency.p95": "medium"}
    assert found(ask(direct={"engine": timed(1001.0, samples=20)})) == {"latency.p95": "high"}
    assert found(ask(direct={"engine": timed(5000.0, samples=4)})) == {}


def test_a_slow_route_is_found_and_a_rare_one_is_not() -> None:
    assert found(ask(served=quantiles(2.0, name="/api/export"))) == {"latency.p95": "high"}
    assert found(ask(served=quantiles(2.0, count=3, name="/api/export"))) == {}


def test_only_slow_calls_of_the_window_count() -> None:
    assert found(ask(slow=slow(250.0, 60))) == {"redis.slow_commands": "medium"}
    assert found(ask(slow=slow(12.0, 60))) == {"redis.slow_commands": "low"}
    assert found(ask(slow=slow(250.0, 1801))) == {}
    assert found(ask(slow=slow(250.0, 1801), minutes=60.0)) == {"redis.slow_commands": "medium"}


def test_latency_events_are_told() -> None:
    events = (LatencyEvent(event="fork", age_s=5, latest_ms=30.0, max_ms=90.0),)
    assert ask(slow=SlowState(logged=0, events=events)).analysis["redis_slow"]["latency_events"][0]["event"] == "fork"


def test_a_missing_right_costs_its_half_only() -> None:
    told = ask(slow=SlowState(logged=0, calls_fault=DENIED))
    assert found(told) == {"redis.slow_unmeasured": "medium"}
    assert told.analysis["redis_slow"]["slow_calls"] is None
    assert any("0 events of LATENCY" in line for line in told.examined)


def test_misses_make_slow_answers() -> None:
    assert found(ask(rate=HitRate(0.3, "gateway"))) == {"cache.hit_rate": "high"}
    assert "share of cache misses: no hit rate is known" in ask(rate=None).unknown


def test_all_down_is_three_outages_and_nothing_invented() -> None:
    gone = ask(
        gateway=gateway(GONE), engine=engine("disconnected", None), server=server(GONE), direct={"engine": timed(0, 0)},
        served=GONE, upstream=Quantiles(name="x"), slow=GONE, rate=None,
    )  # fmt: skip
    assert set(found(gone).values()) == {"critical"}
    assert gone.analysis["where_the_time_goes"] == []


def test_half_of_a_few_requests_in_a_wide_bucket_are_not_called_slow() -> None:
    wide = Spread(count=8, mean=0.15, p50=0.62, p95=None, p99=None, p50_edges=(0.1, 1.0))
    sure = Spread(count=8, mean=1.6, p50=1.62, p95=None, p99=None, p50_edges=(1.5, 2.0))
    assert found(ask(served=Quantiles(name="x", groups={"/a": wide}, covered_minutes=30.0))) == {}
    assert found(ask(served=Quantiles(name="x", groups={"/a": sure}, covered_minutes=30.0))) == {
        "latency.half": "medium"
    }
