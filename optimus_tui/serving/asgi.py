"""Helpers for plain ASGI: a bounded body, an answer in JSON, and noticing that the caller disconnected.

A body beyond the limit is discarded as it arrives, never kept.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, TypeVar

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
