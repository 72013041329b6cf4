"""The MCP server over stdin and stdout: one valid JSON-RPC message a line, checked before the SDK sees it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, redirect_stdout
from types import FrameType
from typing import Any, Protocol, cast

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage

from optimus_tui.mcp_server.server import build
from optimus_tui.serving.dispatcher import ToolDispatcher
from optimus_tui.tools.answer import MAX_BYTES

WITH_BATCHES = "2025-03-26"
MOST_IN_BATCH = 50
LARGEST_ID = 2**53 - 1
"""The largest whole number that every JSON implementation keeps exactly."""
LONGEST_ID = 256
BYTE_ORDER_MARK = "\ufeff"
NO_MESSAGE = "the frame is JSON, but not a JSON-RPC message"
GONE = (BrokenPipeError, anyio.BrokenResourceError, anyio.ClosedResourceError)


class FrameRefused(Exception):
    """A frame that is answered with an error. ``code`` is the error code of JSON-RPC."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.error = types.JSONRPCError(
            jsonrpc="2.0", id=None, error=types.ErrorData(code=code, message=message, data=None)
        )

    @property
    def text(self) -> str:
        """The answer as JSON."""
        return self.error.model_dump_json(by_alias=True, exclude_unset=True)


def read_frame(text: str) -> Any:
    """Return a frame (an object or a list) without a byte order mark. ``text`` is not blank.

    Raises:
        FrameRefused: It is not JSON.
    """
    try:
        return json.loads(text.removeprefix(BYTE_ORDER_MARK))
    except (ValueError, RecursionError):
        raise FrameRefused(types.PARSE_ERROR, "the frame is not JSON") from None


def check_message(message: Any) -> None:
    """Check one message, not a batch.

    Raises:
        FrameRefused: The SDK would not answer it, though its sender waits for an answer.
    """
    if not isinstance(message, dict):
        raise FrameRefused(types.INVALID_REQUEST, NO_MESSAGE)
    if "id" not in message or ("error" in message and "method" not in message):
        return
    given = message["id"]
    fits = isinstance(given, str) and len(given) <= LONGEST_ID
    fits = fits or (isinstance(given, int) and not isinstance(given, bool) and abs(given) <= LARGEST_ID)
    if not fits:
        reason = f"an id must be a whole number up to {LARGEST_ID} or a text of up to {LONGEST_ID} characters"
        raise FrameRefused(types.INVALID_REQUEST, reason)


def members_of(batch: list[Any], version: str | None) -> list[dict[str, Any]]:
    """Return the messages of a batch.

    Args:
        batch: The decoded list.
        version: The negotiated protocol version; None before that.

    Raises:
        FrameRefused: Batches are not allowed now, or a message is refused.
    """
    if version != WITH_BATCHES:
        reason = f"protocol version {version}" if version else "a connection that was not initialized"
        raise FrameRefused(types.INVALID_REQUEST, f"{reason} does not allow batches")
    if not 0 < len(batch) <= MOST_IN_BATCH:
        raise FrameRefused(types.INVALID_REQUEST, f"a batch holds 1 to {MOST_IN_BATCH} messages")
    for message in batch:
        check_message(message)
        if message.get("method") == "initialize":
            raise FrameRefused(types.INVALID_REQUEST, "initialize must not be part of a batch")
    ids = [message["id"] for message in batch if is_request(message)]
    if len(set(ids)) < len(ids):  # Their answers could not be told apart.
        raise FrameRefused(types.INVALID_REQUEST, "two requests of a batch have the same id; none was carried out")
    return batch


def is_request(message: dict[str, Any]) -> bool:
    """Return True if the sender waits for an answer."""
    return "method" in message and "id" in message


def negotiated(requested: object) -> str:
    """Return the protocol version that the SDK answers an initialize request with."""
    known = types.version.HANDSHAKE_PROTOCOL_VERSIONS
    if requested not in known:
        return types.version.LATEST_HANDSHAKE_VERSION
    return str(requested)


class Source(Protocol):
    """A binary stream that is read in a thread."""

    async def readline(self) -> bytes:
        """Return a line, the rest at the end without a line break, or nothing after the end."""
        ...


class Raw:
    """JSON that is written unchanged; the class has the one method that the SDK's writer calls on a message."""

    def __init__(self, text: str) -> None:
        self._text = text

    def model_dump_json(self, **_: object) -> str:
        """Return the text."""
        return self._text


class Batch:
    """The open requests of one batch, and the answers so far."""

    def __init__(self, members: list[dict[str, Any]]) -> None:
        self.waiting = {message["id"] for message in members if is_request(message)}
        self.answers: list[str] = []


class MessageReader:
    """An async iterator over the messages for the SDK.

    ``answer`` sends the answers that need no SDK, such as errors.
    """

    def __init__(self, source: Source, answer: Callable[[Raw], Awaitable[None]]) -> None:
        self._source, self._answer = source, answer
        self._opening: object = None
        self._version: str | None = None
        self._batches: list[Batch] = []

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield each message as one line of JSON."""
        async for line in self._whole_lines():
            text = line.decode("utf-8", "replace").strip()
            if not text.strip(f"{BYTE_ORDER_MARK} \t\r\n"):
                continue
            try:
                frame = read_frame(text)
                if isinstance(frame, list):
                    members = members_of(frame, self._version)
                    self._batches.append(Batch(members))
                else:
                    check_message(frame)
                    members = [frame]
            except FrameRefused as refused:
                await self._answer(Raw(refused.text))
                continue
            for message in members:
                self._note(message)
                yield json.dumps(message)
            await self._send_complete()

    async def _whole_lines(self) -> AsyncIterator[bytes]:
        """Yield lines of at most 256 kB; a longer one is discarded as it arrives, and refused."""
        while line := await self._source.readline():
            if len(line) <= MAX_BYTES:
                yield line
                continue
            while line and not line.endswith(b"\n"):
                line = await self._source.readline()
            refused = FrameRefused(types.INVALID_REQUEST, f"a frame holds at most {MAX_BYTES:,} bytes")
            await self._answer(Raw(refused.text))

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "initialize" and is_request(message):
            self._opening = message["id"]
        elif message.get("method") == "notifications/cancelled":
            params = message.get("params")
            cancelled = params.get("requestId") if isinstance(params, dict) else None
            for batch in self._batches:
                if isinstance(cancelled, (int, str)):
                    batch.waiting.discard(cancelled)

    async def outgoing(self, message: Any) -> bool:
        """Return True if a message of the SDK may be sent by itself, False if it is kept for the answer to a batch."""
        if not isinstance(message, (types.JSONRPCResponse, types.JSONRPCError)):
            return True
        if self._opening is not None and message.id == self._opening and isinstance(message, types.JSONRPCResponse):
            self._version, self._opening = str(message.result.get("protocolVersion")), None
        batch = next((one for one in self._batches if message.id in one.waiting), None)
        if batch is None:
            return True
        batch.waiting.discard(message.id)
        batch.answers.append(message.model_dump_json(by_alias=True, exclude_unset=True))
        await self._send_complete()
        return False

    async def _send_complete(self) -> None:
        for batch in [one for one in self._batches if not one.waiting]:
            self._batches.remove(batch)
            if batch.answers:
                await self._answer(Raw(f"[{','.join(batch.answers)}]"))


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
