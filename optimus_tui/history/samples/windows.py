"""Queries over the last minutes, answered by Prometheus, else by our own history.

Every answer gives its covered minutes and its source. An empty window has the source "live": the caller measures now.
The wall clock decides, since the samples carry its time.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from optimus_tui.clock import Clock, counted_from, counted_minutes
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.services import (
    BULK_EVENTS,
    EVENTS,
    MEMORY,
    Counted,
    Increase,
    Quantiles,
    Window,
    WindowOrigin,
)
from optimus_tui.grammar.info import HISTOGRAM_PARTS, base_of, series_name, split_series
from optimus_tui.history.samples.file import Samples
from optimus_tui.history.samples.process_lives import (
    FELL,
    GAP_SECONDS,
    LEFT_OUT,
    PROCESS,
    PUBLISHED,
    SAME,
    STARTED,
    ProcessReading,
)
from optimus_tui.history.samples.processes import (
    Growth,
    add_growths,
    covered_minutes,
    group_spreads,
    grow,
    increase,
    integrate,
    with_labels,
)
from optimus_tui.history.samples.prometheus import Get, Prometheus, QueryResult, TargetSeries
from optimus_tui.history.samples.store import Store
from optimus_tui.settings.model import Settings
from optimus_tui.settings.tuning import TUNING, Tuning

T = TypeVar("T", Window, Increase)

KEYFRAME_SECONDS = 600.0
"""The recorder writes every labelled series at least this often, changed or not."""
RATES = ("redis.hits", "redis.misses", EVENTS, BULK_EVENTS)
"""Stored as amounts per second, so that several recorders of one file do not add up."""
IN_PROMETHEUS = {"gateway.rss": MEMORY}
_ENOUGH = 0.9


class Windows:
    """The queries of one context. ``store`` and ``get`` may be None: then that source is not used."""

    def __init__(
        self,
        settings: Settings,
        store: Callable[[], Store] | None,
        get: Get | None,
        clock: Clock | None = None,
        tuning: Tuning = TUNING,
    ) -> None:
        self._store, self._clock, self._prometheus = store, clock or Clock(), None
        if settings.prometheus_url and get is not None:
            self._prometheus = Prometheus(settings, get, tuning.least_step_seconds)

    async def series(self, name: str, minutes: float) -> Window:
        """Return the stored samples of one series, oldest first; ``name`` as in the history (``latency.redis``)."""
        minutes, since, until = self._span(minutes)
        far = await self._far_series(name, since, until)
        if self._suffices(far, minutes) or self._store is None:
            return far
        near = await self._near_series(self._store(), name, since, until)
        near = replace(near, fault=far.fault or near.fault)
        return _better(far, near, len(far.samples), len(near.samples))

    async def increase(
        self, metric: str, minutes: float, labels: Mapping[str, str] | None = None, *, warm: bool = False
    ) -> Increase:
        """Return how much the counter's series with these labels grew. Resets count from zero; nothing is extrapolated.

        Also for the names in ``RATES``: the amount behind them. With ``warm``,
        the cold start of each process is left out as far as our own history shows it.
        """
        minutes, since, until = self._span(minutes)
        wanted = labels or {}
        far = await self._far_increase(metric, wanted, since, until)
        if self._suffices(far, minutes) or self._store is None:
            return far
        near = await self._near_increase(self._store(), metric, wanted, since, until, warm)
        near = replace(near, fault=far.fault or near.fault)
        return _better(far, near, len(far.series), len(near.series))

    async def quantiles(self, histogram: str, minutes: float, by: str | None = None) -> Quantiles:
        """Return the percentiles of a histogram, in its own unit, by the value of the label ``by`` or all together.

        The cold start of each process is left out.
        """
        parts = await asyncio.gather(
            *(self.increase(f"{histogram}{part}", minutes, warm=True) for part in HISTOGRAM_PARTS)
        )
        return await asyncio.to_thread(quantiles_of, histogram, parts, by)

    def _span(self, minutes: float) -> tuple[float, float, float]:
        """Return the minutes that count, and where the window begins and ends."""
        until = self._clock.wall()
        minutes = counted_minutes(minutes, until)
        return minutes, until - minutes * 60, until

    @staticmethod
    def _suffices(found: Window | Increase, minutes: float) -> bool:
        return found.source == "prometheus" and found.covered_minutes >= _ENOUGH * minutes

    # -- Prometheus

    async def _far_series(self, name: str, since: float, until: float) -> Window:
        metric, labels = split_series(IN_PROMETHEUS.get(name, name))
        if self._prometheus is None or "." in metric:  # names of our own samples hold dots, Prometheus' never
            return Window(name=name)
        answer = await self._prometheus.range(metric, labels, since, until, of_gateway=name in IN_PROMETHEUS)
        samples = _one_process([one.samples for one in answer.found])
        covered = covered_minutes([at for at, _ in samples], _gap(answer.step))
        return Window(
            name=name,
            samples=tuple(samples),
            covered_minutes=covered,
            source="prometheus" if samples else "live",
            fault=answer.fault,
            targets=answer.targets,
        )

    async def _far_increase(self, metric: str, labels: Mapping[str, str], since: float, until: float) -> Increase:
        if self._prometheus is None or "." in metric:
            return Increase(name=metric)
        # All series, whatever their labels: a label may have another name there, and a fall shows in any of them.
        answer = await self._prometheus.range(metric, {}, since, until)
        if not answer.found:
            return Increase(name=metric, fault=answer.fault, targets=answer.targets)
        plain = await asyncio.to_thread(_increase_of, metric, answer, {}, since, labels)
        if not (plain.several or plain.lower_bound or plain.restarts):
            return plain
        starts = await self._prometheus.starts(answer, since, until)
        if starts:
            return await asyncio.to_thread(_increase_of, metric, answer, starts, since, labels)
        return plain

    # -- our own history

    async def _near_series(self, store: Store, name: str, since: float, until: float) -> Window:
        times: list[float]
        if "|" in name:  # kept where it changed: what was known when the window begins is part of it
            early = since - KEYFRAME_SECONDS - GAP_SECONDS
            beats = [one.at for one in await self._looks(store, split_series(name)[0], early, until)]
            kept = await store.series(name, early, until)
            samples = [one for one in kept if one[0] >= since]
            if len(samples) < len(kept) and _watched_at(since, beats):
                samples.insert(0, (since, kept[-len(samples) - 1][1]))
            times = [at for at in beats if at >= since]
        else:
            kept_all = await store.many([name, PROCESS], since, until)
            samples = kept_all[name]
            if name in IN_PROMETHEUS:
                samples = _one_process(_by_process(samples, dict(kept_all[PROCESS])))
            times = [at for at, _ in samples]
        if not samples:
            return Window(name=name, fault=store.fault)
        covered = covered_minutes(times, GAP_SECONDS)
        return Window(name=name, samples=tuple(samples), covered_minutes=covered, source="history")

    async def _near_increase(
        self, store: Store, metric: str, labels: Mapping[str, str], since: float, until: float, warm: bool
    ) -> Increase:
        if metric in RATES or "." in metric:
            return await self._near_plain(store, metric, since, until)
        early = since - KEYFRAME_SECONDS - GAP_SECONDS
        looks = await self._looks(store, base_of(metric), early, until)
        if not any(one.at >= since for one in looks):
            return Increase(name=metric, fault=store.fault)
        if counted_from() is not None:
            since = _first_inside(looks, since)
        names = [name for name in await store.names(metric) if _is_of(name, metric)]
        found = await store.many(names, early, until)
        growth = await asyncio.to_thread(partial(grow, looks, found, since, warm=warm))
        return increase_of(metric, growth, labels, "history", store.fault)

    async def _near_plain(self, store: Store, name: str, since: float, until: float) -> Increase:
        """Return from our own samples the amount behind a rate, or the growth of anything else (``redis.evicted``)."""
        samples = await store.series(name, since, until)
        if not samples:
            return Increase(name=name, fault=store.fault)
        if name in RATES:
            grown, resets = integrate(samples, GAP_SECONDS), 0
        else:
            grown, resets = increase(samples, float("-inf"))
        covered = covered_minutes([at for at, _ in samples], GAP_SECONDS)
        series = (Counted(labels={}, increase=grown, resets=resets),)
        return Increase(name=name, series=series, covered_minutes=covered, source="history")

    @staticmethod
    async def _looks(store: Store, metric: str, since: float, until: float) -> list[ProcessReading]:
        """Return the readings that found the metric published, with the process of each."""
        beats = f"{PUBLISHED}{metric}"
        kept = await store.many([beats, PROCESS, STARTED, FELL, LEFT_OUT, SAME], since, until)
        process, started = dict(kept[PROCESS]), dict(kept[STARTED])
        fell, cut, same = dict(kept[FELL]), dict(kept[LEFT_OUT]), dict(kept[SAME])
        return [
            ProcessReading(
                at=at,
                process=process.get(at) or None,
                known=bool(process.get(at)),
                started=started.get(at),
                fell=at in fell,
                cut=at in cut,
                same=same.get(at) == 1,
                other=same.get(at) == 0,
            )
            for at, _ in kept[beats]
        ]


def _first_inside(looks: Sequence[ProcessReading], since: float) -> float:
    """Return when every process that ran before ``since`` was read again: growth up to then may be from before."""
    before = {one.process for one in looks if one.at < since}
    first: dict[object, float] = {}
    for one in looks:
        if one.at >= since and one.process in before:
            first.setdefault(one.process, one.at)
    return max(first.values(), default=since)


def _watched_at(since: float, beats: list[float]) -> bool:
    return any(since - GAP_SECONDS <= at <= since for at in beats)


def increase_of(
    metric: str, growth: Growth, labels: Mapping[str, str], source: WindowOrigin, fault: Fault | None = None
) -> Increase:
    """Return the growth of a counter as an ``Increase``.

    If several processes cannot be told apart, it covers nothing and has the fault.
    """
    if growth.several:
        return Increase(
            name=metric,
            source=source,
            fault=Fault("invalid", growth.several),
            several=True,
            processes=growth.processes,
            restarts=growth.restarts,
        )
    return Increase(
        name=metric,
        series=with_labels(growth, labels).series,
        covered_minutes=growth.seconds / 60,
        source=source if growth.seconds > 0 else "live",
        fault=fault,
        processes=growth.processes,
        restarts=growth.restarts,
        together=growth.together,
        lower_bound=growth.lower_bound,
    )


def quantiles_of(histogram: str, parts: Sequence[Increase], by: str | None) -> Quantiles:
    """Return a histogram from the growth of its buckets, its sum and its count, which come from the same readings."""
    buckets, sums, counts = parts
    fault = next((part.fault for part in parts if part.fault), None)
    covered = min(part.covered_minutes for part in parts)
    if len({part.source for part in parts}) > 1 or any(part.several for part in parts):
        # One part answered and another did not, or they are of several processes: no mixture.
        return Quantiles(name=histogram, fault=fault, several=any(part.several for part in parts))
    return Quantiles(
        name=histogram,
        groups=group_spreads(buckets.series, sums.series, counts.series, by) if covered > 0 else {},
        covered_minutes=covered,
        source=counts.source,
        fault=fault,
        targets=counts.targets,
        processes=counts.processes,
        restarts=counts.restarts,
        together=counts.together,
        lower_bound=counts.lower_bound,
    )


def _increase_of(
    metric: str,
    answer: QueryResult,
    starts: Mapping[tuple[str, str], Samples],
    since: float,
    labels: Mapping[str, str],
) -> Increase:
    """Return growth from what Prometheus holds, target by target, with the start times of the processes where needed.

    Prometheus reads each target regularly, so nothing is extended beyond its samples.
    """
    targets: dict[tuple[str, str], list[TargetSeries]] = {}
    for one in answer.found:
        if one.samples:
            targets.setdefault(one.target, []).append(one)
    growths = []
    for target, of_target in targets.items():
        began = dict(starts.get(target, ()))
        times = sorted({at for one in of_target for at, _ in one.samples})
        looks = [ProcessReading(at, began.get(at), at in began, began.get(at)) for at in times]
        samples = {series_name(metric, one.labels): one.samples for one in of_target}
        growths.append(grow(looks, samples, since, in_turn=False, gap=_gap(answer.step)))
    if not growths:
        return Increase(name=metric, fault=answer.fault, targets=answer.targets)
    return replace(
        increase_of(metric, add_growths(growths), labels, "prometheus", answer.fault), targets=answer.targets
    )


def _by_process(samples: Samples, process: Mapping[float, float]) -> list[Samples]:
    groups: dict[float, Samples] = {}
    for at, value in samples:
        groups.setdefault(process.get(at, 0.0), []).append((at, value))
    return list(groups.values())


def _one_process(groups: Sequence[Samples]) -> Samples:
    """Return one process' samples of a gauge of several: of those seen long enough, the one that rose most.

    The largest value at each time would be a mixture that rises and falls with the process that answers.
    """
    longest = max((len(samples) for samples in groups), default=0)
    long = [samples for samples in groups if samples and 2 * len(samples) >= longest]
    return max(long, key=lambda samples: samples[-1][1] - samples[0][1], default=[])


def _better(far: T, near: T, far_size: int, near_size: int) -> T:
    """Return Prometheus' answer unless our own history covers more."""
    if far_size and (not near_size or far.covered_minutes >= near.covered_minutes):
        return far
    if near.covered_minutes > 0:
        return near
    return replace(near, targets=far.targets)


def _is_of(name: str, metric: str) -> bool:
    return name == metric or name.startswith(f"{metric}|")


def _gap(step: float) -> float:
    return max(GAP_SECONDS, 2.5 * step)
