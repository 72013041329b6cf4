"""``optimus-tui record`` as a process, and the sampler behind it, against real services and none."""

# ruff: noqa: ASYNC240 - the file is another process's work
import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from optimus_tui.history.samples.store import Store, system_of
from optimus_tui.settings.model import RedisTarget, Settings
from tests.hostile import HostileServer, hostile_server, reply
from tests.patience import PATIENCE
from tests.realserver import RealServer

PAGE = b'# TYPE http_requests_total counter\nhttp_requests_total{tenant="acme"} 5\nprocess_resident_memory_bytes 7e7\n'


@pytest.fixture
async def gateway() -> AsyncIterator[HostileServer]:
    async with hostile_server() as one:
        one.on("/health", reply(b'{"status":"ok"}'))
        one.on("/api/cache/metrics", reply(b'{"hit_rate":0.85,"total_keys":1247}'))
        one.on("/metrics", reply(PAGE, kind=b"text/plain"))
        yield one


async def start(state: Path, settings: Settings, *words: str) -> asyncio.subprocess.Process:
    env = {
        **os.environ,
        "XDG_STATE_HOME": str(state),
        "XDG_CONFIG_HOME": str(state),
        "BACKEND_ORCHESTRATOR_URL": settings.gateway_url,
        "AI_ENGINE_URL": settings.engine_url,
        "REDIS_URL": f"redis://{settings.redis.label}",
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "optimus_tui", "record", *words), env=env, cwd=state,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


def file_in(state: Path) -> Path:
    return state / "optimus-tui" / "history" / "default.sqlite"


async def until(found: Callable[[], bool], process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(25):
        while not found():
            assert process.returncode is None
            await asyncio.sleep(0.1)


def sets_in(path: Path) -> int:
    if not path.exists():
        return 0
    db = sqlite3.connect(path)
    try:
        return int(db.execute("SELECT count(*) FROM plain").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        db.close()


async def test_a_recording_keeps_what_it_saw_and_ends_with_130_when_interrupted(
    server: RealServer, gateway: HostileServer, tmp_path: Path
) -> None:
    server.command("SET", "rate_limit:acme:chat", "5")
    server.command("SET", "cache:conv:acme:1", "x", "EX", "100")
    settings = Settings(
        gateway_url=gateway.url, engine_url=gateway.url, redis=RedisTarget(host="127.0.0.1", port=server.port)
    )
    process = await start(tmp_path, settings)
    path = file_in(tmp_path)
    await until(lambda: sets_in(path) >= 4, process)
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert (process.returncode, out) == (130, b""), err
    assert b"recording default to" in err and b"sets kept" in err
    store = Store(path, system_of(settings))
    found = await store.many(await store.names(), 0, 2e9)
    last = {name: samples[-1][1] for name, samples in found.items()}
    assert last["state.gateway"] == last["state.engine"] == last["state.redis"] == 1.0
    assert last["hit_rate.gateway"] == 0.85 and last["gateway.rss"] == 7e7 and last["latency.redis"] > 0
    assert (last["limits.counters"], last["limits.immortal"], last["cache.keys"]) == (1.0, 1.0, 1.0)
    assert last["cache.kind.conv"] == 1.0 and last["http_requests_total|tenant=acme"] == 5.0
    await store.close()


async def test_everything_down_is_recorded_too_and_the_time_asked_for_ends_it_with_0(tmp_path: Path) -> None:
    gone = "http://127.0.0.1:1"
    settings = Settings(gateway_url=gone, engine_url=gone, redis=RedisTarget(host="127.0.0.1", port=1))
    process = await start(tmp_path, settings, "--minutes", "0.08")
    _, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, err
    store = Store(file_in(tmp_path), system_of(settings))
    assert {value for _, value in await store.series("state.redis", 0, 2e9)} == {0.0}
    assert await store.series("latency.redis", 0, 2e9) == []
    await store.close()


async def test_sigterm_ends_a_recording_with_everything_written(tmp_path: Path, gateway: HostileServer) -> None:
    settings = Settings(gateway_url=gateway.url, engine_url=gateway.url, redis=RedisTarget(host="127.0.0.1", port=1))
    process = await start(tmp_path, settings)
    await until(lambda: sets_in(file_in(tmp_path)) >= 1, process)
    process.terminate()
    await asyncio.wait_for(process.wait(), PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM
    assert not Path(f"{file_in(tmp_path)}-wal").exists()  # the last one out puts the log into the file


async def test_a_file_that_cannot_be_written_is_said_at_once_with_3(tmp_path: Path) -> None:
    file_in(tmp_path).mkdir(parents=True)
    process = await start(tmp_path, Settings())
    _, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 3 and b"default.sqlite" in err and err.count(b"\n") == 1


@pytest.mark.parametrize("minutes", ["0", "nan", "soon"])
async def test_a_time_that_is_none_is_a_bad_argument(tmp_path: Path, minutes: str) -> None:
    process = await start(tmp_path, Settings(), "--minutes", minutes)
    _, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 2 and b"--minutes" in err


async def test_the_dashboard_loads_neither_sqlite_nor_a_client_before_its_first_frame() -> None:
    code = (
        "import sys, optimus_tui.tui.app, optimus_tui.tui.dashboard.sampling_bridge, optimus_tui.context as c\n"
        "from optimus_tui.settings.model import Settings; c.Context(Settings())\n"
        "print(sorted({'sqlite3', 'httpx', 'redis'} & set(sys.modules)))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0].strip() == b"[]"
