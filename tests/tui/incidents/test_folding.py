"""What a step's evidence leaves out because it was read already, and what it shows whole."""

from optimus_tui.contract.incident import Comparison, Figure, IncidentState, Outcome, Step, StepPlan
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.incidents.folding import findings_before, fold
from optimus_tui.tools.pages.sections import Fact, Section
from optimus_tui.tui.incidents.text import change_section, evidence_sections

SLOW = "route /api/chat p95 is about 4.6 s, which is over 1.0 s"
IMPACT = "One request in twenty to route {} takes longer than the limit."


def item(message: str, route: str) -> tuple[Fact, ...]:
    return Fact(message, "high", starts_item=True), Fact(IMPACT.format(route)), Fact(f"latency.p95 · of {route}")


def texts(parts: list[Section]) -> list[str]:
    return [line.text for part in parts for line in part.lines]


def test_a_sentence_that_stands_above_is_not_repeated() -> None:
    parts = [
        Section(title="What decides   3.3 s", lines=(Fact(SLOW),)),
        Section(title="Which issue to examine", lines=(Fact(SLOW, "high_latency"), Fact("short", "proxy_timeout"))),
    ]
    assert texts(fold(parts, {})) == [SLOW, "the same as under What decides, above", "short"]


def test_equal_neighbours_are_one_line_with_their_number() -> None:
    lines = tuple(Fact("message_created", "event") for _ in range(14))
    assert texts(fold([Section(title="Events", lines=(*lines, Fact("other", "event")))], {})) == [
        "message_created (×14)", "other"
    ]  # fmt: skip


def test_findings_of_an_earlier_step_are_counted_and_new_ones_shown_whole() -> None:
    part = Section(title="Findings (2)", kind="findings", lines=(*item(SLOW, "/api/chat"), *item("new", "/api/x")))
    assert texts(fold([part], {SLOW: "step 1"})) == [
        "new", IMPACT.format("/api/x"), "latency.p95 · of /api/x", "1 finding is the same as in step 1"
    ]  # fmt: skip


def test_an_impact_that_differs_in_the_route_only_is_said_once() -> None:
    part = Section(title="Findings", kind="findings", lines=(*item("one", "/api/chat"), *item("two", "/api/x")))
    shown = texts(fold([part], {}))
    assert shown.count(IMPACT.format("/api/chat")) == 1 and IMPACT.format("/api/x") not in shown
    assert {"one", "two", "latency.p95 · of /api/x"} <= set(shown)


def test_only_steps_before_this_one_count_as_read() -> None:
    found = Diagnostic(severity="high", message=SLOW, rule="latency.p95", subject="route /api/chat")
    outcome = Outcome(verdict="", severity="high", headline="", findings=(found,))
    steps = tuple(
        Step(plan=StepPlan(id=name, title=name), status="done", outcome=outcome) for name in ("health", "identify")
    )
    state = IncidentState(id="1", status="open", steps=steps)
    assert findings_before(state, steps[0]) == {}
    assert findings_before(state, steps[1]) == {SLOW: "step 1"}


def test_the_route_of_a_figure_is_whole() -> None:
    route = "route /api/conversations/{conversation_id}/messages"
    slow = Figure(name="latency", value=1_500.0, unit="ms", label=route)
    step = Step(plan=StepPlan(id="look", title="Look", kind="tool"), outcome=Outcome(
        verdict="high", severity="high", headline="slow", figures=(slow,)
    ))  # fmt: skip
    decides = evidence_sections(IncidentState(), step, None)[0]
    moved = change_section("Since", Comparison(verdict="worse", words="", figures=((route, 1.0, 2.0, "ms"),)))
    assert [any(line.label == route for line in one.lines) for one in (decides, moved)] == [True, True]
