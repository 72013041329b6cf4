"""Windows over a real Prometheus: counters with resets and births, percentiles, memory, hostile tenants."""

# ruff: noqa: ASYNC110 - the scrapes come from another process
import asyncio
import os
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from optimus_tui.context import Context
from optimus_tui.contract.services import Increase
from optimus_tui.settings.model import Settings
from optimus_tui.settings.tuning import Tuning
from tests.hostile import HostileServer, hostile_server, reply
from tests.realprometheus import RealPrometheus, prometheus_binary

NASTY = 'a"} or vector(1) #\\.*'
ESCAPED = NASTY.replace("\\", "\\\\").replace('"', '\\"')


def page(acme: float, nasty: float, late: float | None, fast: float, slow: float, memory: float) -> bytes:
    lines = [
        "# TYPE http_requests_total counter",
        f'http_requests_total{{method="GET",route="/",status="200",tenant="acme"}} {acme}',
        f'http_requests_total{{method="GET",route="/",status="200",tenant="{ESCAPED}"}} {nasty}',
        "# TYPE http_request_duration_seconds histogram",
        f'http_request_duration_seconds_bucket{{le="0.1",route="/"}} {fast}',
        f'http_request_duration_seconds_bucket{{le="0.5",route="/"}} {fast + slow}',
        f'http_request_duration_seconds_bucket{{le="+Inf",route="/"}} {fast + slow}',
        f'http_request_duration_seconds_sum{{route="/"}} {fast * 0.05 + slow * 0.3}',
        f'http_request_duration_seconds_count{{route="/"}} {fast + slow}',
        f"process_resident_memory_bytes {memory}",
    ]
    if late is not None:
        lines.append(f'http_requests_total{{method="GET",route="/",status="500",tenant="acme"}} {late}')
    return "\n".join([*lines, ""]).encode()


@pytest.fixture
async def gateway() -> AsyncIterator[HostileServer]:
    async with hostile_server() as one:
        yield one


def binary_or_skip() -> str:
    binary = prometheus_binary()
    if binary is None:
        message = "no prometheus on this machine (apt-get install prometheus)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return binary


@pytest.fixture
async def prometheus(gateway: HostileServer) -> AsyncIterator[RealPrometheus]:
    binary = binary_or_skip()
    serve(gateway, acme=100, nasty=7, late=None, fast=1000, slow=0, memory=5e7)
    one = await asyncio.to_thread(RealPrometheus, binary, urlsplit(gateway.url).netloc)
    yield one
    one.stop()


def serve(gateway: HostileServer, **figures: float | None) -> None:
    gateway.on("/metrics", reply(page(**figures), kind=b"text/plain; version=0.0.4"))  # type: ignore[arg-type]


async def scraped(gateway: HostileServer, times: int = 2) -> None:
    """Wait until the page as it is now was fetched."""
    before = len(gateway.requests)
    async with asyncio.timeout(15):
        while len(gateway.requests) < before + times:
            await asyncio.sleep(0.05)


async def test_windows_are_answered_by_a_real_prometheus(gateway: HostileServer, prometheus: RealPrometheus) -> None:
    await scraped(gateway, 3)
    for acme, late in ((110, None), (120, 3.0), (4, 3.0), (9, 5.0)):  # it restarts after 120
        serve(gateway, acme=acme, nasty=9, late=late, fast=1080, slow=20, memory=6e7)
        await scraped(gateway, 3)
    await asyncio.sleep(1.1)  # one more step of the range query
    settings = Settings(gateway_url=gateway.url, prometheus_url=prometheus.url, environment="prom-test")
    context = Context(settings, tuning=Tuning(least_step_seconds=1.0))
    try:
        windows = context.windows
        growth = await windows.increase("http_requests_total", 1, {"tenant": "acme"})
        assert (growth.source, growth.fault) == ("prometheus", None)
        assert growth.by("status") == {"200": 20 + 4 + 5, "500": 5.0}
        assert [one.resets for one in growth.series if one.labels["status"] == "200"] == [1]
        assert 0.05 < growth.covered_minutes <= 1.0
        assert (await windows.increase("http_requests_total", 1, {"tenant": NASTY})).total == 2.0
        assert (await windows.increase("http_requests_total", 1, {"tenant": "a.*"})).source == "live"

        spread = (await windows.quantiles("http_request_duration_seconds", 1, by="route")).groups["/"]
        assert spread.count == 100.0
        assert (spread.p50, spread.p95) == (pytest.approx(0.0625), pytest.approx(0.1 + 0.4 * 15 / 20))

        memory = await windows.series("gateway.rss", 1)  # Prometheus scrapes itself too: that memory is not ours
        assert (memory.source, memory.samples[0][1], memory.samples[-1][1]) == ("prometheus", 5e7, 6e7)
    finally:
        await context.aclose()


async def test_a_query_that_prometheus_refuses_and_one_that_is_gone_are_said(
    gateway: HostileServer, prometheus: RealPrometheus
) -> None:
    refused = Settings(
        prometheus_url=prometheus.url, metrics={"selector": "no matcher at all"}, environment="prom-test"
    )
    context = Context(refused)
    growth = await context.windows.increase("http_requests_total", 1)
    assert growth.source == "live" and growth.fault is not None and "400" in growth.fault.message
    await context.aclose()
    prometheus.stop()
    context = Context(Settings(prometheus_url=prometheus.url, environment="prom-test"))
    growth = await context.windows.increase("http_requests_total", 1)
    assert growth.source == "live" and growth.fault is not None and growth.fault.kind == "refused"
    await context.aclose()


async def test_another_jobs_requests_are_never_added_and_the_setting_that_tells_them_apart_is_named() -> None:
    binary = binary_or_skip()
    async with hostile_server() as gateway, hostile_server() as shop:
        for one, count in ((gateway, 100), (shop, 5000)):
            serve(one, acme=count, nasty=0, late=None, fast=count, slow=0, memory=5e7)
        prometheus = await asyncio.to_thread(
            RealPrometheus, binary, urlsplit(gateway.url).netloc, shop=urlsplit(shop.url).netloc
        )
        try:
            await scraped(gateway, 3)
            await scraped(shop, 1)
            serve(gateway, acme=118, nasty=0, late=None, fast=118, slow=0, memory=5e7)
            serve(shop, acme=9000, nasty=0, late=900, fast=9000, slow=0, memory=5e7)
            await scraped(gateway, 3)
            await scraped(shop, 2)
            behind = "http://balancer.example:8020"  # its address is none of the targets
            asked = Settings(gateway_url=behind, prometheus_url=prometheus.url, environment="prom-test")
            unknown = await increase(asked)
            assert unknown.covered_minutes == 0 and unknown.fault is not None and unknown.fault.remedy is not None
            assert "(gateway, shop)" in unknown.fault.message and unknown.fault.remedy.endswith(
                "selector = 'job=\"gateway\"'"
            )
            assert [target.split("/")[0] for target in unknown.targets] == ["gateway", "shop"]
            chosen = await increase(replace(asked, metrics={"selector": 'job="gateway"'}))
            assert (chosen.total, chosen.targets) == (18.0, (f"gateway/{urlsplit(gateway.url).netloc}",))
            addressed = await increase(replace(asked, gateway_url=gateway.url))
            assert (addressed.total, addressed.targets) == (chosen.total, chosen.targets)
        finally:
            prometheus.stop()


async def increase(settings: Settings) -> Increase:
    context = Context(settings)
    try:
        return await context.windows.increase("http_requests_total", 1)
    finally:
        await context.aclose()
