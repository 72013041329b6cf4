"""What follows from a restart or an action of the incident itself: no cure is offered, and the proof stands."""

from typing import Any

import pytest
from msgspec.structs import replace

from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.incident import KeptReceipt, Stamp, TeamAdvice
from optimus_tui.contract.tools.common import Recommendation
from optimus_tui.tui.incidents.text import evidence_sections
from optimus_tui.workflow.engine import replay
from optimus_tui.workflow.side_effects import effects_of
from optimus_tui.workflow.standing import proof_status, standing
from tests.unit.workflow.driver import Play, found, outcome

SLOW = found("latency.p95", "high", "engine", measured=829.0, threshold=500.0, unit="ms")
ROUTE = found(
    "latency.p95", "high", "route /api/chat", message="route /api/chat p95 1.2 s is over 1.0 s", window_seconds=60.0
)
LOW = found("cache.hit_rate", "high", "hit rate", measured=0.25, threshold=0.4, unit="share", window_seconds=30.0,
            message="hit rate 25 % is below 40 %")  # fmt: skip
STOP = TeamAdvice(when=("cache.hit_rate",), action="Stop jobs that drop cached answers", command=":remedy stop-job")
FLUSH = Recommendation(action="Look for bulk deletes", priority="high", rule="cache.hit_rate", reason=LOW.message)


def proved(receipt: KeptReceipt, *before: Any) -> tuple[Play, Stamp]:
    """Return an incident whose act is proved, and the moment at which the act took effect."""
    play = Play(team=(STOP,))
    play.run("health", outcome(SLOW, *before))
    last = play.state.timeline[-1].at
    at = later(last, 10)
    play.tell(happened.ActionDone(at=at, receipt=receipt, rules=(SLOW.rule,)))
    play.tell(happened.ChecksAsked(at=later(at, 31), action_id=receipt.action_id))
    play.tell(happened.CheckFinished(at=later(at, 32), action_id=receipt.action_id, step="health", outcome=outcome()))
    assert play.state.repaired is not None
    return play, at


def later(stamp: Stamp, seconds: float) -> Stamp:
    return Stamp(stamp.wall + seconds, stamp.mono + seconds, boot="b")


def again(play: Play, at: Stamp, *findings: Any, step: str = "health") -> None:
    """Run a step at a moment."""
    play.tell(happened.StepStarted(at=at, step=step))
    result = replace(outcome(*findings), recommendations=(FLUSH,) if LOW in findings else ())
    play.tell(happened.StepFinished(at=later(at, 1), step=step, outcome=result))


RESTARTED = KeptReceipt(action_id="r", kind="remedy", tenant="", words="Restart", outside=True, restarts="engine")
CLEARED = KeptReceipt(
    action_id="r", kind="invalidate_tenant", tenant="clinic_a", words="Invalidate", counts={"done": 3}
)


@pytest.mark.parametrize(
    ("receipt", "told"),
    [(RESTARTED, "your restart of the engine at "), (CLEARED, "your clearing of the cache of clinic_a at ")],
)
def test_a_step_run_again_after_the_proof_names_the_side_effect_and_the_proof_stands(
    receipt: KeptReceipt, told: str
) -> None:
    play, at = proved(receipt)
    told_by_its_tool = replace(LOW, message=f"{LOW.message}; side effect of {told}11:13:58; wait until 11:15")
    for seconds, low in ((40, LOW), (44, told_by_its_tool)):
        again(play, later(at, seconds), low)
        state = play.state
        assert state.repaired is not None and proof_status(state).startswith("fixed"), proof_status(state)
        assert standing(state) == "none" and not [one for one in state.advice if "cache.hit_rate" in one.rules]
        step = state.steps[0]
        ((message, words),) = effects_of(state, step).items()
        assert message == LOW.message
        assert words.startswith(f"side effect of {told}") and "cached answers come back" in words
        assert "wait until " in words and words in state.timeline[-1].text
        assert any(words in line.text for part in evidence_sections(state, step, None) for line in part.lines)
    assert replay(play.events) == play.state


