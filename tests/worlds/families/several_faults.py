"""Two faults at once, and faults that begin or end inside the window: each is told, and none hides the other."""

import asyncio
import math

from tests.worlds.catalogue import world
from tests.worlds.judging import SEVERITIES, Given, level_of
from tests.worlds.links import answering_itself, long_way
from tests.worlds.services import Service
from tests.worlds.traffic import Process, Total, answering, crash_loop, phases, share, steady
from tests.worlds.world import World

TEN = steady(10)
EDGES = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


async def summaries(w: World, tenant: str = "acme") -> dict[str, Given]:
    """The two summaries by their names."""
    return {"diagnose": await w.diagnose(tenant), "stand-up": await w.standup()}


def agree(w: World, answers: dict[str, Given]) -> None:
    """The same rule about the same subject has one severity in all of these answers."""
    levels: dict[tuple[str, str], dict[str, str]] = {}
    for name, answer in answers.items():
        for one in answer.findings:
            key = (str(one["rule"]), str(one.get("subject")))
            levels.setdefault(key, {})[name] = SEVERITIES[level_of(one)]
    apart = {key: told for key, told in levels.items() if len(set(told.values())) > 1}
    w.expect("one severity for one fact", "the same word", apart or "the same", not apart)


def took(p: Process, route: str, *parts: tuple[float, Total]) -> Process:
    """A histogram of a route from parts of traffic of (seconds, how many)."""
    metric = "http_request_duration_seconds"
    for edge in (*EDGES, math.inf):
        within: Total = lambda t, edge=edge: sum(total(t) for seconds, total in parts if seconds <= edge)  # type: ignore[misc]  # noqa: E731
        p.counts(f"{metric}_bucket", within, route=route, le="+Inf" if math.isinf(edge) else f"{edge:g}")
    p.counts(f"{metric}_count", lambda t: sum(total(t) for _, total in parts), route=route)
    return p.counts(f"{metric}_sum", lambda t: sum(seconds * total(t) for seconds, total in parts), route=route)


def fill(w: World, times: int = 4) -> None:
    """More cache keys than a maxmemory of 4 MB holds."""
    script = "for i=1,1300 do redis.call('SET','cache:page:acme:'..ARGV[1]..':'..i,string.rep('x',900),'EX',3000) end"
    for n in range(times):
        w.redis.command("EVAL", script, "0", str(n))
    assert w.redis.command("SET", "probe", "x" * 50_000).startswith(b"-OOM"), "this world is not full"


@world(past=6)
async def metrics_that_need_a_login_and_an_immortal_counter(w: World) -> None:
    """``/metrics`` answers 401, globex is stuck for ever: the counter is critical, failures are unknown."""
    w.gateway.on("/metrics", {"detail": "Not authenticated"}, 401)
    w.counter("rate_limit:globex:chat", 12, ttl=None)
    await w.record(minutes=6)
    answers = await summaries(w, "globex")
    for name, answer in answers.items():
        w.found(f"{name}: the counter", answer, "globex", rule="limits.immortal", least="critical")
        w.not_found(f"{name}: nothing is failing", answer, rule="errors.rate", least="high")
    agree(w, answers)
    answer = await w.performance("error_rate", 5)
    w.expect("error rate", "unknown", answer.summary, answer.results.get("error_rate") is None)
    w.says("why", answer, "401")


@world()
async def no_info_and_an_immortal_counter(w: World) -> None:
    """INFO is renamed and acme's counter never expires: the one hides nothing of the other."""
    w.redis_with(without=("INFO",))
    w.counter("rate_limit:acme:upload", 77, ttl=None)
    for name, answer in (await summaries(w)).items():
        w.found(name, answer, "acme", rule="limits.immortal", least="critical")
        w.not_found(f"{name}: Redis is there", answer, rule="server.unreachable", least="low")
    panes = await w.panes(1.6, ("server", "limits", "keys", "gateway", "engine"))
    w.found("health pane", panes.given("health"), "acme", rule="limits.immortal", least="critical")


@world(past=7)
async def no_scan_and_refusals(w: World) -> None:
    """SCAN is gone, and 30 % of globex' 8 requests/s are refused: counters are unknown, refusals are not."""
    w.redis_with(without=("SCAN",))
    w.gateway.runs(answering(steady(5.6), None, steady(2.4), tenant="globex"))
    await w.record(minutes=7)
    answers = await summaries(w, "globex")
    answers["rate_limiting"] = await w.trouble("rate_limiting", "globex", minutes=5)
    for name, answer in answers.items():
        w.found(name, answer, "globex", rule="limits.refused", least="high")
    total = answers["diagnose"].doc["rate_limiting"].get("total_limit_keys")
    w.expect("counters", "unknown", total, total is None)


