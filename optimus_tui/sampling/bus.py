"""Notice events that a cluster lost between its nodes: the subscription itself shows nothing of it."""

import asyncio

from optimus_tui.context import Context
from optimus_tui.sampling.staleness import bounded, outages

EVERY_SECONDS = 2.0


class BusWatch:
    """Compares when the other nodes' links to the feed's node were made.

    What is published on one node reaches the subscribers of another over such a link. A new one means that the old one
    broke, and that what was waiting in it is lost.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._made: dict[str, int] = {}
        self._of = ""
        self._looked = float("-inf")
        self._running: asyncio.Task[None] | None = None

    def look(self) -> None:
        """Look once more, where the last look is long enough ago; of a single server nothing is asked."""
        redis, now = self._context.redis, self._context.clock.mono()
        if redis.cluster_nodes is None or now - self._looked < EVERY_SECONDS:
            return
        if self._running is None or self._running.done():
            before, self._looked = self._looked, now
            self._running = self._context.beside(self.compare(before))

    async def compare(self, before: float) -> None:
        """Compare with the last look, which was at the monotonic time ``before``; a new link is a gap of the feed."""
        from optimus_tui.probes.cluster import read_links

        context = self._context
        target = context.feed.target
        try:
            made = await bounded(read_links(context.redis, target))
        except outages():
            return  # the feed's own link tells of a node that is away
        if self._of == target.label:
            again = [name for name, at in made.items() if self._made.get(name, at) != at]
            if again:
                context.feed.doubt(before, f"the cluster's link from {again[0][:8]} was made anew")
            self._made |= made
        else:
            self._of, self._made = target.label, made
