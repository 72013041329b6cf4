"""The feed's ring and the choice of what fills a gap: exact counts, order, bounds."""

import json
from collections import Counter

from msgspec.structs import replace

from optimus_tui.contract.keyspace import RATE_SECONDS, FeedEvent, FeedGap
from optimus_tui.probes.events.event_log import GapWindow, choose_missed, clock_skew
from optimus_tui.probes.events.ring import FeedRing, Row
from optimus_tui.verdicts.coherence.events import judge
from optimus_tui.wording.numbers import rate


def message(number: int) -> list[bytes]:
    body = b'{"type":"a","tenant_id":"t","timestamp":%d}' % (1000 + number)
    return [b"pmessage", b"cache_coherence:*", b"cache_coherence:t", body]


def row(payload: bytes, *, logged: bool = True) -> Row:
    return (1.0, b"cache_coherence_events", payload, len(payload), logged)


def numbers(ring: FeedRing, since: int = 0, limit: int = 1000) -> list[int]:
    return [item.seq for item in ring.batch(since, limit, 1.0).items]


def test_a_drain_hands_out_what_is_newer_and_only_once() -> None:
    ring = FeedRing(keep=10)
    ring.add([message(1), message(2)], 5.0, 1.0)
    assert numbers(ring) == [1, 2]
    ring.add([message(3)], 5.0, 1.0)
    assert numbers(ring, since=2) == [3]
    assert numbers(ring, since=3) == []
    assert numbers(ring, since=99) == []


def test_a_storm_is_counted_whole_and_kept_in_part_row_61() -> None:
    ring = FeedRing(keep=100)
    for start in range(0, 5000, 50):
        ring.add([message(start + n) for n in range(50)], 5.0, 1.0)
    batch = ring.batch(0, 30, 1.0)
    assert (batch.status.received, batch.status.dropped) == (5000, 0)
    assert [item.seq for item in batch.items] == list(range(4971, 5001))
    assert len(ring.batch(0, 1000, 1.0).items) == 100


def test_a_large_payload_is_cut_with_its_true_length_row_60() -> None:
    ring = FeedRing(keep=10)
    ring.add([[b"pmessage", b"*", b"c" * 9999, b"x" * 1_000_000]], 5.0, 1.0)
    (event,) = ring.batch(0, 10, 1.0).items
    assert isinstance(event, FeedEvent)
    assert (len(event.payload), event.length, len(event.channel)) == (4096, 1_000_000, 512)


def test_a_message_that_cannot_be_handled_costs_only_itself_row_66() -> None:
    ring = FeedRing(keep=10)
    odd: list[list[bytes]] = [[b"pmessage", b"*", b"c", None], [b"pmessage", b"*", 7, b"x"]]  # type: ignore[list-item]
    ring.add([message(1), *odd, message(2)], 5.0, 1.0)
    status = ring.batch(0, 10, 1.0).status
    assert (status.received, status.dropped) == (2, 2)
    assert numbers(ring) == [1, 2]


def test_the_gap_comes_first_then_what_fills_it_then_what_waited_row_62() -> None:
    ring = FeedRing(keep=10)
    ring.add([message(1)], 5.0, 1.0)
    ring.hold()
    ring.open_gap(9.0, 3.1, "connection closed")
    ring.add([message(4)], 9.0, 2.0)
    held = ring.batch(0, 10, 2.0)
    assert (held.status.received, len(held.items)) == (2, 1)
    ring.release([row(b"2"), row(b"3")])
    first, gap, *filled, last = ring.batch(0, 10, 2.0).items
    assert gap == FeedGap(seq=2, received_at=9.0, seconds=3.1, filled=2, reason="connection closed")
    assert [(event.origin, event.seq) for event in filled if isinstance(event, FeedEvent)] == [("log", 3), ("log", 4)]
    assert (first.seq, last.seq) == (1, 5)
    assert isinstance(last, FeedEvent)
    assert last.origin == "live"


def test_a_gap_that_could_not_be_filled_says_so() -> None:
    ring = FeedRing(keep=10)
    ring.hold()
    ring.open_gap(9.0, 3.1, "connection closed")
    ring.release(None, "the ACL denies the event log")
    (gap,) = ring.batch(0, 10, 2.0).items
    assert isinstance(gap, FeedGap)
    assert (gap.filled, gap.reason) == (None, "connection closed; the ACL denies the event log")


def test_a_second_release_tells_no_second_gap() -> None:
    ring = FeedRing(keep=10)
    ring.hold()
    ring.open_gap(9.0, 3.1, "x")
    ring.release([])
    ring.release(None, "again")
    assert ring.batch(0, 10, 2.0).status.gaps == 1


