"""Forecast when a rate-limit counter will refuse requests, from the looks at it. Pure.

Limits and counts are requests, times are (monotonic) seconds, paces requests a second.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.keyspace import Counter, Track

LEAST_SECONDS = 5.0
"""Less evidence foretells nothing; a pace that rests on less is shown as about."""
LEAST_REQUESTS = 10
LEAST_GROWING, LEAST_LOOKS = 3, 4
"""Looks from which on a pace that grows is taken for one; from which on the last ones have to agree."""
AGREEING_LOOKS, AGREEING_OF, REPLAYED = 2, 3, 5
"""So many of a few looks bring a forecast; it stays for so many looks, while the pace of now reaches the limit."""
SURELY, SLOWER = 0.6, 1.5
"""Of one that the last look no longer has: the part of the window that it may take, and its range as a factor."""
YOUNGEST_WINDOW = 2.0
"""A window that began later has no mean pace yet: the first second of a window says little about the others."""
LEAST_NEWER, LEAST_TREND_SECONDS = 1.0, 3.5
"""Seconds of the newer half; one shorter than the second makes a trend only where both its own halves show it."""
SHORTEST_SECONDS = 0.5
SHORTEST_SPAN, LONGEST_SPAN = 8.0, 600.0
TREND_SIGMAS, SLACK_SIGMAS, LAST_SIGMAS = 1.0, 0.75, 2.0
"""From how many standard deviations of chance on the newer pace is higher, and how many a pace may be off."""
EDGE_REQUESTS, LEAST_EVEN = 1.0, 20
"""Looks closer than this to a straight line are even, from so many requests on: a few are so by chance.

