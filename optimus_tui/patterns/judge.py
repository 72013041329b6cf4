"""Judge a file from its bytes, and turn verdicts into scores."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from optimus_tui.contract.tools.compliance import BOUNDS
from optimus_tui.patterns.assembly import includes_others
from optimus_tui.patterns.drift import declared
from optimus_tui.patterns.facts.model import Module
from optimus_tui.patterns.places import Places
from optimus_tui.patterns.rule import Hit, Level, Rule
from optimus_tui.patterns.rules import RULES
from optimus_tui.patterns.selection import rules_at
from optimus_tui.patterns.source.project import Lines, ParseFailure, Project
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.unfollowed import unfollowed
from optimus_tui.wording.safe import safe_text

MARK = b"optimus:"
_COMMENT = re.compile(r"#\s*optimus:\s*ignore(?P<file>-file)?(?P<rules>\[[^\]]*\])?(?P<reason>.*)")
PARSE, EMPTY, ROUTELESS, REASON = "file.unreadable", "file.empty", "file.no_routes", "ignore.without_reason"
UNREAD = "file.not_read"
"""The problem of a file that a newer Python may read: it is not judged, and no finding says that it is broken."""
_NO_ROUTE = "It declares no route"
_MAY_ROUTE = re.compile(
    rb"@[^\n]{0,200}\.\s{0,9}(?:get|post|put|patch|delete|head|options|api_route|route|websocket)\s{0,9}\("
    rb"|\badd_\w{0,20}route|Route\s{0,9}\(|include_router|\)\s{0,9}\("
    rb"|\w\.(?:get|post|put|patch|delete)\s{0,9},"
)
"""What every file with routes holds somewhere."""
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
    """One comment: its rules, the reason, and the line that it is about; None for the whole file."""

    rules: tuple[str, ...]
    reason: str
    line: int
    column: int
    about: int | None

    @property
    def form(self) -> str:
        """Return how such a comment is written."""
        return f"# optimus: ignore{'-file' if self.about is None else ''}[rule] reason"


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
        about: int | None = row
        if comment["file"]:
            about = None
        elif alone:
            about = _next_code(lines, row)
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
    symbol: str = ""
    """The function that holds the place, and the digest of its statement: ``patterns.places``."""
    code: str = ""
    subject: str = ""
    """The route's name, for a rule that is judged by route."""
    also: tuple["Issue", ...] = ()
    """The same fault of the other routes, where all of them have it: they are one finding."""


