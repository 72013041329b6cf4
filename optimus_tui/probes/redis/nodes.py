"""Send each command to the node of a cluster that owns the slot of its key.

There is one client for each server, made as for a single server, with the same checks, log and caps. Reads follow
redirections and are repeated if a node is lost; writes (of the integration test's own key) are not. redis-py's own
cluster client is not used: it waits seconds on a lost node, cannot start while the first primary is away, and loses
reads while slots move.
"""

import asyncio
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any, Generic

from redis.exceptions import AskError, MovedError, RedisError, ResponseError
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import TimeoutError as NoAnswer

from optimus_tui.clock import Clock
from optimus_tui.contract.cluster import SLOTS, Failover
from optimus_tui.probes.redis.commands import OWN_KEY, Word, as_bytes
from optimus_tui.probes.redis.dialing import NodeAway, SlotLost
from optimus_tui.probes.redis.replicas import ReplicaChoice
from optimus_tui.probes.redis.servers import Client, NodeClient, Servers
from optimus_tui.probes.redis.slots import ListedNode, NodeAddress, SlotRange, parse_nodes, parse_slots, slot_of
from optimus_tui.settings.model import RedisTarget

AWAY_SECONDS = 2.0
"""A node that did not answer is not asked again for so long: a hung one would cost every batch a second."""
LEARN_SECONDS = 0.5
"""The least time between two looks at who owns which slot."""
RELEARN_SECONDS = 30.0
MOST_HOPS = 4
MOST_FAILOVERS = 200
MOST_REPLICAS = 4_096
CLAIM_SECONDS = 60.0
"""After so long a failover counts although the heir itself did not confirm it."""
LOST_SERVER = (LostConnection, NoAnswer, OSError)
Words = Sequence[Word]


