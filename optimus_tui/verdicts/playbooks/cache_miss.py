"""cache_miss: the hit rate, and each cause of misses: short TTLs, evictions, invalidations, churn. Pure.

Without look-ups there is no rate, and without a history no trend.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import (
    CACHE_CHURN,
    CACHE_EVICTIONS,
    CACHE_HIT_RATE,
    CACHE_HIT_RATE_UNMEASURED,
    CACHE_NO_TTL,
    CACHE_UNKNOWN_LAYOUT,
    CACHE_UNMEASURED,
    EVENTS_UNMEASURED,
)
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import TTL_EDGES, CacheReport, ClockOffset, EventSource
from optimus_tui.contract.make_finding import make_finding
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import MIN_LOOKUPS, GatewayState, HitRate, Increase, ServerState, Window
from optimus_tui.contract.tools.common import if_known, status_of
from optimus_tui.grammar.events import parse_event
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.coherence import keys as cache_verdict
from optimus_tui.verdicts.coherence.bulk import BulkEvent, burst, find_bulk, is_bulk
from optimus_tui.verdicts.coherence.events import (
    EventRate,
    Logged,
    clock_words,
    covered_minutes,
    events_per_second,
    find_clock,
    find_flood,
    newest_source,
    per_minute,
    pick_window,
    tally,
)
from optimus_tui.verdicts.gateway.hit_rate import find_conflict, find_rates
from optimus_tui.verdicts.gateway.services import is_away, judge_gateway, judge_server
from optimus_tui.verdicts.playbooks.conclusion import Conclusion, ConclusionBuilder, span_words
from optimus_tui.wording.numbers import age, percent, plural, size, thousands
from optimus_tui.wording.safe import safe_text

SECONDS = 10.0
"""A refill that lived no longer than this was not worth its work."""
_NAMES = ("key", "cache_key", "keys", "patterns", "pattern")
_REMOVED = ("keys_invalidated", "invalidated", "keys_deleted", "deleted", "count")
MAX_NAME_BYTES = 512
MAX_NAMES = 20
MANY_REFILLS, REFILL_SHARE = 20, 0.25
"""So many refills that came to nothing, and so large a share of all events, are churn; a few belong to every chat."""


class Invalidations(Struct, frozen=True, kw_only=True):
    """Events of the window; one without a time, or from the future, is ``undated``.

    ``clock`` is how far claims are off. ``covered_minutes`` is shorter than the window if the log does not reach back
    that far. ``refills`` counts for each name or pattern how often it was refilled and invalidated again within
    ``SECONDS``. If a second event for the same keys really removed some, they were refilled in between. Events are
    ordered by their own times, not by the log, and unreadable events are counted.
    """

    events: int = 0
    malformed: int = 0
    undated: int = 0
    clock: ClockOffset | None = None
    covered_minutes: float = 0.0
    by_type: dict[str, int] = field(default_factory=dict)
    by_tenant: dict[str, int] = field(default_factory=dict)
    refills: dict[str, int] = field(default_factory=dict)
    rate: EventRate | None = None
    """In the last few seconds; None where there were too few to call it a rate."""
    source: EventSource = EventSource()
    """What most events of these seconds have in common."""
    refilling_since: float | None = None
    """When the first of the ``refills`` was, in wall-clock seconds."""
    bulk: tuple[Finding, ...] = ()
    """What is to be said about invalidations in bulk."""


def count(payloads: Sequence[bytes], now: float, minutes: float) -> Invalidations:
    """Return the invalidations of the last ``minutes``.

    The log covers the time since the oldest event in ``payloads``.
    """
    seen = pick_window(payloads, now, minutes)
    oldest_first = seen.events[::-1]
    refills, refilling_since = _refills(oldest_first)
    bulk = [BulkEvent(one.at, one.event.tenant) for one in oldest_first if is_bulk(one.event)]
    return Invalidations(
        events=len(seen.events),
        malformed=seen.malformed - seen.undated,
        undated=seen.undated + seen.in_future,
        clock=seen.clock,
        covered_minutes=covered_minutes(seen, now, minutes),
        by_type=tally(one.event.type for one in seen.events),
        by_tenant=tally(one.event.tenant for one in seen.events),
        refills=refills,
        refilling_since=refilling_since,
        bulk=tuple(find_bulk(burst(bulk, now), now)),
        rate=events_per_second(seen, now),
        source=newest_source(seen, now),
    )


def newest_end(payloads: Sequence[bytes]) -> Sequence[bytes]:
    """Return the end of the log that has the newest event, for a log that was read only at both ends."""
    middle = len(payloads) // 2
    ends = (payloads[:middle], payloads[middle:])
    return max(ends, key=lambda end: max((parse_event(one).claimed_at or 0.0 for one in end), default=0.0))


def _refills(oldest_first: Sequence[Logged]) -> tuple[dict[str, int], float | None]:
    """Return how often each name was removed again soon after an event about it, and when that was first seen."""
    last: dict[tuple[str, ...], float] = {}
    first = None
    refills: dict[str, int] = {}
    for one in oldest_first:
        at, event = one.at, one.event
        names, removed = _named(one.payload)
        if not names:
            continue
        subject = (event.tenant, *names)  # an event says how many keys went, not which of its patterns they fitted
        before = last.get(subject)
        if before is not None and removed and 0 < at - before <= SECONDS:
            refills[names[0]] = refills.get(names[0], 0) + 1
            first = at if first is None else first
        last[subject] = at
    ranked = sorted(refills.items(), key=lambda one: -one[1])
    return {safe_text(name, 120): number for name, number in ranked}, first


def _named(payload: bytes) -> tuple[list[str], bool]:
    """Return the keys or patterns that an event names, and whether it says that it removed some."""
    event: dict[str, Any] = msgspec.json.decode(payload)
    names: list[str] = []
    for place in _NAMES:
        value = event.get(place)
        if isinstance(value, str):
            names.append(value)
        elif isinstance(value, list):
            names += [name for name in value if isinstance(name, str)]
    removed = next((event[name] for name in _REMOVED if name in event), None)
    known = isinstance(removed, int) and not isinstance(removed, bool) and removed > 0
    short = [name for name in dict.fromkeys(names) if 0 < len(name) <= MAX_NAME_BYTES]
    return short[:MAX_NAMES], known or (isinstance(removed, list) and bool(removed))


class CacheEvidence(Struct, frozen=True, kw_only=True):
    """The measurements that cache_miss needs.

    ``rate`` is the published figure with its source, ``recent`` that of the last half minute if the counters were
    recorded; ``hits`` and ``misses`` are the gateway's counters over the window.
    """

    tenant: bytes
    gateway: Reading[GatewayState]
    server: Reading[ServerState]
    rate: HitRate | None
    recent: HitRate | None = None
    history: Window | Fault
    hits: Increase | Fault
    misses: Increase | Fault
    evicted: Window | Fault
    cache: CacheReport | Fault
    events: Invalidations | Fault


def conclude(seen: CacheEvidence, thresholds: Thresholds) -> Conclusion:
    """Return the judged rate, its trend, and every possible cause of misses."""
    conclusion = ConclusionBuilder()
    away, down = judge_gateway(seen.gateway), judge_server(seen.server)
    conclusion.add_findings(*away, *down)
    rate = _examine_rate(conclusion, seen, thresholds, away=bool(away))
    keys = _examine_keys(conclusion, seen, thresholds, down=is_away(seen.server))
    evictions = _examine_evictions(conclusion, seen)
    events = _examine_events(conclusion, seen.events, thresholds, down=is_away(seen.server))
    status = "unknown"
    if rate["hit_rate"] is not None:
        status = "ok"
    return conclusion.close({"status": status, **rate, "keys": keys, "evictions": evictions, "invalidations": events})


def _over_window(seen: CacheEvidence) -> tuple[HitRate, int, Increase] | None:
    """Return the rate from the gateway's counters where the window knows enough look-ups, with their number."""
    if isinstance(seen.hits, Fault) or isinstance(seen.misses, Fault) or not seen.hits.covered_minutes:
        return None
    lookups = round(seen.hits.total + seen.misses.total)
    if lookups < MIN_LOOKUPS or seen.hits.source != seen.misses.source:
        return None
    span = span_words(seen.hits.covered_minutes)
    source = f"the gateway's counters over {span}"
    return HitRate(seen.hits.total / (seen.hits.total + seen.misses.total), source), lookups, seen.hits