class Share(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The result of a requirement: the subjects that it applies to, and those that fail."""

    rule: str
    applies: int
    fails: int


class Verdict(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The result for one file. ``problem``: why it could not be judged, in which case it scores 0."""

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
    undecided: tuple[Issue, ...] = ()
    """Findings that were not judged, because what may make them wrong could not be followed."""


def inspect(path: str, data: bytes, project: Project, routes_only: bool = False) -> Verdict:
    """Judge one file; ``path`` is relative to the project's tree.

    ``routes_only``: judge only files with routes; of others only report syntax errors, which takes a third of the time.
    """
    may_route = _MAY_ROUTE.search(data) is not None
    if routes_only and not may_route:
        module: Module | ParseFailure | None = project.failure_of(path, data)
    else:
        module = project.read(path, data)
    if module is None:
        return Verdict((Issue(ROUTELESS, 1, 1, _NO_ROUTE),), problem=ROUTELESS, helper=True)
    if isinstance(module, ParseFailure):
        message = f"It cannot be parsed: {module.reason}"
        if not module.certain and not may_route:
            return Verdict((Issue(ROUTELESS, 1, 1, _NO_ROUTE),), problem=ROUTELESS, helper=True)
        if not module.certain:
            return Verdict((Issue(UNREAD, module.line, module.column, message),), problem=UNREAD)
        text = safe_text(Lines(data).text(module.line).strip(), 160)
        return Verdict((Issue(PARSE, module.line, module.column, message, text),), problem=PARSE)
    view = View(module, data, project)
    if view.routes:
        verdict = _judged(view)
    elif routes_only and not includes_others(module):
        added = b"add_api_route" in data and "add_api_route" in view.methods
        verdict = Verdict((Issue(ROUTELESS, 1, 1, UNFOLLOWED if added else _NO_ROUTE),), problem=ROUTELESS, helper=True)
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
    message = _NO_ROUTE
    if "add_api_route" in view.methods:
        message = UNFOLLOWED
    issue = Issue(ROUTELESS, 1, 1, message)
    judged = _judged(view)
    return Verdict((issue, *judged.issues), problem=ROUTELESS, helper=True)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _judged(view: View) -> Verdict:
    ignores, places = ignores_in(view.lines), Places(view.module.tree, [route.name for route in view.routes])
    issues: list[Issue] = []
    shares: list[Share] = []
    undecided: list[Issue] = []
    ignored = 0
    for rule in RULES.values():
        hits = list(rule.check(view))
        unknown: set[str] = set()
        if rule.absence and hits:
            hits, notices = _decided(hits, view)
            unknown = {hit.subject for hit, _ in notices}
            undecided += [_notice(rule.id, hit, names, view) for hit, names in notices]
        if ignores and hits:
            before, hits = len(hits), [hit for hit in hits if not _is_ignored(hit, rule, ignores)]
            ignored += before - len(hits)
        if rule.applies is not None:
            subjects = len(set(rule.applies(view)) - unknown)
            shares.append(Share(rule.id, subjects, min(subjects, len({hit.subject for hit in hits}))))
        found = [_issue(rule.id, hit, view, places) for hit in hits]
        if rule.applies is not None:
            found = _joined(found, subjects)
        issues += found
    if ignores:
        issues += _reasonless(ignores, view)
    operations, kinds, lasting = declared(view)
    issues.sort(key=lambda issue: (issue.line, issue.column, issue.rule))
    return Verdict(
        tuple(issues), tuple(shares), len(view.routes), "", False, operations, kinds, ignored, lasting, tuple(undecided)
    )


def _decided(hits: list[Hit], view: View) -> tuple[list[Hit], list[tuple[Hit, list[str]]]]:
    """Return the findings that hold, and those that cannot be told, with the names of what leads nowhere."""
    holding: list[Hit] = []
    notices: list[tuple[Hit, list[str]]] = []
    for hit in hits:
        names = [hit.unresolved]
        if not hit.unresolved:
            routes = [route for route in view.served if hit.subject in (route.name, "file")]
            names = sorted({name for route in routes for name in unfollowed(view, route)})
        if names:
            notices.append((hit, names))
        else:
            holding.append(hit)
    return holding, notices


def _notice(rule: str, hit: Hit, names: list[str], view: View) -> Issue:
    """Return what could not be told. Its text is the first name that leads nowhere."""
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    message = safe_text(f"not judged: {names[0]}{more} could not be resolved", 400)
    return Issue(rule, hit.line, view.lines.column(hit.line, hit.offset), message, safe_text(names[0], 160))


def _joined(issues: list[Issue], subjects: int) -> list[Issue]:
    """Return the findings, with one for all routes where every route of several has the same fault."""
    named = {issue.subject for issue in issues}
    if len(named) < 2 or len(named) < subjects:
        return issues
    first = issues[0]
    return [msgspec.structs.replace(first, also=tuple(one for one in issues[1:] if one.subject != first.subject))]


def in_one(message: str, others: Sequence[str]) -> str:
    """Return the message of a finding that also covers the routes of these names."""
    named = list(dict.fromkeys(others))
    if not named:
        return message
    listed = ", ".join(named[:5])
    if len(named) > 5:
        listed += f" and {len(named) - 5} more"
    return f"{message} (so do {listed})"


def _issue(rule: str, hit: Hit, view: View, places: Places) -> Issue:
    text = safe_text(view.lines.text(hit.line).strip(), 160)
    symbol, code = places.whole() if hit.subject == "file" else places.at(hit.line)
    return Issue(
        rule, hit.line, view.lines.column(hit.line, hit.offset), safe_text(hit.message, 400), text,
        safe_text(symbol, 200), code, safe_text(hit.subject, 200),
    )  # fmt: skip


def _is_ignored(hit: Hit, rule: Rule, ignores: Iterable[Ignore]) -> bool:
    first, last = hit.span
    if hit.span == (0, 0):
        first = last = hit.line
    return any(
        one.reason
        and (one.about is None or first <= one.about <= last)
        and (rule.id in one.rules or rule.pattern in one.rules)
        for one in ignores
    )


def _reasonless(ignores: Iterable[Ignore], view: View) -> list[Issue]:
    found: list[Issue] = []
    known = {*RULES, *(rule.pattern for rule in RULES.values())}
    for one in ignores:
        unknown = [name for name in one.rules if name not in known]
        message = ""
        if not one.rules:
            message = f"It names no rule: {one.form}"
        elif unknown:
            message = f"There is no rule {unknown[0]}: see optimus-tui rules"
        elif not one.reason:
            message = f"It gives no reason, so nothing is ignored: {one.form}"
        if message:
            text = safe_text(view.lines.text(one.line).strip(), 160)
            found.append(Issue(REASON, one.line, one.column + 1, safe_text(message), text))
    return found


class Score(NamedTuple):
    """A score. ``patterns`` maps a pattern to the share that is met, or None where it does not apply.

    ``compliance`` is None where nothing applies to the file.
    """

    compliance: float | None
    patterns: dict[str, float | None]


def score(verdict: Verdict, level: Level) -> Score:
    """Return the score of one file by the gateway's rules of a level."""
    return weigh(verdict, rules_at(level))


def weigh(verdict: Verdict, rules: Mapping[str, Rule]) -> Score:
    """Return the score of one file by the rules that count for it.

    Every pattern that applies has a weight; a pattern is as good as its weakest requirement, and a requirement as good
    as the share of routes that meet it. Faults cost points in addition. A finding of high priority keeps a file below
    0.8.
    """
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
    if not weighed and not faults:
        return Score(None, patterns)
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
