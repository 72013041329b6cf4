"""The connection that carries out one action: opened for it, closed after it, never reopened.

If a reply does not come, its outcome is unknown and the connection ends: ``ConnectionLost`` carries the replies that
had arrived. It refuses to retry, to reconnect by itself, and to send what its ``Permit`` does not list.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio import ConnectionPool
from redis.exceptions import ResponseError

from optimus_tui.actions.redis.permit import Permit
from optimus_tui.contract.reading import Fault
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.load_meter import LoadMeter, lookups_of
from optimus_tui.probes.redis.commands import CommandRefused, Word
from optimus_tui.probes.redis.guard import ConnectionPolicy, connection_pool
from optimus_tui.settings.model import RedisTarget

POLICY = ConnectionPolicy("optimus-tui-operator", seconds=2.0, retries=0, connections=1)
TRIP = 100
"""Commands in one round trip; the server serves other clients in between."""

Listener = Callable[[tuple[Word, ...]], None]


class ConnectionLost(Exception):
    """The connection ended.

    Attributes:
        fault: Why.
        replies: Those that had arrived.
        sent: False if it had ended before the commands were sent.
    """

    def __init__(self, fault: Fault, replies: Sequence[Any] = (), *, sent: bool = False) -> None:
        super().__init__(fault.message)
        self.fault, self.replies, self.sent = fault, list(replies), sent


class OperatorConnection:
    """An open connection, for use by one task."""

    def __init__(self, connection: Any, pool: ConnectionPool, target: RedisTarget, own: LoadMeter) -> None:
        self._connection, self._pool, self.target, self._own = connection, pool, target, own
        self._lost: Fault | None = None

    async def ask(self, *words: Word) -> Any:
        """Send one command and return its reply.

        Raises:
            ResponseError: The server refused the command.
            ConnectionLost: The connection ended.
        """
        (reply,) = await self.together([words])
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def together(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Send all commands, then read all replies. A refusal of the server stands in its reply's place."""
        if self._lost is not None:
            raise ConnectionLost(self._lost)
        replies: list[Any] = []
        try:
            await self._connection.send_packed_command(self._connection.pack_commands(commands), check_health=False)
            for _ in commands:
                try:
                    replies.append(await self._connection.read_response())
                except ResponseError as error:
                    replies.append(error)
        except CommandRefused:
            raise
        except OUTAGES as error:
            await self._give_up(fault_of(error, self.target))
            raise ConnectionLost(fault_of(error, self.target), replies, sent=True) from None
        except BaseException:  # A cancelled task leaves replies unread, so the connection cannot be used again.
            await self._give_up(Fault("refused", "the action was interrupted"))
            raise
        self._count(commands, replies)
        return replies

    def _count(self, commands: Sequence[Sequence[Word]], replies: Sequence[Any]) -> None:
        """Note our own hits and misses, so that they can be subtracted from the server's hit rate."""
        pairs = [lookups_of(words[0], reply) for words, reply in zip(commands, replies, strict=True)]
        self._own.note(hits=sum(hit for hit, _ in pairs), misses=sum(miss for _, miss in pairs))

    async def each(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Send commands like ``together``, a hundred at a time."""
        replies: list[Any] = []
        for start in range(0, len(commands), TRIP):
            replies += await self.together(commands[start : start + TRIP])
        return replies

    async def close(self) -> None:
        """Close the connection. May be called twice."""
        await self._give_up(self._lost or Fault("refused", "the connection was closed"))

    async def _give_up(self, fault: Fault) -> None:
        self._lost = self._lost or fault
        try:
            async with asyncio.timeout(1):
                await self._pool.disconnect()
        except OUTAGES:
            return  # The connection has ended anyway.


async def open_operator_connection(
    target: RedisTarget, permit: Permit, own: LoadMeter, heard: Listener | None = None
) -> OperatorConnection:
    """Connect and log in; ``heard`` gets the words of every command that the permit lets through.

    Raises:
        ConnectionLost: The server cannot be reached, or refuses the login.
    """

    def check(words: Sequence[Word]) -> tuple[Word, ...]:
        sent = permit.cleared(words)
        if heard is not None:
            heard(sent)
        return sent

    pool = connection_pool(target, own, POLICY, check)
    try:
        async with asyncio.timeout(2 * POLICY.seconds):
            connection = await pool.get_connection()  # type: ignore[no-untyped-call]
    except OUTAGES as error:
        raise ConnectionLost(fault_of(error, target)) from None
    return OperatorConnection(connection, pool, target, own)
