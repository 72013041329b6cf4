"""The index of counters between reads: which exist, and the counts that were read in the present window of each.

A name that vanished (its window ended) is kept for a while and read again, so that a new window shows at once instead
of with the next scan. Names beyond ``MAX_NAMES`` are only counted.
"""

from collections import Counter as Tally
from collections.abc import Iterable
from heapq import nlargest
from itertools import islice

from optimus_tui.contract.keyspace import Counter, PastWindow, ShapeCount, Track, UnparsedNames
from optimus_tui.dialects.layout import KeyLayout, own_layout

MAX_NAMES = 60_000
MAX_READ = 2_000
FIRST_READ = 5_000
"""Names that were never read come first, so many at once: a counter that never resets must not wait for its turn."""
FORGET_SECONDS = 600.0
KEPT_SECONDS = 600.0
"""How far back the observations of one window go; older ones are kept less densely."""
GRACE_SECONDS = 0.5
MAX_SAMPLES, FEW_SAMPLES = 24, 6
"""Observations that are kept of one window; fewer of each where there are more than ``MANY`` counters."""
MANY = 20_000
MAX_SHAPES = 10
PAST_WINDOWS = 5
LATE_SECONDS = 5.0
"""A window that was read last so long before its end may have counted more."""

_NO_TRACK = Track((), False)


class _Known:
    __slots__ = ("counter", "gone_mono", "most_ttl_ms", "past", "renewed", "samples", "track")

    def __init__(self) -> None:
        self.counter: Counter | None = None
        self.samples: list[tuple[float, int]] = []
        self.gone_mono: float | None = None
        self.renewed = False
        self.most_ttl_ms = 0
        """The largest TTL of the observations in the present window."""
        self.past: tuple[PastWindow, ...] = ()
        self.track = _NO_TRACK
        """``samples`` and ``renewed`` as they are handed on: of ten thousands of counters, few are read at a time."""


