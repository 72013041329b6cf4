"""A Prometheus that other teams use too: metrics of another job are not ours."""

from tests.worlds.catalogue import world
from tests.worlds.prometheus import Target, prometheus_that_scraped
from tests.worlds.traffic import Process, answering, share, steady
from tests.worlds.world import World

NEEDS = ("prometheus", "promtool")
PODS = ({"job": "gateway", "instance": "10.1.0.4:8020"}, {"job": "gateway", "instance": "10.1.0.5:8020"})
SHOP = {"job": "shop", "instance": "10.1.0.9:9000"}
THIRTY = steady(30)


def _scraped(w: World, *targets: Target, minutes: float = 20) -> None:
    w.env["PROMETHEUS_URL"] = w.ends.enter_context(prometheus_that_scraped(list(targets), minutes))


def _failing_shop() -> Process:
    return answering(share(THIRTY, 0.8), share(THIRTY, 0.2), tenant="shop", route="/buy", born=-9000)


@world(needs=NEEDS, fast=True)
async def failures_of_another_job(w: World) -> None:
    """The shop has 30 requests/s and fails at 20 %; our gateway, at its configured address, 10/s and not at all."""
    ours = {"job": "gateway", "instance": w.gateway.url.removeprefix("http://")}
    _scraped(w, (ours, answering(steady(10))), (SHOP, _failing_shop()))
    answer = await w.performance("error_rate", 10)
    w.errors("error rate", answer, 0)
    w.not_found("the shop's failures are not ours", answer, rule="errors")
    w.rate("throughput", await w.performance("throughput", 10), 10)


@world(needs=NEEDS)
async def two_jobs_and_no_known_address(w: World) -> None:
    """The same, but Prometheus knows the gateway by an address of the cluster: ask for a selector, do not add."""
    _scraped(w, (PODS[0], answering(steady(10))), (SHOP, _failing_shop()))
    answer = await w.performance("error_rate", 10)
    w.errors("error rate", answer, 0)
    w.not_found("the shop's failures are not ours", answer, rule="errors")
    w.says("the jobs are named", answer, "shop")
    w.rate("throughput", await w.performance("throughput", 10), 10)


@world(needs=NEEDS)
async def two_pods_of_one_job(w: World) -> None:
    """Two pods of one job, 9 requests/s each, one restarted in between: 18/s together."""
    _scraped(
        w,
        (PODS[0], answering(steady(9))),
        (PODS[1], answering(steady(9), died=600)),
        (PODS[1], answering(steady(9), born=601)),
    )
    for minutes in (3, 15):
        w.rate(f"throughput of {minutes} min", await w.performance("throughput", minutes), 18)
    w.errors("error rate", await w.performance("error_rate", 15), 0)


@world(needs=NEEDS, healthy=True)
async def other_jobs_beside_ours(w: World) -> None:
    """Node exporter, Prometheus itself and a leaking batch job are scraped too; our gateway is steady."""
    ours = {"job": "gateway", "instance": w.gateway.url.removeprefix("http://")}
    mine = answering(steady(10), steady(0.004)).shows("process_resident_memory_bytes", 2e8)
    leaking = Process().shows("process_resident_memory_bytes", lambda t: 3e8 + 4e6 * t)
    node = Process().shows("node_load1", 7.5)
    _scraped(
        w, (ours, mine), ({"job": "batch", "instance": "b:1"}, leaking), ({"job": "node", "instance": "n:1"}, node)
    )
    w.rate("throughput", await w.performance("throughput", 10), 10)
    w.spared("error rate", await w.performance("error_rate", 10))
    w.not_found("memory", await w.trouble("memory_leak", minutes=15), "gateway")
    w.spared("diagnose", await w.diagnose())


@world(past=8, needs=())
async def prometheus_that_is_gone(w: World) -> None:
    """PROMETHEUS_URL leads nowhere: the own history answers, and it is said why."""
    w.env["PROMETHEUS_URL"] = "http://127.0.0.1:9"
    w.gateway.runs(answering(steady(10)))
    await w.record(minutes=8)
    answer = await w.performance("throughput", 5)
    w.rate("throughput", answer, 10)
    w.says("why the rest of an hour is missing", await w.performance("throughput", 60), "127.0.0.1:9")


@world(needs=NEEDS)
async def a_target_that_died(w: World) -> None:
    """The gateway was scraped until five minutes ago: 10 requests/s until then, and no zero since."""
    _scraped(w, (PODS[0], answering(steady(10), died=900)))
    answer = await w.performance("throughput", 10)
    w.rate("throughput", answer, 10)
    covered = answer.doc["window_covered_minutes"]
    w.expect("covered", "about 5 of 10 min", covered, covered <= 6.5, unknown=answer.not_available)


@world(needs=NEEDS, healthy=True)
async def scraped_by_two_jobs(w: World) -> None:
    """The same gateway is scraped twice, by its own job and by a service monitor: it is not counted twice."""
    ours = w.gateway.url.removeprefix("http://")
    mine = answering(steady(10), steady(0.002))
    _scraped(w, ({"job": "gateway", "instance": ours}, mine), ({"job": "monitor/gateway", "instance": ours}, mine))
    w.rate("throughput", await w.performance("throughput", 10), 10)
    w.errors("error rate", await w.performance("error_rate", 10), 0.0002)
    w.spared("diagnose", await w.diagnose())
