"""Counters that no sum expects: immortal ones with odd names, long TTLs, refusals, foreign layouts."""

from tests.worlds.catalogue import world
from tests.worlds.traffic import Process, answering, steady
from tests.worlds.world import World

ALL_OVER = "all 9 tenants have used up the limit of 150 for chat: the limit is too low"


async def _everywhere(w: World, tenant: str, *words: str, least: str) -> None:
    """The same fact in the tool, the summary, the stand-up and the pane."""
    w.found("troubleshoot", await w.trouble("rate_limiting", tenant), *words, least=least)
    w.found("diagnose", await w.diagnose(tenant), *words, least=least)
    w.found("stand-up", await w.standup(), *words, least=least)
    panes = await w.panes(1.5, ("server", "limits", "keys", "gateway", "engine"))
    w.found("limits pane", panes.given("limits"), *words, least=least)
    w.found("health pane", panes.given("health"), *words, least=least)


@world(night=True)
async def immortal_counter_of_an_address(w: World) -> None:
    """The tenant is ``::ffff:10.0.0.7`` and its counter never expires."""
    w.counter("rate_limit:::ffff:10.0.0.7:chat", 7, ttl=None)
    await _everywhere(w, "::ffff:10.0.0.7", "10.0.0.7", least="critical")


@world()
async def immortal_counters_with_odd_tenants(w: World) -> None:
    """A tenant that ends with a colon, and an empty one: both stuck for ever."""
    w.counter("rate_limit:acme::chat", 12, ttl=None)
    w.counter("rate_limit::upload", 3, ttl=None)
    answer = await w.standup()
    w.found("stand-up sees immortal counters", answer, "ttl", least="critical")
    w.expect("both are counted", "2", answer.doc["limits"]["immortal"], answer.doc["limits"]["immortal"] == 2)
    panes = await w.panes(1.5, ("server", "limits", "keys"))
    rows = panes.last["limits"].value.rows
    states = [row.state for row in rows]
    w.expect("the pane has both", "2 immortal rows", states, states.count("immortal") == 2)


@world(fast=True)
async def one_part_name(w: World) -> None:
    """``rate_limit:{tenant}`` without an operation, immortal, beside good counters: it is said that it is there."""
    w.counter("rate_limit:acme:chat", 10)
    w.counter("rate_limit:globex", 4, ttl=None)
    answer = await w.diagnose()
    unparsed = answer.doc["rate_limiting"].get("unparsed")
    w.expect("diagnose tells it", "unparsed.count 1", unparsed, bool(unparsed) and unparsed["count"] == 1)
    w.says("stand-up tells it", await w.standup(), "globex", "rate_limit:", "not understood", "cannot be parsed")


@world()
async def ttl_of_a_day(w: World) -> None:
    """The window is a minute, the used-up counter lives for a day: the tenant is blocked until tomorrow."""
    w.counter("rate_limit:acme:chat", 150, ttl=86_000)
    await _everywhere(w, "acme", "acme", least="high")


@world()
async def ttl_of_a_day_half_used(w: World) -> None:
    """A counter at 60 of 150 that lives for a day in a window of a minute: it will block soon, and for long."""
    w.counter("rate_limit:acme:chat", 60, ttl=86_000)
    answer = await w.trouble("rate_limiting")
    w.found("troubleshoot", answer, rule="limits.long_ttl", least="medium")
    w.found("stand-up", await w.standup(), rule="limits.long_ttl", least="medium")


@world(past=6, night=True)
async def refused_while_the_window_is_young(w: World) -> None:
    """A third of acme's 9 requests/s is answered 429; asked two seconds into a fresh window, where the counter is 8."""
    w.gateway.runs(answering(steady(6), None, steady(3)))
    await w.record(minutes=6)
    w.counter("rate_limit:acme:chat", 8, ttl=58)
    w.found("troubleshoot", await w.trouble("rate_limiting", minutes=5), "refused", least="high")
    answer = await w.performance("rate_limiting_efficiency", 5)
    w.says("efficiency tells refusals", answer, "refused")
    w.found("diagnose", await w.diagnose(), "refused", least="high")
    w.found("stand-up", await w.standup(), "refused", least="high")


