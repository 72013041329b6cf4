"""The keys of one kind and tenant: names in sorted leaves, with expiry times beside them.

This takes a fifth of the memory of a dictionary, for a million keys, and is searched as one text. The names that a scan
finds are collected first, and sorted in leaf by leaf, so that no step lasts long.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count, islice, pairwise, repeat
from operator import eq, itemgetter
from typing import NamedTuple, TypeVar
from zlib import crc32

from optimus_tui.contract.keyspace import TTL_EDGES, GroupTotals
from optimus_tui.index.name_table import NameTable

NEVER = -1
UNKNOWN = -2
"""Special expiry values: the key has no TTL, or it was not read yet."""
KEEP, GONE = -3, -4
"""What a scan says of a name beside its expiry: nothing new, or that it vanished."""
MOST_IN_LEAF = 8_192
"""Names of one leaf: putting new ones in their places takes five milliseconds at most."""
LEAST_PENDING, MOST_PENDING = 512, 2_048
"""New names of a leaf that are put in their places: where many wait in all leaves together, and where few do."""
FEW = 16
"""Up to a sixteenth of a leaf's names are looked up one by one; with more, a table of all is made first."""
HISTOGRAM_SECONDS = 5.0
"""A histogram is recounted at most this often; in between it only ages."""
ALL = 4_096
"""A share of names is this or a smaller number: those whose hash is below it, which is the same ones in each scan."""
_SPECIAL = {-1: NEVER, -2: GONE}
_BINS = len(TTL_EDGES) + 1
T = TypeVar("T")
_NO_HISTOGRAM = (0,) * _BINS


def is_of(share: int, name: bytes) -> bool:
    """Return True if a name is in the sample: its hash is below ``share`` of ``ALL``."""
    return crc32(name) % ALL < share


class Settled(NamedTuple):
    """What sorting in names has changed: the names that are new, and how many were removed."""

    came: Sequence[bytes] = ()
    gone: int = 0


NOTHING_CHANGED = Settled()


