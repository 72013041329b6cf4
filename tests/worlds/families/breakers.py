"""Breakers, failures and hit rates: the same fact gives the same word everywhere, and blame fits."""

from tests.worlds.catalogue import world
from tests.worlds.traffic import Process, Total, answering, phases, share, steady
from tests.worlds.world import World

TEN = steady(10)


def _cache(hits: Total, misses: Total, born: float = -7200.0) -> Process:
    return Process(born).counts("cache_hits_total", hits).counts("cache_misses_total", misses)


@world(past=5, fast=True)
async def open_circuit(w: World) -> None:
    """The breaker to the engine is open: every summary says so, high."""
    w.gateway.runs(answering(TEN).shows("circuit_breaker_state", 2, service="ai_engine"))
    await w.record(minutes=5)
    w.found("troubleshoot", await w.trouble("circuit_breaker"), rule="breaker", least="high")
    w.found("diagnose", await w.diagnose(), rule="breaker", least="high", most="high")
    w.found("stand-up", await w.standup(), rule="breaker", least="high", most="high")
    panes = await w.panes(1.5, ("server", "gateway", "engine", "metrics"))
    w.found("health pane", panes.given("health"), rule="breaker", least="high", most="high")


@world(past=5, healthy=True)
async def closed_circuits(w: World) -> None:
    """Three breakers, all closed."""
    p = answering(TEN)
    for service in ("ai_engine", "billing", "mail"):
        p.shows("circuit_breaker_state", 0, service=service)
    w.gateway.runs(p)
    await w.record(minutes=5)
    w.spared("troubleshoot", await w.trouble("circuit_breaker"))
    w.spared("diagnose", await w.diagnose())
    w.spared("stand-up", await w.standup())


@world(past=5)
async def breaker_of_billing(w: World) -> None:
    """The breaker to billing is open, the engine is well: nobody sends us to the engine."""
    p = answering(TEN).shows("circuit_breaker_state", 0, service="ai_engine")
    w.gateway.runs(p.shows("circuit_breaker_state", 2, service="billing"))
    await w.record(minutes=5)
    answer = await w.trouble("circuit_breaker")
    w.found("troubleshoot", answer, "billing", rule="breaker", least="high")
    advice = " ".join(f"{one['action']} {one.get('reason', '')}" for one in answer.doc["recommendations"]).lower()
    text = " ".join(f"{one['message']} {one['impact']}" for one in answer.findings).lower() + advice
    w.expect("the engine is not blamed", "no advice about the engine", text, "engine" not in text)


@world(past=10)
async def breaker_that_opened_and_closed(w: World) -> None:
    """The breaker was open for two minutes, six minutes ago; now it is closed: the present is healthy."""
    p = answering(TEN).shows("circuit_breaker_state", lambda t: 2 if 120 <= t < 240 else 0, service="ai_engine")
    w.gateway.runs(p)
    await w.record(minutes=10)
    answer = await w.trouble("circuit_breaker", minutes=10)
    w.not_found("nothing is open now", answer, " is open", rule="breaker.open", least="high")
    w.spared("diagnose", await w.diagnose())


@world(past=6, night=True)
async def a_third_of_all_chats_times_out(w: World) -> None:
    """30 % of 10 chats/s are answered 504: the summary says so too, not only the playbook."""
    p = Process()
    for status, part in (("200", 0.7), ("504", 0.3)):
        p.counts(
            "http_requests_total", share(TEN, part), method="POST", route="/api/chat", status=status, tenant="acme"
        )
    w.gateway.runs(p)
    await w.record(minutes=6)
    w.found("troubleshoot", await w.trouble("circuit_breaker", minutes=5), rule="errors", least="high")
    w.found("diagnose", await w.diagnose(), rule="errors", least="high")
    w.found("stand-up", await w.standup(), rule="errors", least="high")
    panes = await w.panes(2.5, ("server", "gateway", "engine", "metrics"))
    w.found("health pane", panes.given("health"), rule="errors", least="high", unknown=True)
    answer = await w.performance("error_rate", 5)
    w.found("tenant and route are named", answer, "acme", "/api/chat", rule="errors", least="high")


