"""Compare two outcomes: fixed, better, same, worse, or unknown. Pure.

Without a measurement there is no verdict: a fault that could not be measured any more is not fixed. A new finding as
severe as the one that is gone is worse; a lesser one in its place (a counter that was immortal and is now only over its
limit) leaves it at better. What is counted over a window that began before an action says nothing about its effect.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from optimus_tui.contract.finding_rules import (
    CACHE_EVICTIONS,
    CACHE_HIT_RATE_UNKNOWN,
    CACHE_HIT_RATE_UNMEASURED,
    CACHE_LARGE,
    CACHE_NO_TTL,
    LIMITS_BROKEN,
    LIMITS_IMMORTAL,
    LIMITS_LONG_TTL,
    LIMITS_NEAR,
    LIMITS_OVER,
    LIMITS_REFUSED,
    LIMITS_RULES_UNMEASURED,
    LIMITS_TENANT_SHARE,
    LIMITS_UNKNOWN_LAYOUT,
    METRICS_SEVERAL_PROCESSES,
    SERVER_INFO_SENSELESS,
    SERVER_LOGIN,
    SERVER_UNKNOWN,
    SERVER_UNREACHABLE,
    SERVICES_GATEWAY,
)
from optimus_tui.contract.incident import Check, Comparison, Outcome, Verdict
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.workflow.severity import MATTERS, level, rank

NOTICEABLE = 0.10
"""The share of the threshold by which a figure must move to count as changed."""
BLIND = (SERVER_UNREACHABLE, SERVER_LOGIN, SERVER_UNKNOWN, SERVICES_GATEWAY)
"""While one of these holds, what lies behind it is not measured. A Redis that answers with a fault was measured."""
_KEYS = frozenset({CACHE_NO_TTL, CACHE_LARGE})
SEEN_ANYWAY = {
    CACHE_HIT_RATE_UNKNOWN: _KEYS,
    CACHE_HIT_RATE_UNMEASURED: _KEYS,
    LIMITS_RULES_UNMEASURED: frozenset({LIMITS_IMMORTAL, LIMITS_TENANT_SHARE}),
}
"""Rules that can still be measured under this finding: keys and their TTLs, whatever the gateway says."""
HIDES = {
    LIMITS_UNKNOWN_LAYOUT: ("limits.",),
    METRICS_SEVERAL_PROCESSES: ("errors.", "gateway.", "proxy.", LIMITS_REFUSED),
    SERVER_INFO_SENSELESS: ("server.", "redis.", "memory.", CACHE_EVICTIONS),
}
"""Prefixes of rules that cannot be measured while one of these is new: renamed counters, senseless figures."""
COUNTERS = (LIMITS_OVER, LIMITS_NEAR, LIMITS_IMMORTAL, LIMITS_LONG_TTL, LIMITS_TENANT_SHARE, LIMITS_BROKEN)
"""Rules about a counter's present state: there, ``window_seconds`` is the limiter's window."""
_WORST: tuple[Verdict, ...] = ("fixed", "better", "same", "unknown", "worse")


class _Extent(Struct, frozen=True):
    """How severe one rule is: rank of severity, number of cases, and distance from the threshold as a share of it."""

    rank: int = 0
    count: float = 0
    beyond: float = 0.0


def compare(before: Outcome, after: Outcome, rules: Iterable[str] = (), seconds: float | None = None) -> Comparison:
    """Compare ``after`` with ``before``.

    Args:
        before: The earlier outcome.
        after: The later one.
        rules: The rules that were to be fixed, however light; empty for all findings from medium on.
        seconds: How long ago the action between both ended; None if there was none.
    """
    cured = set(rules)
    targets = [one for one in before.findings if (one.rule in cured if cured else _matters(one))]
    aimed = {one.rule for one in targets} | cured
    left = [one for one in after.findings if one.rule in aimed and (cured or _matters(one))]
    known = {one.rule for one in before.findings}
    new = [one for one in after.findings if _matters(one) and one.rule not in known and one.rule not in aimed]
    old = [one for one in after.findings if seconds is not None and _reaches_back(one, seconds)]
    came = [one for one in new if not _unseen(one) and one not in old]
    verdict, words = _judge(targets, left, came, _is_blind(aimed, after, known), old)
    if past := next((one for one in new if one in old), None):
        words = f"{words}; this also counts from before the action: {past.message}"
    return Comparison(
        verdict=verdict,
        words=words,
        gone=_messages(one for one in targets if not any(_same(one, other) for other in left)),
        new=_messages([*(one for one in left if not any(_same(one, other) for other in targets)), *new]),
        held=_messages(one for one in left if any(_same(one, other) for other in targets)),
        figures=_moved(before, after),
    )


def overall(checks: Sequence[Check]) -> Verdict | None:
    """Return the worst verdict of the checks; None while one of them has no answer, or there is none."""
    found = [one.change.verdict for one in checks if one.change is not None]
    if not found or len(found) < len(checks):
        return None
    return max(found, key=_WORST.index)


def _judge(
    targets: list[Diagnostic], left: list[Diagnostic], new: list[Diagnostic], blind: bool, old: list[Diagnostic]
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
        return "fixed", "what was found is gone"
    return _by_extent(targets, left, old)


def _by_extent(targets: list[Diagnostic], left: list[Diagnostic], old: list[Diagnostic]) -> tuple[Verdict, str]:
    """Decide by the worst of what changed.

    ``old``: findings counted from before the action on, which cannot show that it got worse.
    """
    fell, grew = 0, 0
    more = None
    for rule in sorted({one.rule for one in (*targets, *left)}):
        before, after = _extent(rule, targets), _extent(rule, left)
        sign = _sign(before, after)
        fresh = next((one for one in left if one.rule == rule and one not in old), None)
        if sign < 0:
            fell = max(fell, before.rank)
        elif sign > 0 and fresh is not None and after.rank > grew:
            grew, more = after.rank, fresh
    if more is not None and grew >= fell:
        return "worse", f"it increased: {more.message}"
    if fell:
        return "better", f"it decreased, but is not gone: {left[0].message}"
    return "same", f"still: {left[0].message}"


def _extent(rule: str, findings: Iterable[Diagnostic]) -> _Extent:
    of = [one for one in findings if one.rule == rule]
    if not of:
        return _Extent()
    beyond = _beyond(of[0]) if len(of) == 1 else 0.0
    return _Extent(max(rank(level(one)) for one in of), sum(_number(one) for one in of), beyond)


def _number(one: Diagnostic) -> float:
    """Return how many cases a finding sums up."""
    grouped = one.subject.startswith("several ") and isinstance(one.measured, (int, float))
    if not grouped:
        return 1.0
    return float(one.measured or 0)


def _beyond(one: Diagnostic) -> float:
    """Return the distance from the threshold as a share of it, on either side."""
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


def _matters(one: Diagnostic) -> bool:
    return rank(level(one)) >= MATTERS


def _reaches_back(one: Diagnostic, seconds: float) -> bool:
    """Return True if the finding counts over a window that began longer than ``seconds`` ago.

    A counter holds its present count, however long its window is.
    """
    return not one.rule.startswith(COUNTERS) and (one.window_seconds or 0.0) > seconds


def _unseen(one: Diagnostic) -> bool:
    """Return True if the finding only says that something could not be measured."""
    return one.rule.endswith(("unmeasured", "_unknown", ".partial"))


def _is_blind(aimed: set[str], after: Outcome, known: set[str]) -> bool:
    """Return True if what the rules are about could not be measured. ``known``: the rules that held before."""
    families = {rule.partition(".")[0] for rule in aimed}
    for one in after.findings:
        if _unseen(one) and one.rule.partition(".")[0] in {*families, "metrics"}:
            if not aimed <= SEEN_ANYWAY.get(one.rule, frozenset()):
                return True
            continue
        if one.rule not in known and any(rule.startswith(HIDES.get(one.rule, ())) for rule in aimed):
            return True
        if _matters(one) and one.rule.startswith(BLIND) and one.rule not in aimed:
            return True
    return False


def _same(one: Diagnostic, other: Diagnostic) -> bool:
    return (one.rule, one.subject) == (other.rule, other.subject)


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