@world()
async def far_redis_and_a_dead_engine(w: World) -> None:
    """Redis is 150 ms away and well, the engine refuses connections: only the engine is critical."""
    w.counter("rate_limit:acme:chat", 5, ttl=100)
    port = await w.ends.enter_async_context(long_way(w.redis.port, 0.075))
    w.env["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    w.engine.down = lambda t: True
    answers = await summaries(w)
    for name, answer in answers.items():
        w.found(name, answer, rule="services.engine", least="critical")
        w.not_found(f"{name}: Redis", answer, rule="server.", least="high")
    count = answers["diagnose"].doc["rate_limiting"]["rate_limits"].get("chat", {}).get("current_count")
    w.expect("the counter", "5", count, count == 5)


@world(past=6)
async def full_redis_and_failing_chats(w: World) -> None:
    """Redis refuses every write and 9 % of 12 requests/s fail: both stand in each summary, Redis first."""
    w.redis_with(maxmemory="4mb", maxmemory_policy="noeviction")
    fill(w)
    w.gateway.runs(answering(steady(10.92), steady(1.08)))
    await w.record(minutes=6)
    answers = await summaries(w)
    for name, answer in answers.items():
        w.found(f"{name}: Redis", answer, rule="server.refuses_writes", least="critical")
        w.found(f"{name}: failures", answer, rule="errors.rate", least="high")
        first = (answer.findings or [{"rule": "none"}])[0]["rule"]
        w.expect(f"{name}: the worst is first", "server.refuses_writes", first, first == "server.refuses_writes")
    agree(w, answers)


@world()
async def writes_refused_and_accepted_again(w: World) -> None:
    """Redis was full and refused writes; somebody made room: it is well now, on every surface."""
    w.redis_with(maxmemory="4mb", maxmemory_policy="noeviction")
    fill(w)
    w.found("while it is full", await w.diagnose(), rule="server.refuses_writes", least="critical")
    w.redis.command("CONFIG", "SET", "maxmemory", "64mb")
    for name, answer in (await summaries(w)).items():
        w.not_found(f"{name} afterwards", answer, rule="server.", least="medium")


@world(past=8)
async def slow_route_that_is_quick_again(w: World) -> None:
    """``/api/export`` took 2 s until three minutes ago and 40 ms since: past, no alarm of the present."""
    w.gateway.runs(took(answering(steady(9)), "/api/export", (2, phases(3, (300, 0))), (0.04, phases(0, (300, 3)))))
    await w.record(minutes=8)
    for name, answer in (await summaries(w)).items():
        w.not_found(name, answer, "/api/export", least="medium")


@world(past=8)
async def route_that_became_slow(w: World) -> None:
    """``/api/export`` took 40 ms until two minutes ago and 3 s since: the summaries name it."""
    w.gateway.runs(took(answering(steady(9)), "/api/export", (3, phases(0, (360, 3))), (0.04, phases(3, (360, 0)))))
    await w.record(minutes=8)
    answers = await summaries(w)
    answers["high_latency"] = await w.trouble("high_latency", minutes=2)
    for name, answer in answers.items():
        w.found(name, answer, "/api/export", rule="latency", least="medium")


@world(past=8)
async def hit_rate_that_fell_two_minutes_ago(w: World) -> None:
    """The counters tell 0.9 until two minutes ago and 0.2 since; the published rate still says 0.88."""
    w.gateway.on("/api/cache/metrics", {"hit_rate": 0.88, "total_keys": 40})
    p = answering(TEN).counts("cache_hits_total", phases(9, (360, 2)))
    w.gateway.runs(p.counts("cache_misses_total", phases(1, (360, 8))))
    await w.record(minutes=8, sources=("metrics", "gateway"))
    answers = {**(await summaries(w)), "cache_miss": await w.trouble("cache_miss", minutes=2)}
    for name, one in answers.items():
        w.found(name, one, "hit rate", least="medium")


@world(past=8, healthy=True)
async def hit_rate_that_recovered(w: World) -> None:
    """0.3 until four minutes ago after a purge, 0.93 since; the published rate over the lifetime is 0.55."""
    w.gateway.on("/api/cache/metrics", {"hit_rate": 0.55, "total_keys": 40})
    p = answering(TEN).counts("cache_hits_total", phases(3, (240, 9.3)))
    w.gateway.runs(p.counts("cache_misses_total", phases(7, (240, 0.7))))
    await w.record(minutes=8, sources=("metrics", "gateway"))
    for name, one in (await summaries(w)).items():
        w.not_found(name, one, "hit rate", rule="cache", least="high")
    answer = await w.performance("cache_performance", 3)
    given = answer.results.get("hit_rate_now", answer.results.get("hit_rate"))
    w.expect("the present", "0.93, or named as since the start", answer.results,
             given is not None and abs(given - 0.93) < 0.03,
             unknown=given is None or "since" in answer.words() or "does not say" in answer.words())  # fmt: skip


@world(past=12)
async def crash_loop_that_ended(w: World) -> None:
    """A new process every 10 s until five minutes ago, one that lives since: rates are true, restarts are told."""
    w.gateway.runs(*crash_loop(lambda b, d: answering(TEN, born=b, died=d), 10, -60, 420), answering(TEN, born=420))
    await w.record(minutes=12)
    w.rate("throughput of 3 min", await w.performance("throughput", 3), 10)
    answer = await w.performance("throughput", 10)
    w.rate("throughput of 10 min", answer, 10)
    w.says("restarts are told", answer, "restart")
    for name, one in (await summaries(w)).items():
        w.not_found(f"{name}: no failures", one, rule="errors", least="low")


@world(past=7)
async def crash_loop_that_just_began(w: World) -> None:
    """One process for days, and a new one every 8 s for the last two minutes: restarts are found."""
    loop = crash_loop(lambda b, d: answering(TEN, born=b, died=d), 8, 300, 500)
    w.gateway.runs(answering(TEN, born=-90_000, died=300), *loop)
    await w.record(minutes=7)
    for name, one in (await summaries(w)).items():
        w.found(name, one, rule="gateway.restarts", least="medium")
    w.rate("throughput", await w.performance("throughput", 5), 10)


@world(past=6)
async def second_address_of_the_gateway_fails(w: World) -> None:
    """Two gateways in a list, 10 requests/s each; the second fails at 40 %: it is not left out silently."""
    w.gateway.runs(answering(TEN))
    second, process = Service(w.clock), Process(-5000)
    await second.start()
    w.ends.push_async_callback(second.stop)
    second.on("/health", {"status": "ok"})
    second.on("/metrics", lambda t: process.page(t, w.clock.began), kind="text/plain; version=0.0.4")
    w.env["BACKEND_ORCHESTRATOR_URL"] = f"{w.gateway.url},{second.url}"
    for status, rate in (("200", 6), ("500", 4)):
        process.counts("http_requests_total", steady(rate), route="/api/chat", status=status, tenant="acme")
    await w.record(minutes=6)
    answer = await w.performance("error_rate", 5)
    w.errors("error rate", answer, 0.2)
    w.found("failures are found", answer, rule="errors", least="high", unknown=answer.not_available)
    w.rate("throughput", await w.performance("throughput", 5), 20)


@world(past=7)
async def failures_fall_but_stay(w: World) -> None:
    """50 % of 10/s failed until three minutes ago, 12 % since: better, and still high."""
    bad = phases(5, (240, 1.2))
    w.gateway.runs(answering(lambda t: TEN(t) - bad(t), bad))
    await w.record(minutes=7)
    for name, answer in (await summaries(w)).items():
        w.found(name, answer, rule="errors.rate", least="high")
    w.errors("error rate of 2 min", await w.performance("error_rate", 2), 0.12)


@world(past=8)
async def errors_of_quiet_traffic(w: World) -> None:
    """One request in four seconds, of which a third fails for eight minutes: few, and surely too many."""
    w.gateway.runs(answering(steady(0.1667), steady(0.0833)))
    await w.record(minutes=8)
    for name, answer in (await summaries(w)).items():
        w.found(name, answer, rule="errors", least="medium")


@world(fast=True)
async def gateway_sick_and_its_cache_route_gone(w: World) -> None:
    """``/health`` says ERROR with 200, and ``/api/cache/metrics`` answers 500: unhealthy, and the hit rate unknown."""
    w.gateway.on("/health", {"status": "ERROR", "reason": "db"}).on("/api/cache/metrics", {"detail": "boom"}, 500)
    answers = await summaries(w)
    for name, answer in answers.items():
        w.found(name, answer, rule="services.gateway", least="critical")
    rate = answers["diagnose"].doc["cache_metrics"]["hit_rate"]
    w.expect("hit rate", "unknown", rate, rate is None)


@world()
async def loading_redis(w: World) -> None:
    """Redis is loading its data: every command is answered LOADING: not well, and the word is told."""
    said = b"-LOADING Redis is loading the dataset in memory\r\n"
    w.counter("rate_limit:acme:chat", 20, 300)
    names = ("PING", "INFO", "SCAN", "GET", "MGET", "EVAL", "EVALSHA", "TTL", "PTTL", "DBSIZE", "TYPE", "HELLO")
    port = await w.ends.enter_async_context(answering_itself(w.redis.port, dict.fromkeys(names, said)))
    w.env["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    for name, answer in (await summaries(w)).items():
        w.expect(name, "a finding of high or worse", answer.summary, any(level_of(one) >= 2 for one in answer.findings))
        w.says(f"{name}: the reason", answer, "loading")
    answer = await w.trouble("rate_limiting")
    w.expect("rate_limiting is not cleared", "a finding or unknown", answer.summary,
             answer.code != 0 or bool(answer.doc.get("unknown")))  # fmt: skip


@world()
async def cluster_without_slots(w: World) -> None:
    """The address leads to a server in cluster mode that serves no slot: no counter can be read; not healthy."""
    w.redis_with(cluster_enabled="yes")
    answers = await summaries(w)
    for name, answer in answers.items():
        w.expect(name, "not healthy", answer.summary, answer.code == 1)
    w.says("cluster is named", answers["diagnose"], "cluster", "slot")


@world()
async def no_connection_left(w: World) -> None:
    """maxclients is used up by idle clients: Redis refuses us, and probably the gateway: critical, with its words."""
    server = w.redis_with(maxclients="12")
    open_ones = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(12)]
    for name, answer in (await summaries(w)).items():
        w.expect(name, "critical", answer.summary, any(level_of(one) == 3 for one in answer.findings))
        w.says(f"{name}: the reason", answer, "max number of clients", "maxclients", "refuses connections")
    for _, writer in open_ones:
        writer.close()


@world(past=6)
async def upstream_of_billing_is_slow(w: World) -> None:
    """The gateway waits 4 s for billing and 30 ms for the engine: proxy_timeout does not blame the engine."""
    p = answering(TEN)
    for service, seconds in (("billing", 4.0), ("ai_engine", 0.03)):
        shares = [(edge, float(edge >= seconds)) for edge in EDGES]
        p.times("upstream_request_duration_seconds", steady(3), shares, seconds, service=service)
    w.gateway.runs(took(p, "/api/chat", (0.06, TEN)))
    await w.record(minutes=6)
    answer = await w.trouble("proxy_timeout", minutes=5)
    w.not_found("the engine", answer, "ai_engine", least="medium")
    w.not_found("the engine by its name", answer, "AI Engine", least="medium")
    w.says("billing is named", answer, "billing")


@world(past=6)
async def timeouts_of_one_tenant_behind_a_good_average(w: World) -> None:
    """globex has 0.5 of 40 requests/s and all of them end in 504: found, with the tenant's name."""
    p = answering(steady(39.5))
    w.gateway.runs(p.counts("http_requests_total", steady(0.5), route="/api/chat", status="504", tenant="globex"))
    await w.record(minutes=6)
    own = await w.performance("error_rate", 5, tenant_filter="globex")
    w.found("its own question", own, rule="errors", least="high")
    answers = await summaries(w)
    for name, answer in answers.items():
        w.found(name, answer, "globex", rule="errors", least="low")
    agree(w, answers)


@world(past=8)
async def share_after_a_restart(w: World) -> None:
    """A deployment three minutes ago brought failures: none before, 20 % of 15/s since."""
    w.gateway.runs(answering(steady(15), died=300), answering(steady(12), steady(3), born=302))
    await w.record(minutes=8)
    w.errors("error rate of 2 min", await w.performance("error_rate", 2), 0.2)
    for name, answer in (await summaries(w)).items():
        w.found(name, answer, rule="errors.rate", least="high")
        w.not_found(f"{name}: one restart is none", answer, rule="gateway.restarts", least="medium")


@world(past=8)
async def failures_of_classes_and_codes_together(w: World) -> None:
    """Two workers of two versions: one tells ``5xx``, the other ``502``; 10 % of 6/s each fail."""
    old, new = Process(-9000), Process(-600)
    for p, words in ((old, ("2xx", "5xx")), (new, ("200", "502"))):
        for word, part in zip(words, (0.9, 0.1), strict=True):
            p.counts("http_requests_total", share(steady(6), part), route="/api/chat", status=word, tenant="acme")
    w.gateway.runs(old, new)
    await w.record(minutes=8)
    w.errors("error rate", await w.performance("error_rate", 5), 0.1)
    w.rate("throughput", await w.performance("throughput", 5), 12)
