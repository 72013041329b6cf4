"""The reader of Redis replies, for servers that may send anything.

Messages that nobody asked for (RESP3 pushes) are skipped one after the other, without recursion. It refuses to let an
error of its own look like one of ours: what cannot be read is an InvalidResponse, whatever it broke.
"""

from typing import Any

import hiredis
from redis._parsers import _AsyncHiredisParser
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import InvalidResponse, RedisError

MOST_PUSHES = 10_000
"""Before one reply. Our login subscribes to nothing, so a server that sends more is not one that we can read."""


class Unreadable(InvalidResponse):
    """Bytes of a server that broke the reader; ``__cause__`` says how."""


class PatientParser(_AsyncHiredisParser):
    """The library's parser with both promises."""

    async def read_response(self, disable_decoding: bool = False, push_request: bool = False) -> Any:
        """Return the next reply. Raises RedisError or OSError, and nothing else but cancellation."""
        if not self._connected:
            raise LostConnection("Connection closed by server.")
        for _ in range(MOST_PUSHES):
            response = await self._next(disable_decoding)
            if isinstance(response, hiredis.PushNotification) and not push_request:
                continue
            return self._checked(response)
        raise Unreadable("thousands of messages that nobody asked for")

    async def _next(self, disable_decoding: bool) -> Any:
        reader: Any = self._reader
        while True:
            try:
                response = reader.gets(False) if disable_decoding else reader.gets()
            except RedisError:
                raise
            except Exception as error:
                raise Unreadable(f"an answer that cannot be read ({type(error).__name__})") from error
            if response is not NOT_ENOUGH_DATA:
                return response
            await self.read_from_socket()  # type: ignore[no-untyped-call]

    def _checked(self, response: Any) -> Any:
        """Raise what the server says about the connection itself."""
        if isinstance(response, LostConnection):
            raise response
        if isinstance(response, list) and response and isinstance(response[0], LostConnection):
            raise response[0]
        return response
