"""Questions about the last so many minutes, answered by whoever can: Prometheus, else our own history, else nobody.

Every answer says what it covered and whose it is. It refuses to stretch: a window that holds ten minutes says ten, and
an empty one has the source "live": measure now. The wall clock decides, since the samples carry its time.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.contract.metrics import Counted, Increase, Quantiles, Window, WindowOrigin
from optimus_tui.contract.reading import Fault
from optimus_tui.grammar.prometheus import HISTOGRAM_PARTS, base_of, split_series
from optimus_tui.history.counters import covered_minutes, group_spreads, increase, integrate, matches
from optimus_tui.history.prometheus import Found, Get, Prometheus
from optimus_tui.history.rows import Samples
from optimus_tui.history.store import Store
from optimus_tui.settings.model import Settings

T = TypeVar("T", Window, Increase)

GAP_SECONDS = 90.0
"""Two samples further apart than this have a gap between them."""
KEYFRAME_SECONDS = 600.0
"""The recorder writes every labelled series at least this often, changed or not."""
PUBLISHED = "published."
"""Before a metric's name: kept with every look at ``/metrics`` that found the metric. Tells "0" from "not watched"."""
RATES = ("redis.hits", "redis.misses", "events.rate")
"""Kept as amounts a second, so that several recorders of one file do not add up."""
IN_PROMETHEUS = {"gateway.rss": "process_resident_memory_bytes"}
_ENOUGH = 0.9


class Windows:
    """One a context. ``store`` and ``get`` may be None: then that source is not asked."""

    def __init__(
        self, settings: Settings, store: Callable[[], Store] | None, get: Get | None, clock: Clock | None = None
    ) -> None:
        self._store, self._clock = store, clock or Clock()
        self._prometheus = Prometheus(settings, get) if settings.prometheus_url and get is not None else None

    async def series(self, name: str, minutes: float) -> Window:
        """Samples of one series as they were kept, oldest first; ``name`` as in the history (``latency.redis``)."""
        since, until = self._span(minutes)
        far = await self._far_series(name, since, until)
        if self._suffices(far, minutes) or self._store is None:
            return far
        near = await self._near_series(self._store(), name, since, until)
        near = replace(near, fault=far.fault or near.fault)
        return _better(far, near, len(far.samples), len(near.samples))

    async def increase(self, metric: str, minutes: float, labels: Mapping[str, str] | None = None) -> Increase:
        """By how much the counter's series with these labels grew. Resets count from zero; nothing is extrapolated.

        Also for the rates ``redis.hits``, ``redis.misses`` and ``events.rate``: the amount behind them.
        """
        since, until = self._span(minutes)
        wanted = labels or {}
        far = await self._far_increase(metric, wanted, since, until)
        if self._suffices(far, minutes) or self._store is None:
            return far
        near = await self._near_increase(self._store(), metric, wanted, since, until)
        near = replace(near, fault=far.fault or near.fault)
        return _better(far, near, len(far.series), len(near.series))

    async def quantiles(
        self, histogram: str, minutes: float, labels: Mapping[str, str] | None = None, by: str | None = None
    ) -> Quantiles:
        """Percentiles of a histogram, in its own unit, by the value of the label ``by`` or all together."""
        parts = await asyncio.gather(
            *(self.increase(f"{histogram}{part}", minutes, labels) for part in HISTOGRAM_PARTS)
        )
        buckets, sums, counts = parts
        if len({part.source for part in parts}) > 1:  # one answered, the other did not: no mixture
            return Quantiles(name=histogram, fault=next((part.fault for part in parts if part.fault), None))
        groups = await asyncio.to_thread(group_spreads, buckets.series, sums.series, counts.series, by)
        return Quantiles(
            name=histogram,
            groups=groups,
            covered_minutes=min(part.covered_minutes for part in parts),
            source=counts.source,
            fault=counts.fault,
        )

    def _span(self, minutes: float) -> tuple[float, float]:
        until = self._clock.wall()
        return until - minutes * 60, until

    @staticmethod
    def _suffices(found: Window | Increase, minutes: float) -> bool:
        return found.source == "prometheus" and found.covered_minutes >= _ENOUGH * minutes

    # -- Prometheus

    async def _far_series(self, name: str, since: float, until: float) -> Window:
        metric, labels = split_series(IN_PROMETHEUS.get(name, name))
        if self._prometheus is None or "." in metric:  # names of our own samples hold dots, Prometheus' never
            return Window(name=name)
        found, step, fault = await self._prometheus.range(
            metric, labels, since, until, of_gateway=name in IN_PROMETHEUS
        )
        samples = _largest([one.samples for one in found])
        covered = covered_minutes([at for at, _ in samples], _gap(step))
        source: WindowOrigin = "prometheus" if samples else "live"
        return Window(name=name, samples=tuple(samples), covered_minutes=covered, source=source, fault=fault)

    async def _far_increase(self, metric: str, labels: Mapping[str, str], since: float, until: float) -> Increase:
        if self._prometheus is None or "." in metric:
            return Increase(name=metric)
        found, step, fault = await self._prometheus.range(metric, labels, since, until)
        if not found:
            return Increase(name=metric, fault=fault)
        return await asyncio.to_thread(_increase_of, metric, found, step, fault)

    # -- our own history

    async def _near_series(self, store: Store, name: str, since: float, until: float) -> Window:
        times: list[float]
        if "|" in name:  # kept where it changed: what was known when the window begins is part of it
            early = since - KEYFRAME_SECONDS - GAP_SECONDS
            beats = await self._beats(store, split_series(name)[0], early, until)
            kept = await store.series(name, early, until)
            samples = [one for one in kept if one[0] >= since]
            if len(samples) < len(kept) and _watched_at(since, beats):
                samples.insert(0, (since, kept[-len(samples) - 1][1]))
            times = [at for at in beats if at >= since]
        else:
            samples = await store.series(name, since, until)
            times = [at for at, _ in samples]
        if not samples:
            return Window(name=name, fault=store.fault)
        covered = covered_minutes(times, GAP_SECONDS)
        return Window(name=name, samples=tuple(samples), covered_minutes=covered, source="history")

    async def _near_increase(
        self, store: Store, metric: str, labels: Mapping[str, str], since: float, until: float
    ) -> Increase:
        if metric in RATES or "." in metric:
            return await self._near_plain(store, metric, since, until)
        early = since - KEYFRAME_SECONDS - GAP_SECONDS
        beats = await self._beats(store, metric, early, until)
        within = [at for at in beats if at >= since]
        if not within:
            return Increase(name=metric, fault=store.fault)
        names = [name for name in await store.names(metric) if _is_of(name, metric, labels)]
        found = await store.many(names, early, until)
        series = await asyncio.to_thread(_increase_kept, found, beats, since)
        covered = covered_minutes(within, GAP_SECONDS)
        return Increase(name=metric, series=series, covered_minutes=covered, source="history")

    async def _near_plain(self, store: Store, name: str, since: float, until: float) -> Increase:
        """Of our own samples: the amount behind a rate, the growth of anything else (``redis.evicted``)."""
        samples = await store.series(name, since, until)
        if not samples:
            return Increase(name=name, fault=store.fault)
        rate = name in RATES
        grown, resets = (integrate(samples, GAP_SECONDS), 0) if rate else increase(samples, float("-inf"))
        covered = covered_minutes([at for at, _ in samples], GAP_SECONDS)
        series = (Counted(labels={}, increase=grown, resets=resets),)
        return Increase(name=name, series=series, covered_minutes=covered, source="history")

    @staticmethod
    async def _beats(store: Store, metric: str, since: float, until: float) -> list[float]:
        """When somebody looked and found the metric published."""
        return [at for at, _ in await store.series(f"{PUBLISHED}{base_of(metric)}", since, until)]


