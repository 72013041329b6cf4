"""Tenants side by side: an unknown figure is null, with the reason in the document's ``unknown``."""

from msgspec import Struct

from optimus_tui.contract.tools.common import CoverageSection, Diagnostic, Report, WindowSource


class TenantFigures(Struct, frozen=True, kw_only=True):
    """One tenant. Shares run from 0 to 1; ``share`` is of ``operation``'s limit, the fullest one.

    ``failed`` are requests answered 5xx, ``error_share`` and ``refused_share`` parts of its requests; null where the
    gateway does not count by tenant, or without a status. ``latency_p95_ms`` is interpolated in the gateway's
    histogram; where a bucket is too wide for that, it is null and ``latency_p95_bound`` says what is known, ``≤ 10 s``.
    """

    tenant_id: str
    counters: int | None = None
    share_of_all_counters: float | None = None
    immortal: int | None = None
    over: int | None = None
    operation: str | None = None
    current_count: int | None = None
    limit: int | None = None
    share: float | None = None
    requests: int | None = None
    failed: int | None = None
    error_share: float | None = None
    refused: int | None = None
    refused_share: float | None = None
    cache_keys: int | None = None
    cache_keys_without_ttl: int | None = None
    events: int | None = None
    latency_p95_ms: float | None = None
    latency_p95_bound: str | None = None


class CompareReport(Report, frozen=True, kw_only=True):
    """The comparison. ``window_covered_minutes`` is for requests and refusals, ``events_covered_minutes`` for events.

    ``differs`` names the figures in which the tenants differ, the one in which they differ most first.
    """

    window_requested_minutes: int
    window_covered_minutes: float
    source: WindowSource
    events_covered_minutes: float | None
    coverage: CoverageSection
    tenants: tuple[TenantFigures, ...]
    differs: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    unknown: tuple[str, ...] = ()
