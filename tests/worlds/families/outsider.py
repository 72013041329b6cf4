"""Faults as somebody would set them up who never saw the other worlds: two at once, healing, beginning, ended."""

import itertools
import random

from tests.worlds.catalogue import world
from tests.worlds.links import long_way
from tests.worlds.prometheus import prometheus_that_scraped
from tests.worlds.traffic import Process, answering, phases, steady
from tests.worlds.world import World

NEEDS = ("prometheus", "promtool")


def counting(label: str, rates: dict[str, float], **labels: str) -> Process:
    """One process that counts requests at these rates a second by the values of ``label``."""
    process = Process()
    for value, rate in rates.items():
        process.counts("http_requests_total", steady(rate), **{label: value}, **labels)
    return process


@world(past=9)
async def sticky_for_a_minute_without_start_times(w: World) -> None:
    """Two workers without a start time, 9/s each; the balancer changes every 70 s: no rate is made up."""
    w.gateway.runs(answering(steady(9), born=-900, started=False), answering(steady(9), born=-43_000, started=False))
    w.gateway.plan = lambda t: int(t // 70)
    await w.record(minutes=9)
    for minutes in (1, 3, 8):
        answer = await w.performance("throughput", minutes)
        given = None if answer.not_available else answer.results.get("requests_per_second")
        right = (
            given is None
            or abs(given - 9) < 1
            or abs(given - 18) < 2
            or (bool(answer.results.get("lower_bound")) and given <= 18)
        )
        w.expect(
            f"throughput of {minutes} min", "9, 18, less as a bound, or unknown", answer.summary + f" {given}", right
        )
    w.not_found("no failures", await w.diagnose(), rule="errors", least="low")


@world()
async def redis_seven_tenths_of_a_second_away(w: World) -> None:
    """Redis answers after 0.7 s, well: it is slow and not dead, on every surface."""
    w.counter("rate_limit:acme:chat", 5, ttl=50)
    port = await w.ends.enter_async_context(long_way(w.redis.port, 0.35))
    w.env["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    answers = {"diagnose": await w.diagnose(), "stand-up": await w.standup()}
    answers["high_latency"] = await w.trouble("high_latency")
    for name, answer in answers.items():
        w.not_found(f"{name}: not dead", answer, rule="server.unreachable", least="low")
        slow = any("redis" in one["message"] and " ms" in one["message"] for one in answer.findings)
        w.expect(f"{name}: slow", "slow, or said to be unmeasured", answer.summary, slow, unknown=answer.code == 1)


@world(past=6)
async def hit_rate_by_counters_only(w: World) -> None:
    """No ``/api/cache/metrics``; the counters grow with 0.31: low, and told as what the counters say."""
    w.gateway.on("/api/cache/metrics", {"detail": "Not Found"}, 404)
    p = answering(steady(10)).counts("cache_hits_total", steady(3.1)).counts("cache_misses_total", steady(6.9))
    w.gateway.runs(p)
    await w.record(minutes=6)
    answer = await w.performance("cache_performance", 5)
    given = None if answer.not_available else answer.results.get("hit_rate")
    w.figure("hit rate", given, 0.31)
    w.found("troubleshoot", await w.trouble("cache_miss", minutes=5), "hit rate", least="medium")


@world(past=6)
async def slow_route_in_the_summary(w: World) -> None:
    """``/api/search`` takes 3 s at 4/s, ``/api/chat`` 30 ms at 12/s: the summary names the slow route."""
    p = answering(steady(12)).counts(
        "http_requests_total", steady(4), method="POST", route="/api/search", status="200", tenant="acme"
    )
    edges = (0.1, 0.5, 1, 2.5, 5)
    p.times("http_request_duration_seconds", steady(12), [(e, 1) for e in edges], 0.03, route="/api/chat")
    p.times("http_request_duration_seconds", steady(4), [(e, float(e >= 5)) for e in edges], 3, route="/api/search")
    w.gateway.runs(p)
    await w.record(minutes=6)
    for name, answer in (("diagnose", await w.diagnose()), ("stand-up", await w.standup())):
        w.found(name, answer, "/api/search", least="medium")
        w.not_found(f"{name}: the quick one", answer, "/api/chat", least="low")


@world(past=5)
async def engine_that_flaps(w: World) -> None:
    """Every third look at the engine is a 503 for five minutes: told, whatever the look of now says."""
    turn = itertools.count()
    w.engine.on("/health", {"status": "ok"}, lambda t: 503 if next(turn) % 3 == 1 else 200)
    await w.record(minutes=5, sources=("metrics", "gateway", "engine"))
    for name, answer in (("diagnose", await w.diagnose()), ("stand-up", await w.standup())):
        w.found(name, answer, "engine", least="medium")


@world(needs=NEEDS)
async def one_job_of_two_services(w: World) -> None:
    """One job "pods" scrapes the gateway (10/s, well) and the shop (30/s, a fifth fails): not added, or said."""
    own = {"job": "pods", "instance": w.gateway.url.removeprefix("http://")}
    shop = {"job": "pods", "instance": "10.4.4.4:9000"}
    bad = answering(steady(24), steady(6), tenant="shop", route="/buy", born=-9000)
    w.env["PROMETHEUS_URL"] = w.ends.enter_context(
        prometheus_that_scraped([(own, answering(steady(10))), (shop, bad)], 20)
    )
    answer = await w.performance("error_rate", 10)
    w.errors("error rate", answer, 0)
    w.not_found("the shop's failures", answer, rule="errors")
    w.rate("throughput", await w.performance("throughput", 10), 10)


@world(past=8)
async def refusals_that_ended(w: World) -> None:
    """A third of 9/s was refused until two minutes ago, none since: at most a low remark of the present."""
    w.gateway.runs(answering(steady(6), None, phases(3, (360, 0))))
    await w.record(minutes=8)
    w.counter("rate_limit:acme:chat", 20, ttl=40)
    for name, answer in (("diagnose", await w.diagnose()), ("stand-up", await w.standup())):
        w.not_found(name, answer, rule="limits.refused", least="medium")
    w.says("it is told", await w.trouble("rate_limiting", minutes=8), "429", "refused")


@world(past=7)
async def a_fault_that_begins_now(w: World) -> None:
    """No failure for six minutes, then 45 % of 20/s for the last 60 s: the summary sees the present."""
    bad = phases(0, (360, 9))
    w.gateway.runs(answering(phases(20, (360, 11)), bad))
    await w.record(minutes=7)
    for name, answer in (("diagnose", await w.diagnose()), ("stand-up", await w.standup())):
        w.found(name, answer, rule="errors", least="high")


@world(past=9)
async def a_fault_that_healed(w: World) -> None:
    """Half of 16/s failed for a minute, four minutes ago: the ten minutes tell it, the present is well."""
    w.gateway.runs(answering(phases(16, (240, 8), (300, 16)), phases(0, (240, 8), (300, 0))))
    await w.record(minutes=9)
    w.errors("error rate of 2 min", await w.performance("error_rate", 2), 0)
    w.errors("error rate of 8 min", await w.performance("error_rate", 8), 1 / 16)
    w.not_found("diagnose: now", await w.diagnose(), rule="errors", least="high")


@world(past=6)
async def breaker_and_immortal_counter_at_once(w: World) -> None:
    """The breaker is open and globex has an immortal counter: both stand in each summary, worst first."""
    w.gateway.runs(answering(steady(10)).shows("circuit_breaker_state", 2, service="ai_engine"))
    await w.record(minutes=6)
    w.counter("rate_limit:globex:upload", 88, ttl=None)
    for name, answer in (("diagnose", await w.diagnose("globex")), ("stand-up", await w.standup())):
        w.found(f"{name}: breaker", answer, rule="breaker", least="high")
        w.found(f"{name}: counter", answer, "globex", least="critical")


@world(past=6)
async def dead_engine_and_dead_redis(w: World) -> None:
    """Engine and Redis are gone at once, the gateway says ok and half of 12/s fails: all three are told."""
    w.gateway.runs(answering(steady(6), steady(6)))
    w.engine.down = lambda t: True
    await w.record(minutes=6)
    w.redis.stop()
    answer = await w.diagnose()
    for word in ("redis", "engine"):
        w.found(f"diagnose: {word}", answer, word, least="critical")
    w.found("diagnose: failures", answer, rule="errors", least="high")


@world(past=8)
async def three_workers_at_random_with_starts(w: World) -> None:
    """Three workers with start times of their own, 4, 5 and 13/s, chosen at random; one fails at 30 %."""
    w.gateway.at_random = random.Random(7)
    w.gateway.runs(
        answering(steady(4), born=-300),
        answering(steady(5), born=-9000),
        answering(steady(9.1), steady(3.9), born=-50_000),
    )
    await w.record(minutes=8)
    w.rate("throughput of 5 min", await w.performance("throughput", 5), 22)
    answer = await w.performance("error_rate", 5)
    w.errors("error rate", answer, 3.9 / 22)


@world()
async def maxmemory_and_no_way_out(w: World) -> None:
    """noeviction at its maxmemory of 2 MB: reads work, each write is refused: high or worse everywhere."""
    server = w.redis_with(maxmemory="2mb", **{"maxmemory-policy": "noeviction"})
    w.counter("rate_limit:acme:chat", 4)
    for n in range(4000):
        try:
            server.command("SET", f"session:{n}", "x" * 900)
        except Exception:
            break
    for name, answer in (("diagnose", await w.diagnose()), ("stand-up", await w.standup())):
        w.found(name, answer, rule="server.refuses_writes", least="high")


@world()
async def volatile_policy_with_nothing_to_evict(w: World) -> None:
    """volatile-lru, but no key has a TTL: at its maxmemory every write is refused as under noeviction."""
    server = w.redis_with(maxmemory="2mb", **{"maxmemory-policy": "volatile-lru"})
    for n in range(4000):
        try:
            server.command("SET", f"session:{n}", "x" * 900)
        except Exception:
            break
    for name, answer in (("diagnose", await w.diagnose()), ("stand-up", await w.standup())):
        w.found(name, answer, rule="server.refuses_writes", least="high")


@world(past=6)
async def statuses_in_capitals_and_names(w: World) -> None:
    """``code="5XX"`` and ``"2XX"``: a quarter of 8/s fails."""
    w.gateway.runs(counting("code", {"2XX": 6, "5XX": 2}, path="/v1/chat"))
    await w.record(minutes=6)
    w.errors("error rate", await w.performance("error_rate", 5), 0.25)
    w.found("diagnose", await w.diagnose(), rule="errors", least="high")


@world(past=6)
async def failures_named_by_grpc_codes(w: World) -> None:
    """``grpc_code`` instead of a status: OK and Unavailable: how many failed is told or unknown, never 0."""
    w.gateway.runs(counting("grpc_code", {"OK": 6, "Unavailable": 4}, route="/chat"))
    await w.record(minutes=6)
    answer = await w.performance("error_rate", 5)
    given = None if answer.not_available else answer.results.get("error_rate")
    w.figure("error rate", given, 0.4)
    w.rate("throughput", await w.performance("throughput", 5), 10)


@world(past=6)
async def crash_loop_of_25_seconds_and_failures(w: World) -> None:
    """A new process every 25 s, 8/s, a quarter of which fail: restarts and failures are both told."""
    from tests.worlds.traffic import crash_loop

    w.gateway.runs(*crash_loop(lambda b, d: answering(steady(6), steady(2), born=b, died=d), 25, since=-100, until=900))
    await w.record(minutes=6)
    answer = await w.diagnose()
    w.found("restarts", answer, rule="gateway.restarts", least="medium")
    w.found("failures", answer, rule="errors", least="high")
    w.errors("error rate", await w.performance("error_rate", 5), 0.25)
    w.rate("throughput", await w.performance("throughput", 5), 8)


@world(past=6)
async def share_of_one_tenant_that_cannot_be_read(w: World) -> None:
    """The failures' counter is ``+Inf`` and the others are fine: the share is unknown, never 0 and never 100 %."""
    p = answering(steady(9)).shows("http_requests_total", float("inf"), status="500", route="/api/chat", tenant="acme")
    w.gateway.runs(p)
    await w.record(minutes=6)
    answer = await w.performance("error_rate", 5)
    given = None if answer.not_available else answer.results.get("error_rate")
    w.expect("error rate", "unknown", f"{given} {answer.summary}", given is None)


@world()
async def half_of_all_limits_are_unknown(w: World) -> None:
    """Limits for chat only: 150/150 of chat is used up, 4,000 of upload is judged by nobody and called nothing."""
    w.gateway.publishes(chat=150)
    w.counter("rate_limit:acme:chat", 150)
    w.counter("rate_limit:acme:upload", 4000)
    answer = await w.trouble("rate_limiting")
    w.found("chat", answer, "chat", least="high")
    w.not_found("upload is not over", answer, "upload", "over", least="medium")


@world()
async def limits_published_as_texts(w: World) -> None:
    """``"limits": {"chat": "150"}`` and a window of ``"60s"``: understood, or said, never "nobody is over"."""
    w.gateway.on("/api/rate-limits", {"window_seconds": "60s", "limits": {"chat": "150"}, "tenants": {}})
    w.counter("rate_limit:acme:chat", 900)
    answer = await w.trouble("rate_limiting")
    over = any("over" in one["message"] or "used up" in one["message"] for one in answer.findings)
    w.expect("over, or said that it is unknown", "one of both", answer.summary + str(answer.doc)[:1500],
             over or "unknown" in answer.words() or "cannot be read" in answer.words())  # fmt: skip


@world(needs=NEEDS)
async def share_that_prometheus_cannot_tell(w: World) -> None:
    """Prometheus scraped ``+Inf`` as the count of failures: the share is unknown on this road too, never 0."""
    p = answering(steady(9)).shows("http_requests_total", float("inf"), status="500", route="/api/chat", tenant="acme")
    own = {"job": "gateway", "instance": w.gateway.url.removeprefix("http://")}
    w.env["PROMETHEUS_URL"] = w.ends.enter_context(prometheus_that_scraped([(own, p)], 20))
    answer = await w.performance("error_rate", 10)
    given = None if answer.not_available else answer.results.get("error_rate")
    w.expect("error rate", "unknown", f"{given} {answer.summary}", given is None)


@world(past=6)
async def hits_that_are_no_number(w: World) -> None:
    """The counter of misses is NaN, that of hits grows with 5/s: a hit rate of 1.0 is not true."""
    w.gateway.on("/api/cache/metrics", {"detail": "Not Found"}, 404)
    p = answering(steady(10)).counts("cache_hits_total", steady(5)).shows("cache_misses_total", float("nan"))
    w.gateway.runs(p)
    await w.record(minutes=6)
    answer = await w.performance("cache_performance", 5)
    given = None if answer.not_available else answer.results.get("hit_rate")
    w.expect("hit rate", "unknown", f"{given} {answer.summary}", given is None)


@world(past=6)
async def an_engine_that_healed_and_an_open_circuit(w: World) -> None:
    """The engine was away from minute one to three and is back, the breaker stays open: only the breaker is now."""
    w.gateway.runs(
        answering(steady(7)).shows("circuit_breaker_state", lambda t: float(t > 60) * 2, service="ai_engine")
    )
    w.engine.down = lambda t: 60 < t < 180
    await w.record(minutes=6, sources=("metrics", "gateway", "engine"))
    answer = await w.diagnose()
    w.found("breaker", answer, rule="breaker", least="high")
    w.not_found("the engine is back", answer, rule="services.engine", least="critical")


@world(past=7)
async def one_tenant_fails_and_another_is_refused(w: World) -> None:
    """globex fails at 40 % of 5/s, initech is refused at 50 % of 4/s, acme is well with 6/s: each by its name."""
    w.gateway.runs(answering(steady(6)))
    for name, status, good, bad in (("globex", "503", 3, 2), ("initech", "429", 2, 2)):
        for code, rate in (("200", good), (status, bad)):
            w.gateway.processes[0].counts(
                "http_requests_total", steady(rate), method="POST", route="/api/chat", status=code, tenant=name
            )
    await w.record(minutes=7)
    w.found("globex fails", await w.performance("error_rate", 5, tenant_filter="globex"), rule="errors", least="high")
    w.errors("acme is well", await w.performance("error_rate", 5, tenant_filter="acme"), 0)
    w.found("initech is refused", await w.trouble("rate_limiting", "initech", 5), rule="limits.refused", least="high")
    w.not_found("acme is not refused", await w.trouble("rate_limiting", "acme", 5), "acme", rule="limits.refused")
    compared = await w.compare("acme", "globex", "initech")
    w.says("compare names globex", compared, "globex")
