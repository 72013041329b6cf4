"""What the incident screen says of an action, of what comes in for its proof, and of a recommendation. Pure."""

from collections.abc import Sequence

from optimus_tui.contract.incident import ActionRecord, Advice, IncidentState
from optimus_tui.incidents.since import ProofProgress
from optimus_tui.tools.pages.sections import Fact, Section
from optimus_tui.tui.incidents.text import VERDICT_STYLES, proof_severity, safe, sentence, verdict_words
from optimus_tui.tui.tools.lists import Lines, report_lines, severity_text
from optimus_tui.wording.numbers import clause, clock, plural
from optimus_tui.workflow.proof import confirmed_at, proof_words
from optimus_tui.workflow.standing import ADVICE_MARKS


def under_way_sections(name: str) -> list[Section]:
    """Return the section about what is being done outside of the product; nothing without a name."""
    line = Fact("it is being done; what comes in since is shown here, and the proof then")
    return [Section(title=f"Under way: {safe(name, 60)}", lines=(line,))] * bool(name)


def action_section(record: ActionRecord, progress: ProofProgress | None = None) -> Section:
    """Return an action with its proof, what came in for it so far, its outcome by kinds, and the checks after it.

    Args:
        record: The action.
        progress: What came in since the action whose proof is awaited.
    """
    receipt = record.receipt
    counts = ", ".join(f"{count:,} {safe(name, 20)}" for name, count in receipt.counts.items()) or "nothing"
    done = Fact(f"{sentence(receipt.words or receipt.kind)}, at {clock(confirmed_at(record))}", "done")
    lines = [Fact(sentence(proof_words(record)), "proof", proof_severity(record)), *_came(record, progress), done]
    if receipt.outside:
        lines.append(Fact("outside of this program", "where", "quiet"))
    else:
        lines.append(Fact(f"{counts} of {plural(receipt.planned, 'key')} planned", "outcome"))
    for check in record.checks:
        if record.due is not None:
            break
        if check.change is None:
            lines.append(Fact("checking again …", safe(check.step, 30), "quiet"))
        else:
            lines.append(Fact(f"{check.change.verdict}: {sentence(check.change.words)}", safe(check.step, 30),
                              VERDICT_STYLES[check.change.verdict]))  # fmt: skip
    if not receipt.outside:
        lines.append(Fact(safe(receipt.audit) or "–", "audit", "quiet"))
    title = f"Done: {verdict_words(record)}"
    if record.checks and record.verdict not in (None, "fixed"):
        title += "   r checks again"
    return Section(title=title, lines=tuple(lines))


def _came(record: ActionRecord, progress: ProofProgress | None) -> list[Fact]:
    """Return the figures since an action whose proof is awaited, and how much of what it needs came."""
    if progress is None or record.due is None or progress.action_id != record.receipt.action_id:
        return []
    figures = [Fact(sentence(one.words), safe(one.label, 60)) for one in progress.figures]
    return [*figures, Fact(sentence(progress.came), "came so far")]


def found_at(state: IncidentState, advice: Advice) -> str:
    """Return the time of day at which a step found last what a recommendation is for; empty if none has."""
    ended = [
        step.ended.wall
        for step in state.steps
        if step.ended is not None and step.outcome is not None
        if any(one.rule in advice.rules for one in step.outcome.findings)
    ]
    if not ended:
        return ""
    return clock(max(ended))


def advice_section(advice: Advice, number: int, found: str = "", *, is_busy: bool = False) -> Section:
    """Return one recommendation: priority, reason, the exact command, and whether it can be done from here.

    Args:
        advice: The recommendation.
        number: Its place in the list.
        found: When what it is for was found last, as a time of day; empty where that is not known.
        is_busy: True while a remedy is carried out: then it is not said how another is typed.
    """
    state = clause(ADVICE_MARKS[advice.status], "   ")
    lines = [Fact(sentence(advice.action), "do")]
    if advice.kind and advice.status == "open":
        lines.append(Fact("a carries it out; a dialog first shows exactly what it changes", "here", "ok"))
    if advice.command:
        lines.append(Fact(safe(advice.command, 2_000), "command"))
        if advice.command.startswith(":") and advice.status == "open" and not is_busy:
            lines.append(Fact("type it here, then enter", "how", "quiet"))
    if advice.file:
        lines.append(Fact(safe(advice.file), "file"))
    reasons = advice.evidence or (advice.reason,)
    lines += [Fact(f"{sentence(reason)}{clause(found, ' (found at ', ')')}", "because") for reason in reasons if reason]
    if advice.said:
        lines.append(Fact(sentence(advice.said), "note", "quiet"))
    return Section(title=f"{number}  {severity_text(advice.priority)}{state}", lines=tuple(lines))


def lines_of(sections: Sequence[Section], width: int) -> Lines:
    """Return sections as lines of ``width`` cells, with an empty line below each."""
    lines: Lines = []
    for section in sections:
        lines += [*report_lines([section], width), []]
    return lines


def advice_lines(state: IncidentState, width: int, *, is_busy: bool = False) -> tuple[Lines, list[str]]:
    """Return all recommendations as lines of ``width`` cells, and for each line the id of its recommendation.

    ``is_busy``: as for ``advice_section``.
    """
    lines: Lines = []
    owners: list[str] = []
    for number, advice in enumerate(state.advice, 1):
        part = lines_of([advice_section(advice, number, found_at(state, advice), is_busy=is_busy)], width)
        lines += part
        owners += [advice.id] * len(part)
    return lines, owners
