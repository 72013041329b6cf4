"""Counters, limits and names that an outsider sets up: each judged for what it is, or said to be unknown."""

import json
import time

from tests.worlds.catalogue import world
from tests.worlds.judging import Given
from tests.worlds.world import World


async def surfaces(w: World, tenant: str = "acme") -> dict[str, Given]:
    """The same question to four surfaces."""
    answers = {"troubleshoot": await w.trouble("rate_limiting", tenant), "diagnose": await w.diagnose(tenant)}
    answers["stand-up"] = await w.standup()
    panes = await w.panes(1.5, ("server", "limits", "keys", "gateway", "engine"))
    return {**answers, "limits pane": panes.given("limits")}


async def spared(w: World, tenant: str = "acme") -> None:
    for name, answer in (await surfaces(w, tenant)).items():
        w.spared(name, answer)


async def found(w: World, tenant: str, *words: str, rule: str = "", least: str = "high") -> None:
    for name, answer in (await surfaces(w, tenant)).items():
        w.found(name, answer, *words, rule=rule, least=least)


@world(healthy=True)
async def unlimited_as_minus_one_or_null(w: World) -> None:
    """Limits of -1 and null, as gateways write "unlimited", and one that is far away: 400 requests are over none."""
    limits = {"chat": -1, "upload": None, "list": 1000}
    w.gateway.on("/api/rate-limits", {"window_seconds": 60, "limits": limits, "tenants": {}})
    for operation in limits:
        w.counter(f"rate_limit:acme:{operation}", 400)
    for name, answer in (await surfaces(w)).items():
        w.not_found(name, answer, rule="limits.over", least="low")


@world()
async def limit_of_a_tenant_below_the_common_one(w: World) -> None:
    """The common limit is 150, that of globex 10: its counter of 14 is over, acme's of 14 is not."""
    w.gateway.publishes(chat=150, tenants={"globex": {"chat": 10}})
    w.counter("rate_limit:globex:chat", 14)
    w.counter("rate_limit:acme:chat", 14)
    await found(w, "globex", "globex")
    w.not_found("acme", await w.trouble("rate_limiting"), "acme", least="low")


@world()
async def published_window_of_an_hour_and_ttl_of_a_week(w: World) -> None:
    """The window is an hour, the counter at 900 of 1,000 lives for a week: it will block for days."""
    w.gateway.publishes(window=3600, chat=1000)
    w.counter("rate_limit:acme:chat", 1000, ttl=600_000)
    await found(w, "acme", "acme")


@world(healthy=True)
async def windows_of_a_second(w: World) -> None:
    """A limiter of ten a second: counters at nine of ten that live for 900 ms come and go."""
    w.gateway.publishes(window=1, chat=10)
    async with w.moving("rate_limit:acme:chat", lambda t: 9 * (t % 1), 900):
        w.counter("rate_limit:globex:chat", 9, ttl=0.9)
        for name, answer in {"troubleshoot": await w.trouble("rate_limiting", "globex")}.items():
            w.not_found(name, answer, "globex", least="medium")
    w.not_found("stand-up", await w.standup(), "globex", least="medium")


@world()
async def short_window_and_a_ttl_of_minutes(w: World) -> None:
    """The window is ten seconds, the used-up counter lives for five minutes: blocked thirty times as long."""
    w.gateway.publishes(window=10, chat=50)
    w.counter("rate_limit:acme:chat", 50, ttl=300)
    await found(w, "acme", "acme")


@world()
async def immortal_counters_in_many_scripts(w: World) -> None:
    """Tenants of other scripts, with blanks, a newline, braces, a glob and an IPv6 address: each immortal is found."""
    names = ("müller", "日本", "a b", "li\nne", "{acme}", "*", "2001:db8::1", "x" * 200)
    for name in names:
        w.counter(f"rate_limit:{name}:chat", 5, ttl=None)
    for tenant in ("müller", "*", "2001:db8::1", "{acme}"):
        answer = await w.diagnose(tenant)
        row = answer.doc["rate_limiting"]["rate_limits"].get("chat", {})
        w.expect(f"{tenant}: its counter", "immortal", row, row.get("immortal") is True)
    answer = await w.standup()
    immortal = answer.doc["limits"]["immortal"]
    w.expect("all are counted", "8", immortal, immortal == len(names))
    w.found("stand-up", answer, rule="limits.immortal", least="critical")


