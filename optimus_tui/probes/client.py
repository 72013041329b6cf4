"""The one way to the server: a client that cannot say what an observer must not say, and that counts what it says.

The guard sits in the connection, below pipelines, scripts and subscriptions: words are checked where they are packed,
and only what was packed there is written. Replies arrive raw (bytes, whole numbers, lists): no callback guesses at
them. It refuses to retry for long (one retry, a second a try): a missing answer is news, and is shown as such.
"""

from collections.abc import Iterable
from typing import Any, NoReturn

import hiredis
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import AuthenticationError, AuthorizationError, BusyLoadingError, InvalidResponse, ResponseError
from redis.exceptions import ConnectionError as LostConnection
from redis.maint_notifications import MaintNotificationsConfig

from optimus_tui.probes.commands import CommandRefused, cleared
from optimus_tui.probes.lookups import lookups_of
from optimus_tui.probes.own import OwnLoad
from optimus_tui.settings.model import RedisTarget

MAX_CONNECTIONS = 3
TIMEOUT_SECONDS = 1.0


class _Patience(Retry):
    """One more try after a lost connection; none where asking again can do harm (logins get locked) or no good."""

    async def call_with_retry(
        self, do: Any, fail: Any, is_retryable: Any = None, with_failure_count: bool = False
    ) -> Any:
        return await super().call_with_retry(do, fail, is_retryable or _worth_retrying, with_failure_count)


def _worth_retrying(error: Exception) -> bool:
    refused = isinstance(error, (AuthenticationError, AuthorizationError, BusyLoadingError))
    return not refused and "max number of clients" not in str(error)


class _Cleared(list[bytes]):
    """Packed words that passed the guard; nothing else is written. ``commands`` of them in one round trip."""

    commands = 0


class _Guarded(AbstractConnection):
    """The guard, for every kind of connection."""

    def __init__(self, *, own: OwnLoad, name: str = "", **kwargs: Any) -> None:
        self._own, self._name = own, name
        super().__init__(**kwargs)

    def pack_command(self, *args: Any) -> _Cleared:
        return self.pack_commands([args])

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> _Cleared:
        words = [cleared(tuple(command), int(self.db)) for command in commands]
        packed = _Cleared([b"".join(map(_packed, words))])
        packed.commands = len(words)
        return packed

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        if not isinstance(command, _Cleared):
            raise CommandRefused("bytes that did not pass the guard")
        await super().send_packed_command(command, check_health)
        self._own.note(trips=1, commands=command.commands)

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        try:
            await super().on_connect_check_health(check_health)
        except ResponseError as error:
            if int(self.protocol) == 2 or not _hello_unknown(error):
                raise
            self.protocol = 2  # an old server, or a login without HELLO: the older protocol serves us as well
            await super().on_connect_check_health(check_health)
        except (AttributeError, TypeError, ValueError) as error:
            raise InvalidResponse("the greeting was answered with something else") from error
        await name_connection(self, self._name)
        self._own.note(connects=1)

    async def disconnect(
        self,
        nowait: bool = False,
        error: Exception | None = None,
        failure_count: int | None = None,
        health_check_failed: bool = False,
    ) -> None:
        if self.is_connected:  # also without an error: the pool drops so what the server has closed
            self._own.note(losses=1)
        await super().disconnect(nowait, error, failure_count, health_check_failed)


class _TcpConnection(_Guarded, Connection):
    pass


class _TlsConnection(_Guarded, SSLConnection):
    pass


class _UnixConnection(_Guarded, UnixDomainSocketConnection):
    pass


def _packed(words: tuple[Any, ...]) -> bytes:
    plain: tuple[Any, ...] = tuple(bytes(word) if isinstance(word, (bytearray, memoryview)) else word for word in words)
    return bytes(hiredis.pack_command(plain))


def _hello_unknown(error: ResponseError) -> bool:
    said = str(error).lower()
    return "hello" in said or "unknown command" in said or "noproto" in said or "unsupported protocol" in said


async def name_connection(connection: AbstractConnection, name: str) -> None:
    """Tell the server who is connected, if it cares to know: a refusal changes nothing."""
    if not name:
        return
    await connection.send_command("CLIENT", "SETNAME", name, check_health=False)
    try:
        await connection.read_response()
    except LostConnection:
        raise
    except ResponseError:
        return  # the login may not, or the server is loading or busy: a name is a courtesy


class _Counting(Redis):
    """Counts the look-ups behind each reply, in single commands and pipelines alike."""

    own: OwnLoad

    async def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        try:
            reply = await super().parse_response(connection, command_name, **options)
        except ResponseError as error:
            self._note(command_name, error)
            raise
        self._note(command_name, reply)
        return reply

    def _note(self, command_name: Any, reply: object) -> None:
        hits, misses = lookups_of(command_name, reply)
        if hits or misses:
            self.own.note(hits=hits, misses=misses)


class ObserverPipeline(_Counting, Pipeline):  # type: ignore[misc]
    """Commands in one round trip, without MULTI."""

    def __init__(self, pool: ConnectionPool, own: OwnLoad) -> None:
        super().__init__(pool, {}, False, None)
        self.own = own

    def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        cleared(args, int(self.connection_pool.connection_kwargs.get("db") or 0))
        return super().execute_command(*args, **kwargs)


class ObserverRedis(_Counting):
    """The observer's client. ``scripts`` turns False once the server has refused ours."""

    def __init__(self, pool: BlockingConnectionPool, target: RedisTarget, own: OwnLoad) -> None:
        super().__init__(connection_pool=pool)
        self.auto_close_connection_pool = True
        self.response_callbacks = {}
        self.target, self.own, self.scripts = target, own, True

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        cleared(args, self.target.db)  # before a connection is taken; the connection checks again
        return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def scan_iter(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: replies are raw here, so the library's own loop would never see its end."""
        raise CommandRefused("walk the keyspace with probes.keyspace.sweep")

    hscan_iter = sscan_iter = zscan_iter = scan_iter

    def pipeline(self, transaction: bool = False, shard_hint: str | None = None) -> ObserverPipeline:
        """A pipeline without a transaction, which is all an observer needs."""
        if transaction:
            raise CommandRefused("MULTI is not on the observer's list")
        return ObserverPipeline(self.connection_pool, self.own)


def observer_client(target: RedisTarget, own: OwnLoad, name: str = "optimus-tui") -> ObserverRedis:
    """A client for ``target`` with at most three connections. Connects on first use."""
    kwargs: dict[str, Any] = {
        "db": target.db,
        "username": target.username,
        "password": target.password.reveal() if target.password else None,
        "socket_timeout": TIMEOUT_SECONDS,
        "decode_responses": False,
        "protocol": 3,
        "driver_info": None,
        "retry": _Patience(ExponentialBackoff(cap=0.5, base=0.02), 1),
        "own": own,
        "name": name,
    }
    kind: type[_Guarded] = _TcpConnection
    if target.path:
        kind = _UnixConnection
        kwargs["path"] = target.path
    else:
        kwargs |= {"host": target.host, "port": target.port, "socket_connect_timeout": TIMEOUT_SECONDS}
        if target.scheme == "rediss":
            kind = _TlsConnection
            kwargs |= {
                "ssl_cert_reqs": "required" if target.tls_verify else "none",
                "ssl_check_hostname": target.tls_verify,
                "ssl_ca_certs": target.tls_ca,
            }
    pool = BlockingConnectionPool(
        max_connections=MAX_CONNECTIONS,
        timeout=2 * TIMEOUT_SECONDS,
        connection_class=kind,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        **kwargs,
    )
    return ObserverRedis(pool, target, own)
