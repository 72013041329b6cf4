"""Live events for a coherence analysis, where the profile names a feed and no list of past events.

The dashboard has heard them since it started. Any other process begins to listen with the analysis, which takes a few
seconds at most: what it hears then is little, and its window says so.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from optimus_tui.contract.keyspace import FeedEvent, FeedGap
from optimus_tui.contract.reading import Fault
from optimus_tui.dialects.feeds.messages import subscription_of
from optimus_tui.tools.coherence_events import READ, Log
from optimus_tui.verdicts.coherence.events import pick_heard

if TYPE_CHECKING:
    from optimus_tui.context import Context
    from optimus_tui.probes.events.feed import FeedReader

LEAST_SECONDS = 0.5
"""Who begins to listen with the analysis listens at least so long."""
LINK_LOOKS, LOOK_SECONDS = 10, 0.05
"""How often a feed that is still connecting is looked at, and how far apart."""


class LiveEvents:
    """The feed while an analysis runs."""

    def __init__(self, ctx: "Context", feed: "FeedReader") -> None:
        self._ctx, self._feed = ctx, feed
        self._least = asyncio.get_running_loop().time() + LEAST_SECONDS

    async def read(self, minutes: float) -> Log:
        """Return the events of the window that were heard; a fault where nothing is heard."""
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, self._least - now))
        for _ in range(LINK_LOOKS):
            if self._feed.live_since is not None or self._feed.drain().status.state != "connecting":
                break
            await asyncio.sleep(LOOK_SECONDS)
        since, batch = self._feed.live_since, self._feed.drain(limit=READ)
        if since is None:
            why = batch.status.fault or Fault("timeout", "the feed has no link yet")
            return Log(fault=why)
        clock = self._ctx.clock
        wall = clock.wall()
        began = max(
            [wall - (clock.mono() - since), *(one.received_at for one in batch.items if isinstance(one, FeedGap))]
        )
        heard = [(one.received_at, one.payload) for one in batch.items if isinstance(one, FeedEvent)]
        window = pick_heard(heard, wall, minutes, began)
        return Log(window=window, length=len(heard), read=len(heard), live=True)


@asynccontextmanager
async def live_events(ctx: "Context", *, wanted: bool) -> AsyncIterator[LiveEvents | None]:
    """Listen as long as the block runs; None where the profile has a list of events, or no feed.

    Args:
        ctx: Its feed is used if it is open already.
        wanted: False for an analysis without events.
    """
    dialect = ctx.layout.dialect
    if not wanted or dialect.event_list or not subscription_of(dialect).places:
        yield None
        return
    if (feed := ctx.open_feed) is not None:
        yield LiveEvents(ctx, feed)
        return
    feed = ctx.new_feed(keep=READ)
    feed.start()
    try:
        yield LiveEvents(ctx, feed)
    finally:
        await asyncio.to_thread(feed.stop)
