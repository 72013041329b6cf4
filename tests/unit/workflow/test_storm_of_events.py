"""A storm of events: why its issue type is what it is, and what helps stands first."""

from optimus_tui.contract.finding_rules import CACHE_HIT_RATE, EVENTS_FLOOD
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import OpenFinding, Outcome, Step, StepPlan, TeamAdvice
from optimus_tui.contract.keyspace import EventSource, FeedStatus
from optimus_tui.contract.tools.common import Diagnostic, Recommendation
from optimus_tui.settings.model import Thresholds
from optimus_tui.tools.pages.report_sections import diagnostics
from optimus_tui.verdicts.causes import relate
from optimus_tui.verdicts.coherence.events import EventRate, common_source, find_flood, judge
from optimus_tui.workflow.ranking import rank_issues
from optimus_tui.workflow.recommendations import TEAM, advise

BARS = Thresholds()
STORM = [("cache_invalidated", "acme", "cache_coherence:acme")] * 90 + [("other", "beta", "cache_coherence:beta")] * 10
SOURCE = EventSource(type="cache_invalidated", tenant="acme", channel="cache_coherence:acme")
WHAT = "cache_invalidated of acme on cache_coherence:acme"
STOP = f"Stop what publishes {WHAT}; the feed counts all by type, tenant and channel."


def test_what_most_events_have_in_common_is_named_and_nothing_else() -> None:
    assert common_source(STORM) == SOURCE
    spread = [("cache_invalidated", f"t{n}", f"cache_coherence:t{n}") for n in range(10)]
    assert common_source([("a", "", "")] * 3) == EventSource(type="a"), "no tenant is named"
    source = common_source([*spread, *spread[:3], spread[0]])
    busiest = "21 % of t0, 14 % of t1, 14 % of t2 and 7 tenants more"
    assert source == EventSource(type="cache_invalidated", busiest=busiest)
    (flood,) = find_flood(EventRate(1_523.0, 5.0), BARS, source)
    assert flood.message.endswith("; most are cache_invalidated"), "what changes with each reading is no headline"
    assert flood.remedy.startswith(f"Stop what publishes cache_invalidated (busiest: {busiest})")
    assert "No event says which client sent it" in flood.remedy
    assert common_source([]) == EventSource()


def test_the_finding_names_rate_span_type_tenant_and_channel() -> None:
    (found,) = find_flood(EventRate(1_523.0, 5.0), BARS, SOURCE)
    assert found.message == f"1,523 coherence events a second in the last 5 s, more than 200; most are {WHAT}"
    assert found.remedy.startswith(STOP) and "CLIENT LIST" in found.remedy, "who publishes can be named"
    (bare,) = find_flood(EventRate(1_523.0, 5.0), BARS)
    assert bare.message.endswith("more than 200") and bare.remedy.startswith("See in the feed")
    status = FeedStatus(state="live", rate=1_523.0, source=SOURCE, verified_mono=0.0, last_event_mono=0.0)
    assert judge(status, mono=0.0, thresholds=BARS) == [found]


def related() -> tuple[Finding, ...]:
    (flood,) = find_flood(EventRate(1_523.0, 5.0), BARS, SOURCE)
    rate = Finding(rule=CACHE_HIT_RATE, severity="high", subject="hit rate", message="hit rate 30 %", since=40.0)
    return relate(
        [rate, Finding(**{**{name: getattr(flood, name) for name in flood.__struct_fields__}, "since": 10.0})]
    )


def looked(recommendations: tuple[Recommendation, ...] = ()) -> Outcome:
    return Outcome(
        verdict="high", severity="high", headline="", findings=diagnostics(related()), recommendations=recommendations
    )


def test_the_issue_type_says_why_it_is_this_one() -> None:
    first = rank_issues(looked(), 500.0)[0]
    assert first.issue == "cache_miss"
    assert f"most are {WHAT} (a flood of events is examined with the caches, which follow them)" in first.reason


def test_what_the_team_does_about_a_note_is_no_more_urgent_than_the_note() -> None:
    plan = StepPlan(id="identify", title="Identify", kind="tool", tool="troubleshoot_production_issue")
    team = (TeamAdvice(when=("latency.", EVENTS_FLOOD), action="Restart", priority="high", command=":remedy it"),)
    opened_for = (OpenFinding(rule=EVENTS_FLOOD, subject="events", since=None, severity="high"),)

    def urgency(severity: str, *alarm: OpenFinding, rule: str = "latency.look") -> list[str]:
        note = Diagnostic(severity=severity, rule=rule, subject="engine", message="1 of 10 checks took 675 ms")
        step = Step(plan=plan, status="done", outcome=Outcome(
            verdict="", severity=severity, headline="", findings=(note,)
        ))  # fmt: skip
        return [one.priority for one in advise([step], team, (), None, alarm) if one.source == TEAM]

    assert urgency("low") == ["low"]
    assert urgency("low", rule="latency.few") == [], "a few slow answers are no reason to restart anything"
    assert urgency("medium", rule="latency.few") == ["high"]
    assert urgency("medium") == ["high"], "the team's word on what matters"
    assert urgency("low", *opened_for) == ["low"], "no step finds a fault any more: the alarm is over"
    nothing = Step(plan=plan, status="done", outcome=Outcome(verdict="", severity="none", headline=""))
    assert [one.priority for one in advise([nothing], team, (), None, opened_for)] == ["low"], (
        "nothing was found at all"
    )
    waits = Step(plan=plan)
    assert [one.priority for one in advise([waits], team, (), None, opened_for)] == ["high"], "no step has looked yet"
    assert urgency("medium", *opened_for) == ["high"]


def test_what_stops_the_flood_comes_before_what_its_effect_asks_for() -> None:
    found = (
        Recommendation(action="Raise the TTL", priority="high", reason="hit rate 30 %", rule=CACHE_HIT_RATE),
        Recommendation(action=STOP, priority="medium", reason="1,523", rule=EVENTS_FLOOD),
    )
    plan = StepPlan(id="identify", title="Identify", kind="tool", tool="troubleshoot_production_issue")
    step = Step(plan=plan, status="done", outcome=looked(found))
    team = (TeamAdvice(when=(EVENTS_FLOOD,), action="Stop the publisher", priority="low", command=":remedy stop"),)
    advice = advise([step], team, (), None)
    assert [(one.action, one.priority) for one in advice[:3]] == [
        ("Stop the publisher", "high"),
        (STOP, "high"),
        ("Raise the TTL", "high"),
    ]
    assert advice[0].source == TEAM
