"""The words of the incident screen: one count of what is to do, commands of the dashboard explained, sentences cut."""

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import Advice, KeptReceipt, OpenFinding
from optimus_tui.contract.tools.common import Recommendation
from optimus_tui.tui.incidents.head import bar_words
from optimus_tui.tui.incidents.next_key import next_words, nothing_with_a
from optimus_tui.tui.incidents.step_actions import StepActions
from optimus_tui.tui.incidents.text import (
    STEPS,
    StepLine,
    action_section,
    advice_section,
    evidence_sections,
    opening,
    proof_lines,
    proved_before,
    step_summary,
    timeline_section,
)
from optimus_tui.tui.widgets.bars import words_that_fit
from optimus_tui.workflow.standing import left_as
from tests.unit.workflow.driver import Play, found, outcome, stamp

LATER = Recommendation(action="See the log", priority="low")
ARMED_IN_DRILL = "drill 0:42   ARMED 9:41 127.0.0.1:31587 db 0"
RESTART = Advice(id="1", action="Restart the AI engine", priority="high", command=":remedy restart-engine")


def test_what_is_to_do_is_counted_once() -> None:
    play = Play()
    play.run("health", outcome(found("limits.immortal", "critical"), recommendations=(LATER,)))
    document: dict[str, Any] = {"tool": "x", "recommendations": [{"action": "See the log", "priority": "low"}]}
    step = play.state.step("health")
    assert step is not None
    titles = [one.title for one in evidence_sections(play.state, step, document)]
    assert "To do, by this tool (the last step lists all)" in titles
    assert not [one for one in titles if one.startswith("To do (")]
    assert step_summary(play.state, play.state.steps[-1]) == "2 to do, 1 with a"


def test_what_a_cannot_do_is_counted_as_done_by_hand() -> None:
    play = Play()
    assert nothing_with_a(play.state) == "nothing is recommended yet"
    play.run("health", outcome(recommendations=(LATER,)))
    assert step_summary(play.state, play.state.steps[-1]) == "1 to do by hand"
    assert "1 to do by hand" in nothing_with_a(play.state)
    play.state = replace(play.state, advice=(RESTART,))
    assert step_summary(play.state, play.state.steps[-1]) == "1 to do by hand", "outside of the demo it is typed"
    play.state = replace(play.state, playbook="demo")
    assert step_summary(play.state, play.state.steps[-1]) == "1 to do"


def test_a_closed_incident_says_whether_its_post_mortem_is_written() -> None:
    play = Play()
    play.tell(happened.Exported(at=stamp(), place="postmortem.md"))
    assert not play.state.exported, "that one was of the open incident"
    play.tell(happened.Closed(at=stamp(), cause="no TTL", resolution="repaired"))
    assert "x writes the post-mortem," in next_words(play.state, [])
    play.tell(happened.Exported(at=stamp(), place="postmortem.md"))
    said = next_words(play.state, [])
    assert said == "Closed, post-mortem written. x writes the post-mortem again, esc goes back to the panes."
    play.tell(happened.Reopened(at=stamp(), reason="it came back"))
    assert not play.state.exported


def test_a_command_of_the_dashboard_says_where_it_is_typed() -> None:
    texts = [line.text for line in advice_section(RESTART, 1).lines]
    assert "type it here, then enter" in texts


def test_a_long_sentence_is_cut_at_its_end_without_a_number() -> None:
    play = Play()
    play.run("health", outcome(headline="545 requests of demo_dentist were refused " * 20))
    told = step_summary(play.state, play.state.steps[0])
    assert told.endswith("…") and "(" not in told


def test_a_storm_of_events_is_named_among_the_issues_with_what_to_do() -> None:
    play = Play()
    play.run("health", outcome(found("events.flood", "high", "feed", message="1,523 events a second")))
    (ranking,) = [one for one in evidence_sections(play.state, play.state.steps[0], None) if "issue" in one.title]
    told = {line.label: line.text for line in ranking.lines}
    assert told[rule_of("events.flood").title].startswith("See in the feed, by type and tenant")


def restarted() -> Play:
    """Return an incident with the engine restarted from its first step on."""
    play = Play(environment="production")
    play.run("health", outcome(found("services.engine", "critical", "engine")))
    play.tell(happened.ActionDone(at=stamp(), receipt=KeptReceipt(
        action_id="outside-1", kind="remedy", tenant="", words="engine restarted", outside=True)))  # fmt: skip
    return play


def test_what_a_proof_waits_for_is_said_once_beside_what_was_done() -> None:
    state = restarted().state
    said = action_section(state.action_records[0])
    parts = [said.title, *(line.text for line in said.lines), *(line.text for line in timeline_section(state).lines)]
    assert sum("proof possible at" in part for part in parts) == 1, parts


