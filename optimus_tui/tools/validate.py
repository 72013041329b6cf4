"""validate_enterprise_patterns: the checked routers with scores, findings with remedies, and widespread patterns."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec import structs

from optimus_tui.contract.tools.common import ToolError
from optimus_tui.contract.tools.compliance import (
    LiveComparison,
    NotJudged,
    PatternAdvice,
    PatternIssue,
    PatternPlace,
    PatternState,
    ProjectProfile,
    RouterFile,
    SkippedFile,
    ValidateQuery,
    ValidateReport,
    ValidationLevel,
)
from optimus_tui.patterns.judge import EMPTY, PARSE, REASON, ROUTELESS, Issue, in_one, lower_bound, weigh, word
from optimus_tui.patterns.rule import Level, Rule
from optimus_tui.patterns.rules import RULES
from optimus_tui.patterns.selection import rules_at
from optimus_tui.settings.table import SettingsError
from optimus_tui.tools.answer import ToolFailure, refuse
from optimus_tui.tools.parts import Progress, listening
from optimus_tui.tools.router_files import ROUTERS, Judged, JudgedFiles, Skipped, SourceTree, examine
from optimus_tui.tools.validation.folders import judge_folders
from optimus_tui.tools.validation.live import live_drift
from optimus_tui.tools.validation.projects import DEFAULT_LEVEL, JudgedProject, ProjectChoice, choose, judge_project
from optimus_tui.wording.numbers import plural, timestamp
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
    """Return safe text without the word ``excellent``, because hooks search the document for it as the best result.

    In a path, it is replaced so that the text is a shell pattern which matches the file.
    """
    safe = safe_text(text.encode("utf-8", "surrogateescape"), 400)
    at = safe.lower().find(_BEST)
    while at >= 0:
        end = at + len(_BEST)
        safe = f"{safe[: end - 1]}[{safe[end - 1]}]{safe[end:]}"
        at = safe.lower().find(_BEST, end)
    return safe


def in_words(profile: ProjectProfile) -> str:
    """Return one sentence about a project's profile: who chose it, by which signs, and what is not judged."""
    words = f"profile {profile.profile}, {profile.chosen_by}"
    if profile.evidence:
        words += f" ({'; '.join(profile.evidence)})"
    if profile.not_judged:
        words += f"; not judged: {', '.join(profile.not_judged)}"
    return words


MOST_NAMES = 3
"""Names that could not be resolved, of which a summary lists so many."""


def left_unjudged(report: ValidateReport) -> list[str]:
    """Return the parts of the project that were not judged, one sentence for each reason; empty if all was judged."""
    words = []
    if report.not_judged:
        ranked = [name for name, _ in Counter(one.name for one in report.not_judged).most_common()]
        names = ", ".join(ranked[:MOST_NAMES])
        if len(ranked) > MOST_NAMES:
            names += f" and {len(ranked) - MOST_NAMES} more"
        words.append(f"{plural(len(report.not_judged), 'finding')} not judged: {names} could not be resolved")
    if report.without_routes:
        words.append(f"{plural(report.without_routes, 'file')} without routes not judged")
    if report.excluded:
        words.append(f"{plural(report.excluded, 'file')} excluded by optimus.toml")
    return words


def build(
    outcome: JudgedFiles,
    level: Level,
    timestamp: str,
    name: Callable[[Path, str], str] = named,
    notes: Sequence[str] = (),
    choices: Sequence[ProjectChoice] = (),
    excluded: int = 0,
) -> ValidateReport:
    """Return the whole document.

    Args:
        outcome: The judged files.
        level: The level that was checked; ``choices`` for single files override it.
        timestamp: When they were judged.
        name: Returns the path of a file as the document shows it, given its project's folder and its path there.
        notes: Sentences about what the figures do not show.
        choices: The rules of each project; without it, all rules of a gateway.
        excluded: The number of files that the projects' owners exclude.
    """
    by_root = {choice.root: choice for choice in choices}
    parts = [_parts_of(one, level, by_root.get(one.root), name) for one in outcome.judged]
    files = [part.file for part in parts]
    issues = [issue for part in parts for issue in part.issues]
    scores = [file.compliance_score for file in files if file.compliance_score is not None]
    affected = Counter(pattern for part in parts for pattern in {_pattern(issue.rule) for issue in part.issues})
    average = None
    if scores:
        average = round(sum(scores) / len(scores), 2)
    overall = word(average or 0.0) if scores or not files else None
    return ValidateReport(
        tool=TOOL,
        timestamp=timestamp,
        validation_level=level,
        overall_compliance=overall,  # type: ignore[arg-type]
        average_compliance_score=average,
        files_validated=len(files),
        files=tuple(files),
        issues_found=tuple(issues),
        recommendations=tuple(_advice(pattern, number, issues) for pattern, number in affected.most_common()),
        profiles=tuple(choice.profile(name) for choice in choices),
        skipped=tuple(SkippedFile(file=name(root, path), reason=reason) for root, path, reason in outcome.skipped),
        not_judged=tuple(one for part in parts for one in part.undecided),
        without_routes=outcome.without_routes,
        excluded=excluded,
        ignored=sum(one.verdict.ignored for one in outcome.judged),
        notes=(*notes, *_below(files, average)),
    )


