"""validate_enterprise_patterns.

Judge routers, leave out what a baseline accepts, and compare with what Redis holds.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from optimus_tui.contract.tools.common import ToolError
from optimus_tui.contract.tools.routers import CodeDrift, LiveComparison, PatternIssue, ValidateQuery, ValidateReport
from optimus_tui.grammar.keys import parse_key
from optimus_tui.patterns.drift import Declared, Observed, drift
from optimus_tui.probes.keys.sources import Skipped, SourceTree
from optimus_tui.tools.arguments import ToolFailure, refuse
from optimus_tui.tools.keyspace_scan import survey, unreachable
from optimus_tui.tools.patterns.files import ROUTERS, JudgedFiles, examine
from optimus_tui.tools.patterns.report import build, shown
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context


QUERY, REPORT = ValidateQuery, ValidateReport
SECONDS = 6.0
"""This tool's share of the deadline; files not reached by then are said to be skipped."""


def found(report: ValidateReport) -> bool:
    """Return True for a finding of medium priority or worse, and if nothing could be judged."""
    return report.files_validated == 0 or any(one.priority in ("high", "medium") for one in report.issues_found)


async def run(ctx: "Context", query: ValidateQuery) -> ValidateReport:
    """Judge one router, or all of them."""
    from optimus_tui.tools.answer import timestamp

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
    """Return the content of the file: one finding a line, sorted."""
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
