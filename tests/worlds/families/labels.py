"""What instrumentations really publish: status classes, no status, other label names."""

from tests.worlds.catalogue import world
from tests.worlds.traffic import Process, share, steady
from tests.worlds.world import World

TEN = steady(10)


@world(past=6, fast=True)
async def instrumentator_defaults(w: World) -> None:
    """prometheus-fastapi-instrumentator: ``handler``, ``status="2xx"``; 12 % of 10/s are 5xx, refusals inside 4xx."""
    p = Process()
    for status, part in (("2xx", 0.80), ("4xx", 0.08), ("5xx", 0.12)):
        p.counts("http_requests_total", share(TEN, part), handler="/api/chat", method="POST", status=status)
    w.gateway.runs(p)
    await w.record(minutes=6)
    answer = await w.performance("error_rate", 5)
    w.errors("error rate", answer, 0.12)
    w.found("failures are reported", answer, rule="errors", least="high")
    refused = answer.results.get("refused", None)
    w.expect("refusals inside 4xx", "unknown (null)", refused, refused is None)
    w.says("the route is named", answer, "/api/chat")
    standup = await w.standup()
    w.found("stand-up sees the failures", standup, rule="errors", least="high")


@world(past=6, fast=True)
async def no_status_label(w: World) -> None:
    """A counter by method only: how many failed is unknown, the traffic is not."""
    w.gateway.runs(Process().counts("http_requests_total", TEN, method="GET"))
    await w.record(minutes=6)
    answer = await w.performance("error_rate", 5)
    for key in ("error_rate", "server_errors", "refused", "refused_rate"):
        value = answer.results.get(key)
        w.expect(f"{key} is not 0", "unknown", value, value is None)
    w.rate("throughput", await w.performance("throughput", 5), 10)


@world(past=6, fast=True)
async def starlette_exporter(w: World) -> None:
    """starlette_exporter remapped: ``starlette_requests_total{app_name,method,path,status_code}``; 20 % are 503."""
    p = Process()
    for code, part in (("200", 0.8), ("503", 0.2)):
        labels = {"app_name": "gateway", "method": "POST", "path": "/api/chat", "status_code": code}
        p.counts("starlette_requests_total", share(TEN, part), **labels)
    w.gateway.runs(p)
    (w.home / "optimus.toml").write_text('[metrics]\nhttp_requests_total = "starlette_requests_total"\n')
    await w.record(minutes=6)
    answer = await w.performance("error_rate", 5)
    w.errors("error rate", answer, 0.2)
    w.found("failures are reported", answer, rule="errors", least="high")
    w.rate("throughput", await w.performance("throughput", 5), 10)
    w.says("the route is named", answer, "/api/chat")


@world(past=6, healthy=True)
async def classes_without_failures(w: World) -> None:
    """Instrumentator's classes, all 2xx and 3 % 4xx: nothing is wrong."""
    p = Process()
    for status, part in (("2xx", 0.97), ("4xx", 0.03)):
        p.counts("http_requests_total", share(TEN, part), handler="/api/chat", method="POST", status=status)
    w.gateway.runs(p)
    await w.record(minutes=6)
    answer = await w.performance("error_rate", 5)
    w.errors("error rate", answer, 0)
    w.not_found("no failures", answer, rule="errors")
    w.spared("diagnose", await w.diagnose())


@world(past=6)
async def other_tenant_label(w: World) -> None:
    """``tenant_id`` instead of ``tenant``: acme has 2/s of which half fail, others 8/s without failures."""
    p = Process()
    for tenant, status, rate in (("acme", "200", 1.0), ("acme", "502", 1.0), ("other", "200", 8.0)):
        p.counts("http_requests_total", steady(rate), method="POST", path="/api/chat", code=status, tenant_id=tenant)
    w.gateway.runs(p)
    await w.record(minutes=6)
    answer = await w.performance("error_rate", 5, tenant_filter="acme")
    w.errors("acme's error rate", answer, 0.5)
    w.errors("all", await w.performance("error_rate", 5), 0.1)
    w.found("acme is named", await w.performance("error_rate", 5), "acme", rule="errors", least="high")


@world(past=6)
async def exempt_and_grouped_statuses(w: World) -> None:
    """Statuses "2xx", "429" and "5xx" mixed: refusals are counted where they are told apart."""
    p = Process()
    for status, part in (("2xx", 0.7), ("429", 0.2), ("5xx", 0.1)):
        p.counts("http_requests_total", share(TEN, part), handler="/api/chat", method="POST", status=status)
    w.gateway.runs(p)
    await w.record(minutes=6)
    answer = await w.performance("error_rate", 5)
    w.errors("error rate", answer, 0.1)
    w.errors("refused", answer, 0.2, key="refused_rate")


@world(past=6, healthy=True)
async def health_checks_dominate(w: World) -> None:
    """Nearly all requests are ``/health`` by a balancer; one 5xx in 2,000: nothing to report."""
    p = Process()
    p.counts("http_requests_total", steady(20), method="GET", route="/health", status="200", tenant="")
    p.counts("http_requests_total", steady(0.01), method="POST", route="/api/chat", status="500", tenant="acme")
    w.gateway.runs(p)
    await w.record(minutes=6)
    w.not_found("no failures", await w.performance("error_rate", 5), rule="errors")
    w.spared("diagnose", await w.diagnose())
