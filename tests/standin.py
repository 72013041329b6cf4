"""A gateway and an engine for tests of whole commands: they answer as told, on a thread of their own."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile import HostileServer, hostile_server, reply
from tests.patience import PATIENCE

OURS = ("OPTIMUS_", "REDIS_", "POSTGRES_", "BACKEND_", "AI_ENGINE_", "PROMETHEUS_")


@contextlib.contextmanager
def standing_in() -> Iterator[HostileServer]:
    """Healthy until a path is given another act."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    box: list[HostileServer] = []
    stop = asyncio.Event()

    async def serve() -> None:
        async with hostile_server() as one:
            box.append(one)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    one = box[0]
    one.on("/health", reply(b'{"status":"ok","version":"9"}'))
    one.on("/api/cache/metrics", reply(b'{"hit_rate":0.85,"total_keys":1247}'))
    one.on("/api/rate-limits", reply(b'{"window_seconds":60,"limits":{"chat":150}}'))
    try:
        yield one
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)
        loop.close()


def point_to(monkeypatch: pytest.MonkeyPatch, home: Path, gateway: str, engine: str, redis: str) -> None:
    """Make these the configured system, and let no configuration of this machine leak in."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("BACKEND_ORCHESTRATOR_URL", gateway)
    monkeypatch.setenv("AI_ENGINE_URL", engine)
    monkeypatch.setenv("REDIS_URL", redis)
    monkeypatch.chdir(home)
