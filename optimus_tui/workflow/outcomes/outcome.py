"""What an incident keeps of a tool's document: verdict, findings, recommendations, main figures. Pure.

It accepts any document and leaves out what the document does not hold. The whole document is kept beside the timeline
as evidence. Words and severities are the tool's.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from optimus_tui.contract.incident import Figure, Outcome
from optimus_tui.contract.tools.common import Diagnostic, Recommendation
from optimus_tui.wording.clauses import and_others
from optimus_tui.wording.numbers import quantity
from optimus_tui.wording.safe import safe_sentence, safe_text
from optimus_tui.workflow.severity import level, rank, worst

MOST = 40
"""Findings, recommendations and figures that are kept beside the evidence, of each."""
_LONGEST = 2_000
_VERDICTS = ("overall_status", "severity_assessment", "overall_compliance")


def outline(document: Mapping[str, Any]) -> Outcome:
    """Return the outcome of any tool's document (as builtins: ``msgspec.to_builtins`` of a report)."""
    found = [*_items(document, "diagnostics", Diagnostic), *_failed_tests(document)]
    found.sort(key=lambda one: -rank(level(one)))
    advice = [_recommendation(one) for one in _list(document.get("recommendations")) if isinstance(one, Mapping)]
    verdict = next((str(document[key]) for key in _VERDICTS if isinstance(document.get(key), str)), "")
    verdict = verdict or _assessment(document) or worst(found)
    figures = tuple(one for one in _figures(document) if one.value is None or math.isfinite(one.value))
    unknown = tuple(safe_sentence(one) for one in _list(document.get("unknown"))[:MOST] if isinstance(one, str))
    return Outcome(
        verdict=safe_text(verdict, 60),
        severity=worst(found),
        headline=_headline(document, found, figures),
        findings=tuple(found[:MOST]),
        recommendations=tuple(advice[:MOST]),
        figures=figures[:MOST],
        unknown=unknown,
        more=max(0, len(found) - MOST),
    )


def _list(value: object) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        return []
    return list(value)


def _items(document: Mapping[str, Any], key: str, kind: type[Diagnostic]) -> Iterator[Diagnostic]:
    for one in _list(document.get(key)):
        try:
            yield msgspec.convert(one, kind)
        except (msgspec.ValidationError, TypeError):
            continue


def _recommendation(one: Mapping[str, Any]) -> Recommendation:
    """Read a recommendation.

    Troubleshooting writes (action, priority, command), coherence analysis (type, message, action).
    """

    def text(key: str, limit: int = _LONGEST) -> str | None:
        value = one.get(key)
        if not isinstance(value, str):
            return None
        return value[: limit * 8] or None

    return Recommendation(
        action=text("action") or text("message") or text("recommendation") or "see the evidence",
        priority=text("priority", 20) or "medium",
        command=text("command"),
        file=text("file"),
        reason=text("reason") or (one.get("action") and text("message")) or "",
        rule=text("rule", 60) or "",
    )


def _failed_tests(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for one in _list(document.get("tests_performed")):
        if not isinstance(one, Mapping) or one.get("status") != "fail":
            continue
        name = safe_text(one.get("test") or "test", 80)
        why = safe_sentence(one.get("error") or "it did not pass", 400)
        yield Diagnostic(
            severity="high", message=f"{name} failed: {why}", rule=f"integration.{name}", subject=name, measured="fail",
            threshold="pass", impact="Requests through the gateway may fail in the same way.",
        )  # fmt: skip


def _assessment(document: Mapping[str, Any]) -> str:
    results = document.get("analysis_results")
    if not isinstance(results, Mapping):
        return ""
    summary = results.get("latency_summary")
    words = results.get("assessment")
    if isinstance(summary, Mapping):
        words = summary.get("assessment")
    return str(words or results.get("status") or "")


def _headline(document: Mapping[str, Any], found: list[Diagnostic], figures: tuple[Figure, ...]) -> str:
    """Return the worst finding; without one the main figures, or that nothing was found."""
    if found:
        return safe_sentence(found[0].message) + and_others(found)
    if isinstance(document.get("pass_rate"), str):
        return safe_text(f"{document['pass_rate']} tests passed", 120)
    known = [f"{one.label} {one.words or quantity(one.value, one.unit)}" for one in figures if one.value is not None]
    if known:
        return " · ".join(known[:4])
    examined = [one for one in _list(document.get("examined")) if isinstance(one, str)]
    if not examined:
        return "nothing found"
    return safe_sentence(examined[0])


# -- numbers


def _figures(document: Mapping[str, Any]) -> list[Figure]:
    seek = _SEEK.get(str(document.get("tool")), _of_findings)
    return [one for one in seek(document) if one is not None]


def _at(document: object, *path: str) -> float | None:
    for key in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(key)
    if not isinstance(document, (int, float)) or isinstance(document, bool):
        return None
    return float(document)


def _health(document: Mapping[str, Any]) -> Iterator[Figure]:
    for name, key in (("gateway", "backend_orchestrator_health"), ("engine", "ai_engine_connectivity"),
                      ("redis", "redis")):  # fmt: skip
        yield Figure(name=f"latency.{name}", value=_at(document, key, "latency_ms"), unit="ms", label=name)
    yield Figure(name="hit_rate", value=_at(document, "cache_metrics", "hit_rate"), unit="share", label="hit rate")
    total = _at(document, "rate_limiting", "total_limit_keys")
    yield Figure(name="limits.keys", value=total, unit="keys", label="rate-limit keys")


def _performance(document: Mapping[str, Any]) -> Iterator[Figure]:
    results = document.get("analysis_results")
    if not isinstance(results, Mapping):
        return
    services = results.get("services")
    for name in services if isinstance(services, Mapping) else ():
        for part in ("p50", "p95", "p99"):
            value = _at(results, "services", name, f"{part}_ms")
            yield Figure(name=f"{name}.{part}", value=value, unit="ms", label=f"{safe_text(name, 40)} {part}")
    for key, value in results.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            unit = "share" if key.endswith("_rate") and 0 <= value <= 1 else ""
            label = safe_text(key, 60).replace("_", " ")
            yield Figure(name=safe_text(key, 60), value=float(value), unit=unit, label=label)


def _integration(document: Mapping[str, Any]) -> Iterator[Figure]:
    for one in _list(document.get("tests_performed")):
        if isinstance(one, Mapping):
            name = safe_text(one.get("test") or "test", 60)
            value = _at(one, "response_time_ms")
            if value is None:
                value = _at(one, "average_response_time_ms")
            yield Figure(name=f"test.{name}", value=value, unit="ms", label=name.replace("_", " "))


def _of_findings(document: Mapping[str, Any]) -> Iterator[Figure]:
    for one in _items(document, "diagnostics", Diagnostic):
        if isinstance(one.measured, (int, float)):
            label = safe_text(one.subject or one.rule, 60)
            yield Figure(name=f"{one.rule}|{one.subject}", value=float(one.measured), unit=one.unit, label=label,
                         words=one.measured_words)  # fmt: skip


_SEEK: dict[str, Callable[[Mapping[str, Any]], Iterator[Figure]]] = {
    "diagnose_gateway_health": _health,
    "analyze_performance_metrics": _performance,
    "test_ai_engine_integration": _integration,
}
