"""What is known of the gateway, the engine and Postgres after one look."""

from typing import Literal

from msgspec import Struct, field

from optimus_tui.contract.limits import LimitRules
from optimus_tui.contract.reading import Fault

Status = Literal["healthy", "unhealthy", "error", "connected", "disconnected", "not configured", "unknown"]


class ServiceState(Struct, frozen=True, kw_only=True):
    """One dependency. Gateway: healthy, unhealthy, error. Engine and Postgres: connected, error, disconnected.

    ``latency_ms`` leaves out ``own_ms``, the time for which our own event loop stood still meanwhile.
    """

    status: Status
    latency_ms: float | None = None
    own_ms: float = 0.0
    status_code: int | None = None
    version: str | None = None
    fault: Fault | None = None


class CacheMetrics(Struct, frozen=True):
    """The gateway's own figures. ``hit_rate`` is a share from 0 to 1; None means the gateway does not say.

    ``hits`` and ``misses`` are look-ups since the gateway's start, where it publishes them beside the rate.
    """

    hit_rate: float | None
    total_keys: int | None
    hits: int | None = None
    misses: int | None = None


class GatewayState(Struct, frozen=True, kw_only=True):
    """The gateway and its two optional reports, each with the reason when it is missing."""

    service: ServiceState
    cache: CacheMetrics | None = None
    cache_fault: Fault | None = None
    rules: LimitRules | None = None
    rules_fault: Fault | None = None


class ServerState(Struct, frozen=True, kw_only=True):
    """Redis, or what speaks its protocol. Sizes in bytes; None means unknown (INFO denied, field absent)."""

    latency_ms: float
    product: str | None = None
    version: str | None = None
    mode: str | None = None
    role: str | None = None
    run_id: str | None = None
    db: int = 0
    keys: int | None = None
    memory_used: int | None = None
    memory_max: int | None = None
    memory_policy: str | None = None
    evicted_keys: int | None = None
    clients: int | None = None
    commands_per_second: float | None = None
    keyspace_hits: int | None = None
    keyspace_misses: int | None = None
    own_hits: int = 0
    own_misses: int = 0
    uptime_seconds: int | None = None
    link_to_master: str | None = None
    loading_percent: float | None = None
    info_fault: Fault | None = None


class HitRate(Struct, frozen=True):
    """A share from 0 to 1 with the place it came from, as shown.

    ``samples`` is the number of look-ups behind it, ``window_seconds`` the time they were made in; None: not known.
    """

    value: float
    source: str
    total_keys: int | None = field(default=None)
    samples: int | None = None
    window_seconds: float | None = None
