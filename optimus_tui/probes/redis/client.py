"""The observer's Redis client: it sends only commands from the observer's list, and counts what it sends.

The check itself is in the connections (``guard``). Replies are raw (bytes, whole numbers, lists); no callback converts
them. Retries are short (one retry, one second per attempt), because a missing answer is shown as such.
"""

from functools import partial
from typing import Any, NoReturn

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ResponseError

from optimus_tui.probes.load_meter import LoadMeter, lookups_of
from optimus_tui.probes.redis.commands import CommandRefused, cleared
from optimus_tui.probes.redis.guard import ConnectionPolicy, checked, connection_pool
from optimus_tui.settings.model import RedisTarget

POLICY = ConnectionPolicy("optimus-tui", seconds=1.0, retries=1, connections=3)


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
    """Commands in one round trip, without MULTI."""

    def __init__(self, pool: ConnectionPool, own: LoadMeter) -> None:
        super().__init__(pool, {}, False, None)
        self.own = own

    def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """Queue a command; raise CommandRefused for one that is not on the observer's list."""
        checked(args, self.connection_pool.connection_kwargs["check"], self.own)
        return super().execute_command(*args, **kwargs)


class ObserverRedis(_Counting):
    """The observer's client.

    ``scripts`` turns False once the server has refused our scripts. ``absent`` holds the commands that the server does
    not answer, with the monotonic time when that was found: see ``probes.redis.missing_commands``.
    """

    def __init__(self, pool: BlockingConnectionPool, target: RedisTarget, own: LoadMeter) -> None:
        super().__init__(connection_pool=pool)
        self.auto_close_connection_pool = True
        self.response_callbacks = {}
        self.target, self.own, self.scripts = target, own, True
        self.absent: dict[str, float] = {}

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command; raise CommandRefused for one that is not on the observer's list."""
        checked(
            args, self.connection_pool.connection_kwargs["check"], self.own
        )  # before a connection is taken; the connection checks again
        return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def scan_iter(self, *_: Any, **__: Any) -> NoReturn:
        """Raise CommandRefused: replies are raw here, so the library's own loop would never end."""
        raise CommandRefused("walk the keyspace with probes.keyspace.sweep")

    hscan_iter = sscan_iter = zscan_iter = scan_iter

    def pipeline(self, transaction: bool = False, shard_hint: str | None = None) -> ObserverPipeline:
        """Return a pipeline without a transaction; raise CommandRefused when a transaction is requested."""
        if transaction:
            raise CommandRefused("MULTI is not on the observer's list")
        return ObserverPipeline(self.connection_pool, self.own)


def observer_client(target: RedisTarget, own: LoadMeter) -> ObserverRedis:
    """Return a client for ``target``. It connects on first use."""
    return ObserverRedis(connection_pool(target, own, POLICY, partial(cleared, db=target.db)), target, own)
