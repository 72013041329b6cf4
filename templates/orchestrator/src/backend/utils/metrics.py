"""The gateway's Prometheus metrics: the names that dashboards read, and the bound on their labels.

A label value that a caller chooses is a memory leak that a caller controls. Tenants past the first
`MAX_TENANT_LABELS` are counted together as "other", and a route is its template, never the path.
"""

import os
from collections.abc import Iterator

from backend.utils import workers

_SHARED = workers.share_metrics()  # before prometheus_client is imported

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST
MAX_TENANT_LABELS = 200
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
if not _SHARED:
    ProcessCollector(registry=REGISTRY)  # process_resident_memory_bytes and its siblings, where /proc exists

HTTP_REQUESTS = Counter(
    "http_requests_total", "Requests answered.", ["method", "route", "status", "tenant"], registry=REGISTRY
)
HTTP_DURATION = Histogram(
    "http_request_duration_seconds", "Time to the end of the answer.", ["route"], registry=REGISTRY
)
UPSTREAM_DURATION = Histogram(
    "upstream_request_duration_seconds",
    "Time an upstream took to answer or to fail.",
    ["service"],
    registry=REGISTRY,
)
CIRCUIT_STATE = Gauge(
    "circuit_breaker_state",
    "0 closed, 1 half-open, 2 open; of several workers the worst.",
    ["service"],
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
CIRCUIT_OPEN_TENANTS = Gauge(
    "circuit_breaker_open_tenants",
    "Tenants with an open circuit of their own; of several workers the most.",
    ["service"],
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
UPSTREAM_TURNED_AWAY = Counter(
    "upstream_turned_away_total",
    "Requests that did not get their turn at an upstream.",
    ["service"],
    registry=REGISTRY,
)
RATE_LIMIT_REFUSED = Counter(
    "rate_limit_refused_total", "Requests answered with 429.", ["tenant", "operation"], registry=REGISTRY
)
RATE_LIMIT_UNENFORCED = Counter(
    "rate_limit_unenforced_total",
    "Requests let through because Redis could not count them.",
    registry=REGISTRY,
)
CACHE_HITS = Counter("cache_hits_total", "Look-ups answered by the cache.", registry=REGISTRY)
CACHE_MISSES = Counter("cache_misses_total", "Look-ups that found nothing.", registry=REGISTRY)
CACHE_SHARED = Counter(
    "cache_shared_loads_total", "Misses that waited for another's load of the same answer.", registry=REGISTRY
)
CACHE_ERRORS = Counter("cache_errors_total", "Cache commands that Redis did not serve.", registry=REGISTRY)
RESOURCE_FAILURES = Counter(
    "resource_failures_total",
    "Requests of a router that what lies behind the gateway failed.",
    ["resource", "error"],
    registry=REGISTRY,
)
INVALIDATION_ERRORS = Counter(
    "cache_invalidation_errors_total", "Invalidations that Redis did not take.", registry=REGISTRY
)


class TenantLabels:
    """The tenants that have a label of their own: the first ones seen, up to a fixed number."""

    def __init__(self, capacity: int = MAX_TENANT_LABELS) -> None:
        self._capacity = capacity
        self._seen: set[str] = set()

    def label(self, tenant: str) -> str:
        """Return the label of a valid tenant id: itself, or "other" once there is no room."""
        if tenant in self._seen:
            return tenant
        if len(self._seen) >= self._capacity:
            return "other"
        self._seen.add(tenant)
        return tenant


tenant_labels = TenantLabels()


def method_label(method: str) -> str:
    """Return a known HTTP method, or "OTHER": a client may send any word."""
    return method if method in _METHODS else "OTHER"


class _Workers(Collector):
    """What the operating system knows of the workers: since when they are one gateway, and their memory together."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def collect(self) -> Iterator[Metric]:
        """Yield what is known; what is not is left out."""
        began = workers.start_time(os.getppid())
        if began is not None:
            yield GaugeMetricFamily("process_start_time_seconds", "When the gateway was started.", began)
        memory = [workers.resident_bytes(pid) for pid in workers.worker_ids(self._directory)]
        known = [amount for amount in memory if amount is not None]
        if known:
            yield GaugeMetricFamily("process_resident_memory_bytes", "Memory of all workers.", sum(known))


def registry_of_all_workers() -> CollectorRegistry:
    """Return what to read metrics from: this process's registry, or one over the files of all workers."""
    if not _SHARED:
        return REGISTRY
    for pid in workers.dead_worker_ids(_SHARED):
        multiprocess.mark_process_dead(pid, _SHARED)  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, _SHARED)  # type: ignore[no-untyped-call]
    registry.register(_Workers(_SHARED))
    return registry


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format."""
    return generate_latest(registry_of_all_workers())


def value_of(name: str) -> int:
    """Return what an unlabelled counter stands at, of all workers together."""
    return int(registry_of_all_workers().get_sample_value(name) or 0)
