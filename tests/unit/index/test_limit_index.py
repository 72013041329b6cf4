"""The counters' memory: looks, windows that end and begin again, and its bounds."""

import gc
import itertools

from optimus_tui.contract.keyspace import Counter, PastWindow, ShapeCount, UnparsedNames
from optimus_tui.index.limits import FIRST_READ, FORGET_SECONDS, MAX_NAMES, LimitIndex


def counter(count: int | None, mono: float, name: bytes = b"rate_limit:a:chat", ttl_ms: int | None = 60_000) -> Counter:
    return Counter(key=name, tenant=b"a", operation=b"chat", count=count, ttl_ms=ttl_ms, taken_mono=mono)


KEY = b"rate_limit:a:chat"


def looks(index: LimitIndex, name: bytes = KEY) -> tuple[tuple[float, int], ...]:
    return index.tracks()[name].samples


def test_the_looks_at_a_window_are_kept_and_thinned_with_their_age() -> None:
    index = LimitIndex()
    for second in range(0, 300, 2):
        index.put([counter(second, 100.0 + second, ttl_ms=(600 - second) * 1000)])
    kept = looks(index)
    assert len(kept) <= 24
    assert kept[-1] == (398.0, 298)
    assert kept[0][0] < 200.0
    gaps = [after[0] - before[0] for before, after in itertools.pairwise(kept)]
    assert gaps[0] > 10 * gaps[-1] == 20.0


def test_a_new_window_starts_its_looks_anew() -> None:
    index = LimitIndex()
    index.put([counter(90, 100.0)])
    index.put([counter(3, 102.0)])
    assert looks(index) == ((102.0, 3),)


def test_a_window_that_ended_between_two_looks_is_another_although_the_count_did_not_fall() -> None:
    index = LimitIndex()
    index.put([counter(3, 100.0, ttl_ms=1000)])
    index.put([counter(5, 102.0, ttl_ms=59_500)])
    assert looks(index) == ((102.0, 5),)
    assert not index.tracks()[KEY].renewed


def test_a_ttl_that_starts_again_with_each_request_is_noticed() -> None:
    index = LimitIndex()
    index.put([counter(3, 100.0, ttl_ms=59_000)])
    index.put([counter(5, 102.0, ttl_ms=60_000)])
    assert index.tracks()[KEY].renewed
    index.put([counter(1, 104.0)])
    assert not index.tracks()[KEY].renewed


def test_a_look_that_is_noted_late_makes_no_window_longer() -> None:
    index = LimitIndex()
    for count, server, late in ((3, 0, 0.0), (9, 2, 0.9), (15, 4, 0.0), (21, 6, 1.2), (27, 8, 0.1)):
        index.put([counter(count, 100.0 + server + late, ttl_ms=59_000 - server * 1000)])
        assert not index.tracks()[KEY].renewed, server


def test_what_was_taken_for_a_new_ttl_is_taken_back_once_it_runs_on() -> None:
    index = LimitIndex()
    index.put([counter(3, 100.0, ttl_ms=59_000)])
    index.put([counter(9, 105.5, ttl_ms=57_000)])  # noted 3.5 s late
    assert index.tracks()[KEY].renewed
    for count, second in ((15, 4), (21, 6), (27, 8)):
        index.put([counter(count, 100.0 + second + 0.5, ttl_ms=59_000 - second * 1000)])
    assert not index.tracks()[KEY].renewed
    index.put([counter(28, 110.5, ttl_ms=59_900)])
    assert index.tracks()[KEY].renewed


def test_a_window_that_ends_about_now_is_not_called_longer() -> None:
    index = LimitIndex()
    index.put([counter(3, 100.0, ttl_ms=2000)])
    index.put([counter(5, 102.3, ttl_ms=59_900)])
    assert looks(index) == ((102.3, 5),)
    assert not index.tracks()[KEY].renewed


def test_a_vanished_name_is_asked_again_for_ten_minutes_and_then_forgotten() -> None:
    index, name = LimitIndex(), b"rate_limit:a:chat"
    index.put([counter(5, 100.0)])
    index.gone([name], 161.0)
    assert index.counters() == []
    assert index.total == 0
    assert index.names_to_read() == [name]
    index.put([counter(1, 170.0)])
    assert [one.count for one in index.counters()] == [1]
    index.gone([name], 200.0)
    index.gone([name], 200.0 + FORGET_SECONDS + 1)
    assert index.names_to_read() == []
    index.gone([name], 5000.0)


