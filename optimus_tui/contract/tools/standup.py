"""The stand-up's document: the present state and the changes since the last one, from several tools' results."""

from typing import Literal

from msgspec import Struct, field

from optimus_tui.contract.findings import Overall, Severity
from optimus_tui.contract.tools.common import Report

Direction = Literal["same", "better", "worse", "changed"]


class ServicePart(Struct, frozen=True, kw_only=True):
    """One dependency: its state now, its latency now, and the 95th percentile of the window."""

    status: str
    latency_ms: float | None = None
    p95_ms: float | None = None
    error: str | None = None


class RedisPart(ServicePart, frozen=True, kw_only=True):
    """Redis with its memory; the hit rate (0 to 1) is the gateway's where it publishes one."""

    memory_bytes: int | None = None
    hit_rate: float | None = None
    hit_rate_source: str | None = None


class LimitsPart(Struct, frozen=True, kw_only=True):
    """All counters, those without TTL and those over their limit, and the fullest one."""

    counters: int | None = None
    counters_allowed: int | None = None
    immortal: int | None = None
    over: int | None = None
    tenant: str | None = None
    operation: str | None = None
    share: float | None = None
    error: str | None = None


class CachePart(Struct, frozen=True, kw_only=True):
    """Keys as far as they were scanned."""

    keys: int | None = None
    without_ttl: int | None = None
    complete: bool = False
    error: str | None = None


class EventsPart(Struct, frozen=True, kw_only=True):
    """Invalidation events of the window by their own timestamps. ``per_minute`` is null for a single one.

    ``covered_minutes``: how much of the window the log reaches back over.
    """

    in_window: int | None = None
    covered_minutes: float | None = None
    per_minute: float | None = None
    seconds_ago: float | None = None
    malformed: int | None = None
    error: str | None = None


class StandupFinding(Struct, frozen=True, kw_only=True):
    """A finding of any tool. ``new``: not in the last stand-up; ``since``: the stand-up that first had it."""

    severity: Severity
    message: str
    rule: str
    subject: str
    new: bool = False
    since: str | None = None


class Change(Struct, frozen=True, kw_only=True):
    """How one part compares with the last stand-up, as text: ``was 230 ms``. ``rose``: whether the figure grew."""

    direction: Direction
    words: str
    rose: bool | None = None


class StandupReport(Report, frozen=True, kw_only=True):
    """``since`` is the time of the stand-up that this one is compared with, null for the first."""

    environment: str
    since: str | None
    window_minutes: int
    overall_status: Overall
    gateway: ServicePart
    engine: ServicePart
    redis: RedisPart
    limits: LimitsPart
    cache: CachePart
    events: EventsPart
    findings: tuple[StandupFinding, ...]
    gone: tuple[str, ...] = ()
    """Findings of the last stand-up that no longer hold."""
    changes: dict[str, Change] = field(default_factory=dict)
    """By part: gateway, engine, redis, limits, cache, events."""
    unknown: tuple[str, ...] = ()
    """What could not be measured, with the reason."""
