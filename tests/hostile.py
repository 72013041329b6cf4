"""An HTTP service that misbehaves on purpose: one path for each way in which a gateway can be wrong."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

Writer = asyncio.StreamWriter
Act = Callable[[Writer], Coroutine[None, None, None]]


def reply(
    body: bytes,
    status: bytes = b"200 OK",
    kind: bytes | None = b"application/json",
    headers: bytes = b"",
    length: int | None = None,
) -> bytes:
    """A whole HTTP/1.1 answer, exactly as asked for."""
    typed = b"Content-Type: " + kind + b"\r\n" if kind is not None else b""
    size = b"Content-Length: %d\r\n" % (len(body) if length is None else length)
    return b"HTTP/1.1 " + status + b"\r\n" + typed + size + headers + b"\r\n" + body


def sends(raw: bytes) -> Act:
    """Send it and hang up."""

    async def act(writer: Writer) -> None:
        writer.write(raw)
        await writer.drain()

    return act


async def slow_body(writer: Writer) -> None:
    writer.write(reply(b"", length=1000))
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def slow_headers(writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(10_000):
        writer.write(b"X-%d: y\r\n" % number)
        await writer.drain()
        await asyncio.sleep(0.05)


async def endless_headers(writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Header: " + b"y" * 8000 + b"\r\n")
        await writer.drain()


async def endless_interim(writer: Writer) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100)
        await writer.drain()
        await asyncio.sleep(0)


async def silence(writer: Writer) -> None:
    await asyncio.sleep(60)


async def fifty_megabytes(writer: Writer) -> None:
    writer.write(reply(b"", length=50_000_000))
    for _ in range(50):
        writer.write(b" " * 1_000_000)
        await writer.drain()


async def endless_chunks(writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\n \r\n" * 1000)
        await writer.drain()
        await asyncio.sleep(0)


def bomb() -> bytes:
    """Three hundred megabytes in three hundred kilobytes."""
    piece = gzip.compress(b"0" * 10_000_000)
    return reply(piece * 30, headers=b"Content-Encoding: gzip\r\n")


class HostileServer:
    """Answers each path by its act; counts requests; closes after each answer unless the act keeps it."""

    def __init__(self) -> None:
        self.acts: dict[str, Act] = {}
        self.requests: list[tuple[str, bytes]] = []
        self.ended: list[str] = []
        """The paths whose act came to its end: what hangs is not there, and nobody has waited for it."""
        self.url = ""

    def on(self, path: str, act: Act | bytes) -> None:
        self.acts[path] = sends(act) if isinstance(act, bytes) else act

    async def handle(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode()
        self.requests.append((path, head))
        await self.acts.get(path, sends(reply(b"{}", b"404 Not Found")))(writer)
        self.ended.append(path)


@contextlib.asynccontextmanager
async def serving(handle: Callable[[asyncio.StreamReader, Writer], Awaitable[None]]) -> AsyncIterator[int]:
    """A server on a free loopback port (its number); no task and no socket of it outlives the block."""
    tasks: set[asyncio.Task[None]] = set()
    writers: list[Writer] = []

    async def one(reader: asyncio.StreamReader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await handle(reader, writer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, limit=1 << 20)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def hostile_server() -> AsyncIterator[HostileServer]:
    """The server, gone with the block."""
    one = HostileServer()
    async with serving(one.handle) as port:
        one.url = f"http://127.0.0.1:{port}"
        yield one
