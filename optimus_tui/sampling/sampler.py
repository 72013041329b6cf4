"""One long-lived loop for each source, for any surface that listens: the dashboard, a recording, alerts.

Loops read, hand on, and wait. No outage and no strange answer ends a loop, and a loop that hangs delays no other. A bug
ends its own loop with an error; its source counts as broken until the new loop from ``loops()`` has run for a while. No
connection is opened before a loop runs.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial

from optimus_tui.context import Context
from optimus_tui.index.cache import CacheIndex
from optimus_tui.index.limits import LimitIndex
from optimus_tui.probes.round_trips import attributed_to
from optimus_tui.sampling.keys import DetailLoop, KeyLoop, LimitLoop, ScanSink
from optimus_tui.sampling.services import (
    watch_engine,
    watch_feed,
    watch_gateway,
    watch_metrics,
    watch_postgres,
    watch_server,
)
from optimus_tui.sampling.staleness import IntervalTimer, SamplerState, Sink

SOURCES = ("gateway", "engine", "postgres", "server", "limits", "keys", "details", "feed", "metrics")
_FROM_REDIS = ("server", "limits", "keys", "details")

STEADY_SECONDS = 3.0
"""Seconds after which a running loop has read its source at least once."""

Loop = Callable[[], Coroutine[object, object, None]]


class Sampler:
    """Runs the loops and hands (subject, report) pairs to ``sink``, all on the loops' event loop.

    The pairs are "health" HealthReport, "limits" Reading[LimitsReport], "cache" Reading[CacheReport], "details"
    tuple[KeyDetail, ...], "feed" FeedBatch, and "metrics" Reading[MetricsState] (for a recorder: see ``record``).
    """

    def __init__(self, context: Context, sink: Sink, *, steady_seconds: float = STEADY_SECONDS) -> None:
        self._steady_seconds = steady_seconds
        self.cache_index = CacheIndex()
        self._context, self._sampler_state = context, SamplerState(context.settings, context.clock, sink)
        self._timers = {source: IntervalTimer() for source in SOURCES}
        found = ScanSink(self.cache_index, LimitIndex())
        found.know_tenants(tenant.encode("utf-8", "surrogateescape") for tenant in context.settings.tenants)
        timers, sampler_state = self._timers, self._sampler_state
        sampler_state.back = self._redis_back
        self._limits = LimitLoop(context, sampler_state, timers["limits"], found)
        self._keys = KeyLoop(context, sampler_state, timers["keys"], found, timers["limits"].wake)
        self._details = DetailLoop(context, sampler_state, timers["details"], self.cache_index)

    def loops(self) -> dict[str, Loop]:
        """Return a coroutine function for each source. Run each in a task of its own; cancel the task to end it."""
        context, sampler_state, timers = self._context, self._sampler_state, self._timers
        loops: dict[str, Loop] = {
            "gateway": lambda: watch_gateway(context, sampler_state, timers["gateway"]),
            "engine": lambda: watch_engine(context, sampler_state, timers["engine"]),
            "postgres": lambda: watch_postgres(context, sampler_state, timers["postgres"]),
            "server": lambda: watch_server(context, sampler_state, timers["server"], self._server_changed),
            "limits": self._limits.run,
            "keys": self._keys.run,
            "details": self._details.run,
            "feed": lambda: watch_feed(context, sampler_state, timers["feed"]),
            "metrics": lambda: watch_metrics(context, sampler_state, timers["metrics"]),
        }
        return {
            name: partial(_polling, name, loop, sampler_state, self._steady_seconds) for name, loop in loops.items()
        }

    def watch_keys(self, keys: Sequence[bytes]) -> None:
        """Set the cache keys in view: their type, size and TTL are read every two seconds."""
        self._details.watch(keys)

    def pace(self, source: str, factor: float) -> None:
        """Multiply a source's intervals (2.0: half as often); 0 pauses it.

        Raises:
            KeyError: The source is unknown.
        """
        self._timers[source].pace(factor)

    def refresh(self, source: str | None = None) -> None:
        """Read one source, or all of them (None), now.

        Raises:
            KeyError: The source is unknown.
        """
        for timer in self._timers.values() if source is None else (self._timers[source],):
            timer.wake()
        if source in (None, "feed") and "feed" in self._context.__dict__:
            self._context.feed.retry()

    def _server_changed(self, restarted: bool) -> None:
        """Redis is back; if it ``restarted``, scan the keyspace again from the start."""
        if restarted:
            self._keys.restart()
        self._redis_back()

    def _redis_back(self) -> None:
        """Redis is back: wake every loop whose pane is visible."""
        for source in _FROM_REDIS:
            if self._timers[source].factor:
                self._timers[source].wake()


async def _polling(source: str, loop: Loop, sampler_state: SamplerState, steady_seconds: float) -> None:
    """Run a loop; its commands count as polls in the command log.

    If the loop ends with an error, its source counts as broken until a new loop has run for a while. The error is
    raised on: the surface reports it and starts the new loop.
    """
    with attributed_to(source, poll=True):
        running = asyncio.ensure_future(loop())
    try:
        done, _ = await asyncio.wait((running,), timeout=steady_seconds)
        if not done:
            sampler_state.mend(source)
        await running
    except Exception as error:
        sampler_state.break_off(source, error)
        raise
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
