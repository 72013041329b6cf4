"""What a Prometheus makes of the gateway: replicas of it, pods that come and go, namespaces, other people's metrics."""

from tests.worlds.catalogue import world
from tests.worlds.prometheus import Target, prometheus_that_scraped
from tests.worlds.services import Service
from tests.worlds.traffic import Process, answering, phases, steady
from tests.worlds.world import World

NEEDS = ("prometheus", "promtool")
TEN = steady(10)


def _scraped(w: World, *targets: Target, minutes: float = 20) -> None:
    w.env["PROMETHEUS_URL"] = w.ends.enter_context(prometheus_that_scraped(list(targets), minutes))


def _ours(w: World, **more: str) -> dict[str, str]:
    return {"job": "gateway", "instance": w.gateway.url.removeprefix("http://"), **more}


async def _told(w: World, rate: float, bad: float, minutes: int = 10) -> None:
    w.rate("throughput", await w.performance("throughput", minutes), rate)
    answer = await w.performance("error_rate", minutes)
    w.errors("error rate", answer, bad)
    if bad < 0.01:
        w.not_found("no failures", answer, rule="errors")


@world(needs=NEEDS)
async def a_pair_of_prometheus_servers(w: World) -> None:
    """Two replicas of a Prometheus behind one address (Thanos): each series is there twice, the traffic once."""
    p = answering(steady(9), steady(1))
    _scraped(w, *((_ours(w, prometheus_replica=name), p) for name in ("a", "b")))
    await _told(w, 10, 0.1)


@world(needs=NEEDS)
async def a_pair_of_prometheus_servers_and_pods_of_the_cluster(w: World) -> None:
    """The same, and the gateway is known by the addresses of two pods: 12/s each, counted once each."""
    for_all = []
    for pod, born in (("10.1.0.4:8020", -4000), ("10.1.0.5:8020", -9000)):
        p = answering(steady(12), born=born)
        for replica in ("prom-0", "prom-1"):
            for_all.append(({"job": "gateway", "instance": pod, "replica": replica}, p))
    _scraped(w, *for_all)
    await _told(w, 24, 0)


@world(needs=NEEDS)
async def staging_in_the_same_job(w: World) -> None:
    """One job scrapes production (10/s, well) and staging (5/s, half fails): not added, or said which were used."""
    staging = answering(steady(2.5), steady(2.5), born=-3000)
    _scraped(w, ({"job": "gateway", "instance": "10.1.0.4:8020", "namespace": "prod"}, answering(TEN)),
             ({"job": "gateway", "instance": "10.2.0.4:8020", "namespace": "staging"}, staging))  # fmt: skip
    await _told(w, 10, 0)


@world(needs=NEEDS)
async def a_rolling_deployment_of_pods(w: World) -> None:
    """Three pods are replaced one after the other, each new one with a name of its own: 6 requests/s each."""
    targets = []
    for n in range(3):
        old, new = answering(steady(6), born=-9000, died=500 + 60 * n), answering(steady(6), born=500 + 60 * n)
        targets.append(({"job": "gateway", "instance": f"10.1.0.{n}:8020"}, old))
        targets.append(({"job": "gateway", "instance": f"10.1.0.{10 + n}:8020"}, new))
    _scraped(w, *targets)
    await _told(w, 18, 0, minutes=15)
    w.not_found("no alarm", await w.standup(), rule="gateway.restarts", least="medium")


@world(needs=NEEDS)
async def open_circuit_of_the_shop(w: World) -> None:
    """The shop's breaker is open and its cache misses all; our gateway, known by its address, has neither."""
    shop = answering(steady(30), tenant="shop").shows("circuit_breaker_state", 2, service="payments")
    shop.counts("cache_hits_total", steady(0.1)).counts("cache_misses_total", steady(9.9))
    mine = answering(TEN).shows("circuit_breaker_state", 0, service="ai_engine")
    _scraped(w, (_ours(w), mine), ({"job": "shop", "instance": "s:1"}, shop))
    w.gateway.runs(mine)
    for name, answer in (("circuit_breaker", await w.trouble("circuit_breaker", minutes=10)),
                         ("diagnose", await w.diagnose()), ("stand-up", await w.standup())):  # fmt: skip
        w.not_found(name, answer, "payments", rule="breaker", least="low")
        w.not_found(f"{name}: hit rate", answer, "hit rate", least="medium")


