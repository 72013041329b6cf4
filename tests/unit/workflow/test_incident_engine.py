"""The incident's engine: the five steps, the operator's decisions, redo, branch, actions and their checks; replay."""

import json
from collections.abc import Mapping
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from optimus_tui.contract import incident as shapes
from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.actions import ActionKind
from optimus_tui.contract.finding_rules import CATALOGUE
from optimus_tui.contract.incident import ISSUES, IncidentState, OpenFinding, Stamp, Step
from optimus_tui.contract.incident_events import AnyEvent
from optimus_tui.incidents.open import _DONE
from optimus_tui.tui.incidents.text import evidence_sections
from optimus_tui.workflow import recommendations
from optimus_tui.workflow.engine import _LINES, _RULES, reduce, replay
from optimus_tui.workflow.ranking import tenant_words
from optimus_tui.workflow.standing import elapsed, mtta, mttr
from tests.amounts import amount
from tests.unit.workflow.driver import IMMORTAL, REPAIR, Play, found, outcome, runbook, stamp

ENGINE = found("services.engine", "critical", "engine")


def test_the_five_steps_ask_what_the_users_document_asks() -> None:
    assert [(plan.tool, plan.arguments) for plan in runbook()] == [
        ("diagnose_gateway_health", {"include_cache_metrics": True, "include_rate_limiting": True}),
        ("troubleshoot_production_issue", {"issue_type": "high_latency", "time_window_minutes": 15}),
        ("analyze_performance_metrics", {"metric_type": "latency", "time_window_minutes": 30}),
        ("test_ai_engine_integration", {"test_type": "connectivity"}),
        ("", {}),
    ]


def test_opening_asks_for_ten_minutes_of_history() -> None:
    play = Play()
    assert play.effects == (happened.CaptureHistory(minutes=10.0),)
    assert play.state.next is not None
    assert play.state.next.plan.id == "health"


def test_the_health_check_ranks_the_issues_and_the_operator_decides() -> None:
    play = Play()
    effects = play.run("health", outcome(IMMORTAL, found("limits.near", "low")))
    (ask,) = effects
    assert isinstance(ask, happened.AskIssue)
    assert (ask.candidates[0].issue, ask.candidates[0].tenant) == ("rate_limiting", "acme")
    assert "acme / chat never resets" in ask.candidates[0].reason
    assert {one.issue for one in ask.candidates} == set(ISSUES)
    assert "choose" in play.refused(happened.StepStarted(at=stamp(), step="identify"))
    play.choose("memory_leak")
    (run,) = play.tell(happened.StepStarted(at=stamp(), step="identify"))
    assert run.arguments == {"issue_type": "memory_leak", "time_window_minutes": 15}


def test_the_chosen_tenant_goes_into_the_question() -> None:
    play = Play()
    play.choose("rate_limiting", "acme")
    (run,) = play.tell(happened.StepStarted(at=stamp(), step="identify"))
    assert run.arguments == {"issue_type": "rate_limiting", "time_window_minutes": 15, "tenant_id": "acme"}


def test_without_a_clue_the_runbooks_own_choice_stands_first_and_says_so() -> None:
    play = Play()
    play.run("health", outcome())
    assert play.state.candidates[0].issue == "high_latency"
    assert "no finding points to it" in play.state.candidates[0].reason


def test_a_slow_look_points_to_latency_without_being_a_finding() -> None:
    slow = shapes.Figure(name="latency.engine", value=840.0, unit="ms", label="engine")
    play = Play()
    play.run("health", outcome(figures=(slow,)))
    assert (play.state.candidates[0].issue, play.state.severity) == ("high_latency", "none")
    assert "840 ms" in play.state.candidates[0].reason


def test_an_engine_that_is_down_brings_integration_forward() -> None:
    play = Play()
    play.run("health", outcome(found("services.engine", "critical", "engine")))
    assert [step.plan.id for step in play.state.steps] == ["health", "integration", "identify", "performance", "apply"]
    assert play.state.candidates[0].issue == "circuit_breaker"


