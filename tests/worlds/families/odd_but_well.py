"""Healthy systems that look odd: none of them may be accused on any surface."""

import asyncio

from tests.worlds.catalogue import world
from tests.worlds.services import Value
from tests.worlds.traffic import Process, Total, answering, bursts, phases, share, steady
from tests.worlds.world import World

LIVE = ("server", "limits", "keys", "gateway", "engine", "metrics")


async def spared_everywhere(w: World, tenant: str = "acme", minutes: int = 5) -> None:
    """No surface calls it unwell."""
    w.spared("diagnose", await w.diagnose(tenant))
    w.spared("stand-up", await w.standup())
    for issue in ("rate_limiting", "circuit_breaker", "high_latency"):
        w.spared(issue, await w.trouble(issue, tenant, minutes))
    panes = await w.panes(1.5, LIVE)
    w.spared("health pane", panes.given("health"))


def tells(w: World, page: Value) -> None:
    """The gateway publishes this very text."""
    w.gateway.on("/metrics", page, kind="application/openmetrics-text; version=1.0.0")


@world(past=8, healthy=True)
async def batch_once_a_minute(w: World) -> None:
    """A batch of 240 requests in two seconds, once a minute; one in 600 fails."""
    batch = bursts(120, on=2, off=58)
    w.gateway.runs(answering(batch, share(batch, 1 / 600)))
    await w.record(minutes=8)
    await spared_everywhere(w)
    w.spared("error rate", await w.performance("error_rate", 5))
    answer = await w.performance("throughput", 5)
    w.rate_of_its_span("throughput of 5 min", answer, batch, w.now)


@world(past=10, healthy=True)
async def deployed_in_the_window(w: World) -> None:
    """A deployment four minutes ago, three seconds nobody answered; 22 requests/s before and after."""
    w.gateway.runs(answering(steady(22), died=360), answering(steady(22), born=363))
    await w.record(minutes=10)
    await spared_everywhere(w)
    w.rate("throughput of 3 min", await w.performance("throughput", 3), 22)
    w.errors("error rate of 8 min", await w.performance("error_rate", 8), 0)


@world(healthy=True)
async def one_below_the_limit(w: World) -> None:
    """149 of 150 in a window that ends in two seconds, nobody asks any more: nobody is refused."""
    w.gateway.publishes(chat=150)
    w.counter("rate_limit:acme:chat", 149, ttl=2)
    answer = await w.trouble("rate_limiting")
    w.not_found("not used up", answer, "used up", least="low")
    w.not_found("no 429 named as a fact", answer, least="high")


@world(healthy=True)
async def evicting_as_it_should(w: World) -> None:
    """A cache Redis of 3 MB with allkeys-lru that evicts, as it was made to do."""
    w.redis_with(maxmemory="3mb", **{"maxmemory-policy": "allkeys-lru"})
    w.keys(3000, "tenant:acme:cache:{n}", "x" * 900, ttl=600)
    evicted = "evicted_keys:0" not in str(w.redis.command("INFO", "stats"))
    assert evicted, "this world evicts nothing"
    w.spared("diagnose", await w.diagnose())
    w.spared("stand-up", await w.standup())


@world(past=6, healthy=True)
async def errors_of_the_clients(w: World) -> None:
    """A tenth 401, a tenth 404, a twentieth 422 of 14 requests/s; nothing is 5xx or 429."""
    p, all_of_it = Process(), steady(14)
    for status, part in (("200", 0.75), ("401", 0.1), ("404", 0.1), ("422", 0.05)):
        p.counts("http_requests_total", share(all_of_it, part), status=status, route="/api/chat", tenant="acme")
    w.gateway.runs(p)
    await w.record(minutes=6)
    await spared_everywhere(w)
    w.errors("error rate", await w.performance("error_rate", 5), 0)


@world(past=12, healthy=True)
async def a_night_without_traffic(w: World) -> None:
    """Two requests in the evening, one of them failed, and none for the ten minutes since."""
    w.gateway.runs(answering(phases(0.02, (60, 0)), phases(0.02, (60, 0)), born=-40))
    await w.record(minutes=12)
    await spared_everywhere(w)
    answer = await w.performance("throughput", 5)
    w.rate("throughput", answer, 0)
    answer = await w.performance("error_rate", 5)
    told = answer.results.get("error_rate")
    w.expect("no share of nothing", "unknown or 0", told, told in (None, 0), unknown=told is None)


@world(past=6, healthy=True)
async def open_metrics_with_exemplars(w: World) -> None:
    """OpenMetrics: ``_created``, exemplars, units, a NaN gauge, scientific notation, an EOF; 20/s, no failure."""

    def page(t: float) -> str:
        n, born = int(20 * (t + 3600)), w.clock.began - 3600
        return (
            "# HELP http_requests Requests.\n# TYPE http_requests counter\n# UNIT http_requests requests\n"
            f'http_requests_total{{status="200",route="/a,b}}\\"c",tenant="acme"}} {n:e}'
            f' # {{trace_id="5:00"}} 1.0 {t:.3f}\n'
            f'http_requests_created{{status="200",route="/a,b}}\\"c",tenant="acme"}} {born:.9e}\n'
            'http_requests_total{status="500",route="/x",tenant="acme"} 0.0\n'
            f'http_requests_created{{status="500",route="/x",tenant="acme"}} {born:.9e}\n'
            "# TYPE queue_age_seconds gauge\nqueue_age_seconds NaN\n"
            "# TYPE circuit_breaker_state gauge\n"
            'circuit_breaker_state{service="ai_engine"} 0.0e+00\n'
            f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {born:.6e}\n# EOF\n"
        )

    tells(w, page)
    await w.record(minutes=6)
    await spared_everywhere(w)
    w.errors("error rate", await w.performance("error_rate", 5), 0)


