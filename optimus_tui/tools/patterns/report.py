"""From verdicts to the document: scores, findings with their reasons and remedies, and what is widespread."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from optimus_tui.contract.tools.routers import (
    PatternAdvice,
    PatternIssue,
    PatternState,
    RouterFile,
    SkippedFile,
    ValidateReport,
)
from optimus_tui.patterns.judge import EMPTY, PARSE, REASON, ROUTELESS, Issue, rules_at
from optimus_tui.patterns.rule import Level
from optimus_tui.patterns.score import lower_bound, score, word
from optimus_tui.tools.patterns.files import JudgedFiles
from optimus_tui.wording.safe import safe_text

TOOL = "validate_enterprise_patterns"
_BEST = "excellent"
_LISTED = 3
OF_FILES: dict[str, tuple[str, str, str]] = {
    PARSE: ("high", "Python cannot import it, so none of its routes works.", "Fix the file at this place."),
    EMPTY: ("high", "A router without code answers no request.", "Write the router, or remove the file."),
    ROUTELESS: ("medium", "It declares no route, so there is nothing to judge.",
                "Declare routes on an APIRouter, or keep helpers outside of the routers."),
    REASON: ("low", "Without a reason nobody can tell later whether it still applies.",
             "Write # optimus: ignore[rule] and the reason, or remove the comment."),
}  # fmt: skip
"""Priority, reason and remedy of findings about a file as such."""


def named(root: Path, path: str) -> str:
    """Return a path relative to the source tree, as the document shows it."""
    return shown(path)


def shown(text: str) -> str:
    """Return safe text without the contract's best word; in a path it becomes a pattern that fits the file."""
    safe = safe_text(text.encode("utf-8", "surrogateescape"), 400)
    at = safe.lower().find(_BEST)
    while at >= 0:
        end = at + len(_BEST)
        safe = f"{safe[: end - 1]}[{safe[end - 1]}]{safe[end:]}"
        at = safe.lower().find(_BEST, end)
    return safe


def build(
    outcome: JudgedFiles,
    level: Level,
    timestamp: str,
    name: Callable[[Path, str], str] = named,
    notes: Sequence[str] = (),
) -> ValidateReport:
    """Return the whole document."""
    files: list[RouterFile] = []
    issues: list[PatternIssue] = []
    total = 0.0
    affected: Counter[str] = Counter()
    for one in outcome.judged:
        path = name(one.root, one.path)
        worth = score(one.verdict, level)
        total += worth.compliance
        states = {pattern: _state(met) for pattern, met in worth.patterns.items()}
        files.append(
            RouterFile(file=path, compliance_score=worth.compliance, patterns=states, routes=one.verdict.routes)
        )
        found = [entry for issue in one.verdict.issues if (entry := _entry(issue, path, level)) is not None]
        issues += found
        affected.update({_pattern(entry.rule, level) for entry in found})
    count = len(outcome.judged)
    average = None
    if count:
        average = round(total / count, 2)
    return ValidateReport(
        tool=TOOL,
        timestamp=timestamp,
        validation_level=level,
        overall_compliance=word(average or 0.0),  # type: ignore[arg-type]
        average_compliance_score=average,
        files_validated=count,
        files=tuple(files),
        issues_found=tuple(issues),
        recommendations=tuple(_advice(pattern, number, issues, level) for pattern, number in affected.most_common()),
        skipped=tuple(SkippedFile(file=name(root, path), reason=reason) for root, path, reason in outcome.skipped),
        ignored=sum(one.verdict.ignored for one in outcome.judged),
        notes=(*notes, *_below(files, average)),
    )


def _below(files: Sequence[RouterFile], average: float | None) -> list[str]:
    """The files that are a class worse than their average: an average hides a router that is broken."""
    bound = lower_bound(average or 0.0)
    worse = sorted((one for one in files if one.compliance_score < bound), key=lambda one: one.compliance_score)
    if not worse:
        return []
    listed = ", ".join(f"{one.file} {one.compliance_score:.2f}" for one in worse[:_LISTED])
    more = ""
    if len(worse) > _LISTED:
        more = f" and {len(worse) - _LISTED} more"
    verb = "are"
    if len(worse) == 1:
        verb = "is"
    return [f"{len(worse)} of {len(files)} routers {verb} below {bound:.2f}, which the average hides: {listed}{more}"]


def _state(met: float | None) -> PatternState:
    if met is None:
        return "not applicable"
    if met == 1:
        return "passed"
    if met == 0:
        return "failed"
    return "partial"


def _entry(issue: Issue, path: str, level: Level) -> PatternIssue | None:
    rule = rules_at(level).get(issue.rule)
    if rule is None and issue.rule not in OF_FILES:
        return None
    if rule is not None:
        texts: tuple[str, str, str] = (rule.priority, rule.why, rule.fix)
    else:
        texts = OF_FILES[issue.rule]
    priority, why, fix = texts
    return PatternIssue(
        file=path, line=issue.line, column=issue.column, issue=shown(issue.message), rule=issue.rule,
        priority=priority, fix=fix, why=why, source=shown(issue.text), also=tuple(map(shown, issue.also)),
    )  # fmt: skip


def _pattern(rule: str, level: Level) -> str:
    found = rules_at(level).get(rule)
    if found is not None:
        return found.pattern
    return rule.partition(".")[0]


def _advice(pattern: str, number: int, issues: list[PatternIssue], level: Level) -> PatternAdvice:
    mine = [issue for issue in issues if _pattern(issue.rule, level) == pattern]
    worst = min((issue.priority for issue in mine), key=("high", "medium", "low").index)
    if number > 1:
        return PatternAdvice(
            issue=f"Widespread issue: {pattern}", affected_files=number, priority=worst,
            recommendation=f"Implement {pattern} patterns across all routers",
        )  # fmt: skip
    first = next(issue for issue in mine if issue.priority == worst)
    return PatternAdvice(issue=f"Issue: {pattern}", affected_files=number, recommendation=first.fix, priority=worst)
