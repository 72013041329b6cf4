"""The servers that one action works on: one, the primaries of a cluster, or the primary that sentinels name.

Each has a guarded connection of its own, opened when it is first used and never again. Only reading
commands follow a redirection: a write that a node refuses is not sent to another one.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from redis.exceptions import ResponseError

from optimus_tui.actions.redis.identity import (
    CLUSTER_NODES,
    LOOK,
    ServerReplies,
    SlotOwners,
    identify,
    node_of,
    refuse_insecure,
    where_of,
)
from optimus_tui.actions.redis.operator_connection import (
    ConnectionLost,
    Listener,
    OperatorConnection,
    Permit,
    open_operator_connection,
)
from optimus_tui.actions.redis.recipe import REDIRECTED
from optimus_tui.contract.actions import NodeWhere, Plan, Refusal, Where
from optimus_tui.contract.reading import Fault
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.commands import Word
from optimus_tui.probes.redis.dialing import NodeAway
from optimus_tui.probes.redis.nodes import ClusterNodes
from optimus_tui.probes.redis.observer import sentinel_client
from optimus_tui.probes.redis.sentinels import SentinelPrimary
from optimus_tui.settings.model import RedisTarget, Settings, address
from optimus_tui.settings.tuning import TUNING
from optimus_tui.wording.safe import safe_text

TRIP = 100
WAIT_MS = 1000
"""How long one WAIT lasts: shorter than a reply is waited for."""


class OperatorClient:
    """The operator's client of one server: its connection is opened with the first command, and never again."""

    def __init__(self, target: RedisTarget, permit: Permit, own: LoadMeter, heard: Listener | None) -> None:
        self.target, self._permit, self._own, self._heard = target, permit, own, heard
        self._connection: OperatorConnection | None = None
        self._opening = asyncio.Lock()

    async def connected(self) -> OperatorConnection:
        """Return the connection, which may have ended.

        Raises:
            ConnectionLost: It cannot be opened, or nothing may be written that way.
        """
        async with self._opening:
            if self._connection is None:
                if (refused := refuse_insecure(self.target)) is not None:
                    raise ConnectionLost(Fault("refused", refused.message, refused.remedy))
                self._connection = await open_operator_connection(self.target, self._permit, self._own, self._heard)
            return self._connection

    async def together(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Send commands in one round trip and return their replies, errors among them; raise NodeAway."""
        try:
            return await (await self.connected()).together(commands)
        except ConnectionLost as lost:
            raise NodeAway(self.target, lost) from None

    async def execute_command(self, *words: Any, **_options: Any) -> Any:
        """Send one command and return its reply; raise its error, or NodeAway."""
        (reply,) = await self.together([words])
        if isinstance(reply, Exception):
            raise reply
        return reply

    def pipeline(self) -> "OperatorPipeline":
        """Return a pipeline."""
        return OperatorPipeline(self)

    async def aclose(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()


class OperatorPipeline:
    """Commands in one round trip."""

    def __init__(self, client: OperatorClient) -> None:
        self._client = client
        self._commands: list[tuple[Any, ...]] = []

    def execute_command(self, *words: Any) -> None:
        """Queue a command."""
        self._commands.append(words)

    async def execute(self, raise_on_error: bool = False) -> list[Any]:
        """Send all commands and return their replies, errors among them."""
        return await self._client.together(self._commands)


class OperatorServers:
    """The servers of one action, for use by one task.

    Args:
        target: The operator's login.
        permit: What may be sent, to each of the servers.
        own: The meter of this program's load.
        heard: Called with each command that the permit lets through, or None.
        nodes: The primaries of the cluster as far as they are known already: any of them may be asked for the others.
        replicas_seconds: How long the replicas are waited for.
    """

    def __init__(
        self,
        target: RedisTarget,
        permit: Permit,
        own: LoadMeter,
        heard: Listener | None = None,
        nodes: Sequence[NodeWhere] = (),
        replicas_seconds: float = TUNING.replicas_seconds,
    ) -> None:
        self._target, self._permit, self._own, self._heard = _with_seeds(target, nodes), permit, own, heard
        self._replicas_seconds = replicas_seconds
        self._cluster: ClusterNodes[OperatorClient] | None = None
        self._sentinels: SentinelPrimary[OperatorClient] | None = None
        self._one: OperatorClient | None = None
        self._replicas: dict[str, int] = {}
        if target.topology == "cluster" or nodes:
            self._cluster = ClusterNodes(self._target, self._client, own.clock)
        elif target.topology == "sentinel":
            ask = sentinel_client(own)
            self._sentinels = SentinelPrimary(self._target, self._client, ask, own.clock)
        else:
            self._one = self._client(self._target)

    def _client(self, target: RedisTarget) -> OperatorClient:
        return OperatorClient(target, self._permit, self._own, self._heard)

    @property
    def may_fail_over(self) -> bool:
        """Return whether a replica may take a server's place: then it must confirm what was written."""
        return self._one is None

    # -- who they are ----------------------------------------------------------------------------------------------

    async def where(self, settings: Settings) -> Where | Refusal:
        """Ask the servers who they are; every primary of a cluster.

        Raises:
            ConnectionLost: One of them does not answer.
        """
        if self._one is not None:
            replies = await self._spoken(self._one)
            if not replies.in_cluster:
                return identify(settings, [replies])
            await self._one.aclose()
            self._one, self._cluster = None, ClusterNodes(self._target, self._client, self._own.clock)
        if self._cluster is None:
            return identify(settings, [await self._spoken(await self._proven())])
        try:
            await self._cluster.learn()
        except OUTAGES as error:
            raise self._lost(error) from None
        clients = [self._cluster.servers.at(place) for place in self._cluster.primaries]
        if not clients:
            return Refusal("cluster", "no node of the cluster owns a slot")
        return identify(settings, [await self._spoken(client) for client in clients])

    async def node(self, settings: Settings, node: NodeWhere) -> NodeWhere | Refusal:
        """Ask one node of a cluster who it is.

        Raises:
            ConnectionLost: It does not answer.
        """
        replies = await self._spoken(self._at(node))
        where = where_of(settings, replies.fields, replies.place)
        if isinstance(where, Refusal):
            return where
        return node_of(where, replies)

    async def _spoken(self, client: OperatorClient) -> ServerReplies:
        target = client.target
        more = [CLUSTER_NODES] if self._cluster is not None else []
        found = await (await client.connected()).together([*LOOK, ("ACL", "WHOAMI"), *more])
        if self._one is not None:  # Of one server nobody says that a replica may take its place.
            return ServerReplies("", *found)
        replies = ServerReplies(place_of(target), *found)
        self._replicas.setdefault(replies.place, replies.replicas)
        return replies

    async def _proven(self) -> OperatorClient:
        """Return the client of the primary that a majority of all sentinels names now."""
        assert self._sentinels is not None
        try:
            return await self._sentinels.primary(now=True, by_all=True)
        except OUTAGES as error:
            raise self._lost(error) from None

    async def prove(self, where: Where) -> str | None:
        """Return why nothing may be written now: the sentinels do not prove that it is the primary. None if it may."""
        if self._sentinels is None:
            return None
        try:
            target = (await self._proven()).target
        except ConnectionLost as lost:
            return f"nothing is written without the sentinels' word: {lost.fault.message}"
        place = place_of(target)
        if place == where.place:
            return None
        return f"the sentinels name {place} as the primary now, no longer {where.place}"

    # -- their connections -----------------------------------------------------------------------------------------

    def _at(self, node: NodeWhere | None) -> OperatorClient:
        if node is not None and self._cluster is not None:
            place = self._cluster.known.get(node.id)
            if place is None:
                raise ConnectionLost(Fault("refused", f"{node.place} is no longer a node of the cluster"))
            return self._cluster.servers.at(place)
        if self._one is not None:
            return self._one
        if self._sentinels is not None and self._sentinels.place is not None:
            return self._sentinels.servers.at(self._sentinels.place)
        raise ConnectionLost(Fault("refused", "no server is known to be the one of the plan"))

    async def at(self, node: NodeWhere | None) -> OperatorConnection:
        """Return the connection to a node of the cluster; None stands for the only server without a cluster."""
        return await self._at(node).connected()

    async def all(self) -> list[OperatorConnection]:
        """Return the connections to all servers; in a cluster, to all primaries.

        Raises:
            ConnectionLost: One of them cannot be reached.
        """
        if self._sentinels is not None:
            return [await (await self._proven()).connected()]
        if self._cluster is None:
            return [await self.at(None)]
        try:
            await self._cluster.ready()
        except OUTAGES as error:
            raise self._lost(error) from None
        return [await self._cluster.servers.at(place).connected() for place in self._cluster.primaries]

    async def each(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Send commands that read, each to the server that owns its key now, and return their replies in order.

        Raises:
            ConnectionLost: One of the servers did not answer, or a slot is not served.
        """
        if self._cluster is None:
            (connection,) = await self.all()
            return await connection.each(commands)
        replies: list[Any] = []
        most = TRIP * max(1, len(self._cluster.primaries))
        for start in range(0, len(commands), most):
            try:
                replies += await self._cluster.run(commands[start : start + most])
            except OUTAGES as error:
                raise self._lost(error) from None
        for reply in replies:
            if isinstance(reply, REDIRECTED) or (isinstance(reply, Exception) and not isinstance(reply, ResponseError)):
                raise self._lost(reply)
        return replies

    async def are_replicated(self, connection: OperatorConnection) -> bool:
        """Return whether the replicas that were there at the start confirm all that the connection has written.

        Without that, a replica that takes the primary's place may bring keys back that were deleted.
        """
        wanted = self._replicas.get(place_of(connection.target), 0)
        if not wanted:
            return True
        until = time.monotonic() + self._replicas_seconds
        have: object = 0
        while isinstance(have, int) and have < wanted and time.monotonic() < until:
            try:
                have = await connection.ask("WAIT", wanted, WAIT_MS)
            except (ConnectionLost, ResponseError):
                return False
        return isinstance(have, int) and have >= wanted

    def _lost(self, error: BaseException) -> ConnectionLost:
        cause = error.cause if isinstance(error, NodeAway) else error
        if isinstance(cause, ConnectionLost):
            return cause
        return ConnectionLost(fault_of(error, self._target))

    async def close(self) -> None:
        """Close all connections."""
        for one in (self._one, self._cluster, self._sentinels):
            if one is not None:
                await one.aclose()


def place_of(target: RedisTarget) -> str:
    """Return where a server of a cluster, or behind sentinels, is reached."""
    return safe_text(address(target.host, target.port))


def _with_seeds(target: RedisTarget, nodes: Sequence[NodeWhere]) -> RedisTarget:
    """Return the target with the known primaries as further addresses to begin with; no replica is read."""
    places = [node.place.rpartition(":") for node in nodes]
    known = [(host.strip("[]"), int(port)) for host, _, port in places if port.isdigit()]
    more = [place for place in known if place not in target.seeds]
    return replace(target, others=(*target.others, *more), read_from="primary")


def parts_of(plan: Plan, places: Sequence[int]) -> list[tuple[NodeWhere | None, list[int]]]:
    """Return which places of a plan are on which node, in the plan's order; one part for one server."""
    owners = SlotOwners(plan.where.nodes)
    parts: list[tuple[NodeWhere | None, list[int]]] = []
    for place in places:
        node = owners.of(plan.keys[place].key)
        if not parts or parts[-1][0] != node:
            parts.append((node, []))
        parts[-1][1].append(place)
    return parts
