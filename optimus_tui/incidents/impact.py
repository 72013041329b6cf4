"""What an incident cost each tenant: their requests, those refused and failed, since when and until when."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from optimus_tui.contract.incident import Figure, IncidentState, Outcome
from optimus_tui.contract.services import REFUSED, REQUESTS, Increase
from optimus_tui.grammar.info import split_series
from optimus_tui.history.samples.process_lives import PROCESS
from optimus_tui.tools.figures.metric_windows import Counters
from optimus_tui.verdicts.gateway.performance import class_of, of_tenant, outcomes, refusals
from optimus_tui.verdicts.overnight import first_met, growth_times
from optimus_tui.wording.numbers import clause, clock, percent, plural
from optimus_tui.workflow.closing import concerned
from optimus_tui.workflow.engine import TENANT

if TYPE_CHECKING:
    from optimus_tui.context import Context

MOST_TENANTS = 5
SECONDS = 3.0
HALF_A_DAY = 43_200.0
"""Times further apart than this are written with their dates."""
LABEL = "tenant"
"""The label that names the tenant in the gateway's counters."""


class Hurt(NamedTuple):
    """When requests were refused or failed: the first and the last time seen, in wall-clock seconds."""

    first: float
    last: float


async def tenant_impact(ctx: "Context", state: IncidentState, minutes: float) -> list[tuple[str, Outcome]]:
    """Return the recorded losses of the tenants concerned, or of the most affected tenants if none is named.

    Args:
        ctx: The history and the clock.
        state: The incident.
        minutes: The window that ends now.
    """
    counters = Counters(ctx, minutes, live=False)
    requests, refused = await asyncio.gather(counters.increase(REQUESTS), counters.increase(REFUSED))
    names = (concerned(state) or _most_hurt(requests, refused))[:MOST_TENANTS]
    until = ctx.clock.wall()
    try:
        async with asyncio.timeout(SECONDS):
            hurt = await _when_hurt(ctx, names, until - 60 * minutes, until)
    except TimeoutError:
        hurt = {}
    return [(f"{TENANT}{name}", _measure(name, requests, refused, hurt.get(name))) for name in names]


def _most_hurt(requests: Increase, refused: Increase) -> tuple[str, ...]:
    """Return the tenants with refused or failed requests, those with most first."""
    sums: dict[str, float] = dict(refused.by(LABEL))
    for one in requests.series:
        if class_of(one.labels.get("status", "")) == "server":
            name = one.labels.get(LABEL, "")
            sums[name] = sums.get(name, 0.0) + one.increase
    return tuple(name for name, count in sorted(sums.items(), key=lambda item: -item[1]) if name and count >= 1)


def _measure(name: str, requests: Increase, refused: Increase, hurt: Hurt | None) -> Outcome:
    mine = of_tenant(requests, name)
    declined = refusals(mine, of_tenant(refused, name)).grown
    if requests.covered_minutes <= 0 and declined.covered_minutes <= 0:
        why = requests.fault or refused.fault
        return Outcome(
            verdict="unknown",
            severity="none",
            headline=f"unknown: {why.message if why else 'no counter of the gateway was recorded in this time'}",
        )
    results = outcomes(mine.series)
    count = round(results.requests) if requests.covered_minutes > 0 else None
    lost = round(declined.total) if declined.covered_minutes > 0 else None
    failed = None if results.failed is None or count is None else round(results.failed)
    least = "at least " * requests.lower_bound
    parts = [
        f"{least}{plural(count, 'request')}" if count is not None else "requests unknown",
        _of(lost, count, "refused with 429"),
        _of(failed, count, "failed with 5xx"),
    ]
    return Outcome(
        verdict="measured",
        severity="none",
        headline=", ".join(parts) + _since(hurt, bool(lost or failed)),
        figures=(
            Figure(name="requests", value=count),
            Figure(name="refused", value=lost),
            Figure(name="failed", value=failed),
        ),
    )


def _of(part: int | None, whole: int | None, what: str) -> str:
    if part is None:
        return f"{what} unknown"
    if not part:
        return f"none {what}"
    share = percent(part / whole) if whole and part <= whole else ""
    return f"{part:,} {what}{clause(share, ' (', ')')}"


def _since(hurt: Hurt | None, any_hurt: bool) -> str:
    if not any_hurt:
        return ""
    if hurt is None:
        return "; since when is unknown"
    if hurt.last - hurt.first < 1:
        return f"; seen at {clock(hurt.last)} UTC"
    dated = hurt.last - hurt.first > HALF_A_DAY
    return f"; seen first at {clock(hurt.first, dated=dated)}, last at {clock(hurt.last, dated=dated)} UTC"


async def _when_hurt(ctx: "Context", names: Sequence[str], since: float, until: float) -> dict[str, Hurt]:
    """Return when the tenants' counters of refusals and failures grew, process by process."""
    wanted: dict[str, str] = {}
    for metric in (REFUSED, REQUESTS):
        for series in await ctx.store.names(metric):
            labels = split_series(series)[1]
            bad = metric == REFUSED or class_of(labels.get("status", "")) in ("server", "refused")
            if bad and labels.get(LABEL) in names:
                wanted[series] = labels[LABEL]
    kept = await ctx.store.many([*wanted, PROCESS], since, until)
    met = kept.pop(PROCESS, ())
    process = dict(met)
    met_at = first_met(process)
    times: dict[str, list[float]] = {}
    for series, samples in kept.items():
        times.setdefault(wanted[series], []).extend(growth_times(samples, process, met_at))
    return {name: Hurt(min(grown), max(grown)) for name, grown in times.items() if grown}
