"""A cause is claimed with evidence only: the right kinds, one subject, and the order in time."""

import pytest
from msgspec.structs import replace

from optimus_tui.contract.finding_causes import can_follow_from
from optimus_tui.contract.finding_rules import (
    BREAKER_OPEN,
    CACHE_BULK,
    CACHE_CHURN,
    CACHE_HIT_RATE,
    ERRORS_RATE,
    EVENTS_FLOOD,
    FEED_DOWN,
    LIMITS_OVER,
    LIMITS_REFUSED,
    SERVER_UNREACHABLE,
    SERVICES_ENGINE,
    SERVICES_FLAPPING,
)
from optimus_tui.contract.findings import Finding, Severity, overall_of
from optimus_tui.verdicts.alerts import Alerts, step
from optimus_tui.verdicts.causes import relate, without_evidence
from optimus_tui.verdicts.coherence.bulk import BulkEvent, burst, find_bulk
from optimus_tui.verdicts.episodes import track

NOW = 1_000.0


def finding(rule: str, subject: str, since: float | None, severity: Severity = "high") -> Finding:
    return Finding(rule=rule, severity=severity, subject=subject, message=f"{rule} holds", since=since)


def bulk(tenant: str = "clinic_b", count: int = 559, since: float = 900.0) -> Finding:
    events = [BulkEvent(since + n * 90.0 / count, tenant) for n in range(count)]
    (found,) = find_bulk(burst(events, NOW), NOW)
    return found


def rules(*findings: Finding) -> list[tuple[str, str]]:
    return [(one.rule, one.severity) for one in relate(findings)]


def test_the_cause_is_on_top_as_severe_as_its_effect_which_says_the_evidence() -> None:
    cause, effect = relate([finding(CACHE_HIT_RATE, "hit rate", 940.0), bulk()])
    assert (cause.rule, cause.severity, cause.caused_by) == (CACHE_BULK, "high", None)
    assert effect.caused_by == (CACHE_BULK, "bulk invalidations")
    assert effect.message == f"{CACHE_HIT_RATE} holds; it fell 40 s after 559 bulk invalidations of clinic_b began"


def test_without_the_order_in_time_they_stay_two_findings() -> None:
    rate = finding(CACHE_HIT_RATE, "hit rate", 940.0)
    apart = [(CACHE_HIT_RATE, "high"), (CACHE_BULK, "low")]
    assert rules(replace(rate, since=900.0), bulk()) == apart, "at the same moment"
    assert rules(replace(rate, since=880.0), bulk()) == apart, "the effect was there before"
    assert rules(replace(rate, since=None), bulk()) == apart, "since when is not known"
    assert rules(replace(rate, since=1_600.0), bulk()) == apart, "too long after"


def test_the_subject_must_be_the_same() -> None:
    over = finding(LIMITS_OVER, "demo_dentist / chat", 900.0)
    refused = finding(LIMITS_REFUSED, "demo_dentist", 910.0, "critical")
    assert rules(refused, over) == [(LIMITS_OVER, "critical"), (LIMITS_REFUSED, "critical")]
    assert rules(replace(refused, subject="acme"), over) == [(LIMITS_REFUSED, "critical"), (LIMITS_OVER, "high")]
    engine = finding(SERVICES_ENGINE, "engine", 900.0, "critical")
    assert relate([finding(BREAKER_OPEN, "postgres", 905.0), engine])[1].caused_by is None


def test_groups_stand_by_their_worst_and_hold_together() -> None:
    engine = finding(SERVICES_ENGINE, "engine", 900.0, "critical")
    other = finding("services.gateway", "postgres", 1.0, "high")
    found = relate([other, finding(ERRORS_RATE, "gateway", 915.0, "medium"), engine])
    assert [one.rule for one in found] == [SERVICES_ENGINE, ERRORS_RATE, "services.gateway"]


def test_what_is_held_stands_below_what_is_true_now_and_causes_none_of_it() -> None:
    held = replace(finding(CACHE_HIT_RATE, "hit rate", 900.0, "critical"), held=True)
    engine = finding(SERVICES_ENGINE, "engine", 950.0, "high")
    slow = finding("latency.p95", "route /api/chat", 960.0, "medium")
    note = finding("cache.large", "cache", 1.0, "low")
    found = relate([held, note, slow, engine])
    assert [one.subject for one in found] == ["engine", "route /api/chat", "hit rate", "cache"]
    assert [one.severity for one in found] == ["high", "medium", "critical", "low"]
    assert relate([held, slow])[0] == slow, "no cause"
    bulk_now = relate([replace(held, since=940.0), bulk()])
    assert [(one.rule, one.severity) for one in bulk_now] == [(CACHE_BULK, "low"), (CACHE_HIT_RATE, "critical")]
    assert overall_of((held,)) == "needs_attention" and overall_of((held, engine)) == "needs_attention"
    assert overall_of((replace(held, held=False),)) == "critical"