@world(past=6)
async def refused_by_its_own_counter(w: World) -> None:
    """``rate_limit_refused_total`` tells acme's refusals: 2/s beside 6/s that pass."""
    p = answering(steady(6), None, steady(2)).counts(
        "rate_limit_refused_total", steady(2), tenant="acme", operation="chat"
    )
    w.gateway.runs(p)
    await w.record(minutes=6)
    w.counter("rate_limit:acme:chat", 3, ttl=59)
    w.found("troubleshoot", await w.trouble("rate_limiting", minutes=5), "refused", least="high")
    w.not_found("another tenant", await w.trouble("rate_limiting", "globex", minutes=5), "refused")


@world(past=6)
async def refused_below_the_published_limit(w: World) -> None:
    """The published limit of 1,000 is stale: acme is refused at 150."""
    w.gateway.publishes(chat=1000)
    w.gateway.runs(
        answering(steady(2.5), None, steady(1)).counts(
            "rate_limit_refused_total", steady(1), tenant="acme", operation="chat"
        )
    )
    await w.record(minutes=6)
    w.counter("rate_limit:acme:chat", 150, ttl=30)
    w.found("troubleshoot", await w.trouble("rate_limiting", minutes=5), rule="limits.refused", least="high")
    w.found("diagnose", await w.diagnose(), rule="limits.refused", least="high")
    w.found("stand-up", await w.standup(), rule="limits.refused", least="high")


@world(past=6, healthy=True)
async def a_few_refusals(w: World) -> None:
    """Three of a thousand requests are refused, counters far below: a limiter at work is healthy."""
    w.gateway.runs(answering(steady(9.97), None, steady(0.03)))
    await w.record(minutes=6)
    w.counter("rate_limit:acme:chat", 40, ttl=30)
    w.spared("troubleshoot", await w.trouble("rate_limiting", minutes=5))
    w.spared("diagnose", await w.diagnose())
    w.spared("stand-up", await w.standup())


@world(night=True)
async def every_tenant_over_its_limit(w: World) -> None:
    """Nine of nine tenants are over: the limit is too low, no single client is to blame."""
    for n in range(9):
        w.counter(f"rate_limit:tenant{n}:chat", 200 + n)
    answer = await w.trouble("rate_limiting", "tenant3")
    w.found("troubleshoot", answer, least="high")
    w.says("the limit is doubted", answer, ALL_OVER)
    w.says("stand-up says the same", await w.standup(), ALL_OVER)


@world()
async def every_tenant_over_in_pane_and_comparison(w: World) -> None:
    """Nine of nine tenants are over: the pane and a comparison of two of them say so in the same words."""
    for n in range(9):
        w.counter(f"rate_limit:tenant{n}:chat", 200 + n)
    panes = await w.panes(1.5, ("server", "limits", "keys", "gateway"))
    w.found("pane", panes.given("limits"), ALL_OVER, least="high")
    compared = await w.compare("tenant3", "tenant5")
    w.found("compare", compared, ALL_OVER, rule="limits.over", least="high")
    w.not_found("compare blames no client", compared, "tenant3 / chat", rule="limits.over", least="low")


@world(night=True)
async def used_up_exactly(w: World) -> None:
    """150 of 150: the next request is refused; pane and tools agree on the severity."""
    w.counter("rate_limit:acme:chat", 150, ttl=50)
    tool = await w.trouble("rate_limiting")
    panes = await w.panes(1.5, ("server", "limits", "keys", "gateway"))
    pane = panes.given("limits")
    words = []
    for name, one in (("tool", tool), ("pane", pane), ("diagnose", await w.diagnose())):
        levels = {str(row.get("level") or row["severity"]) for row in one.findings if "acme" in str(row)}
        words.append(f"{name} {'/'.join(sorted(levels)) or 'none'}")
    scale = {word.split(" ")[1].replace("warning", "medium").replace("info", "low") for word in words}
    w.expect("one severity everywhere", "the same word", ", ".join(words), len(scale) == 1)


