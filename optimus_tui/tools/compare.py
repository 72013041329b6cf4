"""Compare tenants with one scan of the keys and one read of the event log and the gateway's counters.

A tenant is literal bytes: ``*`` is a tenant of that name. What was not counted is None, never 0.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from optimus_tui.contract.finding_rules import COMPARE_UNMEASURED, LIMITS_TOTAL
from optimus_tui.contract.findings import Finding, worst_first
from optimus_tui.contract.keyspace import LimitRow, LimitRules, LimitsReport
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import DURATIONS, REFUSED, REQUESTS, GatewayState, Increase, Quantiles
from optimus_tui.contract.tools.common import if_known, rounded
from optimus_tui.contract.tools.state import CompareReport, TenantFigures
from optimus_tui.probes.load_meter import watching
from optimus_tui.settings.model import Thresholds
from optimus_tui.tools.answer import out_of_time
from optimus_tui.tools.coherence_events import Log, read_events
from optimus_tui.tools.figures.metric_windows import Counters
from optimus_tui.tools.keyspace_scan import Survey, counter_names, is_refused, read_known, survey, unreachable
from optimus_tui.tools.pages.report_sections import aliases_of, diagnostics, sentence
from optimus_tui.tools.parts import deadline
from optimus_tui.tools.troubleshoot.evidence import neighbours
from optimus_tui.verdicts.changes import differences
from optimus_tui.verdicts.coherence.events import covered_minutes
from optimus_tui.verdicts.gateway.failures import find_errors
from optimus_tui.verdicts.gateway.latency import estimate_ms, is_wide, shown_ms
from optimus_tui.verdicts.gateway.performance import of_tenant, outcomes, refusals
from optimus_tui.verdicts.health import find_unmeasured
from optimus_tui.verdicts.limits import judge as verdicts
from optimus_tui.verdicts.limits.blocked import common_limits
from optimus_tui.verdicts.limits.refusals import find_refusals, refused_by_tenant
from optimus_tui.verdicts.limits.words import (
    aliases_in,
    merge_rules,
    named,
    only_an_alias,
    operation_words,
    published_rules,
    tenant_words,
    tenants_called,
)
from optimus_tui.wording.numbers import timestamp
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context


TOOL = "compare"
MOST_TENANTS = 20
OTHERS_SECONDS = 0.8


def found(report: CompareReport) -> bool:
    """Return True if one of these tenants has a finding of medium severity or worse."""
    return any(one.severity != "low" for one in report.diagnostics)


async def compare(ctx: "Context", tenants: Sequence[bytes], minutes: int) -> CompareReport:
    """Compare tenants, one column each, in the given order.

    Raises:
        ToolFailure: Redis cannot be asked.
    """
    try:
        with watching():
            async with deadline(ctx.tuning.tool_seconds):
                return await _compare(ctx, list(dict.fromkeys(tenants)), minutes)
    except TimeoutError:
        raise out_of_time(TOOL, ctx.tuning.tool_seconds) from None


async def _compare(ctx: "Context", tenants: list[bytes], minutes: int) -> CompareReport:
    from optimus_tui.probes.http.services import read_gateway

    counters = Counters(ctx, minutes)
    gateway, seen, log, requests, refused, times = await asyncio.gather(
        read_gateway(ctx.http, ctx.settings, ctx.clock, with_rules=True),
        survey(ctx, ttls=True),
        read_events(ctx, minutes),
        counters.increase(REQUESTS),
        counters.increase(REFUSED),
        counters.quantiles(DURATIONS, "tenant"),
    )
    told = log.window is not None or requests.covered_minutes > 0
    if seen.unread is not None and not (is_refused(seen.unread) and told):
        raise unreachable(seen.unread)
    rules = merge_rules(published_rules(gateway.value), ctx.settings.limits)
    tenants, shared = await _owners(seen, tenants, rules)
    seen.cache.know_tenants(tenants)
    fault, others = await _read(ctx, seen, set(tenants))
    limits, thresholds = _judged(ctx, seen, rules, set(tenants)), ctx.settings.thresholds
    looks = _Looks(seen, limits, log, requests, refused, times)
    events_covered = None
    if log.window:
        events_covered = covered_minutes(log.window, ctx.clock.wall(), minutes)
    figures = tuple(looks.figures(tenant) for tenant in tenants)
    return CompareReport(
        tool=TOOL,
        timestamp=timestamp(ctx.clock.wall()),
        window_requested_minutes=minutes,
        window_covered_minutes=round(requests.covered_minutes, 3),
        source=requests.source,
        events_covered_minutes=rounded(events_covered, 2),
        coverage=seen.section,
        aliases=aliases_of(limits.rows),
        tenants=figures,
        differs=tuple(differences([to_builtins(one) for one in figures])),
        diagnostics=diagnostics(
            named(
                worst_first(
                    [
                        *_of_these(limits),
                        *looks.findings(tenants, thresholds),
                        *find_unmeasured("the keyspace", seen.unread, rule=COMPARE_UNMEASURED),
                    ]
                ),
                aliases_in(rules),
            )
        ),
        unknown=(*shared, *looks.unknown(fault or seen.fault, _no_rules(gateway)), *_unread(others)),
    )


async def _owners(seen: Survey, tenants: list[bytes], rules: LimitRules | None) -> tuple[list[bytes], list[str]]:
    """Return the tenants as Redis and the metrics name them, and a sentence for each alias that several have.

    A name that a counter has is that tenant's, whoever else is called so.
    """
    called = {one: tenants_called(one.decode("utf-8", "surrogateescape"), rules) for one in tenants}
    if any(called.values()):
        counted = {parsed.tenant async for _, parsed in counter_names(seen)}
        called = {one: [] if one in counted else names for one, names in called.items()}
    sole = {one: names[0].encode("utf-8", "surrogateescape") for one, names in called.items() if len(names) == 1}
    shared = [
        f"counters: {only_an_alias(one.decode('utf-8', 'surrogateescape'), rules)}"
        for one, names in called.items()
        if len(names) > 1
    ]
    return list(dict.fromkeys(sole.get(one, one) for one in tenants)), shared


async def _read(ctx: "Context", seen: Survey, tenants: set[bytes]) -> tuple[Fault | None, Fault | None]:
    """Read the counters of these tenants, and some of other tenants for the same operations.

    Where all are over their limits, no single client is to blame.

    Returns:
        For each of the two groups, why not all were read; None where all were.
    """
    every = counter_names(seen)
    names = [name async for name, parsed in every if parsed.family == "limit" and parsed.tenant in tenants]
    _, fault = await read_known(ctx, seen, names)
    _, others = await read_known(ctx, seen, await neighbours(seen, names), OTHERS_SECONDS)
    return fault, others


def _judged(ctx: "Context", seen: Survey, rules: LimitRules | None, tenants: set[bytes]) -> LimitsReport:
    """These tenants' counters, beside all that were read: who is to blame shows there."""
    read, thresholds = seen.limits.counters(ctx.clock.mono()), ctx.settings.thresholds
    return verdicts.judge(
        [one for one in read if one.tenant in tenants],
        tracks=seen.limits.tracks(),
        rules=rules,
        thresholds=thresholds,
        coverage=seen.counters,
        common=common_limits([verdicts.judge_row(one, None, rules, thresholds) for one in read]),
    )


