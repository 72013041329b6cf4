"""The counters' memory between reads: which names exist, and the last seconds of each count for its slope.

A name that vanished (its window ended) is remembered for a while and asked again, so that a window that starts anew
shows at once and not with the next sweep. It refuses to grow: names beyond ``MAX_NAMES`` are counted, not kept.
"""

from collections.abc import Iterable
from heapq import nlargest

from optimus_tui.contract.limits import Counter
from optimus_tui.grammar.keys import parse_key

MAX_NAMES = 20_000
MAX_READ = 2_000
FORGET_SECONDS = 600.0
SLOPE_SECONDS = 10.0
MIN_SLOPE_SECONDS = 0.5
MAX_SAMPLES = 24

_PREFIX = b"rate_limit"


class _Known:
    __slots__ = ("counter", "gone_mono", "samples")

    def __init__(self) -> None:
        self.counter: Counter | None = None
        self.samples: list[tuple[float, int]] = []
        self.gone_mono: float | None = None


class LimitIndex:
    """Sweeps bring the names (``begin_sweep``, ``put_page``, ``end_sweep``), reads fill them (``put``, ``gone``)."""

    def __init__(self) -> None:
        self._names: dict[bytes, _Known] = {}
        self._gone: dict[bytes, None] = {}
        self._unparsed: set[bytes] = set()
        self._unparsed_now: set[bytes] = set()
        self._overflow = self._overflow_now = 0
        self._turn = 0

    def begin_sweep(self) -> None:
        """A new pass over all names starts."""
        self._unparsed_now, self._overflow_now = set(), 0

    def put_page(self, names: Iterable[bytes]) -> None:
        """Names a sweep found; those of other families are left alone."""
        for name in names:
            if name in self._names or not name.startswith(_PREFIX):
                continue
            family = parse_key(name).family
            if family == "unparsed" and len(self._unparsed_now) < MAX_NAMES:
                self._unparsed_now.add(name)
            elif family == "limit" and not self._remember(name):
                self._overflow_now += 1
        self._unparsed |= self._unparsed_now
        self._overflow = max(self._overflow, self._overflow_now)

    def end_sweep(self, complete: bool) -> None:
        """The pass is over. Only a complete one may lower what is counted here."""
        if complete:
            self._unparsed, self._overflow = self._unparsed_now, self._overflow_now

    def names_to_read(self, budget: int = MAX_READ) -> list[bytes]:
        """At most ``budget`` names: all if they fit; else half for the highest counts, half for the others in turns."""
        if len(self._names) <= budget:
            return list(self._names)
        high = nlargest(budget // 2, self._names, key=lambda name: _count_of(self._names[name]))
        taken = set(high)
        others = [name for name in self._names if name not in taken]
        room, start = budget - len(high), self._turn % len(others)
        self._turn += room
        return [*high, *(others[start:] + others[:start])[:room]]

    def put(self, counters: Iterable[Counter]) -> None:
        """Counters as read just now."""
        for counter in counters:
            if counter.key in self._names or self._remember(counter.key):
                self._gone.pop(counter.key, None)
                _add(self._names[counter.key], counter)

    def gone(self, names: Iterable[bytes], mono: float) -> None:
        """Names that were asked for and did not exist at ``mono`` seconds; forgotten ten minutes after the first no."""
        for name in names:
            known = self._names.get(name)
            if known is None:
                continue
            if known.gone_mono is None:
                known.gone_mono, known.counter, known.samples = mono, None, []
                self._gone[name] = None
            elif mono - known.gone_mono > FORGET_SECONDS:
                del self._names[name], self._gone[name]

    def counters(self, mono: float | None = None) -> list[Counter]:
        """Every counter that exists as far as the last reads tell; without those whose TTL has run out by ``mono``."""
        found = [known.counter for known in self._names.values() if known.counter is not None]
        if mono is None:
            return found
        return [one for one in found if one.ttl_ms is None or one.taken_mono + one.ttl_ms / 1000 >= mono]

    def slopes(self) -> dict[bytes, float | None]:
        """Requests per second of each counter over the last ten seconds of its window; None where that is unknown."""
        return {name: _slope(known.samples) for name, known in self._names.items() if known.counter is not None}

    def samples(self, name: bytes) -> tuple[tuple[float, int], ...]:
        """(Monotonic seconds, count) behind the slope of ``name``, oldest first."""
        known = self._names.get(name)
        return tuple(known.samples) if known else ()

    @property
    def unparsed(self) -> int:
        """Names that begin with ``rate_limit`` and follow no grammar."""
        return len(self._unparsed)

    @property
    def total(self) -> int:
        """Counters known to exist, those included that did not fit."""
        return len(self._names) - len(self._gone) + self._overflow

    @property
    def overflow(self) -> int:
        """Counters that exist and are not kept: more than ``MAX_NAMES`` names."""
        return self._overflow

    def _remember(self, name: bytes) -> bool:
        if len(self._names) >= MAX_NAMES:
            if not self._gone:
                return False
            longest_gone = next(iter(self._gone))
            del self._names[longest_gone], self._gone[longest_gone]
        self._names[name] = _Known()
        return True


def _add(known: _Known, counter: Counter) -> None:
    known.counter, known.gone_mono = counter, None
    if counter.count is None:
        known.samples = []
        return
    if known.samples and known.samples[-1][1] > counter.count:
        known.samples = []  # a new window began
    oldest = counter.taken_mono - SLOPE_SECONDS
    known.samples.append((counter.taken_mono, counter.count))
    known.samples = [sample for sample in known.samples if sample[0] >= oldest][-MAX_SAMPLES:]


def _slope(samples: list[tuple[float, int]]) -> float | None:
    if len(samples) < 2:
        return None
    seconds = samples[-1][0] - samples[0][0]
    return (samples[-1][1] - samples[0][1]) / seconds if seconds >= MIN_SLOPE_SECONDS else None


def _count_of(known: _Known) -> int:
    return known.counter.count or 0 if known.counter else -1