class LimitIndex:
    """The counters that were found, and what was read of them.

    Scans add the names (``begin_sweep``, ``put_page``, ``end_sweep``), reads the values (``put``, ``gone``).
    """

    def __init__(self, layout: KeyLayout | None = None) -> None:
        self.layout = layout or own_layout()
        self._names: dict[bytes, _Known] = {}
        self._gone: dict[bytes, None] = {}
        self._present: dict[tuple[bytes, ...], bytes] = {}
        """Of counters with a stamp in their names, the name of the present window."""
        self._unparsed: dict[bytes, str] = {}
        self._unparsed_now: dict[bytes, str] = {}
        self._over: set[bytes] = set()
        """Names that exist and are of windows that have ended."""
        self._over_now: set[bytes] = set()
        """Those that the present scan has seen so far."""
        self._overflow = self._overflow_now = 0
        self._turn = 0

    def begin_sweep(self) -> None:
        """Begin a new scan over all names."""
        self._unparsed_now, self._overflow_now, self._over_now = {}, 0, set()

    def put_page(self, names: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
        """Add the names of a page; what is no counter is ignored. Return the new ones, each with its tenant."""
        new: list[tuple[bytes, bytes]] = []
        for name in self.layout.with_parts(names):
            if name in self._gone:
                self._is_over(name)
            if not self.layout.may_count(name) or (name in self._names and name not in self._unparsed):
                continue
            parsed = self.layout.parse(name)
            if parsed.shape and len(self._unparsed_now) < MAX_NAMES:
                self._unparsed_now[name] = parsed.shape
            if parsed.family != "limit":
                continue
            new.append((name, parsed.tenant))
            if name not in self._names and not self._remember(name):
                self._overflow_now += 1
        self._unparsed |= self._unparsed_now
        self._overflow = max(self._overflow, self._overflow_now)
        return new

    def end_sweep(self, complete: bool) -> None:
        """End the scan. Only a complete one replaces the numbers of earlier ones by smaller ones."""
        if complete:
            self._unparsed, self._overflow = self._unparsed_now, self._overflow_now
            self._over = self._over_now

    def never_read(self) -> list[bytes]:
        """Return at most ``FIRST_READ`` names that were not read yet; none where one look reads all names anyway."""
        if len(self._names) <= MAX_READ:
            return []
        unread = (name for name, known in self._names.items() if known.counter is None and known.gone_mono is None)
        return list(islice(unread, FIRST_READ))

    def names_to_read(self, budget: int = MAX_READ) -> list[bytes]:
        """Return at most ``budget`` names to read.

        All names if they fit; otherwise half of the budget is for the highest counts, half for the others in rotation.
        """
        if len(self._names) <= budget:
            return list(self._names)
        known = ((name, one.counter) for name, one in self._names.items() if one.counter is not None)
        counted = [(counter.count, name) for name, counter in known if counter.count]
        high = [name for _, name in nlargest(budget // 2, counted)]
        taken = set(high)
        others = [name for name in self._names if name not in taken]
        room, start = budget - len(high), self._turn % len(others)
        self._turn += room
        return [*high, *(others[start:] + others[:start])[:room]]

    def put(self, counters: Iterable[Counter]) -> None:
        """Add counters that were just read."""
        for counter in counters:
            if counter.key in self._names or self._remember(counter.key):
                self._gone.pop(counter.key, None)
                self._over.discard(counter.key)
                self._over_now.discard(counter.key)
                self._follow(counter)
                _add(self._names[counter.key], counter, MAX_SAMPLES if len(self._names) <= MANY else FEW_SAMPLES)

    def _follow(self, counter: Counter) -> None:
        """Let a name with the stamp of a newer window take the place of the one before."""
        if not counter.identity:
            return
        name = self._present.get(counter.identity, counter.key)
        before, known = self._names.get(name), self._names[counter.key]
        if name == counter.key or before is None:
            self._present[counter.identity] = counter.key
        elif before.counter is None or (before.counter.starts or 0.0) <= (counter.starts or 0.0):
            self._present[counter.identity] = counter.key
            if not known.past:
                _end_window(before, before.counter, counter.taken_mono)
                known.past = before.past
            self._drop(name, counter.taken_mono)

    def gone(self, names: Iterable[bytes], mono: float) -> None:
        """Record names that did not exist at ``mono`` seconds; each is dropped ten minutes after the first miss."""
        for name in names:
            known = self._names.get(name)
            if known is None:
                continue
            if known.gone_mono is None:
                if known.counter is None:  # seen by the scan, and no counter at the first look
                    self._is_over(name)
                _end_window(known, known.counter, mono)
                self._drop(name, mono)
            elif mono - known.gone_mono > FORGET_SECONDS:
                del self._names[name], self._gone[name]
                self._over.discard(name)

    def _is_over(self, name: bytes) -> None:
        self._over.add(name)
        self._over_now.add(name)

    def _drop(self, name: bytes, mono: float) -> None:
        known = self._names[name]
        known.gone_mono, known.counter, known.samples, known.renewed = mono, None, [], False
        known.most_ttl_ms, known.track = 0, _NO_TRACK
        self._gone[name] = None

    def counters(self, mono: float | None = None) -> list[Counter]:
        """Return every counter that existed at the last reads, without those whose TTL has run out by ``mono``."""
        found = [known.counter for known in self._names.values() if known.counter is not None]
        if mono is None:
            return found
        return [one for one in found if (ends := one.resets_mono) is None or ends >= mono or _goes_on(one)]

    def tracks(self) -> dict[bytes, Track]:
        """Return the counts that were read in the present window of each counter, by its name."""
        return {name: known.track for name, known in self._names.items() if known.counter is not None}

    def past_windows(self) -> dict[bytes, tuple[PastWindow, ...]]:
        """Return the last windows that were seen of each counter, by its name, the oldest first."""
        return {name: known.past for name, known in self._names.items() if known.past}

    @property
    def unparsed(self) -> UnparsedNames:
        """Return, by their shapes, the names that begin as counters do and match no rule of the profile."""
        tally = Tally(self._unparsed.values())
        shown = sum(name in self._names and name not in self._gone for name in self._unparsed)
        shapes = tuple(ShapeCount(shape, count) for shape, count in tally.most_common(MAX_SHAPES))
        return UnparsedNames(len(self._unparsed), shown, shapes)

    @property
    def total(self) -> int:
        """Return the number of counters known to exist, including those that did not fit."""
        return len(self._names) - len(self._gone) + self._overflow

    @property
    def over(self) -> int:
        """Return the number of counters that exist although their window has ended, as the scans saw them."""
        return len(self._over)

    @property
    def overflow(self) -> int:
        """Return how many counters exist beyond the ``MAX_NAMES`` whose names are kept."""
        return self._overflow

    def _remember(self, name: bytes) -> bool:
        if len(self._names) >= MAX_NAMES:
            if not self._gone:
                return False
            longest_gone = next(iter(self._gone))
            del self._names[longest_gone], self._gone[longest_gone]
            self._over.discard(longest_gone)
        self._names[name] = _Known()
        return True


def _add(known: _Known, counter: Counter, most: int) -> None:
    before, known.counter, known.gone_mono = known.counter, counter, None
    if counter.count is None:
        known.samples, known.renewed, known.most_ttl_ms, known.track = [], False, 0, _NO_TRACK
        return
    if known.samples and (
        (known.samples[-1][1] > counter.count and not counter.sliding) or _began_anew(before, counter)
    ):
        _end_window(known, before, counter.taken_mono)
        known.samples, known.renewed, known.most_ttl_ms = [], False, 0
    elif before is not None:
        known.renewed = (known.renewed or _renewed(before, counter)) and not _ran_on(known, before, counter)
    known.most_ttl_ms = max(known.most_ttl_ms, counter.ends_ms or 0)
    oldest = counter.taken_mono - KEPT_SECONDS
    known.samples = [sample for sample in known.samples if sample[0] >= oldest]
    known.samples.append((counter.taken_mono, counter.count))
    if len(known.samples) > most:  # the older half at half its density: the whole window stays in sight
        half = most // 2
        known.samples = [*known.samples[:half:2], *known.samples[half:]]
    known.track = Track(tuple(known.samples), known.renewed)


def _goes_on(counter: Counter) -> bool:
    """Return whether nothing ends at its reset: a bucket is full then, or the oldest request leaves a log."""
    return counter.sliding and not counter.ttl_is_reset


def _end_window(known: _Known, last: Counter | None, mono: float) -> None:
    """Keep the count of a window that has ended by ``mono``, as it was read last."""
    if last is None or last.count is None or last.sliding or (ends := last.resets_mono) is None:
        return
    whole = ends - last.taken_mono <= LATE_SECONDS and mono >= ends - GRACE_SECONDS
    known.past = (*known.past, PastWindow(last.count, whole))[-PAST_WINDOWS:]


def _began_anew(before: Counter | None, counter: Counter) -> bool:
    """Return whether the last window has ended since: for certain, or about now when the new TTL ends elsewhere."""
    if before is None or (ended := before.resets_mono) is None:
        return False
    sure = ended + GRACE_SECONDS < counter.taken_mono
    return sure or (ended - GRACE_SECONDS < counter.taken_mono and _renewed(before, counter))


def _renewed(before: Counter, counter: Counter) -> bool:
    """Return whether the limiter restarts its TTL with each request: it fell by less than half of the time that passed.

    A TTL may be read late, on a busy machine by a second, so the end of the window alone proves nothing.
    """
    if before.ends_ms is None or counter.ends_ms is None:
        return False
    return before.ends_ms - counter.ends_ms < _passed_ms(before, counter) / 2


def _ran_on(known: _Known, before: Counter, counter: Counter) -> bool:
    """Return whether requests came and the TTL still fell below what a limiter that restarts it would have left."""
    if counter.ends_ms is None or (counter.count or 0) <= (before.count or 0):
        return False
    return counter.ends_ms < known.most_ttl_ms - _passed_ms(before, counter) - 1000 * GRACE_SECONDS


def _passed_ms(before: Counter, counter: Counter) -> float:
    return (counter.taken_mono - before.taken_mono) * 1000
