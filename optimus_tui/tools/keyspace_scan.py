"""Read what several tools need from Redis in one scan: names, TTLs, counters.

It is bounded in time and reports gaps.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import Counter, LimitRules, LimitsReport, UnknownLayout
from optimus_tui.contract.reading import Coverage, Fault
from optimus_tui.contract.tools.common import DEFAULT_TENANT, CoverageSection, NamesSection, ShapeSection, ToolError
from optimus_tui.dialects.layout import ParsedKey
from optimus_tui.index.cache import CacheIndex
from optimus_tui.index.limits import LimitIndex
from optimus_tui.tools.answer import ToolFailure
from optimus_tui.tools.parts import not_in_time, part, report, seconds_left
from optimus_tui.verdicts.limits import judge as limit_verdicts
from optimus_tui.verdicts.limits.blocked import CommonLimit, common_limits
from optimus_tui.verdicts.limits.findings import counters_unknown, find_unknown_layout, layout_words
from optimus_tui.verdicts.limits.words import merge_rules
from optimus_tui.wording.numbers import age

if TYPE_CHECKING:
    from optimus_tui.context import Context

NAMES_A_STEP = 500
"""Names that are parsed before others go on."""
SWEEP_SECONDS = 4.6
"""The sweep's share of a tool's deadline; what it has not seen by then is "not scanned"."""
READ_SECONDS = 2.8
NAMES_PER_ROUND_TRIP, READERS = 100, 2
"""Trips at once: where each takes 200 ms, twenty in turn would take half of a tool's time."""


@dataclass
class Survey:
    """The keyspace as far as it was scanned. ``fault`` says why it was not scanned, or not completely."""

    limits: LimitIndex
    cache: CacheIndex
    coverage: Coverage
    of_tenant: set[bytes]
    """The counters of the tenant that was asked for, all of them."""
    fault: Fault | None = None
    rules: LimitRules | None = None
    """The limits in force as far as they were asked for: only values that cannot be told without need them."""
    rules_asked: bool = False
    read_from: str = ""
    """From which replicas, and how far these are behind; "" where primaries were read."""
    searched: Coverage | None = None
    """How far counters were searched alone: complete, or None where the scan of all names found them."""

    @property
    def counters(self) -> Coverage:
        """How far counters are known."""
        return self.searched or self.coverage

    @property
    def names_known(self) -> bool:
        """Return whether the names of other keys than counters were read, too."""
        return bool(self.coverage.scanned) and self.coverage is not self.searched

    @property
    def unread(self) -> Fault | None:
        """The fault if not a single name could be read; None if some were, or if there are none."""
        if not self.coverage.scanned:
            return self.fault
        return None

    @property
    def unknown(self) -> UnknownLayout:
        """Names of no known layout."""
        return self.cache.unknown

    @property
    def counters_unknown(self) -> str:
        """Return why the limits are unknown although the keys were read; "" if they are known."""
        if not counters_unknown(self.limits.total, self.unknown):
            return ""
        return layout_words(self.unknown, known=self.cache.keys)

    def find_unknown_layout(self) -> list[Finding]:
        """Return the finding about names of no known layout."""
        return find_unknown_layout(self.limits.total, self.unknown, self.coverage, known=self.cache.keys)

    @property
    def names_section(self) -> NamesSection:
        """Return names of no known layout as documents show them."""
        return NamesSection(self.unknown.count, tuple(ShapeSection(*one) for one in self.unknown.shapes))

    @property
    def section(self) -> CoverageSection:
        """Return the coverage as documents show it."""
        seen = self.coverage
        return CoverageSection(seen.scanned, seen.total, seen.complete, self.read_from or None)


async def survey(ctx: "Context", *, tenant: bytes | None = None, ttls: bool = False, sizes: int = 0) -> Survey:
    """Scan all names once. An outage is a fault of the result, never an exception.

    Of many keys, counters are searched alone first, so that all of them are known however short the time is. Without
    ``ttls`` only counters are wanted: other names are then read only if no counter was found.
    """
    layout = ctx.layout
    tenants = (name.encode("utf-8", "surrogateescape") for name in ctx.settings.tenants)
    seen = Survey(LimitIndex(layout), CacheIndex(tenants, layout), Coverage(0, None, complete=False), set())
    seen.cache.begin_sweep()
    seconds = seconds_left(SWEEP_SECONDS)
    try:
        async with asyncio.timeout(seconds):
            await _scan(ctx, seen, tenant, ttls, sizes)
    except TimeoutError:
        seen.coverage = msgspec.structs.replace(seen.coverage, complete=False, reason=f"stopped after {age(seconds)}")
        seen.fault = not_in_time("the keyspace was scanned only in part", seconds)
    if seen.searched is None:
        seen.limits.end_sweep(seen.coverage.complete)
    for _ in seen.cache.end_steps(seen.coverage):
        await asyncio.sleep(0)
    seen.read_from = ctx.redis.read_from_words
    return seen


