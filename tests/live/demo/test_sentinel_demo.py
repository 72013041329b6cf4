"""The demo behind real sentinels: its gateway and its faults follow the primary, nothing is left behind."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from optimus_tui.demo.command import DemoHandle
from optimus_tui.demo.node_clients import SeveralServers, open_nodes
from optimus_tui.demo.stack import server_binaries
from optimus_tui.demo.tenants import Http
from tests.live.demo.driver import quiet_demo, serving
from tests.patience import PATIENCE

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoHandle]:
    if not server_binaries():
        pytest.skip("no real server here")
    yield from quiet_demo(60.0, topology="sentinel")


@pytest.fixture
async def server(demo: DemoHandle) -> AsyncIterator[SeveralServers]:
    made = SeveralServers(open_nodes(demo.ports.redis_url))
    yield made
    await made.aclose()


async def test_the_faults_reach_the_primary_that_the_gateway_counts_on(server: SeveralServers) -> None:
    names: set[bytes] = set()
    async with asyncio.timeout(PATIENCE):
        while {name.split(b":")[0] for name in names} < {b"cache", b"cache_coherence", b"rate_limit"}:
            names = {key async for keys in server.scan("*:*") for key in keys}
    assert await server.send(*(("PTTL", name) for name in names))


async def test_gateway_and_faults_follow_the_primary_and_nothing_is_left_behind(
    demo: DemoHandle, server: SeveralServers
) -> None:
    gateway = Http(demo.ports.gateway)
    (process,) = serving(demo.ports.server)
    process.kill()
    async with asyncio.timeout(PATIENCE):
        while await server.send(("SET", "x", 1)) != [b"OK"]:
            pass
        while (await gateway.ask("GET", "/api/cache/metrics")).status != 200:
            pass
    gateway.close()
    places = (*demo.ports.nodes, *demo.ports.sentinels)
    demo.stop()
    assert not any(serving(port) for port in places)
