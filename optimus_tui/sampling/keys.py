"""The loop that scans all keys with their TTLs, and counters alone before them if there are many keys."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from optimus_tui.context import Context
from optimus_tui.contract.finding_rules import CACHE_UNMEASURED
from optimus_tui.contract.keyspace import CacheReport
from optimus_tui.contract.reading import Coverage, Reading
from optimus_tui.index.cache import CacheIndex
from optimus_tui.index.limits import LimitIndex
from optimus_tui.sampling.staleness import (
    Backoff,
    SamplerState,
    bounded,
    kept,
    next_try,
    outages,
    redis_fault,
)
from optimus_tui.sampling.timer import IntervalTimer
from optimus_tui.verdicts.coherence import keys as cache_verdict
from optimus_tui.verdicts.health import find_unmeasured
from optimus_tui.verdicts.limits.findings import find_unknown_layout

if TYPE_CHECKING:
    from optimus_tui.probes.keyspace import KeyPage, SweepOutcome


MAX_COUNTERS = 50_000
"""Counters whose names are remembered; with more, new ones are reported at the end of the scan."""
PAGE_SECONDS = 8.0
"""Deadline of one page with its TTLs and the pause before it; each command also has the client's own."""
FIRST_LOOK_SECONDS = 1.0
REPORT_SECONDS = 0.5
REPORT_REST = 50.0
"""During a scan, a report comes again after so many times as the last one took: there may be thousands of groups."""
BURST_SECONDS = 0.3
"""Length of a pause between bursts: calls in bursts cost this process a third less than evenly spread ones."""
LONGEST_PAUSE_SECONDS = 2.0
TTLS_A_TRIP = 100
HISTOGRAM_KEYS = 100_000
"""Keys that a report looks at to count old histograms anew: about fifteen milliseconds."""
SIZED_KEYS = 1_000
"""About how many sizes are measured in a pass; the others are estimated from them."""
RESTARTED = "server restarted (run_id changed)"
LEAST_RATE_SECONDS = 0.5
COUNTERS_A_STEP = 500
"""Names of counters that are parsed before the screen goes on: a page may have thousands."""
COUNTERS_REST = 25.0
"""A search for counters alone comes again after so many times as it took."""


class ScanSink:
    """Passes what a scan finds to the cache index and the limit index. A pass lies between ``begin`` and ``end_steps``.

    ``counters`` is the coverage of the last search for counters alone. While that is complete, passes over all keys do
    not look for counters; None if there was no such search.
    """

    def __init__(self, cache: CacheIndex, limits: LimitIndex) -> None:
        self.cache, self.limits = cache, limits
        self.counters: Coverage | None = None
        self._feeds_counters = True
        self._tenants: set[bytes] = set()
        self._counters: set[bytes] = set()
        self._present: set[bytes] = set()

    def know_tenants(self, tenants: Iterable[bytes]) -> None:
        """Add tenants with colons in their names: without them it is unclear where the tenant ends in a key's name."""
        new = {tenant for tenant in tenants if b":" in tenant} - self._tenants
        if new:
            self._tenants |= new
            self.cache.know_tenants(new)

    def begin(self, ttls: bool = True) -> None:
        """Begin a pass, with TTLs or for names alone."""
        self.cache.begin_sweep(ttls)
        if self.counters is None:
            self.begin_counters()
            self._feeds_counters = True

    def begin_counters(self) -> None:
        """Begin a search for counters alone."""
        self._feeds_counters, self._present = False, set()
        self.limits.begin_sweep()

    def end_steps(self, coverage: Coverage) -> Iterator[None]:
        """End a pass, and yield between short steps.

        A counter that a complete pass did not see is new when it comes back.
        """
        yield from self.cache.end_steps(coverage)
        if self._feeds_counters:
            self._end_counters(coverage.complete)

    def end_counters(self, coverage: Coverage) -> None:
        """End a search for counters alone. If it was cut short, the next pass over all keys looks for them."""
        self._end_counters(coverage.complete)
        self.counters = coverage if coverage.complete else None

    def _end_counters(self, complete: bool) -> None:
        self.limits.end_sweep(complete)
        if complete:
            self._counters = self._present

    def take(
        self, names: Sequence[bytes], pttls: Sequence[int] | None, sizes: Sequence[int | None] | None, mono: float
    ) -> bool:
        """Add one page, as ``CacheIndex.put_page`` takes it. Return True if a new counter is in it."""
        self.cache.put_page(names, pttls, sizes, mono)
        if not self._feeds_counters:
            return False
        return self.take_counters([name for name in names if self.limits.layout.may_count(name)])

    def take_counters(self, names: list[bytes]) -> bool:
        """Add names of counters. Return True if one is new."""
        if not names:
            return False
        self.limits.put_page(names)
        new = any(name not in self._counters for name in names)
        if len(self._present) < MAX_COUNTERS:
            self._present.update(names)
            self._counters.update(names)
        return new


