"""An incident: its steps, its state computed from its events (``incident_events``), and the drill that may cause it."""

from typing import Any, Literal, NamedTuple

from msgspec import Struct, field

from optimus_tui.contract.tools.common import Diagnostic, Recommendation

StepKind = Literal["tool", "manual", "apply"]
StepStatus = Literal["waiting", "running", "done", "failed", "skipped"]
Status = Literal["none", "open", "closed"]
Verdict = Literal["fixed", "better", "same", "worse", "unknown", "too early"]
"""The verdict of a repeated check. "unknown": it has no result. "too early": not enough came since the remedy."""

ISSUES = ("rate_limiting", "cache_miss", "circuit_breaker", "proxy_timeout", "memory_leak", "high_latency")


def issue_words(issue: str) -> str:
    """Return an issue type as people read it: ``rate limiting``. Arguments and files keep ``rate_limiting``."""
    return issue.replace("_", " ")


class Stamp(Struct, frozen=True):
    """One moment on up to three clocks.

    ``wall``: seconds since the epoch. ``mono``: seconds of the machine's monotonic clock, which are comparable only
    within one ``boot`` (empty: unknown). ``server``: Redis' own clock where it was read recently.
    """

    wall: float
    mono: float = 0.0
    server: float | None = None
    boot: str = ""


class Evidence(Struct, frozen=True, kw_only=True):
    """A document stored beside the timeline: its file's name, digest (SHA-256, hex) and size in bytes."""

    name: str
    sha256: str
    size: int


class OpenFinding(Struct, frozen=True, kw_only=True):
    """A finding that was active when the incident was opened.

    ``since``: wall-clock seconds, None where not recorded. ``message`` is empty in a record of an older version.
    ``caused_by``: rule and subject of its cause, None where none is known.
    """

    rule: str
    subject: str
    since: float | None
    severity: str = "high"
    message: str = ""
    caused_by: tuple[str, str] | None = None


class Figure(Struct, frozen=True, kw_only=True):
    """One deciding number. ``value`` None: it could not be measured. ``name`` is stable: ``engine.p95``.

    ``words`` show it where it is an estimate or a bound: ``≈ 320 ms``.
    """

    name: str
    value: float | None
    unit: str = ""
    label: str = ""
    words: str = ""


