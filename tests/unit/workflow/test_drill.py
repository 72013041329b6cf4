"""A drill's judgement: marks from what was shown and recorded, nothing from keys; hostile words stay words."""

from msgspec.structs import replace

from optimus_tui.contract.finding_rules import CATALOGUE
from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.incident import (
    ActionRecord,
    DrillResult,
    IncidentState,
    IssueChoice,
    KeptReceipt,
    OpenFinding,
    Outcome,
    Stamp,
    Step,
    StepPlan,
    Truth,
)
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.demo import DRILLS
from optimus_tui.demo.scenarios import REMEDIES, SCENARIOS
from optimus_tui.incidents.drill import page, spans, summary
from optimus_tui.incidents.lone_proof import record_of
from optimus_tui.settings.tuning import TUNING
from optimus_tui.workflow.drill import (
    Watch,
    ended_words,
    follow,
    follow_alone,
    is_over,
    judge,
    look,
    next_step,
    next_step_forms,
    waits_for,
)
from optimus_tui.workflow.standing import durations

HOLD_SECONDS = TUNING.drill_hold_seconds
TRUTH = Truth(rules=("limits.over",), subject="acme", issues=("rate_limiting",), cure="block it")
NAMES = ("noisy", "acme is noisy")


def finding(rule: str = "limits.over", subject: str = "acme / chat", severity: Severity = "high") -> Finding:
    return Finding(rule=rule, severity=severity, subject=subject, message=f"{subject}: {rule}")


def seen(*reports: tuple[float, tuple[Finding, ...]]) -> Watch:
    watch = Watch(injected=100.0)
    for mono, findings in reports:
        watch = look(watch, TRUTH, findings, mono)
    return watch


def state(**fields: object) -> IncidentState:
    return replace(IncidentState(id="7", status="open", opened=Stamp(0.0, 110.0)), **fields)


def identified(issue: str, rule: str) -> IncidentState:
    outcome = Outcome(
        verdict="high", severity="high", headline="",
        findings=(Diagnostic(severity="high", rule=rule, subject="acme / chat", message="full"),),
    )  # fmt: skip
    plans = (StepPlan(id="health", title="Health"), StepPlan(id="identify", title="Identify", choose_issue=True))
    steps = (
        Step(plan=plans[0], status="done", started=Stamp(0, 111), ended=Stamp(0, 112), outcome=outcome),
        Step(plan=plans[1], status="done", started=Stamp(0, 120), ended=Stamp(0, 121), outcome=outcome),
    )
    return state(steps=steps, choice=IssueChoice(issue=issue))


def seconds(result: DrillResult, name: str) -> float | None:
    return next(one.seconds for one in result.marks if one.name == name)


def test_only_the_faults_own_alarm_counts_as_shown() -> None:
    others = (finding("limits.near"), finding(subject="other / chat"), finding(severity="low"))
    assert seen((101.0, others)).shown is None
    assert seen((101.0, others), (103.0, (finding(),))).shown == 103.0


def test_a_fault_that_comes_back_was_not_gone() -> None:
    watch = seen((101, (finding(),)), (105, ()), (112, (finding(),)), (130, ()))
    assert (watch.cleared, watch.returned) == (130, 1)
    result = judge(NAMES, TRUTH, watch, None, "given up")
    assert any("came back (1" in one for one in result.missed)


def test_gone_is_only_what_is_gone_and_what_still_counts_from_before_is_named() -> None:
    earlier = finding("limits.near", "beta / chat")
    followed = replace(finding("limits.refused", "acme"), window_seconds=90.0)
    watch = seen((99, (earlier,)), (101, (earlier, finding(), followed)), (105, (earlier, followed)))
    words = next(one.words for one in judge(NAMES, TRUTH, watch, None, "given up").marks if one.name == "gone")
    assert words.endswith(
        "left the screen; what follows from it is still shown: acme: limits.refused (counted over the last 1 min 30 s)"
    )
    watch = look(watch, TRUTH, (earlier,), 140)
    assert watch.cleared == 105
    words = next(one.words for one in judge(NAMES, TRUTH, watch, None, "given up").marks if one.name == "gone")
    assert words == "its findings (A limit is used up) left the screen"


