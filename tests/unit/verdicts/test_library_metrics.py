"""What common FastAPI libraries publish by default, as recorded from real applications, gives true figures or unknown.

Both applications had answered 10 % of their requests with 503 and 10 % with 429, at one route.
"""

from pathlib import Path

import pytest

from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import Increase, MetricsState
from optimus_tui.probes.http.fetch import Fetched
from optimus_tui.probes.http.metrics import _state
from optimus_tui.tools.figures.metric_windows import live_increase
from optimus_tui.verdicts.gateway.performance import outcomes, refusals

PAGES = Path(__file__).with_name("expositions")
REQUESTS, TIMES = "http_requests_total", "http_request_duration_seconds"


def page(name: str, **remapped: str) -> MetricsState:
    state, fault = _state(Fetched(status=200, body=(PAGES / f"{name}.txt").read_bytes(), took_ms=1.0), remapped)
    assert state is not None and fault is None
    return state


def grown(state: MetricsState, metric: str = REQUESTS) -> Increase:
    """Everything that was counted, as if it had been counted within the last ten seconds."""
    nothing = MetricsState(metrics=state.metrics, process=state.process, started_at=state.started_at)
    looks = [
        Reading(value=one, taken_at=2e9 + at, taken_mono=100.0 + at) for at, one in ((0.0, nothing), (10.0, state))
    ]
    return live_increase(metric, looks, {})


def test_the_instrumentators_classes_tell_failures_and_leave_refusals_unknown() -> None:
    requests = grown(page("instrumentator"))
    told = outcomes(requests.series)
    assert told.failing_share == pytest.approx(0.1, abs=0.02)
    assert (told.refused, told.mistaken) == (None, None) and "inside 4xx" in told.why_refused
    routes = list(requests.by("route"))
    assert routes[0] == "/api/x/{n}" and "/metrics" not in routes  # our own looks are no traffic
    declined = refusals(requests, Increase(name="rate_limit_refused_total"))
    assert declined.grown.covered_minutes == 0 and declined.grown.fault is not None


def test_the_instrumentators_histogram_is_known_by_route() -> None:
    state = page("instrumentator")
    assert TIMES in state.metrics and state.lookalikes == {}
    assert next(iter(grown(state, f"{TIMES}_count").by("route"))) == "/api/x/{n}"


def test_starlette_exporters_names_are_unknown_and_the_setting_to_add_is_named() -> None:
    state = page("starlette_exporter")
    assert state.values.keys() == {"process_resident_memory_bytes"}
    missing = grown(state)
    assert missing.covered_minutes == 0 and missing.fault is not None and missing.fault.remedy is not None
    assert "starlette_requests_total" in missing.fault.message
    assert missing.fault.remedy.endswith('[metrics] http_requests_total = "starlette_requests_total"')
    timed = grown(state, f"{TIMES}_count").fault
    assert timed is not None and timed.remedy is not None and "starlette_request_duration_seconds" in timed.remedy


def test_starlette_exporters_figures_are_true_once_its_names_are_mapped() -> None:
    mapped = {REQUESTS: "starlette_requests_total", TIMES: "starlette_request_duration_seconds"}
    requests = grown(page("starlette_exporter", **mapped))
    told = outcomes(requests.series)
    assert told.failing_share == pytest.approx(0.1, abs=0.02)
    assert told.refused_share == pytest.approx(0.1, abs=0.02)
    assert next(iter(requests.by("route"))) == "/api/x/{n}"


def test_a_counter_without_a_status_label_knows_neither_failures_nor_refusals() -> None:
    state = MetricsState(metrics=(REQUESTS,), process=1.0, values={f"{REQUESTS}|route=/a": 500.0})
    told = outcomes(grown(state).series)
    assert (told.requests, told.failed, told.refused, told.failing_share) == (500.0, None, None, None)
    assert "no status label" in told.why_failed
    strange = outcomes(grown(MetricsState(metrics=(REQUESTS,), values={f"{REQUESTS}|status=ok": 5.0})).series)
    assert strange.failed is None and "not an HTTP status" in strange.why_failed


def test_a_counter_without_total_is_unknown_and_its_name_is_told() -> None:
    body = b'# TYPE http_requests counter\nhttp_requests{status="500"} 7\n'
    state, _ = _state(Fetched(status=200, body=body, took_ms=1.0), {})
    assert state is not None and REQUESTS not in state.metrics
    fault = grown(state).fault
    assert fault is not None and fault.remedy is not None
    assert fault.remedy.endswith('[metrics] http_requests_total = "http_requests"')


def test_a_breaker_has_its_name_from_the_label_that_its_library_gives_it() -> None:
    body = b'circuit_breaker_state{name="billing"} 2\ncircuit_breaker_state{service="mail",name="x"} 0\n'
    state, _ = _state(Fetched(status=200, body=body, took_ms=1.0), {})
    assert state is not None
    assert state.values == {
        "circuit_breaker_state|service=billing": 2.0,
        "circuit_breaker_state|name=x|service=mail": 0.0,
    }
