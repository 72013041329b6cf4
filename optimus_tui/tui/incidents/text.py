"""What the incident screen says: steps, evidence, recommendations, the next key. Pure: a state in, words out.

Texts in a state are as they were said, so everything passes the first gate here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from optimus_tui.contract.incident import ActionRecord, Advice, Comparison, IncidentState, Stamp, Step
from optimus_tui.tools.pages.sections import Fact, Section, Tone, sections
from optimus_tui.tui.render_report import MARKS
from optimus_tui.tui.widgets.bars import Words
from optimus_tui.tui.widgets.columns import fit_cell
from optimus_tui.tui.widgets.line_view import Piece
from optimus_tui.wording.age import age, clock
from optimus_tui.wording.clauses import clause
from optimus_tui.wording.numbers import latency, plural, quantity
from optimus_tui.wording.safe import safe_sentence, safe_text
from optimus_tui.workflow.incident_words import (
    ADVICE_MARKS,
    NEXT_MARK,
    STEP_MARKS,
    STEP_WORDS,
    action_verdict,
    durations,
    step_result,
)
from optimus_tui.workflow.standing import standing
from optimus_tui.workflow.times import elapsed

LONG = 600
STEP_STYLES = {"waiting": "quiet", "running": "accent", "done": "good", "failed": "crit", "skipped": "quiet"}
SEVERITY_COLORS = {"critical": "b:error", "high": "b:warning", "medium": "warning"}
VERDICT_TONES: dict[str, Tone] = {
    "fixed": "ok", "better": "ok", "same": "warning", "worse": "critical", "unknown": "quiet",
}  # fmt: skip


def safe(text: object, limit: int = LONG) -> str:
    """Return a name or a command as safe text of at most ``limit`` characters."""
    return safe_text(text, limit)


def sentence(text: object, limit: int = LONG) -> str:
    """Return a sentence as safe text; what is longer than ``limit`` is cut at its end."""
    return safe_sentence(text, limit)


def bar_words(state: IncidentState, now: Stamp, mode: tuple[str, str], problem: str, width: int) -> tuple[Words, Words]:
    """Number, place, since when and for how long; severity, and whether one may act."""
    gap = "   " if width >= 100 else "  "
    left: Words = [(f" INCIDENT {safe(state.id, 12)}", "b:bright"), (gap + safe(state.environment, 24), "accent")]
    if state.opened is not None:
        end = state.closed or now
        left.append((gap + (f"opened {clock(state.opened.wall)[:5]} · " if width >= 100 else ""), "quiet"))
        left.append((age(elapsed(state.opened, end)), "bright"))
        left.append((" closed" if state.closed else "", "quiet"))
    if problem:
        left.append((gap + safe(problem, 120), "warning"))
    stands = standing(state)
    severity = f"{MARKS.get(stands, '')}{stands.upper()}" if stands != "none" else "no finding holds"
    if stands == "none" and state.severity == "none":
        severity = "no severity yet"
    right: Words = [(mode[0] + gap, mode[1]), (severity + " ", SEVERITY_COLORS.get(stands, "quiet"))]
    if stands != state.severity and width >= 100:
        right.append((f"(at worst {state.severity}) ", "quiet"))
    return left, right


def step_pieces(state: IncidentState, index: int, running: str, width: int) -> list[Piece]:
    """Return one line of the list of steps as spans."""
    step = state.steps[index]
    glyph, style = STEP_MARKS[step.status], STEP_STYLES[step.status]
    if state.next is step and state.status == "open" and state.running is None:
        glyph, style = NEXT_MARK, "accent"
    title = f"{index + 1} {safe(step.plan.title, 40)}"
    room = min(26, max(18, width // 3))
    told = running if step.status == "running" else step_summary(state, step)
    return [
        (f"{glyph} ", style),
        (fit_cell(title, min(room, max(1, width - 2))), "bright" if step.status in ("running", "done") else ""),
        (fit_cell("  " + told, max(0, width - 2 - room)), "accent" if step.status == "running" else "quiet"),
    ]


def step_summary(state: IncidentState, step: Step) -> str:
    """Return what came of a step, in a few words."""
    if step.plan.kind == "apply" and step.status == "waiting":
        waiting = sum(one.status == "open" for one in state.advice)
        return f"{waiting} to do" if waiting else ""
    return sentence(step_result(step), 200)


def evidence_sections(state: IncidentState, step: Step, document: Mapping[str, Any] | None) -> list[Section]:
    """Return a step's evidence, what decides first: change, figures, ranking, then the whole document."""
    made: list[Section] = []
    if step.status in ("skipped", "failed") or (step.said and step.plan.kind != "tool"):
        title = STEP_WORDS[step.status].capitalize()
        tone: Tone = "warning" if step.status == "failed" else ""
        made.append(Section(title=title, lines=(Fact(sentence(step.said), tone=tone),)))
    if step.change is not None:
        made.append(change_section("Since the run before", step.change))
    if step.outcome is not None:
        made += _deciding(step)
    if step.outcome is not None and state.candidates and step.plan.tool == "diagnose_gateway_health":
        made.append(_ranking(state))
    if step.outcome is None and step.status == "waiting":
        made.append(_ahead(state, step))
    if document is not None:
        made += [_counted(state, one) for one in sections(document)]  # type: ignore[arg-type]  # any that encodes
    return made


