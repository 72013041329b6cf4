"""The gateway's own counters and breakers, and the cache's hit rate, for tools that summarise a system."""

import asyncio
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.clock import counted_from
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import (
    BREAKER,
    DURATIONS,
    HITS,
    MIN_LOOKUPS,
    MISSES,
    REFUSED,
    REQUESTS,
    GatewayState,
    HitRate,
    Increase,
    MetricsState,
    ServerState,
)
from optimus_tui.contract.signals import GoldenSignals
from optimus_tui.contract.tools.common import WindowSource, if_known
from optimus_tui.grammar.info import HISTOGRAM_PARTS, split_series
from optimus_tui.history.samples.process_lives import ProcessReading
from optimus_tui.history.samples.processes import grow
from optimus_tui.history.samples.windows import quantiles_of
from optimus_tui.tools.figures.golden import model_usage, signals_of
from optimus_tui.tools.figures.metric_windows import (
    JUMP,
    NEAREST_MINUTES,
    Counters,
    by_process,
    kept_breakers,
    missing,
)
from optimus_tui.verdicts.gateway.failures import GATEWAY, find_errors
from optimus_tui.verdicts.gateway.hit_rate import RECENT_LOOKUPS, LookupTrack, hit_rate, track_lookups
from optimus_tui.verdicts.gateway.latency import find_cold_start, judge_flapping
from optimus_tui.verdicts.gateway.performance import class_of, outcomes, refusals, shown, worst
from optimus_tui.verdicts.gateway.routes import judge_routes
from optimus_tui.verdicts.gateway.services import find_restarts, find_several
from optimus_tui.verdicts.gateway.signals import NO_PAGE, unknown_signals
from optimus_tui.verdicts.limits.refusals import find_refusals_lately
from optimus_tui.verdicts.playbooks.circuit_breaker import breakers, judge_breaker
from optimus_tui.wording.numbers import age

if TYPE_CHECKING:
    from optimus_tui.context import Context


SERVICES = ("gateway", "engine")
LIVE_SECONDS, KEPT_SECONDS, PAST_SECONDS = 6.5, 2.5, 1.5
ONE_SAMPLE = "no history was recorded, and one sample of /metrics shows no growth; it holds no failure and no refusal"
_WHY = "the gateway's counters did not answer in time"


class GatewayFigures(Struct, frozen=True, kw_only=True):
    """Shares are from 0 to 1, rates per second; ``covered_minutes`` is the time for which requests are known.

    ``lower_bound``: requests were lost with processes that ended, so that numbers and rates are "at least".
    ``worst_route`` and ``worst_tenant`` are those with the most failed requests, None if nothing failed or labels do
    not show it. ``processes`` and ``restarts`` are those seen within the window, None where nothing was sampled.
    """

    requests: int | None = None
    requests_per_second: float | None = None
    failed: int | None = None
    failing_share: float | None = None
    refused: int | None = None
    refused_share: float | None = None
    worst_route: str | None = None
    worst_tenant: str | None = None
    open_circuits: tuple[str, ...] = ()
    half_open_circuits: tuple[str, ...] = ()
    breakers_known: bool = False
    processes: int | None = None
    restarts: int | None = None
    lower_bound: bool = False
    covered_minutes: float = 0.0
    source: WindowSource = "live"
    targets: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    unknown: tuple[str, ...] = ()
    signals: GoldenSignals | None = None
    """Of the last half minute, or of the last minute or so where few came; None where they were not asked for."""


_NOT_IN_TIME = GatewayFigures(unknown=(f"requests: {_WHY}", f"circuits: {_WHY}"))


async def summary_figures(ctx: "Context", counters: Counters) -> GatewayFigures:
    """Return the figures for a quick summary: those in the history, and the circuit breakers of one sample.

    Breakers of other processes are taken from the history. Further samples are taken only if that sample's page has
    counted any failure or refusal, because otherwise none can have happened lately. Without them, the rates are
    unknown, and ``unknown`` says so.
    """
    kept = Counters(ctx, counters.minutes, live=False)
    try:
        async with asyncio.timeout(LIVE_SECONDS):
            requests, refused, lately, first, past, before = await asyncio.gather(
                kept.increase(REQUESTS),
                kept.increase(REFUSED),
                _lately(ctx),
                counters.first_look(),
                _of_the_past(ctx, counters.minutes),
                _kept_breakers(ctx),
            )
            states: Sequence[MetricsState] | Fault = published(first)
            nothing_kept = requests.covered_minutes <= 0 and not requests.several
            if nothing_kept and not isinstance(states, Fault) and _holds_trouble(states[0]):
                requests, refused, states = await asyncio.gather(
                    counters.increase(REQUESTS), counters.increase(REFUSED), counters.states()
                )
            elif nothing_kept and requests.fault is None:
                if isinstance(states, Fault):
                    why = states
                else:
                    why = _why_one_sample(states[0])
                requests, refused = replace(requests, fault=why), replace(refused, fault=refused.fault or why)
    except TimeoutError:
        return _NOT_IN_TIME
    if not isinstance(states, Fault):
        past += find_cold_start(GATEWAY, newest_start(states), ctx.clock.wall())
    return _figures(ctx, requests, refused, lately, _with(before, states), past)


