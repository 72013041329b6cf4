"""analyze_cache_coherence: keys, tracking keys and events of a window, and whether the invalidated keys are gone.

It changes nothing.
"""

import asyncio
import math
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import COHERENCE_UNMEASURED
from optimus_tui.contract.findings import Finding, worst_first
from optimus_tui.contract.keyspace import CacheReport, KeyDetail
from optimus_tui.contract.percentiles import percentile
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.tools.common import if_known, rounded, status_of
from optimus_tui.contract.tools.traffic import CoherenceAnalysis, CoherenceQuery, CoherenceReport, SampledKey
from optimus_tui.index.cache import NEVER, UNKNOWN, UNPARSED_KIND, CacheIndex
from optimus_tui.tools.coherence_events import (
    NOT_NAMED,
    PART_SECONDS,
    Log,
    events_section,
    late_claims,
    pubsub_section,
    read_events,
    read_listeners,
    recent,
    stamp,
)
from optimus_tui.tools.coherence_live import LiveEvents, live_events
from optimus_tui.tools.keyspace_scan import Survey, is_refused, survey, unreachable
from optimus_tui.tools.pages.report_sections import diagnostics, sentence
from optimus_tui.verdicts.coherence import audit as verdicts
from optimus_tui.verdicts.coherence.audit import Audited, AuditPlan, Lifetime, count, judge, lengthen, plan
from optimus_tui.verdicts.coherence.events import EventWindow, covered_minutes
from optimus_tui.verdicts.coherence.keys import Tracking, match
from optimus_tui.verdicts.health import find_unmeasured
from optimus_tui.wording.numbers import timestamp
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context


SAMPLE = 20
Group = tuple[bytes, bytes]


class Keys(Struct, frozen=True, kw_only=True):
    """The cache as the scan saw it. ``without_ttl`` is None if no TTL could be read."""

    index: CacheIndex
    report: CacheReport
    groups: dict[Group, int]
    kinds_of: dict[bytes, list[bytes]]
    lifetimes: dict[bytes, Lifetime]
    without_ttl: int | None
    tracking: Tracking
    sample: tuple[KeyDetail, ...]

    def names_of(self, kind: bytes | None, tenant: str) -> Iterable[Sequence[bytes]]:
        """Yield the names of one kind (None: all kinds) and tenant, group by group."""
        owner = tenant.encode("utf-8", "surrogatepass")
        kinds = self.kinds_of.get(owner, ())
        return (self.index.names(one, owner) for one in kinds if kind in (None, one))


async def read_keys(ctx: "Context", seen: Survey) -> Keys:
    """Summarise the scanned names, and examine up to twenty keys."""
    index, report = seen.cache, seen.cache.report(ctx.clock.mono())
    groups = {(one.kind, one.tenant or b""): one.keys for kind in report.kinds for one in kind.tenants}
    lifetimes, unasked = _lifetimes(index, groups, ctx.clock.mono())
    parsed = {group: keys for group, keys in groups.items() if group[0] != UNPARSED_KIND}
    tenants = {tenant.encode("utf-8", "surrogateescape") for tenant in ctx.settings.tenants}
    kinds_of: dict[bytes, list[bytes]] = {}
    for kind, tenant in groups:
        kinds_of.setdefault(tenant, []).append(kind)
    without = sum(kind.totals.without_ttl for kind in report.kinds)
    return Keys(
        index=index,
        report=report,
        groups=groups,
        kinds_of=kinds_of,
        lifetimes=lifetimes,
        without_ttl=if_known(not (unasked and unasked == report.keys), without),
        tracking=match(
            [(name, expiry == NEVER) for name, expiry in index.tracking()],
            parsed,
            tenants,
            _Owners(index, parsed),
            layout=index.layout,
            complete=report.coverage.complete,
        ),
        sample=await _look(ctx, _choose(index, report)),
    )


