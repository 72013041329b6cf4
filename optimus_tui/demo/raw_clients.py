"""The least HTTP/1.1 and RESP that the demo's traffic needs, to servers the demo itself started on loopback.

Plain sockets, because httpx and redis together cost more processor time to import than a minute of this traffic. It
refuses to be a general client: no TLS, no redirects, no chunked bodies, no RESP3. A missing answer is data
(``RawResponse.status == 0``, ``None`` from Redis' link), never an exception.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

Writer = asyncio.StreamWriter
_TROUBLE = (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError)


class RawResponse(NamedTuple):
    """Status 0 means that no whole answer came. ``remaining``: requests left in the caller's window, where told."""

    status: int
    body: bytes = b""
    remaining: int | None = None

    def json(self) -> Any:
        """The decoded body, None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Http:
    """A keep-alive client for one host: as many connections as there are requests at once, reused."""

    def __init__(self, port: int, *, deadline: float = 5.0) -> None:
        self.port, self.deadline = port, deadline
        self._idle: list[tuple[asyncio.StreamReader, Writer]] = []

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: object = None
    ) -> RawResponse:
        """One request; ``body`` is sent as JSON. ``path`` must be escaped already."""
        payload = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Content-Length: {len(payload)}"]
        if payload:
            lines.append("Content-Type: application/json")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        message = "\r\n".join(lines).encode() + b"\r\n\r\n" + payload
        try:
            async with asyncio.timeout(self.deadline):
                while self._idle:  # the server may have closed an idle connection: then the next, at last a fresh one
                    reused = self._idle.pop()
                    answer = await self._exchange(*reused, message)
                    if answer.status:
                        return answer
                return await self._exchange(*await asyncio.open_connection("127.0.0.1", self.port), message)
        except _TROUBLE:
            return RawResponse(0)

    def close(self) -> None:
        """Let go of the connections that wait."""
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
    """A RESP2 connection for the scenarios' injected faults: commands go out together, replies come back in order."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._link: tuple[asyncio.StreamReader, Writer] | None = None
        self._turn = asyncio.Lock()

    async def send(self, *commands: tuple[bytes | str | int, ...]) -> list[Any] | None:
        """The replies (errors as ``RespError``), or None where the server did not answer."""
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
        """Let go of the connection; the next command opens another."""
        if self._link:
            self._link[1].close()
        self._link = None


class RespError(str):
    """An error reply's text."""

    __slots__ = ()


def _encode(words: tuple[bytes | str | int, ...]) -> bytes:
    raw = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in raw)


async def _decode(reader: asyncio.StreamReader) -> Any:
    line = (await reader.readuntil(b"\r\n"))[:-2]
    kind, rest = line[:1], line[1:]
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == b"-1" else (await reader.readexactly(int(rest) + 2))[:-2]
    if kind == b"*":
        return None if rest == b"-1" else [await _decode(reader) for _ in range(int(rest))]
    if kind == b"-":
        return RespError(rest.decode("utf-8", "backslashreplace"))
    if kind == b"+":
        return rest
    raise ValueError("not a reply of RESP2")
