"""Judge a file from its bytes, and turn verdicts into scores."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from optimus_tui.contract.tools.traffic import BOUNDS
from optimus_tui.patterns.assembly import includes_others
from optimus_tui.patterns.drift import declared
from optimus_tui.patterns.facts.model import Module
from optimus_tui.patterns.rule import LEVELS, Hit, Level, Rule
from optimus_tui.patterns.rules import RULES
from optimus_tui.patterns.source.project import Lines, ParseFailure, Project
from optimus_tui.patterns.source.view import View
from optimus_tui.wording.safe import safe_text

MARK = b"optimus:"
_COMMENT = re.compile(r"#\s*optimus:\s*ignore(?P<rules>\[[^\]]*\])?(?P<reason>.*)")
PARSE, EMPTY, ROUTELESS, REASON = "file.unreadable", "file.empty", "file.no_routes", "ignore.without_reason"
UNFOLLOWED = "Its routes are added in a way that cannot be followed"
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
_WORDS = (*zip(BOUNDS, ("excellent", "good", "acceptable"), strict=True), (0.0, "needs_improvement"))


class Ignore(NamedTuple):
    """One comment: its rules, the reason, and the line that it is about."""

    rules: tuple[str, ...]
    reason: str
    line: int
    column: int
    about: int


def ignores_in(lines: Lines) -> list[Ignore]:
    """Return the comments of a file that could be parsed."""
    if MARK not in lines.data:
        return []
    found: list[Ignore] = []
    text = "\n".join(lines.all()) + "\n"
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return []
    for token in tokens:
        comment = None
        if token.type == tokenize.COMMENT:
            comment = _COMMENT.match(token.string)
        if comment is None:
            continue
        row, column = token.start
        rules = tuple(one.strip() for one in (comment["rules"] or "[]")[1:-1].split(",") if one.strip())
        alone = not lines.text(row)[:column].strip()
        about = _next_code(lines, row) if alone else row
        found.append(Ignore(rules, comment["reason"].strip(" -–—:"), row, column, about))
    return found


def _next_code(lines: Lines, row: int) -> int:
    """Return the first line below that is neither a comment nor empty."""
    for line in range(row + 1, min(row + 30, len(lines.all())) + 1):
        text = lines.text(line).strip()
        if text and not text.startswith("#"):
            return line
    return row


class Issue(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One finding. ``column`` is counted from 1 in characters; ``text`` is the source's line."""

    rule: str
    line: int
    column: int
    message: str
    text: str = ""
    also: tuple[str, ...] = ()
    """The lines of other routes that this finding covers."""


