"""Forecast when a rate-limit counter will refuse requests, from its readings. Pure.

Limits and counts are in requests, times in (monotonic) seconds, paces in requests per second.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from msgspec import Struct

from optimus_tui.contract.keyspace import Counter, Track

LEAST_SECONDS = 5.0
"""Less evidence foretells nothing; a pace that rests on less is shown as about."""
LEAST_REQUESTS = 10
LEAST_LOOKS = 4
"""Looks from which on all of the window is evidence; fewer tell two paces only."""
MEAN_SIGMAS, FALLING_SIGMAS, GROWING_SIGMAS = 0.8, 0.25, 0.2
"""How many standard deviations the mean pace of the window and its trend are taken to be worse than they look."""
UNEVEN_AT_FIRST, UNEVEN_LOOKS, LEAST_UNEVEN = 7.0, 2, 0.3
"""How uneven traffic is taken to be before its looks tell, and as how many looks that counts; and the least."""
GROWING_ON, NEWEST_SECONDS, NEWEST_SIGMAS = 0.3, 4.0, 1.0
"""A growth goes on for this part of the evidence, from a pace that the newest quarter (or these seconds) shows.

No pace of now is higher than that quarter shows, by so many standard deviations.
"""
LEAST_DUE = 0.1
"""Requests that are due between two looks at least, where a half had none."""
YOUNGEST_WINDOW = 2.0
"""A window that began later has no mean pace yet: the first second of a window says little about the others."""
LEAST_NEWER, LEAST_TREND_SECONDS = 1.0, 3.5
"""Seconds of the newer half; one shorter than the second makes a trend only where both its own halves show it."""
SHORTEST_SECONDS = 0.5
SHORTEST_SPAN, LONGEST_SPAN = 8.0, 600.0
TREND_SIGMAS, SLACK_SIGMAS = 1.0, 0.75
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

    ``per_second`` is the rate now. ``rough``: it rests on few readings, or a lower recent pace is taken for chance.
    Refusals begin in ``earliest`` to ``latest`` seconds from the last sample; both are None if none is forecast.
    """

    per_second: float | None = None
    rough: bool = False
    earliest: float | None = None
    latest: float | None = None


class _Halves(Struct, frozen=True):
    """The paces of the older and the newer part of the evidence, and the seconds of each.

    ``sustained`` is the lower pace of the newer part's own two halves: one burst leaves the other half empty.
    """

    older: float
    newer: float
    sustained: float
    older_seconds: float
    newer_seconds: float

    @property
    def apart(self) -> float:
        """Seconds between the middles of the two."""
        return (self.older_seconds + self.newer_seconds) / 2

    @property
    def chance(self) -> float:
        """One standard deviation of the difference of the two, for arrivals by chance."""
        return math.hypot(_chance(self.older, self.older_seconds), _chance(self.newer, self.newer_seconds))


class _Course(NamedTuple):
    """A pace of now that changes by the factor e in ``1 / trend`` seconds, for ``lasting`` seconds; then it stays."""

    pace: float
    trend: float = 0.0
    lasting: float = _NEVER

    def until(self, need: float) -> float:
        """Return the seconds until ``need`` requests have come; without end where they never do."""
        if self.pace <= 0:
            return _NEVER
        if self.trend == 0:
            return need / self.pace
        part = need * self.trend / self.pace
        if part <= -1:
            return _NEVER
        seconds = math.log1p(part) / self.trend
        if seconds <= self.lasting:
            return seconds
        came = self.pace * math.expm1(self.trend * self.lasting) / self.trend
        return self.lasting + (need - came) / (self.pace * math.exp(self.trend * self.lasting))


