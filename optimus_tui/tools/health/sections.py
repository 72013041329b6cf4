"""The sections of diagnose_gateway_health, each from what was read of its part. Pure.

A section that was asked for is always an object: what is not known is null beside "unknown" or "partial" and a reason.

Rate-limit counters and odd names as documents carry them: the most urgent ones, and a number for the rest. Pure.
"""

from collections.abc import Iterable, Sequence
from itertools import islice

from optimus_tui.contract.limits import LimitRow, LimitsReport, UnparsedNames
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import GatewayState, HitRate, ServerState, ServiceState
from optimus_tui.contract.tools.common import NamesSection, ShapeSection
from optimus_tui.contract.tools.state import (
    CacheMetricsSection,
    DependencySection,
    DiagnoseQuery,
    GatewayMetricsSection,
    LimitSection,
    ProcessesSection,
    RateLimitingSection,
    RedisSection,
)
from optimus_tui.tools.answer import ROWS
from optimus_tui.tools.figures.gateway_figures import GatewayFigures
from optimus_tui.tools.keyspace_scan import Survey
from optimus_tui.tools.pages.report_sections import dependency, limit_section, operation_name, sentence, service
from optimus_tui.verdicts.values import if_known, rounded
from optimus_tui.wording.safe import safe_text

MOST_ROWS = ROWS
"""Of a map in a document: as many as any list of it may have."""


def limit_sections(rows: Iterable[LimitRow], most: int = MOST_ROWS) -> dict[str, LimitSection]:
    """Return the first ``most`` rows (the most urgent) by operation. Two names that look alike stay two."""
    sections: dict[str, LimitSection] = {}
    for row in islice(rows, most):
        name, number = operation_name(row.counter), 1
        while name in sections:
            number += 1
            name = f"{operation_name(row.counter)} ({number})"
        sections[name] = limit_section(row.counter, row)
    return sections


def omitted(rows: Sequence[object], most: int = MOST_ROWS) -> int:
    """Return how many rows a list of at most ``most`` leaves out."""
    return max(0, len(rows) - most)


def unparsed_section(names: UnparsedNames) -> NamesSection:
    """Return names under ``rate_limit`` of another layout, with their shapes."""
    return NamesSection(names.count, tuple(ShapeSection(one.shape, one.count) for one in names.shapes))


AWAY = ("refused", "timeout", "tls")
"""Faults of a server that did not answer at all; any other is a wrong answer."""


def gateway_section(reading: Reading[GatewayState]) -> DependencySection:
    """Return the section about the gateway's health."""
    state = reading.value
    if state:
        return service(state.service, reading.fault)
    return _unheard(reading.fault, "error")


def engine_section(reading: Reading[ServiceState]) -> DependencySection:
    """Return the section about the AI engine's health."""
    if reading.value:
        return dependency(reading)
    return _unheard(reading.fault, "disconnected")


def _unheard(fault: Fault | None, word: str) -> DependencySection:
    if fault is not None and fault.kind == "starved":
        word = "unknown"
    return DependencySection(status=word, error=sentence(fault))


postgres_section = dependency


def redis_section(reading: Reading[ServerState]) -> RedisSection:
    """Return the section about Redis, as it answered PING and INFO."""
    value, fault = reading.value, reading.fault
    if value is None or fault is not None:
        if fault is not None and fault.kind == "starved":
            return RedisSection(status="unknown", error=sentence(fault))
        if fault is not None and fault.kind not in AWAY:
            return RedisSection(status="error", error=sentence(fault))
        return RedisSection(status="disconnected", error=sentence(fault))
    return RedisSection(
        status="connected",
        latency_ms=rounded(value.latency_ms, 2),
        version=value.version,
        mode=value.mode,
        role=value.role,
        error=sentence(value.info_fault),
    )


def cache_section(
    query: DiagnoseQuery, reading: Reading[GatewayState], rate: HitRate | None, seen: Survey | None
) -> CacheMetricsSection:
    """Return the section about the hit rate and its source. ``seen`` is what was scanned of the keys."""
    if not query.include_cache_metrics:
        return CacheMetricsSection(status="not checked")
    state = reading.value
    metrics = None
    if state:
        metrics = state.cache
    total = None
    if metrics:
        total = metrics.total_keys
    unknown = None
    if seen is not None and seen.coverage.scanned:
        unknown = seen.names_section
    if rate is not None:
        return CacheMetricsSection(
            status="ok",
            hit_rate=round(rate.value, 4),
            total_keys=total,
            source=rate.source,
            unknown_layout=unknown,
        )
    why = sentence(state.cache_fault if state else reading.fault)
    if not why:
        why = "the gateway did not answer"
        if metrics:
            why = "there were no look-ups yet"
    return CacheMetricsSection(status="unknown", total_keys=total, unknown_layout=unknown, error=why)


def metrics_section(figures: GatewayFigures) -> GatewayMetricsSection:
    """Return the section about the gateway's counters and circuit breakers."""
    status = "ok"
    if figures.requests_per_second is None and not figures.breakers_known:
        status = "unknown"
    elif figures.unknown:
        status = "partial"
    processes = None
    if figures.processes is not None:
        processes = ProcessesSection(seen=figures.processes, restarts=figures.restarts or 0)
    return GatewayMetricsSection(
        status=status,
        requests_per_second=rounded(figures.requests_per_second, 3),
        failing_share=rounded(figures.failing_share, 4),
        refused_share=rounded(figures.refused_share, 4),
        worst_route=figures.worst_route,
        worst_tenant=figures.worst_tenant,
        open_circuits=figures.open_circuits,
        half_open_circuits=figures.half_open_circuits,
        processes=processes,
        lower_bound=figures.lower_bound,
        covered_minutes=round(figures.covered_minutes, 3),
        source=if_known(figures.covered_minutes > 0, figures.source),
        unknown=figures.unknown,
    )


def limiting_section(
    query: DiagnoseQuery, tenant: bytes, seen: Survey | None, limits: LimitsReport | None
) -> RateLimitingSection:
    """Return the section about the tenant's counters; "partial" if not everything was read in time."""
    name = safe_text(query.tenant_id, 200)
    if not query.include_rate_limiting:
        return RateLimitingSection(status="not checked", tenant_id=name)
    if seen is None or limits is None:
        return RateLimitingSection(status="unknown", tenant_id=name, error="Redis was not read")
    if seen.fault is not None and not limits.rows:
        return RateLimitingSection(status="unknown", tenant_id=name, coverage=seen.section, error=sentence(seen.fault))
    rows = [row for row in limits.rows if row.counter.tenant == tenant]
    fault: Fault | None = seen.fault
    strange = seen.counters_unknown
    status = "partial"
    if strange:
        status = "unknown"
    elif fault is None:
        status = "ok"
    return RateLimitingSection(
        status=status,
        tenant_id=name,
        total_active_limits=len(rows),
        total_limit_keys=limits.total,
        rate_limits=limit_sections(rows),
        omitted=omitted(rows),
        unparsed=unparsed_section(limits.unparsed),
        window_seconds=limits.rules.window_seconds if limits.rules else None,
        coverage=seen.section,
        error=sentence(fault) or strange or None,
    )
