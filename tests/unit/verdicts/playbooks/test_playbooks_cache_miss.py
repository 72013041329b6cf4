"""cache_miss: the rate with its source and each thing that could lower it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from optimus_tui.contract.keyspace import GroupTotals, KindTotals
from optimus_tui.contract.services import HitRate, Increase
from optimus_tui.verdicts.playbooks import cache_miss
from optimus_tui.verdicts.playbooks.cache_miss import CacheEvidence, conclude
from optimus_tui.verdicts.playbooks.conclusion import Conclusion
from tests.unit.verdicts.playbooks.driver import DENIED, GONE, T, cache, found, gateway, increase, server, window

NOW = 1_795_000_000.0
NONE = Increase(name="x")


def ask(**more: object) -> Conclusion:
    fields = {
        "tenant": b"acme",
        "gateway": gateway(),
        "server": server(),
        "rate": HitRate(0.85, "gateway"),
        "history": window([0.85] * 40),
        "hits": increase({"": 850.0}),
        "misses": increase({"": 150.0}),
        "evicted": window([7.0] * 40),
        "cache": cache(),
        "events": cache_miss.Invalidations(events=30, covered_minutes=30.0),
        **more,
    }
    return conclude(CacheEvidence(**fields), T)  # type: ignore[arg-type]


def event(at: float, *names: str, removed: int = 1, kind: str = "message_created") -> bytes:
    body = {"type": kind, "tenant_id": "acme", "timestamp": at, "patterns": names, "keys_invalidated": removed}
    return json.dumps(body).encode()


def test_a_good_rate_is_no_finding_and_says_whose_it_is() -> None:
    told = ask()
    assert (found(told), told.unknown) == ({}, ())
    assert told.examined[0] == "hit rate 85 % (the gateway's counters over 30 min)"
    assert told.analysis["invalidations"]["per_minute"] == 1.0


def test_the_rate_of_the_window_is_judged_with_its_look_ups_as_samples() -> None:
    told = ask(hits=increase({"": 650.0}), misses=increase({"": 350.0}))
    (one,) = told.findings
    assert (one.rule, one.severity, one.samples) == ("cache.hit_rate", "medium", 1000)
    assert found(ask(hits=increase({"": 10.0}), misses=increase({"": 90.0}))) == {"cache.hit_rate": "high"}


def test_too_few_look_ups_leave_the_gateways_own_figure() -> None:
    told = ask(hits=increase({"": 1.0}), misses=increase({"": 9.0}))
    assert found(told) == {}
    assert told.analysis["hit_rate_source"] == "gateway"


def test_silence_is_no_miss() -> None:
    told = ask(rate=None, hits=NONE, misses=NONE, gateway=gateway(hit_rate=None), history=window([]))
    assert found(told) == {}
    assert told.analysis["hit_rate"] is None
    assert told.unknown[0].startswith("hit rate: too few look-ups")


def test_the_trend_compares_the_windows_start_with_its_end() -> None:
    told = ask(history=window([0.9] * 20 + [0.5] * 20))
    assert "hit rate at the window's start 90 %, at its end 50 %" in told.examined


def test_the_histogram_is_by_kind_and_names_what_never_expires() -> None:
    one = GroupTotals(
        kind=b"conv", tenant=None, keys=9, without_ttl=2, bytes_used=None, bytes_exact=False,
        histogram=(1, 2, 3, 1, 0, 0, 0),
    )  # fmt: skip
    told = ask(cache=cache(kinds=(KindTotals(one, ()),), keys=9))
    assert told.analysis["keys"]["ttl_histogram"]["conv"]["<60s"] == 2
    assert told.analysis["keys"]["ttl_histogram"]["conv"]["never"] == 2
    assert found(told) == {"cache.no_ttl": "low"}


def test_evictions_within_the_window_are_told_and_older_ones_are_not() -> None:
    assert found(ask(evicted=window([7.0] * 40))) == {}
    assert found(ask(evicted=window([7.0, 9.0, 1.0]))) == {"cache.evictions": "low"}
    assert "evictions within the window: no history" in ask(evicted=window([])).unknown


def test_windows_differ_where_the_predecessor_gave_one_answer_for_six() -> None:
    log = [event(NOW - minutes * 60) for minutes in range(1, 61)]
    seen = [cache_miss.count(log, NOW, minutes).events for minutes in (1, 5, 15, 30, 60)]
    assert seen == [1, 5, 15, 30, 60]


def test_a_log_covers_only_as_far_as_it_reaches() -> None:
    log = [event(NOW - second) for second in range(120)]
    assert cache_miss.count(log, NOW, 30).covered_minutes == 119 / 60
    assert cache_miss.count(log, NOW, 1).covered_minutes == 1
    assert cache_miss.count([], NOW, 30).covered_minutes == 0


def test_of_a_log_read_at_both_ends_only_the_newer_end_counts() -> None:
    old, new = [event(NOW - 90_000 - n) for n in range(3)], [event(NOW - n) for n in range(3)]
    assert cache_miss.newest_end(old + new) == new
    assert cache_miss.newest_end(new + old) == new
    assert cache_miss.newest_end([]) == []


def test_order_does_not_matter_and_bad_events_are_counted() -> None:
    log = [event(NOW - 10, "k"), b"not json", event(NOW - 12, "k"), b'{"type":"x","tenant_id":"a"}']
    seen = cache_miss.count(log, NOW, 5)
    assert (seen.events, seen.malformed, seen.undated, seen.refills) == (2, 1, 1, {"k": 1})


def test_a_refill_is_only_counted_where_the_second_event_removed_something_soon() -> None:
    assert cache_miss.count([event(NOW - 9, "k"), event(NOW - 5, "k", removed=0)], NOW, 5).refills == {}
    assert cache_miss.count([event(NOW - 60, "k"), event(NOW - 5, "k")], NOW, 5).refills == {}
    assert cache_miss.count([event(NOW - 9, "a", "b"), event(NOW - 5, "b")], NOW, 5).refills == {}


def test_churn_is_found_where_it_is_much_of_what_happens() -> None:
    assert found(ask(events=cache_miss.Invalidations(events=100, covered_minutes=30.0, refills={"k": 40}))) == {
        "cache.churn": "low"
    }
    assert found(ask(events=cache_miss.Invalidations(events=1000, covered_minutes=30.0, refills={"k": 40}))) == {}


ODD = st.recursive(
    st.one_of(st.none(), st.text(max_size=5), st.integers()), lambda kids: st.lists(kids, max_size=3), max_leaves=4
)


def odd_event(value: object) -> bytes:
    return json.dumps({"type": "a", "tenant_id": "b", "timestamp": NOW, "keys": value, "count": value}).encode()


@given(st.lists(st.one_of(st.binary(max_size=60), ODD.map(odd_event)), max_size=6))
def test_no_payload_breaks_the_count(log: list[bytes]) -> None:
    seen = cache_miss.count(log, NOW, 5)
    assert seen.events + seen.malformed + seen.undated == len(log)


def test_faults_cost_their_own_part() -> None:
    assert found(ask(cache=DENIED)) == {"cache.unmeasured": "medium"}
    gone = ask(server=server(GONE), cache=GONE, events=GONE, evicted=GONE)
    assert found(gone) == {"server.unreachable": "critical"}
    assert gone.analysis["hit_rate"] == 0.85