@world()
async def far_over_the_limit(w: World) -> None:
    """acme is at 765 % of its limit; nothing else is wrong: that leads everywhere."""
    w.gateway.publishes(chat=20)
    w.counter("rate_limit:acme:chat", 153, ttl=50)
    await _everywhere(w, "acme", "acme", least="high")
    first = ((await w.standup()).findings or [{"message": "nothing"}])[0]
    w.expect("it stands first in the stand-up", "acme", first["message"], "acme" in str(first))


@world(night=True)
async def layout_of_another_limiter(w: World) -> None:
    """Fifteen keys of the ``limits`` library, none of ours: no counter is understood, and that is said everywhere."""
    w.keys(9, "LIMITS:LIMITER/10.0.0.{n}/api/chat/150/1/minute", "12", 40)
    w.keys(6, "session:{n}", "x", 3000)
    answer = await w.diagnose()
    status = answer.doc["rate_limiting"]["status"]
    w.expect("rate_limiting.status", "unknown", status, status == "unknown")
    w.says("diagnose names the layout", answer, "limits:limiter")
    standup = await w.standup()
    w.says("stand-up names the layout", standup, "limits:limiter")
    trouble = await w.trouble("rate_limiting")
    clean = trouble.doc["severity_assessment"] == "none" and not trouble.doc["unknown"]
    w.expect("troubleshoot does not clear it", "a finding or unknown", trouble.summary, not clean)
    panes = await w.panes(2, ("server", "limits", "keys", "gateway"))
    w.says("the dashboard names it", panes.given("health"), "limits:limiter")


@world(healthy=True, night=True)
async def foreign_keys_beside_ours(w: World) -> None:
    """Sessions, a queue and a lock live beside healthy counters and cache keys: none of our business."""
    w.counter("rate_limit:acme:chat", 20)
    w.keys(12, "cache:conversation:acme:{n}", "x", 300)
    w.keys(3, "cache_coherence:conversation:acme:{n}", "x", 300)
    w.keys(30, "session:{n}", "x", 3000)
    w.keys(8, "celery-task-meta-{n}", "x", 3000)
    w.redis.command("SET", "lock:deploy", "1", "EX", "30")
    w.spared("diagnose", await w.diagnose())
    w.spared("troubleshoot", await w.trouble("rate_limiting"))
    w.spared("stand-up", await w.standup())


@world(healthy=True)
async def an_empty_redis_at_cold_start(w: World) -> None:
    """Everything was started a minute ago: no counter, no cache key, no request yet."""
    w.gateway.on("/api/cache/metrics", {"hit_rate": 0.0, "total_keys": 0, "hits": 0, "misses": 0})
    w.gateway.runs(Process(-60))
    w.spared("diagnose", await w.diagnose())
    w.spared("stand-up", await w.standup())
    w.spared("rate limiting", await w.trouble("rate_limiting"))
    w.spared("circuit breaker", await w.trouble("circuit_breaker"))


@world(healthy=True)
async def only_sessions(w: World) -> None:
    """A Redis that holds sessions only, no limiter at all: at most a low remark."""
    w.keys(20, "session:{n}", "x", 3000)
    w.not_found("diagnose", await w.diagnose(), rule="limits")
    w.not_found("stand-up", await w.standup(), rule="limits")


@world()
async def values_that_are_no_counts(w: World) -> None:
    """``-3`` and ``12.5`` are numbers of a limiter that is not ours, a list is no number; one good counter is over."""
    w.counter("rate_limit:acme:chat", "-3")
    w.counter("rate_limit:acme:upload", "12.5")
    w.redis.command("RPUSH", "rate_limit:acme:list", "a", "b")
    w.counter("rate_limit:globex:chat", 400)
    answer = await w.diagnose()
    rows = answer.doc["rate_limiting"]["rate_limits"]
    counts = {name: row["current_count"] for name, row in rows.items()}
    w.expect("no count is invented", "null for all three", counts, all(value is None for value in counts.values()))
    w.says("it is said", answer, "not ours", "another limiter", "not a whole number", "negative", "fraction")
    w.found("globex is still seen", await w.standup(), "globex", least="high")


