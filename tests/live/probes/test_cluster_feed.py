"""Events of a real cluster: heard from any node, with a gap where that node dies or a link between nodes breaks."""

import signal
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.crc import key_slot

from optimus_tui.clock import Clock
from optimus_tui.context import Context
from optimus_tui.contract.keyspace import FeedEvent, FeedGap
from optimus_tui.probes.cluster import read_links
from optimus_tui.probes.events.feed import FeedReader
from optimus_tui.sampling.bus import BusWatch
from optimus_tui.settings.model import RedisTarget, Secret, Settings
from tests.realcluster import RealCluster, cluster_binary, raw, say, until

CHANNEL, LOG = "cache_coherence:t1", b"cache_coherence_events"


@pytest.fixture(scope="module")
def cluster() -> Iterator[RealCluster]:
    running = RealCluster(cluster_binary()).start()
    yield running
    running.stop()


@pytest.fixture
async def context(cluster: RealCluster) -> AsyncIterator[Context]:
    (host, port), *others = cluster.seeds
    target = RedisTarget(topology="cluster", host=host, port=port, others=tuple(others))
    made = Context(Settings(redis=target), Clock())
    yield made
    await made.aclose()


def payload(number: int) -> str:
    return f'{{"type": "tenant_invalidated", "tenant_id": "t1", "timestamp": 4102444800, "data": {{"n": {number}}}}}'


def heard(context: Context) -> set[bytes]:
    items = context.feed.drain(limit=1000).items
    return {item.payload for item in items if isinstance(item, FeedEvent)}


def gaps(context: Context) -> list[FeedGap]:
    return [item for item in context.feed.drain(limit=1000).items if isinstance(item, FeedGap)]


async def test_the_feed_hears_all_nodes_and_leaves_one_that_dies(cluster: RealCluster, context: Context) -> None:
    await context.redis.cluster_nodes.learn()
    context.feed.start()
    until(lambda: context.feed.drain().status.state == "live")
    for number, port in enumerate(cluster.ports):
        say(port, "PUBLISH", CHANNEL, payload(number))
    until(lambda: len(heard(context)) == 6)
    dying = cluster.ports.index(context.feed.target.port)
    cluster.nodes[dying].kill()
    until(lambda: context.feed.target.port != cluster.ports[dying])
    until(lambda: context.feed.drain().status.state == "live" and gaps(context))
    say(cluster.ports[(dying + 1) % 3], "PUBLISH", CHANNEL, payload(7))
    until(lambda: payload(7).encode() in heard(context))
    cluster.nodes[dying].start()
    until(lambda: b"cluster_state:ok" in raw(cluster.ports[dying], "CLUSTER INFO"))


async def test_a_link_between_nodes_that_was_made_anew_is_a_gap_filled_from_the_log_on_its_owner(
    cluster: RealCluster, context: Context
) -> None:
    index = next(at for at, port in enumerate(cluster.ports) if b"role:slave" in raw(port, "INFO replication"))
    other = cluster.ports[(index + 1) % 6]
    target = context.settings.redis.at("127.0.0.1", cluster.ports[index])  # a replica: frozen, it has no heir
    await context.redis.cluster_nodes.learn()
    feed = context.__dict__["feed"] = FeedReader(target, context.own, context.clock, nodes=lambda: (target,))
    feed.start()
    until(lambda: feed.drain().status.state == "live")
    bus = BusWatch(context)
    before = context.clock.mono()
    await bus.compare(before)
    await bus.compare(before)
    assert feed.drain().status.gaps == 0
    made = await read_links(context.redis, target)
    cluster.nodes[index].signal(signal.SIGSTOP)
    until(lambda: b"fail" in flags(cluster, index, other))
    cluster.nodes[index].signal(signal.SIGCONT)
    until(lambda: b"fail" not in flags(cluster, index, other))
    again: dict[str, int] = made
    while again == made:
        again = await read_links(context.redis, target)
    owner = next(port for port in cluster.ports if owns(port, key_slot(LOG)))
    say(owner, "LPUSH", LOG, lost := f'{{"type": "t", "tenant_id": "t1", "timestamp": {context.clock.wall()}}}')
    await bus.compare(before)
    until(lambda: feed.drain().status.gaps == 1)
    until(lambda: lost.encode() in heard(context))
    assert "link from" in gaps(context)[0].reason
    assert feed.target == target


async def test_a_node_that_dies_is_a_gap_although_another_one_is_heard(cluster: RealCluster, context: Context) -> None:
    await context.redis.cluster_nodes.learn()
    replicas = [at for at, port in enumerate(cluster.ports) if b"role:slave" in raw(port, "INFO replication")]
    heard_by, dying = replicas[0], replicas[1]
    target = context.settings.redis.at("127.0.0.1", cluster.ports[heard_by])
    feed = context.__dict__["feed"] = FeedReader(target, context.own, context.clock, nodes=lambda: (target,))
    feed.start()
    until(lambda: feed.drain().status.state == "live")
    bus, began = BusWatch(context), context.clock.mono()
    made: dict[str, int] = {}
    while len(made) < 5:
        made = await read_links(context.redis, target)
    await bus.compare(began)
    cluster.nodes[dying].kill()
    while cluster.ids[dying] in await read_links(context.redis, target):
        pass
    await bus.compare(began)
    until(lambda: feed.drain().status.gaps == 1 and feed.drain().status.state == "live")
    assert "broke" in gaps(context)[0].reason
    cluster.nodes[dying].start()
    while (await read_links(context.redis, target)).get(cluster.ids[dying]) in (None, made[cluster.ids[dying]]):
        pass
    since = context.clock.mono() - began
    await bus.compare(context.clock.mono())
    until(lambda: feed.drain().status.gaps == 2)
    assert gaps(context)[1].seconds >= since, "from when the link broke, not from the last look"
    until(lambda: b"master_link_status:up" in raw(cluster.ports[dying], "INFO replication"))


async def test_without_the_right_to_see_the_links_it_is_said_that_gaps_cannot_be_seen(cluster: RealCluster) -> None:
    for port in cluster.ports:
        say(port, "ACL", "SETUSER", "narrow", "on", ">CHANGE-ME", "~*", "&*", "+@all", "-cluster|links")
    (host, port), *others = cluster.seeds
    target = RedisTarget(
        topology="cluster", host=host, port=port, others=tuple(others), username="narrow", password=Secret("CHANGE-ME")
    )
    context = Context(Settings(redis=target), Clock())
    try:
        await context.redis.cluster_nodes.learn()
        context.feed.start()
        until(lambda: context.feed.drain().status.state == "live")
        await BusWatch(context).compare(0.0)
        fault = context.feed.drain().status.fault
        assert fault is not None and fault.message == "gaps between nodes cannot be seen"
        assert fault.remedy == "ACL SETUSER narrow +cluster|links"
    finally:
        await context.aclose()


def flags(cluster: RealCluster, index: int, asked: int) -> bytes:
    """What one node says of another."""
    lines: list[bytes] = say(asked, "CLUSTER", "NODES").splitlines()
    return next(line for line in lines if line.startswith(cluster.ids[index].encode())).split(b" ")[2]


def owns(port: int, slot: int) -> bool:
    return any(first <= slot <= last and owner[1] == port for first, last, owner, *_ in say(port, "CLUSTER", "SLOTS"))