class Outcome(Struct, frozen=True, kw_only=True):
    """A summary of a tool's document. ``verdict`` is the document's own word; ``severity`` "none": no finding.

    ``more``: the number of findings that were left out here; the evidence has them all.
    """

    verdict: str
    severity: str
    headline: str
    findings: tuple[Diagnostic, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    figures: tuple[Figure, ...] = ()
    unknown: tuple[str, ...] = ()
    more: int = 0


class Comparison(Struct, frozen=True, kw_only=True):
    """Before and after: the verdict, its reason in one sentence, and the findings that ended, are new, or remain."""

    verdict: Verdict
    words: str
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    figures: tuple[tuple[str, float | None, float | None, str], ...] = ()
    """(label, before, after, unit) of the numbers that moved."""
    deciding: str = ""
    """The figure that decides, before and after, in words: ``engine p95 829 ms → 12 ms``. Empty where none has one."""
    refused: tuple[str, ...] = ()
    """Subjects whose counter has a TTL again and is still over its limit: refused until that TTL ends."""
    follows: tuple[str, ...] = ()
    """Those of ``new`` that can follow from what was to be fixed, or from the restart that fixed it."""


class StepPlan(Struct, frozen=True, kw_only=True):
    """A step as its playbook defines it. ``first_when``: rules whose finding moves this step forward."""

    id: str
    title: str
    kind: StepKind = "tool"
    tool: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    choose_issue: bool = False
    why: str = ""
    command: str = ""
    first_when: tuple[str, ...] = ()


class TeamAdvice(Struct, frozen=True, kw_only=True):
    """A team's own recommendation, shown in the last step if one of these rules had a finding."""

    when: tuple[str, ...]
    action: str
    priority: str = "medium"
    command: str | None = None
    reason: str = ""
    subjects: tuple[str, ...] = ()
    """The findings' subjects that it is for; empty for all. Restarting the engine cures no slow gateway."""
    effects: tuple[str, ...] = ()
    """Rules that it is for only where one of ``when`` was found to be their cause."""
    cause: str = ""
    """The cause, of which the findings are symptoms, if it is proved to have helped; empty where that tells nothing."""


class Step(Struct, frozen=True, kw_only=True):
    """A step in its present state. ``before`` and ``change`` are set once it was repeated."""

    plan: StepPlan
    status: StepStatus = "waiting"
    runs: int = 0
    arguments: dict[str, Any] = field(default_factory=dict)
    """As they were sent with the last run."""
    started: Stamp | None = None
    ended: Stamp | None = None
    took_ms: float | None = None
    outcome: Outcome | None = None
    evidence: Evidence | None = None
    before: Outcome | None = None
    change: Comparison | None = None
    worst: Outcome | None = None
    """The worst outcome of all runs, None where none found anything; shown when a step is well again."""
    said: str = ""
    """Why it was skipped, failed or was interrupted; for a manual step what a person found."""


class Candidate(Struct, frozen=True, kw_only=True):
    """An issue type to examine, with the findings that suggest it. ``tenant`` None: no particular tenant."""

    issue: str
    reason: str
    score: int
    tenant: str | None = None
    rules: tuple[str, ...] = ()


class IssueChoice(Struct, frozen=True, kw_only=True):
    """The issue that the operator decided to look at."""

    issue: str
    tenant: str | None = None
    reason: str = ""


class Advice(Struct, frozen=True, kw_only=True):
    """One recommendation of the last step. ``kind``: the ``ActionKind`` that carries it out, empty for none."""

    id: str
    action: str
    priority: str
    command: str | None = None
    file: str | None = None
    reason: str = ""
    kind: str = ""
    tenant: str | None = None
    rules: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    source: str = ""
    """The step that it comes from, or "playbook"."""
    status: Literal["open", "done", "dismissed"] = "open"
    said: str = ""


class KeptReceipt(Struct, frozen=True, kw_only=True):
    """The result of a built-in action. ``counts`` by outcome (done, already gone, …); ``audit`` names its record."""

    action_id: str
    kind: str
    tenant: str
    counts: dict[str, int] = field(default_factory=dict)
    planned: int = 0
    reason: str = ""
    audit: str = ""
    words: str = ""
    started: float | None = None
    ended: float | None = None
    outside: bool = False
    """True for something done outside of the product, such as a restart: then no keys are counted."""
    restarts: str = ""
    """The service that it restarted, which has effects of its own; empty for none."""
    until: float | None = None
    """Wall-clock seconds at which the TTL ends that it has set; None if it has set none."""


class Check(Struct, frozen=True, kw_only=True):
    """A step's tool run again after an action; ``change`` is None until it has answered.

    ``before`` is what the step had found before the action; ``at`` is when the check answered.
    """

    step: str
    before: Outcome | None = None
    change: Comparison | None = None
    evidence: Evidence | None = None
    at: Stamp | None = None


class ActionRecord(Struct, frozen=True, kw_only=True):
    """An action, or something done outside, with the proof of its effect.

    Attributes:
        at: When it was recorded.
        receipt: What was done.
        advice: The id of the recommendation that it follows; empty for none.
        rules: The findings that it was to fix.
        checks: The steps whose tools run again.
        verdict: The worst of its checks; None until all have answered.
        since: Wall-clock seconds from which the checks count; 0 in a record of an older version.
        due: Wall-clock seconds at which the checks can prove something; None once they run or have answered.
        need: What has to come until then, in words; empty for nothing.
        late: True once that time has passed and less came than a proof needs; ``need`` then says what came.
        pace: Seconds between two measurements of a service, as they came before the action.
        proved: When its checks first proved that the fault is gone; None before.
        found: Fault and subject of all that was found before it, which is not a side effect of it.
    """

    at: Stamp
    receipt: KeptReceipt
    advice: str = ""
    rules: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    verdict: Verdict | None = None
    since: float = 0.0
    due: float | None = None
    need: str = ""
    late: bool = False
    pace: float = 2.0
    proved: Stamp | None = None
    found: frozenset[tuple[str, str]] = frozenset()


class Note(Struct, frozen=True, kw_only=True):
    """A note of the operator, or something pinned from a pane (``pane`` says which, ``title`` what)."""

    at: Stamp
    text: str
    pane: str = ""
    title: str = ""
    operator: str = ""


class Capture(Struct, frozen=True, kw_only=True):
    """Samples from the history, kept as evidence. ``series`` counts those that had samples."""

    at: Stamp
    evidence: Evidence
    since: float
    until: float
    series: int


class Measure(Struct, frozen=True, kw_only=True):
    """A figure of the impact over the whole incident."""

    name: str
    outcome: Outcome
    evidence: Evidence | None = None


class TimelineEntry(Struct, frozen=True):
    """One line of the timeline as text."""

    at: Stamp
    mark: str
    text: str


class IncidentState(Struct, frozen=True, kw_only=True):
    """The full state of an incident, computed from its events."""

    id: str = ""
    title: str = ""
    environment: str = ""
    system: str = ""
    operator: str = ""
    playbook: str = ""
    tenant: str | None = None
    """The tenant concerned, as the operator confirmed it; the tools are asked about it. None: no particular one."""
    status: Status = "none"
    slow_ms: float = 500.0
    writable_layout: bool = True
    """Whether the profile allows actions on the keys that it reads."""
    opened: Stamp | None = None
    began: float | None = None
    """Wall-clock seconds since when the fault is known to exist; None where that is not known."""
    began_given: bool = False
    """True if the operator said when it began. Otherwise it follows from the finding that the incident is about."""
    open_findings: tuple[OpenFinding, ...] = ()
    """The findings that were active when the incident was opened."""
    steps: tuple[Step, ...] = ()
    """In the order in which they are to be done."""
    team: tuple[TeamAdvice, ...] = ()
    severity: str = "none"
    candidates: tuple[Candidate, ...] = ()
    choice: IssueChoice | None = None
    advice: tuple[Advice, ...] = ()
    action_records: tuple[ActionRecord, ...] = ()
    notes: tuple[Note, ...] = ()
    captures: tuple[Capture, ...] = ()
    impact: tuple[Measure, ...] = ()
    tenants: tuple[str, ...] = ()
    """Named by findings, as safe text."""
    timeline: tuple[TimelineEntry, ...] = ()
    repaired: Stamp | None = None
    closed: Stamp | None = None
    cause: str = ""
    resolution: str = ""
    exported: bool = False
    """True once the post-mortem of its present closing is written."""
    events: int = 0

    @property
    def running(self) -> Step | None:
        """Return the step whose tool runs now, or None."""
        return next((step for step in self.steps if step.status == "running"), None)

    @property
    def next(self) -> Step | None:
        """Return the step to do next; None when all are done."""
        return next((step for step in self.steps if step.status in ("waiting", "failed")), None)

    def step(self, name: str) -> Step | None:
        """Return the step with this id, or None."""
        return next((step for step in self.steps if step.plan.id == name), None)

    def action_record(self, action_id: str) -> ActionRecord | None:
        """Return the record of this action, or None."""
        return next((one for one in self.action_records if one.receipt.action_id == action_id), None)


class Truth(NamedTuple):
    """The expected answer to a scenario.

    ``rules`` are the findings that show its fault (with ``subject`` in their subject, where given), ``issues`` the
    issue types that fit, ``cure`` a text that says what ends it.
    """

    rules: tuple[str, ...] = ()
    subject: str = ""
    issues: tuple[str, ...] = ()
    cure: str = ""


class Remedy(NamedTuple):
    """A measure outside of the product: its name, a description, and the message once it was done.

    ``undone`` says how it can be undone, or that it cannot (``{tenant}`` stands for whom it is done to); ``restarts``
    names the service that it restarts; ``unmeasured`` says what it acts on that this program does not measure.
    """

    name: str
    label: str
    said: str
    undone: str = ""
    restarts: str = ""
    unmeasured: str = ""


class Happened(NamedTuple):
    """The result of an order to the demo. ``at``: when it took effect; ``note``: what happened, or why it did not."""

    done: bool
    note: str
    at: float


class DrillMilestone(NamedTuple):
    """One line of the result. ``seconds`` since the fault was injected, None where it never happened.

    ``words`` say what was observed, or what is missing.
    """

    name: str
    seconds: float | None
    words: str


class DrillResult(NamedTuple):
    """The result of a drill. Each span is in seconds since the fault was injected, None where it never happened.

    ``detect``: to the alarm; ``acknowledge``: to the incident; ``cause``: until the fault was identified; ``remedy``:
    to the first thing done; ``proof``: until a check proved it gone; ``resolve``: the proof, or without one the moment
    in which its findings left the screen.
    """

    scenario: str
    says: str
    cure: str
    ended: str
    solved: bool
    marks: tuple[DrillMilestone, ...]
    missed: tuple[str, ...]
    detect: float | None
    acknowledge: float | None
    resolve: float | None
    cause: float | None = None
    remedy: float | None = None
    proof: float | None = None
    incident: str = ""
    is_open: bool = False
    """Its incident is still open."""
