"""Growth of counters and histograms over readings of one or several processes. Pure."""

import math
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from optimus_tui.contract.percentiles import is_known
from optimus_tui.contract.services import Counted, MetricsState, Spread
from optimus_tui.grammar.info import split_series
from optimus_tui.history.samples.cold_start import warmed
from optimus_tui.history.samples.file import Samples
from optimus_tui.history.samples.process_lives import (
    GAP_SECONDS,
    SHORT_STREAM,
    TOLD_LEAST,
    TOLD_TIMES,
    Life,
    ProcessReading,
    clip_spans,
    covered_time,
    jumps,
    length,
    lives_of,
    may_miss_one,
    merge_spans,
    together,
    without_untold,
)

Totals = dict[tuple[tuple[str, str], ...], Counted]
"""Sums by labels."""
SEVERAL = "several processes answer here, or one that restarts again and again: rates are unknown"
LEAPT = "counters jumped between two readings: another process answers here, or there was a burst; rates are unknown"


def increase(samples: Samples, since: float, *, born: bool = False) -> tuple[float, int]:
    """Return the growth after ``since`` and the number of resets. Earlier samples only set the starting value."""
    total, resets = 0.0, 0
    last: float | None = 0.0 if born else None
    for at, value in samples:
        if at > since and last is not None:
            if value < last:
                resets += 1
                total += value
            else:
                total += value - last
        last = value
    return total, resets


def integrate(samples: Samples, longest_gap: float) -> float:
    """Return the amount behind a rate (per second) over its samples, without gaps over ``longest_gap``."""
    total = 0.0
    for (before, _), (at, rate) in pairwise(samples):
        if 0 < at - before <= longest_gap:
            total += rate * (at - before)
    return total


def covered_minutes(times: Sequence[float], longest_gap: float) -> float:
    """Return the minutes between neighbouring samples, without the gaps."""
    steps = (after - before for before, after in pairwise(times))
    return sum(step for step in steps if 0 < step <= longest_gap) / 60