A slowing is not tested as a quickening is: with ``TREND_SIGMAS`` for both, traffic that does slow down was falsely
foretold in 6 % to 12 % of samples, for two seconds seldom tell a slowing from chance.
"""
_NEVER = math.inf

Point = tuple[float, float]


class Pace(Struct, frozen=True):
    """The present rate and when refusals begin.

    ``per_second`` is the rate now, ``rough`` where it rests on little, or a lower newer pace is taken for chance.
    Refusals begin in ``earliest`` to ``latest`` seconds from the last sample; both None where none is foretold.
    """

    per_second: float | None = None
    rough: bool = False
    earliest: float | None = None
    latest: float | None = None


class _Halves(Struct, frozen=True):
    """The paces of the older and the newer part of the evidence, and the seconds of each.

    ``start`` and ``cut`` are the times at which the older part and the newer part begin.
    ``sustained`` is the lower pace of the newer part's own two halves: one burst leaves the other half empty.
    """

    start: float
    cut: float
    older: float
    newer: float
    sustained: float
    older_seconds: float
    newer_seconds: float
    looks: int
    spread: float = 1.0
    """How much more uneven the looks are than arrivals by chance, as a ratio of variances; 1 where few are known."""
    last_at_most: float = _NEVER
    """The highest pace that what the last look brought allows, by ``LAST_SIGMAS``."""

    @property
    def at_most(self) -> float:
        """The highest pace that a latest time can rest on: that of a half, or the newer one as it goes on growing."""
        return max(self.older, 2 * self.newer - self.older)

    @property
    def apart(self) -> float:
        """Seconds between the middles of the two."""
        return (self.older_seconds + self.newer_seconds) / 2

    @property
    def chance(self) -> float:
        """One standard deviation of the difference of the two, for arrivals by chance."""
        return math.sqrt(self.spread) * math.hypot(
            _chance(self.older, self.older_seconds), _chance(self.newer, self.newer_seconds)
        )

    @property
    def slack(self) -> float:
        """How much the newer pace may be off."""
        return SLACK_SIGMAS * math.sqrt(self.spread) * _chance(self.newer, self.newer_seconds)


def forecast(counter: Counter, track: Track | None, limit: int | None, window: int | None) -> Pace:
    """Return how fast a counter grows and when it reaches ``limit``; ``window`` is in seconds, None if unknown.

    A fixed window began with nothing at ``expiry - window``: one sample is enough for the mean pace since then. A
    refusal is forecast, as a range, only where three assumptions agree that the limit is reached before the
    window ends: the older pace, the newer one, and their difference going on. A slowing of no more than a count off by
    one is also tried as steady traffic. How uneven the looks are widens the range, a burst that the last look no longer
    shows is not taken for a pace, and from ``LEAST_LOOKS`` looks on ``AGREEING_LOOKS`` of the last ``AGREEING_OF`` have
    to foretell it. Nothing is forecast from less than ``LEAST_SECONDS``, or for sliding windows, whose entries also
    leave. Measured by ``tests/bench/bench_forecast.py``.
    """
    if counter.count is None:
        return Pace()
    left = _left(counter, track, window)
    pace = _look(counter, track, limit, window, left)
    looks = track.samples if track is not None else ()
    if len(looks) < LEAST_LOOKS or limit is None or counter.count >= limit or counter.sliding:
        return pace
    need = limit - counter.count
    if pace.earliest is None and not _reaches_surely(pace, need, left):
        return pace
    before: list[Pace] = []

    def told() -> Iterator[bool]:
        yield pace.earliest is not None
        for back in range(1, REPLAYED + 1):
            before.append(_earlier(counter, track, limit, window, left, back))
            yield before[-1].earliest is not None

    if not _stands(told()):
        return Pace(pace.per_second, pace.rough)
    if pace.earliest is not None:
        return pace
    return _held(pace, need, left, max(one.latest or 0.0 for one in before[: AGREEING_OF - 1]))


def _stands(told: Iterable[bool]) -> bool:
    """Return whether ``AGREEING_LOOKS`` of any ``AGREEING_OF`` of these looks in a row foretold it.

    ``told``: newest first. No more of them are asked for than decide it: each costs as much as the look of now.
    """
    row: deque[bool] = deque(maxlen=AGREEING_OF)
    for one in told:
        row.append(one)
        if sum(row) >= AGREEING_LOOKS:
            return True
    return False


def _reaches_surely(pace: Pace, need: int, left: float) -> bool:
    """Return whether the pace of now reaches the limit well before the window ends."""
    return pace.per_second is not None and pace.per_second > 0 and need / pace.per_second < SURELY * left


def _held(pace: Pace, need: int, left: float, latest: float) -> Pace:
    """Keep what the looks before foretold, for a pace of now that ``_reaches_surely``."""
    assert pace.per_second
    soonest = need / pace.per_second
    return Pace(pace.per_second, True, soonest, max(latest, min(left, SLOWER * soonest)))


def _look(counter: Counter, track: Track | None, limit: int | None, window: int | None, left: float) -> Pace:
    """Return what the samples up to the counter's own tell by themselves."""
    points = _points(counter, track, window)
    if len(points) < 2:
        return Pace()
    span = _span(points, counter, limit, left)
    halves = _halves(points, counter.taken_mono, span)
    pace = _shown(points, halves)
    if halves is None or limit is None or counter.count is None or counter.count >= limit or counter.sliding:
        return pace
    need, rough = limit - counter.count, pace.rough
    if need >= left * halves.at_most:
        return pace
    halves = _with_doubt(halves, points)
    earliest, latest = _reaches(need, halves)
    if latest >= left and halves.newer < halves.older and _even(points, counter.taken_mono, span):
        earliest, latest = _while_steady(need, halves)
        rough = True
    if latest >= left or latest == _NEVER:
        return pace
    return Pace(pace.per_second, rough, earliest, latest)


def _earlier(
    counter: Counter, track: Track | None, limit: int | None, window: int | None, left: float, back: int
) -> Pace:
    """Return what was foretold so many looks ago, counted from now; nothing if it was to come before now."""
    assert track is not None
    samples = [sample for sample in track.samples if sample[0] < counter.taken_mono]
    if len(samples) < back:
        return Pace()
    at, count = samples[-back]
    passed = counter.taken_mono - at
    ttl_ms = None if counter.ttl_ms is None else round(counter.ttl_ms + 1000 * passed)
    then = replace(counter, count=count, taken_mono=at, ttl_ms=ttl_ms)
    pace = _look(then, replace(track, samples=tuple(samples[: len(samples) - back + 1])), limit, window, left + passed)
    if pace.earliest is None or pace.latest is None or pace.latest <= passed:
        return Pace()
    return Pace(pace.per_second, pace.rough, max(0.0, pace.earliest - passed), pace.latest - passed)


