"""The index of cache keys by kind and tenant: names, expiry times, and totals."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

from optimus_tui.contract.keyspace import TTL_EDGES, CacheReport, GroupTotals, KindTotals, UnknownLayout
from optimus_tui.contract.reading import Coverage
from optimus_tui.dialects.layout import MAX_TENANT_PARTS, KeyLayout, own_layout
from optimus_tui.grammar.keys import SHOWN, Shapes, looks_like_limiter
from optimus_tui.wording.safe import safe_text

NEVER = -1
UNKNOWN = -2
"""Special expiry values: the key has no TTL, or it was not read yet."""

SWEEP_BITS = 8
SWEEP_MASK = (1 << SWEEP_BITS) - 1
HISTOGRAM_SECONDS = 5.0
"""A histogram is recounted at most this often; in between it only ages."""

_NO_HISTOGRAM = (0,) * (len(TTL_EDGES) + 1)
UNPARSED_KIND = b""
"""The kind (and tenant) of names outside the grammar: shown as "(unparsed)", never acted on."""
_GONE, _NEVER_EXPIRES = -2, -1


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


__all__ = ["NEVER", "UNKNOWN", "UNPARSED_KIND", "CacheIndex"]


class CacheIndex:
    """Filled by scans: ``begin_sweep``, ``put_page`` for each page, ``end_sweep``. Not shared between threads."""

    def __init__(self, tenants: Iterable[bytes] = (), layout: KeyLayout | None = None) -> None:
        self.layout = layout or own_layout()
        self._groups: dict[tuple[bytes, bytes], Group] = {}
        self._by_prefix: dict[bytes, Group | None] = {}
        self._coherence = Group(b"cache_coherence", b"")
        self._tenants: set[bytes] = set()
        self._ambiguous: set[bytes] = set()
        self._sweep = 0
        self._mono = 0.0
        self._coverage = Coverage(0, None, complete=False, reason="not read yet")
        self._swept = False
        self._shapes, self._shapes_now = Shapes(), Shapes()
        self.version = 0
        self.know_tenants(tenants)

    def know_tenants(self, tenants: Iterable[bytes]) -> None:
        """Add tenants seen elsewhere. A name with colons may change the owner of keys, which move at once."""
        new = {tenant for tenant in tenants if tenant not in self._tenants and b":" in tenant}
        if not new:
            return
        self._tenants |= new
        self._by_prefix.clear()
        for tenant in new:
            parts = tenant.split(b":", MAX_TENANT_PARTS)[:-1]
            self._ambiguous.update(b":".join(parts[: end + 1]) for end in range(len(parts)))
        heads = {tenant.partition(b":")[0] for tenant in new}
        for group in [group for group in self._groups.values() if group.tenant.partition(b":")[0] in heads]:
            self._regroup(group)

    def begin_sweep(self) -> None:
        """Begin a new scan over all names; what is known stays until it ends."""
        self._sweep = (self._sweep + 1) & SWEEP_MASK
        for group in (*self._groups.values(), self._coherence):
            group.seen = group.measured = group.measured_bytes = 0
        self._shapes_now = Shapes()

    def put_unknown(self, count: int, heads: Mapping[bytes, int]) -> None:
        """Count names of no known layout from a page: how many, and how many begin with each known head."""
        if count:
            self._shapes_now.add(heads, count - sum(heads.values()))

    def put_page(
        self,
        names: Sequence[bytes],
        pttls: Sequence[int] | None,
        sizes: Sequence[int | None] | None,
        mono: float,
    ) -> None:
        """Add one page of a scan: TTLs in ms (-1 never, -2 gone, below: not asked), sizes in bytes."""
        self._mono, sweep = mono, self._sweep
        now, changes = int(mono * 1000), 0
        for index, name in enumerate(names):
            group = self._group_of(name)
            if group is None:
                continue
            expiry: int | None = None
            if pttls is not None:
                pttl = pttls[index]
                if pttl >= 0:
                    expiry = now + pttl
                elif pttl == _NEVER_EXPIRES:
                    expiry = NEVER
                elif pttl == _GONE:
                    changes += group.drop(name, sweep)
                    continue
            changes += group.put(name, expiry, sweep)
            if sizes is not None and (size := sizes[index]) is not None:
                group.measured += 1
                group.measured_bytes += size
        self.version += changes > 0

    def end_sweep(self, coverage: Coverage) -> None:
        """End the scan. Only a complete one removes the names that it has not seen."""
        removed = 0
        for group in (*self._groups.values(), self._coherence):
            if coverage.complete:
                removed += group.drop_unseen(self._sweep)
            group.settle_sizes()
        empty = [key for key, group in self._groups.items() if not group.names]
        for key in empty:
            del self._groups[key]
        if empty:
            self._by_prefix.clear()
        if coverage.complete or self._shapes_now.count > self._shapes.count:
            self._shapes = self._shapes_now
        self.version += removed > 0
        self._coverage = coverage
        if coverage.complete:
            self._swept = True

    def report(self, mono: float | None = None) -> CacheReport:
        """Return the totals as of ``mono``, the larger kinds and tenants first."""
        if mono is None:
            mono = self._mono
        kinds: dict[bytes, list[GroupTotals]] = {}
        for group in self._groups.values():
            if group.names:
                kinds.setdefault(group.kind, []).append(group.totals(mono))
        totals = [KindTotals(_sum(kind, of), tuple(sorted(of, key=_size_then_name))) for kind, of in kinds.items()]
        totals.sort(key=lambda one: _size_then_name(one.totals))
        return CacheReport(
            kinds=tuple(totals),
            keys=sum(one.totals.keys for one in totals),
            coherence_keys=len(self._coherence.names),
            coverage=self._coverage,
            version=self.version,
            unknown=self.unknown,
        )

    @property
    def keys(self) -> int:
        """Return the number of cache keys of a known layout."""
        return sum(len(group.names) for key, group in self._groups.items() if key[0] != UNPARSED_KIND)

    @property
    def unknown(self) -> UnknownLayout:
        """Return the names of no known layout, and the keys that begin with ``cache:`` and have too few parts.

        The counts are those of the last complete scan, or of the present one where it has already seen more.
        """
        shapes = self._shapes
        if not self._swept:
            shapes = max(self._shapes, self._shapes_now, key=lambda one: one.count)
        shown, unparsed = [(safe_text(one.text, 80), one.count) for one in shapes.shapes()], 0
        if parts := self._groups.get((UNPARSED_KIND, b"")):
            unparsed = len(parts.names)
        if unparsed:
            heads = ", ".join(safe_text(head, 40) + "…" for head in self.layout.cache_heads[:3])
            shown = sorted([*shown[: SHOWN - 1], (f"{heads} (too few parts)", unparsed)], key=lambda one: -one[1])
        return UnknownLayout(
            count=shapes.count + unparsed,
            shapes=tuple(shown),
            like_limiter=looks_like_limiter(shapes.shapes()),
            reads_limits=bool(self.layout.dialect.limits),
            reads_cache=bool(self.layout.dialect.cache),
        )

    def names(self, kind: bytes, tenant: bytes) -> list[bytes]:
        """Return the keys of one tenant within a kind, in no particular order."""
        group = self._groups.get((kind, tenant))
        if group:
            return list(group.names)
        return []

    def entries(self, kind: bytes, tenant: bytes) -> list[tuple[bytes, int]]:
        """Return keys with their expiry: milliseconds of the monotonic clock, NEVER or UNKNOWN."""
        group = self._groups.get((kind, tenant))
        if group:
            return [(name, packed >> SWEEP_BITS) for name, packed in group.names.items()]
        return []

    def tracking(self) -> list[tuple[bytes, int]]:
        """Return the coherence tracking keys with their expiry, as in ``entries``."""
        return [(name, packed >> SWEEP_BITS) for name, packed in self._coherence.names.items()]

    def expires_ms(self, kind: bytes, tenant: bytes, name: bytes) -> int:
        """Return when one key expires, as in ``entries``; UNKNOWN for a key that is not there."""
        if (group := self._groups.get((kind, tenant))) and (packed := group.names.get(name)) is not None:
            return packed >> SWEEP_BITS
        return UNKNOWN

    def _group_of(self, name: bytes) -> Group | None:
        layout = self.layout
        if not name.startswith(layout.cache_heads):
            if name.startswith(layout.tracking_heads):
                return self._coherence
            return None
        prefix = layout.prefix_of(name)
        if prefix:
            group = self._by_prefix.get(prefix)
            if group is not None:
                return group
        return self._parsed_group(name, prefix)

    def _parsed_group(self, name: bytes, prefix: bytes) -> Group | None:
        parsed = self.layout.parse(name, self._tenants)
        if parsed.family == "cache":
            key = (parsed.kind, parsed.tenant)
        elif parsed.family == "unparsed" and not parsed.shape:
            key = (UNPARSED_KIND, b"")
        else:
            return self._coherence if parsed.family == "coherence" else None
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(*key)
        settled = parsed.family == "cache" and prefix and name == prefix + parsed.rest
        if settled and parsed.tenant not in self._ambiguous:
            self._by_prefix[prefix] = group  # every name that starts so has the same owner: no need to parse it
        return group

    def _regroup(self, group: Group) -> None:
        for name, packed in list(group.names.items()):
            owner = self._group_of(name)
            if owner is not None and owner is not group:
                seen = packed & SWEEP_MASK == self._sweep
                group.drop(name, self._sweep)
                owner.put(name, packed >> SWEEP_BITS, packed & SWEEP_MASK)
                owner.seen -= not seen
                self.version += 1


def _size_then_name(totals: GroupTotals) -> tuple[int, bytes]:
    if totals.tenant is None:
        return -totals.keys, totals.kind
    return -totals.keys, totals.tenant


def _sum(kind: bytes, of: list[GroupTotals]) -> GroupTotals:
    """The totals of several groups. Keys of groups of which none was measured count with the mean of the others."""
    known = [(one.keys, one.bytes_used) for one in of if one.bytes_used is not None]
    keys, measured = sum(one.keys for one in of), sum(count for count, _ in known)
    total = sum(taken for _, taken in known)
    return GroupTotals(
        kind=kind,
        tenant=None,
        keys=keys,
        without_ttl=sum(one.without_ttl for one in of),
        bytes_used=round(total * keys / measured) if measured else None,
        bytes_exact=len(known) == len(of) and all(one.bytes_exact for one in of),
        histogram=tuple(sum(one.histogram[index] for one in of) for index in range(len(TTL_EDGES) + 1)),
    )
