"""What a gateway publishes: only sensible numbers count."""

from typing import Any

import pytest

from optimus_tui.probes.http.metrics import parse_cache_metrics, parse_rules


@pytest.mark.parametrize(
    "rate", [float("nan"), float("inf"), -0.1, 1.01, 85, True, "0.85", [0.5], {"a": 1}], ids=lambda rate: repr(rate)
)
def test_a_hit_rate_that_is_no_share_is_left_out_and_said_row_91(rate: object) -> None:
    metrics, fault = parse_cache_metrics({"hit_rate": rate, "total_keys": 7})
    assert metrics is not None and metrics.hit_rate is None and metrics.total_keys == 7
    assert fault is not None and "hit_rate" in fault.message


@pytest.mark.parametrize("total", [-1, 1.5, True, "7", 10**30])
def test_a_key_count_that_is_no_count_costs_only_itself(total: object) -> None:
    metrics, fault = parse_cache_metrics({"hit_rate": 0, "total_keys": total})
    assert metrics is not None and metrics.hit_rate == 0.0 and metrics.total_keys is None
    assert fault is not None and "total_keys" in fault.message


def test_null_means_that_the_gateway_does_not_say() -> None:
    metrics, fault = parse_cache_metrics({"hit_rate": None, "total_keys": 3})
    assert metrics is not None and metrics.hit_rate is None and fault is None
    assert parse_cache_metrics({})[0] is None


@pytest.mark.parametrize("window", [None, 0, -60, 60.0, "60", True, 10**12])
def test_rules_without_a_window_are_none(window: object) -> None:
    rules, fault = parse_rules({"window_seconds": window, "limits": {"chat": 5}})
    assert rules is None and fault is not None and "window_seconds" in fault.message


def test_a_bad_limit_costs_only_its_entry() -> None:
    hostile: dict[str, Any] = {
        "chat": 5,
        "b\x1b[2J": 0,
        "c": -1,
        "d": True,
        "e": 1.5,
        "f": "9",
        "g": 10**30,
        "h" * 600: 5,
    }
    tenants = {"acme": {"chat": 9, "x": None}, "list": [1], "empty": {}, "long" * 200: {"chat": 1}}
    rules, fault = parse_rules({"window_seconds": 60, "limits": hostile, "tenants": tenants})
    assert rules is not None
    assert rules.limits == {"chat": 5}
    assert rules.tenants == {"acme": {"chat": 9}}
    assert fault is not None and fault.message.isprintable() and len(fault.message) < 500


def test_a_default_limit_holds_for_what_is_not_named_and_a_bad_one_is_said() -> None:
    rules, fault = parse_rules({"window_seconds": 60, "limits": {"chat": 5}, "default_limit": 100})
    assert fault is None and rules is not None
    assert (rules.limit_for("acme", "chat"), rules.limit_for("acme", "list_products")) == (5, 100)
    for bad in (0, True, "100", 1e3):
        rules, fault = parse_rules({"window_seconds": 60, "limits": {"chat": 5}, "default_limit": bad})
        assert rules is not None and rules.limit_for("acme", "list_products") is None
        assert fault is not None and "default_limit" in fault.message


def test_more_than_a_thousand_names_are_capped_and_said() -> None:
    many = {f"op{number}": 5 for number in range(1500)}
    rules, fault = parse_rules({"window_seconds": 60, "limits": many, "tenants": {name: {"a": 1} for name in many}})
    assert rules is not None and len(rules.limits) == 1000 and len(rules.tenants) == 1000
    assert fault is not None and "first 1,000 of 1,500" in fault.message


@pytest.mark.parametrize("limits", [None, [], "x", 5])
def test_limits_that_are_no_object_are_said(limits: object) -> None:
    rules, fault = parse_rules({"window_seconds": 60, "limits": limits})
    assert rules is not None and rules.limits == {} and fault is not None


def test_hits_and_misses_are_read_where_the_gateway_counts_them() -> None:
    metrics, fault = parse_cache_metrics({"hit_rate": 0.75, "total_keys": 3, "hits": 30.0, "misses": 10})
    assert metrics is not None and (metrics.hits, metrics.misses, fault) == (30, 10, None)
    metrics, fault = parse_cache_metrics({"hit_rate": 0.75, "total_keys": 3})
    assert metrics is not None and (metrics.hits, metrics.misses, fault) == (None, None, None)


@pytest.mark.parametrize("count", [-1, 1.5, True, "7", [], float("inf"), float("nan"), 1e300])
def test_a_count_that_is_none_is_left_out_and_said_and_the_rate_stays_row_91(count: object) -> None:
    metrics, fault = parse_cache_metrics({"hit_rate": 0.75, "total_keys": 3, "hits": count, "misses": 10})
    assert metrics is not None and (metrics.hit_rate, metrics.hits, metrics.misses) == (0.75, None, 10)
    assert fault is not None and "hits" in fault.message
