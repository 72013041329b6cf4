"""Recorded states of circuit breakers, process by process, because one sample meets only one of several workers.

States that are older than a minute, or of a process that was replaced, are not shown as present ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from optimus_tui.contract.metrics import BREAKER, MetricsState
from optimus_tui.grammar.prometheus import split_series
from optimus_tui.history.samples.process_lives import PROCESS, STARTED
from optimus_tui.history.samples.row_codec import Samples

if TYPE_CHECKING:
    from optimus_tui.context import Context

FRESH_SECONDS, KEPT_SECONDS = 60.0, 400.0
"""A process that was met longer ago tells nothing of now. Its states are kept where they changed, and every five
minutes."""
TURNING_SECONDS, LEAST_TURNS = 90.0, 3
"""A breaker that changes so often within that time is that of several processes, or it flaps."""
MOST_BREAKERS = 100


async def kept_breakers(ctx: "Context") -> list[MetricsState]:
    """Return the breakers' states of each process that was met within the last minute; [] if none were kept."""
    store, until = ctx.store, ctx.clock.wall()
    names = (await store.names(BREAKER))[:MOST_BREAKERS]
    if not names:
        return []
    kept = await store.many([*names, PROCESS, STARTED], until - KEPT_SECONDS, until)
    started, met = dict(kept.pop(STARTED)), dict(kept.pop(PROCESS))
    last = {process: at for at, process in met.items() if at >= until - FRESH_SECONDS}
    starts = {process: started[at] for process, at in last.items() if at in started}
    states: list[MetricsState] = []
    for process in (one for one in last if not _replaced(last[one], starts, len(last))):
        own = {name: [one for one in samples if met.get(one[0]) == process] for name, samples in kept.items()}
        if process:
            found = [_latest(own)]
        else:
            found = [_latest(own), _turning(own, until - TURNING_SECONDS)]
        states += [MetricsState(process=process or None, values=values) for values in found if values]
    return states


def _replaced(last: float, starts: Mapping[float, float], processes: int) -> bool:
    """Whether as many processes began after this one was met last as there were before."""
    began = sum(start > last for start in starts.values())
    return began > 0 and began >= processes - began


def _latest(kept: Mapping[str, Samples]) -> dict[str, float]:
    return {name: samples[-1][1] for name, samples in kept.items() if samples}


def _turning(kept: Mapping[str, Samples], since: float) -> dict[str, float]:
    """The other state of each breaker that goes back and forth."""
    found = {}
    for name, samples in kept.items():
        values = [value for at, value in samples if at >= since]
        if sum(one != other for one, other in pairwise(values)) >= LEAST_TURNS:
            found[name] = next(one for one in reversed(values) if one != values[-1])
    return found


def by_process(pages: Iterable[MetricsState]) -> list[MetricsState]:
    """Return the latest page of each process, or of each set of states if processes cannot be distinguished."""
    return list({(one.process, () if one.process else _breakers(one)): one for one in pages}.values())


def _breakers(page: MetricsState) -> Sequence[tuple[str, float]]:
    return tuple(sorted(item for item in page.values.items() if split_series(item[0])[0] == BREAKER))