def _points(counter: Counter, track: Track | None, window: int | None) -> list[Point]:
    """The samples of the present window, oldest first, after its begin (no request yet) where that is known."""
    samples: tuple[tuple[float, int], ...] = ()
    if track:
        samples = track.samples
    points: list[Point] = [(at, float(count)) for at, count in samples if at <= counter.taken_mono]
    if not points or points[-1][0] < counter.taken_mono:
        points.append((counter.taken_mono, float(counter.count or 0)))
    if points[-1][0] - points[0][0] >= LEAST_SECONDS:
        return points  # samples tell more than a begin: what came in the window's first moment is no trend
    began = _began(counter, track, window)
    if began is not None and counter.taken_mono - began >= YOUNGEST_WINDOW:
        points = [(began, 0.0), *(point for point in points if point[0] > began)]
    return points


def _began(counter: Counter, track: Track | None, window: int | None) -> float | None:
    """Return when the window began, or None if unknown: no TTL, one beyond the window, or one that is renewed."""
    if window is None or counter.ttl_ms is None or counter.sliding or (track is not None and track.renewed):
        return None
    passed = window - counter.ttl_ms / 1000
    if passed >= 0:
        return counter.taken_mono - passed
    return None


def _left(counter: Counter, track: Track | None, window: int | None) -> float:
    """Seconds until the count starts again; without end for a counter that never does."""
    if counter.ttl_ms is None:
        if counter.immortal or window is None:
            return _NEVER
        return float(window)
    if track is not None and track.renewed:
        return _NEVER
    return counter.ttl_ms / 1000


def _span(points: Sequence[Point], counter: Counter, limit: int | None, left: float) -> float:
    """Seconds of evidence to use: as far back as the forecast reaches ahead."""
    known, now = counter.taken_mono - points[0][0], counter.taken_mono
    recent = min(known, SHORTEST_SPAN)
    grown = points[-1][1] - _at(points, now - recent)
    ahead = left
    if limit is not None and counter.count is not None and grown > 0:
        ahead = min(left, max(0, limit - counter.count) / grown * recent)
    return min(known, max(SHORTEST_SPAN, min(ahead, LONGEST_SPAN)))


def _halves(points: Sequence[Point], now: float, span: float) -> _Halves | None:
    """The evidence cut where a sample lies nearest to its middle; None where there is too little of it."""
    start = now - span
    inner = [at for at, _ in points if start + span / 4 <= at < now]
    if span < LEAST_SECONDS or not inner:
        return None
    middle = min(inner, key=lambda at: abs(at - (start + now) / 2))
    older_seconds, newer_seconds = middle - start, now - middle
    if newer_seconds < LEAST_NEWER or older_seconds <= 0:
        return None
    first, cut, last = _at(points, start), _at(points, middle), points[-1][1]
    return _Halves(
        start,
        middle,
        (cut - first) / older_seconds,
        (last - cut) / newer_seconds,
        _sustained([point for point in points if point[0] >= middle]),
        older_seconds,
        newer_seconds,
        sum(at >= start for at, _ in points),
    )


def _with_doubt(halves: _Halves, points: Sequence[Point]) -> _Halves:
    """Add what the looks themselves tell of chance: how uneven they are, and what the last one allows."""
    older = [point for point in points if halves.start <= point[0] <= halves.cut]
    newer = [point for point in points if point[0] >= halves.cut]
    return replace(halves, spread=_spread(older, newer), last_at_most=_last_at_most(points))


def _last_at_most(points: Sequence[Point]) -> float:
    """Return how fast requests may come at most by what came before the last look; no end where few looks are known."""
    if len(points) < LEAST_LOOKS:
        return _NEVER
    (then, before), (at, count) = points[-2:]
    pace = (count - before) / (at - then)
    return pace + LAST_SIGMAS * _chance(pace, at - then)


def _spread(*parts: Sequence[Point]) -> float:
    """Return the variance of what came between the looks of each part, as a ratio to arrivals by chance; at least 1."""
    off, free = 0.0, 0
    for points in parts:
        (start, first), (end, last) = points[0], points[-1]
        free += max(0, len(points) - 2)
        if end > start and last > first:
            fair = [(last - first) * (at - then) / (end - start) for (then, _), (at, _) in pairwise(points)]
            came = [count - before for (_, before), (_, count) in pairwise(points)]
            off += sum((one - due) ** 2 / due for one, due in zip(came, fair, strict=True))
    if free < 2:
        return 1.0
    return max(1.0, off / free)


def _even(points: Sequence[Point], now: float, span: float) -> bool:
    """Whether the samples lie on a straight line, but for less than a request: a count is a whole number."""
    start = now - span
    first = _at(points, start)
    pace = (points[-1][1] - first) / span
    if pace * span < LEAST_EVEN:
        return False
    return all(abs(count - first - pace * (at - start)) < EDGE_REQUESTS for at, count in points if at >= start)


