"""The gateway's counters over a window.

They come from Prometheus, else the history, else several samples of ``/metrics`` within seconds. The answer names the
source, and ``covered_minutes`` how much was covered, even if only two seconds. Each sample uses a new connection, so
that every worker behind the address may answer; growth is computed per process (``history.samples.processes``).

The recorded states of circuit breakers are read per process, because one sample reaches only one of several workers.

States that are older than a minute, or of a process that was replaced, are not shown as present ones.
"""

import asyncio
import math
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from optimus_tui.clock import counted_from
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import BREAKER, Increase, MetricsState, Quantiles
from optimus_tui.grammar.info import HISTOGRAM_PARTS, base_of, split_series
from optimus_tui.history.samples.file import Samples
from optimus_tui.history.samples.process_lives import LOOKS_EACH, PROCESS, STARTED, ProcessReading, compare_marks
from optimus_tui.history.samples.processes import grow
from optimus_tui.history.samples.windows import increase_of, quantiles_of
from optimus_tui.verdicts.gateway.signals import NO_PAGE

if TYPE_CHECKING:
    from optimus_tui.context import Context


FRESH_SECONDS, KEPT_SECONDS = 60.0, 400.0
"""A process that was met longer ago tells nothing of now. Its states are kept where they changed, and every five
minutes."""
TURNING_SECONDS, LEAST_TURNS = 90.0, 3
"""A breaker that changes so often within that time is that of several processes, or it flaps."""
MOST_BREAKERS = 100


async def kept_breakers(ctx: "Context") -> list[MetricsState]:
    """Return the breakers' states of each process that answered within the last minute; [] if none were recorded."""
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
            found = [_latest(own), _turning(own, max(until - TURNING_SECONDS, counted_from() or 0.0))]
        states += [MetricsState(process=process or None, values=values) for values in found if values]
    return states


def _replaced(last: float, starts: Mapping[float, float], processes: int) -> bool:
    """Return whether at least as many processes began since this one was last seen as there were before."""
    began = sum(start > last for start in starts.values())
    return began > 0 and began >= processes - began


def _latest(kept: Mapping[str, Samples]) -> dict[str, float]:
    return {name: samples[-1][1] for name, samples in kept.items() if samples}


def _turning(kept: Mapping[str, Samples], since: float) -> dict[str, float]:
    """Return the breakers that open and close by turns, each with its other state."""
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


T = TypeVar("T")
LEAST_SAMPLES = 2 * LOOKS_EACH
"""Of two workers that answer by chance, ten samples miss one once in 500 times (five samples: once in 16). Where more
were seen, five looks for each of them."""
LOOKING_SECONDS = 4.0
LOOK_SECONDS, WINDOW_SECONDS = 1.5, 2.0
"""Bounds of one sample, and of one question to what was kept."""
JUMP = 10.0
NEAREST_MINUTES = 0.4
"""What tells of a window's trouble whether it has ended, where enough requests of it came, which is two or three
readings of the page; else ``Tuning.lately_minutes`` does."""


class Counters:
    """Reads counters over the window, else from samples of the page, which are taken at most once.

    With ``live`` False it never samples.
    """

    def __init__(self, ctx: "Context", minutes: float, *, live: bool = True) -> None:
        self._ctx, self._minutes, self._may_look = ctx, minutes, live
        self._looking: asyncio.Task[list[Reading[MetricsState]]] | None = None
        self._first: asyncio.Task[Reading[MetricsState]] | None = None

    @property
    def minutes(self) -> float:
        """The window that is asked for."""
        return self._minutes

    async def increase(self, metric: str, labels: Mapping[str, str] | None = None, *, warm: bool = False) -> Increase:
        """Return the growth of a counter; ``covered_minutes`` is 0 if unknown, with the reason in ``fault``.

        With ``warm`` the cold start of each process is left out.
        """
        kept = await self._kept(self._ctx.windows.increase(metric, self._minutes, labels, warm=warm))
        if isinstance(kept, Increase) and (kept.covered_minutes > 0 or kept.several or not self._may_look):
            return kept
        if not self._may_look:
            return Increase(name=metric, fault=kept if isinstance(kept, Fault) else None)
        return _first_fault(live_increase(metric, await self.looks(), labels or {}, warm=warm), kept)

    async def quantiles(self, histogram: str, by: str | None) -> Quantiles:
        """Return percentiles in seconds by the value of a label, or of all together (None)."""
        kept = await self._kept(self._ctx.windows.quantiles(histogram, self._minutes, by=by))
        if isinstance(kept, Quantiles) and (kept.covered_minutes > 0 or kept.several or not self._may_look):
            return kept
        if not self._may_look:
            return Quantiles(name=histogram, fault=kept if isinstance(kept, Fault) else None)
        looks = await self.looks()
        parts = [live_increase(f"{histogram}{part}", looks, {}, warm=True) for part in HISTOGRAM_PARTS]
        return await asyncio.to_thread(quantiles_of, histogram, parts, by)

    async def looks(self) -> list[Reading[MetricsState]]:
        """Return several samples of ``/metrics``; only one if the gateway has no such page or does not answer."""
        if self._looking is None:
            self._looking = self._ctx.beside(self._look())
        return await asyncio.shield(self._looking)

    async def first_look(self) -> Reading[MetricsState]:
        """Return the first sample of ``/metrics``; ``looks`` begins with it."""
        if self._first is None:
            self._first = self._ctx.beside(self._read(0))
        return await asyncio.shield(self._first)

    async def states(self) -> list[MetricsState] | Fault:
        """Return what each process publishes now, or the fault.

        Where processes cannot be distinguished: one page for each set of states of circuit breakers.
        """
        looks = await self.looks()
        latest = by_process(one.value for one in looks if one.value is not None)
        return latest or next((one.fault for one in looks if one.fault), Fault("invalid", NO_PAGE))

    async def _kept(self, asked: Awaitable[T]) -> T | Fault:
        try:
            async with asyncio.timeout(WINDOW_SECONDS):
                return await asked
        except TimeoutError:
            return Fault("timeout", f"the history did not answer within {WINDOW_SECONDS:g} s")

    async def _read(self, turn: int) -> Reading[MetricsState]:
        """Read the page of one of the gateway's addresses; each address has its turn."""
        from optimus_tui.probes.http.metrics import read_metrics

        at = self._ctx.settings.at_gateway(turn)
        return await read_metrics(self._ctx.fresh_http, at, self._ctx.clock, LOOK_SECONDS)

    async def _look(self) -> list[Reading[MetricsState]]:
        ctx, looks = self._ctx, list[Reading[MetricsState]]()
        while True:
            began = ctx.clock.mono()
            looks.append(await (self._read(len(looks)) if looks else self.first_look()))
            nothing = all(one.value is None or not one.value.published for one in looks)
            if nothing and len(looks) >= len(ctx.settings.gateways):
                return looks
            if enough(looks) or began - looks[0].taken_mono >= LOOKING_SECONDS:
                return looks
            await asyncio.sleep(max(0.0, ctx.tuning.apart_seconds - (ctx.clock.mono() - began)))


