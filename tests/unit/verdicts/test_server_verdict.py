"""A Redis judged by its own words: what it must refuse, what it refused lately, what it does not tell."""

from typing import Any

import pytest

from optimus_tui.contract.reading import Fault
from optimus_tui.contract.services import Refusals, ServerState
from optimus_tui.grammar.info import expiring, not_amounts, parse_info
from optimus_tui.verdicts.server import KEEP_SECONDS, NO_SAMPLES, judge_condition, memory_share, track_server

MB = 1 << 20


def state(**more: Any) -> ServerState:
    given: dict[str, Any] = {"latency_ms": 0.4, "role": "primary", "run_id": "r", "uptime_seconds": 100}
    return ServerState(**{**given, **more})


def rules(one: ServerState) -> dict[str, str]:
    return {found.rule: found.severity for found in judge_condition(one)}


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"memory_used": 101 * MB, "memory_policy": "noeviction"}, {"server.refuses_writes": "critical"}),
        ({"memory_used": 101 * MB, "memory_policy": "allkeys-lru"}, {}),
        (
            {"memory_used": 101 * MB, "memory_policy": "volatile-ttl", "expiring_keys": 0},
            {"server.refuses_writes": "critical"},
        ),
        ({"memory_used": 101 * MB, "memory_policy": "volatile-ttl", "expiring_keys": 7}, {}),
        ({"memory_used": 101 * MB, "memory_policy": "volatile-ttl"}, {}),
        ({"memory_used": 101 * MB, "memory_policy": "noeviction", "role": "replica"}, {}),
        ({"memory_used": 105 * MB, "memory_uncounted": 20 * MB, "memory_policy": "noeviction"}, {}),
        ({"memory_used": 99 * MB + 1, "memory_policy": "noeviction"}, {"server.memory": "medium"}),
        (
            {"memory_used": 99 * MB + 1, "memory_policy": "noeviction", "refused": Refusals(writes={"OOM": 3})},
            {"server.refuses_writes": "critical"},
        ),
        ({"memory_used": 91 * MB, "memory_policy": "noeviction"}, {"server.memory": "low"}),
        ({"memory_used": 89 * MB, "memory_policy": "noeviction", "refused": Refusals(writes={"OOM": 3})}, {}),
        ({"memory_used": None, "memory_policy": "noeviction"}, {}),
    ],
)
def test_a_full_server_is_judged_by_whether_it_can_make_room(more: dict[str, Any], found: dict[str, str]) -> None:
    assert rules(state(memory_max=100 * MB, **more)) == found


def test_without_a_limit_there_is_no_share() -> None:
    assert memory_share(state(memory_used=5 * MB)) is None


def test_an_append_only_file_that_cannot_be_written_stops_writes() -> None:
    assert rules(state(append_failed=True)) == {"server.refuses_writes": "critical"}
    assert rules(state(snapshot_failed=True)) == {"server.persistence": "medium"}


def test_what_grows_between_looks_is_refused_now_and_for_half_a_minute() -> None:
    track, first = track_server(NO_SAMPLES, state(refused=Refusals(writes={"OOM": 5}, connections=1)), 0.0)
    assert rules(first) == {}
    track, second = track_server(track, state(refused=Refusals(writes={"OOM": 7}, connections=4)), 2.0)
    assert rules(second) == {"server.refuses_writes": "critical", "server.refuses_connections": "high"}
    assert "2 refused with OOM in the last 2.0 s" in judge_condition(second)[0].message
    quiet = state(refused=Refusals(writes={"OOM": 7}, connections=4))
    track, third = track_server(track, quiet, 20.0)
    assert "server.refuses_writes" in rules(third)
    _, fourth = track_server(track, quiet, 20.0 + KEEP_SECONDS)
    assert rules(fourth) == {}


def test_another_run_and_counts_that_were_set_back_start_anew() -> None:
    track, _ = track_server(NO_SAMPLES, state(refused=Refusals(writes={"OOM": 5})), 0.0)
    _, restarted = track_server(track, state(run_id="s", refused=Refusals(writes={"OOM": 9})), 2.0)
    assert restarted.refused_lately is None
    track, reset = track_server(track, state(refused=Refusals(writes={"OOM": 1})), 2.0)
    assert reset.refused_lately is None
    _, after = track_server(track, state(refused=Refusals(writes={"OOM": 2})), 4.0)
    assert rules(after) == {"server.refuses_writes": "critical"}


def test_a_server_that_keeps_no_counts_of_errors_has_no_growth() -> None:
    track, _ = track_server(NO_SAMPLES, state(), 0.0)
    _, second = track_server(track, state(), 2.0)
    assert rules(second) == {}


def test_a_replica_that_dropped_away_is_missed_for_ten_minutes() -> None:
    track, _ = track_server(NO_SAMPLES, state(replicas=2), 0.0)
    track, one = track_server(track, state(replicas=1), 2.0)
    assert rules(one) == {"server.replicas": "medium"}
    _, later = track_server(track, state(replicas=1), 700.0)
    assert rules(later) == {}


def test_info_that_is_missing_is_said_and_accuses_nobody() -> None:
    missing = Fault("invalid", "INFO is not available: much is unknown", "the server does not know it")
    assert rules(state(info_fault=missing)) == {"server.info_unknown": "low"}
    assert rules(state(info_fault=Fault("denied", "INFO is not allowed", "+info"))) == {"server.info_unknown": "low"}
    assert rules(state(info_fault=Fault("invalid", "INFO is empty: much is unknown"))) == {
        "server.info_unknown": "medium"
    }


def test_numbers_that_cannot_be_are_unknown_and_said() -> None:
    fields = parse_info(f"used_memory:-5\r\nmaxmemory:{10**30}\r\nmaxclients:\r\nconnected_clients:7\r\n")
    names = ("used_memory", "maxmemory", "maxclients", "connected_clients", "evicted_keys")
    assert not_amounts(fields, names) == ("used_memory", "maxmemory", "maxclients")
    assert rules(state(senseless=("used_memory -5",))) == {"server.info_senseless": "medium"}


def test_keys_that_expire_are_counted_over_all_databases() -> None:
    told = parse_info("db0:keys=5,expires=2,avg_ttl=0\r\ndb3:keys=1,expires=1,avg_ttl=0\r\n")
    assert expiring(told) == 3
    assert expiring(parse_info("redis_version:7")) is None