@world(needs=NEEDS)
async def two_configured_addresses(w: World) -> None:
    """BACKEND_ORCHESTRATOR_URL lists two gateways, both are scraped: 8/s and 12/s, the second fails at a quarter."""
    second = Service(w.clock)
    await second.start()
    w.ends.push_async_callback(second.stop)
    second.on("/health", {"status": "ok"})
    w.env["BACKEND_ORCHESTRATOR_URL"] = f"{w.gateway.url},{second.url}"
    other = {"job": "gateway", "instance": second.url.removeprefix("http://")}
    _scraped(w, (_ours(w), answering(steady(8))), (other, answering(steady(9), steady(3), born=-900)))
    await _told(w, 20, 0.15)


@world(needs=NEEDS)
async def a_young_prometheus(w: World) -> None:
    """Prometheus has scraped for three minutes only, the gateway counts since days: 10/s over what is covered."""
    _scraped(w, (_ours(w), answering(TEN, steady(0.01), born=-500_000)), minutes=3)
    answer = await w.performance("throughput", 60)
    w.rate("throughput", answer, 10)
    covered = answer.doc["window_covered_minutes"]
    w.expect("covered", "at most 3.5 min", covered, covered <= 3.5)


@world(needs=NEEDS)
async def failures_since_four_minutes_in_prometheus(w: World) -> None:
    """15 % of 20/s fail since four minutes: 15 % of three minutes, 4 % of fifteen; the summaries tell the present."""
    bad = phases(0, (960, 3))
    _scraped(w, (_ours(w), answering(phases(20, (960, 17)), bad)))
    w.errors("error rate of 3 min", await w.performance("error_rate", 3), 0.15)
    w.errors("error rate of 15 min", await w.performance("error_rate", 15), 0.04)
    w.found("stand-up", await w.standup(), rule="errors", least="high")


@world(needs=NEEDS)
async def slow_route_in_prometheus(w: World) -> None:
    """``/api/search`` takes 4 s by the histogram that Prometheus keeps; nobody else recorded: it is found."""
    p = Process()
    edges = (0.1, 1, 2.5, 5)
    for route, seconds in (("/api/chat", 0.05), ("/api/search", 4)):
        p.counts("http_requests_total", steady(5), route=route, status="200", tenant="acme")
        shares = [(edge, float(edge >= seconds)) for edge in edges]
        p.times("http_request_duration_seconds", steady(5), shares, seconds, route=route)
    _scraped(w, (_ours(w), p))
    w.found("high_latency", await w.trouble("high_latency", minutes=10), "/api/search", least="high")
    w.found("diagnose", await w.diagnose(), "/api/search", least="medium")


@world(needs=NEEDS, healthy=True)
async def metrics_of_the_sidecar(w: World) -> None:
    """A sidecar proxy on the same pod publishes the same counter under its own port and container, all of it 503."""
    sidecar = answering(steady(0), steady(10), born=-2000)
    mine = ({"job": "gateway", "instance": "10.1.0.4:8020", "container": "gateway"}, answering(TEN))
    _scraped(w, mine, ({"job": "gateway", "instance": "10.1.0.4:15090", "container": "istio-proxy"}, sidecar))
    await _told(w, 10, 0)


@world(needs=NEEDS)
async def a_pod_that_stopped_being_scraped(w: World) -> None:
    """Two pods of 10/s; one was scaled away six minutes ago: 10/s now, 16/s of fifteen minutes."""
    _scraped(w, ({"job": "gateway", "instance": "10.1.0.4:8020"}, answering(TEN, born=-4000)),
             ({"job": "gateway", "instance": "10.1.0.5:8020"}, answering(TEN, born=-9000, died=840)))  # fmt: skip
    w.rate("throughput of 3 min", await w.performance("throughput", 3), 10)
    w.rate("throughput of 15 min", await w.performance("throughput", 15), 16)
