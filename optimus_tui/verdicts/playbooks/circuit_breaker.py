"""circuit_breaker: whether a circuit is open, and whether the engine behind it is really unhealthy. Pure.

Without the gateway's ``circuit_breaker_state``, the state is unknown, and only the engine's health and the error ratio
are judged.
"""

import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from optimus_tui.contract.finding_rules import BREAKER_HALF_OPEN, BREAKER_OPEN, BREAKER_UNMEASURED, BREAKER_WAS_OPEN
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import BREAKER, GatewayState, Increase, MetricsState, ServiceState, Window
from optimus_tui.contract.tools.common import status_of
from optimus_tui.grammar.info import split_series
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.gateway.services import judge_engine, judge_gateway, service_of
from optimus_tui.verdicts.playbooks.conclusion import Conclusion, ConclusionBuilder, examine_errors
from optimus_tui.wording.numbers import latency, part_of
from optimus_tui.wording.safe import safe_text

MAX_SHOWN = 50
WORDS = {0.0: "closed", 1.0: "half-open", 2.0: "open"}


class BreakerEvidence(Struct, frozen=True, kw_only=True):
    """The measurements that circuit_breaker needs.

    ``history`` has the recorded states, ``requests`` the growth of http_requests_total.
    """

    gateway: Reading[GatewayState]
    engine: Reading[ServiceState]
    metrics: Sequence[MetricsState] | Fault
    """The latest page of each process that answered."""
    history: tuple[Window, ...]
    requests: Increase | Fault
    recent: Increase | Fault | None = None
    """Of the last minute or so."""


def conclude(seen: BreakerEvidence, thresholds: Thresholds) -> Conclusion:
    """Return the judged states of circuits, the engine's health and errors."""
    conclusion = ConclusionBuilder()
    away = judge_gateway(seen.gateway)
    ill = judge_engine(seen.engine)
    conclusion.add_findings(*away, *ill)
    engine, gateway = seen.engine.value, seen.gateway.value
    conclusion.add_measured(f"AI engine, checked directly: {_said(engine)}")
    conclusion.add_measured(f"gateway, checked directly: {_said(service_of(gateway))}")
    states = _examine_states(conclusion, seen, down=bool(away))
    errors = examine_errors(conclusion, seen.requests, thresholds, recent=seen.recent, excused=bool(away))
    opened = _examine_history(conclusion, seen.history, states)
    return conclusion.close(
        {
            "status": status_of(states, "unknown"),
            "breakers": states,
            "engine": {"status": _status(engine), "latency_ms": _ms(engine)},
            "gateway": {
                "status": _status(service_of(gateway)),
                "latency_ms": _ms(service_of(gateway)),
            },
            "opened_in_window": opened,
            "error_ratio": errors,
        }
    )


def _status(service: ServiceState | None) -> str:
    if service is None:
        return "unknown"
    return service.status


def _said(state: ServiceState | None) -> str:
    if state is None:
        return "no answer"
    if state.latency_ms is None:
        return state.status
    return f"{state.status} in {latency(state.latency_ms)}"


def _ms(state: ServiceState | None) -> float | None:
    if state is None or state.latency_ms is None:
        return None
    return round(state.latency_ms, 1)


def _examine_states(conclusion: ConclusionBuilder, seen: BreakerEvidence, *, down: bool) -> dict[str, str]:
    if isinstance(seen.metrics, Fault):
        conclusion.add_unknown("circuit breaker state", seen.metrics, rule=BREAKER_UNMEASURED, excused=down)
        return {}
    states: dict[str, str] = {}
    for name, values in list(breakers(seen.metrics).items())[:MAX_SHOWN]:
        worst = max(values)
        of = ""
        if len(set(values)) > 1:
            of = f" in {values.count(worst)} of {len(values)} processes"
        states[name] = f"{word_of(worst)}{of}"
        conclusion.add_findings(*judge_breaker(name, values, seen.engine.value))
    if not states:
        published = any(state.published for state in seen.metrics)
        why = "the gateway has no /metrics"
        if published:
            why = f"the gateway does not publish {BREAKER}"
        conclusion.add_unknown("circuit breaker state", why)
    else:
        conclusion.add_measured(f"circuit breakers: {', '.join(f'{name} {state}' for name, state in states.items())}")
    return states


def breakers(states: Sequence[MetricsState]) -> dict[str, list[float]]:
    """Return for each service the state of its breaker in each process that publishes one (0, 1 or 2)."""
    found: dict[str, list[float]] = {}
    for state in states:
        for series, value in state.values.items():
            metric, labels = split_series(series)
            if metric == BREAKER:
                found.setdefault(safe_text(labels.get("service", "unnamed"), 60), []).append(value)
    return dict(sorted(found.items(), key=lambda item: (-max(item[1]), item[0])))


def word_of(value: float) -> str:
    """Return the word for a state: ``open`` for 2.0."""
    return WORDS.get(value, f"unknown value {value:g}")


def judge_breaker(name: str, values: Sequence[float], engine: ServiceState | None = None) -> list[Finding]:
    """Return a finding if the breaker of this service is open (high) or half open (medium) in any process.

    The engine's health explains only the engine's own breaker; ``engine`` may be None.
    """
    value = max(values)
    if value not in (1.0, 2.0):
        return []
    rule = BREAKER_HALF_OPEN
    if value == 2.0:
        rule = BREAKER_OPEN
    well = _is_engine(name) and engine is not None and engine.status == "connected"
    processes = cause = ""
    if len(values) > 1:
        counted = part_of(list(values).count(value), len(values), "process", "processes")
        processes = phrase(rule, "processes", processes=counted)
    if well:
        cause = phrase(rule, "engine_answers")
    return [
        make_finding(
            rule=rule,
            subject=name,
            processes=processes,
            cause=cause,
            measured=WORDS[value],
            threshold="closed",
            samples=len(values),
        )
    ]


def _is_engine(service: str) -> bool:
    """Return whether a breaker's service is the AI engine: named so, or the only name a gateway gives."""
    words = set(re.split(r"[^a-z]+", service.lower()))
    return bool(words & {"ai", "engine", "aiengine", "llm", "unnamed"})


def _examine_history(conclusion: ConclusionBuilder, history: tuple[Window, ...], now: dict[str, str]) -> dict[str, Any]:
    """Return for each service whether its circuit was open within the window. Only the present state is judged."""
    opened: dict[str, Any] = {}
    for window in history:
        if not window.samples:
            continue
        conclusion.covered(window.covered_minutes, window.source)
        name = safe_text(split_series(window.name)[1].get("service", "unnamed"), 60)
        samples = sum(value == 2.0 for _, value in window.samples)
        opened[name] = {"samples": len(window.samples), "open": samples}
        conclusion.add_measured(f"history of {name}: open in {part_of(samples, len(window.samples), 'sample')}")
        if samples and now.get(name) == WORDS[0.0]:
            conclusion.add_findings(_was_open(name, samples, len(window.samples)))
    return opened


def _was_open(name: str, samples: int, total: int) -> Finding:
    return make_finding(
        rule=BREAKER_WAS_OPEN,
        subject=name,
        measured=float(samples),
        threshold=0.0,
        unit="samples",
        samples=total,
    )