def _unread(others: Fault | None) -> list[str]:
    """Return a note if other tenants' counters could not be read: a limit may be too low for all of them."""
    if others:
        return [f"other tenants' counters: {sentence(others)}; a limit may be too low for all of them"]
    return []


def _of_these(limits: LimitsReport) -> list[Finding]:
    """Return the findings about the compared tenants: the total of all tenants is not one."""
    return [finding for finding in limits.findings if finding.rule != LIMITS_TOTAL]


def _no_rules(gateway: Reading[GatewayState]) -> str:
    """Return why the gateway publishes no limits."""
    state = gateway.value
    if state:
        fault = state.service.fault or state.rules_fault
    else:
        fault = gateway.fault
    return sentence(fault) or "the gateway publishes none"


class _Looks:
    """All that was read, cut by tenant."""

    def __init__(
        self, seen: Survey, limits: LimitsReport, log: Log, requests: Increase, refused: Increase, times: Quantiles
    ) -> None:
        self.seen, self.limits, self.log = seen, limits, log
        self.requests, self.refused, self.times = requests, refusals(requests, refused).grown, times
        self.cache: dict[bytes, tuple[int, int]] = {}
        for kind in seen.cache.report().kinds:
            for group in kind.tenants:
                if group.tenant is not None:
                    keys, never = self.cache.get(group.tenant, (0, 0))
                    self.cache[group.tenant] = keys + group.keys, never + group.without_ttl

    def figures(self, tenant: bytes) -> TenantFigures:
        """One column."""
        rows = [row for row in self.limits.rows if row.counter.tenant == tenant]
        fullest = max((row for row in rows if row.share is not None), key=_share, default=None)
        keys, never = self.cache.get(tenant, (0, 0))
        scanned = self.seen.unread is None
        text = tenant.decode("utf-8", "surrogateescape")
        window = self.log.window
        requests, refused = _grown(self.requests, text), _grown(self.refused, text)
        told = None
        if requests is not None:
            told = outcomes(of_tenant(self.requests, text).series)
        return TenantFigures(
            tenant_id=safe_text(tenant, 200),
            counters=if_known(scanned, len(rows)),
            share_of_all_counters=round(len(rows) / self.seen.limits.total, 4) if self.seen.limits.total else None,
            immortal=if_known(scanned, sum(row.state == "immortal" for row in rows)),
            over=if_known(scanned, sum(row.state == "over" for row in rows)),
            **_fullest(fullest),
            requests=requests,
            failed=round(told.failed) if told and told.failed is not None else None,
            error_share=rounded(told.failing_share, 4) if told else None,
            refused=refused,
            refused_share=self._refused_share(text),
            cache_keys=if_known(scanned, keys),
            cache_keys_without_ttl=if_known(scanned, never),
            events=sum(one.event.tenant == text for one in window.events) if window else None,
            **self._p95(text),
        )

    def _refused_share(self, tenant: str) -> float | None:
        told = refused_by_tenant(self.requests, self.refused, tenant)
        if told and told[0].tenant == tenant:
            return rounded(told[0].share, 4)
        return None

    def findings(self, tenants: Sequence[bytes], thresholds: Thresholds) -> list[Finding]:
        """Failures and refusals of these tenants, where the gateway counts by tenant."""
        found: list[Finding] = []
        for tenant in tenants:
            text = tenant.decode("utf-8", "surrogateescape")
            if _grown(self.requests, text):
                found += find_errors(of_tenant(self.requests, text), tenant_words(tenant), thresholds)
            if _grown(self.refused, text):
                found += find_refusals(self.requests, self.refused, text)
        return found

    def _p95(self, tenant: str) -> dict[str, Any]:
        spread = self.times.groups.get(tenant)
        if spread is None:
            return {}
        bound = None
        if is_wide(spread, "p95"):
            bound = shown_ms(spread, "p95")
        return {"latency_p95_ms": rounded(estimate_ms(spread, "p95")), "latency_p95_bound": bound}

    def unknown(self, fault: Fault | None, no_rules: str) -> list[str]:
        """Return why there are gaps."""
        reasons = []
        if fault:
            reasons = [f"keys: {sentence(fault)}"]
        if self.log.window is None:
            reasons.append(f"events: {sentence(self.log.fault) or 'no event log'}")
        for name, one in (("requests", self.requests), ("refused", self.refused)):
            if one.covered_minutes <= 0:
                reasons.append(f"{name}: {sentence(one.fault) or 'nobody counted them'}")
        told = outcomes(self.requests.series)
        if self.requests.covered_minutes > 0 and told.failed is None:
            reasons.append(f"failed: {told.why_failed}")
        elif self.requests.covered_minutes > 0 and set(self.requests.by("tenant")) == {""}:
            reasons.append("requests: the gateway does not count them by tenant")
        if not any(self.times.groups):
            reasons.append("latency: the gateway has no latency by tenant")
        rows = self.limits.rows
        if self.limits.rules is None and (not rows or any(row.limit is None for row in rows)):
            reasons.append(f"limits: {no_rules}, and none are configured")
        return reasons


def _fullest(row: LimitRow | None) -> dict[str, Any]:
    """Return the figures of a tenant's fullest counter; None for each if no counter has a limit."""
    if row is None:
        return {"operation": None, "current_count": None, "limit": None, "share": None}
    return {
        "operation": operation_words(row.counter.operation, 80),
        "current_count": row.counter.count,
        "limit": row.limit,
        "share": round(_share(row), 4),
    }


def _share(row: LimitRow) -> float:
    return row.share or 0.0


def _grown(increase: Increase, tenant: str) -> int | None:
    """Return 0 for a tenant that a published counter does not name; None if tenants are not counted."""
    if increase.covered_minutes <= 0:
        return None
    totals = increase.by("tenant")
    if totals and set(totals) == {""}:
        return None
    return round(totals.get(tenant, 0.0))
