"""The pools of connections to Redis, the check of each command before it is sent, and the observer's client."""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import hiredis
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.asyncio import BlockingConnectionPool
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

from optimus_tui.probes.load_meter import CONNECTED, LoadMeter
from optimus_tui.probes.redis.commands import CommandCheck, CommandRefused
from optimus_tui.probes.redis.dialing import Connector, HungUp, SentinelFound, WrongLanguage
from optimus_tui.probes.redis.parser import PatientParser, ReplyTooLarge, UnreadableReply, name_of, reply_cap
from optimus_tui.probes.round_trips import RoundTrip, attributed_to
from optimus_tui.settings.model import RedisTarget


class Patience(Retry):
    """A retry policy: one more attempt after a lost connection, unless it is of no use or could lock the account."""

    async def call_with_retry(
        self, do: Any, fail: Any, is_retryable: Any = None, with_failure_count: bool = False
    ) -> Any:
        """Call ``do``, and once more after an error for which a retry may help."""
        return await super().call_with_retry(do, fail, is_retryable or _worth_retrying, with_failure_count)


_NO_USE = (AuthenticationError, AuthorizationError, BusyLoadingError, WrongLanguage, HungUp, SentinelFound)


def _worth_retrying(error: Exception) -> bool:
    refused = isinstance(error, _NO_USE)
    return not refused and "max number of clients" not in str(error)


class _Cleared(list[bytes]):
    """Packed words that passed the check; nothing else is written. ``commands`` are the words of one round trip."""

    commands: list[tuple[Any, ...]]


class ConnectionPolicy(NamedTuple):
    """The policy by which one kind of client connects.

    Attributes:
        name: The client's name on the server.
        seconds: The limit for connecting and for each reply.
        retries: How often it is tried again after a lost connection.
        connections: How many may be open at once.
        readonly: Whether a replica of a cluster is asked for its keys, too.
    """

    name: str
    seconds: float
    retries: int
    connections: int
    readonly: bool = False


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
    """Return a pool of connections that send only commands which ``check`` accepts. It connects on first use."""
    return _Pool(
        max_connections=policy.connections,
        timeout=2 * policy.seconds,
        connection_class=Guarded,
        connector=Connector(target),
        own=own,
        name=policy.name,
        readonly=policy.readonly,
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
    """Return the words of a command that may be sent; log one that may not.

    Raises:
        CommandRefused: ``check`` does not accept it.
    """
    try:
        return check(words)
    except CommandRefused as why:
        own.log.refused(tuple(words), why)
        raise


class Guarded(AbstractConnection):
    """A connection that checks each command before it is sent, over TCP, TLS or a unix socket."""

    def __init__(
        self,
        *,
        own: LoadMeter,
        connector: Connector,
        check: CommandCheck,
        name: str = "",
        readonly: bool = False,
        **kwargs: Any,
    ) -> None:
        self._own, self._connector, self._check, self._name = own, connector, check, name
        self._readonly = readonly
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
        """Connect and greet the server.

        Raises:
            WrongLanguage: The port speaks another protocol than the address says.
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
        """Send what ``pack_command`` or ``pack_commands`` returned, and count and log it.

        Raises:
            CommandRefused: It is something else, and was not checked.
        """
        if not isinstance(command, _Cleared):
            why = CommandRefused("bytes that did not pass the guard")
            self._own.log.refused((b"(bytes)",), why)
            raise why
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        trip = self._begin(command)
        try:
            await super().send_packed_command(command, check_health)
        except BaseException as error:
            trip.lose(f"broke while it was sent: {_lost(error)}")
            raise
        self._own.note(trips=1, commands=trip.count)

    def _begin(self, packed: _Cleared) -> RoundTrip:
        """Log commands that are being written, and expect their replies."""
        trip = self._own.log.sent(packed.commands)
        trip.client = self._name
        if trip.count:
            self._due.append(trip)
        if not self._caps:
            parser: Any = self._parser
            parser.begin()
        self._caps.extend((name_of(words), reply_cap(words)) for words in packed.commands)
        return trip

    def write(self, commands: Iterable[Iterable[Any]]) -> None:
        """Check the commands of one round trip and write them at once to a connection that is open."""
        packed, writer = self.pack_commands(commands), self._writer
        if writer is None:
            raise LostConnection("Connection closed by server.")
        trip = self._begin(packed)
        writer.writelines(packed)
        self._own.note(trips=1, commands=trip.count)

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Read the next reply, limited to the size that its command may have, and record it with its command."""
        trip = self._due[0] if self._due else None
        parser: Any = self._parser
        if self._caps:
            parser.expect(*self._caps[0])
        try:
            reply = await self._arrived(parser) if trip is not None and not (args or kwargs) else NOT_ENOUGH_DATA
            if reply is NOT_ENOUGH_DATA:
                reply = await super().read_response(*args, **kwargs)
            if self._caps and self._caps[0][0] == "HELLO":
                self._connector.mode = _mode_of(reply)
        except ResponseError as error:
            self._answered(trip, error)
            raise
        except BaseException as error:
            if trip is not None:
                trip.lose(f"no answer: {_lost(error)}")
            raise
        self._answered(trip, None)
        return reply

    async def _arrived(self, parser: Any) -> Any:
        """Return the next reply if it came with the one before it; the library makes two timers for each."""
        try:
            reply = parser.arrived()
        except BaseException:
            await self.disconnect(nowait=True)
            raise
        if isinstance(reply, ResponseError):
            raise reply
        return reply

    def _answered(self, trip: RoundTrip | None, error: ResponseError | None) -> None:
        if self._caps:
            self._caps.popleft()
        if trip is not None and trip.answer(error) and self._due:
            self._due.popleft()

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        """Greet the server after connecting. In the command log this is from "connection"."""
        with attributed_to("connection", poll=True):
            await self._greet(check_health)
            if self._readonly and self._connector.mode == "cluster":
                await self.send_command("READONLY", check_health=False)
                await self.read_response()
        self._connector.mode, self._connector.manners.greeted = self._connector.mode or "", True
        if self._connector.mode == "sentinel" and not self._connector.target.service:
            raise SentinelFound("a sentinel, not a server")
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
        """Close the connection, and record that the replies which are due will not come."""
        if self.is_connected:  # also without an error: the pool drops so what the server has closed
            self._own.note(losses=1)
        self._caps.clear()
        while self._due:
            self._due.popleft().lose("no answer: the connection ended")
        await super().disconnect(nowait, error, failure_count, health_check_failed)


def _mode_of(reply: object) -> str:
    """Return what a server says in HELLO that it is part of."""
    mode = reply.get(b"mode") if isinstance(reply, dict) else None
    return mode.decode("ascii", "replace") if mode in (b"standalone", b"cluster", b"sentinel") else ""


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
    return "what came is not an answer"


def _hello_unknown(error: ResponseError) -> bool:
    said = str(error).lower()
    return "hello" in said or "unknown command" in said or "noproto" in said or "unsupported protocol" in said


async def name_connection(connection: AbstractConnection, name: str) -> None:
    """Send the client's name to the server; it does not matter if the server refuses it.

    Without a name a PING is sent instead, because the connection counts as open only after a reply.
    """
    words = ("CLIENT", "SETNAME", name) if name else ("PING",)
    await connection.send_command(*words, check_health=False)
    try:
        await connection.read_response()
    except ResponseError:
        return  # The login has no right to it, or the server is busy; nothing depends on the name.
