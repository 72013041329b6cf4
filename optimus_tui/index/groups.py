"""One kind and tenant of the cache index: its names with one packed number each, and the totals beside them.

The number holds when the key expires (milliseconds of the monotonic clock, or a sentinel) and the scan that saw it
last. Names are not interpreted here.
"""

from bisect import bisect_right

from optimus_tui.contract.cache import TTL_EDGES, GroupTotals

NEVER = -1
UNKNOWN = -2
"""Special expiry values: the key has no TTL, or it was not read yet."""

SWEEP_BITS = 8
SWEEP_MASK = (1 << SWEEP_BITS) - 1
HISTOGRAM_SECONDS = 5.0
"""A histogram is recounted at most this often; in between it only ages."""

_NO_HISTOGRAM = (0,) * (len(TTL_EDGES) + 1)


class Group:
    """The names of one kind and tenant. ``seen`` counts those that the present scan has met."""

    __slots__ = (
        "_exact", "_histogram", "_histogram_mono", "_mean", "kind", "measured", "measured_bytes", "names", "seen",
        "tenant", "without_ttl",
    )  # fmt: skip

    def __init__(self, kind: bytes, tenant: bytes) -> None:
        self.kind, self.tenant = kind, tenant
        self.names: dict[bytes, int] = {}
        self.without_ttl = self.seen = 0
        self.measured = self.measured_bytes = 0
        self._mean: float | None = None
        self._exact = False
        self._histogram, self._histogram_mono = _NO_HISTOGRAM, float("-inf")

    def put(self, name: bytes, expiry: int | None, sweep: int) -> bool:
        """Add ``name``; ``expiry`` None keeps what is known. Return True when the name is new."""
        before = self.names.get(name)
        if before is None:
            self.seen += 1
            if expiry is None:
                expiry = UNKNOWN
            self.without_ttl += expiry == NEVER
            self.names[name] = expiry << SWEEP_BITS | sweep
            return True
        old = before >> SWEEP_BITS
        if before & SWEEP_MASK != sweep:
            self.seen += 1
        if expiry is None:
            expiry = old
        self.without_ttl += (expiry == NEVER) - (old == NEVER)
        self.names[name] = expiry << SWEEP_BITS | sweep
        return False

    def drop(self, name: bytes, sweep: int) -> bool:
        """Remove ``name``; return True when it was there."""
        before = self.names.pop(name, None)
        if before is None:
            return False
        self.without_ttl -= before >> SWEEP_BITS == NEVER
        self.seen -= before & SWEEP_MASK == sweep
        return True

    def drop_unseen(self, sweep: int) -> int:
        """Remove the names that this scan has not met, and return their number."""
        missing = len(self.names) - self.seen
        if missing > 0:
            for name in [name for name, packed in self.names.items() if packed & SWEEP_MASK != sweep]:
                self.drop(name, sweep)
        return max(0, missing)

    def settle_sizes(self) -> None:
        """Use the sizes that the scan has measured."""
        if self.measured:
            self._mean, self._exact = self.measured_bytes / self.measured, self.measured >= len(self.names)
        self.measured = self.measured_bytes = 0

    def totals(self, mono: float) -> GroupTotals:
        """Return the totals as of ``mono`` (seconds of the monotonic clock)."""
        mean, exact = self._mean, self._exact
        if mean is None and self.measured:
            mean, exact = self.measured_bytes / self.measured, False
        return GroupTotals(
            kind=self.kind,
            tenant=self.tenant,
            keys=len(self.names),
            without_ttl=self.without_ttl,
            bytes_used=None if mean is None else round(mean * len(self.names)),
            bytes_exact=exact,
            histogram=self.histogram(mono),
        )

    def histogram(self, mono: float) -> tuple[int, ...]:
        """Return the keys with a TTL by the time left, in the bins of ``TTL_EDGES``; expired ones in the first."""
        if mono - self._histogram_mono >= HISTOGRAM_SECONDS:
            now = int(mono * 1000)
            edges = [(now + edge * 1000) << SWEEP_BITS for edge in TTL_EDGES]
            bins = [0] * (len(edges) + 1)
            for packed in self.names.values():
                if packed >= 0:
                    bins[bisect_right(edges, packed)] += 1
            self._histogram, self._histogram_mono = tuple(bins), mono
        return self._histogram
