"""The loop that scans the keyspace, fills the cache index and finds the rate-limit counters.

The first pass reads TTLs and runs at the pace of the scan budget. Later passes read names only, at a bounded number of
round trips a second, and the TTLs of new keys. A pass that was cut short never counts as complete, and no key is
forgotten because of it.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from optimus_tui.context import Context
from optimus_tui.contract.cache import CacheReport
from optimus_tui.contract.finding_rules import CACHE_UNMEASURED
from optimus_tui.contract.reading import Coverage, Reading
from optimus_tui.sampling.interval_timer import Backoff, IntervalTimer
from optimus_tui.sampling.sampler_state import SamplerState
from optimus_tui.sampling.scan_sink import ScanSink
from optimus_tui.sampling.staleness import (
    bounded,
    kept,
    next_try,
    outages,
    redis_fault,
)
from optimus_tui.verdicts.coherence import cache as cache_verdict
from optimus_tui.verdicts.limits.layouts import find_unknown_layout
from optimus_tui.verdicts.unmeasured import find_unmeasured

if TYPE_CHECKING:
    from optimus_tui.probes.keys.keyspace import KeyPage, SweepOutcome

PAGE_SECONDS = 8.0
"""Deadline of one page with its TTLs and the pause before it; each command also has the client's own."""
FIRST_LOOK_SECONDS = 1.0
REPORT_SECONDS = 0.5
BURST_SECONDS = 0.3
"""Length of a pause between bursts: calls in bursts cost this process a third less than evenly spread ones."""
LONGEST_PAUSE_SECONDS = 2.0
TTLS_A_TRIP = 100
SIZED_KEYS = 1_000
"""About how many sizes are measured in a pass; the others are estimated from them."""


