"""How fast gateway, engine and Redis have been, for a verdict on one moment.

The last ten minutes are used if they were recorded. Else the first sample is, with a second one if it was slow: two
slow samples of two are evidence, one is not.
"""

import asyncio
from typing import TYPE_CHECKING

from optimus_tui.contract.health import Series
from optimus_tui.contract.metrics import Window
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import GatewayState, ServerState, ServiceState
from optimus_tui.tools.parts import part
from optimus_tui.tools.troubleshoot.evidence import kept_series, live_series
from optimus_tui.verdicts.gateway.latency import MIN_SAMPLES, WINDOW_SECONDS

if TYPE_CHECKING:
    from optimus_tui.context import Context

KEPT_SECONDS = 0.9


async def latencies(
    ctx: "Context", gateway: Reading[GatewayState], engine: Reading[ServiceState], server: Reading[ServerState]
) -> dict[str, Series]:
    """Return series by name (gateway, engine, redis); an empty one for what gave no good answer."""
    firsts = {
        "gateway": _time_of(gateway.value.service if gateway.value else None),
        "engine": _time_of(engine.value),
        "redis": server.value.latency_ms if server.value and server.fault is None else None,
    }
    found = await asyncio.gather(*(_series(ctx, name, first) for name, first in firsts.items()))
    return dict(zip(firsts, found, strict=True))


def _time_of(state: ServiceState | None) -> float | None:
    from optimus_tui.probes.delay import disturbed

    if state is None or state.latency_ms is None or state.fault is not None:
        return None
    if disturbed(state.latency_ms, state.own_ms):
        return None
    return state.latency_ms


async def _series(ctx: "Context", name: str, first: float | None) -> Series:
    window = await part(ctx, ctx.windows.series(f"latency.{name}", WINDOW_SECONDS / 60), "history", KEPT_SECONDS)
    if isinstance(window, Window) and len(window.samples) >= MIN_SAMPLES:
        return kept_series(window, ctx.clock.wall())
    if first is None:
        return Series()
    if first <= ctx.settings.thresholds.latency_good_ms:
        return live_series([first])
    second = await _again(ctx, name)
    return live_series([first] if second is None else [first, second])


async def _again(ctx: "Context", name: str) -> float | None:
    from optimus_tui.probes.http.services import look
    from optimus_tui.probes.http.timing import time_pings

    if name == "redis":
        pings = await part(ctx, time_pings(ctx.redis, ctx.clock, 1), name)
        if not isinstance(pings, Fault) and pings and pings[0].counts:
            return pings[0].ms
        return None
    if name == "gateway":
        base = ctx.settings.gateway_url
    else:
        base = ctx.settings.engine_url
    seen = await part(ctx, look(ctx.http, f"{base}/health"), name)
    if isinstance(seen, Fault) or seen.answer is None or seen.fault is not None:
        return None
    return seen.answer.took_ms
