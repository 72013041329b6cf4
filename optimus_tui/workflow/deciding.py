"""The figure that decides a comparison, before and after: ``engine p95 829 ms → 12 ms``. Pure."""

from collections.abc import Sequence

from optimus_tui.contract.finding_rules import (
    ERRORS_RATE,
    LATENCY_FEW,
    LATENCY_HALF,
    LATENCY_NOW,
    LATENCY_P95,
    LIMITS_OVER,
    LIMITS_REFUSED,
    SERVICES_FLAPPING,
)
from optimus_tui.contract.incident import Outcome, Verdict
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.wording.numbers import figure as quantity
from optimus_tui.wording.safe import safe_text
from optimus_tui.workflow.ranking import level, rank

_MEASURES = {
    LATENCY_FEW: "slowest check",
    LATENCY_HALF: "p50",
    LATENCY_NOW: "latency",
    LATENCY_P95: "p95",
    ERRORS_RATE: "failing",
    LIMITS_OVER: "used",
    LIMITS_REFUSED: "refused",
    SERVICES_FLAPPING: "failed checks",
}
"""What a finding of this rule measures, where its subject alone does not say it."""
_LOOKS = ("checks", "samples")
"""Units of figures that count looks: how many of them saw a fault is no figure of the fault."""
NONE = "none any more"


def is_same(one: Diagnostic, other: Diagnostic) -> bool:
    """Return True if two findings have the same rule and subject."""
    return (one.rule, one.subject) == (other.rule, other.subject)


def measures(one: Diagnostic) -> str:
    """Return what a finding measures, in a few words: ``engine latency``."""
    return " ".join(part for part in (safe_text(one.subject, 60), _MEASURES.get(one.rule, "")) if part)


def figure_name(one: Diagnostic) -> str:
    """Return the name of the figure that a finding measures."""
    return f"{one.rule}|{one.subject}"


def deciding(targets: Sequence[Diagnostic], left: Sequence[Diagnostic], after: Outcome, verdict: Verdict) -> str:
    """Return the worst finding's figure before and after; empty where it has none.

    Where only a part is gone, it is the figure of that part: the rest may have grown. A state, such as "no TTL", stands
    before a figure only where what it has become was read.

    Args:
        targets: The findings that were to be fixed.
        left: Those of them that are still found.
        after: The later outcome.
        verdict: The verdict of the comparison.
    """
    measured = [one for one in targets if _has_figure(one, after)]
    if verdict == "better":
        measured = [one for one in measured if not any(is_same(one, other) for other in left)] or measured
    if not measured:
        return ""
    worst_one = max(measured, key=lambda one: rank(level(one)))
    now = next((one for one in left if is_same(one, worst_one)), None)
    words = ""
    if now is not None:
        words = measured_words(now)
    elif verdict != "worse":  # what is worse is not the figure that is good now
        words = figure_words(worst_one, after)
    if not words and verdict in ("fixed", "better") and isinstance(worst_one.threshold, (int, float)):
        words = _bound(worst_one, worst_one.threshold)
    if not words:
        return ""
    return f"{measures(worst_one)} {measured_words(worst_one)} → {words}"


def _has_figure(one: Diagnostic, after: Outcome) -> bool:
    if one.unit in _LOOKS:
        return False
    return isinstance(one.measured, (int, float)) or bool(one.measured and figure_words(one, after))


def _bound(one: Diagnostic, threshold: float) -> str:
    """Return what is known of a figure that was not read, because its finding is gone."""
    if not threshold:
        return NONE
    beyond = "below"
    if float(one.measured or 0) > threshold:
        beyond = "over"
    return f"no longer {beyond} {quantity(threshold, one.unit)}"


def measured_words(one: Diagnostic) -> str:
    """Return what a finding has measured, in words."""
    if one.measured_words:
        return safe_text(one.measured_words, 40)
    if one.rule == LIMITS_OVER and isinstance(one.measured, (int, float)) and isinstance(one.threshold, (int, float)):
        return f"{one.measured:,.0f} of {one.threshold:,.0f}"
    if isinstance(one.measured, (int, float)):
        return quantity(one.measured, safe_text(one.unit, 12))
    return safe_text(str(one.measured), 40)


def figure_words(one: Diagnostic, outcome: Outcome) -> str:
    """Return an outcome's own figure of what a finding measures, in words; empty where it has none."""
    for name, before in ((figure_name(one), ""), *_names_in_documents(one)):
        found = next((now for now in outcome.figures if now.name == name), None)
        if found is not None and (found.words or found.value is not None):
            return f"{before}{found.words or quantity(found.value, found.unit)}"
    return ""


def _names_in_documents(one: Diagnostic) -> list[tuple[str, str]]:
    """Return the names of a document's figures that fit, with the words before each."""
    names = []
    if one.rule.startswith("latency."):
        names += [(f"{one.subject}.p95", ""), (f"latency.{one.subject}", "")]
    if one.rule.startswith("cache.hit_rate"):
        names.append(("hit_rate", ""))
    if one.rule.startswith("services."):
        names.append((f"latency.{one.subject}", "answers in "))
    return names