async def sampled_figures(ctx: "Context", minutes: float, states: Sequence[MetricsState]) -> GatewayFigures:
    """Return the figures for a process that records samples: from the history and from its own latest samples.

    ``services.flapping`` is not included, because such a process judges that from its own samples.
    """
    kept = Counters(ctx, minutes, live=False)
    try:
        async with asyncio.timeout(KEPT_SECONDS):
            requests, refused, lately, timed, before, usage = await asyncio.gather(
                kept.increase(REQUESTS),
                kept.increase(REFUSED),
                _lately(ctx),
                _durations(ctx, minutes),
                _kept_breakers(ctx),
                model_usage(ctx),
            )
    except TimeoutError:
        return replace(_NOT_IN_TIME, signals=unknown_signals(_WHY))
    past = await asyncio.to_thread(_judged_routes, ctx, *timed)
    signals = await asyncio.to_thread(signals_of, lately, timed[1:], usage)
    figures = _figures(ctx, requests, refused, lately, by_process([*before, *states]), past)
    return replace(figures, signals=signals)


def _with(before: Sequence[MetricsState], states: Sequence[MetricsState] | Fault) -> Sequence[MetricsState] | Fault:
    """Return the states with those of processes that were seen shortly before; a failed sample stays unknown."""
    if isinstance(states, Fault):
        return states
    return by_process([*before, *states])


async def _kept_breakers(ctx: "Context") -> list[MetricsState]:
    """Return the breakers of processes that were met within the last minute; none where reading them takes too long."""
    try:
        async with asyncio.timeout(PAST_SECONDS):
            return await kept_breakers(ctx)
    except TimeoutError:
        return []


def published(look: Reading[MetricsState]) -> Sequence[MetricsState] | Fault:
    """Return the gateway's ``/metrics`` page from one sample, or the fault."""
    if look.value is not None and look.value.published:
        return [look.value]
    return look.fault or Fault("invalid", NO_PAGE)


def _why_one_sample(state: MetricsState) -> Fault:
    """Return why one sample of this page tells no rate."""
    if REQUESTS in state.metrics:
        return Fault("invalid", ONE_SAMPLE)
    return missing(REQUESTS, state)


def _holds_trouble(state: MetricsState) -> bool:
    """Return whether a failure or a refusal was counted since the process began."""
    for name, value in state.values.items():
        metric, labels = split_series(name)
        if value > 0 and (metric == REFUSED or (metric == REQUESTS and _is_trouble(labels.get("status", "")))):
            return True
    return False


def _is_trouble(status: str) -> bool:
    return class_of(status) in ("server", "refused", "4xx")


async def _lately(ctx: "Context") -> list[tuple[Increase, Increase]]:
    """Requests and refusals of the last half minute and of the last minute or so, as far as they were kept."""
    spans = [Counters(ctx, minutes, live=False) for minutes in (NEAREST_MINUTES, ctx.tuning.lately_minutes)]
    counted = await asyncio.gather(*(one.increase(name) for one in spans for name in (REQUESTS, REFUSED)))
    pairs = zip(counted[::2], counted[1::2], strict=True)
    return [(requests, refusals(requests, refused).grown) for requests, refused in pairs]


async def _of_the_past(ctx: "Context", minutes: float) -> list[Finding]:
    """Return the findings from the kept samples of both services and from the gateway's own histogram."""
    unsteady, slow = await asyncio.gather(_unsteady(ctx, minutes), _slow_routes(ctx, minutes))
    return [*unsteady, *slow]


async def kept_samples(ctx: "Context", name: str, minutes: float) -> Sequence[tuple[float, float]]:
    """Return the recorded samples of a service by time, 1.0 where it answered well; empty if reading takes too long."""
    try:
        async with asyncio.timeout(PAST_SECONDS):
            window = await ctx.windows.series(f"state.{name}", minutes)
    except TimeoutError:
        return ()
    return window.samples


async def _unsteady(ctx: "Context", minutes: float) -> list[Finding]:
    """Services whose kept samples failed again and again."""
    looks = await asyncio.gather(*(kept_samples(ctx, name, minutes) for name in SERVICES))
    return [one for name, kept in zip(SERVICES, looks, strict=True) for one in judge_flapping(name, kept)]


