"""What the gateway's own counters and breakers say, in one answer for every surface that sums a system up.

    figures = await summary_figures(ctx, counters)       # what was kept and one sample, more where that holds trouble
    figures = await sampled_figures(ctx, minutes, pages)  # for a watcher: what was kept and its own latest samples
    findings += figures.findings

It never raises for an outage and bounds itself (2.5 s for what was kept, 6.5 s with samples). None is unknown, never
zero; ``unknown`` holds a sentence for each thing that is not known. ``findings`` are ready to show and to rank:
``errors.rate`` (names the route and the tenant that fail most), ``breaker.open``, ``breaker.half_open``,
``gateway.restarts``, ``metrics.several_processes`` (low), ``limits.refused``, ``latency.p95`` of slow routes and
``services.flapping``. A gateway that publishes nothing has no finding: it is unknown, and not accused.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.metrics import BREAKER, DURATIONS, REFUSED, REQUESTS, Increase, MetricsState
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.tools.common import WindowSource
from optimus_tui.grammar.prometheus import split_series
from optimus_tui.tools.figures.metric_windows import NO_PAGE, Counters, by_process, kept_breakers, missing
from optimus_tui.verdicts.gateway.failures import GATEWAY, find_errors
from optimus_tui.verdicts.gateway.latency import judge_flapping
from optimus_tui.verdicts.gateway.percentiles import judge_routes
from optimus_tui.verdicts.gateway.performance import class_of, outcomes, refusals, shown, worst
from optimus_tui.verdicts.gateway.services import find_restarts, find_several
from optimus_tui.verdicts.limits.refusals import find_refusals_lately
from optimus_tui.verdicts.playbooks.circuit_breaker import breakers, judge_breaker
from optimus_tui.verdicts.values import if_known

if TYPE_CHECKING:
    from optimus_tui.context import Context

SERVICES = ("gateway", "engine")
LIVE_SECONDS, KEPT_SECONDS, PAST_SECONDS = 6.5, 2.5, 1.5
LATELY_MINUTES = 1.5
ONE_SAMPLE = "no history was recorded, and one sample of /metrics shows no growth; it holds no failure and no refusal"
_WHY = "the gateway's counters did not answer in time"


class GatewayFigures(Struct, frozen=True, kw_only=True):
    """Shares from 0 to 1; rates a second; ``covered_minutes`` is the time for which requests are known.

    ``lower_bound``: requests were lost with processes that ended, so that numbers and rates are "at least".
    ``worst_route`` and ``worst_tenant`` are where most requests failed, None where nothing failed or labels do
    not tell. ``processes`` and ``restarts`` are those seen within the window, None where nothing was sampled.
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


_NOT_IN_TIME = GatewayFigures(unknown=(f"requests: {_WHY}", f"circuits: {_WHY}"))