def _counted(state: IncidentState, section: Section) -> Section:
    """A tool's own list of recommendations is a part of the last step's: it shows no count of its own beside that."""
    if not section.title.startswith("To do") or not state.advice:
        return section
    return replace(section, title="To do, by this tool (the last step lists all)")


def _ahead(state: IncidentState, step: Step) -> Section:
    lines = [Fact(sentence(step.plan.why))] if step.plan.why else []
    if step.plan.tool:
        lines.append(Fact(safe(step.plan.tool, 80), "runs"))
    if step.plan.command:
        lines.append(Fact(safe(step.plan.command), "command"))
    if step.plan.choose_issue and state.choice is not None:
        lines.append(Fact(f"{state.choice.issue}, {sentence(state.choice.reason)}", "examines"))
    return Section(title="Not done yet", lines=tuple(lines) or (Fact("enter goes on"),))


def _deciding(step: Step) -> list[Section]:
    outcome = step.outcome
    if outcome is None:
        return []
    took = f"   {latency(step.took_ms)}" if step.took_ms is not None else ""
    lines = [Fact(sentence(outcome.headline), safe(outcome.verdict, 30), _tone(outcome.severity))]
    lines += [
        Fact(safe(one.words, 40) or quantity(one.value, safe(one.unit, 12)), safe(one.label or one.name, 40))
        for one in outcome.figures
    ]
    return [Section(title=f"What decides{took}", lines=tuple(lines), urgent=True)]


def _ranking(state: IncidentState) -> Section:
    chosen = state.choice.issue if state.choice else ""
    lines = tuple(
        Fact(
            sentence(one.reason) + (f" ({safe(one.tenant, 60)})" if one.tenant else ""),
            one.issue,
            "ok" if one.issue == chosen else "",
        )
        for one in state.candidates
        if one.rules or one.issue == chosen
    )
    return Section(title=f"Examining {chosen}" if chosen else "Which issue to examine", lines=lines)


WHOLE = ("share", "ms")
"""Units that stand with both figures of a pair; any other is said once."""


def change_section(title: str, change: Comparison) -> Section:
    """Return what changed, as before and after."""
    lines = [Fact(sentence(change.words), change.verdict, VERDICT_TONES[change.verdict])]
    lines += [
        Fact(
            f"{quantity(before, unit if unit in ('share', 'ms') else '')} → {quantity(after, safe(unit, 12))}",
            safe(label, 40),
        )
        for label, before, after, unit in change.figures
    ]
    for word, texts, tone in (("gone", change.gone, "ok"), ("new", change.new, "critical"), ("still", change.held, "")):
        lines += [Fact(sentence(one), word, tone) for one in texts]  # type: ignore[arg-type]
    return Section(title=title, lines=tuple(lines), urgent=change.verdict in ("worse", "same"))