class Leaf:
    """A sorted run of names, and the names found since, which are not sorted in yet."""

    __slots__ = ("expiries", "marks", "names", "never", "new_expiries", "new_names", "share", "without_ttl")

    def __init__(self) -> None:
        self.names, self.expiries, self.marks = NameTable(), array("q"), bytearray()
        self.without_ttl = 0
        self.new_names: list[bytes] = []
        self.new_expiries = array("q")
        self.never = 0
        """Of the new names, how many have no TTL."""
        self.share = ALL

    def set(self, names: Sequence[bytes], expiries: Iterable[int], marks: Iterable[int]) -> None:
        """Hold these sorted names with their expiries and marks (the number of the scan that saw each last)."""
        self.names, self.expiries, self.marks = NameTable(names), array("q", expiries), bytearray(marks)
        self.without_ttl = self.expiries.count(NEVER)

    def settle(self, mark: int) -> Settled:
        """Sort in the new names; ``mark`` is the number of the present scan."""
        new, expiries = self.new_names, self.new_expiries
        self.new_names, self.new_expiries, self.never = [], array("q"), 0
        if self.marks.count(mark) == len(self.marks) and min(expiries, default=NEVER) >= NEVER:
            return self._add(new, expiries, mark)
        newest = dict(zip(new, expiries, strict=True))  # of a repeated name, the last counts
        if len(newest) < len(self.marks) and self._update(newest, mark):
            return NOTHING_CHANGED
        if not self.marks and GONE not in newest.values():
            return self._fill(newest, mark)
        names = self.names.all()
        marks = bytearray([mark]) * len(newest)
        if len(newest) == len(names) and sorted(newest) == names and GONE not in newest.values():
            told = [newest[name] for name in names]
            if told.count(KEEP) < len(told):
                told = [old if new == KEEP else new for old, new in zip(self.expiries, told, strict=True)]
                self.expiries = array("q", told)
                self.without_ttl = self.expiries.count(NEVER)
            self.marks = marks
            return NOTHING_CHANGED
        if set(newest).isdisjoint(names) and GONE not in newest.values():
            return self._mix(names, newest, mark)
        expiry_of, mark_of = dict(zip(names, self.expiries, strict=True)), dict(zip(names, self.marks, strict=True))
        came: list[bytes] = []
        gone = 0
        for name, expiry in newest.items():
            if expiry == GONE:
                gone += expiry_of.pop(name, None) is not None
                continue
            if name not in expiry_of:
                came.append(name)
                expiry_of[name] = UNKNOWN if expiry == KEEP else expiry
            elif expiry != KEEP:
                expiry_of[name] = expiry
            mark_of[name] = mark
        ordered = sorted(expiry_of)
        self.set(ordered, map(expiry_of.__getitem__, ordered), map(mark_of.__getitem__, ordered))
        return Settled(came, gone)

    def _add(self, new: list[bytes], expiries: Iterable[int], mark: int) -> Settled:
        """Take names whose expiries are known; those in their places are of this scan, too, or there are none."""
        known = self.names.all()
        both, told = known + new, [*self.expiries, *expiries]
        rows = sorted(range(len(both)), key=both.__getitem__)
        ordered, came = _in_turn(both, rows), new
        if any(map(eq, ordered, islice(ordered, 1, None))):
            row_of = dict(zip(ordered, rows, strict=True))  # of a repeated name, the last counts
            before = set(known)
            came = [name for name in dict.fromkeys(new) if name not in before]
            ordered, rows = list(row_of), list(row_of.values())
        self.set(ordered, _in_turn(told, rows), bytes([mark]) * len(ordered))
        return Settled(came)

    def _fill(self, newest: Mapping[bytes, int], mark: int) -> Settled:
        """Take the first names."""
        ordered = sorted(newest)
        expiries = [UNKNOWN if newest[name] == KEEP else newest[name] for name in ordered]
        self.set(ordered, expiries, bytes([mark]) * len(ordered))
        return Settled(ordered)

    def _mix(self, names: list[bytes], newest: Mapping[bytes, int], mark: int) -> Settled:
        """Add names of which none is known."""
        came = sorted(newest)
        both = names + came
        expiries = [*self.expiries, *(UNKNOWN if newest[name] == KEEP else newest[name] for name in came)]
        marks = bytes(self.marks) + bytes([mark]) * len(came)
        rows = sorted(range(len(both)), key=both.__getitem__)
        self.set([both[row] for row in rows], [expiries[row] for row in rows], [marks[row] for row in rows])
        return Settled(came)

    def _update(self, newest: Mapping[bytes, int], mark: int) -> bool:
        """Take what known names have new; return False where one is unknown or gone."""
        if len(newest) * FEW < len(self.marks):
            found = map(self.names.find, newest)
        else:
            row_of = dict(zip(self.names.all(), count(), strict=False))
            found = map(row_of.get, newest, repeat(-1))
        rows = list(found)
        if -1 in rows or GONE in newest.values():
            return False
        expiries, marks = self.expiries, self.marks
        for row, expiry in zip(rows, newest.values(), strict=True):
            marks[row] = mark
            if expiry != KEEP:
                expiries[row] = expiry
        self.without_ttl = expiries.count(NEVER)
        return True

    def thin(self, mark: int, share: int) -> tuple[int, int]:
        """Keep only the names of a smaller sample.

        Args:
            mark: The number of the present scan.
            share: The size of the sample; see ``is_of``.

        Returns:
            How many names were removed, and how many of these the present scan had seen.
        """
        self.share = share
        rows = [row for row, name in enumerate(self.names.all()) if is_of(share, name)]
        dropped, met = len(self.marks) - len(rows), self.marks.count(mark)
        self.keep(rows)
        return dropped, met - self.marks.count(mark)

    def drop_unseen(self, mark: int) -> int:
        """Remove the names that the scan with the number ``mark`` has not seen; return how many."""
        missing = len(self.marks) - self.marks.count(mark)
        if missing:
            self.keep([row for row, met in enumerate(self.marks) if met == mark])
        return missing

    def bins(self, edges: Sequence[int]) -> Counter[int]:
        """Return how many names expire before each edge, and after the last (monotonic milliseconds), if ever."""
        ordered = sorted(self.expiries)
        begins = [bisect_left(ordered, 0), *(bisect_left(ordered, edge) for edge in edges), len(ordered)]
        return Counter({at: end - begin for at, (begin, end) in enumerate(pairwise(begins))})

    def keep(self, rows: Sequence[int]) -> None:
        """Remove all names but those at ``rows``."""
        names, expiries, marks = self.names, self.expiries, self.marks
        self.set([names[row] for row in rows], [expiries[row] for row in rows], [marks[row] for row in rows])

    def split(self) -> "Leaf":
        """Move the upper half of the names to a new leaf, and return that."""
        names, half, upper = self.names.all(), len(self.names) // 2, Leaf()
        upper.share = self.share
        upper.set(names[half:], self.expiries[half:], self.marks[half:])
        self.set(names[:half], self.expiries[:half], self.marks[:half])
        return upper


