"""Coherence judged: windows by timestamps, an auditor that does not accuse without proof, tracking by its names."""

import json
import math
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pytest

from optimus_tui.contract.keyspace import CacheReport
from optimus_tui.contract.reading import Coverage
from optimus_tui.dialects.layout import KeyLayout, own_layout
from optimus_tui.dialects.load import load_preset, load_table
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.coherence.audit import (
    ENOUGH_KEYS,
    Facts,
    Lifetime,
    advise,
    count,
    find,
    judge,
    lengthen,
    plan,
)
from optimus_tui.verdicts.coherence.events import MAX_NAMES, Logged, covered_minutes, pick_window, tally
from optimus_tui.verdicts.coherence.keys import Tracking, match
from optimus_tui.verdicts.coherence.keys import judge as judge_cache

WALL = 1_795_000_000.0


def event(ago: float, tenant: str = "acme", **fields: object) -> bytes:
    moment = datetime.fromtimestamp(WALL - ago, UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": "updated", "tenant_id": tenant, "timestamp": moment, **fields}).encode()


def logged(ago: float, **fields: object) -> Logged:
    return pick_window([event(ago, **fields)], WALL, 10_000).events[0]  # type: ignore[arg-type]


def test_six_windows_hold_six_different_counts_whatever_the_order() -> None:
    payloads = [event(60 * minutes) for minutes in range(1, 2000)]
    random.Random(7).shuffle(payloads)
    seen = [len(pick_window(payloads, WALL, minutes).events) for minutes in (1, 5, 15, 60, 120, 1440)]
    assert seen == [1, 5, 15, 60, 120, 1440]


def test_bad_events_cost_only_themselves_and_are_counted() -> None:
    bad = [b"", b"\xff", b"[]", b'{"type":"x"}', b'{"type":"x","tenant_id":"a"}', event(-7200)]
    seen = pick_window([*bad, event(30), event(7200)], WALL, 15)
    assert (seen.read, len(seen.events), seen.older, seen.malformed, seen.undated, seen.in_future) == (8, 1, 1, 5, 1, 1)
    assert covered_minutes(seen, WALL, 15) == 15
    assert covered_minutes(pick_window([event(30)], WALL, 15), WALL, 15) == pytest.approx(0.5)
    assert covered_minutes(pick_window([], WALL, 15), WALL, 15) == 0


def test_a_sender_slightly_ahead_is_in_the_window_and_widens_the_margin() -> None:
    seen = pick_window([event(-10)], WALL, 1)
    assert len(seen.events) == 1 and seen.ahead == pytest.approx(10)


def test_names_beyond_fifty_are_summed() -> None:
    counts = tally(str(n) for n in range(MAX_NAMES + 25))
    assert len(counts) == MAX_NAMES + 1 and counts["(25 others)"] == 25


LIFE = Lifetime(300_000, 100)


@pytest.mark.parametrize(
    ("pttl", "idle", "ago", "expected"),
    [
        (-2, None, 60, "vanished"),
        (200_000, 70, 60, "survived_stale"),  # nobody touched it since before the event
        (-1, 900, 60, "survived_stale"),
        (240_000, 61, 60, "unknown"),  # within the margin: it may have been set right after the unlink
        (-1, 3, 60, "unknown"),
        (290_000, 3, 60, "refilled"),  # it would have had 350 s to live at the event
        (100_000, 3, 60, "suspected_stale"),
        (240_000, 3, 60, "unknown"),
        (None, None, 60, "unknown"),
        (None, 900, 60, "survived_stale"),
    ],
)
def test_a_key_is_accused_only_with_proof(pttl: int | None, idle: int | None, ago: float, expected: str) -> None:
    seen = judge(b"cache:a:b:c", logged(ago), pttl_ms=pttl, idle=idle, lifetime=LIFE, wall=WALL)
    assert (seen.outcome, bool(seen.evidence)) == (expected, True)


def test_few_keys_of_a_kind_prove_nothing_by_their_ttl() -> None:
    few = Lifetime(300_000, ENOUGH_KEYS - 1)
    assert math.isinf(few.ceiling_ms)
    for pttl in (1_000, 150_000, 299_000):
        seen = judge(b"k", logged(60), pttl_ms=pttl, idle=1, lifetime=few, wall=WALL)
        assert seen.outcome == "unknown"


def test_keys_set_after_the_event_are_never_called_stale_by_idle_time() -> None:
    """Every honest refill, at any age, with idle time in whole seconds and a slow unlink before the event's stamp."""
    for ago in range(1, 120):
        for after in (-2.0, 0.0, 0.5, ago / 2):
            idle = math.floor(ago - after) + 1
            seen = judge(b"k", logged(ago), pttl_ms=None, idle=idle, lifetime=LIFE, wall=WALL)
            assert seen.outcome != "survived_stale", (ago, after)


def test_a_cache_in_which_nothing_is_written_any_more_has_no_refills() -> None:
    """All TTLs have run down since the event: the longest of them is no ceiling."""
    aged = {b"conv": Lifetime(240_000, 500)}
    lived = lengthen(aged, [(b"conv", 240_000, 60), (b"conv", -1, 900), (b"other", 5, 5), (b"conv", 9, None)])
    assert lived == {b"conv": Lifetime(300_000, 500)}
    seen = judge(b"k", logged(30), pttl_ms=240_000, idle=3, lifetime=lived[b"conv"], wall=WALL)
    assert seen.outcome != "refilled"


def test_a_clock_that_runs_ahead_does_not_make_keys_stale() -> None:
    seen = judge(b"k", logged(10), pttl_ms=200_000, idle=38, lifetime=None, wall=WALL, ahead=30)
    assert seen.outcome == "unknown"


def test_the_newest_event_of_a_key_counts_and_a_pattern_stays_within_its_tenant() -> None:
    names = {("a", "acme"): [b"cache:a:acme:1", b"cache:a:acme:2"], ("a", "other"): [b"cache:a:other:1"]}

    def names_of(kind: bytes | None, tenant: str) -> Iterable[Sequence[bytes]]:
        return [of for (one, owner), of in names.items() if owner == tenant and kind in (None, one.encode())]

    events = pick_window(
        [
            event(50, pattern="cache:a:acme:*"),
            event(10, key="cache:a:acme:1"),
            event(20, pattern="cache:a:acme:9*"),
            event(30, tenant="acme", pattern="cache:*"),
        ],
        WALL,
        15,
    ).events
    made = plan(events, names_of, complete=True)
    assert {key: round(WALL - one.at) for key, one in made.keys.items()} == {
        b"cache:a:acme:1": 10,
        b"cache:a:acme:2": 30,
    }
    assert (made.absent, made.naming) == (1, 4)
    assert plan(events, names_of, complete=False).absent == 0


GROUPS = {(b"conv", b"acme"): 3, (b"conv", b"acme:eu"): 2, (b"profile", b"other"): 1}


NOBODY: dict[bytes, tuple[bytes, bytes]] = {}


def tracked(*names: bytes, complete: bool = True, owners: dict[bytes, tuple[bytes, bytes]] | None = None) -> Tracking:
    pairs = [(b"cache_coherence:" + name, False) for name in names]
    return match(pairs, GROUPS, {b"gone"}, (owners or {}).get, layout=own_layout(), complete=complete)


def test_tracking_keys_find_their_cache_keys_by_tenant_and_kind_and_orphans_are_named() -> None:
    seen = tracked(b"acme:conv", b"acme:eu:conv", b"gone:conv")
    assert (seen.orphans, seen.untracked, seen.not_understood) == (1, 1, 0)
    assert seen.examples == (b"cache_coherence:gone:conv",)
    assert tracked(b"acme:bulk", b"acme:eu:bulk", b"other:bulk").untracked == 0


def test_a_tracking_key_may_carry_the_cache_keys_own_name() -> None:
    owners = {b"cache:conv:acme:1": (b"conv", b"acme")}
    seen = tracked(b"conv:acme:1", b"conv:acme:2", owners=owners)
    assert (seen.orphans, seen.untracked) == (1, 5)


def test_what_is_not_understood_or_not_read_whole_claims_nothing() -> None:
    strange = tracked(b"\xff\x00", b"zzz")
    assert (strange.orphans, strange.untracked, strange.not_understood) == (None, None, 2) and strange.unknown
    partial = tracked(b"acme:conv", complete=False)
    assert partial.orphans is None and partial.unknown
    assert tracked().untracked == 6


def test_tracking_keys_of_another_profile_are_read_by_its_own_template() -> None:
    rules = {"cache": [{"key": "c:{kind}:{tenant}:{rest...}"}], "tracking": [{"key": "seen:{tenant}:{rest...}"}]}
    layout = KeyLayout(load_table(rules, "optimus.toml", within=""))
    pairs = [(b"seen:acme:conv", False), (b"seen:gone:conv", True)]
    found = match(pairs, GROUPS, {b"gone"}, NOBODY.get, layout=layout, complete=True)
    assert (found.orphans, found.immortal_orphans, found.untracked) == (1, 1, 3)
    whole = KeyLayout(load_table({**rules, "tracking": [{"key": "seen:{rest...}"}]}, "optimus.toml", within=""))
    owners = {b"c:conv:acme:1": (b"conv", b"acme")}
    found = match([(b"seen:conv:acme:1", False)], GROUPS, set(), owners.get, layout=whole, complete=True)
    assert (found.orphans, found.untracked) == (0, 5)


def test_a_profile_without_tracking_keys_proves_no_coverage_and_no_lack_of_it() -> None:
    found = match([], GROUPS, set(), NOBODY.get, layout=KeyLayout(load_preset("limits")), complete=True)
    assert (found.orphans, found.untracked, found.not_understood) == (None, None, None)
    assert found.unknown == "the profile names no tracking keys"
    none = CacheReport(kinds=(), keys=900, coherence_keys=None, coverage=Coverage(900, 900, complete=True), version=1)
    assert not judge_cache(none, Thresholds()).findings


def facts(keys: int, tracking: int, **more: object) -> Facts:
    whole = Coverage(keys + tracking, keys + tracking, complete=True)
    report = CacheReport(kinds=(), keys=keys, coherence_keys=tracking, coverage=whole, version=1)
    return Facts(cache=report, tracking=Tracking(orphans=0, untracked=0), **more)  # type: ignore[arg-type]


def test_the_documents_own_advice_comes_out_word_for_word() -> None:
    seen = facts(1247, 156)
    advice = advise(seen, find(seen, Thresholds()), Thresholds())
    assert [(one.type, one.message, one.action) for one in advice] == [
        ("performance", "Large number of cache keys: 1247", "Consider implementing cache eviction policies")
    ]


def test_stale_keys_are_high_suspects_low_and_a_ratio_out_of_bounds_medium() -> None:
    stale = judge(b"cache:a:\x1b[31m:c", logged(60), pttl_ms=9, idle=900, lifetime=None, wall=WALL)
    suspect = judge(b"cache:a:b:d", logged(60), pttl_ms=1_000, idle=1, lifetime=LIFE, wall=WALL)
    seen = facts(100, 90, audited=(stale, suspect))
    found = find(seen, Thresholds())
    assert [(one.rule, one.severity) for one in found] == [
        ("coherence.stale", "high"),
        ("coherence.high_overhead", "medium"),
        ("coherence.suspect", "low"),
    ]
    assert "\x1b" not in found[0].message
    assert count((stale, suspect))["survived_stale"] == 1
    assert [one.type for one in advise(seen, found, Thresholds())] == ["consistency", "overhead", "consistency"]