async def _scan(ctx: "Context", seen: Survey, tenant: bytes | None, ttls: bool, sizes: int) -> None:
    """Read the names into ``seen``: all at once, or counters before others."""
    from optimus_tui.probes.counter_names import counters_pattern

    seen.limits.begin_sweep()
    few = ctx.tuning.few_keys if counters_pattern(ctx.layout) else sys.maxsize
    if await _scan_all(ctx, seen, tenant, ttls, sizes, few):
        return
    if not await _search_counters(ctx, seen, tenant) or ttls:
        await _scan_all(ctx, seen, tenant, ttls, sizes, sys.maxsize)


async def _scan_all(ctx: "Context", seen: Survey, tenant: bytes | None, ttls: bool, sizes: int, most: int) -> bool:
    """Read page after page. Where there are more than ``most`` keys, take none and return False."""
    from optimus_tui.probes.keyspace import SweepOutcome
    from optimus_tui.probes.sweep import sweep

    scanned = 0
    async with aclosing(sweep(ctx.redis, ctx.settings.scan, ctx.own, ttls=ttls, sizes=sizes)) as pages:
        async for page in pages:
            if isinstance(page, SweepOutcome):
                seen.coverage = Coverage(page.scanned, page.total, page.complete, page.reason)
                seen.fault = page.fault or (None if page.complete else Fault("invalid", page.reason or "incomplete"))
                break
            if (page.total or 0) > most:
                return False
            scanned += len(page.names) + page.others
            seen.coverage = Coverage(scanned, page.total, complete=False)
            if seen.searched is None:
                await _take_counters(seen, [name for name in page.names if ctx.layout.may_count(name)], tenant)
            seen.cache.put_unknown(page.foreign, page.heads)
            seen.cache.put_page(page.names, page.pttls, page.sizes, ctx.clock.mono())
            report(scanned, page.total, "keys scanned")
    return True


async def counter_names(seen: Survey) -> AsyncIterator[tuple[bytes, ParsedKey]]:
    """Yield the name of every counter with its parsed parts.

    Other tasks run in between: there may be tens of thousands.
    """
    parse = seen.limits.layout.parse
    for at, name in enumerate(seen.limits.names_to_read(seen.limits.total + 1), 1):
        if at % NAMES_A_STEP == 0:
            await asyncio.sleep(0)
        yield name, parse(name)


async def _search_counters(ctx: "Context", seen: Survey, tenant: bytes | None) -> bool:
    """Find all counters; return whether there are any. What cuts the search short is left to the scan of all names."""
    from optimus_tui.probes.counter_names import find_counters
    from optimus_tui.probes.keyspace import SweepOutcome

    async with aclosing(find_counters(ctx.redis, ctx.settings.scan, ctx.own)) as pages:
        async for page in pages:
            if not isinstance(page, SweepOutcome):
                await _take_counters(seen, page.names, tenant)
                seen.coverage = Coverage(seen.limits.total, page.total, complete=False)
            elif page.complete:
                seen.limits.end_sweep(True)
                seen.coverage = seen.searched = Coverage(page.total or 0, page.total, complete=True)
    return seen.searched is not None and bool(seen.limits.total)


async def _take_counters(seen: Survey, names: list[bytes], tenant: bytes | None) -> None:
    for at in range(0, len(names), NAMES_A_STEP):
        owners = seen.limits.put_page(names[at : at + NAMES_A_STEP])
        seen.of_tenant.update(name for name, owner in owners if owner == tenant)
        seen.cache.know_tenants(owner for _, owner in owners if owner)
        await asyncio.sleep(0)


async def read_known(
    ctx: "Context", seen: Survey, names: Iterable[bytes] | None = None, most: float = READ_SECONDS
) -> tuple[list[Counter], Fault | None]:
    """Read the values of the counters that were found. Return them, and the fault if not all could be read.

    The first 2,000 names of the index are read unless ``names`` are given; what was read before an outage is returned.
    """
    wanted = list(dict.fromkeys(names if names is not None else seen.limits.names_to_read()))
    trips = [wanted[at : at + NAMES_PER_ROUND_TRIP] for at in range(0, len(wanted), NAMES_PER_ROUND_TRIP)]
    counters: list[Counter] = []
    waiting, read = iter(trips), 0

    async def reader() -> None:
        nonlocal read
        for names in waiting:
            answers = await _read_counters(ctx, seen, names)
            found = [answer for answer in answers if isinstance(answer, Counter)]
            seen.limits.put(found)
            seen.limits.gone([answer for answer in answers if isinstance(answer, bytes)], ctx.clock.mono())
            counters.extend(found)
            read += len(names)

    readers = [asyncio.ensure_future(reader()) for _ in range(min(READERS, len(trips)))]
    try:
        done = await part(ctx, asyncio.gather(*readers), "rate limits", most)
    finally:
        for one in readers:
            one.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    if not isinstance(done, Fault):
        return counters, None
    if not read:
        return counters, done
    message = f"{read:,} of {len(wanted):,} counters were read: {done.message}"
    return counters, Fault(done.kind, message, done.remedy)


