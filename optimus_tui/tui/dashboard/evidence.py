"""The figures beside a finding: what its remedy tells people to compare, from the last readings of the panes."""

from collections import Counter as Tally
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar, cast

from optimus_tui.contract.finding_rules import CACHE_BULK, LIMITS_OVER, LIMITS_REFUSED
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import FeedEvent, LimitRow
from optimus_tui.contract.services import HealthReport
from optimus_tui.grammar.events import named_targets
from optimus_tui.tui.dashboard.reports import limits_report
from optimus_tui.tui.panes.feed.lines import BULK
from optimus_tui.tui.services import DashboardServices
from optimus_tui.wording.numbers import UNKNOWN, clause, latency
from optimus_tui.wording.safe import safe_text
from optimus_tui.workflow.ranking import tenant_of

if TYPE_CHECKING:
    from optimus_tui.tui.panes.feed.pane import FeedPane

Name = TypeVar("Name", str, bytes)
SHOWN = 5
"""Operations or tenants that are named, those with most."""
NAMES = 2
"""Keys or patterns of dropped answers that are named."""
MOST_ROWS, MOST_EVENTS = 20_000, 1_000
"""Counters, the most urgent first, and events, the newest first, that are gone through each second."""
BESIDE = "\nBeside it: "
"""What stands before these figures in a dialog."""
USED_UP = ("over", "near", "immortal")
"""States of a counter in which it is asked what its tenant has used of the others."""


def figures_beside(dashboard: DashboardServices, finding: object) -> str:
    """Return figures to compare a finding with (safe text); empty where none belong to it, or none were read.

    Args:
        dashboard: The dashboard with the last readings.
        finding: A finding, or the row of a counter that is over its limit.
    """
    if isinstance(finding, LimitRow):
        return _operations(dashboard, safe_text(finding.counter.tenant)) * (finding.state in USED_UP)
    if not isinstance(finding, Finding):
        return ""
    if finding.rule.startswith("latency."):
        return _latencies(dashboard)
    if finding.rule in (LIMITS_OVER, LIMITS_REFUSED):
        return _operations(dashboard, tenant_of(finding) or "")
    if finding.rule == CACHE_BULK:
        return _dropped(dashboard)
    return ""


def _latencies(dashboard: DashboardServices) -> str:
    """Return the p50 of each dependency's checks; of one that has none yet, its last check; unknown without any."""
    health = dashboard.health
    if health is None:
        return ""
    names = ["gateway", "engine", "redis", *["postgres"] * dashboard.settings.names_postgres]
    figures = {name: f"{latency(ms)} (last check)" for name, ms in _last_checks(health) if ms is not None}
    figures |= {name: latency(series.p50) for name, series in health.latency.items() if series.p50 is not None}
    shown = (f"{name} {figures.get(name, 'unknown')}" for name in names)
    return f"{' · '.join(shown)}: p50 of their checks in 10 min"


def _last_checks(health: HealthReport) -> Iterator[tuple[str, float | None]]:
    """Yield how long the last check of each dependency took, in milliseconds; None where it failed."""
    if health.gateway is not None and health.gateway.value is not None:
        yield "gateway", health.gateway.value.service.latency_ms
    for name, reading in (("engine", health.engine), ("redis", health.server), ("postgres", health.postgres)):
        if reading is not None and reading.value is not None and reading.fault is None:
            yield name, reading.value.latency_ms


def _operations(dashboard: DashboardServices, tenant: str) -> str:
    """Return what a tenant has used of each limit in the present windows, most first."""
    report = limits_report(dashboard)
    if report is None or not tenant:
        return ""
    rows = [
        row for row in islice(report.rows, MOST_ROWS) if row.counter.tenant and safe_text(row.counter.tenant) == tenant
    ]
    rows.sort(key=lambda row: row.counter.count or 0, reverse=True)
    if not rows:
        return ""
    more = f" and {len(rows) - SHOWN} more" * (len(rows) > SHOWN)
    return f"{' · '.join(map(_used, rows[:SHOWN]))}{more}: requests of {safe_text(tenant, 60)} in its present windows"


def _used(row: LimitRow) -> str:
    operation, count, limit = safe_text(row.counter.operation, 40), UNKNOWN, ""
    if row.counter.count is not None:
        count = f"{row.counter.count:,}"
    if row.limit is not None:
        limit = f" of {row.limit:,}"
    return f"{operation} {count}{limit}"


def _dropped(dashboard: DashboardServices) -> str:
    """Return whose answers were dropped in bulk most often, and by which patterns, of the newest events of the feed."""
    store = cast("FeedPane", dashboard.pane("feed")).store
    events = [one for one in islice(reversed(store.items), MOST_EVENTS) if isinstance(one, FeedEvent)]
    read = ((one, store.parsed(one)) for one in events)
    drops = [(one, meaning) for one, meaning in read if meaning.problem is None and meaning.type == BULK]
    if not drops:
        return ""
    tenants = Tally(meaning.tenant or UNKNOWN for _, meaning in drops)
    names = Tally(b"*".join(target.pieces) for one, _ in drops for target in named_targets(one.payload)[0])
    by_name = clause(_most(names, NAMES), "; they named ")
    return f"{_most(tenants, SHOWN)}: bulk invalidations among the last {len(events):,} events of the feed{by_name}"


def _most(tally: Tally[Name], shown: int) -> str:
    most = " · ".join(f"{safe_text(name, 60)} {times:,}" for name, times in tally.most_common(shown))
    return most + f" and {len(tally) - shown:,} more" * (len(tally) > shown)
