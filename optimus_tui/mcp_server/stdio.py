"""MCP on stdin and stdout. Frames only: the SDK points file descriptor 1 at stderr for everybody else.

A frame that is no message is answered with a JSON-RPC error, and the next one is served.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, redirect_stdout
from types import FrameType
from typing import Any

import anyio
import mcp_types as types
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage

from optimus_tui.mcp_server.server import build
from optimus_tui.serving.desk import Desk

GONE = (BrokenPipeError, anyio.BrokenResourceError, anyio.ClosedResourceError)


def run(desk: Desk) -> int:
    """Serve until stdin ends; the exit code. Interrupting ends at once: nothing here needs an orderly end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    try:
        asyncio.run(_serve(desk))
    except* GONE:  # the client has gone first
        pass
    return 0


def _leave(number: int, frame: FrameType | None) -> None:
    """An orderly end would wait for the read that waits for a line."""
    os._exit(128 + number)


async def _serve(desk: Desk) -> None:
    try:
        await serve_frames(build(desk))
    finally:
        await desk.aclose()


async def serve_frames(server: Server[Any]) -> None:
    """One client on the process's own streams."""
    # What is printed meanwhile would wait in a buffer and come out on stdout at the end.
    async with stdio_server() as (incoming, outgoing), _nothing_on_stdout():
        send, receive = anyio.create_memory_object_stream[SessionMessage | Exception](0)

        async def sift() -> None:
            async with send:
                async for item in incoming:
                    if isinstance(item, Exception):
                        await outgoing.send(SessionMessage(_error(item)))
                    else:
                        await send.send(item)

        async with anyio.create_task_group() as group:
            group.start_soon(sift)
            await server.run(receive, outgoing, server.create_initialization_options())
            group.cancel_scope.cancel()


@asynccontextmanager
async def _nothing_on_stdout() -> AsyncIterator[None]:
    with redirect_stdout(sys.stderr):
        yield


def _error(problem: Exception) -> types.JSONRPCError:
    kinds = [one["type"] for one in problem.errors()] if hasattr(problem, "errors") else ["json_invalid"]
    code, message = types.INVALID_REQUEST, "the frame is JSON, but no JSON-RPC message"
    if "json_invalid" in kinds:
        code, message = types.PARSE_ERROR, "the frame is not JSON"
    return types.JSONRPCError(jsonrpc="2.0", id=None, error=types.ErrorData(code=code, message=message))
