"""Code ↔ live: asks Redis once for the operations and kinds that exist, and compares them with what routers declare."""

import asyncio
from typing import TYPE_CHECKING

from optimus_tui.contract.tools.patterns import CodeDrift, LiveComparison
from optimus_tui.grammar.keys import parse_key
from optimus_tui.patterns.drift import Declared, Observed, drift
from optimus_tui.probes.keys.sources import SourceTree
from optimus_tui.tools.keyspace_scan import survey, unreachable
from optimus_tui.tools.patterns.files import ROUTERS, JudgedFiles, examine
from optimus_tui.tools.patterns.validate import SECONDS, source_tree
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context


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
