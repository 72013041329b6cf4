"""What the incident screen says: steps, evidence, recommendations, the next key. Pure: a state in, words out.

Texts in a state are as they were recorded, so each is made safe here.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from msgspec.structs import replace
from rich.cells import cell_len

from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.incident import (
    ActionRecord,
    Advice,
    Candidate,
    Comparison,
    Figure,
    IncidentState,
    Step,
    TimelineEntry,
    issue_words,
)
from optimus_tui.contract.tools.common import DEFAULT_TENANT, Diagnostic
from optimus_tui.incidents.folding import findings_before, fold
from optimus_tui.tools.pages.format_value import VERDICT_WORDS, in_plain_words, label
from optimus_tui.tools.pages.sections import Fact, Section, sections
from optimus_tui.tui.services import REMEDY_COMMAND
from optimus_tui.tui.widgets.cells import Cell, Column, Table, first_that_fits
from optimus_tui.wording.numbers import OWN_FORMAT, age, and_others, clock, figure, latency, plural
from optimus_tui.wording.safe import safe_sentence, safe_text
from optimus_tui.wording.short_hash import short_names
from optimus_tui.wording.truth import SEVERITY_WORDS, SeverityStyle
from optimus_tui.wording.wrapping import shortened_between_words, wrap
from optimus_tui.workflow.deciding import figure_name, measured_words, measures
from optimus_tui.workflow.proof import (
    MEASURED,
    REPAIRED_WORD,
    acted_at,
    confirmed_at,
    possible_words,
    proof_words,
    refused_after,
    waiting,
    waits,
)
from optimus_tui.workflow.ranking import tenant_words
from optimus_tui.workflow.side_effects import effects_of
from optimus_tui.workflow.standing import (
    NEXT_MARK,
    STEP_MARKS,
    STEP_WORDS,
    action_verdict,
    durations,
    proof_status,
    step_result,
)

LONG = 600
DEMO = "demo"
"""The playbook of incidents in the demo: its remedies can be carried out from there."""
ROOM_FOR_MORE = 20
"""Cells beside a step's verdict below which the start of its sentence would tell nothing."""
STEP_STYLES = {"waiting": "quiet", "running": "accent", "done": "good", "failed": "crit", "skipped": "quiet"}
VERDICT_STYLES: dict[str, SeverityStyle] = {
    "fixed": "ok", "better": "ok", "same": "warning", "worse": "critical", "unknown": "quiet", "too early": "quiet",
}  # fmt: skip


def safe(text: object, limit: int = LONG) -> str:
    """Return a name or a command as safe text of at most ``limit`` characters."""
    return safe_text(text, limit)


def sentence(text: object, limit: int = LONG) -> str:
    """Return a sentence as safe text; what is longer than ``limit`` is cut at its end."""
    return safe_sentence(text, limit)


class StepLine(NamedTuple):
    """A row of the list of steps: the incident, the place of the step in it, and how far the step is if it runs."""

    state: IncidentState
    at: int
    running: str
    below: bool = False
    """The proof of what was done stands in lines of its own below the steps."""

    @property
    def step(self) -> Step:
        """Return the step."""
        return self.state.steps[self.at]


def _mark_cell(line: StepLine, _: int) -> Cell:
    if line.state.next is line.step and line.state.status == "open" and line.state.running is None:
        return NEXT_MARK, "accent"
    return STEP_MARKS[line.step.status], STEP_STYLES[line.step.status]


def _title_cell(line: StepLine, _: int) -> Cell:
    style = "bright" * (line.step.status in ("running", "done"))
    return f"{line.at + 1} {safe(line.step.plan.title, 40)}", style


def _outcome_cell(line: StepLine, cells: int) -> Cell:
    if line.step.status == "running":
        return shortened_between_words(line.running, cells, cell_len).ljust(cells), "accent"
    summary = step_summary(line.state, line.step)
    if line.below and line.step.plan.kind == "apply":
        last = line.state.action_records[-1]
        summary = "result below" if last.verdict else ""  # said once
        if last.verdict and last.due is not None:
            summary = verdict_words(last)
    verdict = summary.partition(": ")[0]
    short = shortened_between_words(summary, cells, cell_len)
    if cells - cell_len(verdict) in range(ROOM_FOR_MORE):
        short = verdict
    if line.step.plan.kind == "apply" and line.state.action_records and line.step.status == "waiting":
        proved = [verdict] * (line.state.action_records[-1].verdict is not None)
        return first_that_fits([summary, *proved, *proof_in_a_word(line.state)], cells), "quiet"
    counted = [summary.partition(",")[0]] * (line.step.plan.kind == "apply" and line.step.status == "waiting")
    return first_that_fits([summary, *counted, *_figure_in_short(line.step), short], cells), "quiet"


