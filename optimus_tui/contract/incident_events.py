"""What happens in an incident (events: a record of the timeline is one of these) and what follows (effects)."""

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
    """Something that happened at a moment."""

    at: Stamp


class Opened(Event, frozen=True, kw_only=True, tag="opened"):
    """The first of them. The steps are copied in, so that an edited playbook does not rewrite history."""

    id: str
    title: str
    environment: str
    system: str
    operator: str
    playbook: str
    steps: tuple[StepPlan, ...]
    team: tuple[TeamAdvice, ...] = ()
    slow_ms: float = 500.0
    began: float | None = None
    """As the operator gave it; None leaves it to the findings."""
    alarms: tuple[str, ...] = ()
    """The findings that were on the screen, as sentences."""
    open_findings: tuple[OpenFinding, ...] = ()
    """The same, with the time since when each held; without those of which nobody kept track."""


class Captured(Event, frozen=True, kw_only=True, tag="captured"):
    """Samples were taken from the history."""

    evidence: Evidence
    since: float
    until: float
    series: int


class StepStarted(Event, frozen=True, kw_only=True, tag="step_started"):
    """A step's tool is asked. Asking a step that is done is a redo."""

    step: str


class StepFinished(Event, frozen=True, kw_only=True, tag="step_finished"):
    """The tool answered."""

    step: str
    outcome: Outcome
    evidence: Evidence | None = None
    took_ms: float | None = None


class StepFailed(Event, frozen=True, kw_only=True, tag="step_failed"):
    """The tool has no result."""

    step: str
    message: str


class StepSkipped(Event, frozen=True, kw_only=True, tag="step_skipped"):
    """The operator leaves it out, and says why."""

    step: str
    reason: str


class StepDone(Event, frozen=True, kw_only=True, tag="step_done"):
    """A manual step, or the last one, is through."""

    step: str
    said: str = ""


class IssueChosen(Event, frozen=True, kw_only=True, tag="issue_chosen"):
    """The operator decided what to look at."""

    issue: str
    tenant: str | None = None
    reason: str = ""


class NoteAdded(Event, frozen=True, kw_only=True, tag="note"):
    """A note, or a pin from a pane."""

    text: str
    pane: str = ""
    title: str = ""
    operator: str = ""


class AdviceMarked(Event, frozen=True, kw_only=True, tag="advice_marked"):
    """A recommendation was done by hand, dismissed, or taken up again."""

    advice: str
    status: Literal["open", "done", "dismissed"]
    said: str = ""


class ActionDone(Event, frozen=True, kw_only=True, tag="action_done"):
    """An action of ours came to its end. ``rules``: what it was to cure."""

    receipt: KeptReceipt
    advice: str = ""
    rules: tuple[str, ...] = ()


class CheckFinished(Event, frozen=True, kw_only=True, tag="check_finished"):
    """A step's tool answered after an action. ``outcome`` None: it had no result, ``message`` says why."""

    action_id: str
    step: str
    outcome: Outcome | None = None
    evidence: Evidence | None = None
    message: str = ""


class ChecksAsked(Event, frozen=True, kw_only=True, tag="checks_asked"):
    """The checks after an action run once more: a window had to end first."""

    action_id: str


class ImpactMeasured(Event, frozen=True, kw_only=True, tag="impact"):
    """A figure over the whole incident."""

    name: str
    outcome: Outcome
    evidence: Evidence | None = None


class Resumed(Event, frozen=True, kw_only=True, tag="resumed"):
    """Another process took over; what was running then has no result."""

    operator: str
    said: str = ""


class Moved(Event, frozen=True, kw_only=True, tag="moved"):
    """The operator goes on with a system at other addresses, and says why it is the same trouble."""

    system: str
    reason: str
    operator: str = ""


class Closed(Event, frozen=True, kw_only=True, tag="closed"):
    """The end, with cause and resolution."""

    cause: str
    resolution: str


class Reopened(Event, frozen=True, kw_only=True, tag="reopened"):
    """It was not the end."""

    reason: str


class Exported(Event, frozen=True, kw_only=True, tag="exported"):
    """A post-mortem was written."""

    place: str


AnyEvent = (
    Opened | Captured | StepStarted | StepFinished | StepFailed | StepSkipped | StepDone | IssueChosen | NoteAdded
    | AdviceMarked | ActionDone | CheckFinished | ChecksAsked | ImpactMeasured | Resumed | Moved | Closed | Reopened
    | Exported
)  # fmt: skip


# -- effects: what follows. Whoever keeps the incident does them; a replay does not.


class Effect(Struct, frozen=True, kw_only=True):
    """Something to do."""


class CaptureHistory(Effect, frozen=True, kw_only=True):
    """Keep the last minutes of the history as evidence."""

    minutes: float


class RunTool(Effect, frozen=True, kw_only=True):
    """Ask a tool; the answer is this step's, or where ``action_id`` is set a check of that action."""

    step: str
    tool: str
    arguments: dict[str, Any]
    action_id: str = ""


class AskIssue(Effect, frozen=True, kw_only=True):
    """Let the operator choose what to look at; the best reason stands first."""

    candidates: tuple[Candidate, ...]


class Refused(Effect, frozen=True, kw_only=True):
    """The event cannot happen now: nothing changed, and it is not recorded. One sentence."""

    reason: str


AnyEffect = CaptureHistory | RunTool | AskIssue | Refused
