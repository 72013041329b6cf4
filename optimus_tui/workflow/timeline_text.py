"""One line of the timeline for each event, for people to read. Pure; typed texts are kept as they are."""

from collections.abc import Callable
from typing import Any

from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.incident import ActionRecord, Comparison, IncidentState, Outcome, TimelineEntry
from optimus_tui.contract.incident_events import AnyEvent
from optimus_tui.wording.clauses import clause

Words = tuple[str, str]


def entry(state: IncidentState, event: AnyEvent) -> TimelineEntry:
    """Return the line of ``event``, which led to ``state``."""
    mark, text = _LINES[type(event)](state, event)
    return TimelineEntry(event.at, mark, text)


def _title(state: IncidentState, name: str) -> str:
    step = state.step(name)
    if step is None:
        return name
    return step.plan.title


def _opened(state: IncidentState, event: happened.Opened) -> Words:
    alarms = clause("; ".join(event.alarms[:5]), ": ")
    return "open", f"{event.title or 'incident'} opened by {event.operator or 'somebody'}{alarms}"


def _captured(state: IncidentState, event: happened.Captured) -> Words:
    minutes = max(0.0, event.until - event.since) / 60
    return "pin", f"history kept: {event.series} series of the last {minutes:.0f} min"


def _started(state: IncidentState, event: happened.StepStarted) -> Words:
    step = state.step(event.step)
    if step is None:
        return "run", f"{event.step}: tool started"
    again = ""
    if step.runs > 1:
        again = " again"
    return "run", f"{step.plan.title}: {step.plan.tool} started{again}"


def _finished(state: IncidentState, event: happened.StepFinished) -> Words:
    step = state.step(event.step)
    change = ""
    if step is not None and step.change is not None:
        change = f" ({_change(step.change, event.outcome)})"
    return "verdict", f"{_title(state, event.step)}: {event.outcome.verdict}, {event.outcome.headline}{change}"


def _change(change: Comparison, outcome: Outcome) -> str:
    """Return the verdict with its reason, without the finding that the line names already."""
    words = change.words
    if outcome.findings and outcome.findings[0].message:
        words = words.replace(outcome.findings[0].message, "").rstrip(": ")
    if words == change.verdict:
        return change.verdict
    return f"{change.verdict}{clause(words, ': ')}"


def _failed(state: IncidentState, event: happened.StepFailed) -> Words:
    return "fail", f"{_title(state, event.step)} has no result: {event.message}"


def _skipped(state: IncidentState, event: happened.StepSkipped) -> Words:
    return "skip", f"{_title(state, event.step)} skipped: {event.reason}"


def _done(state: IncidentState, event: happened.StepDone) -> Words:
    return "done", f"{_title(state, event.step)} done{clause(event.said, ': ')}"


def _chosen(state: IncidentState, event: happened.IssueChosen) -> Words:
    reason = ""
    if state.choice is not None:
        reason = clause(state.choice.reason, ": ")
    return "choice", f"issue chosen: {event.issue}{clause(event.tenant, ' for ')}{reason}"


def _note(state: IncidentState, event: happened.NoteAdded) -> Words:
    if event.pane:
        return "pin", f"{event.pane}{clause(event.title, ', ')}: {event.text}"
    return "note", f"{event.operator or 'note'}: {event.text}"


def _marked(state: IncidentState, event: happened.AdviceMarked) -> Words:
    advice = next((one for one in state.advice if one.id == event.advice), None)
    action = event.advice
    if advice is not None:
        action = advice.action
    return "advice", f"{event.status}: {action}{clause(event.said, ' (', ')')}"


def _acted(state: IncidentState, event: happened.ActionDone) -> Words:
    receipt = event.receipt
    counts = ", ".join(f"{number:,} {word}" for word, number in receipt.counts.items())
    what = receipt.words or f"{receipt.kind} for {receipt.tenant}"
    return "action", f"{what}: {counts or 'nothing done'} of {receipt.planned:,} planned"


def _checked(state: IncidentState, event: happened.CheckFinished) -> Words:
    words = event.message or "no result"
    record = _record(state, event.action_id)
    if record is not None:
        for check in record.checks:
            if check.step == event.step and check.change is not None:
                words = f"{check.change.verdict}, {check.change.words}"
    return "check", f"{_title(state, event.step)} checked again: {words}"


def _asked_again(state: IncidentState, event: happened.ChecksAsked) -> Words:
    record = _record(state, event.action_id)
    what = event.action_id
    if record is not None:
        what = record.receipt.words or what
    return "step", f"checks repeated: {what}"


def _record(state: IncidentState, action_id: str) -> ActionRecord | None:
    return next((one for one in state.action_records if one.receipt.action_id == action_id), None)


def _impact(state: IncidentState, event: happened.ImpactMeasured) -> Words:
    return "verdict", f"impact, {event.name.replace('_', ' ')}: {event.outcome.headline}"


def _resumed(state: IncidentState, event: happened.Resumed) -> Words:
    return "open", f"resumed by {event.operator or 'somebody'}{clause(event.said, ': ')}"


def _moved(state: IncidentState, event: happened.SystemMoved) -> Words:
    return "open", f"{event.operator or 'somebody'} continues with the system at new addresses: {event.reason}"


def _closed(state: IncidentState, event: happened.Closed) -> Words:
    return "close", f"closed. Cause: {event.cause}. Resolution: {event.resolution}"


def _reopened(state: IncidentState, event: happened.Reopened) -> Words:
    return "open", f"reopened: {event.reason}"


def _exported(state: IncidentState, event: happened.Exported) -> Words:
    return "pin", f"post-mortem written to {event.place}"


_LINES: dict[type, Callable[[IncidentState, Any], Words]] = {
    happened.Opened: _opened,
    happened.Captured: _captured,
    happened.StepStarted: _started,
    happened.StepFinished: _finished,
    happened.StepFailed: _failed,
    happened.StepSkipped: _skipped,
    happened.StepDone: _done,
    happened.IssueChosen: _chosen,
    happened.NoteAdded: _note,
    happened.AdviceMarked: _marked,
    happened.ActionDone: _acted,
    happened.CheckFinished: _checked,
    happened.ChecksAsked: _asked_again,
    happened.ImpactMeasured: _impact,
    happened.Resumed: _resumed,
    happened.SystemMoved: _moved,
    happened.Closed: _closed,
    happened.Reopened: _reopened,
    happened.Exported: _exported,
}