def _figure_in_short(step: Step) -> list[str]:
    """Return the finding that decides a step without the verdict, as a sentence, then as its figure alone."""
    if step.status != "done" or step.change is not None or step.outcome is None:
        return []
    findings = step.outcome.findings
    if not findings or step.outcome.more:
        return []
    told = [f"{measures(one)} {measured_words(one)}" for one in findings[:1] if one.measured is not None]
    return [sentence(step.outcome.headline), *(f"{one}{and_others(findings)}" for one in told), *told]


STEPS = Table[StepLine](
    Column("mark", "", 1, _mark_cell),
    Column("step", "", 26, _title_cell, measured=True),
    Column("outcome", "", 8, _outcome_cell, grow=1, most=200, measured=True),
)


def proof_lines(state: IncidentState, width: int) -> list[str]:
    """Return the sentences about the proof of the last action, wrapped to ``width``; none before it has a result."""
    if not state.action_records or state.action_records[-1].verdict is None:
        return []
    return wrap(sentence(proof_words(state.action_records[-1]), 300), max(20, width - 4), cell_len)


def step_summary(state: IncidentState, step: Step) -> str:
    """Return the result of a step in a few words."""
    if step.plan.kind == "apply" and step.status == "waiting":
        if state.action_records:
            return sentence(_proof_in_short(state), 200)
        return to_do_words(state) if state.status == "open" else ""
    verdict, colon, rest = step_result(step).partition(":")
    if verdict in VERDICT_WORDS:
        verdict = verdict.replace("_", " ")
    return sentence(verdict + colon + rest, 200)


def to_do_words(state: IncidentState) -> str:
    """Return how many recommendations are open, and how many of them ``a`` carries out; empty if none is open."""
    todo = sum(advice.status == "open" for advice in state.advice)
    by_key = len(doable(state.advice, state.playbook == DEMO))
    if not todo:
        return ""
    if by_key == todo:
        return f"{todo} to do"
    if by_key:
        return f"{todo} to do, {by_key} of them by pressing a"
    return f"{todo} to do by hand"


def verdict_words(record: ActionRecord) -> str:
    """Return the verdict of an action's proof in a word, or that it waits for its proof."""
    if record.due is not None:
        return "waits for its proof"
    if record.verdict == "fixed" and refused_after(record):
        return REPAIRED_WORD
    return action_verdict(record)


def proof_severity(record: ActionRecord) -> SeverityStyle:
    """Return the style of the sentence about an action's proof."""
    if record.verdict is None:
        return "quiet"
    return VERDICT_STYLES[record.verdict]


def promise_words(record: ActionRecord) -> str:
    """Return from when on it can be proved that an action helped; empty once the proof has a result."""
    if record.due is None:
        return ""
    return f"{waits(record)}; the check then runs automatically"


def _proof_in_short(state: IncidentState) -> str:
    """Return the result of what was done last, or when one is possible."""
    last = state.action_records[-1]
    if last.verdict is None:
        return proof_status(state)
    return proof_words(last)


def proof_in_a_word(state: IncidentState) -> list[str]:
    """Return the short forms of a proof, the longest first: its verdict, or the time of day at which it is expected."""
    last = state.action_records[-1]
    if last.verdict is not None:
        return [verdict_words(last)]
    times = [one.due for one in waiting(state) if one.due is not None and possible_words(one)]
    if not times:
        return ["waits" if waiting(state) else "checking"]
    return [f"proof at {clock(max(times))}", f"proof {clock(max(times))}", "waits"]


def evidence_sections(state: IncidentState, step: Step, document: Mapping[str, Any] | None) -> list[Section]:
    """Return a step's evidence: first what decides (changes, figures, ranking), then the whole document.

    Args:
        state: The incident.
        step: The step.
        document: The tool's answer, read from its file; None while it is not read yet.
    """
    parts = [*_of_before(state, step), *_side_effects(state, step)]
    if step.status in ("skipped", "failed") or (step.said and step.plan.kind != "tool"):
        title = STEP_WORDS[step.status].capitalize()
        severity_style: SeverityStyle = ""
        if step.status == "failed":
            severity_style = "warning"
        parts.append(Section(title=title, lines=(Fact(sentence(step.said), severity_style=severity_style),)))
    if step.change is not None:
        parts.append(change_section("Changed since the last run", step.change))
    if step.outcome is not None:
        parts += _deciding(state, step)
    if step.outcome is not None and state.candidates and step.plan.tool == "diagnose_gateway_health":
        parts.append(_ranking(state))
    if step.outcome is None and step.status == "waiting" and not (step.plan.kind == "apply" and state.action_records):
        parts.append(_ahead(state, step))
    if document is not None:
        made: list[Section] = sections(document)  # type: ignore[arg-type]  # any that encodes
        parts += [_with_tenant(state, step, _counted(state, item)) for item in made]
    return fold(parts, findings_before(state, step))