def test_what_is_still_shown_but_no_alarm_is_not_called_off_the_screen() -> None:
    low = finding(severity="low")
    watch = seen((101, (finding(),)), (105, (low,)))
    words = next(one.words for one in judge(NAMES, TRUTH, watch, None, "solved").marks if one.name == "gone")
    assert words == f"its findings (A limit is used up) are no longer an alarm; still shown: {low.message}"
    watch = look(watch, TRUTH, (), 110)
    assert (watch.cleared, watch.quiet) == (105, ())


def test_marks_and_spans_stand_in_the_order_of_their_times_and_mttr_says_what_ends_it() -> None:
    watch = replace(seen((103, (finding(),)), (208, ())), remedies=((105.0, "Block clients"),))
    result = judge(NAMES, TRUTH, watch, state(repaired=Stamp(0, 176), status="closed", closed=Stamp(0, 190)), "solved")
    for times in ([one.seconds for one in result.marks], [span for _, span in spans(result)]):
        reached = [one for one in times if one is not None]
        assert reached == sorted(reached) == times[: len(reached)]
    assert [one.name for one in result.marks][-1] == "identified"
    assert ("resolve (MTTR): proved", 76.0) in spans(result)
    alone = judge(NAMES, TRUTH, watch, None, "solved")
    assert ("resolve (MTTR): alarm gone", 108.0) in spans(alone)


def test_all_times_of_a_result_count_from_the_injection_so_that_they_add_up() -> None:
    watch = seen((103, (finding(),)), (208, ()))
    kept = state(began=3.0, opened=Stamp(29.0, 127.0), repaired=Stamp(90.0, 188.0), closed=Stamp(95.0, 193.0))
    result = judge(NAMES, TRUTH, watch, kept, "solved")
    times, marks = dict(spans(result)), {one.name: one.seconds for one in result.marks}
    assert (times["alarm"], times["acknowledge (MTTA)"], times["proof"]) == (3.0, 27.0, 88.0)
    assert times["resolve (MTTR): proved"] == times["proof"] == marks["proved"]
    assert (times["alarm"], times["acknowledge (MTTA)"]) == (marks["shown"], marks["opened"])
    own = dict(durations(kept))
    assert own["Time to acknowledge (MTTA)"] == "26 s from the first sign of the fault", "its base is named"
    assert own["Time to repair (MTTR)"].startswith("1 min 27 s from the first sign of the fault until ")


def test_the_header_waits_for_the_proof_once_something_was_done_and_asks_for_no_step_meanwhile() -> None:
    watch = replace(seen((101, (finding(),))), remedies=((115.0, "engine restarted"),))
    receipt = KeptReceipt(action_id="1", kind="remedy", tenant="", words="engine restarted", outside=True)
    done = ActionRecord(at=Stamp(0, 115.0), receipt=receipt, since=15.0, due=45.0, need="15 checks")
    coming = Step(plan=StepPlan(id="performance", title="Performance"))
    kept = state(steps=(coming,), action_records=(done,))
    assert next_step_forms(watch, kept, 120) == ("waits for the proof, which comes by itself", "")
    running = replace(kept, action_records=(replace(done, due=None),))
    assert next_step(watch, running, 120) == "waits for the proof, which comes by itself"
    failed = replace(kept, action_records=(replace(done, due=None, verdict="same"),))
    assert next_step(watch, failed, 120) == "i, then the last step proves it", "no step that only looks"
    assert next_step(replace(watch, remedies=()), state(steps=(coming,)), 120) == "i, then enter: performance"


def test_a_step_that_was_acted_on_or_was_not_needed_for_the_proof_is_not_missed() -> None:
    apply = StepPlan(id="apply", title="Apply recommendations", kind="apply")
    left = state(steps=(Step(plan=StepPlan(id="look", title="Look")), Step(plan=apply)))

    def missed(watch: Watch, kept: IncidentState) -> list[str]:
        return [one for one in judge(NAMES, TRUTH, watch, kept, "given up").missed if one.startswith("step ")]

    watch = seen((101, (finding(),)))
    acted = replace(watch, remedies=((103.0, "Block clients"),))
    assert missed(watch, left) == ["step Look was not done", "step Apply recommendations was not done"]
    assert missed(acted, left) == ["step Look was not done"]
    assert missed(acted, replace(left, repaired=Stamp(0, 120))) == []


