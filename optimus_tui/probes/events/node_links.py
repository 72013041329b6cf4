"""Hear what a cluster does not pass on from node to node: keyspace notifications, and sharded channels.

Each primary has a connection of its own for them, beside the one of the feed, which hears all other channels from any
node. A node that could not be heard for a while is a gap of the feed, which nothing fills: no log keeps notifications.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from redis.crc import key_slot

from optimus_tui.clock import Clock
from optimus_tui.contract.reading import Fault
from optimus_tui.dialects.feeds.messages import Subscription
from optimus_tui.probes.events.link import FeedLink
from optimus_tui.probes.events.losses import LinkLost, pause_after
from optimus_tui.probes.events.ring import FeedRing
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.dialing import Connector
from optimus_tui.settings.model import RedisTarget, address
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.probes.redis.observer import ObserverRedis

LOOK_SECONDS = 0.5
"""Between two looks at which nodes are to be heard."""


class NodeLinks:
    """The further connections of a feed, one a node. They live in the feed's thread and loop.

    Args:
        redis: The client that knows the cluster, if there is one.
        subscription: All that the profile names.
        own: Counts what is sent.
        clock: The clock.
    """

    def __init__(self, redis: "ObserverRedis", subscription: Subscription, own: LoadMeter, clock: Clock) -> None:
        self._redis, self._subscription, self._own, self._clock = redis, subscription, own, clock
        self._ring: FeedRing | None = None
        self._running: dict[RedisTarget, tuple[Subscription, asyncio.Task[None]]] = {}
        self._silent: dict[str, Fault] = {}
        self._since: float | None = None
        """Since when the notifications of a node that is heard no more are missing."""
        self._begun = False

    @property
    def for_main(self) -> Subscription:
        """Return what the feed's own connection subscribes to: in a cluster, without the sharded channels."""
        if self._redis.cluster_nodes is None:
            return self._subscription
        return self._subscription.without_shards

    def servers(self) -> tuple[RedisTarget, ...]:
        """Return the servers to which the feed's own connection can be made.

        For notifications these are only primaries.
        """
        if self._subscription.of_one_node.places:
            return self._redis.live_primaries()
        return self._redis.live_targets()

    def wanted(self, main: RedisTarget) -> dict[RedisTarget, Subscription]:
        """Return what to subscribe to on each node other than ``main``, the server of the feed's own connection."""
        nodes, local = self._redis.cluster_nodes, self._subscription.of_one_node
        if nodes is None or not nodes.primaries:
            return {}
        wanted = dict.fromkeys((one for one in self._redis.live_primaries() if one != main), local)
        for channel in self._subscription.shards:
            owner = nodes.owner(key_slot(channel))
            if owner is not None:
                target = self._redis.target.at(*owner)
                wanted[target] = wanted.get(target, Subscription()).with_shard(channel)
        return {target: places for target, places in wanted.items() if places.places}

    def missing_since(self, mono: float) -> None:
        """Note that the feed's own connection was lost: notifications of its server are missing from then on."""
        if self._subscription.of_one_node.places:
            self._since = mono if self._since is None else min(mono, self._since)

    async def run(self, ring: FeedRing, main: Callable[[], RedisTarget]) -> None:
        """Keep a connection to each node that is to be heard, until cancelled."""
        self._ring = ring
        try:
            while True:
                self._adjust(self.wanted(main()))
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._adjust({})
            self._begun = False

    def _adjust(self, wanted: dict[RedisTarget, Subscription]) -> None:
        for target, (places, task) in list(self._running.items()):
            if wanted.get(target) != places or task.done():
                task.cancel()
                del self._running[target]
                self._tell(target, None)
        new = [target for target in wanted if target not in self._running]
        since = (self._since or self._clock.mono()) if self._begun else None
        for target in new:
            task = asyncio.ensure_future(self._hear(target, wanted[target], since))
            self._running[target] = wanted[target], task
        if new:
            self._begun, self._since = True, None

    async def _hear(self, target: RedisTarget, places: Subscription, since: float | None) -> None:
        """Hear one node again and again. ``since``: from when on something is missing; None where nothing is."""
        tries, connector = 0, Connector(target)
        loop = asyncio.get_running_loop()
        try:
            while True:
                link = FeedLink(connector, self._own, self._take, _nothing, places)
                try:
                    await link.open()
                    self._tell(target, None)
                    self._mark(target, places, since)
                    tries, since = 0, None
                    await link.stay()
                except LinkLost as lost:
                    tries += 1
                    since = since or self._clock.mono() - (loop.time() - link.heard)
                    self._tell(target, lost.fault)
                    fault = lost.fault
                finally:
                    link.close()
                if (nodes := self._redis.cluster_nodes) is not None:
                    nodes.doubt()
                await asyncio.sleep(pause_after(fault, tries))
        finally:
            if places.of_one_node.places:
                self.missing_since(since or self._clock.mono())

    def _take(self, replies: list[list[bytes]]) -> None:
        if self._ring is not None:
            self._ring.add(replies, self._clock.wall(), self._clock.mono())

    def _mark(self, target: RedisTarget, places: Subscription, since: float | None) -> None:
        if since is None or self._ring is None:
            return
        what = "sharded channels" if not places.of_one_node.places else "keyspace notifications"
        reason = f"{what} of {_place(target)} were not heard; no log keeps them"
        self._ring.mark_gap(self._clock.wall(), self._clock.mono() - since, reason)

    def _tell(self, target: RedisTarget, fault: Fault | None) -> None:
        """Tell on the truth line which nodes are not heard."""
        where = _place(target)
        self._silent.pop(where, None)
        if fault is not None:
            self._silent[where] = fault
        if self._ring is None:
            return
        self._ring.lacking.pop("nodes", None)
        if self._silent:
            names = next(iter(self._silent)) if len(self._silent) == 1 else plural(len(self._silent), "node")
            self._ring.lacking["nodes"] = Fault(fault.kind if fault else "refused", f"{names} not heard")


def _place(target: RedisTarget) -> str:
    return safe_text(address(target.host, target.port), 60)


def _nothing() -> None:
    """Do nothing: bytes from a node's connection say nothing about the feed's own."""


async def ended(task: "asyncio.Task[None] | None") -> None:
    """Cancel a task and wait for its end."""
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