@world(healthy=True)
async def counters_in_another_database(w: World) -> None:
    """REDIS_URL is database 3; an immortal counter lives in database 0, which is not ours."""
    w.counter("rate_limit:acme:chat", 9, ttl=None)
    w.redis.command("MOVE", "rate_limit:acme:chat", "5")
    w.counter("rate_limit:acme:list", 9, ttl=40)
    w.redis.command("MOVE", "rate_limit:acme:list", "3")
    w.env["REDIS_URL"] = f"redis://127.0.0.1:{w.redis.port}/3"
    await spared(w)
    total = (await w.diagnose()).doc["rate_limiting"]["total_limit_keys"]
    w.expect("counters", "1", total, total == 1)


@world()
async def sliding_windows_in_milliseconds(w: World) -> None:
    """Sorted sets whose scores are milliseconds: 200 entries hours old and 3 of now are 3 of 150, or unknown."""
    now = time.time() * 1000
    for n in range(200):
        w.redis.command("ZADD", "rate_limit:acme:chat", str(int(now - 7_200_000 - n)), f"old{n}")
    for n in range(3):
        w.redis.command("ZADD", "rate_limit:acme:chat", str(int(now - 1000 * n)), f"new{n}")
    w.redis.command("EXPIRE", "rate_limit:acme:chat", "60")
    answers = await surfaces(w)
    for name, answer in answers.items():
        w.not_found(name, answer, "acme", rule="limits.over", least="low")
    row = answers["diagnose"].doc["rate_limiting"]["rate_limits"].get("chat", {})
    count = row.get("current_count")
    w.expect("its count", "3, or unknown", row, count == 3, unknown=count is None)


@world()
async def sliding_window_in_milliseconds_that_is_full(w: World) -> None:
    """The same with 180 entries of the last half minute: over its limit of 150, or unknown, never 0."""
    now = time.time() * 1000
    for n in range(180):
        w.redis.command("ZADD", "rate_limit:acme:chat", str(int(now - 150 * n)), f"m{n}")
    w.redis.command("EXPIRE", "rate_limit:acme:chat", "60")
    answer = await w.diagnose()
    row = answer.doc["rate_limiting"]["rate_limits"].get("chat", {})
    count = row.get("current_count")
    w.expect("its count", "180, or unknown", row, count == 180, unknown=count is None)
    w.found("troubleshoot", await w.trouble("rate_limiting"), "acme", least="high", unknown=count is None)


@world()
async def sliding_window_that_is_full(w: World) -> None:
    """180 entries of the last half minute with scores in seconds and fractions: over its limit of 150."""
    now = w.clock.wall()
    for n in range(180):
        w.redis.command("ZADD", "rate_limit:acme:chat", f"{now - n / 8:.6f}", f"m{n}")
    w.redis.command("EXPIRE", "rate_limit:acme:chat", "60")
    await found(w, "acme", "acme")


@world()
async def numbers_with_other_marks(w: World) -> None:
    """``012``, ``+7``, `` 9``, ``1e3`` and ``7\\n``: no count is made up where it is no plain whole number."""
    for name, value in (("a", "012"), ("b", "+7"), ("c", " 9"), ("d", "1e3"), ("e", "7\n"), ("f", "0x1f")):
        w.counter(f"rate_limit:acme:{name}", value)
    answer = await w.diagnose()
    rows = answer.doc["rate_limiting"]["rate_limits"]
    counts = {name: row["current_count"] for name, row in rows.items()}
    allowed = {"a": (12, None), "b": (7, None), "c": (9, None), "d": (None,), "e": (7, None), "f": (None,)}
    right = all(counts.get(name) in values for name, values in allowed.items()) and len(counts) == 6
    w.expect("counts", "the number, or null", counts, right)


@world()
async def a_count_beyond_all_reason(w: World) -> None:
    """A counter of 10³⁰: no crash, and it is over or said to make no sense."""
    w.counter("rate_limit:acme:chat", "1" + "0" * 30)
    for name, answer in (await surfaces(w)).items():
        w.expect(name, "a finding about acme", answer.summary, "acme" in answer.summary)


