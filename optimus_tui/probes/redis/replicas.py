"""Choose the replica that is read instead of its primary, and know how far it is behind."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Generic

from msgspec import Struct
from redis.exceptions import RedisError

from optimus_tui.clock import Clock
from optimus_tui.grammar.info import amount, parse_info
from optimus_tui.probes.redis.dialing import NodeAway, ReplicaCutOff
from optimus_tui.probes.redis.servers import Client, Servers
from optimus_tui.probes.redis.slots import NodeAddress
from optimus_tui.wording.numbers import plural, size

LOOK_SECONDS = 2.0
"""Between two looks at which replicas are in step with their primaries."""


class Freshness(Struct, frozen=True):
    """A replica's distance from its primary, in bytes that the primary wrote since; None where it is not known."""

    place: NodeAddress
    behind: int | None


class ReplicaChoice(Generic[Client]):
    """The choice of the replica that is read for each primary. One with a broken link is not: its keys may be old.

    ``copies`` are the replicas of each primary, as far as they are known.
    """

    def __init__(self, servers: Servers[Client], clock: Clock) -> None:
        self._servers, self._clock = servers, clock
        self.copies: Mapping[NodeAddress, Sequence[NodeAddress]] = {}
        self.chosen: dict[NodeAddress, Freshness] = {}
        self._unlisted: NodeAway | None = None
        self._unasked: dict[NodeAddress, NodeAway] = {}
        self._looked = float("-inf")
        self._looking = asyncio.Lock()

    def know(self, copies: Mapping[NodeAddress, Sequence[NodeAddress]], unlisted: NodeAway | None = None) -> None:
        """Store the replicas of each primary; if they have changed, the next look is due at once.

        ``unlisted`` says why they are only those that were known before.
        """
        self._unlisted = unlisted
        if copies != self.copies:
            self.copies, self._looked = copies, float("-inf")

    async def look(self, *, now: bool = False) -> None:
        """Choose again if the last look is old, or if ``now`` is set. Raises nothing."""
        async with self._looking:
            if not now and self._clock.mono() - self._looked < LOOK_SECONDS:
                return
            copies = self.copies
            places = list(dict.fromkeys((*copies, *(one for some in copies.values() for one in some))))
            told = dict(zip(places, await asyncio.gather(*map(self._told, places)), strict=True))
            said = {place: one for place, one in told.items() if not isinstance(one, NodeAway)}
            self._unasked = {place: one for place, one in told.items() if isinstance(one, NodeAway)}
            self.chosen = {
                primary: fresh for primary, some in copies.items() if (fresh := self._best(primary, some, said))
            }
            self._looked = self._clock.mono()

    def of(self, primary: NodeAddress) -> NodeAddress | None:
        """Return the replica to read; None where none is in step."""
        fresh = self.chosen.get(primary)
        if fresh is None:
            return None
        return fresh.place

    def cut_off(self, primary: NodeAddress) -> ReplicaCutOff | NodeAway:
        """Return why no replica of a primary is read: it has none in step, or that could not be asked."""
        lost = [self._unasked[copy] for copy in self.copies.get(primary, ()) if copy in self._unasked]
        if why := [*lost, *filter(None, [self._unlisted])]:
            return why[0]
        return ReplicaCutOff(f"no replica of {primary} has a link to it")

    @property
    def words(self) -> str:
        """Return from where the keys are read, and how old that may be: for the truth line."""
        number, lacking = len(self.chosen), len(self.copies) - len(self.chosen)
        lags = [fresh.behind for fresh in self.chosen.values()]
        known = [lag for lag in lags if lag is not None]
        if not number and (self._unlisted or self._unasked):
            return "no replica could be asked"
        if not number:
            return "no replica is in step"
        lag = "in step"
        if len(known) < len(lags):
            lag = "lag unknown"
        elif max(known):
            lag = f"{size(max(known))} behind"
        text = f"from {plural(number, 'replica')}, {lag}"
        if lacking:
            return f"{text}, {lacking} cut off"
        return text

    async def _told(self, place: NodeAddress) -> dict[str, str] | NodeAway:
        client = self._servers.at(place)
        try:
            reply = await client.execute_command("INFO", "replication")
        except (RedisError, OSError) as error:
            return NodeAway(client.target, error)
        return parse_info(reply)

    def _best(
        self, primary: NodeAddress, copies: Sequence[NodeAddress], said: Mapping[NodeAddress, Mapping[str, str]]
    ) -> Freshness | None:
        """Return the replica that is read already, where it is in step, else the one that has most of the data."""
        written = amount(said.get(primary, {}), "master_repl_offset")
        linked = [one for one in copies if one in said and said[one].get("master_link_status") == "up"]
        if not linked:
            return None
        best = max(linked, key=lambda one: amount(said[one], "slave_repl_offset") or 0)
        if (before := self.of(primary)) in linked:
            best = before
        has = amount(said[best], "slave_repl_offset")
        return Freshness(best, None if written is None or has is None else max(0, written - has))
