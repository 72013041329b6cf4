"""The demo on a real cluster: its gateway caches and counts over all nodes, scenarios work, nothing is left behind."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from optimus_tui.contract.cluster import Topology
from optimus_tui.demo import command
from optimus_tui.demo.command import DemoHandle
from optimus_tui.demo.node_clients import SeveralServers, open_nodes
from optimus_tui.demo.stack import SERVER_CHOICE, server_binaries
from optimus_tui.demo.tenants import Http, Resp
from tests.live.demo.driver import quiet_demo, serving

pytestmark = pytest.mark.live
TENANT = {"X-Tenant-ID": "acme:eu"}


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoHandle]:
    if not server_binaries():
        pytest.skip("no real server here")
    yield from quiet_demo(60.0, topology="cluster")


@pytest.fixture
async def server(demo: DemoHandle) -> AsyncIterator[SeveralServers]:
    made = SeveralServers(open_nodes(demo.ports.redis_url))
    yield made
    await made.aclose()


async def test_keys_of_all_kinds_are_on_all_nodes_and_none_is_for_ever(
    demo: DemoHandle, server: SeveralServers
) -> None:
    names: set[bytes] = set()
    async with asyncio.timeout(20):
        while not names or {name.split(b":")[0] for name in names} < {b"cache", b"cache_coherence", b"rate_limit"}:
            names = {key async for keys in server.scan("*:*") for key in keys}
    ttls = await server.send(*(("PTTL", name) for name in names))
    assert ttls is not None and -1 not in ttls
    for port in demo.ports.nodes[:3]:
        node = Resp(port)
        (size,) = await node.send(("DBSIZE",)) or [0]
        node.close()
        assert size, "each primary has its part"


async def test_an_answer_is_cached_until_a_write_makes_it_stale(demo: DemoHandle) -> None:
    gateway = Http(demo.ports.gateway)
    message = {"phone": "+49 30 99", "message": "hello"}
    opened = (await gateway.ask("POST", "/api/chat", TENANT, message)).json()["conversation_id"]
    path = f"/api/conversations/{opened}/messages"
    first, second = [(await gateway.ask("GET", path, TENANT)).json() for _ in range(2)]
    assert first == second
    hits = (await gateway.ask("GET", "/api/cache/metrics")).json()
    assert hits["hits"] > 0 and hits["errors"] == 0 and hits["total_keys"] > 10
    await gateway.ask("POST", "/api/chat", TENANT, message)
    assert len((await gateway.ask("GET", path, TENANT)).json()["items"]) > len(first["items"])
    gateway.close()


async def test_scenarios_that_reach_into_redis_work_on_the_owner_of_each_key(
    demo: DemoHandle, server: SeveralServers
) -> None:
    assert (await demo.play("immortal-counter")).done
    assert await server.send(("PTTL", "rate_limit:clinic_b:chat")) == [-1]
    assert (await demo.play("cache-stampede")).done
    assert (await demo.play("coherence-storm")).done
    (log,) = await server.send(("LRANGE", "cache_coherence_events", 0, 50)) or [[]]
    assert any(b"demo: injected fault" in entry for entry in log)
    assert (await demo.play("quiet")).done
    assert demo.failed is None


async def test_the_rest_lives_while_a_primary_is_away_and_its_replica_follows(
    demo: DemoHandle, server: SeveralServers
) -> None:
    gateway, dying = Http(demo.ports.gateway), demo.ports.nodes[1]
    (process,) = serving(dying)
    process.kill()
    assert (await gateway.ask("GET", "/health")).status == 200
    async with asyncio.timeout(20):
        while await server.send(("SET", "x", 1), ("SET", "b", 1), ("SET", "c", 1)) != [b"OK"] * 3:
            pass
    gateway.close()
    demo.stop()
    assert not any(serving(port) for port in demo.ports.nodes)


@pytest.mark.parametrize(("topology", "subject"), [("cluster", "a cluster"), ("sentinel", "a primary with sentinels")])
def test_without_a_real_server_one_sentence_names_the_remedy(
    topology: Topology, subject: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(SERVER_CHOICE, "fakeredis")
    assert command.main(headless=True, topology=topology) == command.USAGE
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and f"{subject} needs" in err and "install redis-server" in err
