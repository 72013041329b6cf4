"""The feed's reader against real servers: every event counted, every gap marked, every fault named."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from optimus_tui.contract.keyspace import FeedEvent, FeedGap
from optimus_tui.probes.events import ring as feed_ring
from tests.live.probes.events.driver import Feed, Watch, event, watching
from tests.patience import PATIENCE
from tests.realserver import RealServer
from tests.relay import Relay

pytestmark = pytest.mark.live

MakeServer = Callable[..., RealServer]
LOG = "cache_coherence_events"


@pytest.fixture
def watch() -> Iterator[Watch]:
    yield from watching()


@pytest.fixture
def relay(server: RealServer) -> Iterator[Relay]:
    one = Relay(server.port)
    yield one
    one.stop()


def publish(server: RealServer, body: str | bytes, *, log: bool = False, live: bool = True) -> None:
    if log:
        server.command("LPUSH", LOG, body)
    if live:
        server.command("PUBLISH", "cache_coherence:t", body)


def flood(server: RealServer, body: bytes, number: int) -> None:
    """Publish ``body`` as fast as the server takes it."""
    one = b"*3\r\n$7\r\nPUBLISH\r\n$17\r\ncache_coherence:t\r\n$%d\r\n%s\r\n" % (len(body), body)
    with socket.create_connection(("127.0.0.1", server.port)) as link, link.makefile("rb") as replies:
        for _ in range(number // 100):
            link.sendall(one * 100)
            for _ in range(100):
                replies.readline()


def payloads(feed: Feed) -> list[tuple[str, bytes]]:
    return [(item.origin, item.payload) for item in feed.reader.drain().items if isinstance(item, FeedEvent)]


def test_events_arrive_in_order_and_as_sent(server: RealServer, watch: Watch) -> None:
    feed = watch(server.port)
    feed.until_state("live")
    hostile = [b"\x1b]52;c;eA==\x07", b"\xff\xfe\x00", b"", b"*3\r\n$7\r\n", b"[" * 3000]
    for body in hostile:
        server.command("PUBLISH", b"cache_coherence:\xff[/]", body)
    feed.until(lambda batch: batch.status.received == len(hostile))
    items = feed.reader.drain().items
    assert [item.payload for item in items if isinstance(item, FeedEvent)] == hostile
    assert [item.seq for item in items] == [1, 2, 3, 4, 5]
    assert isinstance(items[0], FeedEvent)
    assert items[0].channel == b"cache_coherence:\xff[/]"
    assert feed.status.malformed == len(hostile)


def test_a_storm_is_counted_whole_while_the_main_thread_is_busy_row_61(server: RealServer, watch: Watch) -> None:
    feed, total = watch(server.port, keep=1000), 30_000
    feed.until_state("live")
    sender = threading.Thread(target=flood, args=(server, event(1).encode(), total))
    sender.start()
    while sender.is_alive():
        sum(number * number for number in range(20_000))  # holds the interpreter, as a screen that paints
    sender.join()
    feed.until(lambda batch: batch.status.received == total)
    assert (feed.status.dropped, feed.status.gaps) == (0, 0)
    assert len(feed.reader.drain(0, 100_000).items) == 1000


def test_ten_restarts_leave_ten_marks_and_a_live_feed_within_two_seconds_row_62(
    make_server: MakeServer, watch: Watch
) -> None:
    server = make_server()
    feed = watch(server.port)
    feed.until_state("live")
    for restart in range(1, 11):
        server.kill()
        feed.until(lambda batch: batch.status.state == "down")
        if restart % 3 == 0:
            feed.until(lambda batch: batch.status.fault and "refused" in batch.status.fault.message)
        server.start()
        feed.until_state("live")
        publish(server, event(restart))
        feed.until(lambda batch, restart=restart: batch.status.received == restart)  # type: ignore[misc]
        assert len(feed.until_gaps(restart)) == restart
    gaps = feed.until_gaps(10)
    assert len(gaps) == 10
    assert all(gap.seconds > 0 and gap.reason == "connection closed" and gap.filled == 0 for gap in gaps)
    kinds = [type(item) for item in feed.reader.drain().items]
    assert kinds == [FeedGap, FeedEvent] * 10


def test_a_half_open_link_is_down_within_three_seconds_and_back_within_two_row_50(
    relay: Relay, server: RealServer, watch: Watch
) -> None:
    feed = watch(relay.port)
    feed.until_state("live")
    feed.until(lambda batch: batch.status.verified_mono is not None)
    relay.mute()
    feed.until_state("down")
    fault = feed.status.fault
    assert fault
    assert fault.kind == "timeout"
    relay.heal()
    feed.until_state("live")
    (gap,) = feed.until_gaps(1)
    assert gap.seconds >= 2.4
    assert gap.reason.startswith("no answer for ")


def test_a_frozen_server_is_down_within_three_seconds_and_back_within_two_row_49(
    make_server: MakeServer, watch: Watch
) -> None:
    server = make_server()
    feed = watch(server.port)
    feed.until_state("live")
    server.freeze()
    try:
        feed.until_state("down")
        assert server.is_frozen
    finally:
        server.thaw()
    feed.until_state("live")
    assert len(feed.until_gaps(1)) == 1


def test_a_quiet_link_is_verified_without_an_event_row_65(server: RealServer, watch: Watch) -> None:
    feed = watch(server.port)
    feed.until_state("live")
    first = feed.status.verified_mono
    assert first is not None
    feed.until(lambda batch: (batch.status.verified_mono or 0) > first)
    assert (feed.status.last_event_mono, feed.status.received) == (None, 0)
    publish(server, event(1))
    feed.until(lambda batch: batch.status.last_event_mono is not None)


def test_a_killed_connection_is_a_gap_row_51(server: RealServer, watch: Watch) -> None:
    feed = watch(server.port)
    feed.until_state("live")
    server.command("CLIENT", "KILL", "TYPE", "pubsub")
    (gap,) = feed.until_gaps(1)
    assert gap.seconds > 0
    feed.until_state("live")


def test_a_link_that_breaks_while_the_log_is_read_leaves_both_marks_row_62(server: RealServer, watch: Watch) -> None:
    feed = watch(server.port)
    usual, feed.reader.settle_seconds = feed.reader.settle_seconds, 30.0
    feed.until_state("live")
    server.command("CLIENT", "KILL", "TYPE", "pubsub")
    feed.until_state("down")
    feed.until_state("live")
    publish(server, event(1))  # waits behind the gap's mark
    feed.until(lambda batch: batch.status.received == 1)
    assert feed.reader.drain().items == ()
    feed.reader.settle_seconds = usual
    server.command("CLIENT", "KILL", "TYPE", "pubsub")
    first, held, second = (feed.until_gaps(2), feed.reader.drain().items)[1]
    assert isinstance(first, FeedGap)
    assert (first.filled, first.reason) == (
        None,
        "connection closed; the link broke again before the event log was read",
    )
    assert isinstance(held, FeedEvent)
    assert isinstance(second, FeedGap)
    assert second.filled == 0


def test_a_gap_is_filled_from_the_log_before_live_events_go_on_row_62(
    relay: Relay, server: RealServer, watch: Watch
) -> None:
    feed = watch(relay.port)
    feed.until_state("live")
    old, seen, missed = event(0, time.time() - 600), event(1), [event(2), event(3)]
    publish(server, old, log=True, live=False)
    publish(server, seen, log=True)
    feed.until(lambda batch: batch.status.received == 1)
    relay.cut()
    feed.until_state("down")
    for body in missed:
        publish(server, body, log=True)
    relay.heal()
    feed.until_state("live")
    after = event(4)
    publish(server, after, log=True)
    (gap,) = feed.until_gaps(1)
    feed.until(lambda batch: batch.status.received == 2)
    assert gap.filled == 2
    assert payloads(feed) == [
        ("live", seen.encode()),
        ("log", missed[0].encode()),
        ("log", missed[1].encode()),
        ("live", after.encode()),
    ]
    assert [item.seq for item in feed.reader.drain().items] == [1, 2, 3, 4, 5]
    assert feed.own.hits == 1


def test_a_long_log_that_grows_at_its_tail_fills_a_gap_too(relay: Relay, server: RealServer, watch: Watch) -> None:
    feed = watch(relay.port)
    feed.until_state("live")
    relay.cut()
    feed.until_state("down")
    server.command("RPUSH", LOG, *[event(n, time.time() - 9999) for n in range(1200)], event(7))
    relay.heal()
    (gap,) = feed.until_gaps(1)
    assert gap.filled == 1


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (("SET", LOG, "x"), "the event log is not a list"),
        (("ACL", "SETUSER", "default", "-lrange"), "the ACL denies the event log"),
        (("RPUSH", LOG, *("x" * 1_000_000,) * 20), "the event log is too large to read"),
    ],
)
def test_a_log_that_cannot_be_read_leaves_the_gap_unfilled_and_says_why(
    make_server: MakeServer, watch: Watch, spoil: tuple[str, ...], why: str
) -> None:
    server = make_server()
    server.command(*spoil)
    feed = watch(server.port)
    feed.until_state("live")
    server.command("CLIENT", "KILL", "TYPE", "pubsub")
    (gap,) = feed.until_gaps(1)
    assert (gap.filled, gap.reason) == (None, f"connection closed; {why}")
    publish(server, event(1))
    feed.until(lambda batch: batch.status.received == 1)


def test_a_large_event_is_kept_cut_with_its_length_row_60(server: RealServer, watch: Watch) -> None:
    feed = watch(server.port)
    feed.until_state("live")
    publish(server, "x" * 1_000_000)
    feed.until(lambda batch: batch.status.received == 1)
    (item,) = feed.reader.drain().items
    assert isinstance(item, FeedEvent)
    assert (item.length, len(item.payload)) == (1_000_000, 4096)


def test_being_dropped_at_the_output_limit_is_a_gap_row_60(make_server: MakeServer, watch: Watch) -> None:
    server = make_server(client_output_buffer_limit="pubsub 256kb 256kb 1")
    relay = Relay(server.port)
    feed = watch(relay.port)
    feed.until_state("live")
    relay.mute()  # a stalled reader, and no word to it when the server has had enough
    flood(server, b"x" * 10_000, 3000)
    relay.heal()
    assert len(feed.until_gaps(1)) == 1
    taken = feed.status.received
    assert taken < 3000
    publish(server, event(1))
    feed.until(lambda batch: batch.status.received == taken + 1)
    relay.stop()


def test_a_bug_in_the_reader_is_shown_and_survived_row_66(
    server: RealServer, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = watch(server.port)
    feed.until_state("live")

    def broken(*_: object) -> None:
        raise ValueError("\x1b[2J")

    monkeypatch.setattr(feed_ring.FeedRing, "add", broken)
    publish(server, event(1))
    feed.until_state("down")
    fault = feed.status.fault
    assert fault
    assert fault.kind == "bug"
    assert "ValueError" in fault.message
    assert "\x1b" not in fault.message
    monkeypatch.undo()
    assert [gap.reason for gap in feed.until_gaps(1)] == ["the feed reader failed"]
    publish(server, event(2))
    feed.until(lambda batch: batch.status.received == 1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_death_of_the_readers_thread_is_seen_and_mended_row_66(
    server: RealServer, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = watch(server.port)
    feed.until_state("live")
    thread = feed.reader._thread
    assert thread

    def die(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(feed_ring.FeedRing, "add", die)
    publish(server, event(1))
    thread.join(PATIENCE)
    assert not thread.is_alive()
    monkeypatch.undo()
    fault = feed.status.fault
    assert fault
    assert fault.kind == "bug"
    feed.until_state("live")
    assert feed.reader.restarts == 1
    assert len(feed.until_gaps(1)) == 1


def test_what_we_say_to_the_server_is_on_the_list_and_counted(make_server: MakeServer, watch: Watch) -> None:
    server = make_server()
    feed = watch(server.port, db=3)
    feed.until_state("live")
    server.command("CLIENT", "KILL", "TYPE", "pubsub")
    feed.until_gaps(1)
    feed.until(lambda batch: feed.own.commands >= 9)
    said = server.command("INFO", "commandstats").decode()
    names = {line.split(":")[0].removeprefix("cmdstat_") for line in said.splitlines() if line.startswith("cmdstat_")}
    ours = {"client|setname", "psubscribe", "ping", "select", "lrange"}
    assert names - {"info", "client|kill", "config|get"} <= ours
    assert ours - names == set()