class _Owners:
    """The group of a cache key by its name, None where there is no such key."""

    def __init__(self, index: CacheIndex, groups: dict[Group, int]) -> None:
        self._index, self._groups = index, groups
        self._tenants = frozenset(tenant for _, tenant in groups)
        self._names: dict[Group, frozenset[bytes]] = {}

    def __call__(self, name: bytes) -> Group | None:
        key = self._index.layout.parse(name, self._tenants)
        group = (key.kind, key.tenant)
        if key.family != "cache" or group not in self._groups:
            return None
        if group not in self._names:
            self._names[group] = frozenset(self._index.names(*group))
        if name in self._names[group]:
            return group
        return None


def _lifetimes(index: CacheIndex, groups: Iterable[Group], mono: float) -> tuple[dict[bytes, Lifetime], int]:
    """Return the longest TTL of each kind, and the number of keys whose TTL is unknown."""
    longest: dict[bytes, tuple[int, int]] = {}
    unasked, now = 0, int(mono * 1000)
    for kind, tenant in groups:
        expiries = [expiry for _, expiry in index.entries(kind, tenant)]
        unasked += expiries.count(UNKNOWN)
        left = [expiry - now for expiry in expiries if expiry > now]
        if left:
            most, count = longest.get(kind, (0, 0))
            longest[kind] = max(most, *left), count + len(left)
    return {kind: Lifetime(most, count) for kind, (most, count) in longest.items()}, unasked


def _choose(index: CacheIndex, report: CacheReport) -> list[bytes]:
    """Return up to twenty keys: each kind in turn, its larger tenants first; keys without a TTL come before others."""
    turns = [_of_kind(index, [(one.kind, one.tenant or b"") for one in kind.tenants]) for kind in report.kinds[:SAMPLE]]
    chosen: list[bytes] = []
    for place in range(SAMPLE):
        chosen += [names[place] for names in turns if place < len(names)]
        if len(chosen) >= SAMPLE:
            break
    return chosen[:SAMPLE]


def _of_kind(index: CacheIndex, groups: Sequence[Group]) -> list[bytes]:
    first: list[bytes] = []
    plain: list[bytes] = []
    for group in groups[:SAMPLE]:
        entries = index.entries(*group)
        first += islice((name for name, expiry in entries if expiry == NEVER), 1)
        first += islice((name for name, expiry in entries if expiry != NEVER and name.endswith(b"*")), 1)
        plain += sorted(islice((name for name, expiry in entries if expiry != NEVER), 2))
    return list(dict.fromkeys([*first[:5], *plain]))


async def _look(ctx: "Context", names: list[bytes]) -> tuple[KeyDetail, ...]:
    from optimus_tui.probes.cache_keys import read_details
    from optimus_tui.probes.faults import OUTAGES

    try:
        async with asyncio.timeout(PART_SECONDS):
            details = await read_details(ctx.redis, ctx.own, ctx.clock, names)
    except OUTAGES:
        return ()  # the totals stand; what went wrong shows with the next part that is read
    return tuple(detail for detail in details if not detail.gone)


def sample_section(keys: Keys) -> tuple[SampledKey, ...]:
    """Return the sample as documents show it; seconds are rounded up."""
    return tuple(
        SampledKey(
            key=safe_text(detail.key, 200),
            ttl_seconds=None if detail.ttl_ms is None else math.ceil(detail.ttl_ms / 1000),
            memory_bytes=detail.bytes_used,
            immortal=detail.immortal,
            type=detail.type,
        )
        for detail in keys.sample
    )


SHOWN = 20


class Audit(Struct, frozen=True, kw_only=True):
    """The keys that events named, and which of them still exist."""

    plan: AuditPlan
    audited: tuple[Audited, ...] = ()
    fault: Fault | None = None


