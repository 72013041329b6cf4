"""The clients that the demo's own gateway and traffic have of a cluster, or of the primary that sentinels name.

They connect as the product does: one connection pool for each node, the owner of each key by the cluster's own map, the
primary as the sentinels name it. Only the commands that a node does not answer fail.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from optimus_tui.clock import Clock
from optimus_tui.demo.tenants import RespError
from optimus_tui.probes.redis.nodes import ClusterNodes
from optimus_tui.probes.redis.sentinels import SentinelPrimary
from optimus_tui.settings.model import RedisTarget
from optimus_tui.settings.redis_url import parse_redis_url

PATIENCE_SECONDS = 2.0
PAGE = 500
Words = tuple[bytes | str | int | float, ...]


class PlainNode:
    """The client of one node, for all commands; replies are as the server sends them."""

    def __init__(self, target: RedisTarget) -> None:
        pool = BlockingConnectionPool(
            host=target.host,
            port=target.port,
            max_connections=64,
            timeout=10,
            socket_connect_timeout=PATIENCE_SECONDS,
            socket_timeout=PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self.target, self._redis = target, Redis.from_pool(pool)
        self._redis.response_callbacks = {}

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command."""
        return await self._redis.execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self) -> Any:
        """Return a pipeline without a transaction."""
        return self._redis.pipeline(transaction=False)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._redis.aclose()


Nodes = ClusterNodes[PlainNode] | SentinelPrimary[PlainNode]


def open_cluster(url: str) -> ClusterNodes[PlainNode]:
    """Return the nodes of the cluster at the addresses of a ``redis+cluster://`` URL."""
    return ClusterNodes(parse_redis_url(url, "demo"), PlainNode, Clock())


def open_nodes(url: str) -> Nodes:
    """Return the nodes of a cluster, or the primary that the sentinels of ``redis+sentinel://`` name."""
    target = parse_redis_url(url, "demo")
    if target.topology == "sentinel":
        return SentinelPrimary(target, PlainNode, PlainNode, Clock())
    return open_cluster(url)


async def _primaries(nodes: Nodes) -> list[PlainNode]:
    if isinstance(nodes, SentinelPrimary):
        return [await nodes.primary()]
    await nodes.ready()
    return [nodes.servers.at(place) for place in nodes.primaries]


async def ask(nodes: Nodes, *commands: Words) -> list[Any]:
    """Return the replies to commands, each sent to the owner of its key; raise the first error."""
    replies = await nodes.run(commands)
    for reply in replies:
        if isinstance(reply, BaseException):
            raise reply
    return replies


async def scan(nodes: Nodes, pattern: str) -> AsyncIterator[list[bytes]]:
    """Yield the names that match on all primaries, page by page.

    Raises:
        RedisError: a node does not answer.
    """
    for primary in await _primaries(nodes):
        cursor = b"0"
        while True:
            words = ("SCAN", cursor, "MATCH", pattern, "COUNT", PAGE)
            cursor, keys = await primary.execute_command(*words)
            yield keys
            if cursor == b"0":
                break


class SeveralServers:
    """A client of several servers with the methods of ``tenants.Resp`` that the scenarios' faults use."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def send(self, *commands: tuple[bytes | str | int, ...]) -> list[Any] | None:
        """Return the replies (errors as ``RespError``), or None if no node answered."""
        try:
            replies = await self._nodes.run(commands)
        except (RedisError, OSError):
            return None
        return [RespError(str(reply)) if isinstance(reply, BaseException) else reply for reply in replies]

    async def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """Yield the names that match, page by page; ends early if a node does not answer."""
        with suppress(RedisError, OSError):
            async for keys in scan(self._nodes, pattern):
                yield keys

    async def aclose(self) -> None:
        """Close all connections."""
        await self._nodes.aclose()


class ClusterScript:
    """A script on a cluster; all its keys are in one slot."""

    def __init__(self, nodes: ClusterNodes[PlainNode], text: str) -> None:
        self._nodes, self._text = nodes, text
        self._sha = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - the name that Redis gives it

    async def __call__(self, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run it on the owner of its first key and return what it returns."""
        rest = (len(keys), *keys, *args)
        try:
            return await self._nodes.one(("EVALSHA", self._sha, *rest))
        except NoScriptError:
            return await self._nodes.one(("EVAL", self._text, *rest))
