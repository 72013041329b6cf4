"""One line of the timeline for each event: what a person reads afterwards. Pure; texts stay as they were said."""

from collections.abc import Callable
from typing import Any

from optimus_tui.contract import incident as shapes
from optimus_tui.contract.incident import AnyEvent, Entry, IncidentState

Words = tuple[str, str]


def entry(state: IncidentState, event: AnyEvent) -> Entry:
    """The line of ``event``, which led to ``state``."""
    mark, text = _LINES[type(event)](state, event)
    return Entry(event.at, mark, text)


def _title(state: IncidentState, name: str) -> str:
    step = state.step(name)
    return step.plan.title if step else name


def _opened(state: IncidentState, event: shapes.Opened) -> Words:
    alarms = f": {'; '.join(event.alarms[:5])}" if event.alarms else ""
    return "open", f"{event.title or 'incident'} opened by {event.operator or 'somebody'}{alarms}"


def _captured(state: IncidentState, event: shapes.Captured) -> Words:
    minutes = max(0.0, event.until - event.since) / 60
    return "pin", f"history kept: {event.series} series of the last {minutes:.0f} min"


def _started(state: IncidentState, event: shapes.StepStarted) -> Words:
    step = state.step(event.step)
    again = " again" if step and step.runs > 1 else ""
    return "run", f"{_title(state, event.step)}: {step.plan.tool if step else 'tool'} asked{again}"


def _finished(state: IncidentState, event: shapes.StepFinished) -> Words:
    step = state.step(event.step)
    change = f" ({step.change.verdict}: {step.change.words})" if step and step.change else ""
    return "verdict", f"{_title(state, event.step)}: {event.outcome.verdict}, {event.outcome.headline}{change}"


def _failed(state: IncidentState, event: shapes.StepFailed) -> Words:
    return "fail", f"{_title(state, event.step)} has no result: {event.message}"


def _skipped(state: IncidentState, event: shapes.StepSkipped) -> Words:
    return "skip", f"{_title(state, event.step)} skipped: {event.reason}"


def _done(state: IncidentState, event: shapes.StepDone) -> Words:
    return "done", f"{_title(state, event.step)} done{f': {event.said}' if event.said else ''}"


def _chosen(state: IncidentState, event: shapes.IssueChosen) -> Words:
    tenant = f" for {event.tenant}" if event.tenant else ""
    reason = f": {state.choice.reason}" if state.choice and state.choice.reason else ""
    return "choice", f"to be looked at: {event.issue}{tenant}{reason}"


def _note(state: IncidentState, event: shapes.NoteAdded) -> Words:
    if event.pane:
        return "pin", f"{event.pane}{f', {event.title}' if event.title else ''}: {event.text}"
    return "note", f"{event.operator or 'note'}: {event.text}"


def _marked(state: IncidentState, event: shapes.AdviceMarked) -> Words:
    advice = next((one for one in state.advice if one.id == event.advice), None)
    said = f" ({event.said})" if event.said else ""
    return "advice", f"{event.status}: {advice.action if advice else event.advice}{said}"


def _acted(state: IncidentState, event: shapes.ActionDone) -> Words:
    receipt = event.receipt
    counts = ", ".join(f"{number:,} {word}" for word, number in receipt.counts.items())
    what = receipt.words or f"{receipt.kind} for {receipt.tenant}"
    return "action", f"{what}: {counts or 'nothing done'} of {receipt.planned:,} planned"


def _checked(state: IncidentState, event: shapes.CheckFinished) -> Words:
    deed = next((one for one in state.deeds if one.receipt.action_id == event.action_id), None)
    check = next((one for one in deed.checks if one.step == event.step), None) if deed else None
    change = check.change if check else None
    words = f"{change.verdict}, {change.words}" if change else event.message or "no result"
    return "check", f"{_title(state, event.step)} asked again: {words}"


def _impact(state: IncidentState, event: shapes.ImpactMeasured) -> Words:
    return "verdict", f"impact, {event.name.replace('_', ' ')}: {event.outcome.headline}"


def _resumed(state: IncidentState, event: shapes.Resumed) -> Words:
    return "open", f"resumed by {event.operator or 'somebody'}{f': {event.said}' if event.said else ''}"


def _closed(state: IncidentState, event: shapes.Closed) -> Words:
    return "close", f"closed. Cause: {event.cause}. Resolution: {event.resolution}"


def _reopened(state: IncidentState, event: shapes.Reopened) -> Words:
    return "open", f"opened again: {event.reason}"


def _exported(state: IncidentState, event: shapes.Exported) -> Words:
    return "pin", f"post-mortem written to {event.place}"


_LINES: dict[type, Callable[[IncidentState, Any], Words]] = {
    shapes.Opened: _opened,
    shapes.Captured: _captured,
    shapes.StepStarted: _started,
    shapes.StepFinished: _finished,
    shapes.StepFailed: _failed,
    shapes.StepSkipped: _skipped,
    shapes.StepDone: _done,
    shapes.IssueChosen: _chosen,
    shapes.NoteAdded: _note,
    shapes.AdviceMarked: _marked,
    shapes.ActionDone: _acted,
    shapes.CheckFinished: _checked,
    shapes.ImpactMeasured: _impact,
    shapes.Resumed: _resumed,
    shapes.Closed: _closed,
    shapes.Reopened: _reopened,
    shapes.Exported: _exported,
}