def _of_before(state: IncidentState, step: Step) -> list[Section]:
    """Return a note if evidence was measured before a remedy or its proof; the proof stands first."""
    if step.outcome is None or step.ended is None:
        return []
    measured, records = step.ended.wall, state.action_records
    later = [one for one in records if measured <= acted_at(one)]
    title, when = "From before the remedy", ""
    if not later:  # what was found meanwhile may be the fault still, or figures that reach back
        later = [one for one in records if one.verdict == "fixed" and one.proved and measured < one.proved.wall]
        title = "From before the proof"
        when = f", {age(measured - acted_at(later[-1]))} after you acted" if later else ""
    if not later:
        return []
    proofs = [one.proved.wall for one in later if one.proved is not None]
    proof = f"proved fixed at {clock(max(proofs))}" if proofs else f"acted at {clock(confirmed_at(later[-1]))}"
    words = f"measured at {clock(measured)} UTC{when}; {proof}; r runs this step again"
    told = Fact(sentence(proof_words(later[-1])), "proof", proof_severity(later[-1]))
    return [Section(title=title, lines=(told, Fact(words, "below")))]


def _side_effects(state: IncidentState, step: Step) -> list[Section]:
    """Say which findings of a step only follow from what was done, and until when to wait."""
    found = effects_of(state, step)
    lines = tuple(Fact(f"{sentence(message)}: {words}", "settling", "quiet") for message, words in found.items())
    return [Section(title="Side effects of what you did: wait, and do nothing", lines=lines, urgent=True)] * bool(lines)


def _with_tenant(state: IncidentState, step: Step, section: Section) -> Section:
    """Say where the tenant comes from that the tool was asked about: the operator, a finding, or nobody."""
    asked = step.arguments.get("tenant_id")

    def said(line: Fact) -> Fact:
        if line.label != label("tenant_id"):
            return line
        if not isinstance(asked, str):
            return replace(line, text=_chosen_words(line.text))
        return replace(line, text=tenant_words(state, line.text) if line.text == safe(asked, 200) else line.text)

    return replace(section, lines=tuple(said(line) for line in section.lines))


def _chosen_words(tenant: str) -> str:
    if tenant == DEFAULT_TENANT:
        return f"{tenant}, the default of the tool: none was named"
    return f"{short_names(tenant) or 'none'}, chosen by the tool: none was named"


def _counted(state: IncidentState, section: Section) -> Section:
    """Return a tool's own recommendations without a count in the title, because the last step lists all of them."""
    if not section.title.startswith("To do") or not state.advice:
        return section
    return replace(section, title="To do, by this tool (the last step lists all)")


def _ahead(state: IncidentState, step: Step) -> Section:
    lines = []
    if step.plan.why:
        lines.append(Fact(sentence(step.plan.why)))
    if step.plan.tool:
        lines.append(Fact(safe(step.plan.tool, 80), "runs"))
    if step.plan.command:
        lines.append(Fact(safe(step.plan.command), "command"))
    if step.plan.choose_issue and state.choice is not None:
        lines.append(Fact(f"{issue_words(state.choice.issue)}, {sentence(state.choice.reason)}", "examines"))
    return Section(title="Not done yet", lines=tuple(lines) or (Fact("enter runs the next step"),))


def _deciding(state: IncidentState, step: Step) -> list[Section]:
    outcome = step.outcome
    if outcome is None:
        return []
    main = next(iter(outcome.findings), None)
    told, own = outcome.headline, set[str]()
    if main is not None:  # its figure stands in its sentence, and the others have lines of their own
        told, own = main.message, {figure_name(main), f"latency.{main.subject}" * (main.unit == "ms")}
    lines = [Fact(sentence(told), safe(in_plain_words(outcome.verdict), 30), severity_style_of(outcome.severity))]
    lines += _to_do(state, main)
    if others := len(outcome.findings) + outcome.more - 1:
        lines += [Fact(f"{plural(others, 'more finding')}, below", "beside it", "quiet")] * (others > 0)
    lines += [
        Fact(safe(item.words, 40) or figure(item.value, safe(item.unit, 12)), _figure_label(item))
        for item in outcome.figures
        if item.name not in own
    ]
    if step.took_ms is not None:
        lines.append(Fact(latency(step.took_ms), "asking took", "quiet"))
    return [Section(title="What decides", lines=tuple(lines), urgent=True)]


