"""The queue of reports from the sampling loops to the panes, and the last reading of each pane."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import FeedBatch, FeedEvent, LimitsReport
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import HealthReport
from optimus_tui.tui.panes.feed.lines import told_types
from optimus_tui.tui.services import DashboardServices
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.contract.keyspace import CacheReport, KeyDetail
    from optimus_tui.tui.panes.cache.pane import CachePane
    from optimus_tui.tui.panes.feed.pane import FeedPane
    from optimus_tui.tui.panes.limits.pane import LimitsPane


def last_report(dashboard: DashboardServices, name: str) -> Any:
    """Return the last report of the health, limits or cache pane; None before the first."""
    reading = dashboard.pane(name).reading
    if reading is None:
        return None
    return reading.value


def known_findings(health: HealthReport | None) -> Sequence[Finding]:
    """Return the findings of the last report on health; none before the first."""
    if health is None:
        return ()
    return health.findings


def newest_findings(dashboard: DashboardServices) -> Iterator[tuple[Sequence[Finding], float]]:
    """Yield the findings of the last report of each pane, and when the newest reading behind them was taken."""
    for name in ("limits", "cache"):
        reading = dashboard.pane(name).reading
        if reading is not None and reading.value is not None:
            yield reading.value.findings, reading.taken_at
    health = dashboard.health
    if health is not None:
        looks = (health.gateway, health.engine, health.server, health.postgres)
        yield health.findings, max((look.taken_at for look in looks if look is not None), default=0.0)


def limits_report(dashboard: DashboardServices) -> LimitsReport | None:
    """Return the counters as last read. None before the first reading."""
    report: LimitsReport | None = last_report(dashboard, "limits")
    return report


def seen_tenants(dashboard: DashboardServices) -> list[bytes]:
    """Return the tenants that have counters now, as the bytes of their names."""
    report = limits_report(dashboard)
    if report is None:
        return []
    return [tenant.tenant for tenant in report.tenants if tenant.tenant]


def tenant_names(dashboard: DashboardServices) -> list[str]:
    """Return the tenants that a tool can be asked about: those of the configuration, then those with counters.

    A name that is not UTF-8 is left out.
    """
    names = [tenant.decode("utf-8", "replace") for tenant in seen_tenants(dashboard)]
    return list(dict.fromkeys([*dashboard.settings.tenants, *(name for name in names if "\ufffd" not in name)]))


def known_tenants(dashboard: DashboardServices) -> frozenset[str]:
    """Return the tenants that the settings, a counter, a cache key, an event or a metric names, as safe text."""
    found: list[str | bytes] = [*dashboard.settings.tenants, *seen_tenants(dashboard)]
    if dashboard.health is not None and dashboard.health.signals is not None:
        found += dashboard.health.signals.tenants
    cache: CacheReport | None = last_report(dashboard, "cache")
    if cache is not None:
        found += [group.tenant for kind in cache.kinds for group in kind.tenants if group.tenant]
    feed = cast("FeedPane", dashboard.pane("feed"))
    found += [feed.store.parsed(one).tenant for one in feed.store.rows() if isinstance(one, FeedEvent)]
    return frozenset(safe_text(name) for name in set(found) if name)


def nobody_saw(tenant: str) -> str:
    """Return the sentence that says that a tenant's name is in no counter, cache key, event, metric or setting."""
    return f"nobody has seen a tenant named {safe_text(tenant, 60)}: no counter, cache key, event or metric names it"


class ReportQueue:
    """Passes reports to their panes: urgent and first ones at once, the rest once a second in one paint."""

    def __init__(
        self,
        dashboard: DashboardServices,
        on_arrival: Callable[[HealthReport], None],
        on_drawing: Callable[[HealthReport], None],
    ) -> None:
        """Keep nothing yet.

        Args:
            dashboard: Whose panes are drawn.
            on_arrival: Called with every health report as it arrives.
            on_drawing: Called with every health report as it is drawn.
        """
        self.dashboard, self._on_arrival, self._on_drawing = dashboard, on_arrival, on_drawing
        self._waiting: dict[str, object] = {}

    def put(self, subject: str, report: object) -> None:
        """Take a report. The first one of a pane and new events are drawn at once.

        Args:
            subject: A pane's name, or ``details`` for those of cache keys.
            report: The reading; its type depends on the subject.
        """
        if subject == "details":
            cast("CachePane", self.dashboard.pane("cache")).put_details(cast("tuple[KeyDetail, ...]", report))
            return
        if isinstance(report, HealthReport):
            self._on_arrival(report)
        urgent = bool(isinstance(report, FeedBatch) and report.items) or self._tells_new(subject, report)
        if urgent or self.dashboard.pane(subject).reading is None:
            self._waiting.pop(subject, None)
            self._draw(subject, report)
            if isinstance(report, HealthReport):
                self.dashboard.draw_status()
        else:
            self._waiting[subject] = report

    def _tells_new(self, subject: str, report: object) -> bool:
        """Return True for a report with a new or worse finding, of which an alert or the health pane has just told.

        Keys act on it, and its row must not show figures of before.
        """
        now, before = (_told_by(one) for one in (report, self.dashboard.pane(subject).reading))
        return not now <= before

    def draw_waiting(self) -> set[str]:
        """Draw all waiting reports, and return whose they were. The caller draws the status line."""
        drawn = set(self._waiting)
        while self._waiting:
            self._draw(*self._waiting.popitem())
        return drawn

    def _draw(self, subject: str, report: object) -> None:
        self.dashboard.pane(subject).reading = report
        if isinstance(report, HealthReport):
            self.dashboard.health = report
            cast("LimitsPane", self.dashboard.pane("limits")).follow(report)
            cast("FeedPane", self.dashboard.pane("feed")).content.told = told_types(report.findings)
            self.dashboard.context.shown = self.dashboard.context.clock.mono(), tuple(report.findings)
            self._on_drawing(report)


def _told_by(report: object) -> set[tuple[str, str, str]]:
    """Return rule, subject and severity of each finding of a report, or of a reading of one."""
    value = report.value if isinstance(report, Reading) else report
    findings: Sequence[Finding] = getattr(value, "findings", ())
    return {(one.rule, one.subject, one.severity) for one in findings}