def test_a_cause_that_is_filed_at_the_closing_counts_if_the_incident_holds_the_fault() -> None:
    watch, known = seen((101, (finding(),))), OpenFinding(rule="limits.over", subject="acme / chat", since=None)
    closed = state(status="closed", closed=Stamp(0, 130), cause="acme sends too much", open_findings=(known,))
    filed = follow(watch, TRUTH, closed)
    assert filed.identified == (130, "by the cause named at the closing: acme sends too much")
    assert follow(watch, TRUTH, replace(closed, open_findings=())).identified is None, "it rests on nothing"
    other = replace(known, rule="cache.hit_rate")
    assert follow(watch, TRUTH, replace(closed, open_findings=(other,))).identified is None


def test_what_was_done_names_the_cause_once_it_is_proved_to_have_cured_it() -> None:
    known = OpenFinding(rule="limits.over", subject="acme / chat", since=None)
    watch = replace(seen((101, (finding(),))), remedies=((110.0, "acme blocked"),))
    tried = state(open_findings=(known,))
    assert follow(watch, TRUTH, tried).identified is None, "it may have been the wrong thing"
    proved = replace(tried, repaired=Stamp(0, 125))
    assert follow(watch, TRUTH, proved).identified == (
        110,
        "by a remedy that is proved to have worked: acme blocked",
    )
    assert follow(watch, TRUTH, replace(proved, open_findings=())).identified is None


def test_a_remedy_without_an_incident_names_the_cause_and_is_proved_like_one_in_an_incident() -> None:
    watch = replace(seen((101, (finding(),)), (112, ())), remedies=((110.0, "acme blocked"),))
    receipt = KeptReceipt(action_id="", tenant="", kind="outside", words="acme blocked", ended=1_010.0)
    done = record_of(receipt, finding(), Stamp(1_011.0, 111.0))
    waiting = follow_alone(watch, TRUTH, [done], awaited=True)
    assert (waiting.pending, waiting.proved, waiting.identified) == (True, None, None)
    assert not is_over(waiting, None, 999)
    assert next_step(waiting, None, 113) == "waits for the proof, which comes by itself"
    proved = follow_alone(waiting, TRUTH, [replace(done, proved=Stamp(1_020.0, 120.0))], awaited=False)
    result = judge(NAMES, TRUTH, proved, None, ended_words(proved, None, 999))
    assert (result.cause, result.remedy, result.proof, result.ended) == (10.0, 10.0, 20.0, "solved")
    for_another = record_of(receipt, finding(rule="cache.hit_rate", subject="hit rate"), Stamp(1_011.0, 111.0))
    assert follow_alone(watch, TRUTH, [for_another], awaited=True) == watch, "it was done for something else"
    before = record_of(replace(receipt, ended=990.0), finding(), Stamp(991.0, 91.0))
    assert follow_alone(watch, TRUTH, [before], awaited=True) == watch, "it was done before the fault"


def test_the_timeline_and_the_result_give_a_time_in_one_form() -> None:
    watch = seen((101.8, (finding(),)), (134.2, ()))
    result = judge(NAMES, TRUTH, watch, state(opened=Stamp(0, 123.6)), "given up")
    assert (
        "detected after 1.8 s, acknowledged after 24 s, not identified, not remedied, not proved, resolved after 34 s"
        in summary(result)
    )
    assert "| First shown | 1.8 s |" in page(result, 0.0)


def test_what_nobody_can_see_is_not_gone() -> None:
    blind = finding("server.unreachable", "redis", "critical")
    assert seen((101, (finding(),)), (105, (blind,))).cleared is None