@world(past=6)
async def one_tenant_and_one_route_fail(w: World) -> None:
    """Of three tenants only globex fails, on uploads: 15 % of its 4/s, 4 % of all: its own question finds it."""
    p = Process()
    for tenant, route, status, rate in (
        ("acme", "/api/chat", "200", 6), ("umbrella", "/api/chat", "200", 5),
        ("globex", "/api/chat", "200", 2), ("globex", "/api/upload", "200", 1.4), ("globex", "/api/upload", "500", 0.6),
    ):  # fmt: skip
        p.counts("http_requests_total", steady(rate), route=route, status=status, tenant=tenant)
    w.gateway.runs(p)
    await w.record(minutes=6)
    answer = await w.performance("error_rate", 5, tenant_filter="globex")
    w.errors("globex", answer, 0.15)
    w.found("globex is found", answer, "globex", rule="errors", least="high")
    w.errors("all", await w.performance("error_rate", 5), 0.04)
    w.errors("acme", await w.performance("error_rate", 5, tenant_filter="acme"), 0)


@world(past=6, healthy=True, fast=True)
async def one_failure_in_two_thousand(w: World) -> None:
    """0.05 % of 20 requests/s fail, 2 % are 404, a few are refused: that is a good day."""
    p = answering(steady(19.6), steady(0.01), steady(0.02))
    p.counts("http_requests_total", steady(0.4), method="GET", route="/x", status="404", tenant="acme")
    w.gateway.runs(p.shows("circuit_breaker_state", 0, service="ai_engine"))
    await w.record(minutes=6)
    w.spared("error rate", await w.performance("error_rate", 5))
    w.spared("diagnose", await w.diagnose())
    w.spared("stand-up", await w.standup())
    w.spared("circuit breaker", await w.trouble("circuit_breaker", minutes=5))


@world(past=6, healthy=True)
async def two_failures_of_three_requests(w: World) -> None:
    """At night three requests came in an hour, two of them failed: too few for a share."""
    few = phases(0, (100, 0.02), (250, 0))
    w.gateway.runs(answering(share(few, 0.34), share(few, 0.67)))
    await w.record(minutes=6)
    w.not_found("error rate", await w.performance("error_rate", 5), rule="errors", least="high")
    w.not_found("diagnose", await w.diagnose(), rule="errors")


@world(past=8, night=True)
async def lifetime_hit_rate_hides_the_present(w: World) -> None:
    """0.92 since the start, but 0.30 for the last five minutes, by the gateway's counters."""
    w.gateway.on("/api/cache/metrics", {"hit_rate": 0.92, "total_keys": 1247})
    w.gateway.runs(_cache(phases(92, (180, 6)), phases(8, (180, 14)), born=-90_000))
    await w.record(minutes=8, sources=("metrics", "gateway"))
    answer = await w.performance("cache_performance", 3)
    rates = [value for name, value in answer.results.items() if name == "hit_rate" or name.endswith("hit_rate_now")]
    w.expect("present rate", "0.30, or the lifetime's named as such, or unknown", answer.results,
             any(value is not None and abs(value - 0.3) < 0.04 for value in rates),
             unknown=not any(isinstance(value, float) for value in rates) or "since" in answer.words())  # fmt: skip
    w.found("a low rate is found", answer, "hit rate", least="high")
    w.found("cache_miss", await w.trouble("cache_miss", minutes=5), least="high")
    w.found("stand-up", await w.standup(), "hit rate", least="medium")


@world(past=6)
async def contradiction_of_two_hit_rates(w: World) -> None:
    """``/api/cache/metrics`` says 0.90, the counters grow with 0.28: both are shown."""
    w.gateway.on("/api/cache/metrics", {"hit_rate": 0.90, "total_keys": 1247})
    w.gateway.runs(_cache(steady(2.8), steady(7.2)))
    await w.record(minutes=6, sources=("metrics", "gateway"))
    answer = await w.trouble("cache_miss", minutes=5)
    text = answer.words() + str(answer.doc)
    both = ("0.9" in text or "90 %" in text) and ("0.28" in text or "28 %" in text)
    w.expect("both figures are shown", "0.90 and 0.28", answer.summary, both)
    w.found("they are called contradictory", answer, least="medium")
    w.says("diagnose tells it", await w.diagnose(), "28 %", "0.28", "contradict", "disagree", "differ")


@world(past=6, healthy=True)
async def good_hit_rate(w: World) -> None:
    """0.85 published, 0.84 by the counters: two sources agree."""
    w.gateway.runs(_cache(steady(8.4), steady(1.6)))
    await w.record(minutes=6, sources=("metrics", "gateway"))
    w.spared("cache_performance", await w.performance("cache_performance", 5))
    w.spared("cache_miss", await w.trouble("cache_miss", minutes=5))
    w.spared("diagnose", await w.diagnose())


