"""validate_enterprise_patterns.

From verdicts to scores, findings with reasons and remedies, and what is widespread.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from optimus_tui.contract.tools.common import ToolError
from optimus_tui.contract.tools.traffic import (
    CodeDrift,
    LiveComparison,
    PatternAdvice,
    PatternIssue,
    PatternState,
    RouterFile,
    SkippedFile,
    ValidateQuery,
    ValidateReport,
)
from optimus_tui.grammar.keys import parse_key
from optimus_tui.patterns.drift import Declared, Observed, drift
from optimus_tui.patterns.judge import EMPTY, PARSE, REASON, ROUTELESS, Issue, lower_bound, rules_at, score, word
from optimus_tui.patterns.rule import Level
from optimus_tui.tools.answer import ToolFailure, refuse
from optimus_tui.tools.keyspace_scan import survey, unreachable
from optimus_tui.tools.router_files import ROUTERS, JudgedFiles, Skipped, SourceTree, examine
from optimus_tui.wording.numbers import timestamp
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context


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


QUERY, REPORT = ValidateQuery, ValidateReport
SECONDS = 6.0
"""This tool's share of the deadline; files not reached by then are said to be skipped."""


def found(report: ValidateReport) -> bool:
    """Return True for a finding of medium priority or worse, and if nothing could be judged."""
    return report.files_validated == 0 or any(one.priority in ("high", "medium") for one in report.issues_found)


async def run(ctx: "Context", query: ValidateQuery) -> ValidateReport:
    """Judge one router, or all of them."""
    root = source_tree(ctx.settings.source_path)
    if query.router_path is not None and query.check_all_routers:
        raise refuse("router_path names one router and check_all_routers asks for all: give one of them", "router_path")
    if query.router_path is None and not query.check_all_routers:
        raise refuse(
            "name a router with router_path, or set check_all_routers", "router_path", ("a file such as products.py",)
        )
    outcome = await asyncio.to_thread(_judge, root, query.router_path)
    notes: tuple[str, ...] = ()
    if not outcome.judged:
        notes = ("no router was judged",)
    return build(outcome, query.validation_level, timestamp(ctx.clock.wall()), notes=notes)


def source_tree(path: Path | None) -> Path:
    """Return the gateway's source tree, or raise a ToolFailure that says how to name it."""
    if path is None or not (path / ROUTERS).is_dir():
        where = "here or above"
        if path is not None:
            where = f"in {shown(str(path))}"
        message = f"there is no {ROUTERS} {where}; BACKEND_ORCHESTRATOR_PATH names the gateway's source tree"
        raise ToolFailure(ToolError(code="bad_configuration", message=message), 2)
    return path


def _judge(root: Path, router_path: str | None) -> JudgedFiles:
    tree = SourceTree(root)
    if router_path is None:
        return examine(root, tree.below(ROUTERS), seconds=SECONDS)
    path = relative_path(tree, router_path)
    outcome = examine(root, [path], named=True, seconds=SECONDS)
    if outcome.skipped:
        raise refuse(f"router_path {shown(router_path)!r}: {outcome.skipped[0][2]}", "router_path")
    return outcome


def relative_path(tree: SourceTree, router_path: str) -> str:
    """Return the path in the tree; absolute paths, and paths out of the routers, are refused."""
    quoted = f"router_path {shown(router_path)!r}"
    plain = router_path.removeprefix(f"{ROUTERS}/")
    parts = plain.split("/")
    if "\0" in plain or "\\" in plain or plain.startswith(("/", "~")) or (len(plain) > 1 and plain[1] == ":"):
        raise refuse(f"{quoted} is not relative to {ROUTERS}/", "router_path")
    if ".." in parts:
        raise refuse(f"{quoted} leads out of {ROUTERS}/", "router_path")
    path = f"{ROUTERS}/{plain}"
    try:
        place = (tree.root / path).resolve()
    except (OSError, RuntimeError, ValueError):
        raise refuse(f"{quoted} cannot be followed", "router_path") from None
    if not place.is_relative_to((tree.root / ROUTERS).resolve()) or not place.is_relative_to(tree.root):
        raise refuse(f"{quoted} leads out of {ROUTERS}/", "router_path")
    seen = tree.read(path)
    if isinstance(seen, Skipped):
        raise refuse(f"{quoted}: {seen.reason}", "router_path")
    if not plain.endswith(".py"):
        raise refuse(f"{quoted} is no Python file", "router_path")
    return path