def _examine_rate(
    conclusion: ConclusionBuilder, seen: CacheEvidence, thresholds: Thresholds, *, away: bool
) -> dict[str, Any]:
    windowed = _over_window(seen)
    rate, samples = seen.rate, 1
    if windowed is not None:
        rate, samples = windowed[0], windowed[1]
        conclusion.covered(windowed[2].covered_minutes, windowed[2].source)
    state, server = seen.gateway.value, seen.server.value
    if rate is None:
        if state:
            fault = state.cache_fault
        else:
            fault = seen.gateway.fault
        if server is None or server.info_fault is None:
            why = fault or "too few look-ups so far"
            conclusion.add_unknown("hit rate", why, rule=CACHE_HIT_RATE_UNMEASURED, excused=away)
        else:
            conclusion.add_unknown("hit rate", server.info_fault.message)
    else:
        conclusion.add_measured(f"hit rate {percent(rate.value)} ({rate.source})")
    if rate is not None:
        rate = replace(rate, samples=samples if windowed else rate.samples)
    if seen.recent is not None:
        conclusion.add_measured(f"hit rate now {percent(seen.recent.value)} ({seen.recent.source})")
    fell = _fell_at(seen.history, thresholds.hit_rate_warn)
    found = [
        replace(one, since=fell) if one.rule == CACHE_HIT_RATE else one
        for one in find_rates(rate, seen.recent, server, thresholds)
    ]
    if windowed is not None:
        found += find_conflict(seen.rate, seen.recent or rate, thresholds)
    conclusion.add_findings(*(one if one.samples is not None else replace(one, samples=samples) for one in found))
    return {
        **_with_source("hit_rate", rate),
        "lookups": if_known(windowed, samples),
        **_with_source("published_hit_rate", seen.rate),
        "recent_hit_rate": None if seen.recent is None else round(seen.recent.value, 4),
        "trend": _trend(conclusion, seen.history),
    }