def _in_turn(items: Sequence[T], rows: Sequence[int]) -> Sequence[T]:
    """Return the items at these rows, in this turn."""
    if len(rows) < 2:
        return [items[row] for row in rows]
    found: tuple[T, ...] = itemgetter(*rows)(items)
    return found


class Group:
    """The names of one kind and tenant.

    ``left_out`` counts the names that were seen and are not in the sample. If there are any, totals are estimated from
    the names that are.
    """

    __slots__ = (
        "_bounds", "_exact", "_histogram", "_mean", "_missed", "histogram_mono", "kind", "leaves", "left_out",
        "measured", "measured_bytes", "only", "tenant",
    )  # fmt: skip

    def __init__(self, kind: bytes, tenant: bytes) -> None:
        self.kind, self.tenant = kind, tenant
        self.only: Leaf | None = Leaf()
        """The leaf of a group that has one."""
        self.leaves, self._bounds = [self.only], list[bytes]()
        self.left_out = self._missed = 0
        self.measured = self.measured_bytes = 0
        self._mean: float | None = None
        self._exact = False
        self._histogram, self.histogram_mono = _NO_HISTOGRAM, float("-inf")

    @property
    def kept(self) -> int:
        """Return the number of names that are sorted in."""
        return sum(len(leaf.expiries) for leaf in self.leaves)

    @property
    def pending(self) -> int:
        """Return the number of names that were found and are not sorted in yet; some may be found twice."""
        return sum(len(leaf.new_names) for leaf in self.leaves)

    def leaf_of(self, name: bytes) -> Leaf:
        """Return the leaf where a name belongs."""
        if not self._bounds:
            return self.leaves[0]
        return self.leaves[bisect_right(self._bounds, name)]

    def begin(self) -> None:
        """Begin a scan: forget what the last one measured and counted."""
        self.measured = self.measured_bytes = self._missed = 0

    def miss(self) -> None:
        """Count a name that was seen and is not in the sample."""
        self._missed += 1

    def settle(self, leaf: Leaf, mark: int, share: int = ALL) -> Settled:
        """Sort in the new names of a leaf, and split the leaf if it is too long.

        Args:
            leaf: One of this group.
            mark: The number of the present scan.
            share: The size of the sample: other names are removed; see ``is_of``.
        """
        settled = leaf.settle(mark)
        if leaf.share > share:
            dropped, met = leaf.thin(mark, share)
            self._missed += met
            settled = settled._replace(gone=settled.gone + dropped)
        leaf.share = share
        while len(leaf.expiries) > MOST_IN_LEAF:
            upper, at = leaf.split(), self.leaves.index(leaf)
            self.leaves.insert(at + 1, upper)
            self._bounds.insert(at, upper.names[0])
            self.only = None
        return settled

    def take(self, entries: Iterable[tuple[bytes, int, int]]) -> None:
        """Add names of another group, each with its expiry and its mark."""
        by_mark: dict[int, list[tuple[bytes, int]]] = {}
        for name, expiry, mark in entries:
            by_mark.setdefault(mark, []).append((name, expiry))
        for mark, some in by_mark.items():
            for name, expiry in some:
                leaf = self.leaf_of(name)
                leaf.new_names.append(name)
                leaf.new_expiries.append(expiry)
            for leaf in list(self.leaves):
                if leaf.new_names:
                    self.settle(leaf, mark, leaf.share)

    def drop(self, wanted: Callable[[bytes], object]) -> None:
        """Remove the names for which ``wanted`` returns something false."""
        for leaf in self.leaves:
            leaf.keep([row for row, name in enumerate(leaf.names.all()) if wanted(name)])

    def drop_empty(self) -> None:
        """Remove leaves without a name."""
        for at in reversed(range(len(self.leaves))):
            leaf = self.leaves[at]
            if len(self.leaves) > 1 and not leaf.expiries and not leaf.new_names:
                del self.leaves[at], self._bounds[max(0, at - 1)]
        self.only = None if self._bounds else self.leaves[0]

    def finish(self) -> None:
        """End a scan: take over the mean size that it measured, and how many names were not in the sample."""
        if self.measured:
            self._mean, self._exact = self.measured_bytes / self.measured, self.measured >= self.kept
        self.measured = self.measured_bytes = 0
        self.left_out = self._missed

    def names(self) -> list[bytes]:
        """Return the names that are sorted in, in order."""
        return [name for leaf in self.leaves for name in leaf.names.all()]

    def entries(self) -> Iterator[tuple[bytes, int]]:
        """Yield the names that are sorted in, in order, with their expiry."""
        for leaf in self.leaves:
            yield from zip(leaf.names.all(), leaf.expiries, strict=True)

    def totals(self, pending: int = 0) -> GroupTotals:
        """Return the totals, with ``pending`` names more than those that are sorted in."""
        kept, without = self.kept + pending, sum(leaf.without_ttl for leaf in self.leaves)
        if pending:
            without += sum(leaf.never for leaf in self.leaves)
        mean, exact = self._mean, self._exact
        if mean is None and self.measured:
            mean, exact = self.measured_bytes / self.measured, False
        left_out = max(self.left_out, self._missed)
        keys = kept + left_out
        factor = keys / kept if kept and left_out else 1
        histogram = self._histogram
        if factor != 1:
            without, histogram = round(without * factor), tuple(round(one * factor) for one in histogram)
        return GroupTotals(
            kind=self.kind,
            tenant=self.tenant,
            keys=keys,
            without_ttl=without,
            bytes_used=None if mean is None else round(mean * keys),
            bytes_exact=exact and not left_out,
            histogram=histogram,
            sampled=bool(left_out),
        )

    def histogram_is_old(self, mono: float) -> bool:
        """Return True if the histogram has to be counted again at ``mono`` (monotonic seconds)."""
        return mono - self.histogram_mono >= HISTOGRAM_SECONDS

    def count_histogram(self, mono: float) -> Iterator[int]:
        """Count the histogram as of ``mono`` (monotonic seconds), and yield after each leaf how many keys it has."""
        now, bins = int(mono * 1000), Counter[int]()
        edges = [now + edge * 1000 for edge in TTL_EDGES]
        for leaf in self.leaves:
            bins.update(leaf.bins(edges))
            yield len(leaf.expiries)
        self._histogram, self.histogram_mono = tuple(bins[at] for at in range(_BINS)), mono


def size_then_name(totals: GroupTotals) -> tuple[int, bytes]:
    """Return what totals are sorted by: the larger ones come first."""
    if totals.tenant is None:
        return -totals.keys, totals.kind
    return -totals.keys, totals.tenant


def sum_of(kind: bytes, of: list[GroupTotals]) -> GroupTotals:
    """Return the totals of several groups. Keys of groups that were not measured count with the mean of the others."""
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
        sampled=any(one.sampled for one in of),
    )


def expiries_of(pttls: Sequence[int] | None, now: int, count: int) -> list[int]:
    """Return what a page says of each name's expiry: ``count`` times nothing new where it has no TTLs (None)."""
    if pttls is None:
        return [KEEP] * count
    if min(pttls, default=0) >= 0:
        return [now + pttl for pttl in pttls]
    return [now + pttl if pttl >= 0 else _SPECIAL.get(pttl, KEEP) for pttl in pttls]
