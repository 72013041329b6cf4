"""MCP on stdin and stdout. The SDK redirects file descriptor 1 to stderr, so that stdout carries only frames.

A frame that is not a message is answered with a JSON-RPC error, and the next one is served.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, redirect_stdout
from types import FrameType
from typing import Any, cast

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage

from optimus_tui.mcp_server.frames import NO_MESSAGE, FrameRefused
from optimus_tui.mcp_server.lines import MessageReader, Raw
from optimus_tui.mcp_server.server import build
from optimus_tui.serving.dispatcher import ToolDispatcher
from optimus_tui.tools.arguments import MAX_BYTES

GONE = (BrokenPipeError, anyio.BrokenResourceError, anyio.ClosedResourceError)


def run(dispatcher: ToolDispatcher) -> int:
    """Serve until stdin ends and return the exit code. A signal ends the process at once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    try:
        asyncio.run(_serve(dispatcher))
    except* GONE:  # The client disconnected first.
        pass
    return 0


def _leave(number: int, frame: FrameType | None) -> None:
    """Exit at once: an orderly end would wait for the thread that reads stdin."""
    os._exit(128 + number)


async def _serve(dispatcher: ToolDispatcher) -> None:
    try:
        await serve_frames(build(dispatcher))
    finally:
        await dispatcher.aclose()


async def serve_frames(server: Server[Any]) -> None:
    """Serve one client on the process's own streams."""
    with _own_stdin() as source:
        to_sdk, lines_out = anyio.create_memory_object_stream[str](0)
        # Text printed meanwhile would stay in a buffer and appear on stdout at the end.
        async with (
            stdio_server(stdin=cast("anyio.AsyncFile[str]", lines_out)) as (incoming, sdk_writer),
            sdk_writer,  # Closing it ends the SDK's writer.
            _nothing_on_stdout(),
        ):

            async def answer(raw: Raw) -> None:
                await sdk_writer.send(SessionMessage(cast("types.JSONRPCMessage", raw)))

            lines = MessageReader(source, answer)
            outgoing, replies = anyio.create_memory_object_stream[SessionMessage](0)
            send, receive = anyio.create_memory_object_stream[SessionMessage | Exception](0)

            async def read() -> None:
                async with to_sdk:
                    async for line in lines:
                        await to_sdk.send(line)

            async def sift() -> None:
                async with send:
                    async for item in incoming:
                        if isinstance(item, Exception):
                            await sdk_writer.send(SessionMessage(_error(item)))
                        else:
                            await send.send(item)

            async def relay() -> None:
                async for item in replies:
                    if await lines.outgoing(item.message):
                        await sdk_writer.send(item)

            async with anyio.create_task_group() as group:
                for work in (read, sift, relay):
                    group.start_soon(work)
                await server.run(receive, outgoing, server.create_initialization_options())
                group.cancel_scope.cancel()


class _Stdin:
    """Lines of a descriptor, at most 256 kB and a byte each, read in a thread."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "rb", closefd=False)

    async def readline(self) -> bytes:
        return await anyio.to_thread.run_sync(self._file.readline, MAX_BYTES + 1, abandon_on_cancel=True)


@contextmanager
def _own_stdin() -> Iterator[_Stdin]:
    """Yield descriptor 0; all other code finds stdin empty."""
    private = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    try:
        yield _Stdin(private)
    finally:
        os.dup2(private, 0)  # ``private`` stays open, because a thread may still be reading it.


@asynccontextmanager
async def _nothing_on_stdout() -> AsyncIterator[None]:
    with redirect_stdout(sys.stderr):
        yield


def _error(problem: Exception) -> types.JSONRPCError:
    """Return the error for a frame that is JSON but not a message to the SDK."""
    return FrameRefused(types.INVALID_REQUEST, NO_MESSAGE).error
