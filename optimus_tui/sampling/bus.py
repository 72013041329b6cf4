"""Notice events that a cluster lost between its nodes: the feed's own subscription does not show that."""

import asyncio

from msgspec.structs import replace

from optimus_tui.context import Context
from optimus_tui.sampling.staleness import bounded, outages, redis_fault

EVERY_SECONDS = 2.0


class BusWatch:
    """Watches the links of a cluster's other nodes to the node that the feed listens to.

    What is published on one node reaches the subscribers of another over such a link. A link that is newer than at the
    last look means that the old one broke, and that events in it were lost.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._made: dict[str, int] = {}
        self._broken: dict[str, float] = {}
        self._of = ""
        self._looked = float("-inf")
        self._running: asyncio.Task[None] | None = None

    def look(self) -> None:
        """Look again if the last look is long enough ago. A single server is not asked anything."""
        redis, now = self._context.redis, self._context.clock.mono()
        if redis.cluster_nodes is None or now - self._looked < EVERY_SECONDS:
            return
        if self._running is None or self._running.done():
            before, self._looked = self._looked, now
            self._running = self._context.beside(self.compare(before))

    async def compare(self, before: float) -> None:
        """Report a gap of the feed if a link broke or was made again since the last look.

        It begins where the link broke, as far as that was seen; else at the last look, ``before`` in monotonic seconds.
        """
        from optimus_tui.probes.cluster import read_links

        context = self._context
        target = context.feed.target
        try:
            made = await bounded(read_links(context.redis, target))
        except outages() as error:
            fault = redis_fault(error, context)
            if fault.kind in ("denied", "invalid"):  # of a node that is away the feed's own link tells
                context.feed.say_lacking("links", replace(fault, message="gaps between nodes cannot be seen"))
            return
        context.feed.say_lacking("links", None)
        if self._of != target.label:
            self._of, self._made, self._broken = target.label, made, {}
            return
        gone = [name for name in self._made if name not in made and name not in self._broken]
        again = [name for name, at in made.items() if self._made.get(name, at) != at]
        since = min((self._broken.pop(name, before) for name in again), default=before)
        self._broken |= dict.fromkeys(gone, before)
        self._made |= made
        if again:
            context.feed.doubt(since, f"the cluster's link from {again[0][:8]} was made again")
        elif gone:
            context.feed.doubt(before, f"the cluster's link from {gone[0][:8]} broke")
