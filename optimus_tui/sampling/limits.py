"""The loop that reads the counters whose names were found, and judges them."""

import asyncio

from msgspec.structs import replace

from optimus_tui.context import Context
from optimus_tui.contract.finding_rules import LIMITS_UNMEASURED
from optimus_tui.contract.findings import Finding, worst_first
from optimus_tui.contract.keyspace import Counter, LimitsReport
from optimus_tui.contract.reading import Coverage, Fault, Reading
from optimus_tui.contract.signals import with_refusals
from optimus_tui.sampling.keys import ScanSink
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
from optimus_tui.verdicts.health import find_unmeasured
from optimus_tui.verdicts.limits.judge import judge

MANY_ROWS = 1_000
"""More rows than this are judged in a thread, so that the screen does not wait for them."""
NAMES_AT_ONCE = 1_000
"""Counters that are read within one deadline."""
JUDGE_REST = 4.0
"""Counters are read again after so many times as they took to be judged: there may be tens of thousands."""
COUNTERS_LEAST_GAP_SECONDS = 0.4
"""Seconds between two reads, however often the scan finds new counters."""


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

        context, unread = self.context, self.index.never_read()
        names = unread or self.index.names_to_read()
        wall, mono = context.clock.wall(), context.clock.mono()
        coverage, fault = self._names_coverage, self.sampler_state.sweep_fault
        failed = fault is not None and fault.kind != "denied"  # without a name nothing is asked, so nothing answers
        if not names and (failed or not (coverage.complete or coverage.scanned)):
            return self._nothing_known()
        try:
            found: list[Counter | bytes] = []
            for start in range(0, len(names), NAMES_AT_ONCE):
                some, rules = names[start : start + NAMES_AT_ONCE], self.sampler_state.rules
                found += await bounded(read_counters(context.redis, context.own, context.clock, some, rules))
        except outages() as error:
            return self._failed(redis_fault(error, context))
        counters = [one for one in found if isinstance(one, Counter)]
        self.index.put(counters)
        self.index.gone((one for one in found if not isinstance(one, Counter)), context.clock.mono())
        self.found.know_tenants(one.tenant for one in counters)
        judging = context.clock.mono()
        report = await self._judged()
        rest = JUDGE_REST * (context.clock.mono() - judging)
        self._backoff.worked()
        if self._failing:
            self._failing = False
            self.sampler_state.back()
        denied = self.sampler_state.sweep_fault
        if denied is not None and denied.kind != "denied":
            denied = None
        took_ms = (context.clock.mono() - mono) * 1000
        self._last = Reading(
            value=report,
            taken_at=wall,
            taken_mono=mono,
            took_ms=took_ms,
            fault=denied,
            coverage=report.coverage,
            source=context.redis.read_from_words,
        )
        self._hand_on()
        self.sampler_state.see_limits()
        if unread:
            return 0.0
        return max(context.settings.refresh_seconds, rest)

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
        report = replace(report, findings=findings, past_windows=self.index.past_windows(), over=self.index.over)
        return with_refusals(report, self.sampler_state.signals)

    def _elsewhere(self) -> list[Finding]:
        """Return findings of other loops about limits: refused requests, names of an unknown layout."""
        found = [*self.sampler_state.settled("metrics"), *self.sampler_state.settled("layout")]
        return [finding for finding in found if finding.rule.startswith("limits.")]

    @property
    def _names_coverage(self) -> Coverage:
        return self.found.counters or self.sampler_state.coverage

    def _coverage(self) -> Coverage:
        coverage = self._names_coverage
        if coverage.complete and self.index.overflow:
            return replace(coverage, complete=False, reason="more counters than are kept")
        return coverage

    def _nothing_known(self) -> float:
        """Report the scan's fault, if any, while no scan has a result yet. Return the seconds until the next try."""
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
