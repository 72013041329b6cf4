"""Rate-limit counters: as read from Redis, and as judged against the limits."""

from typing import Literal

from msgspec import Struct, field

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Coverage

LimitState = Literal["immortal", "over", "near", "ok", "unknown limit", "broken"]


class LimitRules(Struct, frozen=True, kw_only=True):
    """The limits in force: per operation, with per-tenant overrides; ``source`` says who published them."""

    window_seconds: int
    limits: dict[str, int] = field(default_factory=dict)
    tenants: dict[str, dict[str, int]] = field(default_factory=dict)
    default: int | None = None
    """Requests per window of every operation that is not named, where the gateway says so."""
    source: str = "gateway"

    def limit_for(self, tenant: str, operation: str) -> int | None:
        """Requests per window, or None where no limit is known."""
        return self.tenants.get(tenant, {}).get(operation, self.limits.get(operation, self.default))


class Counter(Struct, frozen=True, kw_only=True):
    """One ``rate_limit:{tenant}:{operation}`` key as read. ``key`` is the identity; names stay bytes.

    ``count`` is None with ``problem`` saying why ("not a number", "a list"). ``ttl_ms`` is None when ``immortal``
    (the server answered -1) or when it could not be read.
    """

    key: bytes
    tenant: bytes
    operation: bytes
    count: int | None
    ttl_ms: int | None
    immortal: bool = False
    problem: str | None = None
    taken_mono: float = 0.0


class LimitRow(Struct, frozen=True, kw_only=True):
    """A counter against its limit. ``share`` is count ÷ limit (1.0 = full); ``slope`` is requests per second.

    ``refused_in`` is seconds until the next request is answered 429 at the present slope: 0.0 means now, None means
    not within this window. ``resets_mono`` is when the window ends on the monotonic clock, None when it never does.
    """

    counter: Counter
    state: LimitState
    limit: int | None = None
    share: float | None = None
    slope: float | None = None
    refused_in: float | None = None
    resets_mono: float | None = None


class TenantCount(Struct, frozen=True):
    """How many active counters a tenant has."""

    tenant: bytes
    counters: int


class LimitsReport(Struct, frozen=True, kw_only=True):
    """All rows, the most urgent first, with the tenants by number of counters and the findings of this subject."""

    rows: tuple[LimitRow, ...]
    tenants: tuple[TenantCount, ...]
    total: int
    unparsed: int
    coverage: Coverage
    rules: LimitRules | None
    findings: tuple[Finding, ...] = ()