def test_a_step_is_skipped_only_with_a_reason() -> None:
    play = Play()
    assert "reason" in play.refused(happened.StepSkipped(at=stamp(), step="health", reason="  "))
    play.tell(happened.StepSkipped(at=stamp(), step="health", reason="known already"))
    assert play.state.step("health").status == "skipped"
    assert "is not waiting" in play.refused(happened.StepSkipped(at=stamp(), step="health", reason="again"))


def test_a_redo_says_what_changed() -> None:
    play = Play()
    play.run("health", outcome(IMMORTAL))
    play.run("health", outcome())
    step = play.state.step("health")
    assert step is not None and step.change is not None
    assert (step.runs, step.change.verdict, step.change.gone) == (2, "fixed", (IMMORTAL.message,))
    assert play.state.repaired is not None
    play.run("health", outcome(IMMORTAL))
    assert play.state.repaired is None


def test_it_is_repaired_only_when_every_step_that_was_asked_again_says_so() -> None:
    left = found("errors.rate", "high", "gateway", measured=0.39, threshold=0.05)
    play = Play()
    play.run("health", outcome(ENGINE))
    play.run("integration", outcome(found("integration.health", "high", "health")))
    play.run("performance", outcome(found("latency.p95", "low", "engine")))
    play.run("integration", outcome())
    assert play.state.repaired is not None, "the only step that was asked again says so"
    play.run("health", outcome(left))
    assert play.state.repaired is None
    play.run("integration", outcome())
    assert play.state.repaired is None, "it has nothing new to say, and the health check still shows a fault"
    play.run("health", outcome(found("metrics.unmeasured", "low", "gateway"), severity="low"))
    assert play.state.step("health").change.verdict == "unknown"
    assert play.state.repaired is None, "what cannot be measured is not fixed"
    play.run("performance", outcome())
    play.run("health", outcome(left))
    play.run("health", outcome())
    assert play.state.repaired is not None
    assert play.state.repaired == play.state.step("health").ended


def test_a_step_that_says_otherwise_holds_back_the_repair_that_a_check_proved() -> None:
    play = Play()
    play.run("health", outcome(IMMORTAL))
    play.choose("rate_limiting")
    play.run("identify", outcome(ENGINE))
    play.act()
    play.check("health", outcome())
    assert play.state.repaired is not None
    play.run("identify", outcome(ENGINE))
    assert play.state.repaired is None
    play.tell(happened.ChecksAsked(at=stamp(), action_id="a1"))
    play.check("health", outcome())
    assert play.state.repaired is None, "the step was asked after the action, and it still shows a fault"
    play.run("identify", outcome())
    assert play.state.repaired is not None


def test_a_check_that_says_otherwise_is_answered_by_a_later_action_or_look() -> None:
    play = Play()
    play.run("health", outcome(IMMORTAL))
    play.act()
    play.check("health", outcome(IMMORTAL))
    play.act("a2", kind="reset_counters")
    play.check("health", outcome(), "a2")
    assert play.state.repaired is not None, "the later action for the same tenant has proved it"
    play = Play()
    play.run("health", outcome(IMMORTAL))
    play.act()
    play.check("health", outcome(IMMORTAL))
    play.run("health", outcome())
    assert play.state.repaired is not None, "the step that showed it was asked after the action"


def test_the_timeline_does_not_say_a_finding_twice_in_one_line() -> None:
    left = found("errors.rate", "high", "gateway", message="39 % of 306 requests failed", measured=0.4, threshold=0.1)
    less = replace(left, measured=0.2, message="20 % of 403 requests failed")
    play = Play()
    play.run("health", outcome(ENGINE, left))
    play.run("health", outcome(less, headline=less.message, verdict="needs_attention"))
    line = play.state.timeline[-1].text
    assert line == "Health check: needs attention, 20 % of 403 requests failed (better: it decreased, but is not gone)"
    play.run("health", outcome(verdict="healthy"))
    assert play.state.timeline[-1].text.endswith('so (fixed: "20 % of 403 requests failed" is gone)')