def test_it_is_over_when_the_fault_stays_away_and_the_incident_is_closed() -> None:
    watch = seen((101, (finding(),)), (105, ()))
    closed = state(status="closed", closed=Stamp(0, 106))
    assert not is_over(watch, closed, 105 + HOLD_SECONDS - 1)
    assert not is_over(watch, state(), 105 + HOLD_SECONDS)
    assert not is_over(seen((101, (finding(),))), closed, 999)
    assert is_over(watch, closed, 105 + HOLD_SECONDS)


def test_a_cure_without_an_incident_ends_the_drill_once_it_holds() -> None:
    watch = seen((101, (finding(),)), (105, ()))
    assert not is_over(watch, None, 999), "nobody did anything: what comes and goes is not cured"
    assert ended_words(watch, None, 999) == "given up"
    watch = replace(watch, remedies=((103.0, "counter repaired for acme"),))
    assert not is_over(watch, None, 105 + HOLD_SECONDS - 1)
    assert is_over(watch, None, 105 + HOLD_SECONDS)
    acted = next(one for one in judge(NAMES, TRUTH, watch, None, "solved").marks if one.name == "acted")
    assert (acted.seconds, acted.words) == (3.0, "counter repaired for acme")
    before = replace(watch, remedies=((99.0, "counter repaired for acme"),))
    assert not is_over(before, None, 999), "what was done before the fault cures nothing"


def test_a_drill_is_given_up_only_while_the_fault_stands() -> None:
    closed = state(status="closed", closed=Stamp(0, 106), repaired=Stamp(0, 104))
    gone, there = seen((101, (finding(),)), (105, ())), seen((101, (finding(),)))
    assert ended_words(gone, closed, 106) == "stopped when the fault was gone"
    assert judge(NAMES, TRUTH, gone, closed, ended_words(gone, closed, 106)).solved
    assert ended_words(gone, closed, 105 + HOLD_SECONDS) == "solved"
    assert ended_words(gone, state(repaired=Stamp(0, 104)), 106) == "stopped when the fault was gone"
    assert ended_words(there, closed, 999) == ended_words(there, None, 999) == "given up"


def test_a_proved_and_closed_fault_whose_alarm_never_came_ends_the_drill() -> None:
    watch, closed = Watch(injected=100.0), state(status="closed", closed=Stamp(0, 106), repaired=Stamp(0, 104))
    assert is_over(watch, closed, 104 + HOLD_SECONDS)
    assert not is_over(watch, replace(closed, repaired=None), 999)


def test_the_header_says_what_the_drill_waits_for_and_nothing_that_was_done() -> None:
    there, gone = seen((101, (finding(),))), seen((101, (finding(),)), (105, ()))
    closed = state(status="closed", closed=Stamp(0, 106), repaired=Stamp(0, 104))
    assert next_step(Watch(injected=100.0), None, 101) == "wait for the alarm, or i on a finding"
    assert next_step_forms(Watch(injected=100.0), None, 101)[1] == "wait for alarm"
    assert next_step(there, None, 102) == "i opens an incident on the alarm"
    assert next_step(there, replace(closed, repaired=None), 107) == "i opens an incident on the alarm"
    assert (waits_for(gone, closed, 108), waits_for(gone, state(), 108)) == ("ends in 12 s", "")
    assert next_step(gone, closed, 108) == "ends in 12 s, if the fault stays away"
    assert waits_for(there, closed, 108) == "alarm still shown"
    assert next_step(there, closed, 108) == "alarm still shown, the drill ends once it is gone"
    assert "stop shows the result" in next_step(gone, None, 108)
    brief = [next_step_forms(*about)[1] for about in ((there, None, 102), (gone, None, 108), (gone, closed, 108))]
    assert brief == ["press i", ":drill stop", ""]


def test_identified_needs_the_right_choice_and_the_right_evidence() -> None:
    watch = seen((101, (finding(),)))
    assert follow(watch, TRUTH, identified("memory_leak", "limits.over")).identified is None
    assert follow(watch, TRUTH, identified("rate_limiting", "cache.hit_rate")).identified is None
    found = follow(watch, TRUTH, identified("rate_limiting", "limits.over"))
    assert found.identified == (120, "rate limiting: full"), "the choice came after the finding"
    later = follow(found, TRUTH, state())
    assert later.identified == found.identified, "a step that is asked again takes nothing back"