def latest_pages(pages: Iterable[MetricsState | None]) -> list[MetricsState]:
    """Return the latest page of each process that answered."""
    return list({page.process: page for page in pages if page is not None}.values())


def enough(looks: Sequence[Reading[MetricsState]]) -> bool:
    """Return True if it is unlikely that a process was missed, and each one was seen twice."""
    seen = [one.value.process for one in looks if one.value is not None and one.value.process is not None]
    once = any(seen.count(process) == 1 for process in set(seen))
    return len(looks) >= max(LEAST_SAMPLES, LOOKS_EACH * len(set(seen))) and not once


def _first_fault(found: Increase, kept: Increase | Fault) -> Increase:
    """Return the result with the reason why a better source did not answer, where there is one."""
    if isinstance(kept, Fault):
        better: Fault | None = kept
        targets: tuple[str, ...] = ()
    else:
        better, targets = kept.fault, kept.targets
    if better is None:
        return found
    if found.fault is None or found.several:
        return replace(found, fault=found.fault or better, targets=targets)
    both = Fault(better.kind, f"{better.message}; and {found.fault.message}", better.remedy or found.fault.remedy)
    return replace(found, fault=both, targets=targets)


def live_increase(
    metric: str, looks: Sequence[Reading[MetricsState]], labels: Mapping[str, str], *, warm: bool = False
) -> Increase:
    """Return the growth over samples of a few seconds, process by process.

    A series that appeared between two samples of one process grew from zero. Where processes cannot be distinguished, a
    counter that falls or jumps makes the growth unknown.
    """
    states = [(one, one.value) for one in looks if one.value is not None]
    if not states:
        return Increase(name=metric, fault=next((one.fault for one in looks if one.fault), None))
    if not all(state.published for _, state in states):
        return Increase(name=metric, fault=Fault("invalid", NO_PAGE))
    found: dict[str, list[tuple[float, float]]] = {}
    marks: list[ProcessReading] = []
    last: dict[float | None, Mapping[str, float]] = {}
    for one, state in states:
        compared = compare_marks(last.get(state.process, {}), state.marks)
        last[state.process] = state.marks
        began = None
        if state.started_at is not None:
            began = state.started_at - one.taken_at + one.taken_mono
        known = state.process is not None
        cut, same, other = bool(state.left_out or state.summed), compared == "same", compared == "other"
        marks.append(ProcessReading(one.taken_mono, state.process, known, began, cut=cut, same=same, other=other))
        for name, value in state.values.items():
            if split_series(name)[0] == metric:
                found.setdefault(name, []).append((one.taken_mono, value))
    if not found and not all(base_of(metric) in state.metrics for _, state in states):
        return Increase(name=metric, fault=missing(metric, states[-1][1]))
    growth = grow(marks, found, marks[0].at, most=math.inf, restarts_allowed=0, jump=JUMP, warm=warm)
    fault = next((one.fault for one in looks if one.fault), None)
    if len(states) < 2 and fault is None:
        fault = Fault("invalid", "a single sample of /metrics shows no growth")
    grown = increase_of(metric, growth, labels, "live", fault)
    missed = len({one.process for one in marks}) > 1 and not enough(looks)
    return replace(grown, lower_bound=grown.lower_bound or missed)


def missing(metric: str, state: MetricsState) -> Fault:
    """Return the fault for a counter that the page lacks, with similar names and the setting to add."""
    base = base_of(metric)
    if base in state.unread:
        return Fault("invalid", f"values of {base} in the gateway's /metrics are not numbers")
    others = state.lookalikes.get(base, ())
    if not others:
        return Fault("invalid", f"the gateway's /metrics holds no {base}")
    return Fault(
        "invalid",
        f"the gateway's /metrics holds no {base}, but {', '.join(others)}, which may be the same",
        f'if so, add to optimus.toml: [metrics] {base} = "{others[0]}"',
    )