def test_a_failed_redo_keeps_what_was_found_before() -> None:
    play = Play()
    play.run("health", outcome(IMMORTAL))
    play.tell(happened.StepStarted(at=stamp(), step="health"))
    play.tell(happened.StepFailed(at=stamp(), step="health", message="deadline"))
    step = play.state.step("health")
    assert step is not None
    assert (step.status, step.said, step.outcome) == ("failed", "deadline", outcome(IMMORTAL))
    assert play.state.next is step


def test_another_choice_frees_the_step_and_compares_nothing() -> None:
    play = Play()
    play.choose("rate_limiting")
    play.run("identify", outcome(IMMORTAL))
    play.choose("cache_miss")
    assert play.state.step("identify").status == "waiting"
    play.run("identify", outcome())
    assert play.state.step("identify").change is None


def test_only_one_step_runs_at_a_time() -> None:
    play = Play()
    play.tell(happened.StepStarted(at=stamp(), step="health"))
    assert "still running" in play.refused(happened.StepStarted(at=stamp(), step="integration"))
    assert "still running" in play.refused(happened.Closed(at=stamp(), cause="c", resolution="r"))


def test_the_last_step_lists_what_to_do_with_evidence_command_and_our_action() -> None:
    play = Play()
    play.choose("rate_limiting", "acme")
    play.run("identify", outcome(IMMORTAL, recommendations=(REPAIR,)))
    (advice,) = play.state.advice
    assert (advice.kind, advice.tenant, advice.command, advice.priority) == (
        "repair_counter", "acme", REPAIR.command, "critical",
    )  # fmt: skip
    assert (advice.evidence, advice.rules, advice.source) == ((IMMORTAL.message,), ("limits.immortal",), "identify")


def test_advice_and_its_finding_are_tied_by_the_rule_and_not_by_their_words() -> None:
    other = found("limits.immortal", "critical", "beta / chat")
    reworded = replace(REPAIR, reason="a counter that blocks for ever", rule="limits.immortal")
    exact = replace(REPAIR, command=None, reason=other.message, rule="limits.immortal")
    gone = replace(REPAIR, action="Shorten the TTL", command=None, rule="coherence.high_overhead")
    play = Play()
    play.choose("rate_limiting", "acme")
    play.run("identify", outcome(IMMORTAL, found("limits.over"), other, recommendations=(reworded, exact, gone)))
    tied = {(one.evidence, one.rules) for one in play.state.advice if one.source == "identify"}
    assert tied == {
        ((IMMORTAL.message, other.message), ("limits.immortal",)),
        ((other.message,), ("limits.immortal",)),
        ((), ("coherence.high_overhead",)),
    }


def test_what_we_can_do_is_offered_where_no_tool_recommended_it() -> None:
    play = Play()
    play.run("health", outcome(IMMORTAL))
    (advice,) = play.state.advice
    assert (advice.kind, advice.tenant, advice.command) == ("repair_counter", "acme", None)


@pytest.mark.parametrize("subject", ["several counters", "a\\x1b / chat", "名 / chat", "no slash", " / chat"])
def test_no_tenant_is_guessed_from_a_subject_that_leaves_doubt(subject: str) -> None:
    play = Play()
    play.run("health", outcome(found("limits.immortal", "critical", subject)))
    assert play.state.candidates[0].tenant is None
    assert play.state.advice[0].tenant is None


def test_a_teams_own_command_stands_among_the_recommendations() -> None:
    team = (shapes.TeamAdvice(when=("limits.",), action="Page the owner", priority="high", command="page acme"),)
    play = Play(team=team)
    play.run("health", outcome(IMMORTAL))
    assert ("Page the owner", "page acme", "playbook") in [(a.action, a.command, a.source) for a in play.state.advice]


def test_an_action_has_the_check_that_showed_the_fault_run_again() -> None:
    play = Play()
    play.run("health", outcome(IMMORTAL))
    play.run("integration", outcome())
    advice = play.state.advice[0].id
    (again,) = play.act()
    assert play.state.action_records[0].advice == advice, "it is the one for this kind of action and tenant"
    assert (again.step, again.tool, again.action_id) == ("health", "diagnose_gateway_health", "a1")
    assert play.state.advice[0].status == "done"
    assert play.state.action_records[0].verdict is None
    play.check("health", outcome())
    assert play.state.action_records[0].verdict == "fixed"
    assert play.state.repaired is not None
    assert "recorded already" in play.refused(play.events[-2])
    assert "answered already" in play.refused(play.events[-1])