def _sustained(points: Sequence[Point]) -> float:
    """The lower of the paces before and after the sample nearest to the middle; 0 where there is none in between."""
    (start, first), (end, last) = points[0], points[-1]
    inner = points[1:-1]
    if not inner:
        return 0.0
    at, count = min(inner, key=lambda point: abs(point[0] - (start + end) / 2))
    return min((count - first) / (at - start), (last - count) / (end - at))


def _at(points: Sequence[Point], moment: float) -> float:
    """The count at a moment, straight between two samples."""
    before = points[0]
    for point in points:
        if point[0] >= moment:
            if point[0] <= before[0]:
                return point[1]
            return before[1] + (point[1] - before[1]) * (moment - before[0]) / (point[0] - before[0])
        before = point
    return before[1]


def _shown(points: Sequence[Point], halves: _Halves | None) -> Pace:
    """The pace of the newer half; else the mean of all that is known, which is no pace of now and so only about."""
    if halves is not None and halves.newer_seconds >= LEAST_SECONDS / 2:
        requests = abs(halves.newer) * halves.newer_seconds
        return Pace(halves.newer, rough=halves.newer_seconds < LEAST_TREND_SECONDS or 0 < requests < LEAST_REQUESTS)
    seconds = points[-1][0] - points[0][0]
    if seconds < SHORTEST_SECONDS:
        return Pace()
    return Pace((points[-1][1] - points[0][1]) / seconds, rough=True)


def _reaches(need: float, halves: _Halves) -> tuple[float, float]:
    """Seconds until ``need`` more requests have come: the soonest and the latest, without end where they may not."""
    older, newer, change = halves.older, halves.newer, halves.newer - halves.older
    slack = halves.slack
    low, high = max(0.0, newer - slack), newer + slack
    low = min(low, halves.last_at_most)  # a burst that the last look no longer shows may be over
    if change < 0:
        return need / high, _while_slowing(need, low, older, halves)
    if change > TREND_SIGMAS * halves.chance and halves.looks >= LEAST_GROWING:
        earliest = _while_quickening(need, high, older, halves)
        if halves.newer_seconds >= LEAST_TREND_SECONDS and halves.sustained - slack > older:
            grown = low + change / halves.apart * halves.newer_seconds / 2
            return earliest, _at_pace(need, min(grown, halves.last_at_most))
        # what only one half of the newer seconds shows is a burst: it may be over
        return earliest, _at_pace(need, max(min(low, older), min(low, halves.sustained - slack)))
    return need / (high + change), _at_pace(need, low)


def _chance(pace: float, seconds: float) -> float:
    """One standard deviation of a pace counted over so many seconds, for arrivals by chance."""
    return math.sqrt(max(pace, 1 / seconds) / seconds)


def _while_steady(need: float, halves: _Halves) -> tuple[float, float]:
    """The pace of all the evidence goes on, give or take as much as a count of the newer half's seconds may be off."""
    seconds = halves.older_seconds + halves.newer_seconds
    pace = (halves.older * halves.older_seconds + halves.newer * halves.newer_seconds) / seconds
    slack = SLACK_SIGMAS * _chance(pace, halves.newer_seconds)
    return need / (pace + slack), _at_pace(need, pace - slack)


def _at_pace(need: float, pace: float) -> float:
    if pace > 0:
        return need / pace
    return _NEVER


def _while_quickening(need: float, pace: float, older: float, halves: _Halves) -> float:
    """The pace goes on growing by the same factor in the same time; ``pace`` is that amid the newer half."""
    growing = math.log(pace / max(older, 1 / halves.older_seconds)) / halves.apart
    if growing <= 0:
        return _at_pace(need, pace)
    now = pace * math.exp(growing * halves.newer_seconds / 2)
    return math.log1p(need * growing / now) / growing


def _while_slowing(need: float, pace: float, older: float, halves: _Halves) -> float:
    """The pace goes on falling by the same factor in the same time; ``pace`` is that amid the newer half."""
    if pace <= 0 or older <= 0:
        return _NEVER
    if pace >= older:
        return _at_pace(need, pace)
    fading = math.log(older / pace) / halves.apart
    now = pace * math.exp(-fading * halves.newer_seconds / 2)
    part = need * fading / now
    if part < 1:
        return -math.log1p(-part) / fading
    return _NEVER
