"""When a check after a remedy can prove something, and what is said of it until then."""

from typing import Any

import pytest
from msgspec.structs import replace

from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.incident import ActionRecord, Check, KeptReceipt, OpenFinding, Stamp
from optimus_tui.incidents.came import Came, enough_at
from optimus_tui.wording.numbers import clock
from optimus_tui.workflow.outcomes import compare
from optimus_tui.workflow.proof import (
    acted_at,
    again_at,
    fixed_by,
    is_superseded,
    need_of,
    proof_words,
    too_early,
    waiting,
)
from optimus_tui.workflow.standing import action_verdict, durations, mtta, mttr, proof_status, step_result
from tests.unit.workflow.driver import IMMORTAL, Play, found, outcome, stamp

SLOW = found("latency.p95", "high", "engine", measured=829.0, threshold=500.0, unit="ms")
OVER = found("limits.over", "high", window_seconds=60.0)


def restarted(play: Play, ended: float | None = None, **more: Any) -> tuple[Any, ...]:
    """Record a restart of the engine at the play's next moment."""
    at = more.pop("at")
    receipt = KeptReceipt(
        action_id=more.pop("action", "outside-1"), kind="remedy", tenant="", words="engine restarted", outside=True,
        ended=ended,
    )  # fmt: skip
    return play.tell(happened.ActionDone(at=at, receipt=receipt, **more))


def slow_engine(at: float = 0.0) -> tuple[Play, Stamp]:
    """Return an incident in which the engine was found slow, and the moment of the restart that follows."""
    play = Play()
    play.run("health", outcome(SLOW))
    last = play.state.timeline[-1].at
    return play, Stamp(last.wall + 10, last.mono + 10, boot="b")


def later(stamp: Stamp, seconds: float) -> Stamp:
    return Stamp(stamp.wall + seconds, stamp.mono + seconds, boot="b")


def record_of(play: Play) -> ActionRecord:
    return play.state.action_records[-1]


def test_after_a_remedy_the_checks_wait_and_say_when_a_proof_is_possible() -> None:
    play, at = slow_engine()
    assert restarted(play, at=at) == (), "nothing runs yet"
    record = record_of(play)
    assert (record.since, record.due) == (at.wall + 1, at.wall + 31)
    words = proof_words(record)
    assert words.startswith("too early: proof possible at ") and "15 checks of engine" in words
    assert action_verdict(record) == words
    assert "proof possible at" not in play.state.timeline[-1].text, "a promise is no part of the past"
    assert too_early(play.state, at.wall + 5) and not too_early(play.state, at.wall + 31)


def test_the_check_counts_from_the_remedy_and_the_proof_ends_the_repair() -> None:
    play, at = slow_engine()
    restarted(play, at=at)
    (ask,) = play.tell(happened.ChecksAsked(at=later(at, 31), action_id="outside-1"))
    assert (ask.step, ask.since) == ("health", at.wall + 1)
    play.tell(happened.CheckFinished(at=later(at, 33), action_id="outside-1", step="health", outcome=outcome()))
    record = record_of(play)
    assert (record.verdict, record.due) == ("fixed", None)
    assert proof_words(record) == "fixed 33 s after you acted: engine p95 829 ms → no longer over 500 ms"
    assert record.proved == later(at, 33) == play.state.repaired
    opened = play.state.opened
    assert opened is not None and mttr(play.state) == pytest.approx(at.mono + 33 - opened.mono)
    play.tell(happened.Closed(at=later(at, 9_999), cause="a delay", resolution="restarted"))
    assert mttr(play.state) == pytest.approx(at.mono + 33 - opened.mono), "the proof ends it, not the closing"
    assert dict(durations(play.state))["Time to repair (MTTR)"].endswith("until a check proved it")


def test_closing_without_a_proof_has_no_time_to_repair_and_says_so() -> None:
    play, at = slow_engine()
    restarted(play, at=at)
    play.tell(happened.Closed(at=later(at, 5), cause="a delay", resolution="restarted"))
    assert mttr(play.state) is None
    assert "closed before" in proof_words(record_of(play)), "no promise of a check outlives the closing"
    assert "not proved by a check" in dict(durations(play.state))["Time to repair (MTTR)"]