@world(past=6, healthy=True)
async def histogram_without_the_last_edge(w: World) -> None:
    """A histogram whose +Inf bucket is missing; all of 8 requests/s take less than 0.1 s."""

    def page(t: float) -> str:
        n = int(8 * (t + 3600))
        rows = [
            f'http_request_duration_seconds_bucket{{route="/api/chat",le="{edge}"}} {n}' for edge in ("0.1", "1.0", "5")
        ]
        rows += [f'http_request_duration_seconds_count{{route="/api/chat"}} {n}']
        rows += [f'http_request_duration_seconds_sum{{route="/api/chat"}} {n * 0.04}']
        rows += [f'http_requests_total{{status="200",route="/api/chat",tenant="acme"}} {n}']
        return "\n".join(["# TYPE http_request_duration_seconds histogram", *rows, ""])

    tells(w, page)
    await w.record(minutes=6)
    await spared_everywhere(w)
    answer = await w.performance("latency", 5)
    w.spared("latency", answer)


@world(past=6, healthy=True)
async def a_gauge_of_nan_for_the_breaker(w: World) -> None:
    """The breaker of a service that was never called is NaN, the failure ratio too: nothing is open."""
    p = answering(steady(6)).shows("circuit_breaker_state", float("nan"), service="mail")
    w.gateway.runs(p.shows("failure_ratio", float("nan")))
    await w.record(minutes=6)
    answer = await w.trouble("circuit_breaker")
    w.not_found("not open", answer, "is open", least="low")
    w.not_found("stand-up", await w.standup(), "is open", least="low")


@world(healthy=True)
async def a_replica_that_follows(w: World) -> None:
    """REDIS_URL is a replica in step with its primary, read only: nothing is wrong with it."""
    primary = w.redis_with(**{"repl-diskless-sync-delay": "0"})
    primary.command("SET", "rate_limit:acme:chat", "12", "EX", "40")
    replica = w.redis_with(replicaof=f"127.0.0.1 {primary.port}")
    for _attempt in range(100):
        if "master_link_status:up" in str(replica.command("INFO", "replication")):
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError("the replica never caught up")
    w.spared("diagnose", await w.diagnose())
    w.spared("stand-up", await w.standup())


@world(past=3, healthy=True)
async def a_fresh_process(w: World) -> None:
    """Everything was started 40 s ago: 6 requests/s since, the first one of which failed."""
    w.gateway.runs(answering(steady(6), lambda t: 1.0 if t > 142 else 0.0, born=140))
    w.gateway.down = lambda t: t < 140
    await w.record(minutes=3)
    w.not_found("diagnose: no failures", await w.diagnose(), rule="errors")
    w.not_found("diagnose: no restarts", await w.diagnose(), rule="gateway.restarts")
    w.not_found("stand-up: no restarts", await w.standup(), rule="gateway.restarts")


@world(past=9, healthy=True)
async def a_nightly_job_of_slow_reports(w: World) -> None:
    """One report in ten minutes takes 40 s, all of 9 chats/s take 50 ms: one slow request is no slow service."""
    p = answering(steady(9)).times(
        "http_request_duration_seconds", steady(9), [(0.1, 1), (1, 1), (10, 1)], 0.05, route="/api/chat"
    )
    one: Total = lambda t: float(t > 300)  # noqa: E731
    p.times("http_request_duration_seconds", one, [(0.1, 0), (1, 0), (10, 0)], 40, route="/api/report")
    w.gateway.runs(p)
    await w.record(minutes=9)
    w.spared("diagnose", await w.diagnose())
    w.not_found("no slow service", await w.trouble("high_latency"), least="medium")


@world(past=6, healthy=True)
async def limits_of_many_kinds(w: World) -> None:
    """Five operations with limits of their own, each at about half, and two tenants with other limits."""
    w.gateway.publishes(
        tenants={"globex": {"chat": 10}, "initech": {"chat": 9000}},
        chat=150,
        upload=20,
        search=600,
        embed=5,
        admin=1000,
    )
    for name, count in (("chat", 80), ("upload", 9), ("search", 300), ("embed", 2), ("admin", 600)):
        w.counter(f"rate_limit:acme:{name}", count)
    w.counter("rate_limit:globex:chat", 5)
    w.counter("rate_limit:initech:chat", 4000)
    for tenant in ("acme", "globex", "initech"):
        w.spared(f"limits of {tenant}", await w.trouble("rate_limiting", tenant))
    w.spared("stand-up", await w.standup())
