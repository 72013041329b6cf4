"""What samples show about the time since the last stand-up: deploys, restarts, gaps, and when refusals came. Pure.

Samples are (wall-clock seconds, value), oldest first.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from optimus_tui.contract.tools.overnight import Deploy, Gap, Restart
from optimus_tui.wording.numbers import timestamp
from optimus_tui.wording.safe import safe_text

Samples = Sequence[tuple[float, float]]
GAP_SECONDS = 90.0
"""Recorders write every two to thirty seconds: a longer silence is a gap."""
TOGETHER_SECONDS = 30.0
"""Processes that start within this time are one restart."""
FEED_JUMP_SECONDS = 30.0
"""The reader counts a gap this close to a time without a live link for that same gap."""


def recording_gaps(times: Iterable[float], begin: float, end: float) -> list[Gap]:
    """Return the times between ``begin`` and ``end`` without samples for longer than ``GAP_SECONDS``."""
    ordered = [begin, *sorted(set(times)), end]
    return [
        _gap("recording", before, after)
        for before, after in itertools.pairwise(ordered)
        if after - before > GAP_SECONDS
    ]


def feed_gaps(live: Samples, counted: Samples, end: float) -> list[Gap]:
    """Return when the feed was not connected.

    Args:
        live: Samples that are 1 while the link was live, else 0.
        counted: The reader's own count of gaps. A gap shorter than the time between two samples shows only in its
            growth.
        end: When the window ends.
    """
    gaps: list[tuple[float, float]] = []
    began: float | None = None
    for at, value in live:
        if not value and began is None:
            began = at
        elif value and began is not None:
            gaps.append((began, at))
            began = None
    if began is not None:
        gaps.append((began, end))
    for (before, old), (at, new) in itertools.pairwise(counted):
        near = any(begin - FEED_JUMP_SECONDS <= at <= end + FEED_JUMP_SECONDS for begin, end in gaps)
        if new > old and not near:
            gaps.append((before, at))
    return [_gap("feed", begin, end) for begin, end in sorted(gaps)]


def _gap(of: Literal["recording", "feed"], begin: float, end: float) -> Gap:
    return Gap(of=of, begin=timestamp(begin), end=timestamp(end), seconds=round(end - begin, 1))


def deploys(service: str, versions: Mapping[str, Samples]) -> list[Deploy]:
    """Return the changes of a service's version. Several addresses deployed one after the other count as one change.

    Args:
        service: Its name.
        versions: When each version was seen.
    """
    seen = sorted((samples[0][0], samples[-1][0], name) for name, samples in versions.items() if samples)
    found: list[Deploy] = []
    for (_, _, before), (at, _, after) in itertools.pairwise(seen):
        found.append(_deploy(service, before, after, at))
    if seen:
        last_seen, latest = max((last, name) for _, last, name in seen)
        newest = seen[-1]
        if latest != newest[2] and last_seen > newest[1]:  # back to an earlier one
            back = next(at for at, _ in versions[latest] if at > newest[1])
            found.append(_deploy(service, newest[2], latest, back))
    return found


def _deploy(service: str, before: str, after: str, at: float) -> Deploy:
    return Deploy(service=service, before=safe_text(before, 60), after=safe_text(after, 60), at=timestamp(at))


def process_restarts(service: str, starts: Iterable[float], begin: float) -> list[Restart]:
    """Return restarts by the start times that processes published, those after ``begin`` only."""
    groups: list[list[float]] = []
    for start in sorted({round(one, 1) for one in starts if one > begin}):
        if groups and start - groups[-1][-1] <= TOGETHER_SECONDS:
            groups[-1].append(start)
        else:
            groups.append([start])
    return [Restart(service=service, at=timestamp(group[0]), processes=len(group)) for group in groups]


def run_restarts(service: str, runs: Samples, starts: Mapping[float, float]) -> list[Restart]:
    """Return the restarts that show as a changed run id of the server.

    Args:
        service: Its name.
        runs: Samples of the run id as a number.
        starts: The start time read with a run id, by the time of the sample; it may be missing.
    """
    return [
        Restart(service=service, at=timestamp(starts.get(at, at)))
        for (_, before), (at, after) in itertools.pairwise(runs)
        if before != after
    ]


def first_met(process_of: Mapping[float, float]) -> dict[float, float]:
    """Return when each process was first read, from which process answered at each time."""
    return {process: at for at, process in sorted(process_of.items(), reverse=True)}


def growth_times(samples: Samples, process_of: Mapping[float, float], met: Mapping[float, float]) -> list[float]:
    """Return when a counter grew: from one reading of a process to the next one of the same process.

    Args:
        samples: The counter's readings.
        process_of: The process that answered, by the time of the reading.
        met: The time of the first reading of each process: a counter that appears later began at zero.
    """
    last: dict[float, float] = {}
    grown: list[float] = []
    for at, value in samples:
        process = process_of.get(at, 0.0)
        appeared_later = met.get(process, at) < at
        if value > last.get(process, 0.0 if appeared_later else value):
            grown.append(at)
        last[process] = value
    return grown
