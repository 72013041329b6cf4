"""Cache keys: totals by kind and tenant, and the details of those in view."""

from msgspec import Struct

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Coverage

TTL_EDGES: tuple[int, ...] = (10, 60, 300, 900, 3600, 86400)
"""Upper edges of the TTL histogram's bins, in seconds; the last bin holds all above."""


class GroupTotals(Struct, frozen=True, kw_only=True):
    """Totals of one kind (``tenant`` None) or of one tenant within a kind.

    ``bytes_used`` is an estimate unless ``bytes_exact``; None while nothing was measured. ``histogram`` counts keys
    with a TTL in ``len(TTL_EDGES) + 1`` bins.
    """

    kind: bytes
    tenant: bytes | None
    keys: int
    without_ttl: int
    bytes_used: int | None
    bytes_exact: bool
    histogram: tuple[int, ...]


class KindTotals(Struct, frozen=True):
    """A cache kind and its tenants, the larger first."""

    totals: GroupTotals
    tenants: tuple[GroupTotals, ...]


class KeyDetail(Struct, frozen=True, kw_only=True):
    """Details of one key. ``ttl_ms`` None with ``immortal``: it never expires; ``gone``: it no longer exists."""

    key: bytes
    type: str | None = None
    ttl_ms: int | None = None
    immortal: bool = False
    gone: bool = False
    bytes_used: int | None = None
    taken_mono: float = 0.0


class KeyPreview(Struct, frozen=True, kw_only=True):
    """At most 64 kB of one value, cut by the server. ``parts`` are raw bytes."""

    key: bytes
    type: str
    length: int | None
    parts: tuple[bytes, ...]
    truncated: bool


class UnknownLayout(Struct, frozen=True, kw_only=True):
    """Key names of no known layout: their number, and at most ten shapes (safe text) with counts, most frequent first.

    ``like_limiter``: a shape looks like the counters of some rate limiter.
    """

    count: int = 0
    shapes: tuple[tuple[str, int], ...] = ()
    like_limiter: bool = False


class CacheReport(Struct, frozen=True, kw_only=True):
    """The keyspace as far as it was scanned. ``version`` grows when a key appeared, vanished or changed its group."""

    kinds: tuple[KindTotals, ...]
    keys: int
    coherence_keys: int
    coverage: Coverage
    version: int
    unknown: UnknownLayout = UnknownLayout()
    findings: tuple[Finding, ...] = ()
