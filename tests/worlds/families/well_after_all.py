"""More systems that are well, in spite of how they look; and the forecast for limits other than 150 a minute."""

import asyncio
import math

from tests.worlds.catalogue import world
from tests.worlds.families.forecast import judge_forecast, watch
from tests.worlds.families.odd_but_well import spared_everywhere
from tests.worlds.services import Service
from tests.worlds.traffic import Process, answering, bursts, phases, share, steady
from tests.worlds.world import World

TEN = steady(10)


@world(past=12, healthy=True)
async def a_job_each_five_minutes(w: World) -> None:
    """900 requests in 20 seconds every five minutes and one in ten seconds otherwise; two in a thousand fail."""
    total = bursts(45, on=20, off=280)
    w.gateway.runs(answering(lambda t: 0.998 * total(t) + 0.1 * t, share(total, 0.002)))
    await w.record(minutes=12)
    await spared_everywhere(w)
    w.spared("error rate", await w.performance("error_rate", 10))


@world(past=8, healthy=True)
async def a_deployment_with_connections_refused(w: World) -> None:
    """A deployment two minutes ago: gateway and engine refuse connections for eight seconds, then all is well."""
    w.gateway.runs(answering(steady(22), died=350), answering(steady(22), born=358))
    away = lambda t: 350 <= t < 358  # noqa: E731
    w.gateway.down = w.engine.down = away
    await w.record(minutes=8, sources=("metrics", "gateway", "engine"))
    await spared_everywhere(w)


@world(past=6, healthy=True)
async def two_thirds_of_errors_by_the_callers(w: World) -> None:
    """A scanner: two thirds of 30/s are 404, 401, 403, 405 and 422; nobody is refused, nothing fails."""
    p = Process()
    for status, rate in (("200", 10), ("404", 12), ("401", 3), ("403", 2), ("405", 2), ("422", 1)):
        p.counts("http_requests_total", steady(rate), status=status, route="/x", tenant="")
    w.gateway.runs(p)
    await w.record(minutes=6)
    await spared_everywhere(w)
    w.errors("error rate", await w.performance("error_rate", 5), 0)


@world(past=20, healthy=True)
async def memory_of_a_process_that_warms_up(w: World) -> None:
    """A fresh process grows from 180 to 420 MB in its first six minutes and stays there for fourteen: no leak."""
    p = answering(TEN, born=-30)
    w.gateway.runs(p.shows("process_resident_memory_bytes", lambda t: 1.8e8 + 2.4e8 * min(1.0, (t + 30) / 360)))
    await w.record(minutes=20)
    w.spared("memory_leak", await w.trouble("memory_leak", minutes=10))
    w.spared("diagnose", await w.diagnose())


@world(past=6, healthy=True)
async def thirty_closed_breakers(w: World) -> None:
    """Thirty services with a breaker each, all closed, published in exponents."""
    p = answering(TEN)
    for n in range(30):
        p.shows("circuit_breaker_state", 0.0, service=f"service-{n}")
    w.gateway.runs(p)
    await w.record(minutes=6)
    await spared_everywhere(w)


@world(healthy=True)
async def an_empty_database_and_no_optional_part(w: World) -> None:
    """A fresh Redis without a key, a gateway with /health only: nothing to report, no zero that alarms."""
    for path in ("/api/cache/metrics", "/api/rate-limits"):
        del w.gateway.routes[path]
    await spared_everywhere(w)
    w.not_found("cache_miss", await w.trouble("cache_miss"), least="high")
    w.spared("coherence", await w.ask("analyze_cache_coherence"))


@world(healthy=True)
async def redis_saves_in_the_background(w: World) -> None:
    """A background save is under way, slowed down; another one was fine: nothing to report."""
    w.redis_with(rdb_key_save_delay="100000")
    w.keys(60, "cache:page:acme:{n}", "x" * 100, 600)
    w.keys(20, "cache_coherence:page:acme:{n}", "x", 600)
    w.redis.command("BGSAVE")
    await spared_everywhere(w)


@world(healthy=True)
async def a_replica_with_a_replica(w: World) -> None:
    """The configured primary has a replica in step: connected, lag 0, nothing to report."""
    from tests.realserver import RealServer, server_binary

    primary = w.redis_with(repl_diskless_sync_delay="0")
    w.counter("rate_limit:acme:chat", 12)
    binary = server_binary()
    assert binary
    replica = RealServer(binary, replicaof=f"127.0.0.1 {primary.port}").start()
    w.ends.callback(replica.stop)
    for _ in range(100):
        if b"state=online" in primary.command("INFO", "replication"):
            break
        await asyncio.sleep(0.1)
    await spared_everywhere(w)


@world(healthy=True)
async def connections_that_end_after_each_answer(w: World) -> None:
    """Gateway and engine close every connection after its answer and answer between 5 and 90 ms: well."""
    turn = [0]

    def pause(_: float) -> float:
        turn[0] += 1
        return 0.005 + 0.085 * (turn[0] % 7) / 7

    for service in (w.gateway, w.engine):
        service.on("/health", {"status": "ok"}, delay=pause, headers=[("Connection", "close")])
    await spared_everywhere(w)
    w.spared("latency", await w.performance("latency", 5))


@world(past=6, healthy=True)
async def failures_just_below_the_bar(w: World) -> None:
    """4.2 % of 60 requests/s fail on a bad day: below the contract's 5 %, so not high."""
    w.gateway.runs(answering(steady(57.48), steady(2.52)))
    await w.record(minutes=6)
    w.errors("error rate", await w.performance("error_rate", 5), 0.042)
    w.not_found("diagnose", await w.diagnose(), rule="errors", least="high")
    w.not_found("stand-up", await w.standup(), rule="errors", least="high")