def test_a_check_asked_once_more_is_compared_with_what_stood_before_the_action() -> None:
    play = Play()
    play.run("health", outcome(IMMORTAL))
    play.act()
    assert "are running" in play.refused(happened.ChecksAsked(at=stamp(), action_id="a1"))
    play.check("health", outcome(IMMORTAL))
    assert play.state.action_records[0].verdict == "same"
    play.run("health", outcome())  # done again meanwhile: it shows nothing any more
    (again,) = play.tell(happened.ChecksAsked(at=stamp(), action_id="a1"))
    assert (again.step, again.tool, again.action_id) == ("health", "diagnose_gateway_health", "a1")
    assert play.state.action_records[0].verdict is None
    play.check("health", outcome())
    assert play.state.action_records[0].verdict == "fixed"
    assert "no checks" in play.refused(happened.ChecksAsked(at=stamp(), action_id="other"))


def test_a_check_without_result_says_nothing() -> None:
    play = Play()
    play.run("health", outcome(IMMORTAL))
    play.act()
    play.check("health", None)
    assert play.state.action_records[0].verdict == "unknown"
    assert play.state.repaired is None


def test_resuming_frees_what_a_dead_process_left_running() -> None:
    play = Play()
    play.run("health", outcome(IMMORTAL))
    play.act()
    play.tell(happened.StepStarted(at=stamp(), step="performance"))
    play.tell(happened.Resumed(at=stamp(), operator="ops2"))
    assert play.state.running is None
    assert "interrupted" in play.state.step("performance").said
    assert play.state.action_records[0].verdict == "unknown"


def test_closing_asks_for_cause_and_resolution_and_the_times_come_out() -> None:
    play = Play(began=1_795_000_000.0)
    assert "both" in play.refused(happened.Closed(at=stamp(), cause="", resolution="r"))
    opened = play.state.opened
    assert opened is not None
    end = Stamp(opened.wall + 9_999, opened.mono + 60, boot="b")
    play.tell(happened.Closed(at=end, cause="a client", resolution="stopped"))
    assert mtta(play.state) == opened.wall - 1_795_000_000.0
    assert mttr(play.state) is None, "closing proves no repair"
    assert "closed" in play.refused(happened.StepStarted(at=stamp(), step="health"))
    play.tell(happened.NoteAdded(at=stamp(), text="afterwards"))
    play.tell(happened.Reopened(at=stamp(), reason="it came back"))
    assert (play.state.status, play.state.cause, mttr(play.state)) == ("open", "", None)


def test_who_did_not_say_when_it_began_has_no_time_to_acknowledge() -> None:
    assert mtta(Play().state) is None


SCREEN = (
    shapes.OpenFinding(rule="limits.refused", subject="beta", since=100.0),
    shapes.OpenFinding(rule="services.engine", subject="engine", since=900.0),
    shapes.OpenFinding(rule="breaker.open", subject="ai_engine", since=905.0),
)


def test_it_began_with_the_finding_that_it_is_about_and_not_with_the_oldest_on_the_screen() -> None:
    play = Play(open_findings=SCREEN)
    assert play.state.began is None, "nothing says yet what it is about"
    play.run("health", outcome(ENGINE, found("limits.refused", "high", "beta")))
    assert play.state.began == 900.0
    play.choose("rate_limiting", "beta")
    assert play.state.began == 100.0
    play.choose("circuit_breaker")
    assert play.state.began == 900.0
    play.run("health", outcome(found("limits.refused", "high", "beta")))
    assert play.state.began == 900.0, "what is left later does not date the fault"


def test_where_the_screen_did_not_show_the_fault_its_beginning_is_unknown() -> None:
    play = Play(open_findings=SCREEN[:1])
    play.run("health", outcome(ENGINE, found("limits.refused", "high", "beta")))
    assert play.state.began is None
    play = Play(open_findings=SCREEN[2:])
    play.run("health", outcome(ENGINE, found("breaker.open", "critical", "ai_engine")))
    assert play.state.began == 905.0, "that of one that is as bad"