def proved() -> Play:
    """Return an incident whose engine was restarted and is proved well, before its other steps were run."""
    play = Play()
    play.run(
        "health", outcome(found("services.engine", "critical", "engine", message="engine does not answer: refused"))
    )
    play.tell(happened.ActionDone(at=stamp(), receipt=KeptReceipt(
        action_id="outside-1", kind="remedy", tenant="", words="engine restarted", outside=True)))  # fmt: skip
    play.tell(happened.ChecksAsked(at=stamp(), action_id="outside-1"))
    play.tell(happened.CheckFinished(at=stamp(), action_id="outside-1", step="health", outcome=outcome()))
    return play


def test_once_the_repair_is_proved_the_next_key_closes_whatever_step_waits() -> None:
    state = proved().state
    assert state.next is not None and state.next.plan.kind == "tool"
    for step in state.steps:
        said = next_words(state, [RESTART], step.plan.id)
        assert said == "Proved: the fault is gone. c closes with cause and resolution."


def test_next_names_the_remedy_of_what_was_found_before_further_steps() -> None:
    play = Play()
    play.run("health", outcome(found("latency.now", "high", "engine")))
    fits = replace(RESTART, rules=("latency.now",))
    told = next_words(play.state, [fits])
    assert told.startswith("a acts on what was found: Restart the AI engine; or enter runs ")
    assert "(or one of 1 more)" in next_words(play.state, [fits, fits])
    assert next_words(play.state, [replace(RESTART, rules=("cache.hit_rate",))]).startswith("enter "), "it fits nothing"
    play.act(rules=("latency.now",))
    assert "Restart" not in next_words(play.state, [fits]), "something was done: its proof comes first"


def test_the_whole_proof_stands_below_the_steps_where_there_is_room() -> None:
    state = proved().state
    lines = proof_lines(state, 40)
    assert len(lines) > 1 and all(len(line) <= 36 for line in lines)
    assert " ".join(lines).startswith("fixed ") and " ".join(lines).endswith('"engine does not answer" is gone')
    row = STEPS.row(StepLine(state, len(state.steps) - 1, "", below=True), 60)
    assert "".join(text for text, _ in row).rstrip().endswith(" fixed")
    assert proof_lines(Play().state, 40) == []


@pytest.mark.parametrize("width", [8, 10, 14, 18, 30, 60])
def test_the_time_of_a_proof_is_never_cut_and_a_result_only_behind_its_verdict(width: int) -> None:
    play = restarted()
    at = step_summary(play.state, play.state.steps[-1]).removeprefix("proof possible at ")
    row = STEPS.columns[-1].cell(StepLine(play.state, len(play.state.steps) - 1, ""), width)
    assert row is not None and row[0].strip().endswith(at), row
    late = replace(play.state.action_records[0], late=True, due=1_795_001_000.0, need="7 of 15 checks of engine came")
    row = STEPS.columns[-1].cell(
        StepLine(replace(play.state, action_records=(late,)), len(play.state.steps) - 1, ""), width
    )
    assert row is not None and row[0].strip().endswith("11:23:20"), row
    state = proved().state
    told = STEPS.columns[-1].cell(StepLine(state, len(state.steps) - 1, ""), width)
    whole = step_summary(state, state.steps[-1])
    assert told is not None and told[0].strip() in ("fixed", whole.partition(": ")[0], whole)


def test_a_closed_incident_has_nothing_to_do_any_more() -> None:
    play = Play()
    play.run("health", outcome(found("limits.immortal", "critical"), recommendations=(LATER,)))
    play.tell(happened.Closed(at=stamp(), cause="a", resolution="b"))
    assert step_summary(play.state, play.state.steps[-1]) == ""


def test_an_incident_that_is_proved_fixed_is_offered_as_such() -> None:
    state = proved().state
    assert left_as(state) == "proved fixed, not closed" and "at worst" in left_as(replace(state, repaired=None))
    one = Finding(rule="services.engine", severity="high", subject="engine", message="down again")
    state = replace(state, open_findings=(OpenFinding(rule="services.engine", subject="engine", since=None),))
    assert "Incident 1 was about this too: proved fixed, not closed" in proved_before([one], [state])
    assert proved_before([replace(one, subject="gateway")], [state]) == ""
    assert proved_before([one], [replace(state, repaired=None)]) == ""