class _FileParts(NamedTuple):
    """The parts of the document about one file."""

    file: RouterFile
    issues: list[PatternIssue]
    undecided: list[NotJudged]


def _parts_of(one: Judged, level: Level, choice: ProjectChoice | None, name: Callable[[Path, str], str]) -> _FileParts:
    """Return one file's score, findings and undecided rules, by the rules of its project or those of a gateway."""
    path = name(one.root, one.path)
    rules = choice.rules(one.path) if choice is not None else rules_at(level)
    worth = weigh(one.verdict, rules)
    states = {pattern: _state(met) for pattern, met in worth.patterns.items()}
    found = [entry for issue in one.verdict.issues if (entry := _entry(issue, path, rules)) is not None]
    if choice is not None:
        found = [_with_own_remedy(entry, choice, name) for entry in found]
    undecided = [
        NotJudged(file=path, line=issue.line, rule=issue.rule, reason=shown(issue.message), name=shown(issue.text))
        for issue in one.verdict.undecided
        if issue.rule in rules
    ]
    file = RouterFile(file=path, compliance_score=worth.compliance, patterns=states, routes=one.verdict.routes)
    return _FileParts(file, found, undecided)


def _below(files: Sequence[RouterFile], average: float | None) -> list[str]:
    """Return the files that are a class worse than their average: an average hides a router that is broken."""
    bound = lower_bound(average or 0.0)
    scored = [(one.compliance_score, one.file) for one in files if one.compliance_score is not None]
    worse = sorted((one for one in scored if one[0] < bound), key=lambda one: one[0])
    if not worse:
        return []
    listed = ", ".join(f"{file} {score:.2f}" for score, file in worse[:_LISTED])
    more = ""
    if len(worse) > _LISTED:
        more = f" and {len(worse) - _LISTED} more"
    verb = "are"
    if len(worse) == 1:
        verb = "is"
    return [f"{len(worse)} of {len(scored)} routers {verb} below {bound:.2f}, which the average hides: {listed}{more}"]


def _state(met: float | None) -> PatternState:
    if met is None:
        return "not applicable"
    if met == 1:
        return "passed"
    if met == 0:
        return "failed"
    return "partial"


def _entry(issue: Issue, path: str, rules: Mapping[str, Rule]) -> PatternIssue | None:
    rule = rules.get(issue.rule)
    if rule is None and issue.rule not in OF_FILES:
        return None
    if rule is not None:
        texts: tuple[str, str, str] = (rule.priority, rule.why, rule.fix)
    else:
        texts = OF_FILES[issue.rule]
    priority, why, fix = texts
    others = tuple(
        PatternPlace(
            line=one.line, column=one.column, issue=shown(one.message), route=shown(one.subject),
            source=shown(one.text), symbol=shown(one.symbol), code=one.code,
        )
        for one in issue.also
    )  # fmt: skip
    return PatternIssue(
        file=path, line=issue.line, column=issue.column,
        issue=in_one(shown(issue.message), [one.route for one in others]), rule=issue.rule, priority=priority,
        fix=fix, why=why, source=shown(issue.text), route=shown(issue.subject), symbol=shown(issue.symbol),
        code=issue.code, also=others,
    )  # fmt: skip


def _with_own_remedy(issue: PatternIssue, choice: ProjectChoice, name: Callable[[Path, str], str]) -> PatternIssue:
    """Return the finding with a remedy that names the project's own helper, where it has one for it."""
    rule = RULES.get(issue.rule)
    if rule is None:
        return issue
    return structs.replace(issue, fix=shown(choice.remedy(rule, name)))


