"""Counters and limits that cannot be used as they are: other types, other limiters' numbers, senseless rules. Pure."""

from collections.abc import Sequence

from optimus_tui.contract.finding_rules import LIMITS_BROKEN, LIMITS_KEPT, LIMITS_RULES
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.limits import LimitRow, LimitRules
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.verdicts.limits.words import subject_of
from optimus_tui.verdicts.sorting import some_of


def broken(rows: Sequence[LimitRow]) -> list[Finding]:
    """Return the findings about keys that hold no count at all."""
    if not rows:
        return []
    if len(rows) > 1:
        return [_several(rows, "several counters")]
    problem = rows[0].counter.problem or "not a count"
    return [_single(rows[0], problem)]


def foreign(rows: Sequence[LimitRow]) -> list[Finding]:
    """Return the findings about keys that hold another limiter's numbers."""
    if not rows:
        return []
    texts = {"impact": phrase(LIMITS_BROKEN, "foreign_impact"), "remedy": phrase(LIMITS_BROKEN, "foreign_remedy")}
    if len(rows) > 1:
        sentence = phrase(LIMITS_BROKEN, "foreign_many", count=len(rows), names=_names(rows))
        return [_several(rows, "several counters of another limiter", message=sentence, **texts)]
    problem = (rows[0].counter.problem or "a number").partition(":")[0]
    sentence = phrase(LIMITS_BROKEN, "foreign", subject=subject_of(rows[0]), problem=problem)
    return [_single(rows[0], problem, message=sentence, **texts)]


def _single(row: LimitRow, problem: str, *, message: str = "", impact: str = "", remedy: str = "") -> Finding:
    return make_finding(
        rule=LIMITS_BROKEN,
        subject=subject_of(row),
        message=message,
        problem=problem,
        measured=problem,
        threshold="a whole number",
        samples=1,
        impact=impact,
        remedy=remedy,
    )


def _several(
    rows: Sequence[LimitRow], subject: str, *, message: str = "", impact: str = "", remedy: str = ""
) -> Finding:
    return make_finding(
        rule=LIMITS_BROKEN,
        subject=subject,
        many=True,
        message=message,
        count=len(rows),
        names=_names(rows),
        measured=float(len(rows)),
        threshold=0.0,
        unit="keys",
        samples=len(rows),
        impact=impact,
        remedy=remedy,
    )


def _names(rows: Sequence[LimitRow]) -> str:
    return some_of([subject_of(row) for row in rows])


def kept(rows: Sequence[LimitRow]) -> list[Finding]:
    """Return the findings about sliding windows without a TTL, which block nobody."""
    if not rows:
        return []
    subject = "several windows"
    if len(rows) == 1:
        subject = subject_of(rows[0])
    return [
        make_finding(
            rule=LIMITS_KEPT,
            subject=subject,
            many=len(rows) > 1,
            names=_names(rows),
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
            problem=rules.problem,
            measured="unusable",
            threshold="whole numbers from 1",
            samples=1,
        )
    ]