def test_a_step_run_again_too_early_says_so_and_is_compared_with_the_fault_later() -> None:
    play, at = slow_engine()
    restarted(play, at=at)
    for seconds, verdict in ((5, "too early"), (40, "fixed")):
        (ask,) = play.tell(happened.StepStarted(at=later(at, seconds), step="health"))
        assert ask.since == at.wall + 1, "a repeated step counts only what came since"
        play.tell(happened.StepFinished(at=later(at, seconds + 1), step="health", outcome=outcome()))
        change = play.state.step("health").change
        assert change is not None and change.verdict == verdict
        assert (play.state.repaired is None) == (verdict == "too early")


def test_a_step_that_has_not_run_before_has_its_whole_window() -> None:
    play, at = slow_engine()
    restarted(play, at=at)
    (ask,) = play.tell(happened.StepStarted(at=later(at, 2), step="integration"))
    assert ask.since is None


def test_what_can_be_read_at_once_is_checked_at_once_from_the_action_on() -> None:
    play = Play()
    play.run("health", outcome(IMMORTAL))
    (ask,) = play.act()
    assert ask.since == play.state.action_records[0].at.wall
    assert play.state.action_records[0].due is None


def test_less_than_is_needed_delays_the_checks_with_what_came() -> None:
    play, at = slow_engine()
    restarted(play, at=at)
    play.tell(happened.ChecksDelayed(
        at=later(at, 31), action_id="outside-1", due=at.wall + 41, need="9 of 15 checks of engine came"
    ))  # fmt: skip
    assert record_of(play).due == at.wall + 41
    possible = f"proof possible at {clock(at.wall + 41)}"
    assert proof_words(record_of(play)) == f"late: 9 of 15 checks of engine came; {possible}"
    assert proof_status(play.state) == f"late: {possible}"
    lines = len(play.state.timeline)
    play.tell(happened.ChecksDelayed(
        at=later(at, 37), action_id="outside-1", due=at.wall + 41, need="12 of 15 checks of engine came"
    ))  # fmt: skip
    assert len(play.state.timeline) == lines and "12 of 15" in play.state.timeline[-1].text, "one line, not one a look"
    assert "late: 12 of 15" in too_early(play.state, at.wall + 60), "late is too early still"


def test_without_a_pace_no_new_time_is_promised() -> None:
    play, at = slow_engine()
    restarted(play, at=at)
    need = "0 of 15 checks of engine came, waiting for 15 more"
    play.tell(happened.ChecksDelayed(at=later(at, 31), action_id="outside-1", due=at.wall + 31, need=need))
    assert proof_words(record_of(play)) == f"late: {need}"
    assert proof_status(play.state) == "late: 0 of 15 checks of engine came"


@pytest.mark.parametrize(("now", "verdict"), [(outcome(), "fixed"), (outcome(SLOW), "same"), (None, "unknown")])
def test_a_step_that_was_run_too_early_has_the_result_of_the_check(now: Any, verdict: str) -> None:
    play, at = slow_engine()
    restarted(play, at=at)
    play.tell(happened.StepStarted(at=later(at, 5), step="health"))
    play.tell(happened.StepFinished(at=later(at, 6), step="health", outcome=outcome()))
    assert step_result(play.state.steps[0]).startswith("too early: proof possible at ")
    play.tell(happened.ChecksAsked(at=later(at, 31), action_id="outside-1"))
    play.tell(happened.CheckFinished(at=later(at, 33), action_id="outside-1", step="health", outcome=now))
    assert step_result(play.state.steps[0]).startswith(f"{verdict}: ")
    assert (play.state.repaired is not None) == (verdict == "fixed")


def test_another_step_that_was_run_too_early_promises_nothing_after_the_proof() -> None:
    play, at = slow_engine()
    play.run("integration", outcome())
    restarted(play, at=at)
    play.tell(happened.StepStarted(at=later(at, 5), step="integration"))
    play.tell(happened.StepFinished(at=later(at, 6), step="integration", outcome=outcome()))
    play.tell(happened.ChecksAsked(at=later(at, 31), action_id="outside-1"))
    play.tell(happened.CheckFinished(at=later(at, 33), action_id="outside-1", step="health", outcome=outcome()))
    step = play.state.step("integration")
    assert step is not None and step_result(step) == "too early: it ran before a proof was possible; r runs it again"


def test_the_new_time_follows_the_pace_of_what_came() -> None:
    half, less = Came("8 of 16", lacks=True, share=0.5), Came("4 of 16", lacks=True, share=0.25)
    assert enough_at([half], 100.0, 130.0) == 160.0
    assert enough_at([half, less], 100.0, 130.0) == 220.0, "the slowest decides"
    assert enough_at([half, Came("0 of 16", lacks=True)], 100.0, 130.0) is None