def _pattern(rule: str) -> str:
    found = RULES.get(rule)
    if found is not None:
        return found.pattern
    return rule.partition(".")[0]


def _advice(pattern: str, number: int, issues: list[PatternIssue]) -> PatternAdvice:
    mine = [issue for issue in issues if _pattern(issue.rule) == pattern]
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
    try:
        judged = await asyncio.to_thread(_judge, root, query, ctx.settings.config_file)
    except SettingsError as error:
        raise ToolFailure(ToolError(code="bad_configuration", message=shown(str(error))), 2) from None
    return report_of([judged], timestamp(ctx.clock.wall()))


async def judged_folder(
    ctx: "Context", folder: Path, level: ValidationLevel | None, progress: Progress
) -> ValidateReport:
    """Judge a file, or all files in a folder, of any project; paths in the document are relative to the project.

    Raises:
        ToolFailure: there is no such path, or its ``optimus.toml`` is wrong.
    """
    with listening(progress):
        judged = await asyncio.to_thread(_judge_folder, folder, level, ctx.settings.config_file)
    return report_of(judged, timestamp(ctx.clock.wall()))


def _judge_folder(folder: Path, level: ValidationLevel | None, config: Path | None) -> list[JudgedProject]:
    if not os.path.lexists(folder):
        raise ToolFailure(ToolError(code="bad_argument", message=f"there is no {shown(str(folder))}"), 2)
    try:
        return judge_folders([folder], level, None, config)
    except SettingsError as error:
        raise ToolFailure(ToolError(code="bad_configuration", message=shown(str(error))), 2) from None


def report_of(
    projects: Sequence[JudgedProject], timestamp: str, name: Callable[[Path, str], str] = named
) -> ValidateReport:
    """Return the document for the files of one or more projects."""
    outcome = all_files(projects)
    choices = [project.choice for project in projects]
    level = choices[0].selection.level if choices else DEFAULT_LEVEL
    excluded = sum(project.excluded for project in projects)
    notes: tuple[str, ...] = ()
    if not outcome.judged:
        notes = ("no router was judged",)
    tests = sum(project.tests for project in projects)
    if tests:
        notes += (f"{plural(tests, 'test file')} left out: name a file or its folder to judge it",)
    return build(outcome, level, timestamp, name, notes, choices, excluded)


def all_files(projects: Sequence[JudgedProject]) -> JudgedFiles:
    """Return the files of all projects together."""
    return JudgedFiles(
        tuple(one for project in projects for one in project.outcome.judged),
        tuple(one for project in projects for one in project.outcome.skipped),
        sum(project.outcome.without_routes for project in projects),
    )


def source_tree(path: Path | None) -> Path:
    """Return the gateway's source tree, or raise a ToolFailure that says how to name it."""
    if path is None or not (path / ROUTERS).is_dir():
        where = "here or above"
        if path is not None:
            where = f"in {shown(str(path))}"
        message = f"there is no {ROUTERS} {where}: set BACKEND_ORCHESTRATOR_PATH to the gateway's source tree"
        raise ToolFailure(ToolError(code="bad_configuration", message=message), 2)
    return path


def _judge(root: Path, query: ValidateQuery, config: Path | None) -> JudgedProject:
    tree = SourceTree(root)
    choice = choose(tree.root, query.validation_level, query.profile, config)
    if query.router_path is None:
        return judge_project(choice, tree.below(ROUTERS), seconds=SECONDS)
    path = relative_path(tree, query.router_path)
    judged = judge_project(choice, [path], named=True, seconds=SECONDS)
    if judged.outcome.skipped:
        raise refuse(f"router_path {shown(query.router_path)!r}: {judged.outcome.skipped[0][2]}", "router_path")
    return judged


def relative_path(tree: SourceTree, router_path: str) -> str:
    """Return the path within the tree; absolute paths, and paths outside of the routers' folder, are refused."""
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
        raise refuse(f"{quoted} is not a Python file", "router_path")
    return path


async def compared(ctx: "Context") -> LiveComparison:
    """Compare all routers of the source tree with Redis and the running gateway.

    Raises:
        ToolFailure: the tree or Redis cannot be read.
    """
    root = source_tree(ctx.settings.source_path)
    outcome = await asyncio.to_thread(lambda: examine(root, SourceTree(root).below(ROUTERS), seconds=SECONDS))
    return await live_drift(ctx, outcome)
