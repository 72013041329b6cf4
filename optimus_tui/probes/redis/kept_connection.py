"""One connection that a scan keeps: its calls are written at once, and their replies are read later.

For each command the library takes a connection, looks at it, starts a task and three timers, and gives it back: a third
of the processor time of a scan, in which the server waits for us.
"""

from collections.abc import Sequence
from typing import Any

from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import InvalidResponse, ResponseError
from redis.exceptions import TimeoutError as NoAnswer

from optimus_tui.probes.redis.guard import Guarded
from optimus_tui.probes.redis.observer import ObserverRedis


class KeptConnection:
    """A connection of a client's pool between ``open`` and ``aclose``; one at a time, so that others are left.

    A client that is led to several servers has none. One that is lost is not opened again: then nothing is sent, and
    the caller sends its commands as others do, which tries again and finds out what is wrong.
    """

    def __init__(self, redis: ObserverRedis) -> None:
        self._redis = redis
        self._connection: Guarded | None = None
        self._due = 0

    async def open(self) -> None:
        """Take a connection, unless another scan of this client has one."""
        redis = self._redis
        if redis.router is not None or redis.keeps_connection:
            return
        redis.keeps_connection = True
        try:
            self._connection = await redis.connection_pool.get_connection()  # type: ignore[no-untyped-call]
        finally:
            redis.keeps_connection = self._connection is not None

    async def send(self, commands: Sequence[Sequence[Any]]) -> bool:
        """Write the commands of one round trip; return False where there is no connection to write them to."""
        connection = self._connection
        if connection is None:
            return False
        if self._due or not connection.is_connected:
            await self.aclose()
            return False
        self._due = len(commands)
        connection.write(commands)
        return True

    async def replies(self) -> list[Any] | None:
        """Return the replies to what was sent, errors among them; None where the connection was lost."""
        found: list[Any] = []
        connection = self._connection
        if connection is None:
            return None
        try:
            while self._due:
                try:
                    found.append(await connection.read_response())
                except ResponseError as error:
                    found.append(error)
                self._due -= 1
        except InvalidResponse:
            raise
        except (LostConnection, NoAnswer, OSError):
            await self.aclose()
            return None
        return found

    async def aclose(self) -> None:
        """Give the connection back; one whose replies were not read is closed."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        due, self._due = self._due, 0
        try:
            if due:
                await connection.disconnect(nowait=True)
        finally:
            self._redis.keeps_connection = False
            await self._redis.connection_pool.release(connection)
