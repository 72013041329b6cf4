"""Refused requests judged: shares of one population, unknown where nobody counts, and limits that are not in force."""

import pytest
from msgspec.structs import replace

from optimus_tui.contract.keyspace import Counter, LimitRules
from optimus_tui.contract.services import Counted, Increase
from optimus_tui.verdicts.limits.refusals import find_refusals, find_refusals_lately, find_refused_below

RULES = LimitRules(window_seconds=60, limits={"chat": 100})


def asked(*rows: tuple[str, str, float], minutes: float = 5.0) -> Increase:
    """Requests as (tenant, status, count)."""
    series = tuple(Counted(labels={"tenant": t, "status": s}, increase=n) for t, s, n in rows)
    return Increase(name="http_requests_total", series=series, covered_minutes=minutes, source="history")


def refused(*rows: tuple[str, float], minutes: float = 5.0, operation: str = "chat") -> Increase:
    series = tuple(Counted(labels={"tenant": t, "operation": operation}, increase=n) for t, n in rows)
    return Increase(name="rate_limit_refused_total", series=series, covered_minutes=minutes, source="history")


@pytest.mark.parametrize(
    ("passed", "no", "severity"), [(700, 300, "high"), (180, 20, "high"), (9_000, 300, None), (30, 19, None)]
)
def test_a_tenth_of_a_tenants_requests_refused_is_high(passed: int, no: int, severity: str | None) -> None:
    found = find_refusals(asked(("acme", "200", passed), ("acme", "429", no)), refused(("acme", no)))
    assert [(one.rule, one.severity, one.subject) for one in found] == (
        [("limits.refused", severity, "acme")] if severity else []
    )


def test_the_share_is_the_tenants_own_and_not_that_of_all() -> None:
    requests = asked(("acme", "200", 100), ("acme", "429", 40), ("big", "200", 100_000))
    (one,) = find_refusals(requests, refused(("acme", 40)))
    assert one.measured == pytest.approx(40 / 140)
    assert find_refusals(requests, refused(("acme", 40)), "big") == []


@pytest.mark.parametrize(
    ("passed", "no", "severities"),
    [
        (200, 0, ["low"]),  # it is over
        (100, 100, ["high"]),  # it goes on
        (5, 0, ["high"]),  # too few requests to say
    ],
)
def test_refusals_that_ended_are_told_as_past(passed: int, no: int, severities: list[str]) -> None:
    before = asked(("acme", "200", 700), ("acme", "429", 300)), refused(("acme", 300))
    lately = asked(("acme", "200", passed), ("acme", "429", no), minutes=1.5), refused(("acme", no), minutes=1.5)
    found = find_refusals_lately(before, lately)
    assert [one.severity for one in found] == severities
    assert ("0 refusals of all tenants in the last 1 min 30 s" in found[0].message) == (severities == ["low"])


def test_refusals_of_a_tenant_that_ended_beside_one_that_goes_on() -> None:
    before = asked(("acme", "200", 700), ("shop", "200", 700)), refused(("acme", 300), ("shop", 300))
    lately = asked(("acme", "200", 90), ("shop", "200", 90), minutes=1.5), refused(("shop", 50.0), minutes=1.5)
    found = find_refusals_lately(before, lately)
    assert [(one.subject, one.severity) for one in found] == [("shop", "high"), ("acme", "low")]


NEAR = 24 / 60


@pytest.mark.parametrize(
    ("passed", "no", "says"),
    [
        (60, 0, "; none of the last 60 requests (24 s)"),
        (60, 3, "; 3 of the last 63 requests (24 s)"),
        (60, 9, ""),  # it goes on
        (19, 0, "; none of the last 19 requests (24 s)"),  # few, but 27 refusals would have come
        (4, 0, "; none of the last 4 requests (24 s)"),  # its client is gone
        (3, 1, ""),  # too few to say
        (0, 0, ""),  # nobody asks
        (72, 0, "; none of the last 72 requests (24 s)"),  # more than 64 usually, but by chance
        (100, 0, "; none of the last 100 requests (24 s)"),  # more than usual, but of fewer than came before
        (130, 0, ""),  # as many come, and many more get through: its limit's window has just begun
    ],
)
def test_the_last_half_minute_of_the_tenant_decides_where_enough_came(passed: int, no: int, says: str) -> None:
    beside = ("shop", "200", 500)
    window = asked(("acme", "200", 700), ("acme", "429", 300), beside), refused(("acme", 300))
    minute = asked(("acme", "200", 240), ("acme", "429", 200), beside, minutes=1.5), refused(("acme", 200), minutes=1.5)
    near = (
        asked(("acme", "200", passed), ("acme", "429", no), beside, minutes=NEAR),
        refused(("acme", no), minutes=NEAR),
    )
    (found,) = find_refusals_lately(window, near, minute)
    assert found.severity == ("low" if says else "high")
    assert found.message.endswith(says or "of its requests)") and "in 1 min 30 s" in found.message
    none_lately = NEAR * 60 if not no and not says else None
    assert found.proved_seconds == none_lately, "what is past stays past while none is refused"


def test_a_tenant_that_the_requests_do_not_name_waits_for_the_longer_span() -> None:
    window = asked(("", "200", 1000)), refused(("acme", 300))
    minute = asked(("", "200", 300), minutes=1.5), refused(("acme", 100), minutes=1.5)
    near = asked(("", "200", 80), minutes=NEAR), refused(minutes=NEAR)
    assert [one.severity for one in find_refusals_lately(window, near, minute)] == ["high"]