@pytest.mark.parametrize("running", [True, False])
def test_while_the_incident_is_being_closed_its_keys_reach_nothing(running: bool) -> None:
    said: list[str] = []
    worker = SimpleNamespace(group=StepActions.CLOSING, is_finished=not running)
    dashboard: Any = SimpleNamespace(app=SimpleNamespace(workers=[worker]))
    view: Any = SimpleNamespace(say=said.append)
    service: Any = SimpleNamespace(state=proved().state)
    assert StepActions(view, dashboard, service).refuse_if_closed() is running
    assert any("being closed" in one for one in said) is running


def test_enter_is_said_to_open_a_step_done_by_hand_before_it_ends_it() -> None:
    play = Play()
    steps = [replace(step, status="done" if step.plan.kind == "tool" else "waiting") for step in play.state.steps]
    state = replace(play.state, steps=tuple(steps))
    assert state.next is not None and state.next.plan.kind == "apply"
    assert "enter opens it" in next_words(state, [], "health")
    assert "enter ends it and asks what was done" in next_words(state, [], state.next.plan.id)


def test_the_dialog_of_a_new_incident_says_that_its_order_follows_the_findings() -> None:
    moved, fixed = (replace(Play().state.steps[0].plan, first_when=when) for when in (("services.engine",), ()))
    assert "What is found may bring one of them forward" in opening([], "demo", [moved])
    assert "forward" not in opening([], "demo", [fixed])


@pytest.mark.parametrize("mode", ["read-only", ARMED_IN_DRILL])
@pytest.mark.parametrize("width", [80, 140])
def test_how_far_the_proof_is_stands_on_top_and_below_whatever_step_is_next(mode: str, width: int) -> None:
    play = restarted()
    assert play.state.next is not None and play.state.next.plan.kind == "tool"
    summary = step_summary(play.state, play.state.steps[-1])
    assert summary.startswith("proof possible at ")
    assert next_words(play.state, []).startswith("P" + summary[1:]) and "enter runs" in next_words(play.state, [])

    def on_top() -> str:
        left, right = bar_words(play.state, stamp(), (mode, "b:error"), "", width)
        return "".join(text for text, _ in words_that_fit(left, width - sum(cell_len(text) for text, _ in right) - 1))

    assert summary in on_top()
    play.tell(happened.ChecksAsked(at=stamp(), action_id="outside-1"))
    assert "being checked now" in on_top()
    play.check("health", outcome(), "outside-1")
    assert "fixed " in on_top() and "after you acted" in on_top()


def test_a_proof_that_is_late_says_below_what_it_waits_for() -> None:
    play = restarted()
    record = play.state.action_records[0]
    late = replace(record, late=True, need="8 of 15 checks of engine came", due=(record.due or 0.0) + 20)
    play.state = replace(play.state, action_records=(late,))
    told = next_words(play.state, [])
    assert told.startswith("Late: 8 of 15 checks of engine came; proof possible at "), told


def test_an_incident_opens_with_what_is_true_now_before_what_is_only_held() -> None:
    ended = [
        Finding(rule="limits.over", severity="high", subject=f"t{number}", message=f"ended {number}", held=True)
        for number in range(3)
    ]
    flood = Finding(rule="events.flood", severity="medium", subject="feed", message="1,523 events a second")
    assert "1,523 events a second" in opening([*ended, flood], "default", ()).splitlines()[0]
    assert "as of 11:06:40 UTC" in opening([flood], "default", (), 1_795_000_000.0).splitlines()
    assert "as of" not in opening([], "default", (), 1_795_000_000.0)


@pytest.mark.parametrize(
    ("mode", "named"), [("read-only", True), ("drill 0:42   ARMED 9:41 127.0.0.1:31587 db 0", False)]
)
def test_the_line_on_top_gives_up_the_environment_before_the_age_and_the_mode(mode: str, named: bool) -> None:
    play = Play(environment="production")
    play.run("health", outcome(found("limits.immortal", "critical")))
    play.state = replace(play.state, opened=stamp(0.0))
    left, right = bar_words(play.state, stamp(120.0), (mode, "b:error"), "", 80)
    texts = [text.strip() for text, _ in (*left, *right)]
    assert ("production" in texts) is named
    assert "2 min" in texts and mode in texts
    assert sum(len(text) for text, _ in (*left, *right)) < 80


def test_the_line_on_top_says_no_finding_holds_only_where_the_dashboard_shows_none_either() -> None:
    play = restarted()
    play.tell(happened.ChecksAsked(at=stamp(), action_id="outside-1"))
    play.check("health", outcome(), "outside-1")

    def right(alarms: int) -> str:
        return "".join(text for text, _ in bar_words(play.state, stamp(), ("", ""), "", 140, alarms)[1])

    assert "no finding holds" in right(0)
    assert "its own are gone, 1 finding holds " in right(1) and "no finding" not in right(1)
    assert "its own are gone, 2 findings hold " in right(2)
