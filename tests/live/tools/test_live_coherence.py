"""analyze_cache_coherence where a profile names keyspace notifications and no list of past events."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.dialects.load import load_table
from tests.live.tools.driver import ask, pipe, system
from tests.realserver import RealServer

pytestmark = pytest.mark.live
TOOL = "analyze_cache_coherence"
FEED = [{"pattern": "__keyevent@*__:*", "payload": "keyevent"}]
RULES: dict[str, Any] = {"cache": [{"key": "answers:{tenant}:{kind}:{rest...}"}], "feed": FEED}


@pytest.fixture
def notifying(server: RealServer) -> RealServer:
    server.command("CONFIG", "SET", "notify-keyspace-events", "Eg$x")
    pipe(server.port, *[("SET", f"answers:acme:chat:{number}", "x", "EX", 100) for number in range(3)])
    return server


async def until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come true")


async def listening(server: RealServer) -> None:
    """Wait until the feed has subscribed."""
    await until(lambda: server.command("PUBSUB", "NUMPAT") == b":1\r\n")


async def test_the_auditor_follows_the_keys_that_were_removed_while_the_dashboard_listened(
    notifying: RealServer, tmp_path: Path
) -> None:
    async with system(notifying.port, tmp_path, dialect=load_table(RULES, "test")) as (context, _):
        context.feed.start()
        await listening(notifying)
        pipe(
            notifying.port,
            ("DEL", "answers:acme:chat:0"),
            ("UNLINK", "answers:acme:chat:1"),
            ("SET", "answers:acme:chat:2", "new"),  # this key is there afterwards: nothing was invalidated
        )
        await until(lambda: context.feed.drain().status.received == 3)
        seen = await ask(context, TOOL)
    assert (seen["events"]["status"], seen["events"]["source"]) == ("ok", "live feed")
    assert seen["events"]["by_type"] == {"del": 2, "set": 1} and seen["events"]["by_tenant"] == {"acme": 3}
    auditor = seen["auditor"]
    assert (auditor["events_naming_keys"], auditor["checked"], auditor["vanished"]) == (2, 2, 2)
    assert seen["window_covered_minutes"] < 1
    assert "coherence.unmeasured" not in [one["rule"] for one in seen["diagnostics"]]


async def test_a_process_of_its_own_listens_while_it_looks(notifying: RealServer, tmp_path: Path) -> None:
    async with system(notifying.port, tmp_path, dialect=load_table(RULES, "test")) as (context, _):
        asked = asyncio.create_task(ask(context, TOOL))
        await listening(notifying)
        notifying.command("DEL", "answers:acme:chat:0")
        seen = await asked
    assert (seen["events"]["in_window"], seen["auditor"]["vanished"]) == (1, 1)
    assert notifying.command("PUBSUB", "NUMPAT") == b":0\r\n", "it listens no longer"


async def test_a_feed_that_is_denied_is_no_quiet_one(notifying: RealServer, tmp_path: Path) -> None:
    notifying.command("ACL", "SETUSER", "default", "resetchannels")
    async with system(notifying.port, tmp_path, dialect=load_table(RULES, "test")) as (context, _):
        seen = await ask(context, TOOL)
    assert (seen["events"]["status"], seen["auditor"]["status"]) == ("unknown", "unknown")
    assert "a channel is not allowed" in seen["events"]["error"]