async def audit(ctx: "Context", window: EventWindow, keys: Keys) -> Audit:
    """Read the keys that the window's events named, the newest events first, at most three hundred keys."""
    from optimus_tui.probes.cache_keys import look_at_keys
    from optimus_tui.probes.faults import OUTAGES, fault_of

    whole = keys.report.coverage.complete
    made = await asyncio.to_thread(plan, window.events, keys.names_of, complete=whole)
    names = list(made.keys)
    try:
        async with asyncio.timeout(PART_SECONDS):
            looks = await look_at_keys(ctx.redis, names)
    except OUTAGES as error:
        return Audit(plan=made, fault=fault_of(error, ctx.settings.redis, ctx.layout))
    wall = ctx.clock.wall()
    tenants = {tenant for _, tenant in keys.groups}
    kinds = [ctx.layout.parse(name, tenants).kind for name in names]
    lived = lengthen(
        keys.lifetimes, [(kind, look.pttl_ms, look.idle_s) for kind, look in zip(kinds, looks, strict=True)]
    )
    audited = tuple(
        judge(
            name,
            made.keys[name],
            pttl_ms=look.pttl_ms,
            idle=look.idle_s,
            lifetime=lived.get(kind),
            wall=wall,
            ahead=window.ahead,
        )
        for name, kind, look in zip(names, kinds, looks, strict=True)
    )
    return Audit(plan=made, audited=audited)


def audit_section(audit: Audit | None, log: Log | None) -> dict[str, Any]:
    """Return counts, times, and the keys that survived, each with its evidence."""
    if log is None:
        return {**_NOTHING, "status": "not checked", "error": None}
    if audit is None or audit.fault is not None:
        return {**_NOTHING, "status": "unknown", "error": sentence(audit.fault if audit else log.fault)}
    made, counts = audit.plan, count(audit.audited)
    refills = sorted(one.refill_ms for one in audit.audited if one.refill_ms is not None)
    return {
        "status": status_of(made.naming, "nothing to check"),
        "events_naming_keys": made.naming,
        "checked": len(audit.audited) + made.absent,
        **{str(name): number for name, number in counts.items()},
        "vanished": counts["vanished"] + made.absent,
        "refill_ms": {
            "p50": _rounded(percentile(refills, 0.50)),
            "p95": _rounded(percentile(refills, 0.95)),
            "samples": len(refills),
            "basis": "estimated from TTLs; what came back within seconds is among the unknown",
        },
        "stale_keys": _named(audit.audited, "survived_stale"),
        "suspected_keys": _named(audit.audited, "suspected_stale"),
        "omitted": sum(max(0, counts[name] - SHOWN) for name in ("survived_stale", "suspected_stale")),
        "not_understood": made.strange,
        "left_out": made.left_out,
        "error": None,
    }


_NOTHING: dict[str, Any] = {
    "checked": None,
    "vanished": None,
    "refilled": None,
    "survived_stale": None,
    "suspected_stale": None,
    "unknown": None,
    "refill_ms": None,
    "stale_keys": [],
}


def _named(audited: tuple[Audited, ...], outcome: str) -> list[dict[str, Any]]:
    return [
        {
            "key": safe_text(one.key, 200),
            "event": safe_text(one.event.event.type, 80),
            "invalidated_at": stamp(one.event.at),
            "ttl_seconds": None if one.ttl_ms is None else round(one.ttl_ms / 1000),
            "idle_seconds": one.idle,
            "evidence": one.evidence,
        }
        for one in audited
        if one.outcome == outcome
    ][:SHOWN]


def _rounded(value: float | None) -> int | None:
    if value is None:
        return None
    return round(value)


QUERY, REPORT = CoherenceQuery, CoherenceReport
SIZES = 50
"""The size of every n-th key is asked."""


def found(report: CoherenceReport) -> bool:
    """Return True for a finding of medium severity or worse."""
    return any(one.severity in ("medium", "high", "critical") for one in report.diagnostics)


