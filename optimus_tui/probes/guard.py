"""The guard inside each connection, below pipelines, scripts and subscriptions.

Words are checked where they are packed, and only what was packed here is written. It refuses everything else, bytes
that somebody packed himself included. What leaves is counted here as well.
"""

from collections.abc import Iterable
from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.exceptions import AuthenticationError, AuthorizationError, BusyLoadingError, InvalidResponse, ResponseError
from redis.exceptions import ConnectionError as LostConnection

from optimus_tui.probes.commands import CommandRefused, cleared
from optimus_tui.probes.own import OwnLoad


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
    """Packed words that passed the guard; nothing else is written. ``commands`` of them in one round trip."""

    commands = 0


class Guarded(AbstractConnection):
    """The guard, for every kind of connection."""

    def __init__(self, *, own: OwnLoad, name: str = "", **kwargs: Any) -> None:
        self._own, self._name = own, name
        super().__init__(**kwargs)

    def cleared(self, words: tuple[Any, ...]) -> tuple[Any, ...]:
        """The words as they may be sent, or CommandRefused: here the observer's list."""
        return cleared(words, int(self.db))

    def pack_command(self, *args: Any) -> _Cleared:
        return self.pack_commands([args])

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> _Cleared:
        words = [self.cleared(tuple(command)) for command in commands]
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


class TcpConnection(Guarded, Connection):
    pass


class TlsConnection(Guarded, SSLConnection):
    pass


class UnixConnection(Guarded, UnixDomainSocketConnection):
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
