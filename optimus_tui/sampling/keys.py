"""The loops that read keys, and the loop that reads the counters they found and judges them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from optimus_tui.context import Context
from optimus_tui.contract.finding_rules import CACHE_UNMEASURED, LIMITS_UNMEASURED
from optimus_tui.contract.findings import Finding, worst_first
from optimus_tui.contract.keyspace import CacheReport, Counter, KeyDetail, LimitsReport
from optimus_tui.contract.reading import Coverage, Fault, Reading
from optimus_tui.index.cache import UNKNOWN, UNPARSED_KIND, CacheIndex
from optimus_tui.index.limits import LimitIndex
from optimus_tui.sampling.staleness import (
    ASK_AGAIN_SECONDS,
    Backoff,
    IntervalTimer,
    SamplerState,
    bounded,
    kept,
    next_try,
    outages,
    redis_fault,
)
from optimus_tui.verdicts.coherence import keys as cache_verdict
from optimus_tui.verdicts.health import find_unmeasured
from optimus_tui.verdicts.limits.findings import find_unknown_layout
from optimus_tui.verdicts.limits.judge import judge

if TYPE_CHECKING:
    from optimus_tui.probes.keyspace import KeyPage, SweepOutcome


MAX_COUNTERS = 50_000
"""Counters whose names are remembered; with more, new ones are reported at the end of the scan."""
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
EVERY_SECONDS = 2.0
LEAST_GAP_SECONDS = 0.25
MAX_KEYS = 200
_NEVER, _GONE, _NOT_ASKED = -1, -2, -3
MANY_ROWS = 1_000
"""More rows than this are judged in a thread, so that the screen does not wait for them."""
COUNTERS_LEAST_GAP_SECONDS = 0.4
"""Seconds between two reads, however often the scan finds new counters."""


class ScanSink:
    """Feeds the cache index and the limit index. One pass lies between ``begin`` and ``end``."""

    def __init__(self, cache: CacheIndex, limits: LimitIndex) -> None:
        self.cache, self.limits = cache, limits
        self._tenants: set[bytes] = set()
        self._counters: set[bytes] = set()
        self._present: set[bytes] = set()

    def know_tenants(self, tenants: Iterable[bytes]) -> None:
        """Add tenants with colons in their names, which settle whose a key is."""
        new = {tenant for tenant in tenants if b":" in tenant} - self._tenants
        if new:
            self._tenants |= new
            self.cache.know_tenants(new)

    def begin(self) -> None:
        """Begin a pass."""
        self._present = set()
        self.cache.begin_sweep()
        self.limits.begin_sweep()

    def end(self, coverage: Coverage) -> None:
        """End a pass. A counter that a complete pass did not see counts as new when it comes back."""
        self.cache.end_sweep(coverage)
        self.limits.end_sweep(coverage.complete)
        if coverage.complete:
            self._counters = self._present

    def take(
        self, names: Sequence[bytes], pttls: Sequence[int] | None, sizes: Sequence[int | None] | None, mono: float
    ) -> tuple[list[bytes], bool]:
        """Add one page.

        Returns:
            The cache keys whose TTL is unknown (empty if the page brought TTLs), and whether a counter is new.
        """
        before = self.cache.version
        self.cache.put_page(names, pttls, sizes, mono)
        fresh = []
        if pttls is None and self.cache.version != before:
            fresh = [name for name in names if self._is_fresh(name)]
        return fresh, self._take_counters([name for name in names if self.limits.layout.may_count(name)])

    def _is_fresh(self, name: bytes) -> bool:
        if not name.startswith(self.cache.layout.cache_heads):
            return False
        parsed = self.cache.layout.parse(name, self._tenants)
        kind = parsed.kind if parsed.family == "cache" else UNPARSED_KIND
        return self.cache.expires_ms(kind, parsed.tenant, name) == UNKNOWN

    def _take_counters(self, names: list[bytes]) -> bool:
        if not names:
            return False
        self.limits.put_page(names)
        new = any(name not in self._counters for name in names)
        if len(self._present) < MAX_COUNTERS:
            self._present.update(names)
            self._counters.update(names)
        return new


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
        from optimus_tui.probes.keyspace import SweepOutcome, sweep

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
        from optimus_tui.probes.cache_keys import read_ttls

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


class DetailLoop:
    """Reads type, size and TTL of the keys that ``watch`` names."""

    def __init__(self, context: Context, sampler_state: SamplerState, timer: IntervalTimer, cache: CacheIndex) -> None:
        self.context, self.sampler_state, self.timer, self.cache = context, sampler_state, timer, cache
        self._keys: tuple[bytes, ...] = ()
        self._backoff = Backoff()

    def watch(self, keys: Sequence[bytes]) -> None:
        """Set the keys in view; new ones are read soon."""
        chosen = tuple(keys[:MAX_KEYS])
        new = set(chosen) - set(self._keys)
        self._keys = chosen
        if new and self.timer.factor:
            self.timer.wake()

    async def run(self) -> None:
        """Read every two seconds, until cancelled."""
        while True:
            if not self._keys:
                await self.timer.rest(ASK_AGAIN_SECONDS)
                continue
            delay = await self._once()
            await asyncio.sleep(LEAST_GAP_SECONDS)
            await self.timer.rest(delay - LEAST_GAP_SECONDS)

    async def _once(self) -> float:
        from optimus_tui.probes.cache_keys import read_details

        context, keys = self.context, self._keys
        try:
            details = await bounded(read_details(context.redis, context.own, context.clock, keys))
        except outages() as error:
            delay, _ = next_try(redis_fault(error, context.settings.redis), self._backoff)
            return delay
        self._backoff.worked()
        self.cache.put_page([one.key for one in details], [_pttl(one) for one in details], None, context.clock.mono())
        self.sampler_state.sink("details", tuple(details))
        return EVERY_SECONDS


def _pttl(detail: KeyDetail) -> int:
    if detail.gone:
        return _GONE
    if detail.immortal:
        return _NEVER
    if detail.ttl_ms is None:
        return _NOT_ASKED
    return detail.ttl_ms


class LimitLoop:
    """Reads the counters, judges them, and hands on the report."""

    def __init__(self, context: Context, sampler_state: SamplerState, timer: IntervalTimer, found: ScanSink) -> None:
        self.context, self.sampler_state, self.timer, self.found = context, sampler_state, timer, found
        self.index = found.limits
        self._last: Reading[LimitsReport] | None = None
        self._backoff = Backoff()
        self._failing = False

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            delay = await self._once()
            if self._last is not None:
                await asyncio.sleep(COUNTERS_LEAST_GAP_SECONDS)
                delay = max(0.0, delay - COUNTERS_LEAST_GAP_SECONDS)
            await self.timer.rest(delay)

    async def _once(self) -> float:
        from optimus_tui.probes.counters import read_counters

        context, names = self.context, self.index.names_to_read()
        wall, mono = context.clock.wall(), context.clock.mono()
        coverage, fault = self.sampler_state.coverage, self.sampler_state.sweep_fault
        failed = fault is not None and fault.kind != "denied"  # without a name nothing is asked, so nothing answers
        if not names and (failed or not (coverage.complete or coverage.scanned)):
            return self._nothing_known()
        try:
            rules = self.sampler_state.rules
            found = await bounded(read_counters(context.redis, context.own, context.clock, names, rules))
        except outages() as error:
            return self._failed(redis_fault(error, context.settings.redis))
        counters = [one for one in found if isinstance(one, Counter)]
        self.index.put(counters)
        self.index.gone((one for one in found if not isinstance(one, Counter)), context.clock.mono())
        self.found.know_tenants(one.tenant for one in counters)
        report = await self._judged()
        self._backoff.worked()
        if self._failing:
            self._failing = False
            self.sampler_state.back()
        denied = self.sampler_state.sweep_fault
        if denied is not None and denied.kind != "denied":
            denied = None
        took_ms = (context.clock.mono() - mono) * 1000
        self._last = Reading(
            value=report, taken_at=wall, taken_mono=mono, took_ms=took_ms, fault=denied, coverage=report.coverage
        )
        self._hand_on()
        self.sampler_state.see_limits()
        return context.settings.refresh_seconds

    async def _judged(self) -> LimitsReport:
        counters = self.index.counters(self.context.clock.mono())
        tracks, total = self.index.tracks(), self.index.total

        def work() -> LimitsReport:
            return judge(
                counters,
                tracks=tracks,
                rules=self.sampler_state.rules,
                thresholds=self.context.settings.thresholds,
                coverage=self._coverage(),
                unparsed=self.index.unparsed,
                total=total,
            )

        report = await asyncio.to_thread(work) if len(counters) > MANY_ROWS else work()
        more = find_unmeasured("rate limits", self.sampler_state.sweep_fault, rule=LIMITS_UNMEASURED)
        settled = self.sampler_state.settle("limits", [*report.findings, *more])
        findings = worst_first([*settled, *self._elsewhere()])
        report = replace(report, findings=findings, past_windows=self.index.past_windows())
        signals = self.sampler_state.signals
        if signals is None:
            return report
        return replace(
            report,
            refused_by=signals.refused_by,
            refused_why=signals.refused_by_why,
            refused_seconds=signals.seconds,
        )

    def _elsewhere(self) -> list[Finding]:
        """Return findings of other loops about limits: refused requests, names of an unknown layout."""
        found = [*self.sampler_state.settled("metrics"), *self.sampler_state.settled("layout")]
        return [finding for finding in found if finding.rule.startswith("limits.")]

    def _coverage(self) -> Coverage:
        coverage = self.sampler_state.coverage
        if coverage.complete and self.index.overflow:
            return replace(coverage, complete=False, reason="more counters than are kept")
        return coverage

    def _nothing_known(self) -> float:
        """No scan has a result yet: hand on its fault if it has one, else nothing."""
        fault = self.sampler_state.sweep_fault
        if fault is not None:
            return self._failed(fault)
        return self.context.settings.refresh_seconds

    def _failed(self, fault: Fault) -> float:
        delay, retry_in = next_try(fault, self._backoff)
        self._last = kept(self._last, fault, retry_in, self.context.clock)
        self._failing = True
        self.sampler_state.unmeasured("limits", find_unmeasured("rate limits", fault, rule=LIMITS_UNMEASURED))
        self._hand_on()
        return delay

    def _hand_on(self) -> None:
        self.sampler_state.sink("limits", self._last)