@world()
async def sorted_set_with_dead_entries(w: World) -> None:
    """A sliding window: 200 entries an hour old, 3 of the last minute; the limit is 150."""
    now = w.clock.wall()
    for n in range(200):
        w.redis.command("ZADD", "rate_limit:acme:chat", str(now - 3600 - n), f"old{n}")
    for n in range(3):
        w.redis.command("ZADD", "rate_limit:acme:chat", str(now - n), f"new{n}")
    w.redis.command("EXPIRE", "rate_limit:acme:chat", "60")
    answer = await w.trouble("rate_limiting")
    row = answer.doc["rate_limiting_analysis"].get("chat", {})
    count = row.get("current_count")
    w.expect("its count", "3, or unknown", row, count == 3, unknown=count is None)
    w.not_found("nobody is accused", answer, rule="limits.over")


@world(night=True)
async def sixteen_active_limits(w: World) -> None:
    """acme has sixteen active counters: more than fifteen is high."""
    w.keys(16, "rate_limit:acme:op{n}", "3", 50)
    w.found("troubleshoot", await w.trouble("rate_limiting"), "16", least="high")
    w.found("stand-up", await w.standup(), "16", least="high")


@world(healthy=True)
async def fifteen_limits_one_of_them_near(w: World) -> None:
    """Fifteen counters, one at 94 %: near is worth a low remark, no alarm."""
    w.keys(14, "rate_limit:acme:op{n}", "3", 50)
    w.counter("rate_limit:acme:chat", 141)
    w.spared("troubleshoot", await w.trouble("rate_limiting"))
    w.spared("diagnose", await w.diagnose())
    w.spared("stand-up", await w.standup())


@world()
async def a_tenant_of_three_thousand_counters(w: World) -> None:
    """Three thousand counters of one tenant: the documents stay small and say how many they leave out."""
    script = "for i=1,3000 do redis.call('SET','rate_limit:acme:op'..i,'3','EX','300') end"
    w.redis.command("EVAL", script, "0")
    for name, answer in (("diagnose", await w.diagnose()), ("troubleshoot", await w.trouble("rate_limiting"))):
        size = len(str(answer.doc))
        w.expect(f"{name}: size", "at most 40 kB", f"{size} bytes", size <= 40_000)
        w.says(f"{name}: the rest is counted", answer, "omitted")
    w.found("it is found", await w.trouble("rate_limiting"), "3,000", least="high")


@world(past=6)
async def compare_sorts_by_what_differs(w: World) -> None:
    """Three tenants alike, but one of which 40 % fail: the comparison shows errors and puts them first."""
    p = Process()
    for tenant, bad in (("acme", 0.0), ("globex", 2.0), ("umbrella", 0.0)):
        p.counts("http_requests_total", steady(5 - bad), route="/api/chat", status="200", tenant=tenant)
        p.counts("http_requests_total", steady(bad), route="/api/chat", status="500", tenant=tenant)
        w.counter(f"rate_limit:{tenant}:chat", 30)
    w.gateway.runs(p)
    await w.record(minutes=6)
    answer = await w.cli("compare", "acme", "globex", "umbrella", "--minutes", "5", "--json")
    row = next((one for one in answer.doc.get("tenants", []) if one["tenant_id"] == "globex"), {})  # type: ignore[var-annotated]
    share = next((value for name, value in row.items() if "error" in name and isinstance(value, float)), None)
    w.expect("globex' errors", "0.4", row, share is not None and abs(share - 0.4) < 0.03)