def test_a_slow_engine_is_above_the_routes_that_became_slow_although_its_rule_changes() -> None:
    now, over = finding("latency.now", "engine", None), finding("latency.p95", "engine", None)
    state, (engine,) = track({}, [now], 100.0, 100.0)
    _, (later,) = track(state, [over], 105.0, 105.0)
    assert (engine.since, later.since) == (100.0, 100.0), "one trouble, one beginning"
    routes = [finding("latency.half", f"route /api/{name}", 95.0 + at) for at, name in enumerate(("chat", "profile"))]
    found = relate([*routes, later])
    assert [one.subject for one in found] == ["engine", "route /api/chat", "route /api/profile"]
    assert "; it began 3.0 s after " in found[1].message
    assert relate([replace(routes[0], since=92.0), later])[0].subject == "route /api/chat", "it was slow before"


def test_an_effect_has_the_remedy_of_the_first_cause_and_alone_its_own() -> None:
    down = replace(finding(SERVICES_ENGINE, "engine", 900.0, "critical"), remedy="Start the engine.")
    flapping = replace(finding(SERVICES_FLAPPING, "engine", 920.0, "medium"), remedy="See its log.")
    (_, effect) = relate([flapping, down])
    assert (effect.rule, effect.remedy) == (SERVICES_FLAPPING, "Start the engine.")
    assert effect.caused_by == (SERVICES_ENGINE, "engine")
    assert without_evidence(effect).remedy == "See its log." and without_evidence(effect) == flapping
    (alone,) = relate([flapping])
    assert alone.remedy == "See its log."
    slow = replace(finding("latency.p95", "route /api/chat", 960.0, "medium"), remedy="See what it waits for.")
    rate = replace(finding(CACHE_HIT_RATE, "hit rate", 940.0), remedy="Find what drops keys.")
    first, *effects = relate([slow, rate, bulk()])
    assert first.remedy and [one.remedy for one in effects] == [first.remedy] * 2
    assert relate([down, replace(finding(SERVICES_FLAPPING, "gateway", 920.0), remedy="r")])[1].remedy == "r"


FLOOD = replace(
    finding(EVENTS_FLOOD, "coherence feed", 900.0, "medium"),
    as_cause="a flood of 1,511 coherence events a second began",
)
CHURN = replace(finding(CACHE_CHURN, "invalidations", 900.0, "low"), as_cause="the first of 80 refills")


@pytest.mark.parametrize("cause", [FLOOD, CHURN, bulk()], ids=lambda one: one.rule)
@pytest.mark.parametrize("about", ["route /api/chat", "gateway"])
@pytest.mark.parametrize("rule", ["latency.p95", "latency.half", "latency.now"])
def test_what_the_gateway_serves_slowly_stands_below_the_storm_that_began_before(
    cause: Finding, about: str, rule: str
) -> None:
    slow = finding(rule, about, 930.0, "high")
    first, second = relate([slow, cause])
    assert (first.rule, first.severity, first.caused_by) == (cause.rule, "high", None)
    assert second.caused_by == (cause.rule, cause.subject)
    assert second.message == f"{slow.message}; it began 30 s after {cause.as_cause}"
    assert relate([replace(slow, since=890.0), cause])[0].message == slow.message, "it was slow before"
    assert all(one.caused_by is None for one in relate([replace(slow, since=900.0), cause])), "at the same moment"
    engine = finding(rule, "engine", 930.0, "high")
    assert all(one.caused_by is None for one in relate([engine, cause])), "the engine does not carry out events"


def test_a_slow_engine_or_a_lower_hit_rate_comes_before_a_storm_as_the_cause_of_a_slow_route() -> None:
    slow = finding("latency.p95", "route /api/chat", 960.0, "medium")
    engine = finding("latency.p95", "engine", 920.0, "high")
    assert {one.subject: one.caused_by for one in relate([slow, FLOOD, engine])} == {
        "engine": None, "coherence feed": None, "route /api/chat": ("latency.p95", "engine"),
    }  # fmt: skip
    rate = replace(finding(CACHE_HIT_RATE, "hit rate", 940.0), as_cause="the hit rate fell")
    assert [one.caused_by for one in relate([slow, FLOOD, rate])] == [
        None, (EVENTS_FLOOD, "coherence feed"), (CACHE_HIT_RATE, "hit rate"),
    ]  # fmt: skip


def test_a_slow_redis_stands_below_the_flood_and_above_the_routes() -> None:
    redis = replace(finding("latency.now", "redis", 930.0, "medium"), as_cause="redis became slow")
    route = finding("latency.p95", "route /api/chat", 960.0, "medium")
    assert [(one.subject, one.caused_by) for one in relate([route, redis, FLOOD])] == [
        ("coherence feed", None),
        ("redis", (EVENTS_FLOOD, "coherence feed")),
        ("route /api/chat", ("latency.now", "redis")),
    ]


