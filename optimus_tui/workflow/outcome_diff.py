"""Before and after: fixed, better, same, worse, or unknown. Pure.

No measurement, no verdict: a fault that is gone because nobody could look any more is not fixed. A new finding as bad
as the one that went is worse; a lesser one that came in its place (a counter that was immortal and is now only over its
limit) leaves it at better. What is counted over minutes that began before an action tells nothing about its effect.
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
"""A number beyond its threshold has changed from a tenth on."""
BLIND = (SERVER_UNREACHABLE, SERVER_LOGIN, SERVER_UNKNOWN, SERVICES_GATEWAY)
"""Where one of these holds, what lies behind it was not looked at. A Redis that answers with a fault was looked at."""
_KEYS = frozenset({CACHE_NO_TTL, CACHE_LARGE})
SEEN_ANYWAY = {
    CACHE_HIT_RATE_UNKNOWN: _KEYS,
    CACHE_HIT_RATE_UNMEASURED: _KEYS,
    LIMITS_RULES_UNMEASURED: frozenset({LIMITS_IMMORTAL, LIMITS_TENANT_SHARE}),
}
"""What can be looked at although the thing of this rule cannot: keys and their TTLs, whatever the gateway says."""
HIDES = {
    LIMITS_UNKNOWN_LAYOUT: ("limits.",),
    METRICS_SEVERAL_PROCESSES: ("errors.", "gateway.", "proxy.", LIMITS_REFUSED),
    SERVER_INFO_SENSELESS: ("server.", "redis.", "memory.", CACHE_EVICTIONS),
}
"""What cannot be told any more where one of these is new: counters that moved to other names, figures without sense."""
COUNTERS = (LIMITS_OVER, LIMITS_NEAR, LIMITS_IMMORTAL, LIMITS_LONG_TTL, LIMITS_TENANT_SHARE, LIMITS_BROKEN)
"""Rules about a counter as it stands: ``window_seconds`` is the limiter's window there."""
_WORST: tuple[Verdict, ...] = ("fixed", "better", "same", "unknown", "worse")


class _Extent(Struct, frozen=True):
    """How bad one rule is: severity, how many, and how far beyond its threshold."""

    rank: int = 0
    count: float = 0
    beyond: float = 0.0


def compare(before: Outcome, after: Outcome, rules: Iterable[str] = (), seconds: float | None = None) -> Comparison:
    """``after`` against ``before``; ``rules``: those that were to be cured, however light, else all that mattered.

    ``seconds``: how long ago the action between both was done; None where there was none.
    """
    cured = set(rules)
    targets = [one for one in before.findings if (one.rule in cured if cured else _matters(one))]
    aimed = {one.rule for one in targets} | cured
    left = [one for one in after.findings if one.rule in aimed and (cured or _matters(one))]
    known = {one.rule for one in before.findings}
    new = [one for one in after.findings if _matters(one) and one.rule not in known and one.rule not in aimed]
    old = [] if seconds is None else [one for one in after.findings if _reaches_back(one, seconds)]
    came = [one for one in new if not _unseen(one) and one not in old]
    verdict, words = _judge(targets, left, came, _is_blind(aimed, after, known), old)
    if past := next((one for one in new if one in old), None):
        words = f"{words}; counted from before the action on: {past.message}"
    return Comparison(
        verdict=verdict,
        words=words,
        gone=_messages(one for one in targets if not any(_same(one, other) for other in left)),
        new=_messages([*(one for one in left if not any(_same(one, other) for other in targets)), *new]),
        held=_messages(one for one in left if any(_same(one, other) for other in targets)),
        figures=_moved(before, after),
    )


def overall(checks: Sequence[Check]) -> Verdict | None:
    """The worst of the checks; None while one of them has not answered, or there is none."""
    found = [one.change.verdict for one in checks if one.change is not None]
    return max(found, key=_WORST.index) if found and len(found) == len(checks) else None


def _judge(
    targets: list[Diagnostic], left: list[Diagnostic], new: list[Diagnostic], blind: bool, old: list[Diagnostic]
) -> tuple[Verdict, str]:
    before = max((rank(level(one)) for one in targets), default=0)
    came = max(new, key=lambda one: rank(level(one)), default=None)
    if came is not None and rank(level(came)) >= max(before, MATTERS):
        return "worse", f"new: {came.message}"
    if blind:
        return "unknown", "what showed the fault cannot be measured now"
    if not left:
        if not targets:
            return "same", "nothing was wrong here before, and nothing is"
        if came is not None:
            return "better", f"gone, but there is something lesser now: {came.message}"
        return "fixed", "what was found is gone"
    return _by_extent(targets, left, old)


def _by_extent(targets: list[Diagnostic], left: list[Diagnostic], old: list[Diagnostic]) -> tuple[Verdict, str]:
    """The worst of what changed decides. ``old``: what was counted from before the action on, and cannot show that
    there is more of it since."""
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
        return "worse", f"more of it: {more.message}"
    if fell:
        return "better", f"less of it, and still: {left[0].message}"
    return "same", f"still: {left[0].message}"


def _extent(rule: str, findings: Iterable[Diagnostic]) -> _Extent:
    of = [one for one in findings if one.rule == rule]
    if not of:
        return _Extent()
    beyond = _beyond(of[0]) if len(of) == 1 else 0.0
    return _Extent(max(rank(level(one)) for one in of), sum(_number(one) for one in of), beyond)


def _number(one: Diagnostic) -> float:
    """How many things a finding sums up."""
    grouped = one.subject.startswith("several ") and isinstance(one.measured, (int, float))
    return float(one.measured or 0) if grouped else 1.0


def _beyond(one: Diagnostic) -> float:
    """Distance from the threshold as a share of it, whichever side is the bad one."""
    if one.subject.startswith("several ") or not isinstance(one.measured, (int, float)):
        return 0.0
    if not isinstance(one.threshold, (int, float)) or not one.threshold:
        return 0.0
    return abs(one.measured - one.threshold) / abs(one.threshold)


def _sign(before: _Extent, after: _Extent) -> int:
    """1 worse, -1 better, 0 the same."""
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
    """Whether it is counted over a time that began longer than ``seconds`` ago. A counter holds its window's count in
    this moment, however long that window is."""
    return not one.rule.startswith(COUNTERS) and (one.window_seconds or 0.0) > seconds


def _unseen(one: Diagnostic) -> bool:
    """It says that something, or a part of it, could not be looked at, and nothing about that thing."""
    return one.rule.endswith(("unmeasured", "_unknown", ".partial"))


def _is_blind(aimed: set[str], after: Outcome, known: set[str]) -> bool:
    """Whether what the rules are about could not be looked at. ``known``: the rules that held before."""
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
            moved.append((f"{label} ≈" if now.words or was.words else label, was.value, now.value, now.unit))
    return tuple(moved[:20])
