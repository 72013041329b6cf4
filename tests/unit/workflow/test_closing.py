"""What the closing of an incident begins with: the cause that was found, and what was done with its proof."""

from optimus_tui.assets import asset_dir
from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.incident import KeptReceipt, OpenFinding, TeamAdvice
from optimus_tui.workflow.closing import cause_words, concerned, filled_words, found_words, left_words, resolution_words
from optimus_tui.workflow.recommendations import parse
from optimus_tui.workflow.standing import progress
from tests.unit.workflow.driver import IMMORTAL, REPAIR, Play, found, outcome, stamp


def test_it_names_the_finding_and_each_action_with_its_outcome() -> None:
    play = Play()
    assert (found_words(play.state), resolution_words(play.state), concerned(play.state)) == ("", "", ())
    play.run("health", outcome(IMMORTAL, recommendations=(REPAIR,)))
    assert found_words(play.state) == IMMORTAL.message
    assert concerned(play.state) == ("acme",)
    assert resolution_words(play.state) == "", "nothing was done yet"
    play.act()
    assert resolution_words(play.state).endswith("UTC: not proved"), "running checks are no outcome"
    play.check("health", outcome())
    assert resolution_words(play.state).startswith("repair_counter at ")
    assert " UTC: fixed" in resolution_words(play.state) and "you" not in resolution_words(play.state)


def test_what_was_done_by_hand_and_what_ended_by_itself_is_said() -> None:
    play = Play()
    play.run("health", outcome(IMMORTAL, recommendations=(REPAIR,)))
    advice = play.state.advice[0]
    play.tell(happened.AdviceMarked(at=stamp(), advice=advice.id, status="done", said="by the clinic"))
    assert resolution_words(play.state) == f"{advice.action}, done by hand: by the clinic"
    play.run("health", outcome())
    assert "a check at " in resolution_words(play.state) and "showed it gone" in resolution_words(play.state)


def test_a_question_is_no_resolution_and_too_early_no_outcome() -> None:
    play = Play()
    play.run("health", outcome(found("services.engine", "critical", "engine")))
    for number, words in enumerate(("engine: is it running?", "engine restarted"), 1):
        receipt = KeptReceipt(action_id=f"outside-{number}", kind="remedy", tenant="", words=words, outside=True)
        play.tell(happened.ActionDone(at=stamp(), receipt=receipt))
    (done,) = resolution_words(play.state).split("; ")
    assert done.startswith("engine restarted at ") and done.endswith("UTC: not proved")


def test_a_proved_repair_needs_no_further_step_and_the_last_one_is_done_once_acted_on() -> None:
    play = Play()
    play.run("health", outcome(IMMORTAL, recommendations=(REPAIR,)))
    others = len(play.state.steps) - 1
    assert left_words(play.state).startswith(f"{others} steps were neither done nor skipped (")
    assert progress(play.state) == f"1 of {others + 1} steps done"
    play.act()
    last = play.state.steps[-1].plan
    assert last.kind == "apply" and last.title not in left_words(play.state)
    assert progress(play.state) == f"2 of {others + 1} steps done"
    play.check("health", outcome())
    assert play.state.repaired is not None
    assert left_words(play.state).startswith(f"The repair is proved: {others - 1} steps were not needed (")
    for step in play.state.steps[1:-1]:
        play.tell(happened.StepSkipped(at=stamp(), step=step.plan.id, reason="known"))
    assert left_words(play.state) == "The repair is proved: all steps are done."


def test_the_dialog_names_the_lines_that_are_filled_in() -> None:
    assert filled_words("a", "b").startswith("Cause and resolution are filled in")
    assert "write the cause" in filled_words("", "b") and "write what was done" in filled_words("a", "")
    assert "write both" in filled_words("", "")


def test_the_cause_at_the_opening_is_the_cause_though_a_step_saw_only_its_effect() -> None:
    bulk = OpenFinding(rule="cache.bulk", subject="bulk invalidations", since=1.0, message="559 bulk invalidations")
    low = OpenFinding(
        rule="cache.hit_rate", subject="hit rate", since=9.0, caused_by=("cache.bulk", "bulk invalidations")
    )
    effect = found("cache.hit_rate", "high", "hit rate", message="hit rate 35 % is below 60 %")
    for alarms, cause in (((bulk, low), bulk.message), ((low,), effect.message), ((), effect.message)):
        play = Play(open_findings=alarms)
        play.run("health", outcome(effect))
        assert found_words(play.state) == cause
    play = Play(open_findings=(bulk, low))
    play.run("health", outcome(effect, found("cache.bulk", "high", "bulk invalidations", message="600 by now")))
    assert found_words(play.state) == "600 by now", "what a step found of it is newer"


