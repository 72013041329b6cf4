"""Give the names of each page to both indexes and return what is new: keys without a known TTL, unknown counters.

It never asks the server.
"""

from collections.abc import Iterable, Sequence

from optimus_tui.contract.reading import Coverage
from optimus_tui.grammar.keys import parse_key
from optimus_tui.index.cache import UNKNOWN, UNPARSED_KIND, CacheIndex
from optimus_tui.index.limits import LimitIndex

MAX_COUNTERS = 50_000
"""Counters whose names are remembered; with more, new ones are reported at the end of the scan."""


class ScanSink:
    """Feeds the cache index and the limit index. One pass lies between ``begin`` and ``end``."""

    def __init__(self, cache: CacheIndex, limits: LimitIndex) -> None:
        self.cache, self.limits = cache, limits
        self._tenants: set[bytes] = set()
        self._counters: set[bytes] = set()
        self._present: set[bytes] = set()

    def know_tenants(self, tenants: Iterable[bytes]) -> None:
        """Add tenants with colons in their names, which settle whose a key is."""
        new = {tenant for tenant in tenants if b":" in tenant} - self._tenants
        if new:
            self._tenants |= new
            self.cache.know_tenants(new)

    def begin(self) -> None:
        """Begin a pass."""
        self._present = set()
        self.cache.begin_sweep()
        self.limits.begin_sweep()

    def end(self, coverage: Coverage) -> None:
        """End a pass. A counter that a complete pass did not see counts as new when it comes back."""
        self.cache.end_sweep(coverage)
        self.limits.end_sweep(coverage.complete)
        if coverage.complete:
            self._counters = self._present

    def take(
        self, names: Sequence[bytes], pttls: Sequence[int] | None, sizes: Sequence[int | None] | None, mono: float
    ) -> tuple[list[bytes], bool]:
        """Add one page.

        Returns:
            The cache keys whose TTL is unknown (empty if the page brought TTLs), and whether a counter is new.
        """
        before = self.cache.version
        self.cache.put_page(names, pttls, sizes, mono)
        fresh = []
        if pttls is None and self.cache.version != before:
            fresh = [name for name in names if self._is_fresh(name)]
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
