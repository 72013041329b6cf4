"""The observer's client of one server, of a cluster, or of the primary that sentinels name."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import AskError, ResponseError

from optimus_tui.dialects.layout import KeyLayout, own_layout
from optimus_tui.probes.load_meter import LoadMeter, lookups_of
from optimus_tui.probes.redis.commands import CommandRefused, cleared, cleared_for_sentinels
from optimus_tui.probes.redis.dialing import Connector, SlotLost
from optimus_tui.probes.redis.guard import ConnectionPolicy, checked, connection_pool
from optimus_tui.probes.redis.nodes import ClusterNodes
from optimus_tui.probes.redis.sentinels import SentinelPrimary
from optimus_tui.settings.model import RedisTarget

POLICY = ConnectionPolicy("optimus-tui", seconds=1.0, retries=1, connections=3)
SENTINEL = ConnectionPolicy("optimus-tui", seconds=1.0, retries=0, connections=1)


class _Counting(Redis):
    """Counts the key look-ups that each reply stands for, in single commands and pipelines alike."""

    own: LoadMeter

    async def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        """Read the reply and count its look-ups."""
        try:
            reply = await super().parse_response(connection, command_name, **options)
        except ResponseError as error:
            self._note(command_name, error)
            raise
        self._note(command_name, reply)
        return reply

    def _note(self, command_name: Any, reply: object) -> None:
        try:
            hits, misses = lookups_of(command_name, reply)
        except Exception:  # a reply of no known shape says nothing about look-ups; who asked will say what it is
            return
        if hits or misses:
            self.own.note(hits=hits, misses=misses)


class ObserverPipeline(_Counting, Pipeline):  # type: ignore[misc]
    """Commands that are sent to one server in one round trip, without MULTI."""

    def __init__(self, redis: "ObserverRedis") -> None:
        super().__init__(redis.connection_pool, {}, False, None)
        self.own, self._redis = redis.own, redis

    def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """Queue a command.

        Raises:
            CommandRefused: It is not on the observer's list.
        """
        checked(args, self.connection_pool.connection_kwargs["check"], self.own)
        return super().execute_command(*args, **kwargs)

    async def parse_response(self, connection: Any, command_name: Any, **_options: Any) -> Any:
        """Read the reply and count its look-ups; the library's own work on it changes nothing of ours."""
        try:
            reply = await connection.read_response()
        except ResponseError as error:
            self._note(command_name, error)
            raise
        self._note(command_name, reply)
        return reply

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Send all commands and return their replies.

        If the server is a node of a cluster, redirections are followed.
        """
        commands = [words for words, _ in self.command_stack]
        replies: list[Any] = await super().execute(raise_on_error)
        if any(isinstance(reply, AskError) for reply in replies):
            self._redis.follow_cluster(proven=True)
            if self._redis.router is not None:
                return await self._redis.router.run(commands)
        return replies


class RoutedPipeline:
    """Commands that are sent to the servers of their keys, in one round trip to each server."""

    def __init__(self, redis: "ObserverRedis", router: "Router") -> None:
        self._redis, self._router = redis, router
        self._commands: list[tuple[Any, ...]] = []

    def execute_command(self, *args: Any, **_options: Any) -> None:
        """Queue a command.

        Raises:
            CommandRefused: It is not on the observer's list.
        """
        self._commands.append(self._redis.cleared(args))

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Send all commands and return their replies in order.

        Args:
            raise_on_error: Raise the first error; False leaves errors among the replies.
        """
        commands, self._commands = self._commands, []
        replies = await self._router.run(commands) if commands else []
        if raise_on_error:
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
        return replies