def test_the_cause_is_what_a_proved_remedy_was_for_though_something_worse_was_found_beside_it() -> None:
    play = Play()
    flood = found("events.flood", "medium", "feed", message="1,548 coherence events a second")
    beside = found("limits.over", "high", "acme / chat", message="acme has used up its limit")
    play.run("health", outcome(flood, beside))
    assert found_words(play.state) == beside.message
    receipt = KeptReceipt(action_id="outside-1", kind="remedy", tenant="", words="the publisher stopped", outside=True)
    play.tell(happened.ActionDone(at=stamp(), receipt=receipt, rules=("events.flood",)))
    play.tell(happened.ChecksAsked(at=stamp(), action_id="outside-1"))
    play.check("health", outcome(beside), "outside-1")
    assert play.state.action_records[0].verdict == "fixed"
    assert found_words(play.state) == flood.message


def test_the_cause_is_what_the_proved_remedy_of_the_team_ends_and_the_finding_is_its_symptom() -> None:
    full = found("limits.over", "high", "acme / chat", message="acme has used up its limit")
    block = TeamAdvice(when=("limits.over",), action="Block clients", command=":block", cause="clients repeat")
    play = Play(team=(block,))
    play.run("health", outcome(full))
    assert cause_words(play.state) == full.message, "nothing is proved yet"
    advice = next(one for one in play.state.advice if one.command == ":block")
    receipt = KeptReceipt(action_id="outside-1", kind="remedy", tenant="", words="blocked", outside=True)
    play.tell(happened.ActionDone(at=stamp(), receipt=receipt, advice=advice.id, rules=("limits.over",)))
    play.tell(happened.ChecksAsked(at=stamp(), action_id="outside-1"))
    play.check("health", outcome(), "outside-1")
    assert play.state.action_records[0].verdict == "fixed"
    assert cause_words(play.state) == "acme has used up its limit; clients repeat"


def test_the_cause_that_a_restart_ended_is_only_what_was_measured_before_it() -> None:
    """A slow, a refusing and an unreachable engine are restarted alike: the restart does not tell which it was."""
    plan = parse((asset_dir("templates") / "playbooks" / "demo.toml").read_text("utf-8"), "demo.toml")
    for rule, message in (
        ("latency.few", "9 of 12 checks of engine took over 500 ms"),
        ("services.engine", "engine: connection refused"),
    ):
        play = Play(team=plan.team)
        play.run("health", outcome(found(rule, "high", "engine", message=message)))
        advice = next(one for one in play.state.advice if one.command == ":remedy restart-engine")
        receipt = KeptReceipt(
            action_id="o", kind="remedy", tenant="", words="Restart the AI engine", outside=True, restarts="engine"
        )
        play.tell(happened.ActionDone(at=stamp(), receipt=receipt, advice=advice.id, rules=(rule,)))
        play.tell(happened.ChecksAsked(at=stamp(), action_id="o"))
        play.check("health", outcome(), "o")
        assert cause_words(play.state).startswith(f"{message}; it ended with the restart of the AI engine (why ")


def test_a_remedy_for_what_only_the_screen_saw_is_compared_with_that_and_is_the_cause() -> None:
    """One look of the health check sees no burst of invalidations, and says that nothing is wrong."""
    burst = OpenFinding(
        rule="cache.bulk", subject="bulk invalidations", since=1.0, severity="low", message="84 bulk invalidations"
    )
    play = Play(open_findings=(burst,))
    started = found("latency.cold_start", "low", "gateway")
    play.run("health", outcome(started))
    assert found_words(play.state) == "84 bulk invalidations", "no note of a start is a cause"
    play.act(kind="remedy", rules=("cache.bulk",))
    (check,) = play.state.action_records[0].checks
    assert check.before is not None and [one.rule for one in check.before.findings] == ["cache.bulk"]
    play.check(check.step, outcome(started))
    assert play.state.action_records[0].verdict == "fixed"
