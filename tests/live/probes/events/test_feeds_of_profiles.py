"""Feeds of other systems against a real server: JSON by pointers, names of keys, notifications, none."""

import socket
import tomllib
from collections.abc import Iterator

import pytest

from optimus_tui.clock import Clock
from optimus_tui.contract.keyspace import FeedEvent, ParsedEvent, raw_payload
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.dialects.load import load_table
from optimus_tui.grammar.events import named_targets, parse_event
from optimus_tui.probes.cache_keys import read_channels, read_event_ends
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.observer import observer_client
from optimus_tui.settings.model import RedisTarget, Secret
from tests.live.probes.events.driver import Feed, Watch, watching
from tests.realserver import RealServer

pytestmark = pytest.mark.live

CACHE = '[[dialect.cache]]\nkey = "page:{tenant}:{rest...}"\n'
JSON = (
    CACHE
    + """
[[dialect.feed]]
channel = "invalidations"
type = "/what/kind"
tenant = "/customer"
time = "/at"
key = "/keys"
"""
)


@pytest.fixture
def watch() -> Iterator[Watch]:
    yield from watching()


def layout(text: str) -> KeyLayout:
    return KeyLayout(load_table(tomllib.loads(text)["dialect"], "o.toml", text))


def heard(feed: Feed, number: int) -> list[tuple[FeedEvent, ParsedEvent]]:
    """Wait for so many events and return them with what they mean."""
    feed.until(lambda batch: batch.status.received >= number)
    items = [item for item in feed.reader.drain().items if isinstance(item, FeedEvent)]
    assert len(items) == number
    return [(item, parse_event(item.payload, item.length)) for item in items]


def test_json_is_read_by_pointers_and_what_it_lacks_is_a_problem(server: RealServer, watch: Watch) -> None:
    feed = watch(server.port, layout=layout(JSON))
    feed.until_state("live")
    body = '{"what":{"kind":"sold"},"customer":42,"at":1700000000,"keys":["page:42:a","other"]}'
    for one in (body, '{"what":{},"customer":"x"}', "nonsense", '{"what":{"kind":"sold"},"customer":null}'):
        server.command("PUBLISH", "invalidations", one)
    server.command("PUBLISH", "cache_coherence:t", '{"type":"x","tenant_id":"t"}')  # this profile does not hear it
    server.command("PUBLISH", "invalidations", body)
    events = heard(feed, 5)
    first, meaning = events[0]
    assert (meaning.type, meaning.tenant, meaning.claimed_at) == ("sold", "42", 1_700_000_000)
    assert raw_payload(first.payload) == body.encode() and first.length == len(body)
    assert [target.key for target in named_targets(first.payload)[0]] == [b"page:42:a"]
    said = [meaning.problem for _, meaning in events[1:4]]
    assert said == ["/what/kind is missing", "not JSON", "/customer is not a string"]
    assert feed.status.malformed == 3


def test_a_payload_that_is_a_key_has_the_tenant_of_its_name(server: RealServer, watch: Watch) -> None:
    feed = watch(server.port, layout=layout(CACHE + '[[dialect.feed]]\npattern = "drop:*"\npayload = "key"'))
    feed.until_state("live")
    for key in (b"page:acme:1", b"session:9", b"page:\xff:1"):
        server.command("PUBLISH", "drop:all", key)
    meanings = [meaning for _, meaning in heard(feed, 3)]
    assert [(one.type, one.tenant, one.problem) for one in meanings] == [
        ("drop:all", "acme", None), ("drop:all", "", None), ("drop:all", "", None),
    ]  # fmt: skip
    assert feed.status.malformed == 0


def test_keyspace_notifications_of_the_own_database_have_tenants(server: RealServer, watch: Watch) -> None:
    server.command("CONFIG", "SET", "notify-keyspace-events", "EA")
    rules = CACHE + "".join(
        f'[[dialect.feed]]\npattern = "__keyevent@*__:{event}"\npayload = "keyevent"\n' for event in ("set", "del", "*")
    )
    feed = watch(server.port, layout=layout(rules))
    feed.until_state("live")
    server.command("SET", "page:acme:1", "x")
    server.command("DEL", "page:acme:1")
    server.command("SET", "page:acme:2", "x", "PX", "1")
    feed.until(lambda batch: batch.status.received >= 4)  # set, del, set, expire; then it expires
    server.command("GET", "page:acme:2")
    feed.until(lambda batch: batch.status.received >= 5)
    items = [item for item in feed.reader.drain().items if isinstance(item, FeedEvent)]
    seen = [parse_event(item.payload, item.length) for item in items]
    assert [one.type for one in seen] == ["set", "del", "set", "expire", "expired"]  # each once, though two match
    assert {one.tenant for one in seen} == {"acme"}
    assert named_targets(items[1].payload)[0][0].key == b"page:acme:1"
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.sendall(b"SELECT 1\r\nSET page:acme:1 x\r\n")
        feed.until(lambda batch: batch.status.received >= 6)
    feed.until(lambda batch: batch.status.received >= 6)
    last = feed.reader.drain().items[-1]
    assert isinstance(last, FeedEvent)
    other = parse_event(last.payload, last.length)
    assert (other.tenant, other.detail) == ("", "database 1: page:acme:1")


def test_channels_and_patterns_are_heard_at_once_and_a_message_once(server: RealServer, watch: Watch) -> None:
    rules = "".join(
        f'[[dialect.feed]]\n{place}\npayload = "key"\n'
        for place in ('channel = "one"', 'channel = "in:x"', 'pattern = "in:*"', 'pattern = "*:x"')
    )
    feed = watch(server.port, layout=layout(CACHE + rules))
    feed.until_state("live")
    for channel in ("one", "in:x", "in:y", "z:x", "other"):
        server.command("PUBLISH", channel, "page:acme:1")
    server.command("PUBLISH", "one", "page:acme:1")
    assert [item.channel for item, _ in heard(feed, 5)] == [b"one", b"in:x", b"in:y", b"z:x", b"one"]


def test_without_a_feed_nothing_is_subscribed(server: RealServer, watch: Watch) -> None:
    feed = watch(server.port, layout=layout(CACHE))
    assert feed.status.state == "none" and feed.status.fault is None
    feed.reader.retry()
    assert feed.reader.drain().status.state == "none"
    assert b"optimus-tui-feed" not in server.command("CLIENT", "LIST")


def test_a_denied_channel_is_named(server: RealServer, watch: Watch) -> None:
    server.command("ACL", "SETUSER", "ops", "on", ">pw", "resetchannels", "+@all", "~*")
    feed = watch(server.port, layout=layout(JSON), username="ops", password=Secret("pw"))
    feed.until_state("denied")
    assert feed.status.fault is not None and (feed.status.fault.remedy or "").endswith(" &invalidations")


async def test_the_event_list_and_the_subscribers_are_those_of_the_profile(server: RealServer) -> None:
    rules = 'event_list = "history"\n' + JSON.replace("[[dialect.feed]]", "[[dialect.feed]]", 1)
    server.command("LPUSH", "history", '{"what":{"kind":"sold"},"customer":"acme","at":1700000000,"keys":[]}')
    target = RedisTarget(host="127.0.0.1", port=server.port)
    redis = observer_client(target, LoadMeter(Clock()), layout("[dialect]\n" + rules))
    try:
        log = await read_event_ends(redis)
        assert [parse_event(one).tenant for one in log.payloads] == ["acme"] and log.length == 1
        assert (await read_channels(redis)).subscribers == {}
    finally:
        await redis.aclose()
