"""proxy_timeout: real requests by the gateway's histograms, ours only beside them; no timeout is guessed."""

from msgspec.structs import replace

from optimus_tui.verdicts.playbooks.conclusion import Conclusion
from optimus_tui.verdicts.playbooks.proxy_timeout import ProxyEvidence, conclude
from tests.unit.verdicts.playbooks.driver import (
    BROKEN,
    GONE,
    NO_HISTORY,
    T,
    engine,
    found,
    gateway,
    increase,
    quantiles,
    timed,
)

KNOWN = replace(T, proxy_timeout_ms=5000.0)


def ask(thresholds: object = KNOWN, **more: object) -> Conclusion:
    fields = {
        "gateway": gateway(),
        "engine": engine(),
        "direct": {"gateway": timed(), "engine": timed()},
        "upstream": quantiles(),
        "served": quantiles(0.2),
        "requests": increase({"200": 1000}),
        **more,
    }
    return conclude(ProxyEvidence(**fields), thresholds)  # type: ignore[arg-type]


def test_a_healthy_system_is_not_accused_where_the_predecessor_always_said_high() -> None:
    told = ask()
    assert (found(told), told.unknown) == ({}, ())
    assert "ai_engine through the gateway: p95 ≈ 90 ms, p99 ≈ 135 ms of 500" in told.examined
    assert told.analysis["lost_between"]["share"] == 0.55


def test_without_histograms_the_gateways_view_is_unknown_and_no_finding() -> None:
    told = ask(upstream=NO_HISTORY, served=NO_HISTORY)
    assert found(told) == {}
    assert told.unknown[0].startswith("engine latency as the gateway sees it: no upstream_request_duration_seconds")
    assert (told.analysis["status"], told.analysis["lost_between"]["share"]) == ("unknown", None)


def test_without_the_timeout_nothing_is_compared_with_it() -> None:
    told = ask(T, upstream=quantiles(0.4, p99=60.0))
    assert found(told) == {}
    assert any(line.startswith("the proxy's timeout: not configured") for line in told.unknown)


def test_p99_near_or_at_the_timeout_is_found() -> None:
    assert found(ask(upstream=quantiles(0.4, p99=4.5))) == {"proxy.p99": "medium"}
    assert found(ask(upstream=quantiles(0.4, p99=5.0))) == {"proxy.p99": "high"}


def test_latency_is_judged_by_the_contracts_bars() -> None:
    assert found(ask(upstream=quantiles(0.6))) == {"latency.p95": "medium"}
    assert found(ask(direct={"engine": timed(1200.0)})) == {"latency.p95": "high"}


def test_timeouts_are_counted_as_504_and_not_as_every_error() -> None:
    assert found(ask(requests=increase({"200": 940, "504": 60}))) == {"errors.timeouts": "high"}
    assert found(ask(requests=increase({"200": 7, "504": 3}))) == {"errors.timeouts": "high"}
    assert found(ask(requests=increase({"200": 518, "504": 6}))) == {"errors.timeouts": "low"}
    assert found(ask(requests=increase({"200": 940, "500": 60}))) == {}


def test_few_proxied_requests_have_no_percentile_and_are_evidence_where_half_of_them_were_slow() -> None:
    told = ask(upstream=quantiles(4.0, count=5))
    assert found(told) == {"latency.half": "medium"}
    told = ask(upstream=quantiles(4.0, count=4))
    assert found(told) == {}
    assert "percentiles of ai_engine: 4 proxied requests, 20 are needed" in told.unknown


def test_outages_are_said_once() -> None:
    gone = ask(gateway=gateway(GONE), upstream=GONE, served=GONE, requests=GONE, direct={"engine": timed(1.0, 0)})
    assert found(gone) == {"services.gateway": "critical"}
    assert found(ask(upstream=BROKEN)) == {"proxy.unmeasured": "medium"}
