"""The index of cache keys by kind and tenant: names, expiry times, and totals."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence

from optimus_tui.contract.keyspace import CacheReport, GroupTotals, KindTotals, UnknownLayout
from optimus_tui.contract.reading import Coverage
from optimus_tui.dialects.layout import MAX_TENANT_PARTS, KeyLayout, own_layout
from optimus_tui.grammar.keys import Shapes
from optimus_tui.index.groups import (
    ALL,
    GONE,
    LEAST_PENDING,
    MOST_PENDING,
    NEVER,
    UNKNOWN,
    Group,
    Leaf,
    expiries_of,
    is_of,
    size_then_name,
    sum_of,
)
from optimus_tui.index.name_table import NameTable

MAX_KEYS = 2_000_000
"""Names that are kept; of further ones only the number is known, by kind and tenant."""
MOST_MARKS = 256
"""Scans are told apart by a byte beside each name."""
STEP_KEYS = 8_192
"""Keys looked at between two turns of whoever ends a scan in steps."""
MOST_WAITING = 500_000
"""New names that wait to be put in their places, in all leaves together: about 90 bytes each. The more may wait, the
fewer times a leaf is put in order."""
LOOK_AFTER, LOOK_FACTOR = 2_048, 4
"""After so many names, or so many for each group, all leaves are visited to find those with many new names."""
FRESH = 2_000
"""New names whose TTL is asked for after a scan for names; those of others come with the next scan for TTLs."""
PREFIX_SIZES = 4
"""Up to so many lengths of prefixes, names are cut by length, which is quicker than looking for their parts."""
UNPARSED_KIND = b""
"""The kind (and tenant) of names outside the grammar: shown as "(unparsed)", never acted on."""


__all__ = ["NEVER", "UNKNOWN", "UNPARSED_KIND", "CacheIndex"]


class CacheIndex:
    """Names, expiry times and totals of the cache keys, filled by scans. Not shared between threads.

    A scan calls ``begin_sweep``, ``put_page`` for each page, and ``end_sweep``. A page is first collected and put in
    order later, at the end of the scan at the latest: until then a name that comes twice may count twice. At most about
    ``max_keys`` names are kept. Of more, those whose hash is below a bound are kept: a fair sample of each kind and
    tenant, and the same one in each scan. All are counted.
    """

    def __init__(
        self, tenants: Iterable[bytes] = (), layout: KeyLayout | None = None, max_keys: int = MAX_KEYS
    ) -> None:
        self.layout = layout or own_layout()
        self._max_keys, self._kept, self._pending, self._share = max_keys, 0, 0, ALL
        self._full: dict[int, tuple[Group, Leaf]] = {}
        """Leaves that have met so many names that these are put in their places next."""
        self._to_thin: list[tuple[Group, Leaf]] = []
        self._groups: dict[tuple[bytes, bytes], Group] = {}
        self._by_prefix: dict[bytes, Group] = {}
        self._by_beginning: dict[bytes, Group] = {}
        """Those prefixes with which no name of another rule begins, of a few lengths: names are simply cut by these."""
        self._prefix_sizes: tuple[int, ...] = ()
        self._unlooked = 0
        self._size_for: dict[int, int] = {}
        """By the length of a name, that of the prefix which the last such name had: the rest is often as long."""
        self._coherence = Group(b"cache_coherence", b"")
        self._tenants: set[bytes] = set()
        self._ambiguous: set[bytes] = set()
        self._mark = 0
        self._mono = 0.0
        self._coverage = Coverage(0, None, complete=False, reason="not read yet")
        self._sweeping = self._swept = self._ended = self._reads_ttls = False
        self._fresh: list[bytes] = []
        self._shapes, self._shapes_now = Shapes(), Shapes()
        self.version = 0
        self.know_tenants(tenants)

    def know_tenants(self, tenants: Iterable[bytes]) -> None:
        """Add tenants that were seen elsewhere.

        A tenant with colons in its name may get keys that were counted for another.
        """
        new = {tenant for tenant in tenants if tenant not in self._tenants and b":" in tenant}
        if not new:
            return
        self._tenants |= new
        self._forget_prefixes()
        for tenant in new:
            parts = tenant.split(b":", MAX_TENANT_PARTS)[:-1]
            self._ambiguous.update(b":".join(parts[: end + 1]) for end in range(len(parts)))
        heads = {tenant.partition(b":")[0] for tenant in new}
        for group in [group for group in self._groups.values() if group.tenant.partition(b":")[0] in heads]:
            self._regroup(group)

    def begin_sweep(self, ttls: bool = True) -> None:
        """Begin a new scan over all names, with TTLs or without; what is known stays until it ends."""
        self._mark = (self._mark + 1) % MOST_MARKS
        self._sweeping, self._reads_ttls, self._fresh = True, ttls, []
        for group in (*self._groups.values(), self._coherence):
            group.begin()
        self._shapes_now = Shapes()

    def put_unknown(self, count: int, heads: Mapping[bytes, int]) -> None:
        """Count the names of a page that no rule of the profile reads.

        Args:
            count: How many there are.
            heads: How many of them begin with each of these texts.
        """
        if count:
            self._shapes_now.add(heads, count - sum(heads.values()))

    def put_page(
        self, names: Sequence[bytes], pttls: Sequence[int] | None, sizes: Sequence[int | None] | None, mono: float
    ) -> None:
        """Add one page of a scan.

        Args:
            names: The names.
            pttls: For each its TTL in milliseconds: -1 without a TTL, -2 if it does not exist, any other negative
                number if it was not asked for. None if none was asked for.
            sizes: For each its bytes, None where unknown. None if none was measured.
            mono: When it was read, in monotonic seconds.
        """
        self._mono = mono
        expiries = expiries_of(pttls, int(mono * 1000), len(names))
        known, size_for = self._by_beginning.get, self._size_for
        sampling, left_out = self._share < ALL, 0
        for name, expiry in zip(names, expiries, strict=True):
            group = known(name[: size_for.get(len(name), 0)]) or self._look_up(name)
            if group is None:
                left_out += 1
                continue
            if sampling and not is_of(self._share, name):
                left_out += 1
                if expiry != GONE:
                    group.miss()
                continue
            leaf = group.only or group.leaf_of(name)
            if expiry == NEVER:
                leaf.never += 1
            leaf.new_names.append(name)
            leaf.new_expiries.append(expiry)
        taken = len(names) - left_out
        self._pending += taken
        self._unlooked += taken
        self._find_full()
        if sizes is not None:
            self._measure(names, sizes)
        work = 0
        while self._full and (work < STEP_KEYS or not self._sweeping):
            _, (group, leaf) = self._full.popitem()
            work += len(leaf.expiries) + len(leaf.new_names)
            self._settle(group, leaf)
        self._keep_the_bound()

    def _look_up(self, name: bytes) -> Group | None:
        """Return the group of a name, and note the length of its prefix if it has a known one."""
        length = len(name)
        for size in self._prefix_sizes:
            if size < length and (group := self._by_beginning.get(name[:size])) is not None:
                self._size_for[length] = size
                return group
        return self._group_of(name)

    def _find_full(self) -> None:
        """Find the leaves that have so many new names that these are put in their places: now and then is enough."""
        if not self._unlooked:
            return
        if self._sweeping and self._unlooked < min(STEP_KEYS, max(LOOK_AFTER, LOOK_FACTOR * len(self._groups))):
            return
        self._unlooked, room = 0, 1
        if self._sweeping:
            room = MOST_PENDING if self._pending < MOST_WAITING else LEAST_PENDING
        for group in (*self._groups.values(), self._coherence):
            for leaf in group.leaves:
                if len(leaf.new_names) >= room:
                    self._full[id(leaf)] = group, leaf

    def _measure(self, names: Sequence[bytes], sizes: Sequence[int | None]) -> None:
        for name, size in zip(names, sizes, strict=True):
            if size is not None and (group := self._group_of(name)) is not None:
                group.measured += 1
                group.measured_bytes += size

    def _keep_the_bound(self) -> None:
        """Keep a smaller share of the names where there are too many; those that go, go some with each page."""
        waiting = 0 if self._swept else self._pending
        if not self._to_thin and self._kept + waiting > self._max_keys:
            self._share //= 2
            self._to_thin = [(group, leaf) for group in self._groups.values() for leaf in group.leaves]
        work = 0
        while self._to_thin and work < STEP_KEYS:
            group, leaf = self._to_thin.pop()
            work += len(leaf.expiries) + len(leaf.new_names)
            self._settle(group, leaf)

    def _settle(self, group: Group, leaf: Leaf) -> None:
        """Put the new names of a leaf in their places."""
        self._pending -= len(leaf.new_names)
        settled = group.settle(leaf, self._mark, self._share)
        self._kept += len(settled.came) - settled.gone
        self.version += bool(settled.came or settled.gone)
        if self._sweeping and not self._reads_ttls and len(self._fresh) < FRESH:
            self._fresh += settled.came

    def _settle_all(self, group: Group) -> None:
        for leaf in [leaf for leaf in group.leaves if leaf.new_names]:
            self._settle(group, leaf)

    def end_sweep(self, coverage: Coverage) -> None:
        """End the scan. Names that it did not see are removed if it was complete, and kept otherwise."""
        for _ in self.end_steps(coverage):
            pass

    def end_steps(self, coverage: Coverage) -> Iterator[None]:
        """End the scan as ``end_sweep`` does, and yield between short steps, so that others can run."""
        removed, work, self._to_thin, self._full = 0, 0, [], {}
        for group in (*self._groups.values(), self._coherence):
            for leaf in list(group.leaves):
                work += len(leaf.expiries) + len(leaf.new_names)
                if leaf.new_names or leaf.share != self._share:
                    self._settle(group, leaf)
                if work >= STEP_KEYS:
                    work = 0
                    yield
            if coverage.complete:
                for leaf in group.leaves:
                    removed += (missing := leaf.drop_unseen(self._mark))
                    work += missing
                group.drop_empty()
            group.finish()
            for looked in group.count_histogram(self._mono):
                work += looked
                if work >= STEP_KEYS:
                    work = 0
                    yield
        self._kept -= removed
        if coverage.complete and self._share < ALL and 2 * self._kept <= self._max_keys:
            self._share *= 2  # the next scan keeps more
        empty = [key for key, group in self._groups.items() if not group.kept and not group.left_out]
        for key in empty:
            del self._groups[key]
        if empty:
            self._forget_prefixes()
        if coverage.complete or self._shapes_now.count > self._shapes.count:
            self._shapes = self._shapes_now
        self.version += removed > 0
        self._coverage, self._sweeping, self._ended = coverage, False, True
        if coverage.complete:
            self._swept = True

    def take_fresh(self) -> list[bytes]:
        """Return, once, new names of the last scan without TTLs, at most ``FRESH``: their TTLs are to be read."""
        fresh, self._fresh = self._fresh[:FRESH], []
        return [name for name in fresh if name.startswith(self.layout.cache_heads)]

    def report(self, mono: float | None = None, most: int | None = None) -> CacheReport:
        """Return the totals as of ``mono``, the larger kinds and tenants first.

        Args:
            mono: Monotonic seconds; None for the time of the last page.
            most: The most keys to look at in order to count old histograms again; None for all.
        """
        if mono is None:
            mono = self._mono
        self._count_histograms(mono, most)
        kinds: dict[bytes, list[GroupTotals]] = {}
        for group in self._groups.values():
            totals_now = group.totals(self._more_than_kept(group))
            if totals_now.keys:
                kinds.setdefault(group.kind, []).append(totals_now)
        totals = [KindTotals(sum_of(kind, of), tuple(sorted(of, key=size_then_name))) for kind, of in kinds.items()]
        totals.sort(key=lambda one: size_then_name(one.totals))
        return CacheReport(
            kinds=tuple(totals),
            keys=sum(one.totals.keys for one in totals),
            coherence_keys=self._tracking_keys(),
            coverage=self._coverage,
            version=self.version,
            unknown=self.unknown,
        )

    def _more_than_kept(self, group: Group) -> int:
        """Return how many names a scan has found beyond those that are kept; those of a later one may be the same."""
        if self._swept:
            return 0
        if self._ended:
            return max(0, group.pending - group.kept)
        return group.pending

    def _count_histograms(self, mono: float, most: int | None) -> None:
        old = [group for group in self._groups.values() if group.histogram_is_old(mono)]
        left = float("inf") if most is None else most
        for group in sorted(old, key=lambda one: one.histogram_mono):
            if group.kept <= left:  # a larger group is counted with each scan
                left -= sum(group.count_histogram(mono))

    @property
    def keys(self) -> int:
        """Return the number of cache keys of a known layout."""
        return sum(group.kept + group.left_out for key, group in self._groups.items() if key[0] != UNPARSED_KIND)

    @property
    def unknown(self) -> UnknownLayout:
        """Return the names of no known layout, and the keys that begin with ``cache:`` and have too few parts.

        The counts are those of the last complete scan, or of the present one where it has already seen more.
        """
        from optimus_tui.index.unknown_names import unknown_layout

        shapes, unparsed = self._shapes, 0
        if not self._swept:
            shapes = max(self._shapes, self._shapes_now, key=lambda one: one.count)
        if parts := self._groups.get((UNPARSED_KIND, b"")):
            unparsed = parts.kept
        return unknown_layout(self.layout, shapes, unparsed)

    def _group(self, kind: bytes, tenant: bytes) -> Group | None:
        """Return a group with all names in their places."""
        group = self._groups.get((kind, tenant))
        if group is not None:
            self._settle_all(group)
        return group

    def names(self, kind: bytes, tenant: bytes) -> list[bytes]:
        """Return the keys of one tenant within a kind, in order."""
        group = self._group(kind, tenant)
        if group:
            return group.names()
        return []

    def leaves(self, kind: bytes, tenant: bytes) -> list[tuple[NameTable, "array[int]"]]:
        """Return the keys of one tenant within a kind in several tables, each with the expiries of its names.

        Of a large group, names that a running scan has just found are not in them yet.
        """
        group = self._groups.get((kind, tenant))
        if group is None:
            return []
        if len(group.leaves) == 1:
            self._settle_all(group)
        return [(leaf.names, leaf.expiries) for leaf in group.leaves]

    def entries(self, kind: bytes, tenant: bytes) -> list[tuple[bytes, int]]:
        """Return keys with their expiry: milliseconds of the monotonic clock, NEVER or UNKNOWN."""
        group = self._group(kind, tenant)
        if group:
            return list(group.entries())
        return []

    def _tracking_keys(self) -> int | None:
        if not self.layout.names_tracking:
            return None
        return self._coherence.totals(self._more_than_kept(self._coherence)).keys

    def tracking(self) -> list[tuple[bytes, int]]:
        """Return the coherence tracking keys with their expiry, as in ``entries``."""
        self._settle_all(self._coherence)
        return list(self._coherence.entries())

    def expires_ms(self, kind: bytes, tenant: bytes, name: bytes) -> int:
        """Return when one key expires, as in ``entries``; UNKNOWN for a key that is not there."""
        group = self._groups.get((kind, tenant))
        if group is None:
            return UNKNOWN
        leaf = group.leaf_of(name)
        if leaf.new_names:
            self._settle(group, leaf)
            leaf = group.leaf_of(name)
        at = leaf.names.find(name)
        if at >= 0:
            return leaf.expiries[at]
        return UNKNOWN

    def _group_of(self, name: bytes) -> Group | None:
        layout = self.layout
        if (key := layout.shared_group(name)) is not None:
            return self._groups.get(key) or self._new_group(key)
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
            if parsed.family == "coherence":
                return self._coherence
            return None
        group = self._groups.get(key) or self._new_group(key)
        settled = parsed.family == "cache" and prefix and name == prefix + parsed.rest
        if settled and parsed.tenant not in self._ambiguous:
            self._by_prefix[prefix] = group  # every name that starts so has the same owner: no need to parse it
            sizes = {*self._prefix_sizes, len(prefix)}
            if self.layout.reads_alike(prefix) and len(sizes) <= PREFIX_SIZES:
                self._prefix_sizes = tuple(sizes)
                self._by_beginning[prefix] = group
        return group

    def _new_group(self, key: tuple[bytes, bytes]) -> Group:
        self._groups[key] = group = Group(*key)
        return group

    def _forget_prefixes(self) -> None:
        self._by_prefix.clear()
        self._by_beginning.clear()
        self._size_for.clear()
        self._prefix_sizes = ()

    def _regroup(self, group: Group) -> None:
        """Give the names of a group to their owners, each with its expiry and with the mark of the scan that met it."""
        self._settle_all(group)
        moved: dict[int, tuple[Group, list[tuple[bytes, int, int]]]] = {}
        for leaf in group.leaves:
            for name, expiry, mark in zip(leaf.names.all(), leaf.expiries, leaf.marks, strict=True):
                owner = self._group_of(name)
                if owner is not None and owner is not group:
                    moved.setdefault(id(owner), (owner, []))[1].append((name, expiry, mark))
        if not moved:
            return
        gone = {name for _, entries in moved.values() for name, _, _ in entries}
        group.drop(lambda name: name not in gone)
        for owner, entries in moved.values():
            self._settle_all(owner)
            owner.take(entries)
        self.version += 1