async def _slow_routes(ctx: "Context", minutes: float) -> list[Finding]:
    """Routes that are slow by the gateway's kept histogram."""
    return await asyncio.to_thread(_judged_routes, ctx, *await _durations(ctx, minutes))


async def _durations(ctx: "Context", minutes: float) -> Sequence[Sequence[Increase]]:
    """Return the growth of the gateway's kept histogram by part: over the window, and lately, the longest span last.

    Unknown where reading it takes too long. The cold start of each process is left out, which is not judged.
    """
    spans = [Counters(ctx, span, live=False) for span in (minutes, NEAREST_MINUTES, ctx.tuning.lately_minutes)]
    names = [f"{DURATIONS}{part}" for part in HISTOGRAM_PARTS]
    try:
        async with asyncio.timeout(PAST_SECONDS):
            grown = await asyncio.gather(*(one.increase(name, warm=True) for one in spans for name in names))
    except TimeoutError:
        late = Fault("timeout", f"the history did not answer within {PAST_SECONDS:g} s")
        grown = [Increase(name=name, fault=late) for _ in spans for name in names]
    return [grown[at : at + len(names)] for at in range(0, len(grown), len(names))]


def _judged_routes(ctx: "Context", served: Sequence[Increase], *lately: Sequence[Increase]) -> list[Finding]:
    window, *spans = (quantiles_of(DURATIONS, parts, "route") for parts in (served, *lately))
    found = judge_routes(window.groups, ctx.settings.thresholds, *spans)
    return [replace(one, window_seconds=window.covered_minutes * 60) for one in found]


def _circuits(states: Sequence[MetricsState] | Fault) -> tuple[dict[str, list[float]], list[str]]:
    """Return the states of each circuit, and why there are none."""
    if isinstance(states, Fault):
        return {}, [f"circuits: {states.message}"]
    circuits = breakers(states)
    return circuits, [] if circuits else [f"circuits: the gateway publishes no {BREAKER}"]


def _figures(
    ctx: "Context",
    requests: Increase,
    refused: Increase,
    lately: Sequence[tuple[Increase, Increase]],
    states: Sequence[MetricsState] | Fault,
    past: Sequence[Finding],
) -> GatewayFigures:
    findings: list[Finding] = [*past]
    circuits, unknown = _circuits(states)
    for name, values in circuits.items():
        findings += judge_breaker(name, values)
    known = requests.covered_minutes > 0
    results, declined = outcomes(requests.series), refusals(requests, refused)
    if not known:
        unknown.append(f"requests: {_reason(requests.fault)}")
        findings += find_several(requests)
    else:
        findings += find_errors(requests, GATEWAY, ctx.settings.thresholds, *(asked for asked, _ in lately))
        findings += find_restarts(requests)
        if results.failed is None:
            unknown.append(f"failures: {results.why_failed}")
    findings += find_refusals_lately((requests, declined.grown), *lately)
    refusals_known = declined.grown.covered_minutes > 0
    if not refusals_known:
        unknown.append(f"refusals: {_reason(declined.grown.fault)}")
    seconds, total = requests.covered_minutes * 60, declined.grown.total
    route, tenant = worst(requests, "route"), worst(requests, "tenant")
    same = declined.grown.source == requests.source and results.requests > 0
    per_second = refused_share = None
    if seconds > 0:
        per_second = results.requests / seconds
    if refusals_known and known and same:
        refused_share = min(1.0, total / results.requests)
    return GatewayFigures(
        requests=if_known(known, round(results.requests)),
        requests_per_second=per_second,
        failed=round(results.failed) if known and results.failed is not None else None,
        failing_share=if_known(known, results.failing_share),
        refused=if_known(refusals_known, round(total)),
        refused_share=refused_share,
        worst_route=shown(route[0]) if route else None,
        worst_tenant=shown(tenant[0]) if tenant else None,
        open_circuits=tuple(name for name, values in circuits.items() if max(values) == 2.0),
        half_open_circuits=tuple(name for name, values in circuits.items() if max(values) == 1.0),
        breakers_known=bool(circuits),
        processes=requests.processes or None,
        restarts=if_known(requests.processes, requests.restarts),
        lower_bound=requests.lower_bound,
        covered_minutes=requests.covered_minutes,
        source=requests.source,
        targets=requests.targets,
        findings=tuple(findings),
        unknown=tuple(unknown),
    )


def newest_start(states: Sequence[MetricsState]) -> float | None:
    """Return when the youngest of these processes started, in wall-clock seconds; None if no process reports it."""
    return max((one.started_at for one in states if one.started_at is not None), default=None)


def _reason(fault: Fault | None) -> str:
    if fault is None:
        return "they were not counted in this window"
    if fault.remedy:
        return f"{fault.message}; {fault.remedy}"
    return fault.message


RECENT_WAIT_SECONDS = 0.9
FRESH_SECONDS = 15.0
"""A kept sample that is older tells nothing of now."""
LOOKS, APART_SECONDS = 6, 0.4