def matches(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Return whether every wanted label is present with that value."""
    return all(labels.get(name) == value for name, value in wanted.items())


def spread(buckets: Iterable[Counted], count: float, total: float) -> Spread:
    """Return the percentiles behind increases of ``le`` buckets, interpolated within a bucket as Prometheus does.

    Percentiles above the median are None if there are fewer than 20 observations.
    """
    edges: dict[float, float] = {}
    for one in buckets:
        edge = _edge(one.labels.get("le", ""))
        if edge is not None:
            edges[edge] = edges.get(edge, 0.0) + one.increase
    ordered: list[tuple[float, float]] = []
    for edge in sorted(edges):  # cumulative, also where two looks met in the middle of an update
        ordered.append((edge, max(edges[edge], ordered[-1][1] if ordered else 0.0)))
    return Spread(
        count=count,
        mean=total / count if count > 0 else None,
        p50=quantile(ordered, 0.50),
        p95=quantile(ordered, 0.95),
        p99=quantile(ordered, 0.99),
        p50_edges=bucket_of(ordered, 0.50),
        p95_edges=bucket_of(ordered, 0.95),
        p99_edges=bucket_of(ordered, 0.99),
        within=tuple(ordered),
    )


def bucket_of(ordered: Sequence[tuple[float, float]], share: float) -> tuple[float, float] | None:
    """Return the edges of the bucket that holds a quantile; None where there is none."""
    found = _bucket(ordered, share)
    if found is None:
        return None
    return (min(found.lower, found.upper), found.upper)


def quantile(ordered: Sequence[tuple[float, float]], share: float) -> float | None:
    """Return a quantile of cumulative buckets (upper edge, observations up to it); at most the last finite edge."""
    found = _bucket(ordered, share)
    if found is None:
        return None
    if math.isinf(found.upper):
        if len(ordered) > 1:
            return found.lower
        return None
    if found.upper > 0:
        start = min(found.lower, found.upper)
    else:
        start = found.upper
    return start + (found.upper - start) * (found.rank - found.below) / (found.seen - found.below)


class _Bucket(NamedTuple):
    """The bucket that holds a quantile: its edges, the observations up to each, and which of them the quantile is."""

    lower: float
    upper: float
    below: float
    seen: float
    rank: float


def _bucket(ordered: Sequence[tuple[float, float]], share: float) -> _Bucket | None:
    if not ordered or not math.isinf(ordered[-1][0]) or not is_known(share, ordered[-1][1]):
        return None
    rank, lower, below = share * ordered[-1][1], 0.0, 0.0
    for edge, seen in ordered:
        if seen >= rank and seen > below:
            return _Bucket(lower, edge, below, seen, rank)
        lower, below = edge, seen
    return None


def group_spreads(
    buckets: Collection[Counted], sums: Collection[Counted], counts: Collection[Counted], by: str | None
) -> dict[str, Spread]:
    """Return a histogram by the value of a label, the most used first; series without observations are left out."""
    observed: dict[str, float] = {}
    for one in counts:
        observed[_group(one, by)] = observed.get(_group(one, by), 0.0) + one.increase
    groups: dict[str, Spread] = {}
    for name, count in sorted(observed.items(), key=lambda item: -item[1]):
        if count > 0:
            total = sum(one.increase for one in sums if _group(one, by) == name)
            groups[name] = spread((one for one in buckets if _group(one, by) == name), count, total)
    return groups


def _group(one: Counted, by: str | None) -> str:
    if by:
        return one.labels.get(by, "")
    return ""


def _edge(text: str) -> float | None:
    try:
        edge = float(text)
    except ValueError:
        return None
    if math.isnan(edge):
        return None
    return edge


class Growth(NamedTuple):
    """Growth by series over the time in ``spans``; empty where ``several`` says why no figure is reliable.

    ``processes`` counts those seen within the window, ``restarts`` those of them that began after an earlier reading.
    ``lower_bound`` is True where requests may have been lost with a process that ended.
    """

    series: tuple[Counted, ...] = ()
    spans: tuple[tuple[float, float], ...] = ()
    processes: int = 0
    restarts: int = 0
    together: int = 0
    lower_bound: bool = False
    several: str = ""

    @property
    def seconds(self) -> float:
        """Return the seconds over which the growth is known."""
        return length(self.spans)


def fell_back(before: Mapping[str, float], state: MetricsState) -> bool:
    """Return whether a counter is lower than at the reading before, so that another process answers now.

    Where processes cannot be told apart, a counter that is gone counts as well; a known process may remove series.
    Gauges may fall, and so may a sum of seconds where a clock was set.
    """
    unknown = state.process is None and not state.left_out
    for name, value in before.items():
        if split_series(name)[0].endswith(("_total", "_bucket", "_count")):
            now = state.values.get(name)
            if (now is None and unknown) or (now is not None and now < value):
                return True
    return False


def grow(
    looks: Sequence[ProcessReading],
    found: Mapping[str, Samples],
    since: float,
    *,
    in_turn: bool = True,
    most: float = 4.0,
    gap: float = GAP_SECONDS,
    restarts_allowed: int = 1,
    jump: float = 100.0,
    warm: bool = False,
) -> Growth:
    """Return the growth of the series in ``found`` after ``since``; earlier readings only set the starting values.

    Args:
        looks: every reading, oldest first, each with a time of its own.
        found: the samples by series of one metric, kept where they changed; each has the time of its reading.
        since: where the window begins.
        in_turn: whether each reading meets one of several processes by chance. Then a process that was not met at the
            window's edges is assumed to have counted there at the rate seen between its own readings.
        most: the growth of a process is extended to at most this multiple of its observed span.
        gap: two readings this many seconds apart or more leave the time between them uncovered.
        restarts_allowed: how many falling counters are taken for restarts where processes cannot be told apart.
        jump: growth between two readings that may mean another process, where there are too few readings to tell.
        warm: leave the cold start of each process out. Restarts are still counted.
    """
    if warm:
        kept, of_them = warmed(looks, found)
        grown = grow(
            kept, of_them, since, in_turn=in_turn, most=most, gap=gap, restarts_allowed=restarts_allowed, jump=jump
        )
        return grown._replace(restarts=max(grown.restarts, _restarts(looks, found, since, in_turn, gap)))
    every = looks
    looks = without_untold(looks, found)
    inside = [one for one in looks if one.at >= since]
    if not inside:
        return Growth()
    lives = lives_of(looks, since, in_turn=in_turn, gap=gap)
    restarts = _born(looks, lives)
    shape = Growth(processes=len(lives), restarts=restarts, together=together(lives))
    counts = _counts(lives, found)
    if reason := next((why for one in counts if (why := one.several(restarts_allowed, jump, in_turn))), ""):
        return shape._replace(several=reason)
    covered = covered_time(lives, inside, gap)
    if not covered or all(one.span <= 0 for one in lives):
        return shape
    fallen = sum(one.restarted for one in counts)
    lower = bool(fallen or restarts) or (in_turn and may_miss_one(looks, since, inside, len(lives)))
    lower |= len({one.known for one in every if one.at >= since}) > 1
    totals: Totals = {}
    for one in counts:
        life, scale = one.life, 1.0
        if life.span > 0:
            lived = length(clip_spans(covered, life.begin, life.end))
            scale = lived / life.span if lived <= most * life.span else 1.0
            lower |= lived > most * life.span
        lower |= life.ended or life.span <= 0
        one.add_to(totals, scale)
    return shape._replace(
        series=tuple(totals.values()), spans=tuple(covered), restarts=restarts + fallen, lower_bound=lower
    )


def _born(looks: Sequence[ProcessReading], lives: Sequence[Life]) -> int:
    """Return how many of these processes began after an earlier reading."""
    return sum(one.born and looks[0].at < one.base for one in lives)


def _restarts(
    looks: Sequence[ProcessReading], found: Mapping[str, Samples], since: float, in_turn: bool, gap: float
) -> int:
    readings = without_untold(looks, found)
    if not any(one.at >= since for one in readings):
        return 0
    return _born(readings, lives_of(readings, since, in_turn=in_turn, gap=gap))


def add_growths(growths: Sequence[Growth]) -> Growth:
    """Return the sum of the growth of several targets, which have no process in common."""
    if len(growths) == 1:
        return growths[0]
    totals: Totals = {}
    for one in growths:
        for counted in one.series:
            _put(totals, counted.labels, counted.increase, counted.resets)
    return Growth(
        series=tuple(totals.values()),
        spans=tuple(merge_spans(span for one in growths for span in one.spans)),
        processes=sum(one.processes for one in growths),
        restarts=sum(one.restarts for one in growths),
        together=sum(one.together for one in growths),
        lower_bound=any(one.lower_bound for one in growths),
        several=next((one.several for one in growths if one.several), ""),
    )


def _put(totals: Totals, labels: dict[str, str], increase: float, resets: int) -> None:
    """Add growth to what is there under the same labels."""
    key = tuple(sorted(labels.items()))
    before = totals.get(key) or Counted(labels=labels, increase=0.0)
    totals[key] = Counted(labels=labels, increase=before.increase + increase, resets=before.resets + resets)


def with_labels(growth: Growth, labels: Mapping[str, str]) -> Growth:
    """Return the same growth with only the series that have these labels."""
    if not labels:
        return growth
    return growth._replace(series=tuple(one for one in growth.series if matches(one.labels, labels)))


class _ProcessCounts:
    """The counts of one process: growth by series and by reading, and the readings at which a counter fell."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self._growth: dict[str, tuple[float, int]] = {}
        self._steps: dict[float, float] = {}
        self._own_steps: dict[str, dict[float, float]] = {}
        self._others = {one.at for one in life.looks if one.other}
        self._falls = {one.at for one in life.looks if one.fell} | self._others
        self._after_fall = 0.0
        self._appeared: dict[float, float] = {}
        """By reading the values of series that were seen for the first time."""
        self._cut = any(one.cut for one in life.looks)

    def take(self, name: str, samples: Sequence[tuple[float, float]]) -> None:
        """Add the growth of one series over this process' own samples."""
        life, total, resets = self.life, 0.0, 0
        last: float | None = 0.0 if life.born else None
        summed = split_series(name)[0].endswith("_sum")
        steps = self._own_steps.setdefault(name, {})
        for at, value in samples:
            grown = 0.0
            fell = last is not None and value < last and (not summed or at in self._falls)
            fell |= last is not None and at in self._others  # all that it counted is its own
            if last is None and at > life.base and not self._cut:
                last = 0.0  # this process had been looked at without the series: it was born since
                self._appeared[at] = self._appeared.get(at, 0.0) + (0.0 if summed else value)
            if fell:
                grown = value
                self._falls.add(at)
                if not summed:
                    self._after_fall += value
                resets += at > life.base
            elif last is not None:
                grown = max(0.0, value - last)  # a sum of seconds may go back a little: a clock was set
            if at > life.base:
                total += grown
            steps[at] = grown
            self._steps[at] = self._steps.get(at, 0.0) + grown
            last = value
        self._growth[name] = total, resets

    @property
    def restarted(self) -> bool:
        """Return whether a counter fell within the window."""
        return any(at > self.life.base for at in self._falls)

    def several(self, restarts_allowed: int, jump: float, in_turn: bool) -> str:
        """Return why this is not one process: it jumped, or fell without a possible restart or too often; else ""."""
        allowed = 0 if self.life.known else restarts_allowed
        if len(self._falls) > allowed or any(not self._restarted_at(at) for at in self._falls):
            return SEVERAL
        if self._jumped(jump, in_turn):
            return LEAPT
        return ""

    def _restarted_at(self, at: float) -> bool:
        """Return whether the value after the fall fits the time since the reading before."""
        seconds, usual = self._usual(at)
        return seconds <= 0 or self._after_fall <= max(20.0, 5.0 * usual * seconds)

    def _usual(self, at: float) -> tuple[float, float]:
        """Return the seconds since the reading before, and the growth per second at all other times."""
        first = self.life.looks[0].at
        seconds = at - max((one.at for one in self.life.looks if one.at < at), default=at)
        others = self.life.last - first - seconds
        rest = sum(grown for when, grown in self._steps.items() if when != at)
        return seconds, rest / others if others > 0 else 0.0

    def _jumped(self, jump: float, in_turn: bool) -> bool:
        """Return whether another process may have answered a reading within the window.

        With many readings that is accepted only where each may have met another process.
        """
        times = [one.at for one in self.life.looks]
        if self.life.born and self.life.base < times[0]:
            times.insert(0, self.life.base)
        few = not self.life.known and len(times) < SHORT_STREAM
        if len(times) < 3 or not (in_turn or few):
            return False
        proved = {one.at for one in self.life.looks if one.same}
        found = jumps(times, self._steps, self._own_steps.values(), jump, same_start=self.life.known)
        found += [at for at in self._appeared if self._came_from_elsewhere(at)]
        return any(at > self.life.base and at not in proved for at in found)

    def _came_from_elsewhere(self, at: float) -> bool:
        """Return whether series seen for the first time had counted too much for the time since the reading before."""
        seconds, usual = self._usual(at)
        return usual > 0 and self._appeared[at] > max(TOLD_LEAST, TOLD_TIMES * (usual + 1) * seconds)

    def add_to(self, totals: Totals, scale: float) -> None:
        """Add this process' growth to the sums by labels."""
        for name, (grown, resets) in self._growth.items():
            _put(totals, split_series(name)[1], grown * scale, resets)


def _counts(lives: Sequence[Life], found: Mapping[str, Samples]) -> list[_ProcessCounts]:
    counts = {life.process: _ProcessCounts(life) for life in lives}
    owner = {one.at: life.process for life in lives for one in life.looks}
    for name, samples in found.items():
        own: dict[Hashable, list[tuple[float, float]]] = {}
        for sample in samples:
            if sample[0] in owner:
                own.setdefault(owner[sample[0]], []).append(sample)
        for process, of_process in own.items():
            counts[process].take(name, of_process)
    return list(counts.values())
