"""What the gateway's own counters and breakers say, in one answer for every surface that sums a system up.

    figures = await gateway_figures(ctx, minutes=15)             # history or Prometheus only; costs no request
    figures = await gateway_figures(ctx, minutes=15, live=True)  # without them: five looks at /metrics, 2 to 4 s
    findings += figures.findings

It never raises for an outage and bounds itself (2.5 s for what was kept, 6.5 s with looks). None is unknown, never
zero; ``unknown`` holds a sentence for each thing that is not known. ``findings`` are ready to show and to rank:
``errors.rate`` (names the route and the tenant that fail most), ``breaker.open``, ``breaker.half_open``,
``gateway.restarts`` and ``metrics.several_processes`` (low). Refusals are judged with the limits, not here. A gateway
that publishes nothing has no finding: it is unknown, and not accused.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.metrics import Increase, MetricsState
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.tools.common import WindowSource
from optimus_tui.grammar.prometheus import split_series
from optimus_tui.tools.counted import Counters
from optimus_tui.verdicts.outcomes import outcomes, refusals, worst
from optimus_tui.verdicts.performance import find_errors, shown
from optimus_tui.verdicts.playbooks.circuit_breaker import METRIC, breakers, judge_breaker
from optimus_tui.verdicts.restarts import find_restarts, find_several

if TYPE_CHECKING:
    from optimus_tui.context import Context

REQUESTS, REFUSED = "http_requests_total", "rate_limit_refused_total"
LIVE_SECONDS, KEPT_SECONDS = 6.5, 2.5
BREAKER_MINUTES = 1.5
"""A kept state of a breaker that is older tells nothing of now."""


class GatewayFigures(Struct, frozen=True, kw_only=True):
    """Shares from 0 to 1; rates a second; ``covered_minutes`` is the time for which requests are known.

    ``lower_bound``: requests were lost with processes that ended, so that numbers and rates are "at least".
    ``worst_route`` and ``worst_tenant`` are where most requests failed, None where nothing failed or labels do
    not tell. ``processes`` and ``restarts`` are those seen within the window, None where nobody looked.
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


async def gateway_figures(ctx: "Context", minutes: float, *, live: bool = False) -> GatewayFigures:
    """Return what the gateway's counters say of the last ``minutes``.

    Args:
        ctx: the run's context.
        minutes: the window; what it covers may be less and is said.
        live: look at /metrics where nothing was kept. Without it only history and Prometheus are asked.
    """
    counters = Counters(ctx, minutes, live=live)
    try:
        async with asyncio.timeout(LIVE_SECONDS if live else KEPT_SECONDS):
            requests, refused, states = await asyncio.gather(
                counters.increase(REQUESTS), counters.increase(REFUSED), _states(ctx, counters, live=live)
            )
    except TimeoutError:
        why = "the gateway's counters did not answer in time"
        return GatewayFigures(unknown=(f"requests: {why}", f"circuits: {why}"))
    return _figures(ctx, requests, refused, states)


def _figures(
    ctx: "Context", requests: Increase, refused: Increase, states: Sequence[MetricsState] | Fault
) -> GatewayFigures:
    unknown = []
    findings: list[Finding] = []
    circuits: dict[str, list[float]] = {}
    if isinstance(states, Fault):
        unknown.append(f"circuits: {states.message}")
    else:
        circuits = breakers(states)
        if not circuits:
            unknown.append(f"circuits: the gateway publishes no {METRIC}")
    for name, values in circuits.items():
        findings += judge_breaker(name, values)
    known = requests.covered_minutes > 0
    told, declined = outcomes(requests.series), refusals(requests, refused)
    if not known:
        unknown.append(f"requests: {_reason(requests.fault)}")
        findings += find_several(requests)
    else:
        findings += [*find_errors(requests, "gateway", ctx.settings.thresholds), *find_restarts(requests)]
        if told.failed is None:
            unknown.append(f"failures: {told.why_failed}")
    refusals_known = declined.grown.covered_minutes > 0
    if not refusals_known:
        unknown.append(f"refusals: {_reason(declined.grown.fault)}")
    seconds, total = requests.covered_minutes * 60, declined.grown.total
    route, tenant = worst(requests, "route"), worst(requests, "tenant")
    same = declined.grown.source == requests.source and told.requests > 0
    return GatewayFigures(
        requests=round(told.requests) if known else None,
        requests_per_second=told.requests / seconds if seconds > 0 else None,
        failed=round(told.failed) if known and told.failed is not None else None,
        failing_share=told.failing_share if known else None,
        refused=round(total) if refusals_known else None,
        refused_share=min(1.0, total / told.requests) if refusals_known and known and same else None,
        worst_route=shown(route[0]) if route else None,
        worst_tenant=shown(tenant[0]) if tenant else None,
        open_circuits=tuple(name for name, values in circuits.items() if max(values) == 2.0),
        half_open_circuits=tuple(name for name, values in circuits.items() if max(values) == 1.0),
        breakers_known=bool(circuits),
        processes=requests.processes or None,
        restarts=requests.restarts if requests.processes else None,
        lower_bound=requests.lower_bound,
        covered_minutes=requests.covered_minutes,
        source=requests.source,
        targets=requests.targets,
        findings=tuple(findings),
        unknown=tuple(unknown),
    )


async def _states(ctx: "Context", counters: Counters, *, live: bool) -> Sequence[MetricsState] | Fault:
    """The breakers' states: of now where looks are allowed, else as they were kept within the last minutes."""
    if live:
        return await counters.states()
    names = await ctx.store.names(METRIC)
    windows = await asyncio.gather(*(ctx.windows.series(name, BREAKER_MINUTES) for name in names[:100]))
    values = {window.name: window.samples[-1][1] for window in windows if window.samples}
    if not values:
        return Fault("invalid", "nobody kept the states of circuit breakers within the last minutes")
    return [MetricsState(values={name: value for name, value in values.items() if split_series(name)[0] == METRIC})]


def _reason(fault: Fault | None) -> str:
    if fault is None:
        return "nobody counted them in this window"
    return f"{fault.message}; {fault.remedy}" if fault.remedy else fault.message