async def recent_rate(ctx: "Context") -> HitRate | None:
    """Return the hit rate of the last 30 seconds by the gateway's published counts.

    None if they were not recorded, if they were reset, or if there were too few look-ups.
    """
    asked = (ctx.windows.series(name, ctx.tuning.rate_minutes) for name in ("gateway.hits", "gateway.misses"))
    try:
        async with asyncio.timeout(RECENT_WAIT_SECONDS):
            hits, misses = (dict(window.samples) for window in await asyncio.gather(*asked))
    except TimeoutError:
        return None
    times = sorted(hits.keys() & misses.keys())
    if len(times) < 2 or ctx.clock.wall() - times[-1] > FRESH_SECONDS:
        return None
    samples = [(at, int(hits[at]), int(misses[at])) for at in times]
    rate = counted_between(samples, f"gateway, last {age(times[-1] - times[0])}")
    if rate is not None and (rate.samples or 0) >= RECENT_LOOKUPS:
        return rate
    return None


async def present_rate(ctx: "Context", counters: Counters, *, live: bool) -> HitRate | None:
    """Return the present hit rate from the most reliable source that has one, else None."""
    kept = await recent_rate(ctx)
    if kept is not None:
        return kept
    hits, misses = await asyncio.gather(counters.increase(HITS), counters.increase(MISSES))
    return from_counters(hits, misses) or (await _look(ctx) if live else None)


def rate_since_start(state: GatewayState | None, server: Reading[ServerState], mono: float) -> HitRate | None:
    """Return the hit rate that the gateway publishes, else that of Redis; both count since their start.

    None while windows are cut at a moment (``clock.counting_from``), because this rate reaches further back.

    Args:
        state: What the gateway says; None if it did not answer.
        server: What Redis says.
        mono: Monotonic seconds of now.
    """
    if counted_from() is not None:
        return None
    track = LookupTrack()
    if server.value is not None:
        track = track_lookups(track, server.value, mono)
    return hit_rate(state, track)


async def counted_rate(counters: Counters) -> float | None:
    """Return hits ÷ look-ups since the gateway's start; None without counters, or with too few look-ups."""
    state = (await counters.first_look()).value
    totals = {HITS: 0.0, MISSES: 0.0}
    for name, value in (state.values if state is not None else {}).items():
        metric, _ = split_series(name)
        if metric in totals:
            totals[metric] += value
    lookups = sum(totals.values())
    if lookups >= MIN_LOOKUPS:
        return totals[HITS] / lookups
    return None


def from_counters(hits: Increase, misses: Increase) -> HitRate | None:
    """Return the hit rate from the growth of both counters; None with two sources or too few look-ups."""
    lookups = hits.total + misses.total
    if min(hits.covered_minutes, misses.covered_minutes) <= 0 or hits.source != misses.source or lookups < MIN_LOOKUPS:
        return None
    seconds = hits.covered_minutes * 60
    return HitRate(hits.total / lookups, f"the gateway's counters over {age(seconds)}", None, round(lookups), seconds)


def counted_between(samples: list[tuple[float, int, int]], source: str) -> HitRate | None:
    """Return the rate between the first and the last of (seconds, hits, misses); None across several processes."""
    if len(samples) < 2:
        return None
    found = {
        "lookups_total|result=hit": [(at, float(hits)) for at, hits, _ in samples],
        "lookups_total|result=miss": [(at, float(misses)) for at, _, misses in samples],
    }
    looks = [ProcessReading(at) for at, _, _ in samples]
    growth = grow(looks, found, samples[0][0], most=math.inf, restarts_allowed=0, jump=JUMP)
    lookups = sum(one.increase for one in growth.series)
    if growth.several or lookups < MIN_LOOKUPS:
        return None
    hits = sum(one.increase for one in growth.series if one.labels["result"] == "hit")
    return HitRate(hits / lookups, source, None, round(lookups), samples[-1][0] - samples[0][0])


async def _look(ctx: "Context") -> HitRate | None:
    """Several samples of the counts beside the gateway's rate; one where it publishes none."""
    from optimus_tui.probes.http.services import read_cache_metrics

    samples: list[tuple[float, int, int]] = []
    while len(samples) < LOOKS:
        began = ctx.clock.mono()
        cache = await read_cache_metrics(ctx.fresh_http, ctx.settings)
        if cache is None or cache.hits is None or cache.misses is None:
            break
        samples.append((began, cache.hits, cache.misses))
        if len(samples) < LOOKS:
            await asyncio.sleep(max(0.0, APART_SECONDS - (ctx.clock.mono() - began)))
    if samples:
        return counted_between(samples, f"gateway, last {age(samples[-1][0] - samples[0][0])}")
    return None
