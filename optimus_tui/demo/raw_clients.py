"""Minimal HTTP/1.1 and RESP clients for the demo's traffic, to servers that the demo started on loopback.

They use plain sockets, because importing httpx and redis takes more processor time than a minute of this traffic. There
is no TLS, no redirect, no chunked body and no RESP3. A missing answer is a value (``RawResponse.status == 0``, ``None``
from ``Resp``), never an exception.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

Writer = asyncio.StreamWriter
_TROUBLE = (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError)


class RawResponse(NamedTuple):
    """One answer.

    Attributes:
        status: The HTTP status; 0 if no complete answer came.
        body: The raw body.
        remaining: Requests left in the caller's window; None if the answer does not say.
    """

    status: int
    body: bytes = b""
    remaining: int | None = None

    def json(self) -> Any:
        """Return the decoded body; None if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Http:
    """A keep-alive client for one host, with as many connections as there are requests at once."""

    def __init__(self, port: int, *, deadline: float = 5.0) -> None:
        self.port, self.deadline = port, deadline
        self._idle: list[tuple[asyncio.StreamReader, Writer]] = []

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: object = None
    ) -> RawResponse:
        """Send one request; ``body`` is sent as JSON, and ``path`` must be escaped already."""
        payload = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Content-Length: {len(payload)}"]
        if payload:
            lines.append("Content-Type: application/json")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        message = "\r\n".join(lines).encode() + b"\r\n\r\n" + payload
        try:
            async with asyncio.timeout(self.deadline):
                while self._idle:  # The server may have closed an idle connection: try the next, and at last a new one.
                    reused = self._idle.pop()
                    answer = await self._exchange(*reused, message)
                    if answer.status:
                        return answer
                return await self._exchange(*await asyncio.open_connection("127.0.0.1", self.port), message)
        except _TROUBLE:
            return RawResponse(0)

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop()[1].close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: Writer, message: bytes) -> RawResponse:
        kept = False
        try:
            writer.write(message)
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
            body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
            kept = fields.get(b"connection") != b"close" and b"transfer-encoding" not in fields
            left = fields.get(b"x-ratelimit-remaining")
            return RawResponse(int(head[9:12]), body, None if left is None else int(left))
        except (OSError, EOFError, ValueError):
            return RawResponse(0)
        finally:
            if kept:
                self._idle.append((reader, writer))
            else:
                writer.close()


class Resp:
    """A RESP2 connection for injected faults: commands are sent together, replies come back in order."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._link: tuple[asyncio.StreamReader, Writer] | None = None
        self._turn = asyncio.Lock()

    async def send(self, *commands: tuple[bytes | str | int, ...]) -> list[Any] | None:
        """Return the replies (errors as ``RespError``), or None if the server did not answer."""
        message = b"".join(_encode(command) for command in commands)
        async with self._turn:
            try:
                async with asyncio.timeout(5):
                    if self._link is None:
                        self._link = await asyncio.open_connection("127.0.0.1", self.port)
                    reader, writer = self._link
                    writer.write(message)
                    await writer.drain()
                    return [await _decode(reader) for _ in commands]
            except _TROUBLE:
                self.close()
                return None

    def close(self) -> None:
        """Close the connection; the next command opens a new one."""
        if self._link:
            self._link[1].close()
        self._link = None


class RespError(str):
    """The text of an error reply."""

    __slots__ = ()


def _encode(words: tuple[bytes | str | int, ...]) -> bytes:
    raw = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in raw)


async def _decode(reader: asyncio.StreamReader) -> Any:
    line = (await reader.readuntil(b"\r\n"))[:-2]
    kind, rest = line[:1], line[1:]
    if rest == b"-1" and kind in b"$*":
        return None
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return (await reader.readexactly(int(rest) + 2))[:-2]
    if kind == b"*":
        return [await _decode(reader) for _ in range(int(rest))]
    if kind == b"-":
        return RespError(rest.decode("utf-8", "backslashreplace"))
    if kind == b"+":
        return rest
    raise ValueError("not a reply of RESP2")
