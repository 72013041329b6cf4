"""The outcome of a tool's document, and the comparison of two: fixed, better, same, worse, unknown. Pure."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from optimus_tui.contract.finding_causes import can_follow_from, can_follow_from_restart
from optimus_tui.contract.finding_rules import (
    LIMITS_IMMORTAL,
    LIMITS_OVER,
    rule_of,
)
from optimus_tui.contract.findings import below_causes
from optimus_tui.contract.incident import Check, Comparison, Figure, Outcome, Verdict
from optimus_tui.contract.tools.common import Diagnostic, Recommendation
from optimus_tui.wording.numbers import and_others
from optimus_tui.wording.numbers import figure as quantity
from optimus_tui.wording.safe import safe_sentence, safe_text
from optimus_tui.wording.truth import OVERALL_MARKS, verdict_mark
from optimus_tui.wording.wrapping import in_short
from optimus_tui.workflow.deciding import deciding, is_same
from optimus_tui.workflow.ranking import MATTERS, lead_order, level, matters, moved_words, rank, worst
from optimus_tui.workflow.visibility import group_of, is_blind, is_of, unseen

MOST = 40
"""Findings, recommendations and figures that are kept beside the evidence, of each."""
_LONGEST = 2_000
_VERDICTS = ("overall_status", "severity_assessment", "overall_compliance")
NOTICEABLE = 0.10
"""The share of the threshold by which a figure must move to count as changed."""
_WORST: tuple[Verdict, ...] = ("fixed", "better", "same", "unknown", "too early", "worse")
_LABELS = {"client_error_rate": "client error rate without refusals"}
"""What a figure is called where its key does not say what is counted: refusals (429) stand apart from other 4xx."""


def outline(document: Mapping[str, Any], opened: tuple[str, str] = ("", "")) -> Outcome:
    """Return the outcome of any tool's document.

    Args:
        document: The report as builtins (``msgspec.to_builtins``).
        opened: The rule and subject of the finding that leads over others of its severity; empty ones for none.
    """
    found = [*_items(document, "diagnostics", Diagnostic), *_failed_tests(document)]
    found.sort(key=lambda one: (-rank(level(one)), *lead_order(one, opened)))
    found = list(below_causes(found, lambda one: one.rule, lambda one: one.caused_by or None))
    advice = [_recommendation(one) for one in _list(document.get("recommendations")) if isinstance(one, Mapping)]
    verdict = next((str(document[key]) for key in _VERDICTS if isinstance(document.get(key), str)), "")
    if not verdict and not found:  # the worst finding wins over the grade of an average
        verdict = _assessment(document)
    verdict = verdict or worst(found)
    if verdict in OVERALL_MARKS:
        verdict = verdict_mark(verdict, [one.rule for one in found]).word.lower()
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
        return safe_sentence(found[0].message) + and_others(found, thing="finding")
    if isinstance(document.get("pass_rate"), str):
        return safe_text(f"{document['pass_rate'].partition(' ')[0].replace('/', ' of ')} tests passed", 120)
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
            label = _LABELS.get(key) or safe_text(key, 60).replace("_", " ")
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


class _Extent(Struct, frozen=True):
    """The severity of one rule: its rank, number of cases, and distance from the threshold as a share of it."""

    rank: int = 0
    count: float = 0
    beyond: float = 0.0


def compare(before: Outcome, after: Outcome, rules: Iterable[str] = (), restarted: str = "") -> Comparison:
    """Compare ``after`` with ``before``. After a remedy, ``after`` counts only what came since.

    Args:
        before: The earlier outcome.
        after: The later one.
        rules: The rules that were to be fixed, of any severity; empty for all findings of medium severity or worse.
        restarted: The service that was restarted to fix them; empty for none.
    """
    cured = set(rules)
    targets = [one for one in before.findings if (one.rule in cured if cured else matters(one))]
    aimed = {one.rule for one in targets} | cured
    serious = {one.rule for one in targets if matters(one)}
    """Rules that were found as a fault: a light finding of theirs is only a remark (quick again, or chance)."""
    groups = {group_of(rule) for rule in aimed}
    of_aimed = [one for one in after.findings if group_of(one.rule) in groups]
    of_aimed = [one for one in of_aimed if matters(one) or one.rule in cured - serious]
    left = [one for one in of_aimed if not unseen(one) and (not targets or any(is_of(one, was) for was in targets))]
    known = {one.rule for one in before.findings}
    beside = [one for one in after.findings if matters(one) and one.rule not in known and one not in of_aimed]
    new = [*(one for one in of_aimed if one not in left), *beside]
    came = [one for one in new if not unseen(one)]
    if cured and targets:  # what is new elsewhere is told beside it, and decides nothing
        came = [one for one in came if _is_same_trouble(one, targets)]
    refused = [one for one in after.findings if matters(one) and _stays_refused(one, targets)]
    refused = [one for one in refused if not any(is_same(one, was) for was in before.findings)]
    verdict, words = _judge(targets, left, came, is_blind(aimed, targets, after, known))
    return Comparison(
        verdict=verdict,
        words=words,
        gone=_messages(one for one in targets if not any(is_same(one, other) for other in left)),
        new=_messages(
            [
                *(one for one in left if not any(is_same(one, other) for other in targets)),
                *(one for one in new if one not in refused),
            ]
        ),
        held=_messages(one for one in left if any(is_same(one, other) for other in targets)),
        figures=_moved(before, after),
        deciding=deciding(targets, left, after, verdict),
        follows=_messages(one for one in new if _follows(one, targets, restarted)),
        refused=tuple(dict.fromkeys(safe_text(one.subject, 80) for one in refused)),
    )


def _stays_refused(one: Diagnostic, targets: Sequence[Diagnostic]) -> bool:
    """Return True for the used-up limit of a counter that had no TTL: it kept its count, and ends with its TTL now."""
    return one.rule == LIMITS_OVER and any(
        was.rule == LIMITS_IMMORTAL and was.subject in (one.subject, "several counters") for was in targets
    )


def _follows(one: Diagnostic, targets: Sequence[Diagnostic], restarted: str) -> bool:
    """Return True for what can follow from what was to be fixed, or from the restart that fixed it."""
    by_restart = bool(restarted) and can_follow_from_restart(restarted, one)
    return by_restart or any(can_follow_from(was.rule, was.subject, one) for was in targets)


def _is_same_trouble(one: Diagnostic, targets: Sequence[Diagnostic]) -> bool:
    """Return True for something graver of the same subject: an engine that was slow and is down now."""
    before = max((rank(level(was)) for was in targets), default=0)
    return any(was.subject == one.subject for was in targets) and rank(level(one)) > before


def overall(checks: Sequence[Check]) -> Verdict | None:
    """Return the worst verdict of the checks; None while one of them has no answer, or if there are no checks."""
    found = [one.change.verdict for one in checks if one.change is not None]
    if not found or len(found) < len(checks):
        return None
    return max(found, key=_WORST.index)


def _judge(
    targets: list[Diagnostic], left: list[Diagnostic], new: list[Diagnostic], blind: bool
) -> tuple[Verdict, str]:
    before = max((rank(level(one)) for one in targets), default=0)
    came = max(new, key=lambda one: rank(level(one)), default=None)
    if came is not None and rank(level(came)) >= max(before, MATTERS):
        return "worse", f"new: {came.message}"
    if blind:
        return "unknown", "the figures that showed the fault cannot be measured now"
    if not left:
        if not targets:
            return "same", "nothing was wrong before, and nothing is now"
        if came is not None:
            return "better", f"it is gone, but there is a lesser finding: {came.message}"
        gone = max(targets, key=lambda one: rank(level(one)))
        return "fixed", f'"{in_short(gone.message)}" is gone{and_others(targets, thing="finding")}'
    return _by_extent(targets, left)


def _by_extent(targets: list[Diagnostic], left: list[Diagnostic]) -> tuple[Verdict, str]:
    """Decide by the worst of what changed."""
    fell, grew, alike = 0, 0, True
    more = None
    for group in sorted({group_of(one.rule) for one in (*targets, *left)}):
        was, now = ([one for one in of if group_of(one.rule) == group] for of in (targets, left))
        same = {one.rule for one in was} == {one.rule for one in now}  # figures of two rules are not comparable
        alike = alike and (same or not now)
        before, after = _extent(was, same), _extent(now, same)
        sign = _sign(before, after)
        fresh = max(now, key=lambda one: rank(level(one)), default=None)
        if sign < 0:
            fell = max(fell, before.rank)
        elif sign > 0 and fresh is not None and after.rank > grew:
            grew, more = after.rank, fresh
    if more is not None and grew >= fell:
        return "worse", f"{moved_words(more, is_better=False)}: {more.message}"
    if fell:
        changed = moved_words(left[0], is_better=True) if alike else "it is less severe"
        return "better", f"{changed}, but is not gone: {left[0].message}"
    return "same", f"still: {left[0].message}"


def _extent(of: Sequence[Diagnostic], comparable: bool) -> _Extent:
    """Return how bad these findings of one group are. Two rules for one subject are one case."""
    if not of:
        return _Extent()
    beyond = _beyond(of[0]) if len(of) == 1 and comparable else 0.0
    cases = {one.subject: _number(one) for one in of}
    return _Extent(max(rank(level(one)) for one in of), sum(cases.values()), beyond)


def _number(one: Diagnostic) -> float:
    """Return how many cases a finding sums up."""
    grouped = one.subject.startswith("several ") and isinstance(one.measured, (int, float))
    if not grouped:
        return 1.0
    return float(one.measured or 0)


def _beyond(one: Diagnostic) -> float:
    """Return the distance from the threshold as a share of it, on either side.

    A limit's counter has none: it counts again with each window and after a reset, so a smaller count is not better.
    """
    if rule_of(one.rule).limit_state is not None:
        return 0.0
    if one.subject.startswith("several ") or not isinstance(one.measured, (int, float)):
        return 0.0
    if not isinstance(one.threshold, (int, float)) or not one.threshold:
        return 0.0
    return abs(one.measured - one.threshold) / abs(one.threshold)


def _sign(before: _Extent, after: _Extent) -> int:
    """Return 1 for worse, -1 for better, 0 for the same."""
    for old, new, least in (
        (before.rank, after.rank, 0.5),
        (before.count, after.count, 0.5),
        (before.beyond, after.beyond, NOTICEABLE),
    ):
        if not (old and new) and least == NOTICEABLE:
            continue
        if abs(new - old) > least:
            return 1 if new > old else -1
    return 0


def _messages(findings: Iterable[Diagnostic]) -> tuple[str, ...]:
    return tuple(one.message for one in findings)[:20]


def _moved(before: Outcome, after: Outcome) -> tuple[tuple[str, float | None, float | None, str], ...]:
    old = {one.name: one for one in before.figures}
    moved = []
    for now in after.figures:
        was = old.get(now.name)
        if was is not None and was.value != now.value:
            label = now.label or now.name
            if now.words or was.words:
                label = f"{label} ≈"
            moved.append((label, was.value, now.value, now.unit))
    return tuple(moved[:20])
