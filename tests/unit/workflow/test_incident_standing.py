"""An incident's severity falls with what is fixed, and stays where nobody looked again."""

from msgspec.structs import replace

from optimus_tui.contract.incident import (
    ActionRecord,
    Comparison,
    IncidentState,
    KeptReceipt,
    Outcome,
    Stamp,
    Step,
    StepPlan,
)
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.workflow.standing import severity_words, standing

OVER = Diagnostic(severity="warning", level="high", message="acme is over", rule="limits.over", subject="acme / chat")
SLOW = Diagnostic(severity="medium", level="medium", message="slow", rule="latency.p95", subject="engine")


def at(seconds: float) -> Stamp:
    return Stamp(wall=seconds, mono=seconds)


def outcome(*findings: Diagnostic) -> Outcome:
    return Outcome(verdict="", severity="high", headline="", findings=findings)


def step(name: str, ended: float, *findings: Diagnostic, before: Outcome | None = None, verdict: str = "fixed") -> Step:
    change = Comparison(verdict=verdict, words="") if before is not None else None  # type: ignore[arg-type]
    return Step(
        plan=StepPlan(id=name, title=name), status="done", ended=at(ended), outcome=outcome(*findings), before=before,
        change=change,
    )  # fmt: skip


def incident(*steps: Step, action_records: tuple[ActionRecord, ...] = ()) -> IncidentState:
    return IncidentState(id="1", status="open", severity="high", steps=steps, action_records=action_records)


def test_a_step_asked_again_without_the_finding_lets_the_header_fall() -> None:
    assert standing(incident(step("health", 1, OVER))) == "high"
    after = incident(step("health", 9, before=outcome(OVER)))
    assert standing(after) == "none" and severity_words(after) == "none (at worst high)"


def test_a_later_step_that_no_longer_has_it_speaks_for_an_earlier_one_that_shared_it() -> None:
    first, second = step("health", 1, OVER, SLOW), step("issue", 9, before=outcome(OVER))
    assert standing(incident(first, second)) == "medium"
    assert standing(incident(replace(first, ended=at(20)), second)) == "high"  # found again since


def test_a_step_that_can_no_longer_tell_clears_nothing() -> None:
    blind = step("issue", 9, before=outcome(OVER), verdict="unknown")
    assert standing(incident(step("health", 1, OVER), blind)) == "high"


def test_a_run_that_could_not_look_leaves_what_it_had_found_before() -> None:
    blind = step("health", 9, before=outcome(OVER), verdict="unknown")
    assert standing(incident(blind)) == "high"


def test_a_check_that_says_fixed_clears_its_rules_and_no_others() -> None:
    receipt = KeptReceipt(action_id="a", kind="reset_counters", tenant="acme")
    done = ActionRecord(at=at(5), receipt=receipt, rules=("limits.over",), verdict="fixed")
    assert standing(incident(step("health", 1, OVER, SLOW), action_records=(done,))) == "medium"
    assert standing(incident(step("health", 1, OVER, SLOW), action_records=(replace(done, verdict="same"),))) == "high"


def test_asked_a_third_time_a_step_still_speaks_for_an_earlier_one_that_shared_its_finding() -> None:
    third = replace(step("health", 9, before=outcome(SLOW), verdict="fixed"), worst=outcome(OVER))
    assert standing(incident(step("performance", 1, OVER), third)) == "none"
    plan = StepPlan(id="identify", title="", choose_issue=True)
    assert standing(incident(step("performance", 1, OVER), replace(third, plan=plan))) == "high", (
        "its worst run may have looked at another issue"
    )
