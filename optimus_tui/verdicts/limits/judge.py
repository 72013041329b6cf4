"""Judge rate-limit counters by the limits in force, and forecast when each will refuse requests. Pure.

A counter without a known limit has no share, and one that is not a number is never 0. Limits and counts are requests,
times are (monotonic) seconds, paces requests a second.
"""

import math
from collections import Counter as Tally
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.keyspace import (
    NO_WINDOW,
    Counter,
    LimitRow,
    LimitRules,
    LimitsReport,
    LimitState,
    TenantCount,
    Track,
    UnparsedNames,
)
from optimus_tui.contract.reading import Coverage
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.limits.blocked import CommonLimit
from optimus_tui.verdicts.limits.findings import find

LEAST_SECONDS = 5.0
"""Less evidence foretells nothing; a pace that rests on less is shown as about."""
LEAST_REQUESTS = 10
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
_URGENCY: dict[LimitState, int] = {"immortal": 0, "over": 1, "broken": 2, "near": 3, "ok": 4, "unknown limit": 5}
NO_NAMES = UnparsedNames()


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


def forecast(counter: Counter, track: Track | None, limit: int | None, window: int | None) -> Pace:
    """Return how fast a counter grows and when it reaches ``limit``; ``window`` is in seconds, None if unknown.

    A fixed window began with nothing at ``expiry - window``: one sample is enough for the mean pace since then. A
    refusal is forecast, as a range, only where three assumptions agree that the limit is reached before the
    window ends: the older pace, the newer one, and their difference going on. A slowing of no more than a count off by
    one is also tried as steady traffic. Nothing is forecast from less than ``LEAST_SECONDS``, or for sliding windows,
    whose entries also leave. Measured by ``tests/bench/bench_forecast.py``.
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
    earliest, latest = _reaches(need, halves)
    if latest >= left and halves.newer < halves.older and _even(points, counter.taken_mono, span):
        earliest, latest = _while_steady(need, halves)
        rough = True
    if latest >= left or latest == _NEVER:
        return pace
    return Pace(pace.per_second, rough, earliest, latest)


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
        (cut - first) / older_seconds,
        (last - cut) / newer_seconds,
        _sustained([point for point in points if point[0] >= middle]),
        older_seconds,
        newer_seconds,
    )


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


def judge(
    counters: Iterable[Counter],
    *,
    tracks: Mapping[bytes, Track],
    rules: LimitRules | None,
    thresholds: Thresholds,
    coverage: Coverage,
    unparsed: UnparsedNames = NO_NAMES,
    total: int | None = None,
    common: Mapping[bytes, CommonLimit] | None = None,
) -> LimitsReport:
    """Return the report about all counters.

    ``tracks`` are the samples of each key, ``total`` the known number of counters if not all were given. ``common`` are
    operations whose limit nearly all tenants have used up; None derives them from these counters.
    """
    rows = sorted((judge_row(one, tracks.get(one.key), rules, thresholds) for one in counters), key=_urgency)
    tally = Tally(row.counter.tenant for row in rows)
    tenants = tuple(TenantCount(t, n) for t, n in sorted(tally.items(), key=lambda item: (-item[1], item[0])))
    report = LimitsReport(
        rows=tuple(rows),
        tenants=tenants,
        total=max(len(rows), total or 0),
        unparsed=unparsed,
        coverage=coverage,
        rules=rules,
    )
    return replace(report, findings=find(report, thresholds, common))


def judge_row(counter: Counter, track: Track | None, rules: LimitRules | None, thresholds: Thresholds) -> LimitRow:
    """Return one judged counter. ``refused_in`` counts from the counter's ``taken_mono``, as its TTL does."""
    limit = limit_for(counter, rules)
    if counter.count is None or counter.count < 0:
        state: LimitState = "broken"
        if counter.problem == NO_WINDOW:
            state = "unknown limit"
        return LimitRow(counter=counter, state=state, limit=limit, resets_mono=counter.resets_mono)
    share = None
    if limit is not None:
        share = _share(counter.count, limit)
    pace = forecast(counter, track, limit, rules.window_seconds if rules else None)
    full = limit is not None and counter.count >= limit
    return LimitRow(
        counter=counter,
        state=_state(counter, limit, share, thresholds),
        limit=limit,
        share=share,
        slope=pace.per_second,
        rough=pace.rough,
        refused_in=0.0 if full else pace.earliest,
        refused_latest=0.0 if full else pace.latest,
        resets_mono=counter.resets_mono,
    )


def _share(count: int, limit: int) -> float:
    """Of the limit; a limit of 0 is full from the beginning."""
    if limit:
        return count / limit
    return float(max(1, count))


def _state(counter: Counter, limit: int | None, share: float | None, thresholds: Thresholds) -> LimitState:
    """A sorted set without a TTL is stuck by nothing: what has left its window no longer counts."""
    if counter.immortal and not counter.sliding:
        return "immortal"
    if limit is None or share is None:
        return "unknown limit"
    if counter.count is not None and counter.count >= limit:
        return "over"
    if share >= thresholds.near_limit:
        return "near"
    return "ok"


def limit_for(counter: Counter, rules: LimitRules | None) -> int | None:
    """Return the requests per window that the counter's tenant may make, or None if no limit is known."""
    if rules is None:
        return None
    # surrogateescape keeps two different byte names different: a broken name never borrows another tenant's override
    tenant = counter.tenant.decode("utf-8", "surrogateescape")
    limit = rules.limit_for(tenant, counter.operation.decode("utf-8", "surrogateescape"))
    if limit is None or limit >= 0:
        return limit
    return None


def _urgency(row: LimitRow) -> tuple[int, float, int, bytes]:
    return _URGENCY[row.state], -(row.share or 0.0), -(row.counter.count or 0), row.counter.key