def test_a_counter_whose_window_has_ended_is_not_shown_as_if_it_lived() -> None:
    index = LimitIndex()
    index.put([counter(5, 100.0, ttl_ms=1000), counter(7, 100.0, b"rate_limit:b:chat", None)])
    assert [one.count for one in index.counters(mono=100.5)] == [5, 7]
    assert [one.count for one in index.counters(mono=102.0)] == [7]


def test_a_counter_that_turns_unreadable_begins_its_looks_anew() -> None:
    index = LimitIndex()
    index.put([counter(5, 100.0)])
    index.put([counter(None, 102.0)])
    index.put([counter(9, 104.0)])
    assert looks(index) == ((104.0, 9),)


def test_sweeps_bring_every_name_that_may_be_a_counter_and_count_the_odd_ones_by_shape_row_14() -> None:
    index = LimitIndex()
    index.begin_sweep()
    index.put_page([b"rate_limit:a:chat", b"rate_limit:a:chat", b"rate_limit::x", b"rate_limit", b"cache:k:t:x"])
    index.put_page([b"rate_limit:a", b"rate_limit:b", b"rate_limit:a"])
    index.end_sweep(complete=True)
    assert index.names_to_read() == [b"rate_limit:a:chat", b"rate_limit::x", b"rate_limit:a", b"rate_limit:b"]
    assert index.total == 4
    odd = UnparsedNames(3, 2, (ShapeCount("rate_limit:…", 2), ShapeCount("rate_limit", 1)))
    assert index.unparsed == odd
    index.begin_sweep()
    index.end_sweep(complete=False)
    assert index.unparsed == odd
    index.begin_sweep()
    index.put_page([b"rate_limit:a"])
    index.end_sweep(complete=True)
    assert index.unparsed.count == 1


def test_a_million_names_are_counted_and_not_kept_row_22() -> None:
    index = LimitIndex()
    index.begin_sweep()
    for start in range(0, MAX_NAMES + 5_000, 1000):
        index.put_page([b"rate_limit:t%d:chat" % one for one in range(start, start + 1000)])
    index.end_sweep(complete=True)
    assert index.total == MAX_NAMES + 5_000
    assert index.overflow == 5_000
    index.gone([b"rate_limit:t5:chat"], 1.0)
    index.put_page([b"rate_limit:new:chat"])
    assert b"rate_limit:new:chat" in index.names_to_read(MAX_NAMES)


def test_of_many_names_those_that_were_never_read_come_first() -> None:
    """A counter that never resets is found after as few looks as possible, not when its turn comes."""
    index, looks = LimitIndex(), 0
    names = [b"rate_limit:t%d:chat" % one for one in range(2 * FIRST_READ + 10)]
    assert index.put_page(names) == [(name, name.split(b":")[1]) for name in names]
    index.gone(names[:5], 1.0)
    seen: set[bytes] = set()
    while some := index.never_read():
        assert len(some) <= FIRST_READ and seen.isdisjoint(some)
        seen.update(some)
        index.put([counter(1, 1.0, name) for name in some])
        looks += 1
    assert (len(seen), looks) == (len(names) - 5, 3)
    few = LimitIndex()
    few.put_page(names[:100])
    assert few.never_read() == [], "one look reads them all"


def test_more_names_than_the_budget_are_read_in_turns_the_highest_always() -> None:
    index = LimitIndex()
    index.put_page([b"rate_limit:t%d:chat" % one for one in range(100)])
    index.put([counter(1000, 1.0, b"rate_limit:t50:chat")])
    seen: set[bytes] = set()
    for _ in range(25):
        names = index.names_to_read(10)
        assert len(names) == len(set(names)) == 10
        assert b"rate_limit:t50:chat" in names
        seen |= set(names)
    assert len(seen) == 100


def seen(index: LimitIndex, count: int, left: float, at: float) -> None:
    """One look at a counter whose window ends ``left`` seconds after ``at``."""
    index.put(
        [Counter(key=KEPT, tenant=b"acme", operation=b"chat", count=count, ttl_ms=int(left * 1000), taken_mono=at)]
    )


KEPT = b"rate_limit:acme:chat"


def test_a_window_that_was_read_to_its_end_is_kept_and_survives_the_key() -> None:
    index = LimitIndex()
    index.put_page([KEPT])
    seen(index, 5, 30, 0)
    seen(index, 40, 2, 28)
    index.gone([KEPT], 31)
    assert index.past_windows() == {KEPT: (PastWindow(40, True),)}
    seen(index, 3, 59, 40)
    seen(index, 7, 20, 79)
    assert index.past_windows() == {KEPT: (PastWindow(40, True),)}