def _to_do(state: IncidentState, main: Diagnostic | None) -> list[Fact]:
    """Return the remedy of the deciding finding that ``a`` carries out, while it is neither done nor dismissed."""
    if main is None or state.status != "open":
        return []
    fits = [one for one in doable(state.advice, state.playbook == DEMO) if main.rule in one.rules]
    return [Fact(f"{sentence(one.action, 120)} (a)", "remedy") for one in fits[:1]]


def _figure_label(item: Figure) -> str:
    """Return what a figure is of: a latency of this step's own is one check, not those that the dashboard keeps."""
    label = safe(item.label or item.name, 100)
    return label + ", one check" * item.name.startswith("latency.")


def _ranking(state: IncidentState) -> Section:
    chosen, title, lines = "", "Which issue to examine", []
    if state.choice is not None:
        chosen = state.choice.issue
        title = f"Examining {issue_words(chosen)}"
    severity_styles: dict[str, SeverityStyle] = {chosen: "ok"}
    for candidate in state.candidates:
        if not candidate.rules and candidate.issue != chosen:
            continue
        reason = sentence(candidate.reason)
        if candidate.tenant:
            reason += f" ({safe(short_names(candidate.tenant), 60)})"
        lines.append(Fact(reason, issue_words(candidate.issue), severity_styles.get(candidate.issue, "")))
        lines += _about_events(candidate)
    return Section(title=title, lines=tuple(lines))


def _about_events(candidate: Candidate) -> list[Fact]:
    """Return what to do where events lead to an issue: no playbook is about them, and the catalogue says enough."""
    rules = [rule_of(name) for name in candidate.rules]
    return [
        Fact(rule.remedy, rule.title, "warning")
        for rule in rules
        if rule.family in ("events", "feed") and rule.remedy and "{" not in rule.remedy
    ]


def change_section(title: str, change: Comparison) -> Section:
    """Return what is different from the last run of a step, as before and after."""
    lines = [Fact(sentence(change.words), change.verdict, VERDICT_STYLES[change.verdict])]
    for name, before, after, unit in change.figures:
        first_unit = unit * (unit in OWN_FORMAT)
        one_check = ", one check" * (name in MEASURED and unit == "ms")
        moved = f"{figure(before, first_unit)} → {figure(after, safe(unit, 12))}"
        lines.append(Fact(moved, f"{safe(name, 100)}{one_check}"))
    kinds = (("gone", change.gone, "ok"), ("new", change.new, "critical"), ("still", change.held, ""))
    for word, texts, style in kinds:
        lines += [Fact(sentence(item), word, style) for item in texts]  # type: ignore[arg-type]
    return Section(title=title, lines=tuple(lines), urgent=change.verdict in ("worse", "same"))


def closing_sections(state: IncidentState) -> list[Section]:
    """Return how the incident ended; nothing while it is open."""
    if state.status != "closed":
        return []
    lines = [Fact(sentence(state.cause), "cause"), Fact(sentence(state.resolution), "resolution")]
    lines += [Fact(words, label[:1].lower() + label[1:]) for label, words in durations(state)]
    return [Section(title="Closed", lines=tuple(lines))]


MOST_TIMELINE = 180
"""Characters of one line of the timeline; the steps and the post-mortem have the whole of it."""


def timeline_section(state: IncidentState, limit: int = 20) -> Section:
    """Return the newest ``limit`` lines of the timeline, without the starts of steps that have a result."""
    entries = islice(_newest(state.timeline), limit)
    lines = tuple(Fact(sentence(item.text, MOST_TIMELINE), clock(item.at.wall)) for item in entries)
    return Section(title="Timeline, newest first", lines=lines)


def _newest(entries: Sequence[TimelineEntry]) -> Iterator[TimelineEntry]:
    """Yield the entries, the newest first, without the starts of steps whose result came later."""
    results: list[str] = []
    for entry in reversed(entries):
        title = entry.text.partition(": ")[0]
        if entry.mark == "run" and any(result.startswith(title) for result in results):
            continue
        if entry.mark in ("verdict", "fail"):
            results.append(entry.text)
        yield entry


def severity_style_of(severity: str) -> SeverityStyle:
    """Return the style in which a severity is drawn; none for severities that need no attention."""
    mark = SEVERITY_WORDS.get(severity)
    if mark is None or mark.severity_style == "quiet":
        return ""
    return mark.severity_style


def doable(advice: Sequence[Advice], in_demo: bool = False) -> list[Advice]:
    """Return the open recommendations that can be carried out from here: by an action, or a remedy of the demo."""
    return [item for item in advice if (item.kind or (in_demo and remedy_of(item))) and item.status == "open"]


def remedy_of(advice: Advice) -> str:
    """Return the name of the demo's remedy that a recommendation stands for; empty for none."""
    command = advice.command or ""
    if command.startswith(REMEDY_COMMAND):
        return command.removeprefix(REMEDY_COMMAND)
    return ""
