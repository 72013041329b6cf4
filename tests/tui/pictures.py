"""Readings as the panes get them: a system with a bit of everything, and the parts to build others from."""

from collections.abc import Sequence
from typing import Any

from optimus_tui.contract.findings import Finding, overall_of
from optimus_tui.contract.keyspace import Counter, LimitRules, LimitsReport, ShapeCount, Track, UnparsedNames
from optimus_tui.contract.reading import Coverage, Reading
from optimus_tui.contract.services import (
    CacheMetrics,
    GatewayState,
    HealthReport,
    HitRate,
    Series,
    ServerState,
    ServiceState,
)
from optimus_tui.contract.signals import SIGNALS, GoldenSignals, Signals
from optimus_tui.settings.model import Settings, Thresholds
from optimus_tui.verdicts.limits import judge as limit_verdict

WALL, MONO = 1_795_000_000.0, 1000.0
RULES = LimitRules(window_seconds=60, limits={"chat": 150, "list_conversations": 100, "profile": 100})


def counter(
    tenant: bytes | str,
    operation: bytes | str = b"chat",
    count: int | None = 3,
    ttl_ms: int | None = 30_000,
    **more: Any,
) -> Counter:
    """One counter; ``ttl_ms`` None makes it immortal."""
    name, what = (text.encode() if isinstance(text, str) else text for text in (tenant, operation))
    return Counter(
        key=b"rate_limit:%b:%b" % (name, what),
        tenant=name,
        operation=what,
        count=count,
        ttl_ms=ttl_ms,
        immortal=ttl_ms is None,
        taken_mono=MONO,
        **more,
    )


MIXED = (
    counter("clinic_b", "chat", 400, None),
    counter("demo_dentist", "chat", 142, 41_000),
    counter("demo_dentist", "list_conversations", 100, 22_000),
    counter("high_traffic", "chat", 96, 37_000),
    counter("clinic_a", "chat", 31, 12_000),
    counter("clinic_a", "export", 12, 55_000),
    counter("clinic_a", "profile", None, 9_000, problem="not a number"),
)


def limits_report(
    counters: Sequence[Counter] = MIXED, rules: LimitRules | None = RULES, unparsed: int = 0, **more: Any
) -> LimitsReport:
    """The counters as judged."""
    tracks = {c.key: _track(c, 3.1 if c.operation == b"chat" else 0.0) for c in counters if not c.immortal}
    more.setdefault("coverage", Coverage(scanned=len(counters), total=len(counters), complete=True))
    odd = UnparsedNames(unparsed, 0, (ShapeCount("rate_limit:", unparsed),)) if unparsed else UnparsedNames()
    return limit_verdict.judge(counters, tracks=tracks, rules=rules, thresholds=Thresholds(), unparsed=odd, **more)


def _track(one: Counter, slope: float) -> Track:
    """Looks of the last ten seconds at this slope, before which nothing is known."""
    looks = [(MONO - ago, max(0, round((one.count or 0) - slope * ago))) for ago in range(20, -1, -2)]
    return Track(tuple(looks) if one.count is not None else (), renewed=True)


def reading(value: Any, ago: float = 0.6, **more: Any) -> Reading[Any]:
    """A value read ``ago`` seconds before the fixed clock's present."""
    return Reading(value=value, taken_at=WALL - ago, taken_mono=MONO - ago, **more)


def gateway(status: Any = "healthy", **more: Any) -> GatewayState:
    """The gateway with its cache figures."""
    service = ServiceState(status=status, latency_ms=45.0, status_code=200, version="1.4.0", **more)
    return GatewayState(service=service, cache=CacheMetrics(0.85, 1247), rules=RULES)


def server(**more: Any) -> ServerState:
    """A primary with memory left."""
    facts: dict[str, Any] = {
        "latency_ms": 0.4,
        "product": "redis",
        "version": "7.0.15",
        "role": "primary",
        "keys": 1301,
        "memory_used": 244 * 1024**2,
        "memory_max": 2 * 1024**3,
        "memory_policy": "allkeys-lru",
        "evicted_keys": 0,
        "clients": 41,
        "commands_per_second": 204.0,
        "uptime_seconds": 300_000,
    }
    return ServerState(**{**facts, **more})


def series(*values: float) -> Series:
    """A history of these values."""
    ordered = sorted(values)
    return Series(
        values=values, p50=ordered[len(ordered) // 2], p95=ordered[int(len(ordered) * 0.95)], samples=len(values)
    )


SLOW = Finding(
    rule="latency.p95",
    severity="medium",
    subject="engine",
    message="engine p95 840 ms is over 500 ms",
    samples=31,
    since=WALL - 540,
)
NEVER = Finding(
    rule="limits.immortal",
    severity="critical",
    subject="clinic_b / chat",
    message="clinic_b / chat never resets: its counter has no TTL (400 of 150)",
    samples=1,
    since=WALL - 1560,
)


def health_report(**more: Any) -> HealthReport:
    """A slow engine and a blocked tenant; ``more`` replaces fields."""
    parts: dict[str, Any] = {
        "gateway": reading(gateway()),
        "engine": reading(ServiceState(status="connected", latency_ms=612.0, status_code=200, version="1.1.2")),
        "server": reading(server()),
        "postgres": reading(ServiceState(status="not configured")),
        "latency": {
            "gateway": series(*[45.0, 48, 44, 61, 45] * 4),
            "engine": series(*[200.0, 350, 500, 612, 840, 780, 840] * 3),
            "redis": series(*[0.4, 0.4, 0.5, 0.4] * 5),
        },
        "hit_rate": HitRate(0.85, "gateway", 1247),
        "hit_rate_history": series(*[0.85, 0.84, 0.86, 0.8] * 5),
        "findings": (NEVER, SLOW),
        "probed": 3,
        "answered": 3,
    }
    parts.update(more)
    parts.setdefault("overall", overall_of(parts["findings"]))
    return HealthReport(**parts)


SETTINGS = Settings(environment="prod")


def some_signals(**more: Any) -> Signals:
    """One population's golden signals; ``more`` replaces fields."""
    trend = (1.0, 1.0, 2.0, 9.0)
    facts: dict[str, Any] = {
        "requests": 19_080.0,
        "per_second": 212.0,
        "failing_share": 0.004,
        "refused_per_second": 3.1,
        "refused_share": 0.015,
        "p95_ms": 612.0,
        "p95_words": "≈ 612 ms",
        "timed": 19_000.0,
        "trends": dict.fromkeys(SIGNALS, trend),
    }
    return Signals(**{**facts, **more})


def golden(tenants: Sequence[str] = ("demo_dentist", "acme"), **more: Any) -> GoldenSignals:
    """The golden signals of all requests and of some tenants, over 90 seconds."""
    by_name = {name: some_signals(per_second=100.0 - at, refused_per_second=0.0) for at, name in enumerate(tenants)}
    facts: dict[str, Any] = {"total": some_signals(), "tenants": by_name, "refused_by": {}}
    return GoldenSignals(**{**facts, "seconds": 90.0, "taken_at": WALL - 2, "taken_mono": MONO - 2, **more})