def test_a_storm_after_a_gap_does_not_push_its_mark_out_of_the_next_drain_row_62() -> None:
    ring = FeedRing(keep=20)
    ring.add([message(1)], 5.0, 1.0)
    ring.open_gap(9.0, 3.1, "x")
    ring.release([])
    ring.add([message(n) for n in range(500)], 9.0, 2.0)
    items = ring.batch(1, 5, 2.0).items
    assert isinstance(items[0], FeedGap)
    assert [item.seq for item in items] == [2, 498, 499, 500, 501, 502]
    assert not any(isinstance(item, FeedGap) for item in ring.batch(2, 100, 2.0).items)


def test_malformed_events_are_counted_once_when_handed_out_row_58() -> None:
    ring = FeedRing(keep=10)
    ring.add([message(1), [b"pmessage", b"*", b"c", b"{"], [b"pmessage", b"*", b"c", b"[1]"]], 5.0, 1.0)
    assert [ring.batch(0, 10, 1.0).status.malformed for _ in range(3)] == [2, 2, 2]


def test_the_rate_is_that_of_the_last_five_seconds() -> None:
    ring = FeedRing(keep=10)
    ring.add([message(1)], 5.0, 1.0)
    ring.add([message(2), message(3)], 5.0, 4.9)
    assert ring.batch(0, 10, 4.9).status.rate == 3 / RATE_SECONDS
    assert ring.batch(0, 10, 6.5).status.rate == 2 / RATE_SECONDS
    assert ring.batch(0, 10, 12.0).status.rate == 0.0


def test_the_feed_and_the_finding_say_one_rate_of_one_span() -> None:
    ring = FeedRing(keep=10)
    ring.set_state("live")
    for second in range(5):  # bursts: half of all events come within one second
        ring.add([message(n) for n in range(400 + 2_000 * (second == 2))], 5.0, second + 0.5)
    status = ring.batch(0, 10, 4.6).status
    assert rate(status.rate) == "800/s"
    (found,) = judge(replace(status, verified_mono=4.6, last_event_mono=4.6), mono=4.6)
    assert (found.measured, found.window_seconds) == (status.rate, RATE_SECONDS)
    assert found.message.startswith("800 coherence events a second in the last 5 s")


def entry(claimed: float, **more: object) -> bytes:
    return json.dumps({"type": "a", "tenant_id": "t", "timestamp": claimed} | more).encode()


def chosen(entries: list[bytes], known: list[bytes] = [], window: GapWindow = GapWindow(100.0, 200.0)) -> list[bytes]:  # noqa: B006, B008
    left = Counter((payload[:4096], len(payload)) for payload in known)
    return [one[2] for one in choose_missed(entries, left, window, 1.0)]


def test_only_what_claims_a_time_in_the_gap_fills_it_whatever_the_logs_order() -> None:
    before, early, late, after = entry(99), entry(100), entry(200), entry(201)
    assert chosen([late, before, after, early, b"junk", b'{"type":"a","tenant_id":"t"}']) == [early, late]


def test_what_was_received_live_does_not_fill_a_gap_row_64() -> None:
    assert chosen([entry(150), entry(151)], known=[entry(150)]) == [entry(151)]


def test_two_equal_events_stay_two_row_64() -> None:
    twice = entry(150)
    assert chosen([twice, twice], known=[twice]) == [twice]
    assert chosen([twice, twice]) == [twice, twice]


def test_large_events_are_told_apart_by_head_and_length() -> None:
    large, larger = entry(150, key="k" * 5000), entry(150, key="k" * 5001)
    (row_chosen,) = choose_missed([large, larger], Counter({(large[:4096], len(large)): 1}), GapWindow(100, 200), 1.0)
    assert (len(row_chosen[2]), row_chosen[3], row_chosen[4]) == (4096, len(larger), True)


def test_a_clock_that_is_off_by_an_hour_is_allowed_for_row_28() -> None:
    def live(received: float, claimed: float) -> Row:
        return (received, b"c", entry(claimed), 10, False)

    assert clock_skew([live(10_000.0 + n, 13_600.0 + n) for n in range(9)]) == 3600.0
    assert clock_skew([live(10_000.0 + n, 10_000.3 + n) for n in range(9)]) == 0.0
    assert clock_skew([live(10_000.0, 5e9), live(1.0, 10**8)]) == 0.0
    assert clock_skew([]) == 0.0
