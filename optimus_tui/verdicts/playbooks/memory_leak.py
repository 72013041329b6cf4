"""memory_leak: whether memory grows, how certain that is, and what grows with it. Pure.

A slope needs ten samples over five minutes, must be positive with 95 % confidence, continue in the second half, and
exceed the noise. Growth that is only the cache filling up is reported as such.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from optimus_tui.contract.finding_rules import (
    CACHE_LARGE,
    CACHE_NO_TTL,
    CACHE_UNKNOWN_LAYOUT,
    CACHE_UNMEASURED,
    MEMORY_CLIENT_BUFFERS,
    MEMORY_GROWTH,
    MEMORY_OUTPUT_BUFFER,
    MEMORY_UNMEASURED,
)
from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.keyspace import CacheReport
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import GatewayState, Grown, MemoryState, ServerState, Window
from optimus_tui.contract.tools.common import Recommendation, status_of
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.coherence import keys as cache_verdict
from optimus_tui.verdicts.gateway.services import find_restarts, is_away, judge_gateway, judge_server
from optimus_tui.verdicts.playbooks.conclusion import Conclusion, ConclusionBuilder
from optimus_tui.verdicts.statistics import MIN_MINUTES, MIN_SAMPLES, Trend, trend
from optimus_tui.wording.numbers import age, percent, plural, size
from optimus_tui.wording.safe import safe_text

LEAST_RISE = float(1 << 20)
"""Bytes over the window: less is nobody's leak."""
SOON_HOURS = 24.0
BUFFER_SHARE, BUFFER_BYTES = 0.25, 16 << 20
OUTPUT_BYTES = 8 << 20
_LABELS = {"redis.memory": "Redis memory", "gateway.rss": "the gateway's resident memory"}


class MemoryEvidence(Struct, frozen=True, kw_only=True):
    """The measurements that memory_leak needs.

    ``windows`` are histories by series name: redis.memory, gateway.rss (bytes), and counts of keys by namespace.
    ``requests`` has the processes of the gateway that were seen, and their restarts.
    """

    gateway: Reading[GatewayState]
    server: Reading[ServerState]
    memory: MemoryState | Fault
    windows: Mapping[str, Window | Fault]
    cache: CacheReport | Fault
    requests: Grown = Grown()


def conclude(seen: MemoryEvidence, thresholds: Thresholds) -> Conclusion:
    """Return the slopes of memory, then possible explanations."""
    conclusion = ConclusionBuilder()
    down = judge_server(seen.server)
    conclusion.add_findings(*judge_gateway(seen.gateway), *down, *find_restarts(seen.requests))
    growth = _growth_by_namespace(conclusion, seen.windows)
    slopes = {name: _examine_slope(conclusion, name, seen, growth) for name in _LABELS}
    memory = _examine_memory(conclusion, seen.memory, down=is_away(seen.server))
    keys = _examine_keys(conclusion, seen.cache, thresholds, down=is_away(seen.server))
    if any(slope is None for slope in slopes.values()):
        conclusion.advise_last(
            Recommendation(
                action="Let the recorder run for at least half an hour, then ask again: a leak shows only over time",
                priority="low",
                command="optimus-tui record",
            )
        )
    return conclusion.close(
        {
            "status": status_of(any(slopes.values()), "unknown"),
            "slopes": {name: slope.document if slope else None for name, slope in slopes.items()},
            "growth_by_namespace": growth,
            "memory": memory,
            "keys": keys,
        }
    )


