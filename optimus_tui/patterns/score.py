"""Turn a verdict into a score between 0 and 1, and scores into words. The whole arithmetic is here.

Every pattern that applies has a weight; a pattern is as good as its weakest requirement, and a requirement as good as
the share of routes that meet it. Faults cost points in addition. A finding of high priority keeps a file below 0.8.
"""

from typing import NamedTuple

from optimus_tui.contract.tools.routers import BOUNDS
from optimus_tui.patterns.judge import Verdict, rules_at
from optimus_tui.patterns.rule import Level

WEIGHTS = {
    "rate_limiting": 3,
    "multi_tenancy": 3,
    "caching": 2,
    "error_handling": 2,
    "dependency_injection": 2,
    "logging": 1,
    "circuit_breaker": 2,
    "metrics": 1,
    "input_models": 2,
    "response_models": 1,
    "pagination": 1,
}
COSTS = {"high": 0.15, "medium": 0.07, "low": 0.03}
BELOW_EXCELLENT = 0.79


class Score(NamedTuple):
    """A score. ``patterns`` maps a pattern to the share that is met, or None where it does not apply."""

    compliance: float
    patterns: dict[str, float | None]


def score(verdict: Verdict, level: Level) -> Score:
    """Return the score of one file at a level."""
    rules = rules_at(level)
    if verdict.problem:
        return Score(0.0, {})
    patterns: dict[str, float | None] = {
        name: None for name in WEIGHTS if any(rule.pattern == name for rule in rules.values())
    }
    for share in verdict.shares:
        rule = rules.get(share.rule)
        if rule is not None and share.applies:
            met = 1 - share.fails / share.applies
            known = patterns.get(rule.pattern)
            if known is not None:
                met = min(known, met)
            patterns[rule.pattern] = met
    weighed = [(WEIGHTS[name], met) for name, met in patterns.items() if met is not None]
    total = sum(weight for weight, _ in weighed)
    value = 1.0
    if total:
        value = sum(weight * met for weight, met in weighed) / total
    seen = [rules[issue.rule] for issue in verdict.issues if issue.rule in rules]
    faults = [rule for rule in seen if rule.applies is None]
    for at, rule in enumerate(faults):
        cost = COSTS[rule.priority]
        if any(other is rule for other in faults[:at]):
            cost *= 0.25
        value -= cost
        known = 0.0
        if rule.pattern in patterns:
            known = min(patterns[rule.pattern] or 0.5, 0.5)
        patterns[rule.pattern] = known
    if any(rule.priority == "high" for rule in seen):
        value = min(value, BELOW_EXCELLENT)
    return Score(round(max(0.0, value), 2), patterns)


_WORDS = (*zip(BOUNDS, ("excellent", "good", "acceptable"), strict=True), (0.0, "needs_improvement"))


def word(value: float) -> str:
    """Return the contract's word for an average."""
    return next(name for bound, name in _WORDS if value >= bound)


def lower_bound(value: float) -> float:
    """Return the lowest score that has the same word."""
    return next(bound for bound, _ in _WORDS if value >= bound)
