"""An incident as lines for a terminal, and how a moment is written. Nothing is wrapped or coloured here."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from optimus_tui.contract.incident import IncidentState, Stamp, Step
    from optimus_tui.incidents.open import Listed

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def moment(text: str, now: float) -> float:
    """Return wall-clock seconds for ``26m`` (ago) or an instant in UTC."""
    from optimus_tui.wording.age import seconds_of

    ago = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    if ago:
        at: float | None = now - int(ago[1]) * _UNITS[ago[2]]
    else:
        at = seconds_of(text.strip())
    if at is None or at > now or at < 0:
        raise click.UsageError("--began is how long ago (26m, 2h) or an instant in the past (2026-11-23T10:05:00Z)")
    return at


def what_next(state: "IncidentState") -> str:
    """Return the command that continues the incident."""
    base, step = "optimus-tui incident", state.next
    if state.status == "closed":
        return f"{base} export {state.id} --html"
    if step is None:
        return f"{base} close {state.id} --cause TEXT --resolution TEXT"
    if step.plan.kind != "tool":
        return f"{base} run {state.id} --done TEXT    ({step.plan.title})"
    if step.plan.choose_issue and state.choice is None:
        best = "TYPE"
        if state.candidates:
            best = state.candidates[0].issue
        return f"{base} run {state.id} --issue {best}    ({step.plan.title})"
    return f"{base} run {state.id}    ({step.plan.title})"


def row(one: "Listed") -> str:
    """Return the incident's line of the list."""
    from optimus_tui.wording.age import clock
    from optimus_tui.workflow.standing import standing

    state = one.state
    if state.opened is None:
        return f"{one.number:>4}  unreadable  {one.problem}"
    held = ""
    if one.held:
        held = f" · open in {one.held}"
    cut = ""
    if one.problem:
        cut = f" · {one.problem}"
    left = ""
    if not (state.status == "closed" or one.held):
        left = f" · optimus-tui incident resume {one.number}"
    when = clock(state.opened.wall, dated=True)
    return (
        f"{one.number:>4}  {state.status:<6}  {standing(state):<8}  {when}  {state.environment}  {state.title}"
        f"{held}{cut}{left}"
    )


def summary(one: "Listed") -> dict[str, Any]:
    """Return the incident's entry of the list for programs."""
    from optimus_tui.workflow.standing import mtta, mttr, standing

    state = one.state
    return {
        "id": one.number, "title": state.title, "environment": state.environment, "status": state.status,
        "severity": standing(state), "worst_severity": state.severity,
        "opened": state.opened.wall if state.opened else None,
        "closed": state.closed.wall if state.closed else None, "mtta_seconds": mtta(state),
        "mttr_seconds": mttr(state), "held_by": one.held or None, "problem": one.problem or None,
    }  # fmt: skip


def lines(state: "IncidentState", now: "Stamp") -> Iterator[str]:
    """Yield the whole incident."""
    from optimus_tui.wording.age import age, clock
    from optimus_tui.workflow.incident_words import NEXT_MARK, STEP_MARKS, action_verdict, severity_words, step_result
    from optimus_tui.workflow.standing import elapsed

    opened = state.opened
    since = ""
    lasts = ""
    if opened:
        since = f" · opened {clock(opened.wall, dated=True)} UTC"
        lasts = f" · {age(elapsed(opened, state.closed or now))}"
    yield f"incident {state.id} · {state.environment} · {state.status} · {severity_words(state)}{since}{lasts}"
    yield state.title
    yield ""
    for number, step in enumerate(state.steps, 1):
        mark = STEP_MARKS[step.status]
        if step is state.next and state.status == "open" and state.running is None:
            mark = NEXT_MARK
        yield f"{mark} {number} {step.plan.title:<24} {step_result(step)}".rstrip()
    if state.advice:
        yield ""
        yield "Recommendations"
        for advice in state.advice:
            yield f"  {advice.id}  {advice.priority:<8}  {advice.status:<9}  {advice.action}"
    for record in state.action_records:
        yield f"  action {record.receipt.action_id}: {record.receipt.words} → {action_verdict(record)}"
    yield ""
    yield "Timeline (UTC)"
    for entry in state.timeline:
        yield f"  {clock(entry.at.wall, dated=True)}  {entry.mark:<8} {entry.text}"
    yield from spans(state)


def spans(state: "IncidentState") -> Iterator[str]:
    """Yield the time to acknowledge and the time to repair of an incident that is closed."""
    from optimus_tui.workflow.incident_words import durations

    if state.status != "closed":
        return
    for label, words in durations(state):
        yield f"{label} {words}"


def ranking(state: "IncidentState") -> Iterator[str]:
    """Yield the issue types to look at, the likeliest first."""
    for number, one in enumerate(state.candidates, 1):
        tenant = ""
        if one.tenant:
            tenant = f" --tenant {one.tenant}"
        yield f"{number}. {one.issue}{tenant}: {one.reason}"


def step_lines(step: "Step", state: "IncidentState") -> Iterator[str]:
    """Yield the result of a step."""
    from optimus_tui.workflow.incident_words import step_verdict
    from optimus_tui.workflow.ranking import level

    answer = ""
    if step.said:
        answer = f": {step.said}"
    yield f"{step.plan.title}: {step_verdict(step)}{answer}"
    if step.change is not None:
        yield f"  again: {step.change.verdict}, {step.change.words}"
    if step.outcome:
        for finding in step.outcome.findings:
            yield f"  {level(finding):<8}  {finding.message}  [{finding.rule}]"
    if step.plan.command:
        yield f"  {step.plan.command}"
    if step.plan.kind != "apply":
        return
    for advice in state.advice:
        can = ""
        if advice.kind:
            can = f"  (can be done here: {advice.kind})"
        yield f"  {advice.priority:<8}  {advice.action}{can}"
        for line in (advice.command or "").splitlines():
            yield f"            {line}"
