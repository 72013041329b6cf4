"""Publishers whose clock or time zone is off are found by the claims of their events, healthy ones are not accused."""

import json
from datetime import UTC, datetime

import pytest

from optimus_tui.contract.keyspace import ClockOffset, FeedEvent, FeedStatus
from optimus_tui.contract.reading import Fault
from optimus_tui.sampling.sampler import Claims
from optimus_tui.verdicts.coherence import events
from optimus_tui.verdicts.coherence.events import by_arrival, clock_words, find_clock, pick_window
from optimus_tui.verdicts.playbooks.cache_miss import count
from optimus_tui.wording.numbers import age

WALL = 1_795_000_000.0


def event(ago: float, tenant: str = "acme") -> bytes:
    moment = datetime.fromtimestamp(WALL - ago, UTC).isoformat()
    return json.dumps({"type": "updated", "tenant_id": tenant, "timestamp": moment}).encode()


def live(claimed_ago: float, seq: int = 1) -> FeedEvent:
    raw = event(claimed_ago)
    return FeedEvent(seq=seq, received_at=WALL, channel=b"c", payload=raw, length=len(raw))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (7190.0, "timestamps run 2 h ahead"),
        (-10_805.0, "timestamps run 3 h behind"),
        (19_800.0, "timestamps run 5 h 30 min ahead"),
        (400.0, "timestamps run 6 min 40 s ahead"),
        (-65.0, "timestamps run 1 min 5 s behind"),
        (2.0e9, "timestamps run 23,148 d ahead"),
    ],
)
def test_an_offset_is_told_as_a_time_zone_where_it_is_near_one(seconds: float, words: str) -> None:
    assert clock_words(ClockOffset(seconds=seconds, events=5, of=5)) == words


@pytest.mark.parametrize("hours", [1, 2, 5.5, 12])
def test_a_log_from_the_future_names_the_clock(hours: float) -> None:
    payloads = [event(ago - hours * 3600) for ago in range(300, 0, -10)]
    window = pick_window(payloads, WALL, 15)
    assert (len(window.events), window.in_future) == (0, 30)
    (found,) = find_clock(window.clock)
    assert (found.rule, found.severity) == ("events.clock", "medium")
    assert f"timestamps run {age(hours * 3600)} ahead" in found.message
    assert count(payloads, WALL, 15).clock == window.clock


def test_a_few_odd_claims_among_many_are_a_note() -> None:
    window = pick_window([*(event(ago) for ago in range(100)), event(-7200)], WALL, 15)
    (found,) = find_clock(window.clock)
    assert found.severity == "low"


@pytest.mark.parametrize("ago", [0.0, 5.0, -5.0, 59.0])
def test_clocks_that_differ_by_seconds_are_no_news(ago: float) -> None:
    assert pick_window([event(ago)] * 20, WALL, 15).clock is None
    claims = Claims()
    claims.add([live(ago) for _ in range(20)])
    assert claims.offset is None


def test_live_events_that_claim_to_be_old_are_said_on_the_feed() -> None:
    claims = Claims()
    claims.add([live(3 * 3600.0)] * 2)
    assert claims.offset is None, "two events may be late"
    claims.add([live(3 * 3600.0)] * 3)
    status = FeedStatus(state="live", verified_mono=100.0, last_event_mono=99.0, clock=claims.offset)
    (found,) = events.judge(status, mono=100.0)
    assert (found.rule, found.severity) == ("events.clock", "medium")
    assert "3 h behind" in found.message


def test_what_was_read_back_from_the_log_says_nothing_of_its_arrival() -> None:
    claims = Claims()
    raw = event(7200)
    claims.add(
        [FeedEvent(seq=n, received_at=WALL, channel=b"c", payload=raw, length=len(raw), origin="log") for n in range(9)]
    )
    assert claims.offset is None


def test_two_publishers_that_are_off_to_both_sides_are_told_by_the_larger_group() -> None:
    offset = by_arrival([3600.0] * 5 + [-7200.0] * 9 + [0.0] * 3)
    assert offset == ClockOffset(seconds=-7200.0, events=9, of=17)


def test_a_feed_that_is_answered_with_nonsense_for_long_is_broken_and_counts() -> None:
    odd = FeedStatus(state="down", fault=Fault("invalid", "what answers does not speak the Redis protocol"))
    assert events.settled(odd, 2.0).state == "down"
    broken = events.settled(odd, 11.0)
    assert broken.state == "broken"
    (found,) = events.judge(broken, mono=0.0)
    assert (found.rule, found.severity) == ("feed.broken", "medium")
    away = FeedStatus(state="down", fault=Fault("refused", "connection refused"))
    assert events.settled(away, 100.0).state == "down"
