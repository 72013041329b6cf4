"""Read from the history what happened since the last stand-up. What is not recorded is unknown, with the reason."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from optimus_tui.contract.services import REFUSED, REQUESTS, Counted, Increase
from optimus_tui.contract.tools.overnight import Deploy, Gap, Overnight, Restart, TenantNight, TenantRefusals
from optimus_tui.grammar.info import split_series
from optimus_tui.history.samples.process_lives import PROCESS, STARTED
from optimus_tui.history.samples.processes import covered_minutes
from optimus_tui.verdicts import overnight as seen
from optimus_tui.verdicts.gateway.performance import outcomes, refusals
from optimus_tui.wording.numbers import timestamp
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context
    from optimus_tui.history.samples.file import Samples

TENANTS, EVENTS = 100, 50
"""At most so many tenants, and so many deploys, restarts and gaps each."""
_STATES = ("state.gateway", "state.engine", "state.redis")
_PLAIN = (*_STATES, "feed.live", "feed.gaps", "run.redis", "started.redis", PROCESS, STARTED)
VERSION = "version."


async def overnight(ctx: "Context", begin: float, end: float) -> Overnight:
    """Return what was recorded between two wall-clock times."""
    minutes = (end - begin) / 60
    versions = await ctx.store.names(VERSION)
    found, requests, refused = await asyncio.gather(
        ctx.store.many([*_PLAIN, *versions], begin, end),
        ctx.windows.increase(REQUESTS, minutes),
        ctx.windows.increase(REFUSED, minutes),
    )
    declined = refusals(requests, refused)
    names = [name for metric in (REFUSED, REQUESTS) for name in await ctx.store.names(f"{metric}|")]
    counted = await ctx.store.many([name for name in names if _is_refusal(name)], begin, end)
    unknown: list[str] = []
    times = [at for name in _STATES for at, _ in found[name]]
    if not times:
        why = ctx.store.fault.message if ctx.store.fault is not None else "no dashboard was open and nothing recorded"
        unknown.append(f"recording: {why}")
    return Overnight(
        begin=timestamp(begin),
        end=timestamp(end),
        recorded_minutes=round(covered_minutes(sorted(times), seen.GAP_SECONDS), 1) if times else None,
        refused=_total(declined.grown, "refusals", unknown),
        refused_by=_refused_by(declined.grown, counted, dict(found[PROCESS])),
        deploys=_deploys(found, unknown),
        restarts=_restarts(found, begin, unknown),
        gaps=_gaps(found, times, begin, end, unknown),
        tenants=_tenants(requests, declined.grown, unknown),
        unknown=tuple(dict.fromkeys(unknown)),
    )


def _is_refusal(name: str) -> bool:
    metric, labels = split_series(name)
    return metric == REFUSED or labels.get("status") == "429"


def _total(grown: Increase, what: str, unknown: list[str]) -> int | None:
    if grown.covered_minutes > 0:
        return round(grown.total)
    unknown.append(f"{what}: {_not_counted(grown)}")
    return None


def _not_counted(grown: Increase) -> str:
    if grown.fault is not None:
        return grown.fault.message
    return "the gateway's counters were not recorded"


def _refused_by(
    grown: Increase, counted: "Mapping[str, Samples]", process_of: Mapping[float, float]
) -> tuple[TenantRefusals, ...]:
    times: dict[str, list[float]] = {}
    first_met = seen.first_met(process_of)
    for name, samples in counted.items():
        tenant = split_series(name)[1].get("tenant", "")
        times.setdefault(tenant, []).extend(seen.growth_times(samples, process_of, first_met))
    rows = []
    for tenant, refused in grown.by("tenant").items():
        if tenant and round(refused) > 0:
            when = sorted(times.get(tenant, ()))
            first = timestamp(when[0]) if when else None
            last = timestamp(when[-1]) if when else None
            shown = safe_text(tenant, 80)
            rows.append(TenantRefusals(tenant=shown, refused=round(refused), first=first, last=last))
    return tuple(rows[:TENANTS])


def _deploys(found: "Mapping[str, Samples]", unknown: list[str]) -> tuple[Deploy, ...] | None:
    changes: list[Deploy] = []
    known = False
    for service in ("gateway", "engine"):
        prefix = f"{VERSION}{service}."
        versions = {name.removeprefix(prefix): found[name] for name in found if name.startswith(prefix) and found[name]}
        known = known or bool(versions)
        if not versions:
            unknown.append(f"deploys: no version of the {service} was recorded")
        changes += seen.deploys(service, versions)
    if known:
        return tuple(sorted(changes, key=lambda one: one.at)[-EVENTS:])
    return None


def _restarts(found: "Mapping[str, Samples]", begin: float, unknown: list[str]) -> tuple[Restart, ...] | None:
    restarts: list[Restart] = []
    if found[STARTED]:
        restarts += seen.process_restarts("gateway", (start for _, start in found[STARTED]), begin)
    elif found[PROCESS]:
        unknown.append("restarts: the gateway publishes no process_start_time_seconds")
    else:
        unknown.append("restarts: no start time of the gateway was recorded")
    if found["run.redis"]:
        restarts += seen.run_restarts("redis", found["run.redis"], dict(found["started.redis"]))
    else:
        unknown.append("restarts: no run of redis was recorded")
    unknown.append("restarts: the engine publishes no start time")
    if not found[STARTED] and not found["run.redis"]:
        return None
    return tuple(sorted(restarts, key=lambda one: one.at)[-EVENTS:])


def _gaps(
    found: "Mapping[str, Samples]", times: list[float], begin: float, end: float, unknown: list[str]
) -> tuple[Gap, ...] | None:
    if not times:
        return None
    gaps = seen.recording_gaps(times, begin, end)
    if found["feed.live"]:
        gaps += seen.feed_gaps(found["feed.live"], found["feed.gaps"], end)
    else:
        unknown.append("gaps of the feed: nothing was recorded of it")
    return tuple(sorted(gaps, key=lambda one: one.begin)[-EVENTS:])


def _tenants(requests: Increase, declined: Increase, unknown: list[str]) -> tuple[TenantNight, ...] | None:
    series: dict[str, list[Counted]] = {}
    for one in requests.series:
        if tenant := one.labels.get("tenant"):
            series.setdefault(tenant, []).append(one)
    if not series:
        why = "the gateway does not count requests by tenant"
        if requests.covered_minutes <= 0:
            why = _not_counted(requests)
        unknown.append(f"tenants: {why}")
        return None
    refused = declined.by("tenant")
    rows = []
    for tenant, ones in series.items():
        sums = outcomes(ones)
        own: float | None = sums.refused
        if declined.covered_minutes > 0 and any(refused):
            own = refused.get(tenant, 0.0)
        rows.append(
            TenantNight(
                tenant=safe_text(tenant, 80),
                requests=round(sums.requests),
                failed=None if sums.failed is None else round(sums.failed),
                refused=None if own is None else round(own),
            )
        )
    return tuple(sorted(rows, key=lambda one: -(one.requests or 0))[:TENANTS])
