"""Parse Redis replies from servers that may send anything.

Unrequested messages (RESP3 pushes) are skipped one after the other, without recursion. A reply is bounded while it is
read: one beyond its command's cap is never held as a whole. Every error of the parser, whatever its cause, becomes an
InvalidResponse.
"""

from typing import Any

import hiredis
from redis._parsers import _AsyncHiredisParser
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import InvalidResponse, RedisError, ResponseError

from optimus_tui.probes.redis.reply_caps import REPORT
from optimus_tui.probes.redis.reply_heads import ReplyHeads, Unbounded

MOST_PUSHES = 10_000
"""Pushes before one reply. Our login subscribes to nothing, so a server that sends more cannot be read."""


class UnreadableReply(InvalidResponse):
    """The reader could not process the server's bytes; ``__cause__`` says why."""


class ReplyTooLarge(InvalidResponse):
    """The reply is larger than an answer to its command can be; the connection is dropped."""

    def __init__(self, command: str, cap: int) -> None:
        super().__init__(f"{command} was answered with more than {cap:,} bytes")
        self.command, self.cap = command, cap


class PatientParser(_AsyncHiredisParser):
    """The library's parser with bounded replies. ``expect`` sets the bound of the next reply."""

    def __init__(self, socket_read_size: int) -> None:
        super().__init__(socket_read_size)
        self._command, self._cap, self._taken = "", REPORT, 0

    @classmethod
    def parse_error(cls, response: str) -> Exception:
        """Return the exception for an error reply, also for one that the library cannot read, like ``MOVED 1``.

        The reader calls this in the middle of a reply. Were it to raise twice within one reply, the reader would go on
        with an exception pending, and a map that follows would end the process with a segmentation fault.
        """
        try:
            return super().parse_error(response)  # type: ignore[no-untyped-call, no-any-return]
        except Exception:
            return ResponseError(response)

    def on_connect(self, connection: Any) -> None:
        """Reset all state of the last connection."""
        super().on_connect(connection)  # type: ignore[no-untyped-call]
        self._taken, self._heads = 0, ReplyHeads()

    def expect(self, command: str, cap: int) -> None:
        """Limit the next reply, the pushes before it and what is read together with it to ``cap`` bytes."""
        self._command, self._cap = command, cap

    async def read_response(self, disable_decoding: bool = False, push_request: bool = False) -> Any:
        """Return the next reply. Raises RedisError or OSError, and nothing else but cancellation."""
        if not self._connected:
            raise LostConnection("Connection closed by server.")
        for _ in range(MOST_PUSHES):
            response = await self._next(disable_decoding)
            if isinstance(response, hiredis.PushNotification) and not push_request:
                continue
            self._taken = 0  # what was read together with it counts for the next: at most one read
            return self._checked(response)
        raise UnreadableReply("thousands of unrequested messages")

    async def _next(self, disable_decoding: bool) -> Any:
        reader: Any = self._reader
        while True:
            try:
                if disable_decoding:
                    response = reader.gets(False)
                else:
                    response = reader.gets()
            except RedisError:
                raise
            except Exception as error:
                raise UnreadableReply(f"an answer that cannot be read ({type(error).__name__})") from error
            if response is not NOT_ENOUGH_DATA:
                return response
            await self.read_from_socket()

    async def read_from_socket(self) -> bool:
        """Read the available bytes, unless they exceed what the reply may hold."""
        stream: Any = self._stream
        data: bytes = await stream.read(self._read_size)
        if not data:
            raise LostConnection("Connection closed by server.")
        self._taken += len(data)
        if self._taken > self._cap + self._read_size:
            raise ReplyTooLarge(self._command, self._cap)
        try:
            self._heads.check(data)
        except Unbounded as error:
            raise UnreadableReply(str(error)) from error
        reader: Any = self._reader
        reader.feed(data)
        return True

    def _checked(self, response: Any) -> Any:
        """Raise the errors that the server reports about the connection itself."""
        if isinstance(response, LostConnection):
            raise response
        if isinstance(response, list) and response and isinstance(response[0], LostConnection):
            raise response[0]
        return response