def test_a_beginning_that_the_operator_gave_stays() -> None:
    play = Play(began=7.0, open_findings=SCREEN)
    play.run("health", outcome(ENGINE))
    play.choose("circuit_breaker")
    assert play.state.began == 7.0


def test_durations_go_by_the_clock_that_both_moments_share_row_28() -> None:
    assert elapsed(Stamp(0, 10, boot="x"), Stamp(900, 15, boot="x")) == 5
    assert elapsed(Stamp(0, 10, 100.0, "x"), Stamp(900, 15, 130.0, "y")) == 30
    assert elapsed(Stamp(0, 10, None, "x"), Stamp(900, 15, None, "y")) == 900
    assert elapsed(Stamp(900), Stamp(0)) == 0
    assert elapsed(Stamp(0), Stamp(float("nan"))) == 0


def test_every_kind_of_event_has_its_rule_and_its_line() -> None:
    kinds = set(get_args(AnyEvent))
    assert set(_RULES) == kinds
    assert set(_LINES) == kinds


def test_every_action_that_a_finding_or_a_command_leads_to_exists_and_has_its_words() -> None:
    kinds = set(get_args(ActionKind))
    offered = {row.cured_by for row in CATALOGUE.values() if row.cured_by}
    assert offered and offered <= set(recommendations._OFFER) <= kinds
    assert {kind for _, _, kind in recommendations.BY_COMMAND} <= kinds
    assert set(_DONE) == kinds


def test_no_action_on_keys_is_recommended_where_the_profile_does_not_allow_writing_them() -> None:
    whose = "5f8eee912cd7c0ccb238560e8a22e7f78909e6dac18288188f7f4ea35112700d"
    over = found("limits.over", "high", f"{whose} / requests")
    offered = {}
    for writable in (True, False):
        play = Play(writable_layout=writable)
        play.run("health", outcome(over))
        offered[writable] = [(one.kind, one.action, one.tenant) for one in play.state.advice if one.kind]
    ((kind, action, tenant),) = offered[True]
    assert (kind, tenant) == ("reset_counters", whose) and action.startswith("Reset the counters of 5f8eee91…,")
    assert offered[False] == []


WORD = st.sampled_from(["health", "identify", "performance", "integration", "apply", "nowhere", ""])
TEXT = st.sampled_from(["", " ", "because", "\x1b[31m名\n"])
RULE = st.sampled_from(["limits.immortal", "limits.over", "services.engine", "cache.no_ttl", "x.unmeasured", "weird"])
SEVERE = st.sampled_from(["low", "info", "medium", "warning", "high", "critical", "odd"])
SUBJECT = st.sampled_from(["acme / chat", "several counters", "redis", ""])
NUMBER = st.one_of(st.none(), st.just("unknown"), st.integers(0, 9).map(float))
FINDING = st.builds(found, RULE, SEVERE, SUBJECT, measured=NUMBER, threshold=NUMBER)
OUTCOME = st.lists(FINDING, max_size=3).map(lambda findings: outcome(*findings, recommendations=(REPAIR,)))
AT = st.builds(Stamp, st.floats(0, 2e9), st.floats(0, 1e6), st.none(), st.sampled_from(["", "b"]))
RECEIPT = st.builds(
    shapes.KeptReceipt, action_id=st.sampled_from(["a1", "a2"]), kind=st.sampled_from([*get_args(ActionKind), "odd"]),
    tenant=st.just("acme"),
)  # fmt: skip
MARK = st.sampled_from(["open", "done", "dismissed"])
EVENT: Any = st.one_of(
    st.builds(happened.StepStarted, at=AT, step=WORD),
    st.builds(happened.StepFinished, at=AT, step=WORD, outcome=OUTCOME),
    st.builds(happened.StepFailed, at=AT, step=WORD, message=TEXT),
    st.builds(happened.StepSkipped, at=AT, step=WORD, reason=TEXT),
    st.builds(happened.StepDone, at=AT, step=WORD, said=TEXT),
    st.builds(
        happened.IssueChosen, at=AT, issue=st.sampled_from([*ISSUES, "odd"]), tenant=st.sampled_from([None, "a"])
    ),
    st.builds(happened.NoteAdded, at=AT, text=TEXT),
    st.builds(happened.AdviceMarked, at=AT, advice=WORD, status=MARK, said=TEXT),
    st.builds(happened.ActionDone, at=AT, receipt=RECEIPT, rules=st.tuples(RULE)),
    st.builds(happened.CheckFinished, at=AT, action_id=st.sampled_from(["a1", "a2"]), step=WORD,
              outcome=st.one_of(st.none(), OUTCOME)),
    st.builds(happened.ChecksAsked, at=AT, action_id=st.sampled_from(["a1", "a2"])),
    st.builds(happened.ImpactMeasured, at=AT, name=TEXT, outcome=OUTCOME),
    st.builds(happened.Resumed, at=AT, operator=TEXT),
    st.builds(happened.SystemMoved, at=AT, system=WORD, reason=TEXT),
    st.builds(happened.Closed, at=AT, cause=TEXT, resolution=TEXT),
    st.builds(happened.Reopened, at=AT, reason=TEXT),
    st.builds(happened.Exported, at=AT, place=TEXT),
    st.builds(happened.Opened, at=AT, id=st.just("1"), title=TEXT, environment=TEXT, system=TEXT, operator=TEXT,
              playbook=TEXT, steps=st.sampled_from([(), runbook(), (*runbook(), runbook()[0])])),
)  # fmt: skip


