"""The events of an incident (each is a record of the timeline) and the effects that follow from them."""

from typing import Any, Literal

from msgspec import Struct

from optimus_tui.contract.incident import (
    Candidate,
    Evidence,
    KeptReceipt,
    OpenFinding,
    Outcome,
    Stamp,
    StepPlan,
    TeamAdvice,
)


class Event(Struct, frozen=True, kw_only=True, tag_field="event"):
    """An event of an incident, at one moment."""

    at: Stamp


class Opened(Event, frozen=True, kw_only=True, tag="opened"):
    """The first event of an incident. The steps are copied in, so that an edited playbook does not rewrite history."""

    id: str
    title: str
    environment: str
    system: str
    operator: str
    playbook: str
    steps: tuple[StepPlan, ...]
    team: tuple[TeamAdvice, ...] = ()
    slow_ms: float = 500.0
    writable_layout: bool = True
    """False: the profile does not allow writing the keys that it reads, so no action on them can be recommended."""
    began: float | None = None
    """When it began as given by the operator, in wall-clock seconds; None: determined from the findings."""
    alarms: tuple[str, ...] = ()
    """The active findings, as sentences."""
    open_findings: tuple[OpenFinding, ...] = ()
    """The active findings with the time since when each is active; without those whose time is not recorded."""
    tenant: str | None = None
    """The tenant concerned, as text; None for no particular one."""


class Captured(Event, frozen=True, kw_only=True, tag="captured"):
    """Samples from the history were stored as evidence."""

    evidence: Evidence
    since: float
    until: float
    series: int


class StepStarted(Event, frozen=True, kw_only=True, tag="step_started"):
    """A step's tool was started. Starting a finished step again is a redo."""

    step: str


class StepFinished(Event, frozen=True, kw_only=True, tag="step_finished"):
    """A step's tool returned a result."""

    step: str
    outcome: Outcome
    evidence: Evidence | None = None
    took_ms: float | None = None


class StepFailed(Event, frozen=True, kw_only=True, tag="step_failed"):
    """A step's tool returned no result."""

    step: str
    message: str


class StepSkipped(Event, frozen=True, kw_only=True, tag="step_skipped"):
    """The operator skipped a step and gave the reason."""

    step: str
    reason: str


class StepDone(Event, frozen=True, kw_only=True, tag="step_done"):
    """A manual step, or the last one, was marked as done."""

    step: str
    said: str = ""


class IssueChosen(Event, frozen=True, kw_only=True, tag="issue_chosen"):
    """The operator chose the issue to examine."""

    issue: str
    tenant: str | None = None
    reason: str = ""


class NoteAdded(Event, frozen=True, kw_only=True, tag="note"):
    """A note was added, or something was pinned from a pane."""

    text: str
    pane: str = ""
    title: str = ""
    operator: str = ""


class AdviceMarked(Event, frozen=True, kw_only=True, tag="advice_marked"):
    """A recommendation was done by hand, dismissed, or made active again."""

    advice: str
    status: Literal["open", "done", "dismissed"]
    said: str = ""


class ActionDone(Event, frozen=True, kw_only=True, tag="action_done"):
    """A built-in action ended. ``rules``: the findings that it was meant to fix.

    ``pace``: seconds between two measurements of a service, from which follows when a proof is possible.
    """

    receipt: KeptReceipt
    advice: str = ""
    rules: tuple[str, ...] = ()
    pace: float = 2.0


class CheckFinished(Event, frozen=True, kw_only=True, tag="check_finished"):
    """A step's tool returned after an action. ``outcome`` None: it had no result, and ``message`` says why."""

    action_id: str
    step: str
    outcome: Outcome | None = None
    evidence: Evidence | None = None
    message: str = ""


class ChecksAsked(Event, frozen=True, kw_only=True, tag="checks_asked"):
    """The checks after an action were started, because enough came since, or once more on request.

    ``since``: wall-clock seconds from which they count; None for the time of the action.
    """

    action_id: str
    since: float | None = None


class ChecksDelayed(Event, frozen=True, kw_only=True, tag="checks_delayed"):
    """Too little was recorded since an action to prove anything: its checks wait until ``due`` (wall-clock seconds)."""

    action_id: str
    due: float
    need: str


class ImpactMeasured(Event, frozen=True, kw_only=True, tag="impact"):
    """A figure over the whole incident was measured."""

    name: str
    outcome: Outcome
    evidence: Evidence | None = None


class Resumed(Event, frozen=True, kw_only=True, tag="resumed"):
    """Another process continued the incident; steps that were running have no result."""

    operator: str
    said: str = ""


class SystemMoved(Event, frozen=True, kw_only=True, tag="moved"):
    """The operator continues with a system at other addresses, and gives the reason."""

    system: str
    reason: str
    operator: str = ""


class Closed(Event, frozen=True, kw_only=True, tag="closed"):
    """The incident was closed, with cause and resolution."""

    cause: str
    resolution: str


class Reopened(Event, frozen=True, kw_only=True, tag="reopened"):
    """A closed incident was reopened."""

    reason: str


class Exported(Event, frozen=True, kw_only=True, tag="exported"):
    """A post-mortem was written."""

    place: str


AnyEvent = (
    Opened | Captured | StepStarted | StepFinished | StepFailed | StepSkipped | StepDone | IssueChosen | NoteAdded
    | AdviceMarked | ActionDone | CheckFinished | ChecksAsked | ChecksDelayed | ImpactMeasured
    | Resumed | SystemMoved | Closed | Reopened | Exported
)  # fmt: skip


# -- effects: what follows. Whoever keeps the incident does them; a replay does not.


class Effect(Struct, frozen=True, kw_only=True):
    """An order that follows from an event."""


class CaptureHistory(Effect, frozen=True, kw_only=True):
    """Keep the last minutes of the history as evidence."""

    minutes: float


class RunTool(Effect, frozen=True, kw_only=True):
    """Run a tool. Its result belongs to the step, or to a check of the action ``action_id`` if that is set."""

    step: str
    tool: str
    arguments: dict[str, Any]
    action_id: str = ""
    since: float | None = None
    """Wall-clock seconds before which nothing counts; None for the tool's whole windows."""


class AskIssue(Effect, frozen=True, kw_only=True):
    """Let the operator choose what to examine; the best candidate is listed first."""

    candidates: tuple[Candidate, ...]


class EventRefused(Effect, frozen=True, kw_only=True):
    """The event is not possible now; nothing changed and it is not recorded. Holds one sentence that says why."""

    reason: str


AnyEffect = CaptureHistory | RunTool | AskIssue | EventRefused