def test_many_tenants_have_ended_only_together() -> None:
    names = [f"t{n}" for n in range(9)]
    window = asked(*((name, "429", 50.0) for name in names)), refused(*((name, 50.0) for name in names))
    near = asked(("t1", "200", 40), ("t2", "200", 40), minutes=NEAR), refused(minutes=NEAR)
    minute = replace(window[0], covered_minutes=1.5), replace(window[1], covered_minutes=1.5)
    (found,) = find_refusals_lately((asked(*((name, "200", 900) for name in names)), window[1]), near, minute)
    assert (found.subject, found.severity) == ("several tenants", "low")
    still = asked(("t1", "200", 40), ("t2", "429", 40), minutes=NEAR), refused(("t2", 40), minutes=NEAR)
    assert find_refusals_lately(window, still, minute)[0].severity == "high"


def test_refusals_that_the_requests_do_not_hold_are_added_to_them() -> None:
    (one,) = find_refusals(asked(("acme", "200", 100)), refused(("acme", 100)))
    assert one.measured == 0.5


def test_without_requests_by_tenant_the_share_is_unknown_and_medium() -> None:
    requests = asked(("", "200", 100_000))
    (one,) = find_refusals(requests, refused(("acme", 300)))
    assert (one.severity, one.measured) == ("medium", 300.0)
    assert "requests are not counted by tenant" in one.message
    (sure,) = find_refusals(asked(("", "200", 1000)), refused(("acme", 300)))
    assert (sure.severity, sure.subject) == ("high", "acme")  # a tenth of all is more than a tenth of its own


def test_counts_over_different_times_make_no_share() -> None:
    (one,) = find_refusals(asked(("acme", "200", 100), minutes=1.0), refused(("acme", 300), minutes=30.0))
    assert one.severity == "medium"
    assert "another time" in one.message


def test_a_gateway_that_counts_no_tenant_is_judged_as_a_whole() -> None:
    (one,) = find_refusals(asked(("", "200", 100), ("", "429", 100)), refused(("", 100)), "acme")
    assert (one.severity, one.subject) == ("high", "all tenants together")


def test_unknown_refusals_are_nothing_and_a_few_are_none() -> None:
    assert find_refusals(asked(("acme", "200", 100)), Increase(name="rate_limit_refused_total")) == []
    assert find_refusals(asked(("acme", "200", 997), ("acme", "429", 3)), refused(("acme", 3))) == []


def test_what_is_refused_within_seconds_is_judged_by_its_pace() -> None:
    seconds = 2.5 / 60
    requests = asked(("acme", "200", 12), ("acme", "429", 5), minutes=seconds)
    (one,) = find_refusals(requests, refused(("acme", 5), minutes=seconds))
    assert one.severity == "high"
    assert find_refusals(requests, refused(("acme", 2), minutes=seconds)) == []


def test_a_whole_life_of_unknown_length_is_medium_and_says_so() -> None:
    requests = asked(("acme", "200", 700), ("acme", "429", 300))
    (one,) = find_refusals(requests, refused(("acme", 300)), since_start=True)
    assert one.severity == "medium"
    assert "at an unknown time" in one.message


def test_many_tenants_are_one_finding_and_no_client_is_blamed() -> None:
    rows = [(f"t{n}", "429", 50.0) for n in range(9)]
    (one,) = find_refusals(asked(*rows), refused(*((t, n) for t, _, n in rows)))
    assert (one.severity, one.subject) == ("high", "several tenants")
    assert "client" not in one.remedy


def counter(count: int, mono: float, ttl_ms: int | None = 30_000) -> Counter:
    return Counter(
        key=b"rate_limit:acme:chat", tenant=b"acme", operation=b"chat", count=count, ttl_ms=ttl_ms, taken_mono=mono,
        immortal=ttl_ms is None,
    )  # fmt: skip


def below(first: Counter, second: Counter, grown: float = 4.0, **more: object) -> list[str]:
    growth = refused(("acme", grown), minutes=2 / 60)
    found = find_refused_below(growth, {first.key: first}, {second.key: second}, more.get("rules", RULES))  # type: ignore[arg-type]
    return [f"{one.severity} {one.rule} {one.subject}" for one in found]


def test_refusals_below_the_published_limit_say_that_another_is_in_force() -> None:
    told = ["high limits.refused_below acme / chat"]
    assert below(counter(40, 100.0), counter(40, 103.0, 27_000)) == told
    assert below(counter(40, 100.0, None), counter(44, 103.0, None)) == told
    odd = refused(("acme", 4.0), minutes=2 / 60, operation="")
    first, second = counter(40, 100.0), counter(41, 103.0, 27_000)
    (one,) = find_refused_below(odd, {first.key: first}, {second.key: second}, RULES)
    assert (one.measured, one.threshold) == (41.0, 100.0)
    assert "stood at 41 of the published 100" in one.message


def test_a_counter_that_was_or_may_have_been_full_explains_its_refusals() -> None:
    assert below(counter(100, 100.0), counter(101, 103.0)) == []
    assert below(counter(40, 100.0), counter(100, 103.0)) == []
    assert below(counter(99, 100.0, 1_000), counter(1, 103.0, 59_000)) == []  # another window
    assert below(counter(40, 100.0, 1_000), counter(45, 103.0, 59_000)) == []
    assert below(counter(40, 100.0), counter(40, 103.0), grown=0.0) == []
    assert below(counter(40, 100.0), counter(40, 103.0), rules=None) == []
    assert below(replace(counter(40, 100.0), count=None), counter(40, 103.0)) == []
