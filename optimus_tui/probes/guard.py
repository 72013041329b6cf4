"""The guard inside each connection, below pipelines, scripts and subscriptions.

Words are checked where they are packed, and only what was packed here is written. It refuses everything else, bytes
that somebody packed himself included. What leaves is counted and kept for the command log here as well, and each
reply is noted with its command.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.exceptions import AuthenticationError, AuthorizationError, BusyLoadingError, InvalidResponse, ResponseError
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import TimeoutError as NoAnswer

from optimus_tui.probes.commands import CommandRefused, cleared
from optimus_tui.probes.own import OwnLoad
from optimus_tui.probes.sent import Trip, on_behalf


class Patience(Retry):
    """One more try after a lost connection; none where asking again can do harm (logins get locked) or no good."""

    async def call_with_retry(
        self, do: Any, fail: Any, is_retryable: Any = None, with_failure_count: bool = False
    ) -> Any:
        return await super().call_with_retry(do, fail, is_retryable or _worth_retrying, with_failure_count)


def _worth_retrying(error: Exception) -> bool:
    refused = isinstance(error, (AuthenticationError, AuthorizationError, BusyLoadingError))
    return not refused and "max number of clients" not in str(error)


class _Cleared(list[bytes]):
    """Packed words that passed the guard; nothing else is written. ``commands`` are the words, one round trip."""

    commands: list[tuple[Any, ...]]


class Guarded(AbstractConnection):
    """The guard, for every kind of connection."""

    def __init__(self, *, own: OwnLoad, name: str = "", **kwargs: Any) -> None:
        self._own, self._name = own, name
        self._due: deque[Trip] = deque()
        super().__init__(**kwargs)

    def cleared(self, words: tuple[Any, ...]) -> tuple[Any, ...]:
        """The words as they may be sent, or CommandRefused: here the observer's list."""
        return cleared(words, int(self.db))

    def pack_command(self, *args: Any) -> _Cleared:
        return self.pack_commands([args])

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> _Cleared:
        words = [self._checked(tuple(command)) for command in commands]
        packed = _Cleared([b"".join(map(_packed, words))])
        packed.commands = words
        return packed

    def _checked(self, words: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            return self.cleared(words)
        except CommandRefused as why:
            self._own.log.refused(words, why)
            raise

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
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
        try:
            await super().send_packed_command(command, check_health)
        except BaseException as error:
            trip.lose(f"broke while it was sent: {_lost(error)}")
            raise
        self._own.note(trips=1, commands=trip.count)

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        trip = self._due[0] if self._due else None
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

    def _answered(self, trip: Trip | None, error: ResponseError | None) -> None:
        if trip is not None and trip.answer(error) and self._due:
            self._due.popleft()

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        with on_behalf("connection", poll=True):
            await self._greet(check_health)
        self._own.note(connects=1)

    async def _greet(self, check_health: bool) -> None:
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

    async def disconnect(
        self,
        nowait: bool = False,
        error: Exception | None = None,
        failure_count: int | None = None,
        health_check_failed: bool = False,
    ) -> None:
        if self.is_connected:  # also without an error: the pool drops so what the server has closed
            self._own.note(losses=1)
        while self._due:
            self._due.popleft().lose("no answer: the connection ended")
        await super().disconnect(nowait, error, failure_count, health_check_failed)


class TcpConnection(Guarded, Connection):
    pass


class TlsConnection(Guarded, SSLConnection):
    pass


class UnixConnection(Guarded, UnixDomainSocketConnection):
    pass


def _packed(words: tuple[Any, ...]) -> bytes:
    plain: tuple[Any, ...] = tuple(bytes(word) if isinstance(word, (bytearray, memoryview)) else word for word in words)
    return bytes(hiredis.pack_command(plain))


def _lost(error: BaseException) -> str:
    if isinstance(error, (TimeoutError, NoAnswer)):
        return "none came in time"
    if isinstance(error, (LostConnection, OSError)):
        return "the connection broke"
    return "it was interrupted" if isinstance(error, asyncio.CancelledError) else "what came is no answer"


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
