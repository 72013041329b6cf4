"""Read stdin line by line as the SDK's reader needs it: one valid message a line.

Blank lines and a byte order mark are skipped. A line that is not a message is answered at once and not passed on. The
answers to a batch are collected and sent as one list.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import mcp_types as types

from optimus_tui.mcp_server.frames import (
    BYTE_ORDER_MARK,
    FrameRefused,
    check_message,
    is_request,
    members_of,
    read_frame,
)
from optimus_tui.tools.arguments import MAX_BYTES


class Source(Protocol):
    """A binary stream that is read in a thread."""

    async def readline(self) -> bytes:
        """Return a line, or what there is of it; empty at the end."""
        ...


class Raw:
    """JSON that is written as it is; it has the one method of a message that the SDK's writer calls."""

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
    """Iterate to get the messages. ``answer`` sends what is answered without the SDK."""

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
        """Return True if a message of the SDK may be sent by itself, False if it is kept for its batch."""
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