async def _read_counters(ctx: "Context", seen: Survey, names: list[bytes]) -> list[Counter | bytes]:
    """Read the counters in one round trip, and the limits in force if the values cannot be judged without them."""
    from optimus_tui.probes.counters import read_counters

    given = seen.rules
    answers = await read_counters(ctx.redis, ctx.own, ctx.clock, names, given)
    vague = [one.key for one in answers if isinstance(one, Counter) and one.lacks]
    if vague and not seen.rules_asked:
        seen.rules_asked, seen.rules = True, await _rules(ctx)
    if not vague or seen.rules is given:
        return answers
    again = await read_counters(ctx.redis, ctx.own, ctx.clock, vague, seen.rules)
    better = dict(zip(vague, again, strict=True))
    return [better.get(one.key, one) if isinstance(one, Counter) else one for one in answers]


async def _rules(ctx: "Context") -> LimitRules | None:
    """Return the limits in force, as the gateway publishes them or as they are configured."""
    from optimus_tui.probes.http.services import read_gateway

    gateway = await part(ctx, read_gateway(ctx.http, ctx.settings, ctx.clock, with_rules=True), "limits")
    published = None
    if not isinstance(gateway, Fault) and gateway.value:
        published = gateway.value.rules
    return merge_rules(published, ctx.settings.limits)


def judge_limits(
    ctx: "Context",
    seen: Survey,
    rules: LimitRules | None,
    index: LimitIndex,
    *,
    tenant: bytes | None = None,
    total: int | None,
    common: Mapping[bytes, CommonLimit] | None = None,
) -> LimitsReport:
    """Judge the counters of ``index`` by the rules: those of one tenant, or all (None).

    ``seen`` is the scan that found their names; ``total`` and ``common`` are as for ``verdicts.limits.judge``.
    """
    counters = index.counters(ctx.clock.mono())
    return limit_verdicts.judge(
        [counter for counter in counters if tenant is None or counter.tenant == tenant],
        tracks=index.tracks(),
        rules=rules,
        thresholds=ctx.settings.thresholds,
        coverage=seen.counters,
        unparsed=seen.limits.unparsed,
        total=total,
        common=common,
    )


def common_limits_of(ctx: "Context", index: LimitIndex, rules: LimitRules | None) -> dict[bytes, CommonLimit]:
    """Return the operations whose limit is too low for nearly all tenants, judged by all counters of ``index``."""
    counters = index.counters(ctx.clock.mono())
    return common_limits([limit_verdicts.judge_row(one, None, rules, ctx.settings.thresholds) for one in counters])


def is_default(ctx: "Context", tenant: str) -> bool:
    """Return True if the tenant is that of our own examples although another system is watched."""
    return tenant == DEFAULT_TENANT and not ctx.settings.system_is_ours


def tenant_shown(ctx: "Context", tenant: str, limits: LimitsReport | None) -> bytes:
    """Return the tenant whose counters a document shows: the given one, else the one in most trouble elsewhere."""
    asked = tenant.encode("utf-8", "surrogateescape")
    rows = limits.rows if limits is not None else ()
    if not is_default(ctx, tenant) or any(one.counter.tenant == asked for one in rows):
        return asked
    return next((one.counter.tenant for one in rows if one.counter.tenant and not one.counter.doubt), b"")


def is_refused(fault: Fault) -> bool:
    """Return True if the server answers but refuses this command, so that others may work."""
    return fault.kind in ("denied", "invalid")


def unreachable(fault: Fault) -> ToolFailure:
    """Return the failure for a service that cannot be reached (exit code 3) or may not be read (4)."""
    if fault.remedy:
        sentence = f"{fault.message}; {fault.remedy}"
    else:
        sentence = fault.message
    if fault.kind in ("denied", "auth"):
        return ToolFailure(ToolError(code="refused", message=sentence), 4)
    return ToolFailure(ToolError(code="unreachable", message=sentence), 3)
