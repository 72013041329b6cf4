"""Keys read from replicas, of a real cluster and behind real sentinels: the primaries are spared, the lag is told."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.contract.cluster import NODE_AWAY
from optimus_tui.contract.keyspace import Counter
from optimus_tui.probes.cache_keys import read_ttls
from optimus_tui.probes.counters import read_counters
from optimus_tui.probes.faults import fault_of
from optimus_tui.probes.name_sample import sample_names
from optimus_tui.probes.redis.dialing import NodeAway
from optimus_tui.probes.server import read_server
from optimus_tui.settings.model import RedisTarget, ScanBudget
from tests.live.probes.driver import observing, run_sweep
from tests.realcluster import RealCluster, RealSentinels, cluster_binary, raw, say, until

KEYS = [b"cache:conv:t%d:%d" % (index % 7, index) for index in range(60)]
COUNTERS = [b"rate_limit:t%d:tokens" % index for index in range(9)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[RealCluster]:
    running = RealCluster(cluster_binary()).start()
    try:
        running.put(*KEYS, *COUNTERS)
        until(lambda: all(offset(running.ports[at]) == offset(running.ports[at + 3]) for at in range(3)))
        yield running
    finally:
        running.stop()


def offset(port: int) -> bytes:
    """How much of the stream a server has written, or taken over."""
    lines = raw(port, "INFO replication").split(b"\r\n")
    name = b"slave_repl_offset:" if b"role:slave" in lines else b"master_repl_offset:"
    return next(line.partition(b":")[2] for line in lines if line.startswith(name))


def reads_of(port: int) -> dict[bytes, int]:
    """How often a server was asked for keys, by command."""
    calls: dict[bytes, int] = {}
    for line in raw(port, "INFO commandstats").split(b"\r\n"):
        name = line.partition(b":")[0].removeprefix(b"cmdstat_")
        if name in (b"scan", b"eval_ro", b"get", b"pttl", b"dbsize"):
            calls[name] = int(line.split(b"calls=")[1].split(b",")[0])
    return calls


def target(cluster: RealCluster) -> RedisTarget:
    (host, port), *others = cluster.seeds
    return RedisTarget(topology="cluster", host=host, port=port, others=tuple(others), read_from="replica")


async def test_the_primaries_of_a_cluster_are_asked_for_no_key(cluster: RealCluster) -> None:
    before = [reads_of(port) for port in cluster.ports[:3]]
    async with observing(target(cluster)) as redis:
        pages, outcome = await run_sweep(redis)
        assert (outcome.complete, outcome.reason, outcome.total) == (True, None, 69)
        told = {name: pttl for page in pages for name, pttl in zip(page.names, page.pttls or [], strict=True)}
        assert set(told) == {*KEYS, *COUNTERS} and all(0 < told[key] <= 600_000 for key in KEYS)
        assert all(0 < pttl <= 600_000 for pttl in await read_ttls(redis, KEYS))
        counters = await read_counters(redis, redis.own, Clock(), COUNTERS)
        assert [one.count for one in counters if isinstance(one, Counter)] == [1] * 9
        assert len((await sample_names(redis, ScanBudget(), redis.own)).names) == 69
        assert redis.read_from_words == "from 3 replicas, in step"
    assert [reads_of(port) for port in cluster.ports[:3]] == before


async def test_a_replica_that_lost_its_primary_gives_no_verdict(cluster: RealCluster) -> None:
    lost = cluster.owner(COUNTERS[0])
    heir = cluster.ports[lost + 3]
    say(heir, "CONFIG", "SET", "cluster-replica-no-failover", "yes")
    async with observing(target(cluster)) as redis:
        await read_counters(redis, redis.own, Clock(), COUNTERS)
        cluster.nodes[lost].kill()
        until(lambda: b"master_link_status:down" in raw(heir, "INFO replication"))
        assert redis.cluster_nodes is not None and redis.cluster_nodes.replicas is not None
        await redis.cluster_nodes.replicas.look(now=True)
        counters = await read_counters(redis, redis.own, Clock(), COUNTERS)
        told = {one.key: one.problem for one in counters if isinstance(one, Counter)}
        assert told == {key: NODE_AWAY if cluster.owner(key) == lost else None for key in COUNTERS}
        assert redis.read_from_words.endswith(", 1 cut off")
        _, outcome = await run_sweep(redis)
        assert not outcome.complete and "2 of 3 primaries" in (outcome.reason or "")
    say(heir, "CONFIG", "SET", "cluster-replica-no-failover", "no")
    until(lambda: cluster.is_led_by(lost + 3, without=lost))
    cluster.nodes[lost].start()
    until(lambda: b"master_link_status:up" in raw(cluster.ports[lost], "INFO replication"))
    cluster.take_over(lost)


async def test_behind_sentinels_the_replica_is_read_while_it_has_its_primary() -> None:
    sentinels = RealSentinels(cluster_binary()).start()
    try:
        primary, replica = sentinels.servers
        say(primary, "SET", COUNTERS[0], b"1", "EX", "600")
        until(lambda: offset(primary) == offset(replica))
        (host, port), *others = sentinels.seeds
        aim = RedisTarget(
            topology="sentinel", host=host, port=port, others=tuple(others), service="mymaster", read_from="replica"
        )
        before = reads_of(primary)
        async with observing(aim) as redis:
            _, outcome = await run_sweep(redis)
            assert (outcome.complete, outcome.total) == (True, 1)
            (counter,) = await read_counters(redis, redis.own, Clock(), COUNTERS[:1])
            assert isinstance(counter, Counter) and counter.count == 1
            assert redis.read_from_words == "from 1 replica, in step"
            assert reads_of(primary) == before
            state = (await read_server(redis, redis.target, redis.own, Clock())).value
            assert state is not None and state.role == "primary", "its health is that of the primary all the same"
            assert [one.node.role for one in state.nodes if one.node is not None] == ["primary", "replica"]
            say(replica, "REPLICAOF", "127.0.0.1", sentinels.ports[0])
            assert redis.sentinels is not None and redis.sentinels.replicas is not None
            await redis.sentinels.replicas.look(now=True)
            with pytest.raises(NodeAway) as away:
                await read_counters(redis, redis.own, Clock(), COUNTERS[:1])
            assert "no replica of" in fault_of(away.value, aim).message
            assert redis.read_from_words == "no replica is in step"
        async with observing(replace(aim, read_from="primary")) as redis:
            assert redis.read_from_words == ""
    finally:
        sentinels.stop()
