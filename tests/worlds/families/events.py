"""Coherence events: clocks that are off, floods, malformed ones, keys that outlive their invalidation."""

import asyncio
import json
import time

from tests.worlds.catalogue import world
from tests.worlds.world import World

COHERENCE = "analyze_cache_coherence"


def _stamp(seconds: float, zone: str = "Z") -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + zone


def _event(w: World, ago: float, tenant: str = "acme", zone: str = "Z", **more: str) -> bytes:
    stamp = _stamp(w.clock.wall() - ago, zone)
    return json.dumps({"type": "conversation_updated", "tenant_id": tenant, "timestamp": stamp, **more}).encode()


def _log(w: World, *events: bytes) -> None:
    for one in events:
        w.redis.command("LPUSH", "cache_coherence_events", one)


def _healthy_cache(w: World) -> None:
    w.keys(40, "cache:conversation:acme:{n}", "x", 300)
    w.keys(10, "cache_coherence:conversation:acme:{n}", "x", 300)


async def _publish(w: World, each: list[bytes], per_second: float, seconds: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", w.redis.port)
    loop = asyncio.get_running_loop()
    began, sent = loop.time(), 0
    while (passed := loop.time() - began) < seconds:
        due = int(passed * per_second)
        channel = b"cache_coherence:events"
        for number in range(sent, due):
            body = each[number % len(each)]
            writer.write(
                b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(channel), channel, len(body), body)
            )
        for _ in range(sent, due):
            await reader.readline()
        sent = due
        await asyncio.sleep(0.02)
    writer.close()


@world(fast=True)
async def publisher_two_hours_ahead(w: World) -> None:
    """The publisher writes local time of UTC+2 with a Z: all events come from the future, and that is said."""
    _healthy_cache(w)
    _log(w, *(_event(w, ago - 7200) for ago in range(300, 0, -10)))
    answer = await w.ask(COHERENCE, time_window_minutes=15)
    ahead = answer.doc["events"].get("in_future")
    w.expect("events from the future", "30", ahead, ahead == 30)
    w.says("the clock or time zone is named", answer, "clock", "time zone", "timezone")


@world()
async def publisher_three_hours_behind(w: World) -> None:
    """Events arrive live, but claim to be three hours old: the pane says so."""
    _healthy_cache(w)
    sending = asyncio.create_task(_publish(w, [_event(w, 3 * 3600)], 5, 4))
    panes = await w.panes(4.5, ("server", "keys", "feed", "gateway", "engine"))
    await sending
    text = panes.given("health").words() + str(panes.last.get("feed"))
    w.expect("the clock is named", "a finding or state that names the clock", panes.given("health").summary,
             "clock" in text or "time zone" in text or "skew" in text)  # fmt: skip
    received = panes.last["feed"].status.received
    w.figure("events received", received, 20, slack=4)


@world(healthy=True, fast=True)
async def a_second_of_skew(w: World) -> None:
    """Events of the last quarter of an hour, the publisher's clock a second ahead: nothing to report."""
    _healthy_cache(w)
    _log(w, *(_event(w, ago - 1) for ago in range(840, -1, -30)))
    answer = await w.ask(COHERENCE, time_window_minutes=15)
    w.spared("coherence", answer)
    w.figure("events in the window", answer.doc["events"].get("in_window"), 29, slack=1)
    w.spared("stand-up", await w.standup())


@world(fast=True)
async def malformed_among_good_ones(w: World) -> None:
    """Twenty good events, five that are no JSON, three without a tenant: eight malformed ones are counted."""
    _healthy_cache(w)
    _log(w, *(_event(w, ago) for ago in range(200, 0, -10)))
    _log(w, *(b"not json" for _ in range(5)), *(b'{"type": "x", "timestamp": 1}' for _ in range(3)))
    answer = await w.ask(COHERENCE, time_window_minutes=15)
    events = answer.doc["events"]
    w.expect("malformed", "8", events.get("malformed"), events.get("malformed") == 8)
    w.expect("in the window", "20", events.get("in_window"), events.get("in_window") == 20)