def test_giving_up_tells_what_was_missed_and_the_truth() -> None:
    result = judge(NAMES, TRUTH, Watch(injected=100.0), None, "given up")
    assert not result.solved
    assert (result.detect, result.acknowledge, result.resolve) == (None, None, None)
    assert [one.name for one in result.marks if one.seconds is not None] == ["injected"]
    text = page(result, 1_800_000_000.0)
    assert "acme is noisy" in text and "block it" in text and "no incident was opened" in text
    assert "not detected, not acknowledged, not identified, not remedied, not proved, not resolved" in summary(result)


def test_times_count_from_the_injection_and_an_incident_that_was_open_before_is_no_merit() -> None:
    watch = seen((103, (finding(),)), (150, ()))
    watch = replace(watch, remedies=((140.0, "Block clients"),))
    late = judge(NAMES, TRUTH, watch, state(repaired=Stamp(0, 155), status="closed", closed=Stamp(0, 160)), "solved")
    assert [seconds(late, one) for one in ("shown", "opened", "acted", "gone", "proved", "closed")] == [
        3, 10, 40, 50, 55, 60,
    ]  # fmt: skip
    assert (late.detect, late.acknowledge, late.resolve, late.solved) == (3, 10, 55, True)
    early = judge(NAMES, TRUTH, watch, state(opened=Stamp(0, 90)), "given up")
    assert "open already" in next(one.words for one in early.marks if one.name == "opened")


def test_hostile_words_are_inert_on_the_page() -> None:
    watch = replace(Watch(injected=0.0), shown=1.0, words="| x | <script>\n# \x1b[2J @channel")
    text = page(judge(NAMES, TRUTH, watch, None, "given up"), 0.0)
    assert "<script" not in text and "\x1b" not in text and "@channel" not in text
    assert len([line for line in text.splitlines() if line.startswith("| First shown")]) == 1


def test_every_drill_names_rules_that_lead_to_its_issue_and_a_cure_that_exists() -> None:
    names = {one.name for one in REMEDIES}
    for name in DRILLS:
        scenario = SCENARIOS[name]
        led = {issue for rule in scenario.truth.rules for issue in CATALOGUE[rule].points_to or ()}
        assert set(scenario.truth.issues) & led, name
        assert scenario.truth.cure
        assert (scenario.remedy in names) or not scenario.remedy
        if scenario.remedy:
            assert f":remedy {scenario.remedy}" in scenario.truth.cure
    assert len(DRILLS) == len(SCENARIOS) - 1, "quiet has nothing to find"


def test_an_action_counts_from_when_it_ended_not_from_when_it_was_recorded() -> None:
    def acted(recorded_wall: float) -> float | None:
        receipt = KeptReceipt(action_id="1", kind="repair_counter", tenant="acme", ended=1_000.0)
        record = ActionRecord(at=Stamp(recorded_wall, 142.0), receipt=receipt)
        return seconds(judge(NAMES, TRUTH, seen((101, ())), state(action_records=(record,)), "given up"), "acted")

    assert acted(1_002.0) == 40.0
    assert acted(999.0) == acted(9_000.0) == 42.0, "the wall clock was set: the record's own time"


def test_an_action_has_acted_at_the_latest_when_the_fault_leaves_the_screen_while_it_runs() -> None:
    def marks(cleared: float) -> tuple[float | None, float | None]:
        receipt = KeptReceipt(action_id="1", kind="repair_counter", tenant="acme", started=990.0, ended=1_000.0)
        record = ActionRecord(at=Stamp(1_000.0, 140.0), receipt=receipt)
        watch = seen((101, (finding(),)), (cleared, ()))
        result = judge(NAMES, TRUTH, watch, state(action_records=(record,)), "given up")
        return seconds(result, "acted"), seconds(result, "gone")

    assert marks(138.0) == (38.0, 38.0)
    assert marks(120.0) == (40.0, 20.0), "it was gone before anything was done"
    assert marks(150.0) == (40.0, 50.0)