def deed_section(record: ActionRecord) -> Section:
    """Return an action, its outcome by kinds, and the checks after it."""
    receipt = record.receipt
    counts = ", ".join(f"{count:,} {safe(name, 20)}" for name, count in receipt.counts.items()) or "nothing"
    lines = [
        Fact(sentence(receipt.words)),
        Fact(f"{counts} of {plural(receipt.planned, 'key')} planned", "outcome"),
    ]
    for check in record.checks:
        if check.change is None:
            lines.append(Fact("checking again …", safe(check.step, 30), "quiet"))
        else:
            lines.append(Fact(f"{check.change.verdict}: {sentence(check.change.words)}", safe(check.step, 30),
                              VERDICT_TONES[check.change.verdict]))  # fmt: skip
    lines.append(Fact(safe(receipt.audit) or "–", "audit", "quiet"))
    again = "" if record.verdict in (None, "fixed") else "   r checks again"
    return Section(title=f"Done here: {action_verdict(record)}{again}", lines=tuple(lines))


def advice_section(advice: Advice, number: int) -> Section:
    """Return one recommendation: priority, reason, the exact command, and whether it can be done from here."""
    mark = MARKS.get(advice.priority, "")
    state = clause(ADVICE_MARKS[advice.status], "   ")
    lines = [Fact(sentence(advice.action), "do")]
    if advice.kind and advice.status == "open":
        lines.append(Fact("a does it from here; a dialog first shows exactly what it changes", "here", "ok"))
    if advice.command:
        lines.append(Fact(safe(advice.command, 2_000), "command"))
        if advice.command.startswith(":") and advice.status == "open":
            lines.append(Fact("esc goes to the panes: type the command there", "how", "quiet"))
    if advice.file:
        lines.append(Fact(safe(advice.file), "file"))
    for one in advice.evidence or ((advice.reason,) if advice.reason else ()):
        lines.append(Fact(sentence(one), "because"))
    if advice.said:
        lines.append(Fact(sentence(advice.said), "said", "quiet"))
    return Section(title=f"{number}  {mark}{advice.priority}{state}", lines=tuple(lines))


def closing_sections(state: IncidentState) -> list[Section]:
    """Return how the incident ended; nothing while it is open."""
    if state.status != "closed":
        return []
    lines = [Fact(sentence(state.cause), "cause"), Fact(sentence(state.resolution), "resolution")]
    lines += [Fact(words, label.lower()) for label, words in durations(state)]
    return [Section(title="Closed", lines=tuple(lines))]


def timeline_section(state: IncidentState, most: int = 20) -> Section:
    """Return the newest lines of the timeline."""
    entries = state.timeline[-most:]
    lines = tuple(Fact(sentence(one.text, 300), clock(one.at.wall)) for one in reversed(entries))
    return Section(title="Timeline, newest first", lines=lines)


def next_words(state: IncidentState, selected: Step | None, doable: int) -> str:
    """Return what to do now, in one sentence."""
    if state.status == "closed":
        return "Closed. x writes the post-mortem, esc goes back to the panes."
    if state.running is not None:
        return f"{safe(state.running.plan.title, 60)} is running; esc goes back to the panes meanwhile."
    coming = state.next
    if coming is None:
        more = f"{doable} can still be done with a; " if doable else ""
        again = "" if state.repaired else "r on the last step checks whether it is fixed, "
        return f"All steps are done: {more}{again}c closes with cause and resolution."
    title = safe(coming.plan.title, 60)
    if coming.plan.kind == "tool":
        if coming.plan.choose_issue and state.choice is None:
            return f"enter chooses an issue to examine and runs {title}; the health check ranked them."
        return f"enter runs {title}; s skips it and asks why."
    if coming.plan.kind == "apply":
        here = f"a does what can be done from here ({doable}), " if doable else ""
        return f"{title}: {here}m marks what you did by hand, r checks whether it is fixed, enter when you are done."
    return f"{title} is done by hand: press enter when you are done; it asks what you found."


def _tone(severity: str) -> Tone:
    if severity == "critical":
        return "critical"
    return "warning" if severity in ("high", "medium") else ""


def doable(advice: Sequence[Advice]) -> list[Advice]:
    """Return the open recommendations that a built-in action can carry out."""
    return [one for one in advice if one.kind and one.status == "open"]
