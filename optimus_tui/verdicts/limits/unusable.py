"""Counters and limits that cannot be used as they are: other types, other limiters' numbers, senseless rules. Pure."""

from collections.abc import Sequence

from optimus_tui.contract.finding_rules import LIMITS_BROKEN, LIMITS_KEPT, LIMITS_RULES
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.limits import LimitRow, LimitRules
from optimus_tui.contract.make_finding import make_finding
from optimus_tui.verdicts.limits.words import subject_of
from optimus_tui.verdicts.sorting import some_of


def broken(rows: Sequence[LimitRow]) -> list[Finding]:
    """Return the findings about keys that hold no count at all."""
    if not rows:
        return []
    problem = rows[0].counter.problem or "not a count"
    if len(rows) == 1:
        message = f"{subject_of(rows[0])} cannot be read as a counter: {problem}"
    else:
        names = some_of([subject_of(row) for row in rows])
        message = f"{len(rows):,} keys under rate_limit: cannot be read as counters: {names}"
    return [
        _no_count(
            rows,
            many="several counters",
            problem=problem,
            message=message,
            impact="How much of these limits is used is unknown, and the gateway's own increments may fail on them.",
            remedy="Find what wrote another type or text under this name.",
        )
    ]


def foreign(rows: Sequence[LimitRow]) -> list[Finding]:
    """Return the findings about keys that hold another limiter's numbers."""
    if not rows:
        return []
    shown = (rows[0].counter.problem or "a number").partition(":")[0]
    names = some_of([subject_of(row) for row in rows])
    if len(rows) == 1:
        holds = f"{names} holds {shown}, which is"
    else:
        holds = f"{len(rows):,} keys ({names}) hold numbers"
    return [
        _no_count(
            rows,
            many="several counters of another limiter",
            problem=shown,
            message=f"{holds} of another limiter, not ours: ours counts up from 0 in whole numbers",
            impact="How much of these limits is used is unknown: a token bucket, for one, keeps what is left.",
            remedy="Find which limiter writes under rate_limit: and give it a prefix of its own.",
        )
    ]


def _no_count(rows: Sequence[LimitRow], *, many: str, problem: str, message: str, impact: str, remedy: str) -> Finding:
    """``problem`` is measured of a single key, the number of keys of several, whose subject is ``many``."""
    single = len(rows) == 1
    unit = "keys"
    threshold: float | str = 0.0
    measured: float | str = float(len(rows))
    subject = many
    if single:
        unit, threshold, measured, subject = "", "a whole number", problem, subject_of(rows[0])
    return make_finding(
        rule=LIMITS_BROKEN,
        subject=subject,
        message=message,
        measured=measured,
        threshold=threshold,
        unit=unit,
        samples=len(rows),
        impact=impact,
        remedy=remedy,
    )


def kept(rows: Sequence[LimitRow]) -> list[Finding]:
    """Return the findings about sliding windows without a TTL, which block nobody."""
    if not rows:
        return []
    names = some_of([subject_of(row) for row in rows])
    verb = "have no TTL"
    subject = "several windows"
    if len(rows) == 1:
        verb = "has no TTL"
        subject = subject_of(rows[0])
    return [
        make_finding(
            rule=LIMITS_KEPT,
            subject=subject,
            message=f"{names} {verb}: a sorted set forgets what leaves its window, but its key stays for ever",
            measured="no TTL",
            threshold="a TTL",
            samples=len(rows),
        )
    ]


def unusable_rules(rules: LimitRules | None) -> list[Finding]:
    """Return a finding about published limits that make no sense."""
    if rules is None or not rules.problem:
        return []
    return [
        make_finding(
            rule=LIMITS_RULES,
            subject="published limits",
            message=f"part of the published limits cannot be used: {rules.problem}",
            measured="unusable",
            threshold="whole numbers from 1",
            samples=1,
        )
    ]
