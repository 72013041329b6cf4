"""Determine which processes were read and how long each lived.

It uses their start times, their marks, and jumps that one process' traffic cannot explain. Pure.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from optimus_tui.contract.services import CREATED
from optimus_tui.grammar.info import split_series
from optimus_tui.history.samples.file import Samples

Span = tuple[float, float]
GAP_SECONDS = 90.0
"""Two readings further apart than this have a gap between them, which is not covered."""
LOOKS_EACH = 5
"""With this many readings for each of several processes that answer by chance, one of them is seldom missed."""
SLACK_SECONDS = 1.5
"""A start time may be rounded to seconds: if it is later than the first reading by no more than this, it is the same
process."""
PUBLISHED = "published."
"""Prefix of a metric's name, stored with every reading of ``/metrics`` that found the metric. It separates "0" from
"not read"."""
PROCESS, STARTED = "metrics.process", "metrics.started"
"""Stored with every reading: the process' start as published (0 where it is not), and the same by our clock."""
FELL, LEFT_OUT = "metrics.fell", "metrics.left_out"
"""Stored with a reading at which a counter was lower than before in the same process, or with a page that was cut."""
SAME = "metrics.same"
"""Stored with a reading that is proved to be of the same process as the one before (1), or of another (0)."""
UNTOLD_TIMES, TOLD_TIMES = 5.0, 8.0
"""A step this many times as fast as all ordinary ones may be another process; the second figure applies to readings
with one start time, which two workers seldom share."""
TOLD_LEAST = 100.0
"""A smaller growth from one reading to the next is never examined where the start time stays the same."""
MOST_JUMPS = 3
"""More such steps than this are bursts of traffic, because workers seldom follow each other in the order of their
counters."""
SHORT_STREAM = 8
"""With fewer readings than this several processes may be mixed without any counter falling."""
SLACK = 0.05
"""CPU seconds are a sum of two clocks, which may go back a little."""


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Return the spans without overlap, in order."""
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((begin, end))
    return merged


def clip_spans(spans: Iterable[Span], begin: float, end: float) -> list[Span]:
    """Return the parts of the spans between ``begin`` and ``end``."""
    return [(max(a, begin), min(b, end)) for a, b in spans if min(b, end) > max(a, begin)]


def length(spans: Iterable[Span]) -> float:
    """Return the seconds of all spans; they must not overlap."""
    return sum(end - begin for begin, end in spans)


class ProcessReading(NamedTuple):
    """One reading of ``/metrics``: which process answered, and what the reading shows besides the counters.

    ``process`` is the same for readings of the same process. ``known`` is False where processes cannot be told apart:
    then all readings with this ``process`` may be of one or of many. ``started`` is when it began, None where unknown.
    ``fell`` is True where a counter was lower than at the reading before, ``cut`` where the page was not kept whole,
    ``same`` where this reading and the previous one of ``process`` provably come from one process, ``other`` where they
    provably come from two.
    """

    at: float
    process: Hashable = None
    known: bool = False
    started: float | None = None
    fell: bool = False
    cut: bool = False
    same: bool = False
    other: bool = False


class Life(NamedTuple):
    """One process: its readings, the time at which its growth begins, and until when it is taken to have lived.

    ``known`` is False where its readings may be of one process or of many, one after the other.
    """

    process: Hashable
    known: bool
    looks: list[ProcessReading]
    base: float
    born: bool
    begin: float
    end: float
    ended: bool

    @property
    def last(self) -> float:
        """Return the time of its last reading."""
        return self.looks[-1].at

    @property
    def span(self) -> float:
        """Return the seconds from the beginning of its growth to its last reading."""
        return self.last - self.base


def lives_of(looks: Sequence[ProcessReading], since: float, *, in_turn: bool, gap: float) -> list[Life]:
    """Return the processes that were seen within the window."""
    by_process: dict[Hashable, list[ProcessReading]] = {}
    for one in looks:
        by_process.setdefault(one.process, []).append(one)
    seen = {process: own for process, own in by_process.items() if own[-1].at >= since}
    starts = [own[0].started for own in seen.values() if own[0].known and own[0].started is not None]
    times = [one.at for one in looks if one.at >= since]
    patience = _patience(_overlap([(own[0].at, own[-1].at) for own in seen.values()]))
    untold = [one for own in seen.values() for one in own if not one.known]
    lives = []
    bases = {process: _base(own, since, gap) for process, own in seen.items()}
    begins = min(base for base, _ in bases.values())
    for process, own in seen.items():
        base, born = bases[process]
        first, last = own[0].at, own[-1].at
        known = own[0].known or any(other[0].known and is_alternating(other, own) for other in seen.values())
        alone = own[0].known and untold and not is_alternating(own, untold)
        if not in_turn or alone or not known:
            lives.append(Life(process, known, own, base, born, base, last, ended=False))
            continue
        missed_before = sum(at < first for at in times)
        missed_after = sum(at > last for at in times)
        ended = any(start > last for start in starts) or missed_after >= patience
        begin = base if born or missed_before >= patience else begins
        lives.append(Life(process, True, own, base, born, begin, last if ended else times[-1], ended))
    return lives


def is_alternating(one: Sequence[ProcessReading], other: Sequence[ProcessReading]) -> bool:
    """Return whether two processes alternate: each has a reading within the time that both span."""
    first, last = max(one[0].at, other[0].at), min(one[-1].at, other[-1].at)
    return any(first <= look.at <= last for look in one) and any(first <= look.at <= last for look in other)


def may_miss_one(looks: Sequence[ProcessReading], since: float, inside: Sequence[ProcessReading], seen: int) -> bool:
    """Return whether a process may have been missed within the window.

    That is so if there are too few readings for so many processes, or if no reading met a process that was seen shortly
    before and was not replaced.
    """
    if seen > 1 and len(looks) < LOOKS_EACH * seen:
        return True
    last = {one.process: one.at for one in looks if one.known}
    starts = [one.started for one in looks if one.known and one.started is not None]
    patience = _patience(len({one.process for one in inside}))
    return any(
        at < since and not any(start > at for start in starts) and sum(one.at > at for one in looks) < patience
        for at in last.values()
    )


def _patience(processes: int) -> int:
    """Return how many readings in a row must miss a process until it counts as ended."""
    return LOOKS_EACH * max(2, processes)


def _base(own: Sequence[ProcessReading], since: float, gap: float) -> tuple[float, bool]:
    """Return where this process' growth begins, and whether from zero.

    That is its start within the window, or its reading nearest to the window's beginning.
    """
    first, started = own[0], own[0].started
    if started is not None and since < started <= first.at + SLACK_SECONDS and first.at >= since:
        return min(started, first.at), True
    inside = next(one.at for one in own if one.at >= since)
    before = [one.at for one in own if one.at < since]
    if before and since - before[-1] <= min(gap, inside - since):
        return before[-1], False
    if before and len(own) - len(before) == 1 and since - before[-1] <= gap:
        return before[-1], False  # a single look within the window has no other to compare with
    return inside, False


def _overlap(spans: Sequence[tuple[float, float]]) -> int:
    """Return the largest number of these spans that overlap at one time."""
    return max((sum(begin <= at <= end for begin, end in spans) for at, _ in spans), default=0)


def together(lives: Sequence[Life]) -> int:
    """Return the greatest number of these processes that lived at the same time."""
    return _overlap([(one.looks[0].at, one.last) for one in lives])


def covered_time(lives: Sequence[Life], inside: Sequence[ProcessReading], gap: float) -> list[Span]:
    """Return the seconds for which readings followed one another, or one process is known to have continued."""
    spans = [(one.base, one.last) for one in lives if one.span > 0]
    times = sorted({one.at for one in inside} | {one.base for one in lives})
    spans += [(before, at) for before, at in pairwise(times) if at - before <= gap]
    return merge_spans(spans)


def without_untold(looks: Sequence[ProcessReading], found: Mapping[str, Samples]) -> list[ProcessReading]:
    """Return the readings without those that lack a start time and may come from a process that has one."""
    untold = [one for one in looks if not one.known]
    if not untold or len(untold) == len(looks):
        return list(looks)
    with_start: dict[Hashable, list[ProcessReading]] = {}
    for one in looks:
        if one.known:
            with_start.setdefault(one.process, []).append(one)
    for own in with_start.values():
        if is_alternating(own, untold) and _one_timeline(sorted([*own, *untold]), found):
            return [one for one in looks if one.known]
    return list(looks)


def _one_timeline(looks: Sequence[ProcessReading], found: Mapping[str, Samples]) -> bool:
    """Return whether no counter falls from reading to reading, as if all were of one process.

    Samples are stored only where they changed since the last reading of the same process.
    """
    for samples in found.values():
        kept = dict(samples)
        last: dict[Hashable, float] = {}
        before = 0.0
        for one in looks:
            value = kept.get(one.at, last.get(one.process))
            if value is None:
                continue
            if value < before:
                return False
            last[one.process] = before = value
    return True


class _Step(NamedTuple):
    """The growth between two readings."""

    rate: float
    grown: float
    number: int
    at: float


def jumps(
    times: Sequence[float],
    grown: Mapping[float, float],
    series: Collection[Mapping[float, float]],
    least: float,
    *,
    same_start: bool,
) -> list[float]:
    """Return the readings at which another process may have answered; empty where one process can explain all growth.

    Args:
        times: of all readings of what may be one process.
        grown: the growth of all series together since the reading before, by reading.
        series: the same for each series.
        least: growth between two readings above which a step is examined.
        same_start: whether all these readings have the same start time.
    """
    steps = [
        _Step(grown.get(at, 0.0) / (at - before), grown.get(at, 0.0), number, at)
        for number, (before, at) in enumerate(pairwise(times))
        if at > before
    ]
    factor = UNTOLD_TIMES
    if same_start:
        factor, least = TOLD_TIMES, max(least, TOLD_LEAST)
    chosen = _outliers(sorted(steps, reverse=True), least, factor)
    if not same_start and len(times) < SHORT_STREAM:
        return chosen
    if all(_all_jumped(series, at, times, chosen, factor) for at in chosen):
        return chosen
    return []


def _outliers(ranked: Sequence[_Step], least: float, factor: float) -> list[float]:
    """Return the few fastest steps where a gap separates them from all others.

    Steps that follow one another are a burst of traffic over several readings and do not count.
    """
    for count in range(1, min(MOST_JUMPS, len(ranked) - 1) + 1):
        chosen = ranked[:count]
        if chosen[-1].grown <= least:
            return []
        if chosen[-1].rate > factor * (ranked[count].rate + 1):
            numbers = sorted(one.number for one in chosen)
            if any(b - a == 1 for a, b in pairwise(numbers)):
                return []
            return [one.at for one in chosen]
    return []


def _all_jumped(
    series: Collection[Mapping[float, float]],
    at: float,
    times: Sequence[float],
    chosen: Collection[float],
    factor: float,
) -> bool:
    """Return whether all series that also grow at other times jumped at this reading.

    A burst leaves some series as they were, and another process has other figures throughout.
    """
    length = {after: after - before for before, after in pairwise(times)}
    others = sum(seconds for when, seconds in length.items() if when not in chosen)
    moving = 0
    for steps in series:
        usual = sum(value for when, value in steps.items() if when not in chosen)
        if usual >= 5:
            moving += 1
            if steps.get(at, 0.0) <= factor * (usual * length[at] / max(others, 1e-9) + 1):
                return False
    return moving > 0


def compare_marks(before: Mapping[str, float], marks: Mapping[str, float]) -> Literal["same", "other", "unknown"]:
    """Return whether one process published both readings.

    A series is created once: another creation time is another process. Only labelled series prove the same process,
    since they are created at the first request; others may be created before workers are forked. A value that only
    grows proves nothing.
    """
    proved = False
    for name, value in before.items():
        now = marks.get(name)
        if now is None:
            continue
        created = split_series(name)[0].endswith(CREATED)
        if (created and now != value) or now < value - SLACK:
            return "other"
        proved |= created and "|" in name
    if proved:
        return "same"
    return "unknown"