class KeyLoop:
    """Runs one pass after the other."""

    def __init__(
        self,
        context: Context,
        sampler_state: SamplerState,
        timer: IntervalTimer,
        found: ScanSink,
        on_new: Callable[[], None],
    ) -> None:
        self.context, self.sampler_state, self.timer, self.found = context, sampler_state, timer, found
        self.cache = found.cache
        self._on_new = on_new
        self._backoff = Backoff()
        self._last: Reading[CacheReport] | None = None
        self._asked_ttls = float("-inf")
        self._swept = False  # Whether a pass was complete since the server last changed.
        self._restarted = self._failed = False
        self._reported = float("-inf")
        self._owed = 0.0  # Seconds of pause saved up, so that calls come in bursts.

    def restart(self) -> None:
        """Give up the present pass: another server answers, and what was read says nothing about it."""
        self._restarted = True
        self.timer.wake()

    async def run(self) -> None:
        """Scan until cancelled."""
        with suppress(TimeoutError):  # The number of keys decides how many sizes are measured.
            await bounded(self.sampler_state.server_seen.wait(), FIRST_LOOK_SECONDS)
        while True:
            await self.timer.rest(await self._pass())

    async def _pass(self) -> float:
        """Run one pass and return the seconds until the next."""
        budget, started = self.context.settings.scan, self.context.clock.mono()
        if self._restarted:
            self._restarted, self._swept, self._asked_ttls = False, False, float("-inf")
        ttls = started - self._asked_ttls >= budget.ttls_every_seconds
        self.found.begin()
        outcome = await self._sweep(ttls)
        coverage = Coverage(outcome.scanned, outcome.total, outcome.complete, outcome.reason)
        self.found.end(coverage)
        self.sampler_state.sweep_fault = outcome.fault
        if not outcome.complete:
            return self._broken(outcome, coverage)
        self._backoff.worked()
        if self._failed:
            self._failed = False
            self.sampler_state.back()
        first, self._swept = not self._swept, True
        if ttls:
            self._asked_ttls = started
        self.sampler_state.coverage = coverage
        self._hand_on(coverage, ended=True)
        if first:
            self._on_new()
        took = self.context.clock.mono() - started
        return max(budget.names_every_seconds - took, took, 1.0)  # The pause is at least as long as the pass was.

    async def _sweep(self, ttls: bool) -> "SweepOutcome":
        from optimus_tui.probes.keys.keyspace import SweepOutcome, sweep

        context, scanned, fresh = self.context, 0, list[bytes]()
        sizes = max(1, (self.sampler_state.keys or 10 * SIZED_KEYS) // SIZED_KEYS) if ttls else 0
        pages = cast(
            "AsyncGenerator[KeyPage | SweepOutcome, None]",
            sweep(context.redis, context.settings.scan, context.own, ttls=ttls, sizes=sizes, pace=self._pace),
        )
        try:
            async with aclosing(pages):
                while True:
                    item = await bounded(anext(pages), PAGE_SECONDS)
                    if isinstance(item, SweepOutcome):
                        await self._ask_ttls(fresh, rest=True)
                        return item
                    if self._restarted:
                        reason = "server restarted (run_id changed)"
                        return SweepOutcome(
                            complete=False, scanned=scanned, total=self.sampler_state.keys, reason=reason
                        )
                    scanned += len(item.names) + item.others
                    fresh += self._take(item, scanned)
                    await self._ask_ttls(fresh, rest=False)
        except outages() as error:
            fault = redis_fault(error, context.settings.redis)
            return SweepOutcome(
                complete=False, scanned=scanned, total=self.sampler_state.keys, reason=fault.message, fault=fault
            )

    def _take(self, page: "KeyPage", scanned: int) -> list[bytes]:
        """Put one page into the indexes and return the names whose TTL is unknown."""
        self.cache.put_unknown(page.foreign, page.heads)
        fresh, found_limits = self.found.take(page.names, page.pttls, page.sizes, self.context.clock.mono())
        if not self._swept:
            total = self.sampler_state.keys if page.total is None else page.total
            self.sampler_state.coverage = Coverage(scanned, total, complete=False)
        if found_limits:
            self._on_new()
        if self.context.clock.mono() - self._reported >= REPORT_SECONDS and self._worth_telling():
            self._hand_on(self.sampler_state.coverage)
        return fresh

    def _worth_telling(self) -> bool:
        last = self._last.value if self._last else None
        return not self._swept or last is None or last.version != self.cache.version

    async def _ask_ttls(self, names: list[bytes], *, rest: bool) -> None:
        from optimus_tui.probes.keys.cache import read_ttls

        while len(names) >= TTLS_A_TRIP or (rest and names):
            some = names[:TTLS_A_TRIP]
            del names[:TTLS_A_TRIP]
            pttls = await bounded(read_ttls(self.context.redis, some))
            self.cache.put_page(some, pttls, None, self.context.clock.mono())
            await self._pace(self.context.settings.scan.pause_ms / 1000)

    async def _pace(self, pause: float) -> None:
        """Wait between two calls: the scan's own pause, or longer if the round trips of this second are used up."""
        if self._swept:
            usual = max(pause, 1 / self.context.settings.scan.trips_per_second)
            self._owed += usual * max(1.0, self.timer.factor) - pause
            if self._owed >= BURST_SECONDS:
                pause, self._owed = pause + self._owed, 0.0
        await asyncio.sleep(min(pause, LONGEST_PAUSE_SECONDS))

    def _broken(self, outcome: "SweepOutcome", coverage: Coverage) -> float:
        delay, retry_in = next_try(outcome.fault, self._backoff)
        if not self._swept or outcome.fault is None:
            self.sampler_state.coverage = coverage
        if outcome.fault is None:  # Cut short by a restart: the result is kept and marked as incomplete.
            self._swept, self._asked_ttls = False, float("-inf")
            self._hand_on(coverage)
            return delay
        self._failed = True
        if outcome.scanned and not self._swept:
            self._hand_on(coverage)
        self.sampler_state.unmeasured("cache", find_unmeasured("cache keys", outcome.fault, rule=CACHE_UNMEASURED))
        self._last = kept(self._last, outcome.fault, retry_in, self.context.clock)
        self.sampler_state.sink("cache", self._last)
        self._on_new()
        return delay

    def _hand_on(self, coverage: Coverage, *, ended: bool = False) -> None:
        """Judge the index and hand on the report.

        Until a repeated pass ``ended``, it carries the time of the last one.
        """
        wall, mono = self.context.clock.wall(), self.context.clock.mono()
        self._reported = mono
        report = replace(self.cache.report(mono), coverage=coverage)
        report = cache_verdict.judge(report, self.context.settings.thresholds)
        report = replace(report, findings=self.sampler_state.settle("cache", report.findings))
        counters = self.found.limits.total
        self.sampler_state.settle("layout", find_unknown_layout(counters, report.unknown, coverage, known=report.keys))
        if self._swept and not ended and self._last is not None and self._last.value is not None:
            wall, mono = self._last.taken_at, self._last.taken_mono
        self._last = Reading(value=report, taken_at=wall, taken_mono=mono, coverage=coverage)
        self.sampler_state.sink("cache", self._last)