@world(healthy=True, night=True)
async def limits_of_its_own_for_a_tenant(w: World) -> None:
    """acme may send 500 chats a minute and has sent 300; the window of uploads is not overstepped either."""
    w.gateway.publishes(chat=150, upload=10, tenants={"acme": {"chat": 500}})
    w.counter("rate_limit:acme:chat", 300)
    w.counter("rate_limit:acme:upload", 5)
    w.spared("troubleshoot", await w.trouble("rate_limiting"))
    w.spared("stand-up", await w.standup())


@world(healthy=True)
async def windows_of_a_day(w: World) -> None:
    """The published window is a day: a TTL of 80,000 s is what it should be."""
    w.gateway.publishes(window=86_400, chat=10_000)
    w.counter("rate_limit:acme:chat", 4000, ttl=80_000)
    w.spared("troubleshoot", await w.trouble("rate_limiting"))
    w.spared("stand-up", await w.standup())


@world(healthy=True)
async def ttl_of_two_windows(w: World) -> None:
    """A sliding window keeps its counter for twice its length: 110 s of 60 are no long TTL."""
    w.counter("rate_limit:acme:chat", 40, ttl=110)
    w.spared("troubleshoot", await w.trouble("rate_limiting"))
    w.spared("stand-up", await w.standup())


@world()
async def limits_that_cannot_be_read(w: World) -> None:
    """``/api/rate-limits`` answers 500: no limit is known, so nobody is over one, and that is not called fine."""
    w.gateway.on("/api/rate-limits", {"detail": "boom"}, 500)
    w.counter("rate_limit:acme:chat", 700)
    answer = await w.trouble("rate_limiting")
    row = answer.doc["rate_limiting_analysis"].get("chat", {})
    w.expect("the limit", "null", row, row.get("limit") is None and row.get("current_count") == 700)
    told = any("limit" in one for one in answer.doc["unknown"])
    w.expect("it is said", "unknown", answer.doc["unknown"], told)


@world()
async def one_immortal_among_many_keys(w: World) -> None:
    """60,000 foreign keys and one immortal counter: found, or said how much was not read."""
    script = "for i=1,20000 do redis.call('SET','session:'..ARGV[1]..':'..i,'x') end"
    for part in ("a", "b", "c"):
        w.redis.command("EVAL", script, "0", part)
    w.counter("rate_limit:acme:chat", 9, ttl=None)
    answer = await w.diagnose()
    complete = (answer.doc.get("rate_limiting", {}).get("coverage") or {}).get("complete")
    w.found("diagnose", answer, "acme", least="critical", unknown=complete is False)
    w.found("stand-up", await w.standup(), "acme", least="critical")


@world(healthy=True)
async def traffic_just_below_the_limit(w: World) -> None:
    """Bursts to 80 % in each window, as every day: four looks of the pane, no alarm above low."""
    async with w.moving("rate_limit:acme:chat", lambda t: min(120, 80 + 20 * t), 20):
        panes = await w.panes(4, ("server", "limits", "keys", "gateway", "engine"))
    w.spared("limits pane", panes.given("limits"))
    w.spared("health pane", panes.given("health"))


@world()
async def five_hundred_immortal_counters(w: World) -> None:
    """A bug of the gateway left 500 counters of 500 tenants without TTL: critical, in a document that can be read."""
    w.redis.command("EVAL", "for i=1,500 do redis.call('SET','rate_limit:tenant'..i..':chat','3') end", "0")
    standup = await w.standup()
    w.found("stand-up", standup, "500", least="critical")
    answer = await w.diagnose("tenant7")
    w.found("diagnose", answer, rule="limits.immortal", least="critical")
    row = answer.doc["rate_limiting"]["rate_limits"].get("chat", {})
    w.expect("tenant7's own counter", "immortal", row, row.get("immortal") is True)
    for name, one in (("stand-up", standup), ("diagnose", answer)):
        w.expect(f"{name}: size", "at most 40 kB", len(str(one.doc)), len(str(one.doc)) <= 40_000)
