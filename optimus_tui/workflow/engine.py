"""The engine: ``reduce(state, event) -> (state, effects)``, and replay. Pure; never raises.

An event that cannot happen now (a step that does not exist, a closed incident) changes nothing. It returns the single
effect ``EventRefused`` with the reason, and must not be recorded. Replaying the recorded events gives the same state
again.
The engine carries out no effects and reads no clock: ``incidents.service`` does.
"""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from optimus_tui.contract import incident as shapes
from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.incident import IncidentState, TimelineEntry
from optimus_tui.contract.incident_events import AnyEffect, AnyEvent, EventRefused
from optimus_tui.workflow import steps
from optimus_tui.workflow.outcomes import action_records
from optimus_tui.workflow.standing import proved
from optimus_tui.workflow.timeline_text import entry

Reduced = tuple[IncidentState, tuple[AnyEffect, ...]]
CAPTURE_MINUTES = 10.0


def reduce(state: IncidentState, event: AnyEvent) -> Reduced:
    """Return the state after ``event`` and the effects to carry out."""
    reason = _why_not(state, event)
    if reason:
        return state, (EventRefused(reason=reason),)
    after, effects = _RULES[type(event)](state, event)
    if effects and isinstance(effects[-1], EventRefused):
        return state, effects
    line: TimelineEntry = entry(after, event)
    return replace(after, timeline=(*after.timeline, line), events=state.events + 1), effects


def replay(events: Iterable[AnyEvent], state: IncidentState | None = None) -> IncidentState:
    """Return the state after recorded events; their effects are not carried out."""
    now = state or IncidentState()
    for event in events:
        now, _ = reduce(now, event)
    return now


def refusal(effects: Iterable[AnyEffect]) -> str | None:
    """Return why the event was refused; None if it happened."""
    return next((one.reason for one in effects if isinstance(one, EventRefused)), None)


_AFTER_THE_END = (happened.NoteAdded, happened.Reopened, happened.Exported, happened.Resumed, happened.Captured,
                  happened.ImpactMeasured)  # fmt: skip


def _why_not(state: IncidentState, event: AnyEvent) -> str:
    if isinstance(event, happened.Opened):
        if state.status == "none":
            return ""
        return "the incident is open already"
    if state.status == "none":
        return "the incident has not been opened"
    if state.status == "closed" and not isinstance(event, _AFTER_THE_END):
        return f"incident {state.id} is closed; reopen it first"
    return ""


def _open(state: IncidentState, event: happened.Opened) -> Reduced:
    if not event.steps:
        return state, (EventRefused(reason="the playbook has no steps"),)
    if len({plan.id for plan in event.steps}) != len(event.steps):
        return state, (EventRefused(reason="two steps of the playbook have the same id"),)
    opened = IncidentState(
        id=event.id,
        title=event.title,
        environment=event.environment,
        system=event.system,
        operator=event.operator,
        playbook=event.playbook,
        status="open",
        slow_ms=event.slow_ms,
        opened=event.at,
        began=event.began,
        began_given=event.began is not None,
        open_findings=event.open_findings,
        steps=tuple(shapes.Step(plan=plan) for plan in event.steps),
        team=event.team,
    )
    return opened, (happened.CaptureHistory(minutes=CAPTURE_MINUTES),)


def _capture(state: IncidentState, event: happened.Captured) -> Reduced:
    kept = shapes.Capture(
        at=event.at, evidence=event.evidence, since=event.since, until=event.until, series=event.series
    )
    return replace(state, captures=(*state.captures, kept)), ()


def _note(state: IncidentState, event: happened.NoteAdded) -> Reduced:
    if not event.text.strip():
        return state, (EventRefused(reason="the note has no text"),)
    note = shapes.Note(at=event.at, text=event.text, pane=event.pane, title=event.title, operator=event.operator)
    return replace(state, notes=(*state.notes, note)), ()


def _impact(state: IncidentState, event: happened.ImpactMeasured) -> Reduced:
    others = tuple(one for one in state.impact if one.name != event.name)
    measure = shapes.Measure(name=event.name, outcome=event.outcome, evidence=event.evidence)
    return replace(state, impact=(*others, measure)), ()


def _check(state: IncidentState, event: happened.CheckFinished) -> Reduced:
    """Record a check's answer. It proves no repair while a step that was run again says otherwise."""
    after, effects = action_records.check(state, event)
    if after is not state:
        after = replace(after, repaired=proved(after, event.at))
    return after, effects


def _resume(state: IncidentState, event: happened.Resumed) -> Reduced:
    """Free what was running when its process ended: it has no result."""
    freed = []
    for step in state.steps:
        if step.status == "running":
            step = replace(step, status="waiting", said="interrupted: its process ended while it ran")
        freed.append(step)
    return action_records.give_up(replace(state, steps=tuple(freed), operator=event.operator or state.operator)), ()


def _move(state: IncidentState, event: happened.SystemMoved) -> Reduced:
    if not event.reason.strip():
        return state, (EventRefused(reason="continuing with a system at new addresses needs a reason"),)
    return replace(state, system=event.system), ()


def _close(state: IncidentState, event: happened.Closed) -> Reduced:
    if not event.cause.strip() or not event.resolution.strip():
        return state, (EventRefused(reason="closing needs both the cause and the resolution"),)
    if state.running is not None:
        return state, (EventRefused(reason=f"{state.running.plan.title} is still running"),)
    return replace(state, status="closed", closed=event.at, cause=event.cause, resolution=event.resolution), ()


def _reopen(state: IncidentState, event: happened.Reopened) -> Reduced:
    if state.status != "closed":
        return state, (EventRefused(reason="the incident is open"),)
    if not event.reason.strip():
        return state, (EventRefused(reason="reopening an incident needs a reason"),)
    return replace(state, status="open", closed=None, repaired=None, cause="", resolution=""), ()


def _export(state: IncidentState, event: happened.Exported) -> Reduced:
    return state, ()


_RULES: dict[type, Callable[[IncidentState, Any], Reduced]] = {
    happened.Opened: _open,
    happened.Captured: _capture,
    happened.StepStarted: steps.start,
    happened.StepFinished: steps.finish,
    happened.StepFailed: steps.fail,
    happened.StepSkipped: steps.skip,
    happened.StepDone: steps.done,
    happened.IssueChosen: steps.choose,
    happened.NoteAdded: _note,
    happened.AdviceMarked: action_records.mark,
    happened.ActionDone: action_records.act,
    happened.CheckFinished: _check,
    happened.ChecksAsked: action_records.ask_again,
    happened.ImpactMeasured: _impact,
    happened.Resumed: _resume,
    happened.SystemMoved: _move,
    happened.Closed: _close,
    happened.Reopened: _reopen,
    happened.Exported: _export,
}