class ObserverRedis(_Counting):
    """The observer's client of one server, or of several whose commands ``router`` distributes.

    ``scripts`` becomes False once the server has refused the scripts. ``absent`` has the commands that the server does
    not answer, with the monotonic time at which that was noticed: see ``probes.redis.rights``. ``keeps_connection`` is
    True while a scan keeps a connection of the pool: see ``probes.redis.kept_connection``. If the server's greeting
    says that it is a node of a cluster, commands are sent to all of its nodes from then on.
    """

    def __init__(
        self, pool: BlockingConnectionPool, target: RedisTarget, own: LoadMeter, layout: KeyLayout | None = None
    ) -> None:
        super().__init__(connection_pool=pool)
        self.auto_close_connection_pool = True
        self.response_callbacks = {}
        self.target, self.own, self.scripts = target, own, True
        self.layout = layout or own_layout()
        self.absent: dict[str, float] = {}
        self.router: Router | None = None
        self.follows_clusters = False
        self.keeps_connection = False

    @property
    def cluster_nodes(self) -> "ClusterNodes[ObserverRedis] | None":
        """Return the nodes of the cluster; None if it is not in a cluster, or no server has been greeted yet."""
        if isinstance(self.router, ClusterNodes):
            return self.router
        return None

    @property
    def sentinels(self) -> "SentinelPrimary[ObserverRedis] | None":
        """Return the object that asks the sentinels for the primary; None if the server is not found by sentinels."""
        if isinstance(self.router, SentinelPrimary):
            return self.router
        return None

    async def nodes(self) -> "tuple[ObserverRedis, ...]":
        """Return a client of each primary: several for a cluster, else one.

        If no server was greeted yet, one is greeted now, as it would be with the next command.
        """
        if self.router is None and self._mode is None:
            connection = await self.connection_pool.get_connection()  # type: ignore[no-untyped-call]
            await self.connection_pool.release(connection)
        self.follow_cluster()
        if self.sentinels is not None:
            return (await self.sentinels.primary(),)
        if self.cluster_nodes is None:
            return (self,)
        await self.cluster_nodes.ready()
        if not self.cluster_nodes.primaries:
            raise SlotLost("CLUSTERDOWN no node of the cluster owns a slot")
        return tuple(self.cluster_nodes.servers.at(place) for place in self.cluster_nodes.primaries)

    async def readers(self) -> "tuple[ObserverRedis, ...]":
        """Return the clients of the servers whose keys are read: the primaries, or a replica of each.

        Raises:
            NodeAway: No replica of a primary is in step with it.
        """
        nodes = await self.nodes()
        if self.sentinels is not None:
            return (await self.sentinels.reader(),)
        if self.cluster_nodes is None or self.cluster_nodes.replicas is None:
            return nodes
        return tuple(self.cluster_nodes.reader(place) for place in self.cluster_nodes.primaries)

    @property
    def read_from_words(self) -> str:
        """Return from which replicas the keys are read and how far these are behind; "" where primaries are read."""
        router = self.router
        replicas = router.replicas if isinstance(router, (ClusterNodes, SentinelPrimary)) else None
        if replicas is None:
            return ""
        return replicas.words

    def live_targets(self) -> tuple[RedisTarget, ...]:
        """Return the servers from which events can be received, as far as they are known.

        May be called in any thread.
        """
        router = self.router
        if isinstance(router, ClusterNodes):
            return tuple(self.target.at(*place) for place in dict.fromkeys((*router.places, *self.target.seeds)))
        if isinstance(router, SentinelPrimary):
            place = router.place
            if place is None:
                return ()
            return (self.target.at(*place),)
        return (self.target,)

    def live_primaries(self) -> tuple[RedisTarget, ...]:
        """Return the primaries that are known, else what ``live_targets`` does; safe to call in any thread."""
        nodes = self.cluster_nodes
        if nodes is None or not nodes.primaries:
            return self.live_targets()
        return tuple(self.target.at(*place) for place in nodes.primaries)

    @property
    def _mode(self) -> str | None:
        connector: Connector = self.connection_pool.connection_kwargs["connector"]
        return connector.mode

    def follow_cluster(self, *, proven: bool = False) -> None:
        """Send commands to all nodes of the cluster from now on, if the server is a node of one.

        Args:
            proven: True if that is known; False to believe what the server said in its greeting.
        """
        if self.router is None and self.follows_clusters and (proven or self._mode == "cluster"):
            self.router = cluster_of(self)

    def cleared(self, args: Sequence[Any]) -> tuple[Any, ...]:
        """Return the words of a command that may be sent.

        Raises:
            CommandRefused: It is not on the observer's list.
        """
        return checked(args, self.connection_pool.connection_kwargs["check"], self.own)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command and return its reply.

        Raises:
            CommandRefused: It is not on the observer's list.
        """
        words = self.cleared(args)  # before a connection is taken; the connection checks again
        if self.router is not None:
            return await self.router.one(words)
        try:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except AskError:
            self.follow_cluster(proven=True)
            if self.router is None:
                raise
            return await self.router.one(words)

    def scan_iter(self, *_: Any, **__: Any) -> NoReturn:
        """Raise CommandRefused: the library's own loop over SCAN cannot read raw replies, and would never end."""
        raise CommandRefused("walk the keyspace with probes.sweep")

    hscan_iter = sscan_iter = zscan_iter = scan_iter

    def pipeline(  # type: ignore[override]
        self, transaction: bool = False, shard_hint: str | None = None
    ) -> "ObserverPipeline | RoutedPipeline":
        """Return a pipeline without a transaction.

        Raises:
            CommandRefused: A transaction was asked for.
        """
        if transaction:
            raise CommandRefused("MULTI is not on the observer's list")
        if self.router is not None:
            return RoutedPipeline(self, self.router)
        return ObserverPipeline(self)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close all connections, to other servers of a cluster as well."""
        if self.router is not None:
            await self.router.aclose()
        await super().aclose(close_connection_pool)


Router = ClusterNodes[ObserverRedis] | SentinelPrimary[ObserverRedis]
ONE_OF_SEVERAL = POLICY._replace(retries=0, connections=2)
"""How one of several servers is asked: what it leaves unanswered is told, not waited for twice."""


def _node_client(facade: ObserverRedis) -> Callable[[RedisTarget], ObserverRedis]:
    def make(target: RedisTarget) -> ObserverRedis:
        policy = ONE_OF_SEVERAL._replace(readonly=target.read_from == "replica")
        pool = connection_pool(target, facade.own, policy, partial(cleared, db=target.db))
        return ObserverRedis(pool, target, facade.own, facade.layout)

    return make


def sentinel_client(own: LoadMeter) -> Callable[[RedisTarget], ObserverRedis]:
    """Return a function that makes the client of a sentinel, which is only asked which server is the primary."""

    def make(target: RedisTarget) -> ObserverRedis:
        return ObserverRedis(connection_pool(target, own, SENTINEL, cleared_for_sentinels), target, own)

    return make


def cluster_of(facade: ObserverRedis) -> ClusterNodes[ObserverRedis]:
    """Return the nodes of the cluster to which a client's server belongs, each with a client of its own."""
    return ClusterNodes(facade.target, _node_client(facade), facade.own.clock)


def observer_client(target: RedisTarget, own: LoadMeter, layout: KeyLayout | None = None) -> ObserverRedis:
    """Return a client of ``target``. It connects on first use.

    Args:
        target: The server and the login.
        own: Counts the commands that are sent.
        layout: How the names of keys are read; None for the preset ``optimus``.
    """
    pool = connection_pool(target, own, POLICY, partial(cleared, db=target.db))
    client = ObserverRedis(pool, target, own, layout)
    client.follows_clusters = True
    if target.topology == "cluster":
        client.router = cluster_of(client)
    elif target.topology == "sentinel":
        client.router = SentinelPrimary(target, _node_client(client), sentinel_client(own), own.clock)
    return client