def forecast(counter: Counter, track: Track | None, limit: int | None, window: float | None) -> Pace:
    """Return how fast a counter grows and when it reaches ``limit``; ``window`` is in seconds, None if unknown.

    A fixed window began with nothing at ``expiry - window``: one sample is enough for the mean pace since then. From
    ``LEAST_LOOKS`` readings on, a refusal is forecast as a range if both the mean pace of the window and its trend
    reach the limit before the window ends, even at the lower end of their uncertainty. That grows with the unevenness
    of the readings, so one burst forecasts nothing, and many bursts do. With fewer readings, the older pace, the newer
    one, and a continuation of their difference must agree. A slowing by no more than one count is also tried as steady
    traffic. Nothing is forecast from less than ``LEAST_SECONDS``, or for sliding windows, whose entries also leave.
    Measured by ``tests/bench/bench_forecast.py``.
    """
    if counter.count is None:
        return Pace()
    points = _points(counter, track, window)
    if len(points) < 2:
        return Pace()
    left = _left(counter, track, window)
    span = _span(points, counter, limit, left)
    halves = _halves(points, counter.taken_mono, span)
    pace = _shown(points, halves)
    if halves is None or limit is None or counter.count >= limit or counter.sliding:
        return pace
    need, rough = limit - counter.count, pace.rough
    known = points[-1][0] - points[0][0]
    if track is not None and (len(track.samples) >= LEAST_LOOKS or known < SHORTEST_SPAN):
        earliest, latest = _over_window(need, _since_begin(points, _began(counter, track, window)), left)
    else:
        earliest, latest = _reaches(need, halves)
    if latest >= left and halves.newer < halves.older and _even(points, counter.taken_mono, span):
        earliest, latest = _while_steady(need, halves)
        rough = True
    if latest >= left or latest == _NEVER:
        return pace
    return Pace(pace.per_second, rough, earliest, latest)


def _points(counter: Counter, track: Track | None, window: float | None) -> list[Point]:
    """Return the samples of the present window, oldest first, after its begin (no request yet) where that is known."""
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


def _began(counter: Counter, track: Track | None, window: float | None) -> float | None:
    """Return when the window began, or None if unknown: no TTL, one beyond the window, or one that is renewed."""
    if window is None or counter.ends_ms is None or counter.sliding or (track is not None and track.renewed):
        return None
    passed = window - counter.ends_ms / 1000
    if passed >= 0:
        return counter.taken_mono - passed
    return None


def _left(counter: Counter, track: Track | None, window: float | None) -> float:
    """Return the seconds until the count starts again; infinity for a counter that never does."""
    if counter.ends_ms is None:
        if counter.immortal or window is None:
            return _NEVER
        return float(window)
    if track is not None and track.renewed:
        return _NEVER
    return counter.ends_ms / 1000


def _span(points: Sequence[Point], counter: Counter, limit: int | None, left: float) -> float:
    """Return the seconds of evidence to use: as far back as the forecast reaches ahead."""
    known, now = counter.taken_mono - points[0][0], counter.taken_mono
    recent = min(known, SHORTEST_SPAN)
    grown = points[-1][1] - _at(points, now - recent)
    ahead = left
    if limit is not None and counter.count is not None and grown > 0:
        ahead = min(left, max(0, limit - counter.count) / grown * recent)
    return min(known, max(SHORTEST_SPAN, min(ahead, LONGEST_SPAN)))


def _halves(points: Sequence[Point], now: float, span: float) -> _Halves | None:
    """Return the evidence cut where a sample lies nearest to its middle; None where there is too little of it."""
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
        (cut - first) / older_seconds,
        (last - cut) / newer_seconds,
        _sustained([point for point in points if point[0] >= middle]),
        older_seconds,
        newer_seconds,
    )


def _even(points: Sequence[Point], now: float, span: float) -> bool:
    """Return whether the samples lie on a straight line within one request, because a count is a whole number."""
    start = now - span
    first = _at(points, start)
    pace = (points[-1][1] - first) / span
    if pace * span < LEAST_EVEN:
        return False
    return all(abs(count - first - pace * (at - start)) < EDGE_REQUESTS for at, count in points if at >= start)


