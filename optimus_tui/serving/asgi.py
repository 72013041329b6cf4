"""The little of ASGI that we need: a body that ends, an answer in JSON, and knowing that the caller has gone.

It refuses to read more than it may: a body beyond the cap is thrown away as it comes, never kept.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, TypeVar

from optimus_tui.contract.tools.common import ErrorCode, ToolError
from optimus_tui.tools.answer import encode, failure_report
from optimus_tui.tools.arguments import MAX_BYTES, ToolFailure

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]
T = TypeVar("T")

BODY_SECONDS = 5.0
"""A body that has not come whole by then is not waited for."""
_THROWN_AWAY = 16 * 1024 * 1024
"""Bytes of a body too large that are still taken off the line, so that its sender reads the answer."""


class Gone(Exception):
    """The caller has hung up."""


class BodyRefused(Exception):
    """The body is too large (413) or too slow (408)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


async def read_body(receive: Receive, cap: int = MAX_BYTES) -> bytes:
    """The whole body; BodyRefused beyond ``cap`` bytes or after 5 s, Gone where the caller left."""
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
        raise BodyRefused(408, f"the body did not come whole within {BODY_SECONDS:g} s") from None
    if seen > cap:
        raise BodyRefused(413, f"the body is larger than {cap:,} bytes")
    return bytes(kept)


async def while_connected(receive: Receive, work: Awaitable[T]) -> T:
    """What ``work`` comes to; it is cancelled, and Gone raised, when the caller hangs up first."""
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


async def say(send: Send, status: int, document: bytes, headers: Headers = ()) -> None:
    """One JSON document as the answer. No header lets a page of another origin read it."""
    lines = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(document)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": document})


async def say_no(send: Send, status: int, code: ErrorCode, message: str, headers: Headers = ()) -> None:
    """The error body, for what did not come as far as a tool."""
    failure = ToolFailure(ToolError(code=code, message=message), 4 if code == "refused" else 2)
    await say(send, status, encode(failure_report("", failure, time.time())), headers)
