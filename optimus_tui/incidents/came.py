"""How much of what a proof needs was recorded since a remedy, and when the rest will have been."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from optimus_tui.clock import counting_from
from optimus_tui.contract.services import DURATIONS, HITS, MISSES, REQUESTS, Spread
from optimus_tui.wording.safe import safe_text
from optimus_tui.workflow.proof import ROUTE_REQUESTS, ProofNeed

if TYPE_CHECKING:
    from optimus_tui.context import Context

MINUTES = 60.0
"""The longest window over which the recorded requests, look-ups and checks are counted."""
HISTORY_SECONDS = 2.0
"""How long the history may take to answer."""


class Came(Struct, frozen=True):
    """How much of one need of a proof was recorded; ``recorded`` is False if nothing records it.

    ``share`` is the part of it that came, from 0 to 1; ``brief`` says how much that is: ``9 of 15 checks of engine``.
    """

    words: str
    lacks: bool
    recorded: bool = True
    share: float = 0.0
    brief: str = ""


def enough_at(lacking: Sequence[Came], since: float, now: float) -> float | None:
    """Return when enough will have come at the present rate; None if nothing came, so that no rate is known."""
    least = min(one.share for one in lacking)
    if least <= 0 or now <= since:
        return None
    return max(now, since + (now - since) / least)


async def what_came(ctx: "Context", need: ProofNeed, since: float) -> list[Came]:
    """Return how much of each need of a proof was recorded since ``since`` (wall-clock seconds)."""
    work = [_checks(ctx, name, need, since) for name in need.services if need.checks]
    if need.requests:
        work.append(_counted(ctx, "requests", (REQUESTS,), need.requests, since))
    if need.route:
        work.append(_of_route(ctx, need.route, since))
    if need.lookups:
        work.append(_counted(ctx, "look-ups", (HITS, MISSES), need.lookups, since))
    try:
        async with asyncio.timeout(HISTORY_SECONDS):
            return list(await asyncio.gather(*work))
    except TimeoutError:
        return [Came("the history does not answer", lacks=True, recorded=False)]


async def _checks(ctx: "Context", service: str, need: ProofNeed, since: float) -> Came:
    """Count the checks of a service. One that failed is a check too: it shows that the service is still down."""
    wanted = need.checks
    with counting_from(since):
        states = (await ctx.windows.series(f"state.{service}", MINUTES)).samples
        times = (await ctx.windows.series(f"latency.{service}", MINUTES)).samples
    number = len(states)
    if need.timed:
        number = len(times) + sum(not good for _, good in states)
    recorded = number > 0 or bool((await ctx.windows.series(f"state.{service}", MINUTES)).samples)
    waits = f", waiting for {wanted - number} more" * (number < wanted)
    brief = f"{min(number, wanted)} of {wanted} checks of {service}"
    return Came(f"{brief} came{waits}", number < wanted, recorded, number / wanted, brief)


async def _counted(ctx: "Context", what: str, metrics: tuple[str, ...], wanted: int, since: float) -> Came:
    with counting_from(since):
        found = [await ctx.windows.increase(metric, MINUTES) for metric in metrics]
    total = sum(one.total for one in found)
    recorded = any(one.covered_minutes > 0 for one in found)
    if not recorded:
        recorded = (await ctx.windows.increase(metrics[0], MINUTES)).covered_minutes > 0
    brief = f"{min(total, wanted):,.0f} of {wanted} {what}"
    return Came(f"{brief} came", total < wanted, recorded, total / wanted, brief)


async def spread_of_route(ctx: "Context", route: str) -> tuple[Spread | None, bool]:
    """Return the durations of a route's requests (None without any), and whether durations are recorded at all.

    ``route`` is its name as it is shown.
    """
    found = await ctx.windows.quantiles(DURATIONS, MINUTES, by="route")
    spread = next((one for name, one in found.groups.items() if safe_text(name, 80) == route), None)
    return spread, found.covered_minutes > 0


async def _of_route(ctx: "Context", route: str, since: float) -> Came:
    with counting_from(since):
        spread, recorded = await spread_of_route(ctx, route)
    number = 0.0
    if spread is not None:
        number = spread.count
    brief = f"{min(number, ROUTE_REQUESTS):,.0f} of {ROUTE_REQUESTS} requests to {route}"
    return Came(f"{brief} came", number < ROUTE_REQUESTS, recorded, number / ROUTE_REQUESTS, brief)