def test_what_outlasts_its_time_is_a_trouble_of_its_own() -> None:
    play, at = proved(RESTARTED)
    again(play, later(at, 170), LOW)
    assert play.state.repaired is None and effects_of(play.state, play.state.steps[0]) == {}
    assert any("Stop jobs" in one.action for one in play.state.advice)


@pytest.mark.parametrize("low", [LOW, ROUTE])
def test_figures_that_are_counted_from_the_act_on_are_not_its_side_effect_for_ever(low: Any) -> None:
    play, at = proved(RESTARTED)
    for minutes, is_effect in ((2, True), (20, False)):
        again(play, later(at, 60.0 * minutes), replace(low, window_seconds=60.0 * minutes))
        assert bool(effects_of(play.state, play.state.steps[0])) is is_effect, minutes
    assert play.state.repaired is None and standing(play.state) == "high"


@pytest.mark.parametrize("low", [LOW, ROUTE])
def test_until_when_to_wait_is_fixed_at_the_act(low: Any) -> None:
    play, at = proved(RESTARTED)
    told = set()
    for seconds in (40.0, 75.0, 130.0):  # a step after an act counts from the act on: its window grows
        again(play, later(at, seconds), replace(low, window_seconds=seconds))
        told |= {words.partition("wait until ")[2] for words in effects_of(play.state, play.state.steps[0]).values()}
    assert len(told) == 1 and "" not in told, told


def test_a_route_that_was_slow_before_the_restart_is_not_blamed_on_it() -> None:
    play, at = proved(RESTARTED, ROUTE)
    again(play, later(at, 40), ROUTE)
    assert effects_of(play.state, play.state.steps[0]) == {} and standing(play.state) == "high"
    for window, told in ((20.0, "it gets quick again"), (90.0, "some of its figures are from before your restart")):
        play, at = proved(RESTARTED)
        again(play, later(at, 40), replace(ROUTE, window_seconds=window))
        (words,) = effects_of(play.state, play.state.steps[0]).values()
        assert told in words, "figures that reach back may be those of a route that was slow before"


def test_a_step_that_ran_between_the_act_and_its_proof_says_that_it_is_of_before_the_proof() -> None:
    play, at = proved(RESTARTED)
    again(play, later(at, 12), ROUTE, step="performance")
    step = play.state.step("performance")
    assert step is not None
    first = evidence_sections(play.state, step, None)[0]
    assert first.title == "From before the proof" and "13 s after you acted; proved fixed at " in first.lines[1].text
    again(play, later(at, 40), step="performance")
    step = play.state.step("performance")
    assert step is not None
    assert not [one for one in evidence_sections(play.state, step, None) if one.title.startswith("From before")]


def test_a_step_that_runs_first_after_the_restart_recommends_no_cure_for_its_side_effect() -> None:
    play, at = proved(RESTARTED)
    again(play, later(at, 35), LOW, step="performance")
    assert not [one for one in play.state.advice if "cache.hit_rate" in one.rules]
    assert proof_status(play.state).startswith("fixed")


@pytest.mark.parametrize(
    "receipt",
    [
        *(replace(CLEARED, kind=kind) for kind in ("repair_counter", "reset_counters", "expire_no_ttl", "remedy")),
        replace(CLEARED, counts={"already gone": 3}),
    ],
)
def test_an_act_without_side_effects_explains_nothing(receipt: KeptReceipt) -> None:
    play, at = proved(receipt)
    again(play, later(at, 20), LOW)
    assert effects_of(play.state, play.state.steps[0]) == {} and standing(play.state) == "high"


def test_what_a_step_finds_while_the_restart_is_under_way_is_of_the_restart() -> None:
    play = Play()
    play.run("health", outcome(SLOW))
    began = play.state.timeline[-1].at
    down = found("services.engine", "critical", "engine", message="engine does not answer")
    again(play, later(began, 11), down, step="integration")
    receipt = replace(RESTARTED, started=began.wall + 10, ended=began.wall + 13)
    play.tell(happened.ActionDone(at=later(began, 13), receipt=receipt, rules=(SLOW.rule,)))
    step = play.state.step("integration")
    assert step is not None and list(effects_of(play.state, step)) == [down.message]
    assert standing(play.state) == "high", "the restarted service is away: that is no new severity"