def test_a_window_whose_end_was_not_read_counted_at_least_that_much() -> None:
    index = LimitIndex()
    index.put_page([KEPT])
    seen(index, 40, 30, 0)
    seen(index, 2, 55, 35)
    assert index.past_windows() == {KEPT: (PastWindow(40, False),)}


def test_a_window_that_somebody_ended_early_is_no_whole_one() -> None:
    index = LimitIndex()
    index.put_page([KEPT])
    seen(index, 40, 30, 0)
    index.gone([KEPT], 2)
    assert index.past_windows() == {KEPT: (PastWindow(40, False),)}


def test_only_the_last_five_windows_are_kept_and_none_is_made_up() -> None:
    index = LimitIndex()
    index.put_page([KEPT])
    assert index.past_windows() == {}
    for at in range(8):
        seen(index, at + 1, 1, at * 60)
        index.gone([KEPT], at * 60 + 2)
    assert index.past_windows()[KEPT] == tuple(PastWindow(count, True) for count in (4, 5, 6, 7, 8))
    index.gone([KEPT], 5_000)
    assert index.past_windows() == {}


def test_counters_without_windows_have_no_past() -> None:
    index = LimitIndex()
    index.put_page([KEPT])
    forever = Counter(key=KEPT, tenant=b"acme", operation=b"chat", count=9, ttl_ms=None, immortal=True)
    index.put([forever])
    index.gone([KEPT], 9)
    assert index.past_windows() == {}


def stamped(number: int, count: int, mono: float, resets_ms: int = 2000) -> Counter:
    return Counter(
        key=b"rl:acme:%d" % number, tenant=b"acme", operation=b"*", count=count, ttl_ms=90_000, taken_mono=mono,
        resets_ms=resets_ms, identity=(b"rl:{tenant}:{index}", b"acme"), starts=number * 60.0,
    )  # fmt: skip


def test_a_name_with_a_newer_stamp_takes_the_place_of_the_one_before() -> None:
    index = LimitIndex()
    index.put([stamped(1, 7, 100.0)])
    index.put([stamped(2, 1, 103.0)])
    assert [one.key for one in index.counters()] == [b"rl:acme:2"]
    assert index.past_windows()[b"rl:acme:2"] == (PastWindow(7, True),)
    index.put([stamped(3, 4, 163.0)])
    assert [one.count for one in index.past_windows()[b"rl:acme:3"]] == [7, 1]
    assert [one.key for one in index.counters()] == [b"rl:acme:3"]


def test_a_bucket_that_is_full_again_keeps_its_row() -> None:
    index = LimitIndex()
    bucket = Counter(
        key=b"b", tenant=b"acme", operation=b"*", count=3, ttl_ms=60_000, sliding=True, ttl_is_reset=False,
        resets_ms=500, taken_mono=100.0,
    )  # fmt: skip
    index.put([bucket])
    assert [one.key for one in index.counters(102.0)] == [b"b"]


def test_keys_of_past_windows_are_counted_as_long_as_a_scan_sees_them() -> None:
    index = LimitIndex()

    def scan(*names: bytes) -> int:
        index.begin_sweep()
        index.put_page(names)
        index.end_sweep(complete=True)
        return index.over

    index.begin_sweep()
    index.put_page([KEY, b"rate_limit:b:chat"])
    index.gone([KEY], 100.0)  # its window is over, or it vanished just now
    index.put([counter(1, 100.0, b"rate_limit:b:chat")])
    index.end_sweep(complete=True)
    assert (index.over, index.total) == (1, 1)
    assert scan(KEY) == 1
    assert scan() == 0, "the key has gone"
    index.gone([b"rate_limit:b:chat"], 170.0)
    assert index.over == 0, "a counter that vanished is no key of a past window"
    assert scan(b"rate_limit:b:chat") == 1
    index.put([counter(1, 180.0, b"rate_limit:b:chat")])
    assert index.over == 0


def test_what_is_kept_of_a_counter_is_left_out_of_the_search_for_garbage() -> None:
    """With fifty thousand counters that search held the screen for half a second."""
    index = LimitIndex()
    index.put_page([b"rate_limit:a:b"])
    index.put([counter(1, 1.0, b"rate_limit:a:b")])
    kept = [*index.counters(), *index.tracks().values()]
    assert len(kept) == 2 and not any(map(gc.is_tracked, kept))
