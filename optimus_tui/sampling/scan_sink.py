"""Hands the names of one page to the indexes, and says what is new: cache keys without a known TTL, unknown counters.

Refuses to look at the server: names in, indexes fed, new names out.
"""

from collections.abc import Iterable, Sequence

from optimus_tui.contract.reading import Coverage
from optimus_tui.grammar.keys import parse_key
from optimus_tui.index.cache import UNKNOWN, UNPARSED_KIND, CacheIndex
from optimus_tui.index.limits import LimitIndex

MAX_COUNTERS = 50_000
"""So many counters' names are told apart from new ones; beyond, the sweep's end tells of them."""


class ScanSink:
    """Both indexes behind one door. Between ``begin`` and ``end`` lies one pass."""

    def __init__(self, cache: CacheIndex, limits: LimitIndex) -> None:
        self.cache, self.limits = cache, limits
        self._tenants: set[bytes] = set()
        self._counters: set[bytes] = set()
        self._present: set[bytes] = set()

    def know_tenants(self, tenants: Iterable[bytes]) -> None:
        """Tenants with colons in their names: they settle whose a key is."""
        new = {tenant for tenant in tenants if b":" in tenant} - self._tenants
        if new:
            self._tenants |= new
            self.cache.know_tenants(new)

    def begin(self) -> None:
        """A pass starts."""
        self._present = set()
        self.cache.begin_sweep()
        self.limits.begin_sweep()

    def end(self, coverage: Coverage) -> None:
        """The pass is over. A counter that a complete one did not see is new when it comes back."""
        self.cache.end_sweep(coverage)
        self.limits.end_sweep(coverage.complete)
        if coverage.complete:
            self._counters = self._present

    def take(
        self, names: Sequence[bytes], pttls: Sequence[int] | None, sizes: Sequence[int | None] | None, mono: float
    ) -> tuple[list[bytes], bool]:
        """Cache keys whose TTL is not known yet (empty where the page brought TTLs), and whether a counter is new."""
        before = self.cache.version
        self.cache.put_page(names, pttls, sizes, mono)
        fresh = [] if pttls is not None or self.cache.version == before else [n for n in names if self._is_fresh(n)]
        return fresh, self._take_counters([name for name in names if name.startswith(b"rate_limit")])

    def _is_fresh(self, name: bytes) -> bool:
        if not name.startswith(b"cache:"):
            return False
        parsed = parse_key(name, self._tenants)
        kind = parsed.kind if parsed.family == "cache" else UNPARSED_KIND
        return self.cache.expires_ms(kind, parsed.tenant, name) == UNKNOWN

    def _take_counters(self, names: list[bytes]) -> bool:
        if not names:
            return False
        self.limits.put_page(names)
        new = any(name not in self._counters for name in names)
        if len(self._present) < MAX_COUNTERS:
            self._present.update(names)
            self._counters.update(names)
        return new
