"""Every pool of connections to Redis, the check of commands inside each connection, and the observer's client."""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, NoReturn

import hiredis
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    InvalidResponse,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import TimeoutError as NoAnswer
from redis.maint_notifications import MaintNotificationsConfig

from optimus_tui.dialects.layout import KeyLayout, own_layout
from optimus_tui.probes.load_meter import CONNECTED, LoadMeter, lookups_of
from optimus_tui.probes.redis.commands import CommandCheck, CommandRefused, cleared
from optimus_tui.probes.redis.dialing import Connector, HungUp, WrongLanguage
from optimus_tui.probes.redis.parser import PatientParser, ReplyTooLarge, UnreadableReply, name_of, reply_cap
from optimus_tui.probes.round_trips import RoundTrip, attributed_to
from optimus_tui.settings.model import RedisTarget


class Patience(Retry):
    """A retry policy: one more attempt after a lost connection, none where it is of no use or may lock a login."""

    async def call_with_retry(
        self, do: Any, fail: Any, is_retryable: Any = None, with_failure_count: bool = False
    ) -> Any:
        """Call ``do``, and call it again after an error that is worth a retry."""
        return await super().call_with_retry(do, fail, is_retryable or _worth_retrying, with_failure_count)


def _worth_retrying(error: Exception) -> bool:
    refused = isinstance(error, (AuthenticationError, AuthorizationError, BusyLoadingError, WrongLanguage, HungUp))
    return not refused and "max number of clients" not in str(error)


class _Cleared(list[bytes]):
    """Packed words that passed the check; nothing else is written. ``commands`` are the words of one round trip."""

    commands: list[tuple[Any, ...]]


class ConnectionPolicy(NamedTuple):
    """How one kind of client connects.

    Attributes:
        name: The client's name on the server.
        seconds: The limit for connecting and for each reply.
        retries: Further attempts after a lost connection.
        connections: The most that are open at once.
    """

    name: str
    seconds: float
    retries: int
    connections: int


class _Pool(BlockingConnectionPool):
    """A pool that, once closed, also closes the connections that were being opened or used just then."""

    _closed = False

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """Close the connections, now and as they are given back."""
        self._closed = True
        await super().disconnect(inuse_connections)

    async def release(self, connection: AbstractConnection) -> None:
        """Take a connection back."""
        if self._closed:
            await connection.disconnect(nowait=True)
        await super().release(connection)


def connection_pool(
    target: RedisTarget, own: LoadMeter, policy: ConnectionPolicy, check: CommandCheck
) -> BlockingConnectionPool:
    """Return a pool whose connections send only what ``check`` lets through. It connects on first use."""
    return _Pool(
        max_connections=policy.connections,
        timeout=2 * policy.seconds,
        connection_class=Guarded,
        connector=Connector(target),
        own=own,
        name=policy.name,
        check=check,
        db=target.db,
        username=target.username,
        password=target.password.reveal() if target.password else None,
        socket_timeout=policy.seconds,
        socket_connect_timeout=policy.seconds,
        decode_responses=False,
        driver_info=None,
        retry=Patience(ExponentialBackoff(cap=0.5, base=0.02), policy.retries),
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )


def checked(words: Sequence[Any], check: CommandCheck, own: LoadMeter) -> tuple[Any, ...]:
    """Return the words as they may be sent; log those that may not, and raise CommandRefused."""
    try:
        return check(words)
    except CommandRefused as why:
        own.log.refused(tuple(words), why)
        raise