def _examine_slope(
    conclusion: ConclusionBuilder, name: str, seen: MemoryEvidence, growth: Mapping[str, dict[str, Any]]
) -> Trend | None:
    window, label = seen.windows.get(name), _LABELS[name]
    if name == "gateway.rss" and (why := _too_short_lived(seen.requests)):
        conclusion.add_unknown(f"slope of {label}", why)
        return None
    if window is None or isinstance(window, Fault):
        conclusion.add_unknown(f"slope of {label}", window.message if window else "no history was kept")
        return None
    found = trend(window.samples, least_rise=LEAST_RISE)
    if found is None:
        had = f"{plural(len(window.samples), 'sample')} over {age(window.covered_minutes * 60)}"
        conclusion.add_unknown(
            f"slope of {label}", f"{had}; at least {MIN_SAMPLES} over {MIN_MINUTES:.0f} min are needed for a slope"
        )
        return None
    conclusion.covered(window.covered_minutes, window.source)
    conclusion.add_measured(
        f"{label}: {_per_hour(found.per_hour)} (95 %: {_per_hour(found.low)} to {_per_hour(found.high)}), "
        f"{plural(found.samples, 'sample')} over {age(found.minutes * 60)}"
    )
    if found.growing:
        limit = None
        if name == "redis.memory" and isinstance(seen.memory, MemoryState):
            limit = seen.memory.limit
        conclusion.add_findings(_judge_growth(name, found, limit, growth))
    return found


def _too_short_lived(requests: Grown) -> str:
    """Return why the gateway's memory has no slope: its processes end too soon, or are mixed up; empty if it has."""
    if requests.several and requests.fault is not None:
        return requests.fault.message.removesuffix(": no rates")
    seconds = requests.covered_minutes * 60 * max(1, requests.together) / max(1, requests.processes)
    if not requests.restarts or seconds >= MIN_MINUTES * 60:
        return ""
    return (
        f"it restarted at least {plural(requests.restarts, 'time')} in {age(requests.covered_minutes * 60)}: "
        "a process that restarts cannot show a leak"
    )


def _judge_growth(name: str, found: Trend, limit: int | None, growth: Mapping[str, dict[str, Any]]) -> Finding:
    severity: Severity = "medium"
    full_soon = beside = remedy = ""
    if limit is not None and found.low > 0:
        hours = (limit - found.last) / found.low
        if hours < SOON_HOURS:
            severity = "high"
            full_soon = phrase(MEMORY_GROWTH, "full_soon", left=age(max(0.0, hours) * 3600))
    if name == "redis.memory":
        remedy = phrase(MEMORY_GROWTH, "remedy_redis")
        fastest = next((safe_text(key, 60) for key, one in growth.items() if one["growing"]), None)
        if fastest:
            beside = phrase(MEMORY_GROWTH, "grows_too", namespace=fastest)
    return make_finding(
        rule=MEMORY_GROWTH,
        severity=severity,
        subject=_LABELS[name],
        pace=_per_hour(found.per_hour),
        least=_per_hour(found.low),
        full_soon=full_soon,
        first=size(round(found.first)),
        last=size(round(found.last)),
        span=age(found.minutes * 60),
        beside=beside,
        measured=found.per_hour,
        threshold=0.0,
        unit="bytes/h",
        samples=found.samples,
        window_seconds=found.minutes * 60,
        remedy=remedy,
    )


def _growth_by_namespace(
    conclusion: ConclusionBuilder, windows: Mapping[str, Window | Fault]
) -> dict[str, dict[str, Any]]:
    """Slopes of the numbers of keys, the fastest growing first."""
    trends: list[tuple[str, Trend]] = []
    for name, window in windows.items():
        if name in _LABELS or isinstance(window, Fault):
            continue
        found = trend(window.samples, least_rise=10)
        if found is not None:
            trends.append((safe_text(name, 80), found))
    if not trends:
        conclusion.add_unknown("growth by namespace", "no history of the numbers of keys, or too little")
        return {}
    trends.sort(key=lambda item: -item[1].per_hour)
    growing = [name for name, one in trends if one.growing]
    conclusion.add_measured(f"keys of {plural(len(trends), 'namespace')}: {', '.join(growing[:3]) or 'none'} growing")
    return {name: one.document for name, one in trends}


