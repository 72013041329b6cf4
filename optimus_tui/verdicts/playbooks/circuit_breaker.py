"""circuit_breaker: is a circuit open, and is the engine behind it really ill. Pure.

Refuses to call a circuit open that nobody measured: without the gateway's ``circuit_breaker_state`` only the engine's
health and the error ratio are judged, and the state is unknown.
"""

from typing import Any

from msgspec import Struct

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.metrics import Increase, MetricsState, Window
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import GatewayState, ServiceState
from optimus_tui.grammar.prometheus import split_series
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.playbooks.errors import look_at_errors
from optimus_tui.verdicts.playbooks.inquiry import Conclusion, Inquiry
from optimus_tui.verdicts.services import judge_engine, judge_gateway
from optimus_tui.wording.numbers import latency
from optimus_tui.wording.safe import safe_text

METRIC = "circuit_breaker_state"
WORDS = {0.0: "closed", 1.0: "half-open", 2.0: "open"}


class BreakerEvidence(Struct, frozen=True, kw_only=True):
    """``history`` are the kept series of the states, ``requests`` the growth of http_requests_total."""

    gateway: Reading[GatewayState]
    engine: Reading[ServiceState]
    metrics: MetricsState | Fault
    history: tuple[Window, ...]
    requests: Increase | Fault
    recent: Increase | Fault | None = None
    """Of the last minute or so."""


def conclude(seen: BreakerEvidence, thresholds: Thresholds) -> Conclusion:
    """State, health and errors, each judged by itself."""
    inquiry = Inquiry()
    away = judge_gateway(seen.gateway)
    ill = judge_engine(seen.engine)
    inquiry.found(*away, *ill)
    engine, gateway = seen.engine.value, seen.gateway.value
    inquiry.saw(f"AI engine asked directly: {_said(engine)}")
    inquiry.saw(f"gateway asked directly: {_said(gateway.service if gateway else None)}")
    states = _look_at_states(inquiry, seen, down=bool(away))
    errors = look_at_errors(inquiry, seen.requests, thresholds, recent=seen.recent, excused=bool(away))
    opened = _look_at_history(inquiry, seen.history, states)
    return inquiry.close(
        {
            "status": "ok" if states else "unknown",
            "breakers": states,
            "engine": {"status": engine.status if engine else "unknown", "latency_ms": _ms(engine)},
            "gateway": {
                "status": gateway.service.status if gateway else "unknown",
                "latency_ms": _ms(gateway.service if gateway else None),
            },
            "opened_in_window": opened,
            "error_ratio": errors,
        }
    )


def _said(state: ServiceState | None) -> str:
    if state is None:
        return "no answer"
    return state.status if state.latency_ms is None else f"{state.status} in {latency(state.latency_ms)}"


def _ms(state: ServiceState | None) -> float | None:
    return None if state is None or state.latency_ms is None else round(state.latency_ms, 1)


def _look_at_states(inquiry: Inquiry, seen: BreakerEvidence, *, down: bool) -> dict[str, str]:
    if isinstance(seen.metrics, Fault):
        inquiry.lacks("circuit breaker state", seen.metrics, rule="breaker.unmeasured", excused=down)
        return {}
    states: dict[str, str] = {}
    for series, value in seen.metrics.values.items():
        metric, labels = split_series(series)
        if metric != METRIC or len(states) >= 50:
            continue
        name = safe_text(labels.get("service", "unnamed"), 60)
        states[name] = WORDS.get(value, f"unknown value {value:g}")
        inquiry.found(*_judge(name, value, seen.engine.value))
    if not states:
        why = f"the gateway does not publish {METRIC}" if seen.metrics.published else "the gateway has no /metrics"
        inquiry.lacks("circuit breaker state", why)
    else:
        inquiry.saw(f"circuit breakers: {', '.join(f'{name} {state}' for name, state in states.items())}")
    return states


def _judge(name: str, value: float, engine: ServiceState | None) -> list[Finding]:
    if value not in (1.0, 2.0):
        return []
    is_open = value == 2.0
    well = engine is not None and engine.status == "connected"
    cause = "although the AI engine answers us: it fails or times out under real requests" if well else ""
    return [
        Finding(
            rule="breaker.open" if is_open else "breaker.half_open",
            severity="critical" if is_open else "medium",
            subject=name,
            message=f"the circuit to {name} is {WORDS[value]} {cause}".rstrip(),
            measured=WORDS[value],
            threshold="closed",
            samples=1,
            impact=f"The gateway refuses requests that need {name} without asking it."
            if is_open
            else f"The gateway lets one request through to {name} and refuses the others until it succeeds.",
            remedy="Cure the service behind it; the circuit closes by itself with the next request that succeeds."
            if is_open
            else "Wait for the next look: it closes or opens again with the outcome of one request.",
        )
    ]


def _look_at_history(inquiry: Inquiry, history: tuple[Window, ...], now: dict[str, str]) -> dict[str, Any]:
    """By service whether it was open within the window: what was, is told; only what is, is judged."""
    opened: dict[str, Any] = {}
    for window in history:
        if not window.samples:
            continue
        inquiry.covered(window.covered_minutes, window.source)
        name = safe_text(split_series(window.name)[1].get("service", "unnamed"), 60)
        samples = sum(value == 2.0 for _, value in window.samples)
        opened[name] = {"samples": len(window.samples), "open": samples}
        inquiry.saw(f"history of {name}: open in {samples:,} of {len(window.samples):,} samples")
        if samples and now.get(name) == "closed":
            inquiry.found(_was_open(name, samples, len(window.samples)))
    return opened


def _was_open(name: str, samples: int, total: int) -> Finding:
    return Finding(
        rule="breaker.was_open",
        severity="low",
        subject=name,
        message=f"the circuit to {name} was open within the window and is closed again",
        measured=float(samples),
        threshold=0.0,
        unit="samples",
        samples=total,
        impact="Requests were refused then; they pass now.",
        remedy="See what the service did at that time.",
    )
