"""analyze_performance_metrics: five figures over a window, with the time that they cover."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from optimus_tui.contract.tools.common import Diagnostic, Query, Report, WindowMinutes, WindowSource

MetricType = Literal["latency", "throughput", "error_rate", "cache_performance", "rate_limiting_efficiency"]


class PerformanceQuery(Query, frozen=True, kw_only=True):
    """Arguments of the measurement: which figure, of whom, over which window."""

    metric_type: Annotated[MetricType, Meta(description="Which figure to measure.")] = "latency"
    time_window_minutes: WindowMinutes = 60
    tenant_filter: Annotated[
        Annotated[str, Meta(min_length=1, max_length=4096)] | None,
        Meta(description="Only this tenant, as literal text; nothing means all."),
    ] = None


class PerformanceReport(Report, frozen=True, kw_only=True):
    """The figures. ``analysis_results`` is never empty: an unknown figure says "not available" and why."""

    metric_type: MetricType
    """The kind of figure that was measured."""
    tenant_filter: str | None
    """The tenant that was measured; null for all."""
    window_requested_minutes: int
    """The window that was asked for, in minutes."""
    window_covered_minutes: float
    """How far back the samples reach, in minutes."""
    source: WindowSource
    """Where the figures of the window come from: Prometheus, our own history, or a live sample."""
    analysis_results: dict[str, Any]
    """The figures, by their names."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Everything that was judged to be wrong."""
