"""A publisher whose clock is off, in a real log: the tools say so, and an empty window is not called empty."""

import asyncio
import itertools
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from optimus_tui.tools.standup import standup
from tests.live.tools.driver import ask, system
from tests.realserver import RealServer

pytestmark = pytest.mark.live


def event(ago: float, number: int = 0) -> str:
    moment = datetime.fromtimestamp(time.time() - ago, UTC).isoformat()
    return json.dumps({"type": "updated", "tenant_id": "acme", "timestamp": moment, "n": number})


def rules(document: dict[str, object]) -> list[str]:
    return [one["rule"] for one in document["diagnostics"]]  # type: ignore[attr-defined]


async def test_events_from_the_future_are_said_by_every_tool_that_reads_them(
    server: RealServer, tmp_path: Path
) -> None:
    for ago in range(300, 0, -10):
        server.command("LPUSH", "cache_coherence_events", event(ago - 7200))
    async with system(server.port, tmp_path) as (context, _):
        coherence = await ask(context, "analyze_cache_coherence", time_window_minutes=15)
        health = await ask(context, "diagnose_gateway_health")
        misses = await ask(context, "troubleshoot_production_issue", issue_type="cache_miss")
        report = await standup(context)
    assert coherence["events"]["status"] == "unknown"
    assert (coherence["events"]["in_window"], coherence["events"]["in_future"]) == (None, 30)
    assert "timestamps run 2 h ahead" in coherence["events"]["error"]
    assert report.events.in_window is None
    for document in (coherence, health, misses):
        assert "events.clock" in rules(document)


async def test_events_that_come_now_and_claim_to_be_old_are_found_by_two_looks(
    server: RealServer, tmp_path: Path
) -> None:
    for number in range(20):
        server.command("LPUSH", "cache_coherence_events", event(3600 + number, number))

    async def publish() -> None:
        for number in itertools.count(100):
            server.command("LPUSH", "cache_coherence_events", event(3600, number))
            await asyncio.sleep(0.1)

    async with system(server.port, tmp_path) as (context, _):
        still = await ask(context, "analyze_cache_coherence", time_window_minutes=15)
        writing = asyncio.create_task(publish())
        moving = await ask(context, "analyze_cache_coherence", time_window_minutes=15)
        misses = await ask(context, "troubleshoot_production_issue", issue_type="cache_miss")
        writing.cancel()
    assert "events.clock" not in rules(still)
    assert still["events"]["in_window"] == 0
    for document in (moving, misses):
        assert "events.clock" in rules(document)
    assert "1 h behind" in json.dumps(moving)