class ClusterNodes(Generic[Client]):
    """The nodes of one cluster. ``run`` sends commands to the owners of their keys.

    ``failovers`` are those seen since the start; ``known`` has the addresses of nodes by their ids.
    """

    def __init__(self, target: RedisTarget, make: Callable[[RedisTarget], Client], clock: Clock) -> None:
        self.servers = Servers(target, make)
        self.replicas = ReplicaChoice(self.servers, clock) if target.read_from == "replica" else None
        self._seeds, self._clock = [NodeAddress(*seed) for seed in target.seeds], clock
        self._owners: list[NodeAddress | None] = [None] * SLOTS
        self._replicas: tuple[NodeAddress, ...] = ()
        self._last_owners: list[NodeAddress | None] = [None] * SLOTS
        self._were_replicas: tuple[NodeAddress, ...] = ()
        self.known: dict[str, NodeAddress] = {}
        self._learnt = float("-inf")
        self._doubted = True
        self._turn = -1
        self._learning = asyncio.Lock()
        self._fault: NodeAway | None = None
        self._away: dict[NodeAddress, tuple[float, BaseException]] = {}
        self.primaries: tuple[NodeAddress, ...] = ()
        self.failovers: tuple[Failover, ...] = ()
        self._claims: list[Failover] = []
        """Failovers that the heir has not confirmed so far."""
        self.moving: frozenset[str] = frozenset()
        """Slots on their way to another node, as the primaries said at the last scan."""

    @property
    def places(self) -> tuple[NodeAddress, ...]:
        """Return the address of every node that owns slots, or is a replica of one that does."""
        copies = self.replicas.copies.values() if self.replicas is not None else ()
        return tuple(dict.fromkeys((*self.primaries, *self._replicas, *(one for some in copies for one in some))))

    async def ready(self) -> None:
        """Ask who owns which slot, if that is not known or may have changed.

        Raises:
            NodeAway: No node answers.
        """
        if self._due:
            async with self._learning:
                if self._due:
                    await self._learn()
        if self._fault is not None:
            raise self._fault
        if self.replicas is not None:
            await self.replicas.look()

    @property
    def _due(self) -> bool:
        age = self._clock.mono() - self._learnt
        asked_again = self._doubted or bool(self._claims)
        return age >= RELEARN_SECONDS or (asked_again and age >= LEARN_SECONDS)

    async def learn(self) -> None:
        """Ask who owns which slot.

        Raises:
            NodeAway: No node answers.
            InvalidResponse: The server that answers is not a node of a cluster.
        """
        async with self._learning:
            await self._learn()

    async def _learn(self) -> None:
        why: BaseException = LostConnection("no node is known")
        first = self._seeds[0]
        for place in self.candidates():
            try:
                rows = parse_slots(await self.servers.at(place).execute_command("CLUSTER", "SLOTS"))
                listed = await self.listed(place) if self.replicas is not None else ()
            except (RedisError, OSError) as error:
                why, first = error, place
                self.note_away(place, error)
                continue
            self._away.pop(place, None)
            heirs = self._take(rows, place)
            if self.replicas is not None:
                self.replicas.know(self._copies(listed, place))
            self._claims += [Failover(self._clock.wall(), str(old), str(new)) for old, new in heirs]
            self._claims = [claim for claim in self._claims if not await self._settled(claim)]
            await self.servers.keep_only((*self.places, *self._seeds))
            return
        self._learnt, self._doubted = self._clock.mono(), True
        self._fault = NodeAway(self.servers.at(first).target, why)
        raise self._fault

    def doubt(self) -> None:
        """Ask again, with the next command, who owns which slot. Safe to call in any thread."""
        self._doubted = True

    def owner(self, slot: int) -> NodeAddress | None:
        """Return the owner of a slot, as far as it is known. Safe to call in any thread."""
        return self._owners[slot]

    def candidates(self) -> list[NodeAddress]:
        """Return the nodes that can be asked about the cluster, with those that did not answer lately at the end."""
        known = dict.fromkeys((*self.places, *self._seeds))
        return sorted(known, key=lambda place: place in self._away)

    def _take(self, rows: Sequence[SlotRange], via: NodeAddress) -> list[tuple[NodeAddress, NodeAddress]]:
        """Take a node's word on who owns which slot; return the primaries that were followed, each with its heir."""
        owners: list[NodeAddress | None] = [None] * SLOTS
        primaries: dict[NodeAddress, None] = {}
        replicas: dict[NodeAddress, None] = {}
        known: dict[str, NodeAddress] = {}
        for row in rows:
            owner = known[row.owner.id] = self.servers.reach(row.owner.host, row.owner.port, via)
            copies = {one.id: self.servers.reach(one.host, one.port, via) for one in row.replicas}
            primaries[owner] = None
            replicas |= dict.fromkeys(copies.values())
            known |= copies
            owners[row.first : row.last + 1] = [owner] * (row.last - row.first + 1)
        heirs = self._heirs(owners, primaries)
        self._last_owners = [new or was for was, new in zip(self._last_owners, owners, strict=True)]
        were = dict.fromkeys((*replicas, *self._were_replicas))
        self._were_replicas = tuple(one for one in were if one not in primaries)[:MOST_REPLICAS]
        self._owners, self.known = owners, known
        self.primaries, self._replicas = tuple(primaries), tuple(replicas)
        self._learnt, self._doubted, self._fault = self._clock.mono(), False, None
        return heirs

    def _copies(self, listed: Iterable[ListedNode], via: NodeAddress) -> dict[NodeAddress, tuple[NodeAddress, ...]]:
        """Return the replicas of each primary: CLUSTER SLOTS leaves out one that was silent for a moment."""
        nodes = [node for node in listed if not node.flags & {"noaddr", "handshake"}]
        ids = {node.id: self.place_of(node, via) for node in nodes if node.primary}
        return {
            place: tuple(self.place_of(node, via) for node in nodes if node.master == primary)
            for primary, place in ids.items()
            if place in self.primaries
        }

    def _heirs(
        self, owners: Sequence[NodeAddress | None], primaries: Container[NodeAddress]
    ) -> list[tuple[NodeAddress, NodeAddress]]:
        """Return each primary that owns no slot any more, with what was a replica and owns its slots now.

        Its slots may have belonged to nobody for a while, in which neither of the two was listed.
        """
        found = []
        for old in dict.fromkeys(self._last_owners):
            if old is None or old in primaries:
                continue
            heirs = {new for was, new in zip(self._last_owners, owners, strict=True) if was == old}
            new = heirs.pop()
            if not heirs and new is not None and new in self._were_replicas:
                found.append((old, new))
        return found

    async def _settled(self, claim: Failover) -> bool:
        """Take in a failover that the heir confirms: another node's word may be of before it. False: ask it again.

        That word is enough once it has stood for ``CLAIM_SECONDS``: an heir may never be allowed to answer.
        """
        heir = next((place for place in self.primaries if str(place) == claim.new), None)
        if heir is None:
            return True
        itself = await self._itself(heir)
        late = self._clock.wall() - claim.at >= CLAIM_SECONDS
        if itself is None and not late:
            return False
        if itself is None or itself.primary:
            self.failovers = (*self.failovers, claim)[-MOST_FAILOVERS:]
        return True

    def reading_place(self, primary: NodeAddress) -> NodeAddress | None:
        """Return where keys of a primary are read: there, or on a replica; None where no replica is in step with it."""
        if self.replicas is None:
            return primary
        return self.replicas.of(primary)

    def reader(self, primary: NodeAddress) -> Client:
        """Return the client by which keys of a primary are read.

        Raises:
            NodeAway: No replica is in step with it.
        """
        place = self.reading_place(primary)
        if place is None:
            assert self.replicas is not None
            raise NodeAway(self.servers.at(primary).target, self.replicas.cut_off(primary))
        return self.servers.at(place)

    def _nobody(self, slot: int | None) -> ResponseError | NodeAway:
        """Return why nobody can be asked about a slot."""
        owner = self._owners[slot] if slot is not None else None
        if owner is None or self.replicas is None:
            return SlotLost(f"CLUSTERDOWN slot {slot} belongs to no node")
        return NodeAway(self.servers.at(owner).target, self.replicas.cut_off(owner))

    def lost_slots(self, dead: Iterable[NodeAddress]) -> tuple[tuple[int, int], ...]:
        """Return the ranges of slots that no node owns, or only one of the nodes in ``dead``."""
        gone: set[NodeAddress | None] = {None, *dead}
        ranges: list[tuple[int, int]] = []
        for slot, owner in enumerate(self._owners):
            if owner not in gone:
                continue
            if ranges and ranges[-1][1] == slot - 1:
                ranges[-1] = (ranges[-1][0], slot)
            else:
                ranges.append((slot, slot))
        return tuple(ranges)

    def place_of(self, node: ListedNode, via: NodeAddress) -> NodeAddress:
        """Return the address at which a node of CLUSTER NODES is reached; ``via`` is the node that listed it."""
        return self.known.get(node.id) or self.servers.reach(node.host, node.port, via)

    async def listed(self, place: NodeAddress) -> list[ListedNode]:
        """Return the nodes of the cluster, as the one at ``place`` lists them."""
        return parse_nodes(await self.servers.at(place).execute_command("CLUSTER", "NODES"))

    async def marks(self) -> dict[NodeAddress, tuple[object, ...] | None]:
        """Return the role, epoch and slots that each primary says it has; None for one that does not answer that.

        Only if they are the same before and after a scan can no key have moved meanwhile.
        """
        await self.ready()
        told = dict(zip(self.primaries, await asyncio.gather(*map(self._itself, self.primaries)), strict=True))
        self.moving = frozenset(slot for node in told.values() if node is not None for slot in node.moving_slots)
        return {place: node.mark if node is not None else None for place, node in told.items()}

    async def _itself(self, place: NodeAddress) -> ListedNode | None:
        """Return what a node says of itself: only there it lists the slots that are on their way."""
        try:
            nodes = await self.listed(place)
        except (RedisError, OSError):
            return None
        return next((node for node in nodes if "myself" in node.flags), None)

    async def one(self, words: Words) -> Any:
        """Send one command and return its reply; raise the error if the reply is one."""
        (reply,) = await self.run([words])
        if isinstance(reply, BaseException):
            raise reply
        return reply

    async def run(self, commands: Sequence[Words]) -> list[Any]:
        """Send reading commands to the owners of their keys and return the replies in order, errors among them.

        In the place of a reply from a node that is away there is a ``NodeAway``.
        """
        await self.ready()
        slots = [slot_of(words) for words in commands]
        replies: list[Any] = [None] * len(commands)
        asked: dict[int, NodeAddress | None] = {}
        open_ones = list(range(len(commands)))
        for hop in range(MOST_HOPS):
            groups: dict[NodeAddress, list[int]] = {}
            for index in open_ones:
                asked[index] = place = self._place(slots[index], commands[index])
                if place is None:
                    replies[index] = self._nobody(slots[index])
                else:
                    groups.setdefault(place, []).append(index)
            await asyncio.gather(*(self._send(*group, commands, replies) for group in groups.items()))
            for index in open_ones:
                await self._follow(replies, index, commands[index], asked[index])
            if self._doubted and hop < MOST_HOPS - 1:
                await self._look_again()
            open_ones = [
                index for index in open_ones if self._again(replies[index], slots[index], asked[index], commands[index])
            ]
            if not open_ones:
                break
        return replies

    async def _look_again(self) -> None:
        try:
            await self.ready()
        except (RedisError, OSError):
            return  # the replies that there are say what is known

    def _again(self, reply: object, slot: int | None, asked: NodeAddress | None, words: Words) -> bool:
        """Return whether to repeat the command on the slot's present owner: it is another node than the one asked.

        A node that refused with MOVED did nothing. One that sent no reply may have carried the command out.
        """
        if not (isinstance(reply, MovedError) or (isinstance(reply, NodeAway) and not writes(words))):
            return False
        place = self._place(slot, words)
        return place is not None and place != asked and place not in self._away

    def _place(self, slot: int | None, words: Words) -> NodeAddress | None:
        """Return whom to ask about a slot, its owner or a replica of it; without a slot, the next of the primaries."""
        if slot is not None:
            owner = self._owners[slot]
            if owner is None or writes(words):
                return owner
            return self.reading_place(owner)
        living = [place for place in self.primaries if place not in self._away] or [*self.primaries, *self._seeds]
        self._turn += 1
        return living[self._turn % len(living)]

    async def _send(
        self, place: NodeAddress, indices: list[int], commands: Sequence[Words], replies: list[Any]
    ) -> None:
        client = self.servers.at(place)
        since, why = self._away.get(place, (float("-inf"), LostConnection("away")))
        if self._clock.mono() - since >= AWAY_SECONDS:
            try:
                for index, reply in zip(indices, await together(client, [commands[i] for i in indices]), strict=True):
                    replies[index] = reply
                self._away.pop(place, None)
                return
            except LOST_SERVER as error:
                why = error
                self.note_away(place, error)
        self._doubted = True  # as long as it is away, another node may take its slots at any time
        for index in indices:
            replies[index] = NodeAway(client.target, why)

    def note_away(self, place: NodeAddress, error: BaseException) -> None:
        """Note that a node did not answer: it is not asked for a while, and the owners of slots are asked for again."""
        self._away[place] = self._clock.mono(), error
        self._doubted = True

    async def _follow(self, replies: list[Any], index: int, words: Words, via: NodeAddress | None) -> None:
        """Follow a redirection: the slot has moved for good, or only this key has (ASK)."""
        error = replies[index]
        if not isinstance(error, AskError) or via is None:
            return
        place = self.servers.reach(error.host, error.port, via)
        if isinstance(error, MovedError):  # a subclass of AskError
            if 0 <= error.slot_id < SLOTS:
                self._owners[error.slot_id] = place
            self._doubted = True
            return
        client = self.servers.at(place)
        try:
            replies[index] = (await together(client, [("ASKING",), words]))[1]
        except LOST_SERVER as lost:
            replies[index] = NodeAway(client.target, lost)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.servers.aclose()


def writes(words: Words) -> bool:
    """Return True for the two commands that write the integration test's own key."""
    return as_bytes(words[0]).lower().decode("latin-1") in OWN_KEY


async def together(client: NodeClient, commands: Sequence[Words]) -> list[Any]:
    """Send commands on one connection, in one round trip, and return the replies, errors among them."""
    if len(commands) == 1:
        try:
            return [await client.execute_command(*commands[0])]
        except ResponseError as error:
            return [error]
    pipe = client.pipeline()
    for words in commands:
        pipe.execute_command(*words)
    replies: list[Any] = await pipe.execute(raise_on_error=False)
    return replies
