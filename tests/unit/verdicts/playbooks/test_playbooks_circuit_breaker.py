"""circuit_breaker: what the gateway publishes, the engine's health, the error ratio. The healthy are not accused."""

from optimus_tui.contract.reading import Fault
from optimus_tui.contract.services import Increase, MetricsState
from optimus_tui.verdicts.playbooks.circuit_breaker import BreakerEvidence, conclude
from optimus_tui.verdicts.playbooks.conclusion import Conclusion
from tests.unit.verdicts.playbooks.driver import BROKEN, GONE, T, engine, found, gateway, increase, window

SERIES = "circuit_breaker_state|service=ai_engine"


def ask(**more: object) -> Conclusion:
    fields = {
        "gateway": gateway(),
        "engine": engine(),
        "metrics": [MetricsState(values={SERIES: 0.0})],
        "history": (),
        "requests": increase({"200": 990, "404": 10}),
        **more,
    }
    return conclude(BreakerEvidence(**fields), T)  # type: ignore[arg-type]


def test_a_healthy_system_is_not_accused_where_the_predecessor_was_always_critical() -> None:
    told = ask()
    assert (found(told), told.unknown, told.recommendations) == ({}, (), ())
    assert "circuit breakers: ai_engine closed" in told.examined
    assert "error ratio 0 % of 1,000 requests in 30 min (history)" in told.examined


def test_an_open_circuit_is_high_and_half_open_is_medium() -> None:
    assert found(ask(metrics=[MetricsState(values={SERIES: 2.0})])) == {"breaker.open": "high"}
    assert found(ask(metrics=[MetricsState(values={SERIES: 1.0})])) == {"breaker.half_open": "medium"}


def test_without_the_metric_the_state_is_unknown_and_no_finding() -> None:
    for state in (MetricsState(), MetricsState(published=False)):
        told = ask(metrics=[state])
        assert found(told) == {}
        assert told.unknown[0].startswith("circuit breaker state: the gateway")
        assert told.analysis["status"] == "unknown"


def test_a_broken_metrics_page_is_a_metric_that_cannot_be_measured() -> None:
    told = ask(metrics=BROKEN, requests=BROKEN)
    assert found(told) == {"breaker.unmeasured": "medium", "errors.unmeasured": "medium"}


def test_a_gateway_that_is_away_is_said_once_and_not_again_for_each_metric() -> None:
    assert found(ask(gateway=gateway(GONE), metrics=GONE, requests=GONE)) == {"services.gateway": "critical"}


def test_an_ill_engine_is_critical_in_every_form_it_can_take() -> None:
    assert found(ask(engine=engine("error", 500))) == {"services.engine": "critical"}
    assert found(ask(engine=engine("disconnected", None))) == {"services.engine": "critical"}


def test_the_error_ratio_has_two_bars_and_a_least_number_of_requests() -> None:
    assert found(ask(requests=increase({"200": 97, "502": 3}))) == {"errors.rate": "medium"}
    assert found(ask(requests=increase({"200": 90, "503": 10}))) == {"errors.rate": "high"}
    assert found(ask(requests=increase({"200": 1, "500": 9}))) == {"errors.rate": "high"}, (
        "no chance explains nine of ten"
    )
    told = ask(requests=increase({"200": 9, "500": 1}))
    assert found(told) == {}
    assert any("10 requests in 30 min are too few" in line for line in told.unknown)


def test_no_requests_known_is_not_no_errors() -> None:
    told = ask(requests=Increase(name="http_requests_total"))
    assert found(told) == {}
    assert told.analysis["error_ratio"]["status"] == "unknown"
    assert any(line.startswith("error ratio:") for line in told.unknown)


def test_what_was_open_and_is_closed_again_is_told_and_hurts_nobody() -> None:
    told = ask(history=(window([0, 2, 2, 0], name=SERIES),))
    assert found(told) == {"breaker.was_open": "low"}
    assert told.analysis["opened_in_window"] == {"ai_engine": {"samples": 4, "open": 2}}


def test_a_hostile_service_name_is_made_safe() -> None:
    told = ask(metrics=[MetricsState(values={"circuit_breaker_state|service=\x1b[31mx": 2.0})])
    assert "\x1b" not in repr(told.findings[0].message) + told.findings[0].message


def test_a_timeout_of_metrics_alone_is_still_a_metric_that_cannot_be_measured() -> None:
    slow = Fault("timeout", "/metrics: no answer within 1.5 s")
    assert found(ask(metrics=slow)) == {"breaker.unmeasured": "medium"}