def _sustained(points: Sequence[Point]) -> float:
    """Return the lower of the paces before and after the sample nearest to the middle; 0 if there is no such sample."""
    (start, first), (end, last) = points[0], points[-1]
    inner = points[1:-1]
    if not inner:
        return 0.0
    at, count = min(inner, key=lambda point: abs(point[0] - (start + end) / 2))
    return min((count - first) / (at - start), (last - count) / (end - at))


def _at(points: Sequence[Point], moment: float) -> float:
    """Return the count at a moment, on a straight line between two samples."""
    place = bisect_left(points, (moment,))
    if place == len(points):
        return points[-1][1]
    (then, before), (at, count) = points[max(0, place - 1)], points[place]
    if at <= then:
        return count
    return before + (count - before) * (moment - then) / (at - then)


def _shown(points: Sequence[Point], halves: _Halves | None) -> Pace:
    """Return the pace of the newer half; else the mean of all evidence, which is marked as approximate."""
    if halves is not None and halves.newer_seconds >= LEAST_SECONDS / 2:
        requests = abs(halves.newer) * halves.newer_seconds
        return Pace(halves.newer, rough=halves.newer_seconds < LEAST_TREND_SECONDS or 0 < requests < LEAST_REQUESTS)
    seconds = points[-1][0] - points[0][0]
    if seconds < SHORTEST_SECONDS:
        return Pace()
    return Pace((points[-1][1] - points[0][1]) / seconds, rough=True)


def _reaches(need: float, halves: _Halves) -> tuple[float, float]:
    """Return the soonest and latest seconds until ``need`` more requests have come; infinity where they may not."""
    older, newer, change = halves.older, halves.newer, halves.newer - halves.older
    slack = SLACK_SIGMAS * _chance(newer, halves.newer_seconds)
    low, high = max(0.0, newer - slack), newer + slack
    if change < 0:
        return need / high, _while_slowing(need, low, older, halves)
    if change > TREND_SIGMAS * halves.chance:
        earliest = _while_quickening(need, high, older, halves)
        if halves.newer_seconds < LEAST_TREND_SECONDS:  # a burst within a second or two is no trend
            return earliest, _at_pace(need, max(min(low, older), halves.sustained - slack))
        return earliest, _at_pace(need, low + change / halves.apart * halves.newer_seconds / 2)
    return need / (high + change), _at_pace(need, low)


def _since_begin(points: list[Point], began: float | None) -> list[Point]:
    """Return the points with the window's begin, at which no request had come, as far as it is known."""
    if began is not None and began < points[0][0]:
        return [(began, 0.0), *points]
    return points


def _over_window(need: float, points: Sequence[Point], left: float) -> tuple[float, float]:
    """Return the soonest and latest seconds until ``need`` more requests have come, by the pace of the whole window.

    The mean pace and its trend, between the window's halves, are as certain as the number of requests allows; where
    these come more unevenly than by chance, they are as uncertain as of fewer.
    """
    start, now = points[0][0], points[-1][0]
    half = (now - start) / 2
    first, amid, last = points[0][1], _at(points, start + half), points[-1][1]
    came, older, newer = last - first, amid - first, last - amid
    if came <= 0:
        return _NEVER, _NEVER
    mean, trend = came / (2 * half), math.log((newer + 0.5) / (older + 0.5)) / half
    if _Course(_pace_of_now(mean, trend, 2 * half), max(0.0, trend)).until(need) >= left:
        return _NEVER, _NEVER  # not even as it looks
    uneven = math.sqrt(_unevenness(points, start + half, older / half, newer / half))
    doubt = MEAN_SIGMAS * uneven * mean / math.sqrt(came)
    trend_doubt = uneven * math.sqrt(1 / (older + 0.5) + 1 / (newer + 0.5)) / half
    surely = trend - FALLING_SIGMAS * trend_doubt
    if surely > 0:
        surely = 0.0
        if half >= SHORTEST_SPAN and _grows_on(points, start, half / 2):
            surely = max(0.0, trend - GROWING_SIGMAS * trend_doubt)
    least = max(0.0, mean - doubt)
    pace = _pace_of_now(least, surely, 2 * half)
    # from a look on: older looks lie far apart, and a count between two of them may have stood still for long
    since, then = points[min(bisect_left(points, (now - max(half / 2, NEWEST_SECONDS),)), len(points) - 2)]
    newest, lately = now - since, last - then
    if lately < 1:
        return _NEVER, _NEVER  # it has stopped, whatever the mean of the window is
    pace = min(pace, (lately + NEWEST_SIGMAS * uneven * math.sqrt(lately)) / newest)
    if surely > 0:
        pace = min(pace, max(least, lately / newest))
    latest = _Course(pace, surely, GROWING_ON * 2 * half if surely > 0 else _NEVER).until(need)
    soonest = _Course(max(mean, newer / half) + doubt)
    if surely > 0:
        soonest = _Course(_pace_of_now(mean + doubt, trend, 2 * half), trend)
    return min(soonest.until(need), latest), latest


