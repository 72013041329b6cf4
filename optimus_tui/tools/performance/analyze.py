"""analyze_performance_metrics: five figures, each measured or said to be not available, over a window that is named."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from optimus_tui.contract.tools.traffic import PerformanceQuery, PerformanceReport
from optimus_tui.tools.pages.report_sections import diagnostics
from optimus_tui.tools.performance.cache import cache_performance
from optimus_tui.tools.performance.latency import latency
from optimus_tui.tools.performance.limits import rate_limiting_efficiency
from optimus_tui.tools.performance.traffic import Result, error_rate, throughput
from optimus_tui.verdicts.sorting import worst_first
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context

QUERY, REPORT = PerformanceQuery, PerformanceReport
Measure = Callable[["Context", PerformanceQuery], Awaitable[Result]]

_MEASURES: dict[str, Measure] = {
    "latency": latency,
    "throughput": throughput,
    "error_rate": error_rate,
    "cache_performance": cache_performance,
    "rate_limiting_efficiency": rate_limiting_efficiency,
}


def found(report: PerformanceReport) -> bool:
    """Return True for a finding of medium or worse, and if a figure could not be measured."""
    missing = report.analysis_results.get("status") == "not available"
    return missing or any(one.severity in ("medium", "high", "critical") for one in report.diagnostics)


async def run(ctx: "Context", query: PerformanceQuery) -> PerformanceReport:
    """Measure the one figure that was asked for."""
    from optimus_tui.tools.answer import timestamp

    result = await _MEASURES[query.metric_type](ctx, query)
    return PerformanceReport(
        tool="analyze_performance_metrics",
        timestamp=timestamp(ctx.clock.wall()),
        metric_type=query.metric_type,
        tenant_filter=None if query.tenant_filter is None else safe_text(query.tenant_filter, 200),
        window_requested_minutes=query.time_window_minutes,
        window_covered_minutes=round(result.covered_minutes, 3),
        source=result.source,
        analysis_results=result.results,
        diagnostics=diagnostics(worst_first(result.findings)),
    )