class KeyLoop:
    """Scans the keys again and again, one pass after the other."""

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
        self._restarted, self._failed = "", False
        self._reported = self._began = float("-inf")
        self._owed = 0.0  # Seconds of pause saved up, so that calls come in bursts.
        self._counters_due = float("-inf")
        self._report_gap = REPORT_SECONDS

    def restart(self, why: str = RESTARTED) -> None:
        """End the present pass, and begin a new one with TTLs.

        ``why`` is the sentence for the pass that was cut short.
        """
        self._restarted = why
        self.found.counters, self._counters_due = None, float("-inf")
        self.timer.wake()

    async def run(self) -> None:
        """Scan until cancelled."""
        with suppress(TimeoutError):  # The number of keys decides how many sizes are measured.
            await bounded(self.sampler_state.server_seen.wait(), FIRST_LOOK_SECONDS)
        while True:
            written = self._written()
            seconds = await self._pass()
            await self._rest(seconds, written)

    def _written(self) -> tuple[object, ...] | None:
        """Return what changes with every write to the server; None if it has not told since a pass would be due."""
        look = self.sampler_state.looks.server
        if look is None or look.fault is not None or look.value is None or look.value.written is None:
            return None
        if self.context.clock.mono() - look.taken_mono > self.context.settings.scan.names_every_seconds:
            return None
        return look.value.run_id, *look.value.written

    async def _rest(self, seconds: float, written: tuple[object, ...] | None) -> None:
        """Wait until the next pass is due: later than usual while nothing was written since before the last one."""
        began, settings = self.context.clock.mono(), self.context.settings
        while not await self.timer.rest(seconds):
            unread = not self._swept or self._failed or bool(self._restarted)
            late = self.context.clock.mono() - began >= self.context.tuning.still_seconds
            if unread or late or written is None or self._written() != written:
                return
            self._renew()
            seconds = min(settings.refresh_seconds, settings.scan.names_every_seconds)

    def _renew(self) -> None:
        """Hand the report on as of the server's last word that nothing was written since; now and then is enough."""
        look, last = self.sampler_state.looks.server, self._last
        if look is None or last is None or last.fault is not None:
            return
        if look.taken_mono - last.taken_mono >= self.context.tuning.renew_seconds:
            self._hand_on(self.sampler_state.coverage, ended=True, as_of=(look.taken_at, look.taken_mono))

    async def _pass(self) -> float:
        """Run one pass and return the seconds until the next."""
        budget, started = self.context.settings.scan, self.context.clock.mono()
        if self._restarted:
            self._restarted, self._swept, self._asked_ttls = "", False, float("-inf")
        ttls = started - self._asked_ttls >= budget.ttls_every_seconds
        await self._search_counters()
        self._began = self.context.clock.mono()
        self.found.begin(ttls)
        outcome = await self._sweep(ttls)
        coverage = Coverage(outcome.scanned, outcome.total, outcome.complete, outcome.reason)
        for _ in self.found.end_steps(coverage):
            await asyncio.sleep(0)
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
        await self._ask_ttls(self.cache.take_fresh())
        self._hand_on(coverage, ended=True)
        if first:
            self._on_new()
        took = self.context.clock.mono() - started
        return max(budget.names_every_seconds - took, took, 1.0)  # The pause is at least as long as the pass was.

    async def _search_counters(self) -> None:
        """Search for counters alone where there are many keys, if it is time; a fault is left to the next pass."""
        context, started = self.context, self.context.clock.mono()
        few = (self.sampler_state.keys or 0) <= context.tuning.few_keys
        if not few and started < self._counters_due:
            return
        from optimus_tui.probes.counter_names import counters_pattern, find_counters
        from optimus_tui.probes.keyspace import SweepOutcome

        if few or not counters_pattern(context.layout):
            self.found.counters = None
            return
        pages, total, complete = find_counters(context.redis, context.settings.scan, context.own), None, False
        self.found.begin_counters()
        with suppress(*outages()):
            async with aclosing(pages):
                while not self._restarted:
                    item = await bounded(anext(pages), PAGE_SECONDS)
                    if isinstance(item, SweepOutcome):
                        total, complete = item.total, item.complete
                        break
                    for at in range(0, len(item.names), COUNTERS_A_STEP):
                        if self.found.take_counters(item.names[at : at + COUNTERS_A_STEP]):
                            self._on_new()
                        await asyncio.sleep(0)
        self.found.end_counters(Coverage(total or 0, total, complete=complete))
        took = context.clock.mono() - started
        self._counters_due = started + max(context.settings.scan.names_every_seconds, COUNTERS_REST * took)
        if complete:
            self._on_new()

    async def _sweep(self, ttls: bool) -> "SweepOutcome":
        from optimus_tui.probes.keyspace import SweepOutcome
        from optimus_tui.probes.sweep import sweep

        context, scanned = self.context, 0
        sizes = max(1, (self.sampler_state.keys or 10 * SIZED_KEYS) // SIZED_KEYS) if ttls else 0
        pages = sweep(context.redis, context.settings.scan, context.own, ttls=ttls, sizes=sizes, pace=self._pace)
        try:
            async with aclosing(pages):
                while True:
                    item = await bounded(anext(pages), PAGE_SECONDS)
                    if isinstance(item, SweepOutcome):
                        return item
                    if self._restarted:
                        keys, why = self.sampler_state.keys, self._restarted
                        return SweepOutcome(complete=False, scanned=scanned, total=keys, reason=why)
                    scanned += len(item.names) + item.others
                    self._take(item, scanned)
                    await self._search_counters()
        except outages() as error:
            fault = redis_fault(error, context)
            return SweepOutcome(
                complete=False, scanned=scanned, total=self.sampler_state.keys, reason=fault.message, fault=fault
            )

    def _take(self, page: "KeyPage", scanned: int) -> None:
        """Put one page into the indexes."""
        self.cache.put_unknown(page.foreign, page.heads)
        found_limits = self.found.take(page.names, page.pttls, page.sizes, self.context.clock.mono())
        if not self._swept:
            total = self.sampler_state.keys if page.total is None else page.total
            self.sampler_state.coverage = Coverage(scanned, total, complete=False, per_second=self._rate(scanned))
        if found_limits:
            self._on_new()
        if self.context.clock.mono() - self._reported >= self._report_gap and self._worth_telling():
            self._hand_on(self.sampler_state.coverage)

    def _rate(self, scanned: int) -> float | None:
        """Return the keys a second of this pass; None while it is too young to say."""
        passed = self.context.clock.mono() - self._began
        if passed >= LEAST_RATE_SECONDS:
            return scanned / passed
        return None

    def _worth_telling(self) -> bool:
        last = self._last.value if self._last else None
        return not self._swept or last is None or last.version != self.cache.version

    async def _ask_ttls(self, names: list[bytes]) -> None:
        """Ask for the TTLs of names that a pass without TTLs has found; an outage leaves them to the next one with."""
        from optimus_tui.probes.cache_keys import read_ttls

        with suppress(*outages()):
            for start in range(0, len(names), TTLS_A_TRIP):
                some = names[start : start + TTLS_A_TRIP]
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
        if pause > 0:  # else each reply is waited for, so that others have their turn
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

    def _hand_on(self, coverage: Coverage, *, ended: bool = False, as_of: tuple[float, float] | None = None) -> None:
        """Judge the index and hand on the report.

        Until a repeated pass ``ended``, it carries the time of the last one. ``as_of`` is the time, by both clocks, for
        which it is known to hold, where that is not now.
        """
        wall, mono = self.context.clock.wall(), self.context.clock.mono()
        self._reported = mono
        report = replace(self.cache.report(mono, most=HISTOGRAM_KEYS), coverage=coverage)
        report = cache_verdict.judge(report, self.context.settings.thresholds)
        report = replace(report, findings=self.sampler_state.settle("cache", report.findings))
        counters = self.found.limits.total
        self.sampler_state.settle("layout", find_unknown_layout(counters, report.unknown, coverage, known=report.keys))
        if self._swept and not ended and self._last is not None and self._last.value is not None:
            wall, mono = self._last.taken_at, self._last.taken_mono
        wall, mono = as_of or (wall, mono)
        source = self.context.redis.read_from_words
        self._last = Reading(value=report, taken_at=wall, taken_mono=mono, coverage=coverage, source=source)
        self.sampler_state.sink("cache", self._last)
        self._report_gap = max(REPORT_SECONDS, REPORT_REST * (self.context.clock.mono() - self._reported))