class Share(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The result of a requirement: the subjects that it applies to, and those that fail."""

    rule: str
    applies: int
    fails: int


class Verdict(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The result for one file. ``problem``: why it could not be judged; it then scores 0."""

    issues: tuple[Issue, ...] = ()
    shares: tuple[Share, ...] = ()
    routes: int = 0
    problem: str = ""
    helper: bool = False
    operations: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    ignored: int = 0
    lasting: tuple[str, ...] = ()
    """Kinds that are stored without an expiry."""


def inspect(path: str, data: bytes, project: Project) -> Verdict:
    """Judge one file; ``path`` is relative to the project's tree."""
    module = project.read(path, data)
    if isinstance(module, ParseFailure):
        message = f"It cannot be parsed: {module.reason}"
        text = safe_text(Lines(data).text(module.line).strip(), 160)
        return Verdict((Issue(PARSE, module.line, module.column, message, text),), problem=PARSE)
    view = View(module, data, project)
    if view.routes:
        verdict = _judged(view)
    else:
        verdict = _routeless(module, view)
    project.forget(module)
    return verdict


def _routeless(module: Module, view: View) -> Verdict:
    if all(isinstance(one, ast.Pass) or _is_text(one) for one in module.tree.body):
        issue = Issue(EMPTY, 1, 1, "There is no code in it: nothing answers a request")
        return Verdict((issue,), problem=EMPTY)
    if includes_others(module):
        return _judged(view)
    message = "It declares no route"
    if "add_api_route" in view.methods:
        message = UNFOLLOWED
    issue = Issue(ROUTELESS, 1, 1, message)
    judged = _judged(view)
    return Verdict((issue, *judged.issues), problem=ROUTELESS, helper=True)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _judged(view: View) -> Verdict:
    ignores = ignores_in(view.lines)
    issues: list[Issue] = []
    shares: list[Share] = []
    ignored = 0
    for rule in RULES.values():
        hits = list(rule.check(view))
        if ignores and hits:
            found, hits = len(hits), [hit for hit in hits if not _is_ignored(hit, rule, ignores)]
            ignored += found - len(hits)
        if rule.applies is not None:
            subjects = len(set(rule.applies(view)))
            shares.append(Share(rule.id, subjects, min(subjects, len({hit.subject for hit in hits}))))
            hits = _joined(hits, subjects)
        for hit in hits:
            issues.append(_issue(rule.id, hit, view))
    if ignores:
        issues += _reasonless(ignores, view)
    operations, kinds, lasting = declared(view)
    issues.sort(key=lambda issue: (issue.line, issue.column, issue.rule))
    return Verdict(tuple(issues), tuple(shares), len(view.routes), "", False, operations, kinds, ignored, lasting)


def _joined(hits: list[Hit], subjects: int) -> list[Hit]:
    """Return the hits, with one finding for all routes where every route of several has the same fault."""
    named = list(dict.fromkeys(hit.subject for hit in hits))
    if len(named) < 2 or len(named) < subjects:
        return hits
    others = ", ".join(named[1:6])
    if len(named) > 6:
        others += f" and {len(named) - 6} more"
    lines = tuple(hit.line for hit in hits[1:] if hit.subject != hits[0].subject)
    return [hits[0]._replace(message=f"{hits[0].message} (so do {others})", others=lines)]


def _issue(rule: str, hit: Hit, view: View) -> Issue:
    text = safe_text(view.lines.text(hit.line).strip(), 160)
    also = tuple(safe_text(view.lines.text(line).strip(), 160) for line in hit.others)
    return Issue(rule, hit.line, view.lines.column(hit.line, hit.offset), safe_text(hit.message, 400), text, also)


def _is_ignored(hit: Hit, rule: Rule, ignores: Iterable[Ignore]) -> bool:
    first, last = hit.span
    if hit.span == (0, 0):
        first = last = hit.line
    return any(
        one.reason and first <= one.about <= last and (rule.id in one.rules or rule.pattern in one.rules)
        for one in ignores
    )


def _reasonless(ignores: Iterable[Ignore], view: View) -> list[Issue]:
    found: list[Issue] = []
    known = {*RULES, *(rule.pattern for rule in RULES.values())}
    for one in ignores:
        unknown = [name for name in one.rules if name not in known]
        message = ""
        if not one.rules:
            message = "It names no rule: # optimus: ignore[rule] reason"
        elif unknown:
            message = f"There is no rule {unknown[0]}: see optimus-tui rules"
        elif not one.reason:
            message = "It gives no reason, so nothing is ignored: # optimus: ignore[rule] reason"
        if message:
            text = safe_text(view.lines.text(one.line).strip(), 160)
            found.append(Issue(REASON, one.line, one.column + 1, safe_text(message), text))
    return found


def rules_at(level: Level) -> dict[str, Rule]:
    """Return the rules that count at a level: its own and those of the levels below."""
    return {rule.id: rule for rule in RULES.values() if LEVELS.index(rule.level) <= LEVELS.index(level)}


class Score(NamedTuple):
    """A score. ``patterns`` maps a pattern to the share that is met, or None where it does not apply."""

    compliance: float
    patterns: dict[str, float | None]


def score(verdict: Verdict, level: Level) -> Score:
    """Return the score of one file at a level.

    Every pattern that applies has a weight; a pattern is as good as its weakest requirement, and a requirement as good
    as the share of routes that meet it. Faults cost points in addition. A finding of high priority keeps a file below
    0.8.
    """
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


def word(value: float) -> str:
    """Return the contract's word for an average."""
    return next(name for bound, name in _WORDS if value >= bound)


def lower_bound(value: float) -> float:
    """Return the lowest score that has the same word."""
    return next(bound for bound, _ in _WORDS if value >= bound)
