"""Send each command to the primary that the sentinels name, because only they know which server it is."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple

from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import NoPermissionError, RedisError

from optimus_tui.clock import Clock
from optimus_tui.contract.cluster import Failover
from optimus_tui.probes.redis.dialing import NodeAway, Unproven
from optimus_tui.probes.redis.nodes import LOST_SERVER, MOST_FAILOVERS, Words, together, writes
from optimus_tui.probes.redis.parser import fields_of, items_of
from optimus_tui.probes.redis.replicas import ReplicaChoice
from optimus_tui.probes.redis.servers import Client, NodeClient, Servers
from optimus_tui.probes.redis.slots import NodeAddress
from optimus_tui.settings.model import RedisTarget

MOST_REPLICAS = 100
PROOF_SECONDS = 2.0
"""The sentinels are asked again after this time, which primary is in office."""


class WatchedReplica(NamedTuple):
    """A replica as a sentinel lists it; ``down`` is the sentinel's word, which we may not be able to try."""

    place: NodeAddress
    down: bool


class SentinelPrimary(Generic[Client]):
    """The primary that sentinels name. Most of those that answer must name the same address.

    A primary that was demoted still says that it is one, and accepts writes that will be lost, so it is not believed.
    The sentinels are asked again every two seconds, and after each lost connection.
    """

    def __init__(
        self,
        target: RedisTarget,
        make: Callable[[RedisTarget], Client],
        ask: Callable[[RedisTarget], NodeClient],
        clock: Clock,
    ) -> None:
        self.servers, self._target, self._clock = Servers(target, make), target, clock
        self.replicas = ReplicaChoice(self.servers, clock) if target.read_from == "replica" else None
        self._sentinels = {NodeAddress(*seed): ask(target.sentinel_at(*seed)) for seed in target.seeds}
        self._place: NodeAddress | None = None
        self._proven = float("-inf")
        self._proving = asyncio.Lock()
        self.failovers: tuple[Failover, ...] = ()
        self.answers: dict[NodeAddress, NodeAddress | BaseException | None] = {}
        """What each sentinel said last: the primary that it names, its error, or None where it knows none."""

    @property
    def place(self) -> NodeAddress | None:
        """Return the address of the primary that the sentinels agreed on last; None before the first time."""
        return self._place

    async def primary(self, *, now: bool = False, by_all: bool = False) -> Client:
        """Return the client of the primary.

        Args:
            now: Ask the sentinels, however new their last answer is.
            by_all: A majority of all sentinels must name it, not only of those that answer: needed for writing.

        Raises:
            Unproven: They do not name one, or do not agree.
        """
        async with self._proving:
            if now or self._place is None or self._clock.mono() - self._proven >= PROOF_SECONDS:
                await self._prove(by_all)
        assert self._place is not None
        return self.servers.at(self._place)

    async def _prove(self, by_all: bool) -> None:
        answers = await asyncio.gather(*(self._named_by(place) for place in self._sentinels))
        self.answers = dict(zip(self._sentinels, answers, strict=True))
        named = [answer for answer in answers if isinstance(answer, NodeAddress)]
        errors = [answer for answer in answers if isinstance(answer, BaseException)]
        votes = {place: named.count(place) for place in named}
        best = max(votes, key=votes.__getitem__, default=None)
        voters = len(self._sentinels) if by_all else len(self._sentinels) - len(errors)
        if best is None or 2 * votes[best] <= voters:
            self._proven = float("-inf")
            raise self._unproven(len(named), errors)
        if self._place is not None and best != self._place:
            found = Failover(self._clock.wall(), str(self._place), str(best))
            self.failovers = (*self.failovers, found)[-MOST_FAILOVERS:]
            await self.servers.keep_only((best,))
        self._place, self._proven = best, self._clock.mono()
        if self.replicas is not None:
            try:
                copies = tuple(copy.place for copy in await self.copies())
            except (RedisError, OSError):
                copies = ()
            self.replicas.know({best: copies})

    def _unproven(self, named: int, errors: Sequence[BaseException]) -> Exception:
        service = self._target.service
        if len(errors) == len(self._sentinels):
            (first, *_) = self._sentinels.values()
            return NodeAway(first.target, errors[0])
        if not named:
            return Unproven("the sentinels watch nothing of that name")
        if errors:
            answered = f"{named} of {len(self._sentinels)} sentinels answer"
            return Unproven(f"{answered}, which does not prove the primary of {service}")
        return Unproven(f"the sentinels do not agree which server is the primary of {service}")

    async def _named_by(self, place: NodeAddress) -> "NodeAddress | BaseException | None":
        """Return the address that one sentinel names; the error where it does not answer, None where it knows none."""
        words = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._target.service)
        try:
            reply = await self._sentinels[place].execute_command(*words)
        except (RedisError, OSError) as error:
            return error
        match reply:
            case [bytes(host), bytes(port)] if port.isdigit() and len(port) < 6:
                return self.servers.reach(host.decode("ascii", "replace"), int(port), place)
        return None

    async def copies(self) -> tuple[WatchedReplica, ...]:
        """Return the replicas that the first sentinel to answer names.

        Raises:
            RedisError: No sentinel answers.
            OSError: Likewise.
        """
        why: RedisError | OSError = LostConnection("no sentinel is known")
        for place, client in self._sentinels.items():
            try:
                rows = items_of(await client.execute_command("SENTINEL", "REPLICAS", self._target.service))
            except NoPermissionError:
                raise  # the others have the same users
            except (RedisError, OSError) as error:
                why = error
                continue
            found = []
            for row in rows[:MOST_REPLICAS]:
                fields = fields_of(row)
                match fields:
                    case {b"ip": bytes(host), b"port": bytes(port)} if port.isdigit() and len(port) < 6:
                        at = self.servers.reach(host.decode("ascii", "replace"), int(port), place)
                        flags = fields.get(b"flags")
                        found.append(WatchedReplica(at, isinstance(flags, bytes) and b"_down" in flags))
            return tuple(found)
        raise why

    async def reader(self) -> Client:
        """Return the client by which keys are read: that of the primary, or of a replica.

        Raises:
            NodeAway: No replica is in step with the primary.
            Unproven: The sentinels do not say which server is the primary, or do not agree.
        """
        primary = await self.primary()
        if self.replicas is None:
            return primary
        await self.replicas.look()
        assert self._place is not None
        place = self.replicas.of(self._place)
        if place is None:
            raise NodeAway(primary.target, self.replicas.cut_off(self._place))
        return self.servers.at(place)

    async def one(self, words: Words) -> Any:
        """Send one command and return its reply; raise the error if the reply is one."""
        (reply,) = await self.run([words])
        if isinstance(reply, BaseException):
            raise reply
        return reply

    async def run(self, commands: Sequence[Words]) -> list[Any]:
        """Send reading commands to the primary and return the replies in order, errors among them."""
        choose = self.primary if any(map(writes, commands)) else self.reader
        client = await choose()
        try:
            return await together(client, commands)
        except LOST_SERVER as error:
            self._proven = float("-inf")
            if any(map(writes, commands)) or await choose() is client:
                raise NodeAway(client.target, error) from None
            return await together(await choose(), commands)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.servers.aclose()
        for client in self._sentinels.values():
            await client.aclose()