@pytest.mark.parametrize(("rule", "about"), [(ERRORS_RATE, "gateway"), (BREAKER_OPEN, "ai_engine")])
def test_failures_that_are_counted_just_before_the_next_check_of_a_dead_engine_follow_from_it(
    rule: str, about: str
) -> None:
    engine = replace(finding(SERVICES_ENGINE, "engine", 900.0, "critical"), as_cause="engine went down")
    failed = finding(rule, about, 898.5, "high")
    first, second = relate([failed, engine])
    assert (first.rule, second.caused_by) == (SERVICES_ENGINE, (SERVICES_ENGINE, "engine"))
    assert f" at the time when {engine.as_cause}" in second.message
    assert second.below_cause.endswith((" began at the same time", " opened at the same time"))
    assert relate([replace(failed, since=896.0), engine])[1].caused_by is None, "it failed before the check before"
    assert relate([replace(failed, since=901.0), engine])[1].message.endswith(f"1.0 s after {engine.as_cause}")


def test_what_needs_redis_stands_below_a_redis_that_does_not_serve() -> None:
    redis = finding(SERVER_UNREACHABLE, "redis", 900.0, "critical")
    feed, gateway = finding(FEED_DOWN, "coherence feed", 899.0, "medium"), finding("services.gateway", "gateway", 899.5)
    first, *others = relate([gateway, feed, redis])
    assert (first.rule, {one.caused_by for one in others}) == (SERVER_UNREACHABLE, {(SERVER_UNREACHABLE, "redis")})


def test_a_slow_route_is_never_the_cause_of_a_storm() -> None:
    slow = finding("latency.p95", "route /api/chat", 900.0, "high")
    assert all(
        one.caused_by is None for one in relate([slow, replace(FLOOD, since=930.0), replace(CHURN, since=940.0)])
    )


def test_a_chain_stands_in_its_order() -> None:
    slow = finding("latency.p95", "route /api/chat", 960.0, "medium")
    rate = replace(finding(CACHE_HIT_RATE, "hit rate", 940.0), as_cause="the hit rate fell")
    found = relate([slow, rate, bulk()])
    assert [(one.rule, one.severity) for one in found] == [
        (CACHE_BULK, "high"),
        (CACHE_HIT_RATE, "high"),
        ("latency.p95", "medium"),
    ]
    assert found[1].below_cause.endswith("; it fell 40 s after that")
    assert found[2].message == "latency.p95 holds; it began 20 s after the hit rate fell"
    assert found[2].below_cause == "", "another effect of the first cause may stand between"
    assert relate(found) == found, "said once"


def test_a_burst_ends_after_a_silence_that_its_own_pace_does_not_have_and_few_are_nothing() -> None:
    events = [BulkEvent(float(at), "acme") for at in range(20)]
    assert burst(events, 33.0)[0].at == 0.0 and burst(events, 35.0) == ()
    slow = [BulkEvent(at * 4.0, "acme") for at in range(20)]
    assert burst(slow, 76.0 + 39.0)[0].at == 0.0 and burst(slow, 76.0 + 41.0) == ()
    few = events[:5]
    assert burst(few, 63.0) == tuple(few) and burst(few, 65.0) == ()
    assert burst([*events, BulkEvent(200.0, "acme")], 210.0) == (BulkEvent(200.0, "acme"),)
    assert find_bulk(events[:9], 19.0) == []
    names = [BulkEvent(float(at), f"t{at % 4}") for at in range(40)]
    (found,) = find_bulk(names, 40.0)
    assert found.message == "40 bulk invalidations of 4 tenants (t0, t1 and 2 more) in the last 40 s"


def test_one_cause_is_announced_and_not_its_effects() -> None:
    state, _ = step(Alerts(), [], now=0.0, mono=0.0)
    state, _ = step(state, [], now=10.0, mono=10.0)
    both = relate([finding(CACHE_HIT_RATE, "hit rate", 940.0), bulk()])
    state, notices = step(state, both, now=NOW, mono=20.0)
    assert [(one.finding.rule, one.severity) for one in notices] == [(CACHE_BULK, "high")]
    alone = [finding(CACHE_HIT_RATE, "hit rate", 940.0)]
    _, notices = step(state, alone, now=NOW + 5, mono=25.0)
    assert not notices, "its cause is gone: that it is still there is no news"


@pytest.mark.parametrize(
    ("rule", "subject", "effect_rule", "about", "can"),
    [
        ("services.engine", "engine", "errors.rate", "gateway", True),
        ("latency.p95", "engine", "latency.p95", "route /a", True),
        ("latency.p95", "route /b", "latency.p95", "route /a", False),
        ("limits.over", "a / chat", "limits.refused", "a / chat", True),
        ("limits.over", "b / chat", "limits.refused", "a / chat", False),
        ("cache.churn", "feed", "errors.rate", "gateway", False),
    ],
)
def test_what_can_have_followed_from_a_cause_that_is_gone_is_asked_of_the_table(
    rule: str, subject: str, effect_rule: str, about: str, can: bool
) -> None:
    effect = Finding(rule=effect_rule, severity="medium", subject=about, message="")
    assert can_follow_from(rule, subject, effect) is can