async def summary_figures(ctx: "Context", counters: Counters) -> GatewayFigures:
    """Return the figures for a summary that must be quick: what was kept, and the circuit breakers of one sample.

    Breakers of processes that this sample did not meet are taken from what was kept. Further samples are taken only
    where the page of that one sample holds failures or refusals at all: what has never been counted cannot have
    happened lately. Where they are not, the rates are unknown, and ``unknown`` says so.
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
    return _figures(ctx, requests, refused, lately, _with(before, states), past)


async def sampled_figures(ctx: "Context", minutes: float, states: Sequence[MetricsState]) -> GatewayFigures:
    """Return the figures for a watcher that keeps what it reads: from what was kept, and its own latest samples.

    Without ``services.flapping``: a watcher's own samples tell that, whether or not the gateway publishes anything.
    """
    kept = Counters(ctx, minutes, live=False)
    try:
        async with asyncio.timeout(KEPT_SECONDS):
            requests, refused, lately, past, before = await asyncio.gather(
                kept.increase(REQUESTS),
                kept.increase(REFUSED),
                _lately(ctx),
                _slow_routes(ctx, minutes),
                _kept_breakers(ctx),
            )
    except TimeoutError:
        return _NOT_IN_TIME
    return _figures(ctx, requests, refused, lately, by_process([*before, *states]), past)


def _with(before: Sequence[MetricsState], states: Sequence[MetricsState] | Fault) -> Sequence[MetricsState] | Fault:
    """The states with those of processes that were met shortly before; a sample that failed stays unknown."""
    if isinstance(states, Fault):
        return states
    return by_process([*before, *states])


async def _kept_breakers(ctx: "Context") -> list[MetricsState]:
    """The breakers of processes that were met within the last minute; none where reading them takes too long."""
    try:
        async with asyncio.timeout(PAST_SECONDS):
            return await kept_breakers(ctx)
    except TimeoutError:
        return []


def published(look: Reading[MetricsState]) -> Sequence[MetricsState] | Fault:
    """Return the page of one sample, or the fault why there is none."""
    if look.value is not None and look.value.published:
        return [look.value]
    return look.fault or Fault("invalid", NO_PAGE)


def _why_one_sample(state: MetricsState) -> Fault:
    """Why one sample of this page tells no rate."""
    if REQUESTS in state.metrics:
        return Fault("invalid", ONE_SAMPLE)
    return missing(REQUESTS, state)


def _holds_trouble(state: MetricsState) -> bool:
    """Whether a failure or a refusal was counted since the process began."""
    for name, value in state.values.items():
        metric, labels = split_series(name)
        if value > 0 and (metric == REFUSED or (metric == REQUESTS and _is_trouble(labels.get("status", "")))):
            return True
    return False


def _is_trouble(status: str) -> bool:
    return class_of(status) in ("server", "refused", "4xx")


async def _lately(ctx: "Context") -> tuple[Increase, Increase]:
    """Requests and refusals of the last minute or so, as far as they were kept."""
    kept = Counters(ctx, LATELY_MINUTES, live=False)
    requests, refused = await asyncio.gather(kept.increase(REQUESTS), kept.increase(REFUSED))
    return requests, refusals(requests, refused).grown


async def _of_the_past(ctx: "Context", minutes: float) -> list[Finding]:
    """What was kept of the samples of both services, and of the gateway's own histogram."""
    unsteady, slow = await asyncio.gather(_unsteady(ctx, minutes), _slow_routes(ctx, minutes))
    return [*unsteady, *slow]


async def kept_samples(ctx: "Context", name: str, minutes: float) -> Sequence[tuple[float, float]]:
    """Return the kept samples of a service by time, 1.0 where it answered well; none where reading takes too long."""
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
    """Routes that are slow by the gateway's kept histogram; nothing where reading it takes too long."""
    try:
        async with asyncio.timeout(PAST_SECONDS):
            served, lately = await asyncio.gather(
                *(Counters(ctx, span, live=False).quantiles(DURATIONS, "route") for span in (minutes, LATELY_MINUTES))
            )
    except TimeoutError:
        return []
    return judge_routes(served.groups, lately.groups, ctx.settings.thresholds)


def _figures(
    ctx: "Context",
    requests: Increase,
    refused: Increase,
    lately: tuple[Increase, Increase],
    states: Sequence[MetricsState] | Fault,
    past: Sequence[Finding],
) -> GatewayFigures:
    unknown = []
    findings: list[Finding] = [*past]
    circuits: dict[str, list[float]] = {}
    if isinstance(states, Fault):
        unknown.append(f"circuits: {states.message}")
    else:
        circuits = breakers(states)
        if not circuits:
            unknown.append(f"circuits: the gateway publishes no {BREAKER}")
    for name, values in circuits.items():
        findings += judge_breaker(name, values)
    known = requests.covered_minutes > 0
    results, declined = outcomes(requests.series), refusals(requests, refused)
    if not known:
        unknown.append(f"requests: {_reason(requests.fault)}")
        findings += find_several(requests)
    else:
        findings += find_errors(requests, GATEWAY, ctx.settings.thresholds, lately[0])
        findings += find_restarts(requests)
        if results.failed is None:
            unknown.append(f"failures: {results.why_failed}")
    findings += find_refusals_lately(requests, declined.grown, *lately)
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


def _reason(fault: Fault | None) -> str:
    if fault is None:
        return "they were not counted in this window"
    if fault.remedy:
        return f"{fault.message}; {fault.remedy}"
    return fault.message