def _examine_memory(conclusion: ConclusionBuilder, memory: MemoryState | Fault, *, down: bool) -> dict[str, Any]:
    if isinstance(memory, Fault):
        conclusion.add_unknown("memory of Redis", memory, rule=MEMORY_UNMEASURED, excused=down)
        return {"status": "unknown", "error": memory.message}
    limit = "without a limit"
    if memory.limit:
        limit = f"of {size(memory.limit)}"
    conclusion.add_measured(f"Redis uses {size(memory.used)} {limit} ({memory.policy or 'policy unknown'})")
    if memory.client_buffers is None:
        conclusion.add_unknown("client buffers", "this server does not report them")
    else:
        conclusion.add_measured(
            f"buffers of {memory.clients if memory.clients is not None else '?'} clients: "
            f"{size(memory.client_buffers)}, largest output lately {size(memory.largest_output)}"
        )
    conclusion.add_findings(*_judge_buffers(memory))
    return {
        "status": "ok",
        "used_bytes": memory.used,
        "resident_bytes": memory.resident,
        "max_bytes": memory.limit,
        "policy": memory.policy,
        "dataset_bytes": memory.dataset,
        "fragmentation_ratio": memory.fragmentation,
        "client_buffer_bytes": memory.client_buffers,
        "largest_output_buffer_bytes": memory.largest_output,
        "largest_input_buffer_bytes": memory.largest_input,
        "clients": memory.clients,
        "pubsub_clients": memory.subscribers,
    }


def _judge_buffers(memory: MemoryState) -> list[Finding]:
    found = []
    buffers, used = memory.client_buffers, memory.used
    if buffers is not None and used and buffers >= BUFFER_BYTES and buffers >= BUFFER_SHARE * used:
        found.append(
            make_finding(
                rule=MEMORY_CLIENT_BUFFERS,
                subject="client buffers",
                size=size(buffers),
                share=percent(buffers / used),
                measured=buffers / used,
                threshold=BUFFER_SHARE,
                unit="share",
                samples=memory.clients,
            )
        )
    if memory.largest_output is not None and memory.largest_output >= OUTPUT_BYTES:
        found.append(
            make_finding(
                rule=MEMORY_OUTPUT_BUFFER,
                subject="client buffers",
                size=size(memory.largest_output),
                measured=float(memory.largest_output),
                threshold=float(OUTPUT_BYTES),
                unit="bytes",
                samples=1,
            )
        )
    return found


def _examine_keys(
    conclusion: ConclusionBuilder, cache: CacheReport | Fault, thresholds: Thresholds, *, down: bool
) -> dict[str, Any]:
    if isinstance(cache, Fault):
        conclusion.add_unknown("keys without TTL", cache, rule=CACHE_UNMEASURED, excused=down)
        return {"status": "unknown", "error": cache.message}
    judged = cache_verdict.judge(cache, thresholds)
    conclusion.add_findings(
        *(one for one in judged.findings if one.rule in (CACHE_NO_TTL, CACHE_LARGE, CACHE_UNKNOWN_LAYOUT))
    )
    without = sum(kind.totals.without_ttl for kind in cache.kinds)
    scope = "all keys scanned"
    if not cache.coverage.complete:
        scope = f"{cache.coverage.scanned:,} keys scanned, not all"
    if not cache.coverage.complete:
        conclusion.add_unknown("the other cache keys", Fault("invalid", scope), rule=CACHE_UNMEASURED, excused=down)
    conclusion.add_measured(f"{plural(cache.keys, 'cache key')}, {without:,} without TTL ({scope})")
    return {
        "status": status_of(cache.coverage.complete, "partial"),
        "cache_keys": cache.keys,
        "without_ttl": without,
        "coherence_keys": cache.coherence_keys,
        "by_kind": {
            safe_text(kind.totals.kind, 60) or "(unparsed)": {
                "keys": kind.totals.keys,
                "without_ttl": kind.totals.without_ttl,
                "bytes_estimate": kind.totals.bytes_used,
            }
            for kind in cache.kinds
        },
    }


def _per_hour(value: float) -> str:
    return f"{'-' if value < 0 else '+'}{size(round(abs(value)))}/h"