def _watched_at(since: float, beats: list[float]) -> bool:
    return any(since - GAP_SECONDS <= at <= since for at in beats)


def _increase_kept(found: dict[str, Samples], beats: list[float], since: float) -> tuple[Counted, ...]:
    """Growth from our own samples, which are kept only where they changed; ``beats`` tell when anybody looked."""
    watched_before = _watched_at(since, beats)
    series = []
    for name, samples in found.items():
        known = samples if watched_before else [one for one in samples if one[0] > since]
        if not known or known[-1][0] <= since - KEYFRAME_SECONDS:
            continue
        start = known[0][0]
        born = start > since and any(start - GAP_SECONDS <= at < start for at in beats)
        grown, resets = increase(known, since, born=born)
        series.append(Counted(labels=split_series(name)[1], increase=grown, resets=resets))
    return tuple(series)


def _increase_of(metric: str, found: list[Found], step: float, fault: Fault | None) -> Increase:
    """Growth from a range query. A series is born where its own process was there before it."""
    first_of: dict[tuple[str, str], float] = {}
    times: set[float] = set()
    for one in found:
        if one.samples:
            first_of[one.target] = min(first_of.get(one.target, one.samples[0][0]), one.samples[0][0])
            times.update(at for at, _ in one.samples)
    grouped: dict[tuple[tuple[str, str], ...], Counted] = {}
    for one in found:
        if one.samples:
            born = one.samples[0][0] > first_of[one.target]
            grown, resets = increase(one.samples, float("-inf"), born=born)
            key = tuple(sorted(one.labels.items()))
            before = grouped.get(key) or Counted(labels=one.labels, increase=0.0)
            grouped[key] = replace(before, increase=before.increase + grown, resets=before.resets + resets)
    covered = covered_minutes(sorted(times), _gap(step))
    source: WindowOrigin = "prometheus" if times else "live"
    return Increase(name=metric, series=tuple(grouped.values()), covered_minutes=covered, source=source, fault=fault)


def _better(far: T, near: T, far_size: int, near_size: int) -> T:
    """Prometheus unless our own history covers more."""
    if far_size and (not near_size or far.covered_minutes >= near.covered_minutes):
        return far
    return near


def _is_of(name: str, metric: str, labels: Mapping[str, str]) -> bool:
    if name != metric and not name.startswith(f"{metric}|"):
        return False
    return not labels or matches(split_series(name)[1], labels)


def _largest(many: list[Samples]) -> Samples:
    """At each time the largest of several processes' values."""
    merged: dict[float, float] = {}
    for samples in many:
        for at, value in samples:
            merged[at] = max(value, merged.get(at, value))
    return sorted(merged.items())


def _gap(step: float) -> float:
    return max(GAP_SECONDS, 2.5 * step)
