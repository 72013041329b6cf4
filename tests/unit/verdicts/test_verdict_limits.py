"""Limits judged: states, order, findings and the words they use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from optimus_tui.contract.cluster import NODE_AWAY
from optimus_tui.contract.keyspace import Counter, LimitRules, LimitsReport, ShapeCount, UnparsedNames
from optimus_tui.contract.reading import Coverage
from optimus_tui.probes.http.metrics import parse_rules
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.limits.judge import judge, judge_row
from optimus_tui.verdicts.limits.words import merge_rules
from tests.steps import steps_of

RULES = LimitRules(window_seconds=60, limits={"chat": 150, "profile": 100}, tenants={"vip": {"chat": 1000}})
DONE = Coverage(10, 10, True)


def counter(
    tenant: bytes, operation: bytes = b"chat", count: int | None = 1, ttl_ms: int | None = 30_000, **more: object
) -> Counter:
    fields = {"taken_mono": 100.0, "immortal": ttl_ms is None, **more}
    return Counter(
        key=b"rate_limit:%b:%b" % (tenant, operation),
        tenant=tenant,
        operation=operation,
        count=count,
        ttl_ms=ttl_ms,
        **fields,  # type: ignore[arg-type]
    )


def report(*counters: Counter, **more: object) -> LimitsReport:
    fields = {"rules": RULES, "thresholds": Thresholds(), "coverage": DONE, **more}
    return judge(counters, tracks={}, **fields)  # type: ignore[arg-type]


def rules_of(found: LimitsReport) -> list[str]:
    return [finding.rule for finding in found.findings]


def test_rows_come_by_urgency_and_one_that_cannot_be_read_before_those_that_are_fine() -> None:
    found = report(
        counter(b"odd", b"export", 12),
        counter(b"low", count=3),
        counter(b"list", count=None, problem="a list"),
        counter(b"half", count=75),
        counter(b"near", count=135),
        counter(b"over", count=150),
        counter(b"dead", count=2, ttl_ms=None),
        counter(b"away", count=None, ttl_ms=None, immortal=False, problem=NODE_AWAY),
    )
    tenants, states = zip(*((row.counter.tenant.decode(), row.state) for row in found.rows), strict=True)
    assert tenants == ("dead", "over", "list", "near", "away", "half", "low", "odd")
    assert states == ("immortal", "over", "broken", "near", "unknown", "ok", "ok", "unknown limit")


def test_counters_of_a_node_that_is_away_are_one_finding_with_the_share_of_tenants() -> None:
    away = [counter(tenant, count=None, ttl_ms=None, immortal=False, problem=NODE_AWAY) for tenant in (b"a", b"b")]
    found = report(*away, counter(b"a", b"profile"), counter(b"c"), counter(b"d"), counter(b"e"))
    (one,) = found.findings
    states = [row.state for row in found.rows]
    assert states == ["unknown"] * 2 + ["ok"] * 4, "what is known to be well is cut away first where a list ends"
    assert (one.rule, one.measured, one.samples) == ("limits.node_away", 2.0, 2)
    assert one.message.startswith("2 of 6 counters, of 2 of 5 tenants (40 %), are on a node that does not answer: ")


def test_the_limit_itself_is_over_because_the_next_request_is_refused() -> None:
    row = judge_row(counter(b"a", count=150), None, RULES, Thresholds())
    assert (row.state, row.share, row.refused_in) == ("over", 1.0, 0.0)
    assert judge_row(counter(b"a", count=149), None, RULES, Thresholds()).state == "near"
    assert judge_row(counter(b"a", count=134), None, RULES, Thresholds()).state == "ok"


def test_a_full_counter_is_refused_now_and_one_look_foretells_nothing() -> None:
    full = judge_row(counter(b"a", count=150), None, RULES, Thresholds())
    assert (full.refused_in, full.refused_latest) == (0.0, 0.0)
    one = judge_row(counter(b"a", count=140), None, RULES, Thresholds())
    assert (one.refused_in, one.refused_latest) == (None, None)
    assert one.slope == pytest.approx(140 / 30)
    assert judge_row(counter(b"a", count=50, ttl_ms=None), None, RULES, Thresholds()).resets_mono is None


def test_the_reset_is_on_the_monotonic_clock_row_28() -> None:
    assert judge_row(counter(b"a", ttl_ms=30_000), None, RULES, Thresholds()).resets_mono == 130.0


def test_an_unknown_limit_has_no_share_and_no_verdict() -> None:
    found = report(counter(b"a", b"export", 10**9))
    assert (found.rows[0].state, found.rows[0].share, found.rows[0].limit) == ("unknown limit", None, None)
    assert found.findings == ()


def test_a_wrong_typed_key_costs_only_its_row_and_is_never_zero_rows_17_18() -> None:
    found = report(counter(b"a", count=None, problem="a list"), counter(b"b", count=150), counter(b"c", count=-1))
    assert [row.state for row in found.rows] == ["over", "broken", "broken"]
    assert all(row.share is None for row in found.rows[1:])
    assert rules_of(found) == ["limits.over", "limits.broken"]


def test_an_immortal_counter_is_critical_with_what_it_means() -> None:
    full, part = report(
        counter(b"clinic_b", count=400, ttl_ms=None), counter(b"clinic_c", count=50, ttl_ms=None)
    ).findings
    assert (full.rule, full.severity, full.subject) == ("limits.immortal", "critical", "clinic_b / chat")
    assert "never resets" in full.message
    assert "400 of 150" in full.message
    assert "for good (after a repair: until its TTL ends)" in full.impact
    assert "100 more requests" in part.impact


def test_many_of_a_kind_become_one_finding() -> None:
    found = report(*(counter(b"t%d" % n, count=200, ttl_ms=None) for n in range(40)))
    assert rules_of(found) == ["limits.immortal"]
    assert found.findings[0].message.startswith("40 counters never reset (no TTL): t0 / chat, t10 / chat and 38 more")
    calm = [counter(b"calm%d" % n, count=2) for n in range(20)]
    over = report(*(counter(b"t%d" % n, count=200) for n in range(6)), *calm)
    assert rules_of(over) == ["limits.over"]
    assert over.findings[0].subject == "several counters"


def test_nine_of_nine_tenants_over_blame_the_limit_and_no_client() -> None:
    found = report(*(counter(b"t%d" % n, count=200) for n in range(9)), counter(b"x", b"profile", 2))
    (one,) = found.findings
    assert (one.rule, one.severity, one.subject) == ("limits.over", "high", "limit of chat")
    assert one.message == (
        "all 9 tenants have used up the limit of 150 for chat: "
        "the limit is too low for this traffic, or one limit is shared by all"
    )
    assert "client that loops" not in one.remedy
    assert "no single client" in one.remedy
    some = report(*(counter(b"t%d" % n, count=200) for n in range(3)), *(counter(b"u%d" % n) for n in range(3)))
    assert [finding.subject for finding in some.findings] == ["t0 / chat", "t1 / chat", "t2 / chat"]
    two = report(counter(b"a", count=200), counter(b"b", count=200))
    assert [finding.subject for finding in two.findings] == ["a / chat", "b / chat"]


@pytest.mark.parametrize(("count", "severity"), [(3, "medium"), (150, "high")])
def test_a_counter_that_lives_far_longer_than_its_window_is_a_finding(count: int, severity: str) -> None:
    found = report(counter(b"a", count=count, ttl_ms=86_400_000), counter(b"b", count=2))
    (one,) = [finding for finding in found.findings if finding.rule == "limits.long_ttl"]
    assert (one.severity, one.subject, one.threshold, one.measured) == (severity, "a / chat", 60.0, 86_400)
    assert "expires in 1 d, although its window is 1 min" in one.message
    assert rules_of(report(counter(b"a", ttl_ms=120_000))) == []
    assert found.rows[0].slope is None or found.rows[0].counter.ttl_ms == 86_400_000


def test_where_all_counters_outlive_the_window_the_published_window_is_doubted() -> None:
    found = report(*(counter(b"t%d" % n, ttl_ms=3_600_000) for n in range(9)))
    (one,) = found.findings
    assert (one.rule, one.severity) == ("limits.long_ttl", "medium")
    assert "either the published window_seconds or the writer" in one.remedy


def test_numbers_of_another_limiter_are_said_to_be_that_and_are_medium() -> None:
    bucket = {"count": None, "foreign": True}
    found = report(counter(b"a", problem="-3: another limiter's number", **bucket))  # type: ignore[arg-type]
    (one,) = found.findings
    assert (one.rule, one.severity, one.measured) == ("limits.broken", "medium", "-3")
    assert one.message.startswith("a / chat holds -3, written by another limiter")
    many = report(
        counter(b"a", problem="-3: another limiter's number", **bucket),  # type: ignore[arg-type]
        counter(b"b", problem="12.5: another limiter's number", **bucket),  # type: ignore[arg-type]
        counter(b"c", count=None, problem="not a number"),
    )
    assert [finding.rule for finding in many.findings] == ["limits.broken", "limits.broken"]


def test_a_sliding_window_without_ttl_blocks_nobody() -> None:
    found = report(counter(b"a", count=3, ttl_ms=None, sliding=True))
    assert found.rows[0].state == "ok"
    assert {one.rule: one.severity for one in found.findings} == {"limits.kept": "low"}


def test_a_published_limit_without_sense_is_said_with_the_counters_it_leaves_unjudged() -> None:
    rules, fault = parse_rules({"window_seconds": 60, "limits": {"chat": 0, "profile": -5, "export": 9}})
    assert rules is not None
    assert fault is not None
    found = report(counter(b"a", b"export", 2), rules=rules)
    (one,) = found.findings
    assert (one.rule, one.severity) == ("limits.rules", "medium")
    assert "limits.chat 0 is not a limit; limits.profile -5 is not a limit" in one.message


def test_severities_are_those_of_the_contract() -> None:
    found = report(
        counter(b"i", count=1, ttl_ms=None),
        counter(b"o", count=150),
        counter(b"n", count=140),
        *(counter(b"busy", b"op%d" % n) for n in range(16)),
        thresholds=Thresholds(limit_keys=10),
    )
    assert {f.rule: f.severity for f in found.findings} == {
        "limits.immortal": "critical",
        "limits.over": "high",
        "limits.tenant_share": "high",
        "limits.total": "medium",
        "limits.near": "low",
    }
    assert rules_of(found)[-1] == "limits.near"


def test_fifteen_active_limits_are_allowed_sixteen_are_not() -> None:
    assert report(*(counter(b"t", b"op%d" % n) for n in range(15))).findings == ()
    finding = report(*(counter(b"t", b"op%d" % n) for n in range(16))).findings[0]
    assert (finding.rule, finding.measured, finding.threshold) == ("limits.tenant_share", 16.0, 15.0)


def test_the_total_counts_unparsed_and_unread_keys_and_says_at_least() -> None:
    odd = UnparsedNames(15, 4, (ShapeCount("rate_limit:…", 15),))
    found = report(counter(b"t"), total=990, unparsed=odd, coverage=Coverage(500, None, False))
    assert found.total == 990
    assert found.findings[0].rule == "limits.total"
    assert found.findings[0].message.startswith("at least 1,001 ")
    assert report(counter(b"t"), total=1000).findings == ()


def test_tenants_come_by_number_of_counters() -> None:
    found = report(counter(b"b"), counter(b"a"), counter(b"c", b"chat"), counter(b"c", b"profile"))
    assert [(t.tenant, t.counters) for t in found.tenants] == [(b"c", 2), (b"a", 1), (b"b", 1)]


def test_an_override_applies_to_its_tenant_only() -> None:
    assert judge_row(counter(b"vip", count=200), None, RULES, Thresholds()).limit == 1000
    assert judge_row(counter(b"vip\xff", count=200), None, RULES, Thresholds()).limit == 150


def test_a_limit_of_zero_refuses_everything_and_a_negative_one_is_no_limit() -> None:
    rules = LimitRules(window_seconds=60, limits={"chat": 0, "profile": -5})
    assert judge_row(counter(b"a", count=0), None, rules, Thresholds()).state == "over"
    assert judge_row(counter(b"a", b"profile", 3), None, rules, Thresholds()).state == "unknown limit"


def test_hostile_names_are_escaped_in_findings_row_1() -> None:
    finding = report(counter(b"\x1b]52;c;aGk=\x07", count=1, ttl_ms=None)).findings[0]
    for text in (finding.subject, finding.message, finding.impact, finding.remedy):
        assert text.isprintable()


def test_the_gateway_comes_first_and_settings_fill_the_gaps() -> None:
    configured = LimitRules(
        window_seconds=30, limits={"chat": 1, "export": 5}, tenants={"vip": {"chat": 2, "export": 9}}, source="settings"
    )
    merged = merge_rules(RULES, configured)
    assert merged is not None
    assert merged.window_seconds == 60
    assert (merged.limit_for("x", "chat"), merged.limit_for("vip", "chat")) == (150, 1000)
    assert (merged.limit_for("x", "export"), merged.limit_for("vip", "export")) == (5, 9)
    assert merged.source == "gateway, settings for the rest"
    rest = structs.replace(RULES, default=100)
    assert merge_rules(rest, configured) is rest
    assert merge_rules(RULES, None) is RULES
    assert merge_rules(None, configured) is configured
    assert merge_rules(None, None) is None
    assert merge_rules(RULES, LimitRules(window_seconds=1, limits={"chat": 2})).source == "gateway"


@given(
    st.lists(
        st.builds(
            counter,
            st.binary(max_size=8),
            st.sampled_from([b"chat", b"export", b"\xff"]),
            st.none() | st.integers(-(10**30), 10**30),
            st.none() | st.integers(0, 10**13),
        ),
        max_size=30,
    )
)
def test_any_counters_are_judged_and_none_is_lost(counters: list[Counter]) -> None:
    found = report(*counters)
    assert len(found.rows) == len(counters)
    assert all(row.share is None for row in found.rows if row.state in ("broken", "unknown limit"))


@pytest.mark.unmeasured
def test_twenty_thousand_counters_are_judged_in_a_few_steps_each_row_22() -> None:
    counters = [counter(b"t%d" % (n % 2000), b"op%d" % (n % 9), n % 200) for n in range(20_000)]
    _, steps = steps_of(lambda: report(*counters))
    assert steps <= 150 * len(counters)