async def run(ctx: "Context", query: CoherenceQuery) -> CoherenceReport:
    """Analyze the coherence of cache, tracking keys and events.

    The keys are scanned once; the log, the channels and each key that an event names are read once. If a part cannot be
    read, the others are still returned.

    Raises:
        ToolFailure: Redis cannot be read, or has no answer to any of it.
    """
    async with live_events(ctx, wanted=query.include_event_log) as live:
        seen = await survey(ctx, ttls=True, sizes=SIZES)
        if seen.unread is not None and not is_refused(seen.unread):
            raise unreachable(seen.unread)
        log, listeners = await asyncio.gather(_events(ctx, query, live), read_listeners(ctx))
    if seen.unread is not None and (log is None or log.window is None) and listeners.channels is None:
        raise unreachable(seen.unread)
    seen.cache.know_tenants(log.tenants if log else ())
    keys = await read_keys(ctx, seen)
    checked = None
    if log and log.window:
        checked = await audit(ctx, log.window, keys)
    window = None
    if log:
        window = log.window
    if log and window is not None and window.clock is None:
        window = replace(window, clock=await late_claims(ctx, log.payloads))
        log = replace(log, window=window)
    facts = verdicts.Facts(
        cache=keys.report,
        tracking=keys.tracking,
        window=window,
        audited=checked.audited if checked else None,
        unheard=listeners.unheard(window),
    )
    findings = verdicts.find(facts, ctx.settings.thresholds)
    wall = ctx.clock.wall()
    covered = None
    if window:
        covered = covered_minutes(window, wall, query.time_window_minutes)
    return CoherenceReport(
        tool="analyze_cache_coherence",
        timestamp=timestamp(wall),
        window_requested_minutes=query.time_window_minutes,
        window_covered_minutes=rounded(covered, 2),
        source="live",
        cache_coherence_analysis=_totals(keys, seen),
        coverage=seen.section,
        sample_cache_analysis=sample_section(keys),
        recent_coherence_events=recent(window),
        events=events_section(log, covered),
        pubsub=pubsub_section(listeners, window),
        auditor=audit_section(checked, log),
        recommendations=verdicts.advise(facts, findings, ctx.settings.thresholds),
        diagnostics=diagnostics(
            worst_first([*findings, *_unmeasured(seen.fault, log.fault if log else None, listeners.fault, checked)])
        ),
    )


async def _events(ctx: "Context", query: CoherenceQuery, live: LiveEvents | None) -> Log | None:
    if not query.include_event_log:
        return None
    if live is not None:
        return await live.read(query.time_window_minutes)
    return await read_events(ctx, query.time_window_minutes)


def _totals(keys: Keys, seen: Survey) -> CoherenceAnalysis:
    if seen.unread is not None:
        return CoherenceAnalysis(
            total_cache_keys=None,
            coherence_tracking_keys=None,
            cache_to_coherence_ratio=None,
            keys_without_ttl=None,
            tracking_keys_not_understood=None,
            unknown=keys.tracking.unknown,
            status="unknown",
            error=sentence(seen.unread),
        )
    total, tracking = keys.report.keys, keys.report.coherence_keys
    whole = keys.report.coverage.complete
    return CoherenceAnalysis(
        total_cache_keys=total,
        coherence_tracking_keys=tracking,
        cache_to_coherence_ratio=None if tracking is None or not (total and whole) else round(tracking / total, 3),
        keys_without_ttl=keys.without_ttl,
        orphan_tracking_keys=keys.tracking.orphans,
        untracked_cache_keys=keys.tracking.untracked,
        tracking_keys_not_understood=keys.tracking.not_understood,
        unknown=keys.tracking.unknown,
        unknown_layout=seen.names_section,
        status=status_of(seen.fault is None, "partial"),
        error=sentence(seen.fault),
    )


def _unmeasured(*faults: "Fault | Audit | None") -> list[Finding]:
    """Return the findings for what could not be read, also for an outage after the walk: the answer is not complete."""
    found: list[Finding] = []
    names = ("the keyspace", "the event log", "the channels", "the auditor")
    for name, one in zip(names, faults, strict=True):
        if isinstance(one, Audit):
            fault = one.fault
        else:
            fault = one
        if fault in NOT_NAMED:
            continue  # it is not configured, as a service without an address
        if fault is not None and fault.kind not in ("denied", "invalid", "bug"):
            fault = Fault("invalid", fault.message, fault.remedy)
        found += find_unmeasured(name, fault, rule=COHERENCE_UNMEASURED)
    return found
