"""A real cluster of three primaries and three replicas: what is read of it, while slots move and nodes go away."""

import asyncio
from collections import Counter as Tally
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from msgspec.structs import replace
from redis.crc import key_slot

from optimus_tui.actions.redis.keys import read_facts
from optimus_tui.clock import Clock
from optimus_tui.contract.cluster import NODE_AWAY, Failover
from optimus_tui.contract.keyspace import Counter
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import ServerState
from optimus_tui.probes.cache_keys import read_details, read_ttls
from optimus_tui.probes.counters import read_counters
from optimus_tui.probes.keyspace import NEVER, NOT_ASKED
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.dialing import NodeAway
from optimus_tui.probes.redis.observer import ObserverRedis
from optimus_tui.probes.server import read_server
from optimus_tui.settings.model import RedisTarget, ScanBudget
from tests.live.probes.driver import observing, run_sweep, target_of
from tests.patience import PATIENCE
from tests.realcluster import RealCluster, cluster_binary, raw, say, until

KEYS = [b"cache:conv:t%d:%d" % (index % 7, index) for index in range(60)]
COUNTERS = [b"rate_limit:t%d:tokens" % index for index in range(9)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[RealCluster]:
    running = RealCluster(cluster_binary()).start()
    try:
        running.put(*KEYS, *COUNTERS)
        yield running
    finally:
        running.stop()


def target(cluster: RealCluster) -> RedisTarget:
    (host, port), *others = cluster.seeds
    return RedisTarget(topology="cluster", host=host, port=port, others=tuple(others))


async def look(redis: ObserverRedis) -> Reading[ServerState]:
    return await read_server(redis, redis.target, redis.own, Clock())


async def test_a_plain_address_of_a_node_leads_to_the_whole_cluster(cluster: RealCluster) -> None:
    async with observing(target_of(cluster.ports[0])) as redis:
        pages, outcome = await run_sweep(redis)
        reading = await look(redis)
    assert outcome.complete, outcome.reason
    assert {name for page in pages for name in page.names} == {*KEYS, *COUNTERS}
    assert outcome.total == len(KEYS) + len(COUNTERS)
    assert reading.value is not None
    assert reading.value.keys == len(KEYS) + len(COUNTERS)


async def test_a_first_read_of_a_key_follows_the_cluster_without_another_command(cluster: RealCluster) -> None:
    async with observing(target_of(cluster.ports[0])) as redis:
        assert [await redis.execute_command("GET", key) for key in COUNTERS] == [b"1"] * len(COUNTERS)


async def test_keys_are_read_on_their_owners_in_the_order_asked(cluster: RealCluster) -> None:
    own, clock = LoadMeter(), Clock()
    async with observing(target(cluster)) as redis:
        pttls = await read_ttls(redis, KEYS)
        details = await read_details(redis, own, clock, [*KEYS[:9], b"cache:conv:t1:none"])
        counters = await read_counters(redis, own, clock, COUNTERS)
        assert all(0 < pttl <= 600_000 for pttl in pttls)
        assert [one.key for one in details] == [*KEYS[:9], b"cache:conv:t1:none"]
        assert [one.gone for one in details] == [False] * 9 + [True]
        assert [one.count for one in counters] == [1] * len(COUNTERS)


async def test_health_has_every_node_with_its_part(cluster: RealCluster) -> None:
    async with observing(target(cluster)) as redis:
        reading = await look(redis)
    state = reading.value
    assert state is not None and state.cluster is not None
    assert (state.cluster.says_ok, state.cluster.covered, state.cluster.lost) == (True, 16_384, ())
    facts = [node.node for node in state.nodes if node.node is not None]
    assert sorted(one.role for one in facts) == ["primary"] * 3 + ["replica"] * 3
    assert all(one.fault is None and one.judged == "ok" for one in facts)
    assert all(one.primary and one.lag_bytes is not None for one in facts if one.role == "replica")
    assert state.keys == sum(node.keys or 0 for node in state.nodes if node.node and node.node.role == "primary")


async def test_a_key_on_its_way_keeps_its_ttl_and_is_never_immortal(cluster: RealCluster) -> None:
    of_slots = Tally(key_slot(key) for key in (*KEYS, *COUNTERS))
    alone = (key for key in KEYS if of_slots[key_slot(key)] == 1)  # the slot's other keys would be dropped with it
    key = next(key for key in alone if cluster.owner(key) == 1)  # the node that is asked first has no part in it
    slot, source = key_slot(key), cluster.owner(key)
    there = (source + 1) % 3
    cluster.migrating(slot, source, there)
    cluster.move_key(key, source, there)
    try:
        async with observing(target(cluster)) as redis:
            pages, outcome = await run_sweep(redis, ttls=True)
            asked = await asyncio.gather(*(read_ttls(redis, [key]) for _ in range(20)))
            state = (await look(redis)).value
        told = {name: pttl for page in pages for name, pttl in zip(page.names, page.pttls or [], strict=True)}
    finally:
        cluster.settle(slot, there, source, 3 - source - there)
        cluster.move_slot(slot, there, source)
    assert 0 < told[key] <= 600_000
    assert all(0 < pttl <= 600_000 for (pttl,) in asked)
    assert NEVER not in told.values()
    assert not outcome.complete
    assert outcome.reason == "slots are on their way to another node"
    assert state is not None and state.cluster is not None
    assert state.cluster.moving == 1, "its two nodes alone say so, and it is one slot"


async def test_a_slot_that_moves_during_a_scan_is_told_and_its_keys_are_followed(cluster: RealCluster) -> None:
    key = KEYS[1]
    slot, source = key_slot(key), cluster.owner(key)
    there = (source + 1) % 3
    moved = False

    async def pace(_seconds: float) -> None:
        nonlocal moved
        if not moved:
            moved = True
            await asyncio.to_thread(cluster.move_slot, slot, source, there)

    try:
        async with observing(target(cluster)) as redis:
            await read_ttls(redis, [key])
            _, outcome = await run_sweep(redis, ScanBudget(count=10), pace=pace)
            (pttl,) = await read_ttls(redis, [key])
    finally:
        cluster.move_slot(slot, there, source)
    assert moved and not outcome.complete
    assert outcome.reason == "slots moved, or a primary changed, during the scan"
    assert 0 < pttl <= 600_000


@pytest.mark.parametrize("form", ["hostname", "unknown-endpoint"])
async def test_announced_addresses_are_reached_by_the_map_or_by_the_host_that_answered(
    cluster: RealCluster, form: str
) -> None:
    announced = {port: f"node{at}.unreachable.test" for at, port in enumerate(cluster.ports)}
    for port in cluster.ports:
        say(port, "CONFIG", "SET", "cluster-announce-hostname", announced[port])
        say(port, "CONFIG", "SET", "cluster-preferred-endpoint-type", form)
    wanted = {announced[port].encode() if form == "hostname" else None for port in cluster.ports[:3]}
    until(lambda: all(wanted == {row[2][0] for row in say(port, "CLUSTER", "SLOTS")} for port in cluster.ports))
    pairs = tuple((f"{name}:{port}", f"127.0.0.1:{port}") for port, name in announced.items() if form == "hostname")
    slot, source = key_slot(KEYS[0]), cluster.owner(KEYS[0])
    there = (source + 1) % 3
    try:
        async with observing(replace(target(cluster), address_map=pairs)) as redis:
            _, outcome = await run_sweep(redis)
            assert (outcome.complete, outcome.reason) == (True, None)
            await asyncio.to_thread(cluster.move_slot, slot, source, there)
            assert all(0 < pttl <= 600_000 for pttl in await read_ttls(redis, KEYS)), "MOVED names it in the same form"
            reading = await look(redis)
            assert reading.value is not None
            assert all(node.node is not None and node.node.fault is None for node in reading.value.nodes)
    finally:
        cluster.move_slot(slot, there, source)
        for port in cluster.ports:
            say(port, "CONFIG", "SET", "cluster-preferred-endpoint-type", "ip")
            say(port, "CONFIG", "SET", "cluster-announce-hostname", "")


async def test_a_failover_that_the_heir_cannot_confirm_at_once_is_told_later(cluster: RealCluster) -> None:
    async with observing(target(cluster)) as redis:
        await redis.nodes()
        nodes = redis.cluster_nodes
        assert nodes is not None
        say(cluster.ports[3], "ACL", "SETUSER", "default", "-cluster|nodes")
        try:
            cluster.take_over(3)
            await nodes.learn()
            assert not len(nodes.failovers)
        finally:
            say(cluster.ports[3], "ACL", "SETUSER", "default", "+cluster|nodes")
        await nodes.learn()
        assert [one.new for one in nodes.failovers] == [f"127.0.0.1:{cluster.ports[3]}"]
    cluster.take_over(0)
    until(lambda: b"master_link_status:up" in raw(cluster.ports[3], "INFO replication"))


async def test_a_lost_primary_costs_its_part_alone_and_its_heir_is_followed(cluster: RealCluster) -> None:
    lost = cluster.owner(COUNTERS[0])
    heir = b"%d" % cluster.ports[lost + 3]
    until(lambda: all(heir in raw(port, "CLUSTER SLOTS") for port in cluster.ports))  # not one whose offset is unknown
    async with observing(target(cluster)) as redis:
        await look(redis)
        cluster.nodes[lost].kill()
        pages, outcome = await run_sweep(redis)
        reading = await look(redis)
        assert reading.value is not None and reading.value.cluster is not None
        assert reading.value.keys is None, "the sum of what is left is no total"
        assert reading.value.cluster.covered < 16_384
        assert not outcome.complete and "2 of 3 primaries" in (outcome.reason or "")
        assert {name for page in pages for name in page.names} == {
            key for key in (*KEYS, *COUNTERS) if cluster.owner(key) != lost
        }
        counters = await read_counters(redis, redis.own, Clock(), COUNTERS)
        told = {one.key: one.problem for one in counters if isinstance(one, Counter)}
        assert told == {key: NODE_AWAY if cluster.owner(key) == lost else None for key in COUNTERS}
        with pytest.raises(NodeAway):
            await read_facts(SimpleNamespace(redis=redis), COUNTERS)  # type: ignore[arg-type]
        until(lambda: cluster.is_led_by(lost + 3, without=lost))
        reading = await look(redis)
        assert reading.value is not None and reading.value.cluster is not None
        assert reading.value.cluster.covered == 16_384, "the first look after the promotion shows it"
        assert await read_ttls(redis, KEYS) and NOT_ASKED not in await read_ttls(redis, KEYS)
        failovers: tuple[Failover, ...] = ()
        for _ in range(int(PATIENCE / 0.1)):
            if reading.value and (failovers := reading.value.failovers):
                break
            await asyncio.sleep(0.1)  # the heir has not confirmed it yet: it is asked again
            reading = await look(redis)
        assert [(one.old, one.new) for one in failovers] == [
            (f"127.0.0.1:{cluster.ports[lost]}", f"127.0.0.1:{cluster.ports[lost + 3]}")
        ]
    cluster.nodes[lost].start()
    until(lambda: b"master_link_status:up" in raw(cluster.ports[lost], "INFO replication"))
    cluster.take_over(lost)
