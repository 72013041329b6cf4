"""``--live``: compare the source with Redis and the running gateway.

What cannot be compared is named, with the reason.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from optimus_tui.contract.reading import Fault
from optimus_tui.contract.tools.compliance import CodeDrift, LiveComparison
from optimus_tui.patterns.drift import Declared, Drift, Observed, drift
from optimus_tui.patterns.in_force import (
    RouteName,
    WrittenLimits,
    WrittenRoutes,
    best_match,
    counter_drift,
    limit_drift,
    limits_in,
    published_routes,
    route_drift,
    routes_in,
)
from optimus_tui.patterns.source.project import Project
from optimus_tui.tools.keyspace_scan import Survey, counter_names, read_known, survey, unreachable
from optimus_tui.tools.parts import part
from optimus_tui.tools.router_files import JudgedFiles, SourceTree
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context

_DOCUMENT_BYTES = 4_000_000
_ORDER = ("high", "medium", "low")


def declared_in(outcome: JudgedFiles) -> Declared:
    """Return all names that the judged routers write out."""
    operations = {name for one in outcome.judged for name in one.verdict.operations}
    kinds = {name for one in outcome.judged for name in one.verdict.kinds}
    lasting = {name for one in outcome.judged for name in one.verdict.lasting}
    return Declared(frozenset(operations), frozenset(kinds), frozenset(kinds - lasting))


async def live_drift(ctx: "Context", outcome: JudgedFiles) -> LiveComparison:
    """Return the differences between the source and Redis or the running gateway, and in words what was compared.

    Raises:
        ToolFailure: Redis could not be asked.
    """
    seen = await survey(ctx, ttls=True)
    if seen.coverage.scanned == 0 and seen.fault is not None:
        raise unreachable(seen.fault)
    operations = frozenset([safe_text(parsed.operation, 80) async for _, parsed in counter_names(seen)])
    totals = [one.totals for one in seen.cache.report().kinds]
    immortal = {safe_text(one.kind, 80): one.without_ttl for one in totals if one.without_ttl}
    kinds = frozenset(safe_text(one.kind, 80) for one in totals)
    declared, observed = declared_in(outcome), Observed(operations - {""}, kinds, immortal, seen.coverage.complete)
    counters, unread = await _without_ttl(ctx, seen)
    gateway = await _against_gateway(ctx, {one.root for one in outcome.judged})
    found = [*counters, *drift(declared, observed), *gateway.found]
    found.sort(key=lambda one: _ORDER.index(one.priority))
    whole = ", not all: what is declared and was not seen is not judged"
    if seen.coverage.complete:
        whole = ""
    return LiveComparison(
        differences=tuple(CodeDrift(**one._asdict()) for one in found),
        covered=f"{seen.coverage.scanned:,} keys read{whole}",
        operations=len(declared.operations | observed.operations),
        kinds=len(declared.kinds | observed.kinds),
        limits=gateway.limits,
        routes=gateway.routes,
        not_compared=(*unread, *gateway.not_compared),
    )


async def _without_ttl(ctx: "Context", seen: Survey) -> tuple[list[Drift], list[str]]:
    """Return the operations with counters that have no TTL, and what of the counters could not be read."""
    counters, fault = await read_known(ctx, seen)
    found = list(counter_drift(safe_text(one.operation, 80) for one in counters if one.immortal))
    return found, [] if fault is None else [f"counters: {fault.message}"]


class _Gateway:
    """The comparison with the running gateway."""

    def __init__(self) -> None:
        self.found: list[Drift] = []
        self.not_compared: list[str] = []
        self.limits = self.routes = 0


async def _against_gateway(ctx: "Context", roots: set[Path]) -> _Gateway:
    """Compare limits and routes with what the gateway publishes of itself."""
    from optimus_tui.probes.http.services import look, read_gateway

    made = _Gateway()
    if len(roots) != 1:
        made.not_compared.append("limits and routes: the files belong to several projects")
        return made
    limits, apps = await asyncio.to_thread(_written_in, next(iter(roots)))
    state = await part(ctx, read_gateway(ctx.http, ctx.settings, ctx.clock, with_rules=True), "gateway")
    if isinstance(state, Fault) or state.value is None or state.value.service.status_code is None:
        fault = state if isinstance(state, Fault) else state.fault
        made.not_compared.append(f"limits and routes: {fault.message if fault else 'the gateway does not answer'}")
        return made
    rules = state.value.rules
    if limits is None:
        made.not_compared.append("limits: no file of the source writes them out")
    elif rules is None:
        fault = state.value.rules_fault
        made.not_compared.append(f"limits: {fault.message if fault else 'the gateway publishes none'}")
    else:
        made.limits = len(limits.limits.keys() | rules.limits.keys())
        made.found += limit_drift(limits, rules)
    url = f"{(ctx.settings.gateway_urls or (ctx.settings.gateway_url,))[0]}/openapi.json"
    asked = await part(ctx, look(ctx.http, url, cap_bytes=_DOCUMENT_BYTES), "routes")
    live = None if isinstance(asked, Fault) else published_routes(asked.document)
    _compare_routes(made, apps, live)
    return made


def _compare_routes(made: _Gateway, apps: Iterable[WrittenRoutes], live: frozenset[RouteName] | None) -> None:
    if live is None:
        made.not_compared.append("routes: the gateway publishes no /openapi.json")
        return
    app = best_match(apps, live)
    if app is None:
        made.not_compared.append("routes: no application in the source has a route of the running gateway")
        return
    if not app.whole:
        made.not_compared.append("routes: a path in the source is not known, so routes without source are not judged")
    made.routes = len(app.routes | live)
    made.found += route_drift(app, live)


def _written_in(root: Path) -> tuple[WrittenLimits | None, list[WrittenRoutes]]:
    """Return the limits and the applications of a source tree."""
    tree = SourceTree(root)
    layout = frozenset(tree.layout())
    named = (path for path in sorted(layout) if "limit" in path.rpartition("/")[2] and path.endswith(".py"))
    limits = next((found for path in named if (found := limits_in(tree.load(path) or b""))), None)
    project = Project(tree.load, lambda: layout)
    try:
        return limits, list(routes_in(project))
    finally:
        project.close()