def _pace_of_now(mean: float, trend: float, seconds: float) -> float:
    """Return the pace at the end of a span with this mean, if it changes by the same factor in equal times."""
    grown = trend * seconds
    if abs(grown) < 1e-6:
        return mean
    return mean * grown / -math.expm1(-grown)


def _grows_on(points: Sequence[Point], start: float, quarter: float) -> bool:
    """Return whether each quarter of the newer half brought more than the one before, and the newest still does.

    What was a burst is over, or has just begun.
    """
    counts = [_at(points, start + n * quarter) for n in (0, 1, 2, 3, 3.5, 4)]
    first, second, third, *newest = (count - before for before, count in pairwise(counts))
    return max(first, second) < third < sum(newest) and newest[0] < newest[1]


def _unevenness(points: Sequence[Point], middle: float, older: float, newer: float) -> float:
    """Return the variance between the samples as a ratio to that of arrivals by chance at the pace of their half.

    Few looks may lie within one burst: ``UNEVEN_AT_FIRST`` is what holds before they tell more.
    """
    off, looks = UNEVEN_LOOKS * UNEVEN_AT_FIRST, UNEVEN_LOOKS - 2
    for (then, before), (at, count) in pairwise(points):
        seconds = at - then
        if seconds < SHORTEST_SECONDS:
            continue
        pace = older if (then + at) / 2 < middle else newer
        due = max(pace * seconds, LEAST_DUE)
        off += (count - before - due) ** 2 / due
        looks += 1
    return max(LEAST_UNEVEN, off / max(looks, UNEVEN_LOOKS))


def _chance(pace: float, seconds: float) -> float:
    """Return one standard deviation of a pace counted over so many seconds, for arrivals by chance."""
    return math.sqrt(max(pace, 1 / seconds) / seconds)


def _while_steady(need: float, halves: _Halves) -> tuple[float, float]:
    """Return the soonest and latest seconds if the pace stays, within the error of a count over the newer half."""
    seconds = halves.older_seconds + halves.newer_seconds
    pace = (halves.older * halves.older_seconds + halves.newer * halves.newer_seconds) / seconds
    slack = SLACK_SIGMAS * _chance(pace, halves.newer_seconds)
    return need / (pace + slack), _at_pace(need, pace - slack)


def _at_pace(need: float, pace: float) -> float:
    if pace > 0:
        return need / pace
    return _NEVER


def _while_quickening(need: float, pace: float, older: float, halves: _Halves) -> float:
    """Return the seconds if the pace goes on growing by the same factor; ``pace`` is that amid the newer half."""
    growing = math.log(pace / max(older, 1 / halves.older_seconds)) / halves.apart
    if growing <= 0:
        return _at_pace(need, pace)
    now = pace * math.exp(growing * halves.newer_seconds / 2)
    return math.log1p(need * growing / now) / growing


def _while_slowing(need: float, pace: float, older: float, halves: _Halves) -> float:
    """Return the seconds if the pace goes on falling by the same factor; ``pace`` is that amid the newer half."""
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
