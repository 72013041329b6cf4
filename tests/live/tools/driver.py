"""A small system for tests of tools: gateway and engine that answer as told, a real server, a context over both."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from optimus_tui.context import Context
from optimus_tui.contract.services import COLD_SECONDS
from optimus_tui.history.samples.store import Store
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.settings.tuning import TUNING, Tuning
from optimus_tui.tools.answer import answer, encode
from tests.hostile import HostileServer, hostile_server, reply, sends
from tests.realserver import RealServer


class Counts:
    """A gateway's ``/metrics``: each look finds every counter a little higher."""

    def __init__(self, *lines: tuple[str, float, float]) -> None:
        self.lines, self.looks = lines, 0

    async def __call__(self, writer: Any) -> None:
        text = "".join(f"{name} {start + step * self.looks}\n" for name, start, step in self.lines)
        self.looks += 1
        await sends(reply(text.encode(), kind=b"text/plain; version=0.0.4"))(writer)


@asynccontextmanager
async def system(
    port: int, folder: Path, *, tuning: Tuning = TUNING, **more: Any
) -> AsyncIterator[tuple[Context, HostileServer]]:
    """Gateway and engine are one server: ``/health`` is theirs both unless the settings say otherwise."""
    async with hostile_server() as gateway:
        gateway.on("/health", reply(b'{"status":"ok"}'))
        gateway.on("/api/cache/metrics", reply(b'{"hit_rate":0.85,"total_keys":1247}'))
        gateway.on("/api/rate-limits", reply(b'{"window_seconds":60,"limits":{"chat":150},"tenants":{}}'))
        fields = {"gateway_url": gateway.url, "engine_url": gateway.url, **more}
        target = RedisTarget(host="127.0.0.1", port=port)
        context = Context(Settings(**{"redis": target, **fields}), tuning=tuning)
        context.__dict__["store"] = Store(folder / "history.sqlite")
        try:
            yield context, gateway
        finally:
            await context.aclose()


async def ask(context: Context, tool: str, **arguments: Any) -> dict[str, Any]:
    """The document, as every surface sends it."""
    return msgspec.json.decode(encode(await answer(context, tool, json.dumps(arguments))))


async def warm(server: RealServer) -> None:
    """Wait until the cache of this server is no longer cold: until then a low rate is no alarm."""
    while True:
        uptime = next(
            line
            for line in server.command("INFO", "server").decode().splitlines()
            if line.startswith("uptime_in_seconds:")
        )
        if int(uptime.partition(":")[2]) > COLD_SECONDS:
            return
        await asyncio.sleep(1)


def pipe(port: int, *commands: tuple[str | bytes | int, ...]) -> None:
    """Many commands in one connection."""
    lines = b""
    for command in commands:
        words = [word if isinstance(word, bytes) else str(word).encode() for word in command]
        lines += b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
    lines += b"*2\r\n$4\r\nECHO\r\n$8\r\nall-done\r\n"
    with socket.create_connection(("127.0.0.1", port), 10) as link:
        link.sendall(lines)
        heard = b""
        while b"all-done" not in heard:
            piece = link.recv(1 << 16)
            assert piece
            heard = heard[-16:] + piece