def test_the_promised_time_follows_the_pace_of_the_measurements() -> None:
    play, at = slow_engine()
    restarted(play, at=at, pace=4.0)
    assert record_of(play).due == at.wall + 1 + 15 * 4.0


def test_checks_that_wait_survive_the_end_of_the_process() -> None:
    play, at = slow_engine()
    restarted(play, at=at)
    play.tell(happened.Resumed(at=later(at, 300), operator="ops"))
    assert (record_of(play).verdict, record_of(play).due) == (None, at.wall + 31)


def test_a_receipt_tells_when_the_action_ended_unless_the_clock_went_back() -> None:
    play, at = slow_engine()
    restarted(play, at=at, ended=at.wall - 4)
    assert acted_at(record_of(play)) == at.wall - 4 == record_of(play).since - 1
    assert acted_at(replace(record_of(play), receipt=replace(record_of(play).receipt, ended=at.wall + 99))) == at.wall


@pytest.mark.parametrize(
    ("finding", "outside", "seconds", "words"),
    [
        (SLOW, True, 30.0, "15 checks of engine"),
        (found("services.engine", subject="engine"), True, 10.0, "5 checks of engine"),
        (found("latency.p95", subject="route /api/chat"), True, 30.0, "20 requests, some of /api/chat"),
        (OVER, False, 15.0, "15 s to see whether it comes back"),
        (OVER, True, 61.0, "a whole window of the limit"),
        (found("errors.rate", subject="gateway"), True, 30.0, "20 requests"),
        (found("cache.hit_rate", subject="hit rate"), True, 30.0, "100 look-ups"),
        (found("events.flood", subject="events"), True, 15.0, "15 s to see whether it comes back"),
        (IMMORTAL, False, 0.0, "0 ms"),
    ],
)
def test_each_finding_needs_what_can_disprove_it(finding: Any, outside: bool, seconds: float, words: str) -> None:
    need = need_of([finding], outside=outside)
    assert need.seconds == seconds
    assert need.words() == words or not seconds


def test_a_later_remedy_for_the_same_finding_is_the_one_that_is_followed() -> None:
    play, at = slow_engine()
    restarted(play, at=at)
    restarted(play, at=later(at, 5), action="outside-2")
    first, second = play.state.action_records
    assert is_superseded(play.state, first) and not is_superseded(play.state, second)
    assert waiting(play.state) == (second,)


def test_what_is_not_fixed_is_checked_again_ever_more_seldom() -> None:
    play, at = slow_engine()
    restarted(play, at=at)
    record = replace(record_of(play), verdict="same", due=None)
    pauses = [again_at(record, at.wall, times) - at.wall for times in (1, 2, 3, 9)]  # type: ignore[operator]
    assert pauses == [30.0, 60.0, 120.0, 120.0]
    assert again_at(replace(record, verdict="fixed"), at.wall, 1) is None


def test_without_any_result_a_remedy_is_judged_by_the_finding_that_the_incident_was_opened_for() -> None:
    flood = OpenFinding(rule="events.flood", subject="events", since=None, severity="critical", message="a flood")
    play = Play(open_findings=(flood,))
    play.tell(happened.StepStarted(at=stamp(), step="health"))
    play.tell(happened.StepFailed(at=stamp(), step="health", message="no result within 8 s"))
    at = stamp()
    restarted(play, at=at)
    record = record_of(play)
    assert (record.verdict, record.rules, [one.step for one in record.checks]) == (None, ("events.flood",), ["health"])
    assert record.due == at.wall + 16
    (ask,) = play.tell(happened.ChecksAsked(at=later(at, 17), action_id="outside-1"))
    assert ask.tool == "diagnose_gateway_health"
    play.tell(happened.CheckFinished(at=later(at, 18), action_id="outside-1", step="health", outcome=outcome()))
    assert record_of(play).verdict == "fixed" and play.state.repaired is not None


def test_without_a_result_and_without_an_alarm_nothing_can_be_proved() -> None:
    play = Play()
    restarted(play, at=stamp())
    assert (record_of(play).verdict, record_of(play).checks) == ("unknown", ())


