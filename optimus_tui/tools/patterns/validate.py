"""validate_enterprise_patterns: reads routers as syntax trees, never runs them, and points at lines."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from optimus_tui.contract.tools.common import ToolError
from optimus_tui.contract.tools.patterns import ValidateQuery, ValidateReport
from optimus_tui.probes.keys.sources import Skipped, SourceTree
from optimus_tui.tools.arguments import ToolFailure, refuse
from optimus_tui.tools.patterns.files import ROUTERS, JudgedFiles, examine
from optimus_tui.tools.patterns.report import build, shown

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
