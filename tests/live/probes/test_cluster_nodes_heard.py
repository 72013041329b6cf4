"""What a real cluster does not pass on between its nodes: keyspace notifications, and sharded channels."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from redis.crc import key_slot

from optimus_tui.clock import Clock
from optimus_tui.context import Context
from optimus_tui.contract.keyspace import FeedEvent, FeedGap
from optimus_tui.dialects.load import load_table
from optimus_tui.probes.redis.rights import read_rights
from optimus_tui.settings.model import RedisTarget, Settings
from tests.realcluster import RealCluster, cluster_binary, raw, say, until

KEYS = [b"cache:conv:t%d:a" % number for number in range(9)]
SHARD = "tenant-events"
NOTIFICATIONS = {"pattern": "__keyevent@*__:set", "payload": "keyevent"}
SHARDED = {"channel": SHARD, "sharded": True, "type": "/kind"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[RealCluster]:
    running = RealCluster(cluster_binary(), notify_keyspace_events="E$").start()
    yield running
    running.stop()


class Heard:
    """A context whose feed is live on all nodes that it has to hear."""

    def __init__(self, cluster: RealCluster, *feeds: dict[str, Any]) -> None:
        (host, port), *others = cluster.seeds
        target = RedisTarget(topology="cluster", host=host, port=port, others=tuple(others))
        dialect = load_table({"cache": [{"key": "cache:{kind}:{tenant}:{rest...}"}], "feed": [*feeds]}, "test")
        self.context, self.items = (
            Context(Settings(redis=target, dialect=dialect), Clock()),
            list[FeedEvent | FeedGap](),
        )

    def keys(self) -> Counter[bytes]:
        """The names in notifications so far, or the payloads of messages."""
        since = self.items[-1].seq if self.items else 0
        self.items += self.context.feed.drain(since, 1000).items
        events = [item for item in self.items if isinstance(item, FeedEvent)]
        return Counter(getattr(event.payload, "raw", event.payload) for event in events)

    def gaps(self) -> list[str]:
        self.keys()
        return [item.reason for item in self.items if isinstance(item, FeedGap)]


@pytest.fixture
async def hear(cluster: RealCluster) -> AsyncIterator[Any]:
    made: list[Heard] = []

    async def begin(*feeds: dict[str, Any]) -> Heard:
        heard = Heard(cluster, *feeds)
        made.append(heard)
        await heard.context.redis.cluster_nodes.learn()
        heard.context.feed.start()
        return heard

    yield begin
    for one in made:
        await one.context.aclose()


def listeners(port: int) -> int:
    found = say(port, "PUBSUB", "NUMPAT")
    return int(found)


async def test_notifications_of_every_primary_are_heard_once_and_a_lost_one_is_a_gap(
    cluster: RealCluster, hear: Any
) -> None:
    heard = await hear(NOTIFICATIONS)
    until(lambda: [listeners(port) for port in cluster.ports] == [1, 1, 1, 0, 0, 0])
    cluster.put(*KEYS)
    until(lambda: heard.keys() == Counter(KEYS))
    assert heard.gaps() == []
    main = cluster.ports.index(heard.context.feed.target.port)
    dying = (main + 1) % 3
    cluster.nodes[dying].kill()
    until(lambda: "not heard" in getattr(heard.context.feed.drain().status.fault, "message", ""))
    assert heard.context.feed.drain().status.state == "live", "the others are"
    until(lambda: cluster.is_led_by(dying + 3, without=dying))
    await heard.context.redis.cluster_nodes.learn()
    until(lambda: heard.gaps() and heard.context.feed.drain().status.fault is None)
    assert heard.gaps() == [
        f"keyspace notifications of 127.0.0.1:{cluster.ports[dying + 3]} were not heard; no log keeps them"
    ]
    lost = [key for key in KEYS if cluster.owner(key) == dying]
    for key in lost:
        say(cluster.ports[dying + 3], "SET", key, b"2")
    until(lambda: heard.keys() == Counter(KEYS) + Counter(lost))
    cluster.nodes[dying].start()
    until(lambda: b"master_link_status:up" in raw(cluster.ports[dying], "INFO replication"))
    cluster.take_over(dying)


async def test_the_node_of_the_feed_itself_is_missed_too(cluster: RealCluster, hear: Any) -> None:
    heard = await hear(NOTIFICATIONS)
    until(lambda: [listeners(port) for port in cluster.ports] == [1, 1, 1, 0, 0, 0])
    dying = cluster.ports.index(heard.context.feed.target.port)
    cluster.nodes[dying].kill()
    until(lambda: cluster.is_led_by(dying + 3, without=dying))
    await heard.context.redis.cluster_nodes.learn()
    until(lambda: len(heard.gaps()) == 2 and heard.context.feed.drain().status.state == "live")
    assert any(str(cluster.ports[dying + 3]) in reason for reason in heard.gaps())
    until(lambda: listeners(cluster.ports[dying + 3]) == 1)
    cluster.nodes[dying].start()
    until(lambda: b"master_link_status:up" in raw(cluster.ports[dying], "INFO replication"))
    cluster.take_over(dying)


async def test_a_sharded_channel_is_heard_from_the_owner_of_its_slot_and_followed(
    cluster: RealCluster, hear: Any
) -> None:
    slot = key_slot(SHARD.encode())
    owner = next(index for index in range(3) if slot < (index + 1) * 16_384 // 3)
    there = (owner + 1) % 3
    heard = await hear(SHARDED)
    until(lambda: say(cluster.ports[owner], "PUBSUB", "SHARDNUMSUB", SHARD)[1] == 1)
    say(cluster.ports[owner], "SPUBLISH", SHARD, b'{"kind":"a"}')
    until(lambda: heard.keys() == Counter([b'{"kind":"a"}']))
    rights = await read_rights((await heard.context.redis.nodes())[there], clustered=True)
    tried = {right.rule: right.state for right in rights.tried}
    assert (tried["+ssubscribe"], tried[f"&{SHARD}"]) == ("granted", "granted"), "also where another node owns the slot"
    try:
        cluster.move_slot(slot, owner, there)
        await heard.context.redis.cluster_nodes.learn()
        until(lambda: say(cluster.ports[there], "PUBSUB", "SHARDNUMSUB", SHARD)[1] == 1)
        until(lambda: len(heard.gaps()) == 1)
        assert "sharded channels" in heard.gaps()[0]
        say(cluster.ports[there], "SPUBLISH", SHARD, b'{"kind":"b"}')
        until(lambda: heard.keys() == Counter([b'{"kind":"a"}', b'{"kind":"b"}']))
    finally:
        cluster.move_slot(slot, there, owner)