@world()
async def token_buckets(w: World) -> None:
    """Hashes with ``tokens`` and ``last_refill`` under our prefix: no count is made up of them, and it is said."""
    for n in range(6):
        w.redis.command("HSET", f"rate_limit:t{n}:chat", "tokens", "0", "last_refill", str(int(w.clock.wall())))
        w.redis.command("EXPIRE", f"rate_limit:t{n}:chat", "60")
    answer = await w.diagnose("t3")
    row = answer.doc["rate_limiting"]["rate_limits"].get("chat", {})
    w.expect("its count", "null", row, row.get("current_count") is None)
    trouble = await w.trouble("rate_limiting", "t3")
    clean = trouble.doc["severity_assessment"] == "none" and not trouble.doc["unknown"]
    w.expect("troubleshoot does not clear it", "a finding or unknown", trouble.summary, not clean)


@world()
async def layouts_of_four_others(w: World) -> None:
    """express-rate-limit, bucket4j, django-ratelimit and a hand-made one: none is ours, and the pane says so too."""
    w.keys(7, "rl:10.0.0.{n}", "3", 40)
    w.keys(4, ":1:rl:{n}:60", "3", 40)
    w.keys(3, "bucket4j-{n}", "x", 40)
    w.keys(5, "throttle_anon_10.0.0.{n}", "3", 40)
    answer = await w.diagnose()
    status = answer.doc["rate_limiting"]["status"]
    w.expect("rate_limiting.status", "unknown", status, status == "unknown")
    trouble = await w.trouble("rate_limiting")
    clean = trouble.doc["severity_assessment"] == "none" and not trouble.doc["unknown"]
    w.expect("troubleshoot does not clear it", "a finding or unknown", trouble.summary, not clean)
    w.says("stand-up names a layout", await w.standup(), "rl:", "throttle_anon")


@world()
async def eight_of_nine_tenants_over(w: World) -> None:
    """Eight of nine tenants are over the limit of uploads: nearly all, so the limit is doubted, not one client."""
    w.gateway.publishes(upload=20, chat=150)
    for n in range(8):
        w.counter(f"rate_limit:tenant{n}:upload", 21 + n)
    w.counter("rate_limit:tenant8:upload", 3)
    w.says("troubleshoot", await w.trouble("rate_limiting", "tenant3"), "limit is too low", "8 of 9", "nearly all")
    w.says("stand-up", await w.standup(), "limit is too low", "8 of 9", "nearly all")


@world()
async def one_of_nine_tenants_over(w: World) -> None:
    """One of nine tenants is at 300 %, the others at a tenth: that tenant is named and the limit is not doubted."""
    for n in range(8):
        w.counter(f"rate_limit:tenant{n}:chat", 15)
    w.counter("rate_limit:acme:chat", 450)
    for name, answer in (await surfaces(w)).items():
        w.found(name, answer, "acme", least="high")
        text = answer.words()
        w.expect(f"{name}: the limit is not doubted", "no 'too low'", answer.summary, "limit is too low" not in text)


@world(healthy=True)
async def twelve_tenants_at_85_percent(w: World) -> None:
    """Twelve tenants at 85 % in windows that end in three seconds: busy, and nobody is refused."""
    for n in range(12):
        w.counter(f"rate_limit:tenant{n}:chat", 127, ttl=3)
    answer = await w.standup()
    w.not_found("stand-up", answer, rule="limits", least="medium")
    w.not_found("diagnose", await w.diagnose("tenant3"), rule="limits", least="medium")


@world(healthy=True)
async def a_thousand_limit_keys(w: World) -> None:
    """Exactly 1,000 counters of 500 tenants: the bar is more than 1,000."""
    script = "for i=1,1000 do redis.call('SET','rate_limit:t'..(i%500)..':op'..(i%2)..(i%4),'3','EX','58') end"
    w.redis.command("EVAL", script, "0")
    total = int(w.redis.command("DBSIZE").strip(b":\r\n"))
    for n in range(1000 - total):
        w.counter(f"rate_limit:u{n}:chat", 3, 58)
    await spared(w, "t7")


@world()
async def a_thousand_and_one_limit_keys(w: World) -> None:
    """1,001 counters: medium everywhere, and exact."""
    w.redis.command("EVAL", "for i=1,1001 do redis.call('SET','rate_limit:t'..i..':chat','3','EX','300') end", "0")
    answer = await w.standup()
    w.found("stand-up", answer, "1,001", rule="limits.total", least="medium", most="medium")
    w.found("diagnose", await w.diagnose("t7"), "1,001", rule="limits.total", least="medium", most="medium")


