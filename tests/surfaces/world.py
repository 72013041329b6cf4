"""One small system for the surfaces: a gateway that answers, a real server with a few keys, a tool that is a fake."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from msgspec.structs import replace

from optimus_tui.context import Context
from optimus_tui.contract.tools.state import DiagnoseQuery, DiagnoseReport
from optimus_tui.serving.dispatcher import ToolDispatcher
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.tools.registry import TOOLS
from tests.fixed_clock import FixedClock
from tests.hostile import HostileServer, reply
from tests.realserver import RealServer

ROOT = Path(__file__).parents[2]
GATEWAY = ROOT / "templates" / "orchestrator"
"""The source tree whose routers are validated."""
FAKED = "diagnose_gateway_health"


def furnish(gateway: HostileServer, server: RealServer) -> None:
    """What a healthy system holds: one tenant's counters and cache keys, one of them the worst there is."""
    gateway.on("/health", reply(b'{"status":"ok","version":"2.1.0"}'))
    gateway.on("/api/cache/metrics", reply(b'{"hit_rate":0.85,"total_keys":3}'))
    gateway.on("/api/rate-limits", reply(b'{"window_seconds":60,"limits":{"chat":150},"tenants":{}}'))
    server.command("SET", "rate_limit:acme:chat", "12", "EX", "100000")
    server.command("SET", "rate_limit:acme:upload", "7")
    server.command("SET", b"cache:conversation:acme:\x1b[31m\xff", "x", "EX", "100000")


def environment(gateway: HostileServer, redis_url: str, home: object) -> dict[str, str]:
    """The variables for a process on this system, and no other setting of this machine."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    urls = {"BACKEND_ORCHESTRATOR_URL": gateway.url, "AI_ENGINE_URL": gateway.url, "REDIS_URL": redis_url}
    urls["BACKEND_ORCHESTRATOR_PATH"] = str(GATEWAY)
    return {
        **kept,
        **urls,
        "PYTHONPATH": str(ROOT),  # this tree, not what may be installed
        "XDG_CACHE_HOME": str(home),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "XDG_STATE_HOME": str(home),
    }


def context(gateway: HostileServer, server: RealServer) -> Context:
    """The same system for code in this process, at a time that stands still."""
    target = RedisTarget(host="127.0.0.1", port=server.port)
    return Context(
        replace(Settings(), gateway_url=gateway.url, engine_url=gateway.url, redis=target, source_path=GATEWAY),
        FixedClock(),
    )


Run = Callable[[Context, DiagnoseQuery], Awaitable[DiagnoseReport]]


def fake(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """Put ``run`` in the place of a tool."""
    code = SimpleNamespace(QUERY=DiagnoseQuery, REPORT=DiagnoseReport, run=run, found=lambda report: False)
    monkeypatch.setitem(TOOLS[FAKED].__dict__, "code", code)


def a_report(**more: Any) -> DiagnoseReport:
    """Any report at all."""
    from optimus_tui.contract.tools import state

    part = state.DependencySection(status="not checked")
    return DiagnoseReport(
        tool=FAKED,
        timestamp="2026-01-01T00:00:00Z",
        backend_orchestrator_health=part,
        ai_engine_connectivity=part,
        redis=state.RedisSection(status="not checked"),
        postgres=part,
        cache_metrics=state.CacheMetricsSection(status="not checked"),
        rate_limiting=state.RateLimitingSection(status="not checked"),
        gateway_metrics=state.GatewayMetricsSection(status="not checked"),
        overall_status="healthy",
        **more,
    )


def empty_desk(**more: float) -> ToolDispatcher:
    """A desk whose tools are fakes: it reaches nothing."""
    return ToolDispatcher(lambda: Context(Settings(), FixedClock()), **more)


@asynccontextmanager
async def on_the_wire(app: Any) -> AsyncIterator[int]:
    """The port on which uvicorn serves the application, for real."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    config = uvicorn.Config(app, log_config=None, access_log=False, proxy_headers=False, ws="none", lifespan="auto")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        assert not task.done()
        await asyncio.sleep(0.01)
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        await task
        listener.close()


async def raw_post(port: int, path: str, headers: list[tuple[str, str]], body: bytes = b"{}") -> tuple[int, bytes]:
    """Status and body of a POST with exactly these headers, however wrong."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}"]
    writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body)
    answer = await reader.read()
    writer.close()
    return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2]


@contextmanager
def no_settings(monkeypatch: pytest.MonkeyPatch, home: object) -> Iterator[None]:
    """Nothing of this machine's configuration leaks in."""
    for name in [name for name in os.environ if name.startswith(("OPTIMUS_", "REDIS_", "POSTGRES_", "BACKEND_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    yield