def declared_in(outcome: JudgedFiles) -> Declared:
    """Return all names that the judged routers write out."""
    operations = {name for one in outcome.judged for name in one.verdict.operations}
    kinds = {name for one in outcome.judged for name in one.verdict.kinds}
    lasting = {name for one in outcome.judged for name in one.verdict.lasting}
    return Declared(frozenset(operations), frozenset(kinds), frozenset(kinds - lasting))


async def compared(ctx: "Context") -> LiveComparison:
    """Compare all routers of the source tree with Redis.

    Raises:
        ToolFailure: the tree or Redis cannot be read.
    """
    root = source_tree(ctx.settings.source_path)
    outcome = await asyncio.to_thread(lambda: examine(root, SourceTree(root).below(ROUTERS), seconds=SECONDS))
    return await live_drift(ctx, outcome)


async def live_drift(ctx: "Context", outcome: JudgedFiles) -> LiveComparison:
    """Return the differences between routers and Redis, and in words what was compared.

    Raises:
        ToolFailure: Redis could not be asked.
    """
    seen = await survey(ctx, ttls=True)
    if seen.coverage.scanned == 0 and seen.fault is not None:
        raise unreachable(seen.fault)
    names = seen.limits.names_to_read(seen.limits.total + 1)
    operations = frozenset(safe_text(parse_key(name).operation, 80) for name in names)
    totals = [one.totals for one in seen.cache.report().kinds]
    immortal = {safe_text(one.kind, 80): one.without_ttl for one in totals if one.without_ttl}
    kinds = frozenset(safe_text(one.kind, 80) for one in totals)
    declared, observed = declared_in(outcome), Observed(operations - {""}, kinds, immortal, seen.coverage.complete)
    found = drift(declared, observed)
    whole = ", not all: what is declared and was not seen is not judged"
    if seen.coverage.complete:
        whole = ""
    differences = tuple(CodeDrift(**one._asdict()) for one in found)
    return LiveComparison(
        differences=differences,
        covered=f"{seen.coverage.scanned:,} keys read{whole}",
        operations=len(declared.operations | observed.operations),
        kinds=len(declared.kinds | observed.kinds),
    )


FORMAT = 1


class Baseline(msgspec.Struct, forbid_unknown_fields=True):
    """How many findings of each fingerprint are known. Its file is text, so that a review shows what is added."""

    format: int
    known: dict[str, int]


def fingerprint(issue: PatternIssue) -> str:
    """Return ``src/backend/routers/x.py caching.missing 0123456789ab``."""
    return _mark(issue, issue.source)


def _mark(issue: PatternIssue, source: str) -> str:
    line = " ".join(source.split())
    return f"{issue.file} {issue.rule} {hashlib.sha256(line.encode()).hexdigest()[:12]}"


def _marks(issue: PatternIssue) -> Counter[str]:
    return Counter(_mark(issue, source) for source in (issue.source, *issue.also))


def made_of(issues: Sequence[PatternIssue]) -> bytes:
    """Return the baseline file: each distinct finding with its count, sorted."""
    known = dict(sorted(Counter(mark for one in issues for mark in _marks(one).elements()).items()))
    return msgspec.json.format(msgspec.json.encode(Baseline(FORMAT, known)), indent=2) + b"\n"


def parsed(data: bytes) -> Baseline:
    """Return the baseline, or raise ValueError with one sentence."""
    try:
        found = msgspec.json.decode(data, type=Baseline)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it is no baseline: {error}") from None
    if found.format != FORMAT:
        raise ValueError(f"it has format {found.format}; this version reads {FORMAT}")
    return found


def split(issues: Sequence[PatternIssue], known: Baseline) -> tuple[list[PatternIssue], int, int]:
    """Return (new findings, number of known ones, number of known ones that are gone)."""
    left = Counter(known.known)
    new: list[PatternIssue] = []
    for one in issues:
        marks = _marks(one)
        if not marks <= left:
            new.append(one)
        left -= marks
    return new, len(issues) - len(new), left.total()
