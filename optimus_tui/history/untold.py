"""Handle readings without the process' start time among readings that have it. Pure.

A page may be cut short, or one of several workers may not publish its start. Where such readings continue the counters
of a process with a start time, they may be of that process or of another: they are left out, and the figure is a lower
bound. Where the counters of both do not fit one timeline, they are of another process.
"""

from collections.abc import Hashable, Mapping, Sequence

from optimus_tui.history.lives import ProcessReading, by_turns
from optimus_tui.history.row_codec import Samples


def without_untold(looks: Sequence[ProcessReading], found: Mapping[str, Samples]) -> list[ProcessReading]:
    """Return the readings without those that have no start time and may be of a process that has one."""
    untold = [one for one in looks if not one.known]
    if not untold or len(untold) == len(looks):
        return list(looks)
    told: dict[Hashable, list[ProcessReading]] = {}
    for one in looks:
        if one.known:
            told.setdefault(one.process, []).append(one)
    for own in told.values():
        if by_turns(own, untold) and _one_timeline(sorted([*own, *untold]), found):
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