@world(past=6, healthy=True)
async def cold_cache_after_a_deployment(w: World) -> None:
    """The gateway started two minutes ago: its lifetime is 0.55, rising; the last minute has 0.80."""
    hits, misses = phases(0, (240, 2), (300, 8)), phases(0, (240, 8), (300, 2))
    w.gateway.on("/api/cache/metrics", {"hit_rate": 0.55, "total_keys": 90})
    w.gateway.runs(
        _cache(phases(8), phases(2), born=-9000),
    )
    w.gateway.processes[0].died = 240
    w.gateway.runs(_cache(hits, misses, born=240))
    await w.record(minutes=6, sources=("metrics", "gateway"))
    answer = await w.performance("cache_performance", 1)
    w.not_found("the present is good", answer, "60 %", least="high")


@world(past=6, night=True)
async def wide_bucket(w: World) -> None:
    """All requests take 1.1 s; the buckets end at 1 s and 10 s: p95 lies between them, not at 9.55 s."""
    p = answering(TEN).times("http_request_duration_seconds", TEN, [(1, 0.0), (10, 1.0)], 1.1, route="/api/chat")
    w.gateway.runs(p)
    await w.record(minutes=6)
    answer = await w.trouble("high_latency", minutes=5)
    w.found("slow requests are found", answer, least="high")
    text = str(answer.doc)
    invented = [one for one in ("9,550", "9550", "9.55", "9,5", "5,500 ms", "5,5") if one in text]
    w.expect("no figure inside the bucket is invented", "≤ 10 s or 1 to 10 s", invented or answer.summary, not invented)


@world(past=6, healthy=True)
async def fast_histogram(w: World) -> None:
    """Requests take 40 ms on average, 99 % below 250 ms."""
    shares = [(0.05, 0.7), (0.1, 0.9), (0.25, 0.99), (1, 1.0)]
    w.gateway.runs(answering(TEN).times("http_request_duration_seconds", TEN, shares, 0.04, route="/api/chat"))
    await w.record(minutes=6)
    w.spared("high_latency", await w.trouble("high_latency", minutes=5))
    w.spared("latency", await w.performance("latency", 5))


@world(past=6)
async def slow_route_among_fast_ones(w: World) -> None:
    """``/api/report`` takes 2 to 2.5 s, ``/api/chat`` 40 ms: the slow one is named."""
    quick, slow = steady(9), steady(1)
    p = answering(TEN)
    p.times("http_request_duration_seconds", quick, [(0.05, 0.9), (0.1, 1.0)], 0.04, route="/api/chat")
    p.times("http_request_duration_seconds", slow, [(1, 0.0), (2, 0.0), (2.5, 1.0)], 2.2, route="/api/report")
    w.gateway.runs(p)
    await w.record(minutes=6)
    answer = await w.trouble("high_latency", minutes=5)
    w.found("the slow route", answer, "/api/report", least="high")
    w.not_found("the fast route", answer, "/api/chat")


@world(past=6)
async def engine_slow_only_for_the_gateway(w: World) -> None:
    """The gateway waits 1.8 s for the engine, we get an answer in 1 ms: the way between them is what is slow."""
    p = answering(TEN).times(
        "upstream_request_duration_seconds", TEN, [(1, 0.0), (1.5, 0.1), (2, 1.0)], 1.8, service="ai_engine"
    )
    p.times("http_request_duration_seconds", TEN, [(1, 0.0), (1.5, 0.1), (2, 1.0)], 1.8, route="/api/chat")
    w.gateway.runs(p)
    await w.record(minutes=6)
    answer = await w.trouble("proxy_timeout", minutes=5)
    w.found("proxy_timeout", answer, least="medium")


@world(past=6, fast=True)
async def shares_that_are_rounded_once(w: World) -> None:
    """199 of 200 requests/s pass, 0.5 % fail; 5.96 % of another tenant's fail: not "5 %, more than 5 %"."""
    w.gateway.runs(answering(steady(9.404), steady(0.596)))
    await w.record(minutes=6)
    answer = await w.performance("error_rate", 5)
    messages = " ".join(one["message"] for one in answer.findings)
    w.found("found", answer, rule="errors", least="high")
    w.expect(
        "its words",
        "6 % or 5.96 %, not 5 % of",
        messages,
        "5 % of" not in messages and ("6 %" in messages or "5.9" in messages),
    )