class Guarded(AbstractConnection):
    """A connection that checks its commands, for TCP, TLS and unix sockets."""

    def __init__(
        self, *, own: LoadMeter, connector: Connector, check: CommandCheck, name: str = "", **kwargs: Any
    ) -> None:
        self._own, self._connector, self._check, self._name = own, connector, check, name
        self._due: deque[RoundTrip] = deque()
        self._caps: deque[tuple[str, int]] = deque()
        kwargs |= {"parser_class": PatientParser, "protocol": connector.manners.protocol}
        super().__init__(**kwargs)

    def repr_pieces(self) -> list[tuple[str, str]]:
        """Return what ``repr`` shows: the target without its password."""
        return [("target", self._connector.target.label)]

    def _host_error(self) -> str:
        target = self._connector.target
        return target.path or f"{target.host}:{target.port}"

    async def _connect(self) -> None:
        """Open the streams through the connector."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport = await self._connector.connect(lambda: protocol, float(self.socket_connect_timeout or 1.0))
        self._reader, self._writer = reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        """Connect and greet.

        Raises:
            WrongLanguage: the port speaks another protocol than the address says.
        """
        try:
            await super().connect_check_health(check_health, retry_socket_connect)
        except (LostConnection, InvalidResponse, NoAnswer) as error:
            why = None
            if self._strange(error):
                why = await self._connector.explain()
            if why is None:
                raise
            if isinstance(why, WrongLanguage):
                raise WrongLanguage(why.language) from error
            raise HungUp(str(why)) from why

    def _strange(self, error: Exception) -> bool:
        """Return whether the port may speak another protocol: it was reached, and its answer was not Redis."""
        if isinstance(
            error, (AuthenticationError, AuthorizationError, BusyLoadingError, UnreadableReply, ReplyTooLarge)
        ):
            return False
        secured = self._connector.target.scheme == "rediss"
        if isinstance(error, NoAnswer):  # to a TLS greeting a plain server says nothing; no TLS server keeps silent
            return secured
        causes = (error, error.__cause__, error.__context__)
        if any(isinstance(one, ssl.SSLCertVerificationError) for one in causes):
            return False
        if any(isinstance(one, (socket.gaierror, ConnectionRefusedError)) for one in causes):
            return False
        return "max number of clients" not in str(error)

    def pack_command(self, *args: Any) -> _Cleared:
        """Check and pack one command."""
        return self.pack_commands([args])

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> _Cleared:
        """Check and pack the commands of one round trip."""
        words = [checked(tuple(command), self._check, self._own) for command in commands]
        packed = _Cleared([b"".join(map(_packed, words))])
        packed.commands = words
        return packed

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send words that ``pack_commands`` has packed, count and log them; raise CommandRefused for others."""
        if not isinstance(command, _Cleared):
            why = CommandRefused("bytes that did not pass the guard")
            self._own.log.refused((b"(bytes)",), why)
            raise why
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        trip = self._own.log.sent(command.commands)
        trip.client = self._name
        if trip.count:
            self._due.append(trip)
        if not self._caps:
            parser: Any = self._parser
            parser.begin()
        self._caps.extend((name_of(words), reply_cap(words)) for words in command.commands)
        try:
            await super().send_packed_command(command, check_health)
        except BaseException as error:
            trip.lose(f"broke while it was sent: {_lost(error)}")
            raise
        self._own.note(trips=1, commands=trip.count)

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Read the next reply, bounded by its command's cap, and record it with its command."""
        trip = self._due[0] if self._due else None
        if self._caps:
            parser: Any = self._parser
            parser.expect(*self._caps[0])
        try:
            reply = await super().read_response(*args, **kwargs)
        except ResponseError as error:
            self._answered(trip, error)
            raise
        except BaseException as error:
            if trip is not None:
                trip.lose(f"no answer: {_lost(error)}")
            raise
        self._answered(trip, None)
        return reply

    def _answered(self, trip: RoundTrip | None, error: ResponseError | None) -> None:
        if self._caps:
            self._caps.popleft()
        if trip is not None and trip.answer(error) and self._due:
            self._due.popleft()

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        """Greet the server after connecting, as the source "connection"."""
        with attributed_to("connection", poll=True):
            await self._greet(check_health)
        CONNECTED.set(asyncio.get_running_loop().time())
        self._own.note(connects=1)

    async def _greet(self, check_health: bool) -> None:
        """Log in; where the server or a proxy closes the connection on HELLO or on a name, try again without it."""
        manners = self._connector.manners
        self.protocol = manners.protocol
        try:
            await self._log_in(check_health, manners.named)
            return
        except LostConnection as error:
            if type(error) is not LostConnection or "max number of clients" in str(error) or manners.hopeless:
                raise
            first = error
        for named in (True, False) if self.protocol == 3 else (False,):
            self.protocol = 2
            try:
                await self._connect()
                await self._log_in(check_health, named)
            except (NoAnswer, TimeoutError):
                break
            except (LostConnection, OSError):
                continue
            manners.learn(2, named)
            return
        manners.give_up()
        raise HungUp(str(first)) from first

    async def _log_in(self, check_health: bool, named: bool) -> None:
        try:
            await super().on_connect_check_health(check_health)
        except ResponseError as error:
            if int(self.protocol) == 2 or not _hello_unknown(error):
                raise
            self.protocol = 2  # an old server, or a login without HELLO: the older protocol serves us as well
            await super().on_connect_check_health(check_health)
        except (RedisError, OSError):
            raise
        except Exception as error:
            raise InvalidResponse("the greeting was answered with something else") from error
        await name_connection(self, self._name if named else "")

    async def disconnect(
        self,
        nowait: bool = False,
        error: Exception | None = None,
        failure_count: int | None = None,
        health_check_failed: bool = False,
    ) -> None:
        """Close the connection and record the replies that will not come."""
        if self.is_connected:  # also without an error: the pool drops so what the server has closed
            self._own.note(losses=1)
        self._caps.clear()
        while self._due:
            self._due.popleft().lose("no answer: the connection ended")
        await super().disconnect(nowait, error, failure_count, health_check_failed)


def _packed(words: tuple[Any, ...]) -> bytes:
    plain: tuple[Any, ...] = tuple(bytes(word) if isinstance(word, (bytearray, memoryview)) else word for word in words)
    return bytes(hiredis.pack_command(plain))


def _lost(error: BaseException) -> str:
    if isinstance(error, ReplyTooLarge):
        return "it was too large to be read"
    if isinstance(error, (TimeoutError, NoAnswer)):
        return "none came in time"
    if isinstance(error, (LostConnection, OSError)):
        return "the connection broke"
    if isinstance(error, asyncio.CancelledError):
        return "it was interrupted"
    return "what came is no answer"


def _hello_unknown(error: ResponseError) -> bool:
    said = str(error).lower()
    return "hello" in said or "unknown command" in said or "noproto" in said or "unsupported protocol" in said


async def name_connection(connection: AbstractConnection, name: str) -> None:
    """Send the client's name to the server; a refusal changes nothing.

    Without a name a PING is sent instead, because a connection counts only once a reply came.
    """
    words = ("CLIENT", "SETNAME", name) if name else ("PING",)
    await connection.send_command(*words, check_health=False)
    try:
        await connection.read_response()
    except ResponseError:
        return  # The login has no right to it, or the server is busy; nothing depends on the name.


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
    not answer, with the monotonic time when that was found: see ``probes.redis.rights``.
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


def observer_client(target: RedisTarget, own: LoadMeter, layout: KeyLayout | None = None) -> ObserverRedis:
    """Return a client for ``target`` whose keys have this layout (None: ours). It connects on first use."""
    return ObserverRedis(connection_pool(target, own, POLICY, partial(cleared, db=target.db)), target, own, layout)
