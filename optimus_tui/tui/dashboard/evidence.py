"""The figures beside a finding: what its remedy tells people to compare, from the last readings of the panes."""

from collections import Counter as Tally
from itertools import islice
from typing import TYPE_CHECKING, cast

from optimus_tui.contract.finding_rules import CACHE_BULK, LIMITS_OVER, LIMITS_REFUSED
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import FeedEvent, LimitRow
from optimus_tui.tui.dashboard.reports import limits_report
from optimus_tui.tui.services import DashboardServices
from optimus_tui.wording.numbers import UNKNOWN, latency
from optimus_tui.wording.safe import safe_text
from optimus_tui.workflow.ranking import tenant_of

if TYPE_CHECKING:
    from optimus_tui.tui.panes.feed.pane import FeedPane

SHOWN = 5
"""Operations or tenants that are named, those with most."""
MOST_ROWS, MOST_EVENTS = 20_000, 1_000
"""Counters, the most urgent first, and events, the newest first, that are gone through each second."""
DROPS = "bulk_invalidation"


def figures_beside(dashboard: DashboardServices, finding: Finding) -> str:
    """Return figures to compare a finding with (safe text); empty where none belong to it, or none were read.

    Args:
        dashboard: The dashboard with the last readings.
        finding: A finding.
    """
    if finding.rule.startswith("latency."):
        return _latencies(dashboard)
    if finding.rule in (LIMITS_OVER, LIMITS_REFUSED):
        return _operations(dashboard, finding)
    if finding.rule == CACHE_BULK:
        return _dropped(dashboard)
    return ""


def _latencies(dashboard: DashboardServices) -> str:
    """Return the p50 of each dependency's checks; unknown where it has none."""
    health = dashboard.health
    if health is None:
        return ""
    names = ["gateway", "engine", "redis", *["postgres"] * dashboard.settings.names_postgres]
    p50s = {name: latency(series.p50) for name, series in health.latency.items() if series.p50 is not None}
    shown = (f"{name} {p50s.get(name, 'unknown')}" for name in names)
    return f"{' · '.join(shown)}: p50 of their checks in 10 min"


def _operations(dashboard: DashboardServices, finding: Finding) -> str:
    """Return what the finding's tenant has used of each limit in the present windows, most first."""
    report, tenant = limits_report(dashboard), tenant_of(finding)
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
    """Return whose answers were dropped in bulk most often, of the newest events of the feed."""
    store = cast("FeedPane", dashboard.pane("feed")).store
    events = [one for one in islice(reversed(store.items), MOST_EVENTS) if isinstance(one, FeedEvent)]
    read = (store.parsed(one) for one in events)
    tally = Tally(one.tenant or UNKNOWN for one in read if one.problem is None and one.type == DROPS)
    if not tally:
        return ""
    most = " · ".join(f"{safe_text(name, 40)} {times:,}" for name, times in tally.most_common(SHOWN))
    more = f" and {len(tally) - SHOWN} more" * (len(tally) > SHOWN)
    return f"{most}{more}: bulk invalidations among the last {len(events):,} events of the feed"
