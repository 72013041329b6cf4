"""The gateway's Prometheus metrics: the names that dashboards read, and the bound on their labels.

A label value that a caller chooses is a memory leak that a caller controls. Tenants past the first
`MAX_TENANT_LABELS` are counted together as "other", and a route is its template, never the path.
"""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

MAX_TENANT_LABELS = 200
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
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
    "circuit_breaker_state", "0 closed, 1 half-open, 2 open.", ["service"], registry=REGISTRY
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
CACHE_ERRORS = Counter("cache_errors_total", "Cache commands that Redis did not serve.", registry=REGISTRY)
RESOURCE_FAILURES = Counter(
    "resource_failures_total",
    "Requests of a router that what lies behind the gateway failed.",
    ["resource", "error"],
    registry=REGISTRY,
)
INVALIDATION_ERRORS = Counter(
    "cache_invalidation_errors_total", "Invalidations that were not completed.", registry=REGISTRY
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


def value_of(name: str) -> int:
    """Return what an unlabelled counter stands at in this process."""
    return int(REGISTRY.get_sample_value(name) or 0)
