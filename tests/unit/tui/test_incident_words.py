"""The words of the incident screen: one count of what is to do, commands of the dashboard explained, sentences cut."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import (
    ActionRecord,
    Advice,
    Figure,
    IncidentState,
    KeptReceipt,
    OpenFinding,
    TeamAdvice,
)
from optimus_tui.contract.keyspace import Counter, LimitRow
from optimus_tui.contract.tools.common import Recommendation
from optimus_tui.tui.actions.remedies import FirstAct
from optimus_tui.tui.incidents.action_text import action_section, advice_section
from optimus_tui.tui.incidents.head import bar_words
from optimus_tui.tui.incidents.next_key import fitted, found_beside, found_since, next_words, nothing_with_a
from optimus_tui.tui.incidents.opening import concerning, opening, proved_before, worth_an_incident
from optimus_tui.tui.incidents.proved import SettledFindings, proof_now
from optimus_tui.tui.incidents.step_actions import StepActions
from optimus_tui.tui.incidents.text import (
    STEPS,
    StepLine,
    evidence_sections,
    proof_lines,
    step_summary,
    timeline_section,
)
from optimus_tui.tui.widgets.bars import words_that_fit
from optimus_tui.wording.numbers import clock
from optimus_tui.workflow.closing import found_words, resolution_words
from optimus_tui.workflow.proof import refused_after
from optimus_tui.workflow.standing import durations, left_as, proof_status
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
    assert step_summary(play.state, play.state.steps[-1]) == "2 to do, 1 of them by pressing a"


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


def test_the_next_sentence_leaves_out_brackets_or_is_marked_as_cut_where_two_lines_have_no_room() -> None:
    begin = "It can be judged from 11:08:40 on; the check runs automatically. Meanwhile enter runs Integration"
    whole = f"{begin} (which writes one key of its own with a TTL and removes it)."
    assert fitted(whole, 138) == whole
    assert fitted(whole, 78) == f"{begin}."
    cut = fitted(f"{begin} and {'says ' * 20}so.", 78)
    assert cut.endswith("says …") and len(cut) <= 2 * 78


def test_a_command_of_the_dashboard_says_where_it_is_typed() -> None:
    texts = [line.text for line in advice_section(RESTART, 1).lines]
    assert "type it here, then enter" in texts
    busy = [line.text for line in advice_section(RESTART, 1, is_busy=True).lines]
    assert "type it here, then enter" in texts and "type it here, then enter" not in busy


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
    assert "(1 more to choose from)" in next_words(play.state, [fits, fits])
    assert next_words(play.state, [replace(RESTART, rules=("cache.hit_rate",))]).startswith("enter "), "it fits nothing"
    during = next_words(play.state, [fits], under_way="Restart the AI engine")
    assert during == "Restart the AI engine: under way; whether it helped is checked automatically."
    play.act(rules=("latency.now",))
    assert "Restart" not in next_words(play.state, [fits]), "something was done: its proof comes first"


def test_the_whole_proof_stands_below_the_steps_where_there_is_room() -> None:
    state = proved().state
    lines = proof_lines(state, 40)
    assert len(lines) > 1 and all(len(line) <= 36 for line in lines)
    assert " ".join(lines).startswith("fixed ") and " ".join(lines).endswith('"engine does not answer" is gone')
    row = STEPS.row(StepLine(state, len(state.steps) - 1, "", below=True), 60)
    assert "".join(text for text, _ in row).rstrip().endswith(" result below")
    assert proof_lines(Play().state, 40) == []


@pytest.mark.parametrize(
    ("width", "words"),
    [
        (80, "needs attention: acme / chat has used up its limit: 458 of 150 (1 more finding)"),
        (70, "acme / chat has used up its limit: 458 of 150 (1 more finding)"),
        (50, "acme / chat used 458 of 150 (1 more)"),
        (30, "acme / chat used 458 of 150"),
    ],
)
def test_a_narrow_step_keeps_the_figure_of_its_worst_finding(width: int, words: str) -> None:
    over = found(
        "limits.over", measured=458.0, threshold=150.0, unit="requests", message="acme / chat has used up its limit: "
        "458 of 150",
    )  # fmt: skip
    play = Play()
    headline = f"{over.message} (1 more finding)"
    play.run("health", outcome(over, found("limits.near"), verdict="needs_attention", headline=headline))
    told = STEPS.columns[-1].cell(StepLine(play.state, 0, ""), width)
    assert told is not None and str(told[0]).strip() == words


@pytest.mark.parametrize("width", [8, 10, 14, 18, 30, 60])
def test_the_time_of_a_proof_is_never_cut_and_a_result_only_behind_its_verdict(width: int) -> None:
    play = restarted()
    at = step_summary(play.state, play.state.steps[-1]).removeprefix("proof possible at ")
    row = STEPS.columns[-1].cell(StepLine(play.state, len(play.state.steps) - 1, ""), width)
    short = width < len("proof 11:23:20")  # a bare time would not say of what it is
    assert row is not None and row[0].strip().endswith("waits" if short else at), row
    late = replace(play.state.action_records[0], late=True, due=1_795_001_000.0, need="7 of 15 checks of engine came")
    row = STEPS.columns[-1].cell(
        StepLine(replace(play.state, action_records=(late,)), len(play.state.steps) - 1, ""), width
    )
    assert row is not None and row[0].strip().endswith("waits" if short else "11:23:20"), row
    state = proved().state
    told = STEPS.columns[-1].cell(StepLine(state, len(state.steps) - 1, ""), width)
    whole = step_summary(state, state.steps[-1])
    assert told is not None and told[0].strip() in ("fixed", whole.partition(": ")[0], whole)


def test_a_closed_incident_has_nothing_to_do_any_more() -> None:
    play = Play()
    play.run("health", outcome(found("limits.immortal", "critical"), recommendations=(LATER,)))
    play.tell(happened.Closed(at=stamp(), cause="a", resolution="b"))
    assert step_summary(play.state, play.state.steps[-1]) == ""


def test_a_closed_incident_reminds_of_armed_actions() -> None:
    closed = replace(proved().state, status="closed", closed=stamp(9.0))
    assert next_words(closed, [], armed=True).endswith("Actions are still armed: :disarm ends that.")
    assert "armed" not in next_words(closed, [])


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
    assert "Findings may bring a later step forward" in opening([], "demo", [moved])
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

    assert summary in on_top() or (width == 80 and summary.replace(" possible", "") in on_top())
    play.tell(happened.ChecksAsked(at=stamp(), action_id="outside-1"))
    assert "being checked now" in on_top()
    play.check("health", outcome(), "outside-1")
    assert "  fixed" in on_top()
    assert play.state.environment in on_top() or (width == 80 and mode == ARMED_IN_DRILL)
    assert ("after you acted" in on_top()) == (width == 140 or mode == "read-only")
    right = "".join(text for text, _ in bar_words(play.state, stamp(), (mode, "b:error"), "", width)[1])
    assert mode.partition(" 127")[0] in right
    assert "UTC" in right or (width == 80 and mode == ARMED_IN_DRILL)


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("alarms", [0, 3])
def test_the_line_on_top_of_an_incident_has_the_clock_and_what_is_wrong_at_every_width(width: int, alarms: int) -> None:
    play = restarted()
    play.tell(happened.ChecksAsked(at=stamp(), action_id="outside-1"))
    play.check("health", outcome(), "outside-1")
    found_now = [Finding(rule="cache.hit_rate", severity="high", subject="hit rate", message="low")] * alarms
    left, right = bar_words(play.state, stamp(), ("read-only", "quiet"), "", width, found_now)
    told = "".join(text for text, _ in (*left, *right))
    assert re.search(r"  \d\d:\d\d:\d\d ", told) and "  fixed" in told and cell_len(told) < width
    assert ("3 findings" in told or "also: hit rate (2 more)" in told) == bool(alarms)


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


def test_the_dialog_of_a_new_incident_names_what_a_does_about_each_finding_once() -> None:
    slow = Finding(rule="latency.p95", severity="medium", subject="engine", message="the engine is slow")
    down = Finding(rule="services.engine", severity="critical", subject="engine", message="the engine is down")
    told = opening(
        [slow, down], "demo", (), 1_795_000_000.0, lambda one: FirstAct("Restart the AI engine", one is slow)
    ).splitlines()
    assert told[2] == "Remedy: Restart the AI engine (a does it once the incident is open)"
    assert not any(line.startswith("Remedy") for line in opening([slow, down], "demo", ()).splitlines())


def test_an_incident_is_opened_on_low_findings_only_where_nothing_worse_is_found() -> None:
    start = Finding(rule="latency.cold_start", severity="low", subject="gateway", message="started")
    low = Finding(rule="latency.few", severity="low", subject="engine", message="all 4 checks are slow")
    medium = Finding(rule="events.flood", severity="medium", subject="feed", message="1,523 events a second")
    assert worth_an_incident([start, low]) == [low]
    assert worth_an_incident([start, low, medium]) == [medium]
    assert worth_an_incident([replace(low, message=f"past: {low.message}")]) == []
    assert worth_an_incident([start]) == []
    worse = replace(medium, message="worse now")
    assert concerning(medium, [start, worse, low]) == [worse], "as it is now, not as it was when the dialog was opened"
    assert concerning(medium, [start]) == [medium] and concerning(None, [start, low]) == [low]
    slow = Finding(rule="latency.p95", severity="medium", subject="engine", message="engine took over 500 ms")
    assert concerning(low, [low, medium, slow])[0] is slow, "what is no alarm yields to the alarm of its subject"
    down = replace(slow, rule="services.engine", severity="critical")
    assert concerning(slow, [down]) == [down] and concerning(slow, [slow, down]) == [slow, down]
    assert concerning(low, [low, medium])[0] is low and concerning(medium, [medium, slow])[0] is medium


@pytest.mark.parametrize(
    ("mode", "brief", "has_age"), [("read-only", "read-only", True), (ARMED_IN_DRILL, "drill 0:42   ARMED 9:41", False)]
)
def test_the_line_on_top_gives_up_age_and_server_before_environment_mode_and_clock(
    mode: str, brief: str, has_age: bool
) -> None:
    play = Play(environment="production")
    play.run("health", outcome(found("limits.immortal", "critical")))
    play.state = replace(play.state, opened=stamp(0.0))
    left, right = bar_words(play.state, stamp(120.0), (mode, "b:error"), "", 80)
    texts = [text.strip() for text, _ in (*left, *right)]
    assert "production" in texts and brief in texts and ("open for 2 min" in texts) is has_age
    assert "✖ CRIT" in texts and "11:08:40" in texts and "UTC" in texts
    assert sum(len(text) for text, _ in (*left, *right)) < 80


def test_evidence_of_before_a_proved_remedy_says_so_and_newer_evidence_does_not() -> None:
    state = proved().state
    step = state.steps[0]
    first = evidence_sections(state, step, None)[0]
    assert first.title == "From before the remedy" and "proved fixed at " in first.lines[1].text
    assert first.lines[0].label == "proof" and first.lines[0].text.startswith("fixed "), "the proof stands first"
    assert step.ended is not None
    newer = replace(step, ended=replace(step.ended, wall=step.ended.wall + 1_000))
    assert "From before the remedy" not in [one.title for one in evidence_sections(state, newer, None)]
    acted = evidence_sections(restarted().state, step, None)[0]
    assert acted.title == "From before the remedy" and "acted at " in acted.lines[1].text
    assert "proved" not in acted.lines[0].text


def test_the_line_on_top_says_no_finding_holds_only_where_the_dashboard_shows_none_either() -> None:
    play = restarted()
    play.tell(happened.ChecksAsked(at=stamp(), action_id="outside-1"))
    play.check("health", outcome(), "outside-1")

    def right(*alarms: Finding) -> str:
        return "".join(text for text, _ in bar_words(play.state, stamp(), ("", ""), "", 140, alarms)[1])

    rate = Finding(rule="cache.hit_rate", severity="high", subject="hit rate", message="hit rate 47 % is below 60 %")
    assert "no finding holds" in right()
    assert "also: hit rate " in right(rate) and "no finding" not in right(rate)
    assert "also: hit rate (1 more) " in right(rate, rate)
    assert next_words(play.state, [], beside=found_beside([rate, rate])) == (
        "Proved: the fault is gone. Also found: hit rate 47 % is below 60 % (1 more finding). "
        "c closes with cause and resolution."
    )


def test_where_nothing_wrong_was_found_the_next_key_closes_it_as_a_false_alarm() -> None:
    play = Play()
    assert "false alarm" not in next_words(play.state, []), "nothing was measured yet"
    play.run("health", outcome(found("latency.cold_start", "low", "gateway")))
    assert next_words(play.state, []).startswith("Nothing wrong was found: c closes it as a false alarm; or enter ")
    came = Finding(rule="cache.bulk", severity="high", subject="bulk invalidations", message="46 bulk invalidations")
    told = next_words(play.state, [], since=found_since(play.state, [came]))
    assert told.startswith("Found since: 46 bulk invalidations: r on Health check asks again, enter goes on to ")
    assert found_words(play.state) == "false alarm: nothing wrong was found"
    assert resolution_words(play.state) == "nothing had to be done"
    wrong = Play()
    wrong.run("health", outcome(found("latency.few", "low", "engine")))
    assert ("Time to acknowledge (MTTA)", "nothing to acknowledge: no fault was found") in durations(wrong.state), (
        "a note is no fault: nobody has to say when it began"
    )
    assert "false alarm" not in next_words(wrong.state, []) + found_words(wrong.state) + resolution_words(wrong.state)


def test_while_what_was_done_is_checked_the_next_key_is_to_wait() -> None:
    play = restarted()
    play.tell(happened.ChecksAsked(at=stamp(), action_id="outside-1"))
    assert next_words(play.state, []) == "What was done is being checked; the result is shown automatically."


def test_a_remedy_is_not_offered_for_what_is_past() -> None:
    play = Play()
    past = found("latency.now", "low", "engine", message="past: engine took 829 ms; now 12 ms")
    play.run("health", outcome(past))
    assert "a acts" not in next_words(play.state, [replace(RESTART, rules=("latency.now",))])


def test_the_line_on_top_names_what_it_was_opened_on_and_once_closed_how_bad_it_was() -> None:
    opened = Play(
        open_findings=(OpenFinding(rule="limits.immortal", subject="a / chat", severity="critical", since=1.0),)
    )

    def right(state: IncidentState) -> str:
        return "".join(text for text, _ in bar_words(state, stamp(), ("", ""), "", 140, alarms=())[1])

    assert "CRIT" in right(opened.state) and "no severity" not in right(opened.state)
    closed = replace(proved().state, status="closed", closed=stamp(9.0))
    assert "at worst ✖ CRIT" in right(closed) and "beside" not in right(closed)


def test_figures_that_reach_back_before_a_proved_remedy_are_of_before_though_the_finding_comes_and_goes() -> None:
    state = proved().state
    (record,) = state.action_records
    assert record.proved is not None
    acted = min(record.at.wall, record.receipt.ended or record.at.wall)
    now = record.proved.wall + 20
    dashboard: Any = SimpleNamespace(health=None, context=SimpleNamespace(clock=SimpleNamespace(wall=lambda: now)))
    errors = Finding(rule="errors.rate", severity="high", subject="gateway", message="20 % failed", since=now - 5)

    def told(finding: Finding) -> str:
        return SettledFindings(dashboard).words(state.action_records, finding)

    reaches_back = replace(errors, window_seconds=now - acted + 5)
    assert told(reaches_back).startswith("some of its figures are from before "), "it is not fixed before it began"
    assert told(replace(reaches_back, since=acted - 5)).startswith("some of its figures are from before ")
    assert told(replace(errors, window_seconds=now - acted - 5)) == "", "its figures are all of after the remedy"
    assert told(replace(errors, window_seconds=1.0, held=True, since=acted - 9)).startswith("fixed at ")
    other = Finding(rule="events.flood", severity="high", subject="feed", message="", since=now - 5)
    assert told(replace(other, window_seconds=900.0)) == "", "the engine does not cause it"


def test_a_repaired_counter_is_known_to_refuse_until_its_window_ends_before_any_check_has_answered() -> None:
    play = Play()
    play.run("health", outcome(found("limits.immortal", "critical")))
    play.act()
    (record,) = play.state.action_records
    assert record.verdict is None and refused_after(record) == []
    now = record.at.wall + 1.0
    record = replace(record, receipt=replace(record.receipt, until=now + 30.0, counts={"done": 1}))
    dashboard: Any = SimpleNamespace(health=None, context=SimpleNamespace(clock=SimpleNamespace(wall=lambda: now)))

    def told(record: ActionRecord, subject: str = "acme / chat") -> str:
        used = Finding(rule="limits.over", severity="high", subject=subject, message="full", since=now - 60)
        return SettledFindings(dashboard).words([record], used)

    assert told(record) == f"repaired; refused until {clock(now + 30)} (its window)"
    assert told(record, "acme / export") == "", "another counter of the tenant was not repaired"
    undone = replace(record, receipt=replace(record.receipt, counts={"changed": 1}))
    assert told(undone) == "", "nothing was done to it"


def test_a_step_that_writes_says_so_before_it_is_run() -> None:
    state, said = Play().state, dict[str, bool]()
    while (coming := state.next) is not None and coming.plan.kind == "tool":
        said[coming.plan.id] = "one key of its own" in next_words(state, [])
        over = tuple(replace(one, status="skipped") if one is coming else one for one in state.steps)
        state = replace(state, steps=over)
    assert len(said) > 1 and [name for name, writes in said.items() if writes] == ["integration"]


@pytest.mark.parametrize(
    ("late", "read", "refuses", "whole", "told"),
    [
        (-5.0, -5.0, True, True, "repaired, refused until {}"),
        (9.0, -5.0, True, True, "repaired; its window ended at {}, not read since"),
        (9.0, 5.0, False, True, "repaired, served again since {}"),
        (9.0, 5.0, True, True, "repaired, but refused again after {}"),
        (9.0, 5.0, False, False, "repaired; its window ended at {}, not all counters read since"),
    ],
)
def test_after_the_window_of_a_repaired_counter_a_reading_tells_whether_its_tenant_is_served(
    late: float, read: float, refuses: bool, whole: bool, told: str
) -> None:
    play = Play()
    play.run("health", outcome(found("limits.immortal", "critical")))
    play.act()
    play.check("health", outcome(found("limits.over", message="acme / chat has used up its limit")))
    (record,) = play.state.action_records
    until = record.at.wall + 30.0
    record = replace(record, receipt=replace(record.receipt, until=until))
    state = replace(play.state, action_records=(record,), repaired=stamp(9.0))
    counter = Counter(key=b"k", tenant=b"acme", operation=b"chat", count=155, ttl_ms=9, taken_mono=0.0)
    row = LimitRow(counter=counter, state="over", limit=150, refused_in=0.0 if refuses else None)
    report = SimpleNamespace(rows=[row], coverage=SimpleNamespace(complete=whole))
    dashboard: Any = SimpleNamespace(
        context=SimpleNamespace(clock=SimpleNamespace(wall=lambda: until + late)),
        pane=lambda _: SimpleNamespace(reading=SimpleNamespace(value=report, taken_at=until + read)),
    )
    words = told.format(clock(until))
    assert proof_now(dashboard, state) == words
    assert next_words(state, [], proof=words).startswith(f"Proved: it resets again ({words}). ")


def test_the_used_up_limit_of_a_repaired_counter_refuses_until_its_window_ends_and_is_not_to_be_acted_on() -> None:
    play = Play()
    play.run("health", outcome(found("limits.immortal", "critical")))
    play.act()
    over = found("limits.over", message="acme / chat has used up its limit")
    play.check("health", outcome(over))
    (record,) = play.state.action_records
    assert record.verdict == "fixed" and refused_after(record) == ["acme / chat"]
    now = record.at.wall + 10.0
    record = replace(record, receipt=replace(record.receipt, until=now + 30.0))
    dashboard: Any = SimpleNamespace(health=None, context=SimpleNamespace(clock=SimpleNamespace(wall=lambda: now)))

    def told(finding: Finding) -> str:
        return SettledFindings(dashboard).words([record], finding)

    used = Finding(rule="limits.over", severity="high", subject="acme / chat", message="full", since=now - 60)
    words = f"repaired; refused until {clock(now + 30)} (its window)"
    assert proof_status(replace(play.state, action_records=(record,), repaired=stamp(9.0))) == (
        f"repaired, refused until {clock(now + 30)}"
    ), "no bare 'fixed' while the tenant is still refused"
    assert told(used) == words
    refused = replace(used, rule="limits.refused", subject="acme", window_seconds=90.0)
    assert told(refused) == words
    assert told(replace(used, subject="other / chat")) == ""
    now += 40.0
    assert told(used) == "", "what fills it now is traffic"
    was = f"repaired; was refused until {clock(now - 10)} (its window)"
    assert told(refused) == was, "its 90 s hold refusals of after the proof"
    assert told(replace(refused, window_seconds=5.0)) == ""


def test_what_decides_names_its_figure_once_with_the_remedy_and_its_key() -> None:
    message = "engine p50 642 ms: both checks took over 500 ms"
    slow = found("latency.now", "medium", "engine", message=message, unit="ms")
    other = found("cache.hit_rate", "medium", "hit rate")
    figures = tuple(
        Figure(name=f"latency.{name}", value=840.0, unit="ms", label=name) for name in ("gateway", "engine")
    )
    play = Play(
        team=(TeamAdvice(when=("latency.",), action="Restart the AI engine", command=":remedy restart-engine"),)
    )
    play.state = replace(play.state, playbook="demo")
    play.run("health", outcome(slow, other, headline=f"{slow.message} (1 more finding)", figures=figures))
    part = next(one for one in evidence_sections(play.state, play.state.steps[0], None) if one.title == "What decides")
    told = [(line.label, line.text) for line in part.lines]
    assert told[:3] == [
        ("critical", slow.message), ("remedy", "Restart the AI engine (a)"), ("beside it", "1 more finding, below"),
    ]  # fmt: skip
    assert ("gateway, one check", "840 ms") in told and not [text for label, text in told if "engine, one" in label]