def test_a_finding_whose_figures_begin_before_the_remedy_is_called_proved_fixed_and_a_later_one_is_not() -> None:
    play, ended = slow_engine()
    restarted(play, at=ended)

    def told(since: float, until: float, subject: str = "") -> ActionRecord | None:
        return fixed_by(play.state.action_records, lambda _, one: subject in ("", one.subject), since, until)

    assert told(ended.wall, 0.0) is None, "there is no proof yet"
    play.tell(happened.ChecksAsked(at=later(ended, 31), action_id="outside-1"))
    play.tell(happened.CheckFinished(at=later(ended, 32), action_id="outside-1", step="health", outcome=outcome()))
    record = record_of(play)
    assert record.verdict == "fixed" and record.proved is not None
    acted, proof = acted_at(record), record.proved.wall
    assert told(acted - 60, acted - 1) is record
    assert told(acted - 60, acted + 1) is None, "its figures are of after the remedy"
    assert told(proof + 1, acted - 1) is None, "it began after the proof"
    assert told(acted - 60, acted - 1, "acme / chat") is None


@pytest.mark.parametrize(
    ("was", "subject", "restarts", "words"),
    [
        ("latency.now", "engine", "engine", "follows from the restart of the engine"),
        ("cache.bulk", "cache", "", "follows from what was wrong"),
        ("latency.now", "engine", "", "also new"),
        ("limits.over", "acme / chat", "", "also new"),
    ],
)
def test_what_is_found_beside_a_fixed_fault_is_called_its_effect_or_that_of_the_restart(
    was: str, subject: str, restarts: str, words: str
) -> None:
    fault = found(was, "high", subject, measured=9.0, threshold=1.0)
    rate = found("cache.hit_rate", "high", "hit rate", message="hit rate 47 % is below 60 %")
    change = compare(outcome(fault), outcome(rate), [was], restarts)
    assert change.verdict == "fixed" and change.new == (rate.message,)
    receipt = KeptReceipt(action_id="a", kind="remedy", tenant="", outside=True, restarts=restarts)
    record = ActionRecord(at=stamp(), receipt=receipt, rules=(was,), checks=(Check(step="", change=change),))
    told = proof_words(replace(record, verdict="fixed"))
    assert told.endswith(f"; {words}: hit rate 47 % is below 60 %")


def test_the_time_to_acknowledge_counts_from_the_light_finding_that_it_was_opened_on() -> None:
    play = Play()
    assert play.state.opened is not None
    light = OpenFinding(rule="cache.bulk", subject="cache", severity="low", since=play.state.opened.wall - 20.0)
    play.state = replace(play.state, open_findings=(light,))
    play.run("health", outcome(found("latency.cold_start", "low", "gateway")))
    assert mtta(play.state) == pytest.approx(20.0), "a start that needs nothing is not what it is about"
    quiet = Play()
    quiet.run("health", outcome())
    assert dict(durations(quiet.state))["Time to acknowledge (MTTA)"] == "nothing to acknowledge: no fault was found"


def test_a_promise_is_kept_up_to_date_and_none_outlives_its_time() -> None:
    play, at = slow_engine()
    restarted(play, at=at)
    play.tell(happened.StepStarted(at=later(at, 5), step="health"))
    play.tell(happened.StepFinished(at=later(at, 6), step="health", outcome=outcome(SLOW)))
    due, moved = at.wall + 31, at.wall + 50
    assert clock(due) in step_result(play.state.steps[0])
    play.tell(happened.ChecksDelayed(at=later(at, 32), action_id="outside-1", due=moved, need="12 of 15 checks came"))
    words = step_result(play.state.steps[0])
    assert words == f"too early: 12 of 15 checks came; proof possible at {clock(moved)}"
    for now, told in ((moved - 10, "at"), (moved + 60, "since")):
        assert f"proof possible {told} {clock(moved)}" in proof_status(play.state, now)
        assert f"proof possible {told} {clock(moved)}" in action_verdict(record_of(play), now)
    play.tell(happened.Closed(at=later(at, 99), cause="a delay", resolution="restarted"))
    assert "proof possible" not in step_result(play.state.steps[0])


def test_before_a_proof_too_early_is_said_only_until_its_time() -> None:
    play, at = slow_engine()
    restarted(play, at=at)
    assert action_verdict(record_of(play), at.wall + 5).startswith("too early: proof possible at")
    assert action_verdict(record_of(play), at.wall + 60).startswith("proof possible since")