@world()
async def limits_in_a_list(w: World) -> None:
    """``/api/rate-limits`` answers a list of objects: understood, or the limit unknown and said, never "in order"."""
    w.gateway.on("/api/rate-limits", [{"operation": "chat", "limit": 150, "window": 60}])
    w.counter("rate_limit:acme:chat", 900)
    answer = await w.trouble("rate_limiting")
    over = any(one["rule"].startswith("limits.over") for one in answer.findings)
    told = any("limit" in one for one in answer.doc["unknown"])
    w.expect(
        "troubleshoot", "over, or unknown and said", f"{answer.summary} {answer.doc['unknown']}", over, unknown=told
    )


@world()
async def limits_as_objects(w: World) -> None:
    """``{"chat": {"limit": 150, "window_seconds": 60}}``: understood, or the limit unknown and said."""
    body = {"window_seconds": 60, "limits": {"chat": {"limit": 150, "window_seconds": 60}}, "tenants": {}}
    w.gateway.on("/api/rate-limits", body)
    w.counter("rate_limit:acme:chat", 900)
    answer = await w.trouble("rate_limiting")
    over = any(one["rule"].startswith("limits.over") for one in answer.findings)
    told = any("limit" in one for one in answer.doc["unknown"])
    w.expect(
        "troubleshoot", "over, or unknown and said", f"{answer.summary} {answer.doc['unknown']}", over, unknown=told
    )


def _event(w: World, stamp: object) -> bytes:
    return json.dumps({"type": "conversation_updated", "tenant_id": "acme", "timestamp": stamp}).encode()


@world(healthy=True)
async def events_with_four_kinds_of_timestamps(w: World) -> None:
    """ISO with an offset and microseconds, seconds, milliseconds, and seconds as text: all of the last minutes."""
    now = w.clock.wall()
    there = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now - 60 + 7200)) + ".123456+02:00"
    w.keys(20, "cache:page:acme:{n}", "x", 300)
    w.keys(6, "cache_coherence:page:acme:{n}", "x", 300)
    for stamp in (there, now - 90, int((now - 120) * 1000), str(int(now - 150))):
        w.redis.command("LPUSH", "cache_coherence_events", _event(w, stamp))
    answer = await w.ask("analyze_cache_coherence", time_window_minutes=15)
    events = answer.doc["events"]
    counted = (events.get("in_window") or 0) + (events.get("malformed") or 0)
    w.expect("events", "4 in the window, or malformed and counted", events, events.get("in_window") == 4,
             unknown=counted == 4)  # fmt: skip
    w.not_found("no clock is off", answer, rule="events.clock", least="low")


@world()
async def one_of_two_publishers_is_ahead(w: World) -> None:
    """Two publishers: one right, one 45 minutes ahead: the clock is named, the right one's events are counted."""
    now = w.clock.wall()
    w.keys(20, "cache:page:acme:{n}", "x", 300)
    w.keys(6, "cache_coherence:page:acme:{n}", "x", 300)
    for n in range(20):
        w.redis.command("LPUSH", "cache_coherence_events", _event(w, now - 30 * n))
        w.redis.command("LPUSH", "cache_coherence_events", _event(w, now - 30 * n + 2700))
    answer = await w.ask("analyze_cache_coherence", time_window_minutes=15)
    inside = answer.doc["events"].get("in_window")
    w.expect("in the window", "20", answer.doc["events"], inside == 20)
    w.says("the clock is named", answer, "clock", "time zone")


@world(healthy=True)
async def ratio_at_both_edges(w: World) -> None:
    """100 cache keys with 10 tracking keys, the bar is below 0.1: exactly at it is well."""
    w.keys(100, "cache:page:acme:{n}", "x", 300)
    w.keys(10, "cache_coherence:page:acme:{n}", "x", 300)
    w.spared("coherence", await w.ask("analyze_cache_coherence", time_window_minutes=15))
    w.spared("stand-up", await w.standup())


@world()
async def ratio_below_the_edge(w: World) -> None:
    """100 cache keys with 9 tracking keys: low coverage, medium."""
    w.keys(100, "cache:page:acme:{n}", "x", 300)
    w.keys(9, "cache_coherence:page:acme:{n}", "x", 300)
    answer = await w.ask("analyze_cache_coherence", time_window_minutes=15)
    w.found("coherence", answer, rule="coherence.low_coverage", least="medium", most="medium")