@world()
async def flood_of_events(w: World) -> None:
    """600 events a second for nine seconds: every gateway carries out each; the rate is found and true."""
    _healthy_cache(w)
    sending = asyncio.create_task(_publish(w, [_event(w, 0)], 600, 9))
    panes = await w.panes(8.5, ("server", "keys", "feed", "gateway", "engine"))
    await sending
    rates = [report.status.rate for subject, report in panes.all if subject == "feed" and report.status.state == "live"]
    late = sorted(rates[len(rates) // 2 :])
    w.figure("rate", late[len(late) // 2] if late else None, 600, tolerance=0.2)
    dropped = panes.last["feed"].status.dropped
    w.expect("nothing is lost", "0 dropped", dropped, dropped == 0)
    found = [
        one
        for subject, report in panes.all
        if subject == "health"
        for one in report.findings
        if "feed" in one.rule or "events" in one.rule
    ]
    w.expect("the flood is found", "a finding", found[:1], bool(found))


@world(healthy=True)
async def a_lively_feed(w: World) -> None:
    """25 events a second and a burst of 120 for a second: below every threshold."""
    _healthy_cache(w)

    async def traffic() -> None:
        await _publish(w, [_event(w, 0)], 25, 2)
        await _publish(w, [_event(w, 0)], 120, 1)
        await _publish(w, [_event(w, 0)], 25, 2)

    sending = asyncio.create_task(traffic())
    panes = await w.panes(5, ("server", "keys", "limits", "feed", "gateway", "engine"))
    await sending
    w.spared("health pane", panes.given("health"))
    w.figure("events received", panes.last["feed"].status.received, 220, slack=15)


@world(healthy=True)
async def no_events_at_all(w: World) -> None:
    """A quiet morning: no event log, nobody publishes, the cache is well."""
    _healthy_cache(w)
    w.spared("stand-up", await w.standup())
    w.spared("diagnose", await w.diagnose())
    answer = await w.ask(COHERENCE, time_window_minutes=15)
    w.expect(
        "events in the window",
        "0 or unknown, no fault",
        answer.summary,
        answer.doc["events"].get("in_window") in (0, None),
    )


@world()
async def publisher_and_redis_restart(w: World) -> None:
    """Redis dies for two seconds amid 20 events/s: the feed comes back by itself and shows the gap."""
    _healthy_cache(w)
    server = w.redis

    async def outage() -> None:
        await _publish(w, [_event(w, 0)], 20, 2)
        server.kill()
        await asyncio.sleep(2)
        server.start()
        await asyncio.sleep(1.5)
        await _publish(w, [_event(w, 0)], 20, 2)

    breaking = asyncio.create_task(outage())
    panes = await w.panes(9, ("server", "keys", "feed", "gateway", "engine"))
    await breaking
    status = panes.last["feed"].status
    w.expect("the feed lives again", "live", status.state, status.state == "live")
    w.expect("the gap is shown", "at least 1", status.gaps, status.gaps >= 1)
    w.expect("events after it", "40 or more received", status.received, status.received >= 60)


@world()
async def unknown_names_of_cache_keys(w: World) -> None:
    """All cache keys are of aiocache and fastapi-cache: none of our layout, and that is told instead of "0 keys"."""
    w.keys(20, "fastapi-cache:get_user:{n}", "x", 300)
    w.keys(9, "main:users:{n}", "x", 300)
    answer = await w.diagnose()
    told = answer.doc["cache_metrics"].get("unknown_layout")
    w.expect("unknown_layout", "29 keys with their shapes", told, bool(told) and told.get("count") == 29)


@world()
async def three_thousand_events_of_many_tenants(w: World) -> None:
    """3,000 events of 600 tenants and 2,000 cache keys: the document stays small and counts what it leaves out."""
    w.redis.command("EVAL", "for i=1,2000 do redis.call('SET','cache:page:t'..(i%600)..':'..i,'x','EX','300') end", "0")
    script = (
        "for i=1,3000 do redis.call('LPUSH','cache_coherence_events',(string.gsub(ARGV[1],'TENANT','t'..(i%600)))) end"
    )
    w.redis.command("EVAL", script, "0", _event(w, 60, tenant="TENANT"))
    answer = await w.ask(COHERENCE, time_window_minutes=15)
    w.expect("size", "at most 40 kB", len(str(answer.doc)), len(str(answer.doc)) <= 40_000)
    w.expect("events in the window", "3,000", answer.doc["events"].get("in_window"),
             answer.doc["events"].get("in_window") == 3000, unknown="read" in answer.doc["events"]
             and answer.doc["events"]["read"] < 3000 and answer.doc["events"].get("length") == 3000)  # fmt: skip


@world(fast=True)
async def a_single_event(w: World) -> None:
    """One event, six seconds old: no rate."""
    _healthy_cache(w)
    _log(w, _event(w, 6.8))
    events = (await w.ask(COHERENCE)).doc["events"]
    w.expect("coherence", "1 in the window, no rate", events, events["in_window"] == 1 and events["per_minute"] is None)
    invalidations = (await w.trouble("cache_miss")).doc["cache_miss_analysis"]["invalidations"]
    w.expect("cache_miss", "no rate", invalidations, invalidations["per_minute"] is None)
