"""analyze_cache_coherence: whether invalidations reach the cache, and whether the cache follows them."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from optimus_tui.contract.tools.common import (
    CoverageSection,
    Diagnostic,
    NamesSection,
    Query,
    Report,
    WindowMinutes,
    WindowSource,
)


class CoherenceQuery(Query, frozen=True, kw_only=True):
    """Arguments of the analysis of cache keys and invalidations."""

    time_window_minutes: WindowMinutes = 15
    include_event_log: Annotated[bool, Meta(description="Read the list of recent events too.")] = True


class CoherenceAnalysis(Struct, frozen=True, kw_only=True):
    """Totals. The ratio is tracking keys ÷ cache keys, null without cache keys or without a complete scan.

    ``status``: ok, partial where not all keys were scanned, unknown where none could be; ``error`` says why.
    """

    total_cache_keys: int | None
    coherence_tracking_keys: int | None
    cache_to_coherence_ratio: float | None
    keys_without_ttl: int | None
    orphan_tracking_keys: int | None = None
    untracked_cache_keys: int | None = None
    tracking_keys_not_understood: int | None = 0
    unknown_layout: NamesSection | None = None
    """Names of no known layout."""
    unknown: str | None = None
    """Why orphans and untracked keys are null."""
    status: str = "ok"
    error: str | None = None


class SampledKey(Struct, frozen=True, kw_only=True):
    """One cache key. ``ttl_seconds`` null with ``immortal`` true: it never expires."""

    key: str
    ttl_seconds: int | None
    memory_bytes: int | None
    immortal: bool = False
    type: str | None = None


class CoherenceAdvice(Struct, frozen=True, kw_only=True):
    """A suggestion as in the user's document: type, message, action; ``rule`` names the finding that it is about."""

    type: str
    message: str
    action: str
    priority: str = "medium"
    rule: str = ""


class CoherenceReport(Report, frozen=True, kw_only=True):
    """Events are filtered by their own timestamps; malformed ones are counted, not hidden."""

    window_requested_minutes: int
    """The window that was asked for, in minutes."""
    window_covered_minutes: float | None
    """How far back the events reach, in minutes; null where that is not known."""
    source: WindowSource
    """Where the figures of the window come from: Prometheus, our own history, or a live sample."""
    cache_coherence_analysis: CoherenceAnalysis
    coverage: CoverageSection
    sample_cache_analysis: tuple[SampledKey, ...]
    """Some cache keys with type, TTL and size."""
    recent_coherence_events: tuple[dict[str, Any], ...]
    """The newest events of the window."""
    events: dict[str, Any]
    """status, in_window, read, length, malformed, without_timestamp, in_future, by_type, by_tenant, per_minute,
    error."""
    pubsub: dict[str, Any]
    """status, channels, subscribers, pattern_subscriptions, by_channel, silent_channels, unheard_tenants, error."""
    auditor: dict[str, Any]
    """status, checked, vanished, refilled, survived_stale, suspected_stale, unknown, refill_ms (p50, p95), stale_keys
    and suspected_keys with their evidence, error."""
    recommendations: tuple[CoherenceAdvice, ...]
    """What to do, with the command or the file where there is one."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Everything that was judged to be wrong."""