@settings(max_examples=amount(50, 150))
@given(st.lists(EVENT, max_size=40))
def test_any_events_in_any_order_end_in_a_state_and_their_replay_in_the_same(events: list[Any]) -> None:
    state, kept = IncidentState(), []
    opening = happened.Opened(at=stamp(), id="1", title="", environment="", system="", operator="", playbook="",
                            steps=runbook())  # fmt: skip
    for event in (*events[:1], opening, *events[1:]):
        after, effects = reduce(state, event)
        refused = [one for one in effects if isinstance(one, happened.EventRefused)]
        assert (after is state) == bool(refused)
        if not refused:
            kept.append(event)
            assert after.events == state.events + 1 == len(after.timeline)
        state = after
    assert sum(step.status == "running" for step in state.steps) <= 1
    stored = [msgspec.json.decode(msgspec.json.encode(event), type=AnyEvent) for event in kept]
    assert replay(stored) == state
    json.loads(msgspec.json.encode(state))


def test_where_no_tenant_was_named_the_tools_are_asked_about_the_one_of_the_finding_and_it_says_so() -> None:
    over = OpenFinding(rule="limits.over", subject="acme / chat", since=None)
    play = Play(open_findings=(over,))
    (run,) = play.tell(happened.StepStarted(at=stamp(), step="health"))
    assert run.arguments["tenant_id"] == "acme" and play.state.tenant is None
    assert tenant_words(play.state, "acme") == "acme (from the finding)"
    step = play.state.steps[0]
    document = {"tool": "diagnose_gateway_health", "overall_status": "critical", "tenant_id": "acme"}
    assert "acme (from the finding)" in said_of_tenant(play.state, step, document)
    named = Play(open_findings=(over,), tenant="zed")
    (run,) = named.tell(happened.StepStarted(at=stamp(), step="health"))
    assert run.arguments["tenant_id"] == "zed" and tenant_words(named.state, "zed") == "zed"
    nobody = Play(open_findings=(OpenFinding(rule="latency.p95", subject="engine", since=None),))
    (run,) = nobody.tell(happened.StepStarted(at=stamp(), step="health"))
    assert "tenant_id" not in run.arguments
    words = said_of_tenant(nobody.state, nobody.state.steps[0], {**document, "tenant_id": "demo_dentist"})
    assert words == "demo_dentist, the default of the tool: none was named"


def said_of_tenant(state: IncidentState, step: Step, document: Mapping[str, object]) -> str:
    lines = [line for one in evidence_sections(state, step, document) for line in one.lines]
    return "\n".join(line.text for line in lines if line.label == "tenant")