@world(past=6)
async def failures_just_above_the_bar(w: World) -> None:
    """5.8 % of 60 requests/s fail: above 5 %, surely."""
    w.gateway.runs(answering(steady(56.52), steady(3.48)))
    await w.record(minutes=6)
    w.found("diagnose", await w.diagnose(), rule="errors.rate", least="high")
    w.found("stand-up", await w.standup(), rule="errors.rate", least="high")


@world(past=6, healthy=True)
async def hit_rate_just_above_the_bar(w: World) -> None:
    """0.74 by the gateway and by its counters; the bar is 0.70."""
    w.gateway.on("/api/cache/metrics", {"hit_rate": 0.74, "total_keys": 90, "hits": 7400, "misses": 2600})
    p = answering(TEN).counts("cache_hits_total", steady(7.4)).counts("cache_misses_total", steady(2.6))
    w.gateway.runs(p)
    await w.record(minutes=6, sources=("metrics", "gateway"))
    await spared_everywhere(w)
    w.spared("cache_miss", await w.trouble("cache_miss", minutes=5))


@world(past=6, healthy=True)
async def a_cache_that_nobody_asks(w: World) -> None:
    """Counters of hits and misses stand at 3 and 9 since a night without traffic: too few for a rate."""
    w.gateway.on("/api/cache/metrics", {"hit_rate": 0.25, "total_keys": 3, "hits": 3, "misses": 9})
    p = answering(steady(0)).shows_counter("cache_hits_total", lambda t: 3)
    w.gateway.runs(p.shows_counter("cache_misses_total", lambda t: 9))
    await w.record(minutes=6, sources=("metrics", "gateway"))
    w.not_found("diagnose", await w.diagnose(), "hit rate", least="medium")
    w.not_found("stand-up", await w.standup(), "hit rate", least="medium")
    w.not_found("cache_miss", await w.trouble("cache_miss", minutes=5), "hit rate", least="medium")


@world(healthy=True)
async def engines_in_a_list(w: World) -> None:
    """Three engines in a list with a blank after each comma, all well."""
    urls = [w.engine.url]
    for _ in range(2):
        other = Service(w.clock)
        await other.start()
        w.ends.push_async_callback(other.stop)
        other.on("/health", {"status": "ok"})
        urls.append(other.url)
    w.env["AI_ENGINE_URL"] = ", ".join(urls)
    answer = await w.diagnose()
    w.spared("diagnose", answer)
    count = len(answer.doc["ai_engine_connectivity"].get("instances") or ())
    w.expect("instances", "3", count, count == 3)


@world(past=6, healthy=True)
async def scaled_from_one_to_four(w: World) -> None:
    """Three more workers with starts of their own joined two minutes ago: no restart, and each counts for itself."""
    w.gateway.runs(answering(steady(8), born=-8000), *(answering(steady(8), born=240 + n) for n in range(3)))
    await w.record(minutes=6)
    w.rate("throughput of 1 min", await w.performance("throughput", 1), 32)
    await spared_everywhere(w)


@world(past=8, healthy=True)
async def a_clock_that_is_forty_minutes_behind(w: World) -> None:
    """The gateway's clock is 40 minutes behind and tells so in no header: 12/s, nothing failed, no restart."""
    p = answering(steady(12), steady(0.001), born=-600, started=False)
    w.gateway.runs(p.shows("process_start_time_seconds", w.clock.began - 600 - 2400))
    await w.record(minutes=8)
    w.rate("throughput", await w.performance("throughput", 5), 12)
    await spared_everywhere(w)


@world()
async def slow_and_steady_to_a_limit_of_twenty(w: World) -> None:
    """One request in two seconds from 8 on, limit 20 a minute: the 429 comes after 24 s."""
    w.gateway.publishes(chat=20)
    judge_forecast(w, await watch(w, lambda t: 8 + t / 2, 22, age=16), 24, since=9)


@world(healthy=True)
async def slow_and_steady_below_a_limit_of_thirty(w: World) -> None:
    """One request in three seconds from 10 on, limit 30, the window ends in 15 s: never refused."""
    w.gateway.publishes(chat=30)
    judge_forecast(w, await watch(w, lambda t: 10 + t / 3, 14, age=45), None, since=3)


@world()
async def quick_to_a_limit_of_a_thousand(w: World) -> None:
    """60 requests/s from 280 on, limit 1,000: the 429 comes after 12 s."""
    w.gateway.publishes(chat=1000)
    judge_forecast(w, await watch(w, lambda t: 280 + 60 * t, 11, age=5), 12, since=3)


@world(healthy=True)
async def slowing_just_below_a_limit_of_sixty(w: World) -> None:
    """From 30 on 20 more with a time constant of 4 s: 50 of 60, and no 429 ever."""
    w.gateway.publishes(chat=60)
    judge_forecast(w, await watch(w, lambda t: 30 + 20 * (1 - math.exp(-t / 4)), 18, age=8), None, since=5)


@world(past=9, healthy=True)
async def a_minute_of_trouble_long_ago(w: World) -> None:
    """Everything at once for one minute, seven minutes ago (failures, refusals, an open circuit): past."""
    bad, declined = phases(0, (60, 5), (120, 0)), phases(0, (60, 3), (120, 0))
    p = answering(lambda t: 12 * t - bad(t) - declined(t), bad, declined)
    w.gateway.runs(p.shows("circuit_breaker_state", lambda t: 2 * (60 <= t < 120), service="ai_engine"))
    await w.record(minutes=9)
    w.spared("diagnose", await w.diagnose())
    w.spared("stand-up", await w.standup())
    panes = await w.panes(1.5, ("server", "limits", "keys", "gateway", "engine", "metrics"))
    w.spared("health pane", panes.given("health"))
