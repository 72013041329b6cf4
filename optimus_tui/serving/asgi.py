"""Helpers for plain ASGI: a bounded body, an answer in JSON, and noticing that the caller disconnected.

A body beyond the limit is discarded as it arrives, never kept.

Deadlines and a cap for the connections of ``serve`` and ``mcp --http``.

A peer that sends nothing, half a head or half a body takes no place from one that asks. Above the cap, the connection
that has waited longest for its peer is closed; a request that is being answered never is.
"""

import asyncio
import logging
import resource
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, TypeVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from optimus_tui.contract.tools.common import ErrorCode, ToolError
from optimus_tui.tools.answer import encode, failure_report
from optimus_tui.tools.arguments import MAX_BYTES, ToolFailure
from optimus_tui.wording.safe import redact, safe_text

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]
T = TypeVar("T")

_log = logging.getLogger("optimus_tui.serving")

BODY_SECONDS = 5.0
"""Seconds in which a body must be complete."""
_THROWN_AWAY = 16 * 1024 * 1024
"""Bytes of a too large body that are still read and discarded, so that its sender reads the answer."""


class Gone(Exception):
    """The caller disconnected."""


class BodyRefused(Exception):
    """The body is too large (413) or too slow (408)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


async def read_body(receive: Receive, cap: int = MAX_BYTES) -> bytes:
    """Return the whole body.

    Raises:
        BodyRefused: It is larger than ``cap`` bytes or takes longer than 5 s.
        Gone: The caller disconnected.
    """
    kept, seen = bytearray(), 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                chunk: bytes = message.get("body", b"")
                seen += len(chunk)
                if seen <= cap:
                    kept += chunk
                if not message.get("more_body", False) or seen > _THROWN_AWAY:
                    break
    except TimeoutError:
        raise BodyRefused(408, f"the body was not complete within {BODY_SECONDS:g} s") from None
    if seen > cap:
        raise BodyRefused(413, f"the body is larger than {cap:,} bytes")
    return bytes(kept)


async def while_connected(receive: Receive, work: Awaitable[T]) -> T:
    """Return the result of ``work``, which is cancelled if the caller disconnects.

    Raises:
        Gone: The caller disconnected first.
    """
    task: asyncio.Task[T] = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(_hang_up(receive))
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Gone
    finally:
        for one in (task, watch):
            one.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_json(send: Send, status: int, document: bytes, headers: Headers = ()) -> None:
    """Send one JSON document as the answer. No header lets a page of another origin read it."""
    lines = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(document)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": document})


async def send_error(send: Send, status: int, code: ErrorCode, message: str, headers: Headers = ()) -> None:
    """Send an error document for a request that reached no tool."""
    await send_json(send, status, error_document(code, message), headers)


def error_document(code: ErrorCode, message: str) -> bytes:
    """Return the JSON document that says why there is no answer."""
    failure = ToolFailure(ToolError(code=code, message=message), 4 if code == "refused" else 2)
    return encode(failure_report("", failure, time.time()))


def with_complete_answers(app: App) -> App:
    """Wrap ``app`` so that neither cancellation nor a bug prints a traceback or leaves an answer unfinished.

    If the server ends: 503, or the end of what was being sent. A bug: one line in the log, and 500.
    """

    async def ended(scope: Scope, receive: Receive, send: Send) -> None:
        started = complete = False

        async def noted(message: Message) -> None:
            nonlocal started, complete
            started = True
            complete = complete or (message["type"] == "http.response.body" and not message.get("more_body", False))
            await send(message)

        try:
            await app(scope, receive, noted if scope["type"] == "http" else send)
        except (asyncio.CancelledError, Exception) as error:
            if scope["type"] != "http":
                raise
            is_bug = isinstance(error, Exception) and not isinstance(error, Gone)
            if is_bug:
                _log.error("%s: %s", type(error).__name__, safe_text(redact(str(error)), 300))
            if not started and is_bug:
                await send_error(send, 500, "internal", "a bug in the server; see its log")
            elif not started:
                await send_error(send, 503, "busy", "the server is ending", ((b"connection", b"close"),))
            elif not complete:
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    return ended


HEAD_SECONDS = 10.0
"""Seconds from the connection, or the first byte of a further request, to the end of its head."""
WRITE_SECONDS = 10.0
"""Seconds after which a peer that reads nothing of its answer is disconnected."""
MOST_CONNECTIONS = 1024
_REASONS = {400: "Bad Request", 408: "Request Timeout", 503: "Service Unavailable"}


def most_connections() -> int:
    """Return how many may be open: a quarter of this process's file descriptors, at most 1,024.

    Between two checks of the cap, as many again can be accepted, and as many again be closing.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft <= 0:  # There is no limit.
        return MOST_CONNECTIONS
    return max(8, min(MOST_CONNECTIONS, soft // 4))


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 with deadlines and at most ``most`` open connections a server."""

    most = most_connections()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.heard = self.loop.time()
        self._started = False
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    @property
    def waits(self) -> bool:
        """Whether the peer has to send something before the server can do anything."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return True
        return cycle.more_body and not cycle.response_started

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the peer; above the cap, close the connection that has waited longest."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._too_slow)
        if len(self.connections) <= self.most:
            return
        others = [one for one in self.connections if isinstance(one, BoundedProtocol) and one is not self and one.waits]
        victim = min(others, key=lambda one: one.heard, default=self)
        victim.end(503, "there are too many connections; try again")

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers."""
        for timer in (self._deadline, self._stalled):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and start or end the deadline of the head."""
        self.heard, self._started = self.loop.time(), True
        super().data_received(data)
        in_head = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        if in_head and self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._too_slow)
        elif not in_head and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def pause_writing(self) -> None:
        """Start the deadline of a peer that does not read."""
        super().pause_writing()
        self._stalled = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """End the deadline: the peer reads again."""
        if self._stalled is not None:
            self._stalled.cancel()
        super().resume_writing()

    def shutdown(self) -> None:
        """End the server's connection. A peer that has sent half a request gets no time to finish it."""
        if self.waits and self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()
        else:
            super().shutdown()

    def end(self, status: int, message: str) -> None:
        """Close the connection, with an answer if the peer has begun a request."""
        if self.transport.is_closing():
            return
        if self._started or status == 503:
            document = error_document("busy" if status == 503 else "bad_argument", message)
            head = (
                f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(document)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + document)
        self.connections.discard(self)  # It no longer counts, however long the system takes to close it.
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer that the request is not HTTP, or only close if an answer has begun. ``msg`` is uvicorn's."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.end(400, "this is not a well-formed HTTP request")
        else:
            self.transport.close()

    def _too_slow(self) -> None:
        self.end(408, f"the head of the request was not complete within {HEAD_SECONDS:g} s")