def _with_source(name: str, rate: HitRate | None) -> dict[str, Any]:
    if rate is None:
        return {name: None, f"{name}_source": None}
    return {name: round(rate.value, 4), f"{name}_source": rate.source}


def _fell_at(history: Window | Fault, bar: float) -> float | None:
    """Return the wall-clock seconds at which the rate fell below the bar to stay; None if that was not seen."""
    if isinstance(history, Fault):
        return None
    fell = None
    for at, value in reversed(history.samples):
        if value >= bar:
            return fell
        fell = at
    return None


def _trend(conclusion: ConclusionBuilder, history: Window | Fault) -> dict[str, Any]:
    if isinstance(history, Fault):
        samples: tuple[tuple[float, float], ...] = ()
    else:
        samples = history.samples
    if isinstance(history, Fault) or len(samples) < 10:
        conclusion.add_unknown("trend of the hit rate", "too little history")
        return {"status": "unknown"}
    conclusion.covered(history.covered_minutes, history.source)
    quarter = max(1, len(samples) // 4)
    first, last = median(v for _, v in samples[:quarter]), median(v for _, v in samples[-quarter:])
    conclusion.add_measured(f"hit rate at the window's start {percent(first)}, at its end {percent(last)}")
    return {
        "status": "ok",
        "first": round(first, 4),
        "last": round(last, 4),
        "samples": len(samples),
        "covered_minutes": round(history.covered_minutes, 1),
        "source": history.source,
    }


def _examine_keys(
    conclusion: ConclusionBuilder, seen: CacheEvidence, thresholds: Thresholds, *, down: bool
) -> dict[str, Any]:
    cache = seen.cache
    if isinstance(cache, Fault):
        conclusion.add_unknown("cache keys", cache, rule=CACHE_UNMEASURED, excused=down)
        return {"status": "unknown", "error": cache.message}
    findings = cache_verdict.judge(cache, thresholds).findings
    conclusion.add_findings(*(one for one in findings if one.rule in (CACHE_NO_TTL, CACHE_UNKNOWN_LAYOUT)))
    scope = "all keys scanned"
    if not cache.coverage.complete:
        scope = f"{cache.coverage.scanned:,} keys scanned, not all"
    if not cache.coverage.complete:
        conclusion.add_unknown("the other cache keys", Fault("invalid", scope), rule=CACHE_UNMEASURED, excused=down)
    conclusion.add_measured(f"{plural(cache.keys, 'cache key')} of {plural(len(cache.kinds), 'kind')} ({scope})")
    own = None
    if seen.tenant:
        own = sum(one.keys for kind in cache.kinds for one in kind.tenants if one.tenant == seen.tenant)
    return {
        "status": status_of(cache.coverage.complete, "partial"),
        "cache_keys": cache.keys,
        "of_tenant": own,
        "ttl_histogram": {
            safe_text(kind.totals.kind, 60) or "(unparsed)": {
                **dict(zip(_bins(), kind.totals.histogram, strict=True)),
                "never": kind.totals.without_ttl,
            }
            for kind in cache.kinds
        },
    }


def _bins() -> list[str]:
    return [*(f"<{edge}s" for edge in TTL_EDGES), f">={TTL_EDGES[-1]}s"]


def _examine_evictions(conclusion: ConclusionBuilder, seen: CacheEvidence) -> dict[str, Any]:
    server, window = seen.server.value, seen.evicted
    now = policy = used = most = None
    if server:
        now, policy = server.evicted_keys, server.memory_policy
        used, most = server.memory_used, server.memory_max
    section: dict[str, Any] = {
        "evicted_since_start": now,
        "evicted_in_window": None,
        "policy": policy,
        "memory_bytes": used,
        "max_memory_bytes": most,
    }
    if server is not None and server.info_fault is None:
        limit = "no limit"
        if server.memory_max:
            limit = size(server.memory_max)
        conclusion.add_measured(
            f"memory {size(server.memory_used)} of {limit}, policy {server.memory_policy or 'unknown'}, "
            f"{thousands(now)} keys evicted since the server's start"
        )
    if isinstance(window, Fault) or len(window.samples) < 2:
        conclusion.add_unknown(
            "evictions within the window", "no history" if isinstance(window, Window) else window.message
        )
        return section
    grown = _grown([value for _, value in window.samples])
    section["evicted_in_window"] = round(grown)
    conclusion.add_measured(f"{grown:,.0f} keys evicted in {age(window.covered_minutes * 60)}")
    if grown > 0:
        conclusion.add_findings(_evicting(grown, window, server))
    return section


def _grown(values: list[float]) -> float:
    return sum(after - before if after >= before else after for before, after in pairwise(values))


def _evicting(grown: float, window: Window, server: ServerState | None) -> Finding:
    policy = None
    if server:
        policy = server.memory_policy
    return make_finding(
        rule=CACHE_EVICTIONS,
        subject="cache keys",
        count=grown,
        span=age(window.covered_minutes * 60),
        policy=policy or "unknown",
        measured=grown,
        threshold=0.0,
        unit="keys",
        samples=len(window.samples),
        window_seconds=window.covered_minutes * 60,
    )


def _examine_events(
    conclusion: ConclusionBuilder, events: Invalidations | Fault, thresholds: Thresholds, *, down: bool
) -> dict[str, Any]:
    if isinstance(events, Fault):
        conclusion.add_unknown("invalidations", events, rule=EVENTS_UNMEASURED, excused=down)
        return {"status": "unknown", "error": events.message}
    if events.covered_minutes > 0:
        span = span_words(events.covered_minutes)
        conclusion.add_measured(
            f"{plural(events.events, 'invalidation')} in {span} (the event log goes back no further)"
        )
    elif events.clock is not None:
        conclusion.add_unknown("invalidations", f"{clock_words(events.clock)}: they cannot be placed in the window")
    else:
        conclusion.add_unknown("invalidations", "the event log holds no event with a time")
    if events.malformed:
        conclusion.add_measured(f"{plural(events.malformed, 'event')} of the log cannot be read")
    minutes = events.covered_minutes
    conclusion.add_findings(*find_flood(events.rate, thresholds, events.source), *find_clock(events.clock))
    conclusion.add_findings(*events.bulk)
    refills = sum(events.refills.values())
    if refills >= MANY_REFILLS and refills >= REFILL_SHARE * events.events:
        conclusion.add_findings(_churning(events, refills))
    return {
        "status": "ok",
        "events": events.events,
        "malformed": events.malformed,
        "undated": events.undated,
        "clock_offset_seconds": None if events.clock is None else round(events.clock.seconds, 1),
        "covered_minutes": round(minutes, 2),
        "per_minute": per_minute(events.events, minutes),
        "per_minute_by_type": _rates(events.by_type, minutes),
        "per_minute_by_tenant": _rates(events.by_tenant, minutes),
        "refilled_and_invalidated_again": events.refills,
    }


def _rates(counts: dict[str, int], minutes: float) -> dict[str, float | None]:
    return {name: per_minute(number, minutes) for name, number in counts.items()}


def _churning(events: Invalidations, refills: int) -> Finding:
    name, times = next(iter(events.refills.items()))
    found = make_finding(
        rule=CACHE_CHURN,
        subject="invalidations",
        count=refills,
        span=age(SECONDS),
        worst=name,
        times=times,
        measured=float(refills),
        threshold=float(MANY_REFILLS),
        unit="refills",
        samples=events.events,
        window_seconds=events.covered_minutes * 60,
    )
    return replace(found, since=events.refilling_since)
