"""The post-mortem of an incident as Markdown and as a page."""

import asyncio
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from optimus_tui import __version__
from optimus_tui.assets import asset_dir
from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.finding_rules import CACHE_CHURN, CACHE_LARGE, CACHE_NO_TTL, title_of_rule
from optimus_tui.contract.incident import ActionRecord, Figure, IncidentState, Outcome, Stamp, Step, issue_words
from optimus_tui.contract.keyspace import ALL_TENANTS
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.history.timeline import Timeline
from optimus_tui.incidents.charts import charts_of, moments_of
from optimus_tui.incidents.errors import IncidentError
from optimus_tui.incidents.service import IncidentService
from optimus_tui.storage.private_file import UnreadableFile, put_in_place
from optimus_tui.tools.pages.format_value import measured
from optimus_tui.wording.layout import CHART_HEIGHT, CHART_WIDTH, CHARTS, Samples
from optimus_tui.wording.numbers import (
    OWN_FORMAT,
    age,
    clause,
    clock,
    figure,
    latency,
    percent,
    plural,
    thousands,
)
from optimus_tui.wording.numbers import UNKNOWN as UNMEASURED
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.short_hash import short_names
from optimus_tui.workflow.closing import found_words, proof_told
from optimus_tui.workflow.engine import TENANT, measure_words
from optimus_tui.workflow.ranking import about, level, matters, rank, tenant_of, tenant_words
from optimus_tui.workflow.standing import (
    NOT_PROVED,
    STEP_WORDS,
    UNKNOWN,
    action_verdict,
    durations,
    elapsed,
    is_unproved,
    severity_words,
)

LONGEST = 4_000
_MARKUP = frozenset("\\`*_{}[]#!|~$^")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;&#8203;"}
_AT_THE_BEGINNING = frozenset("-+=.)")
"""Characters that are markup only at the beginning of a line: lists, rules, underlined headings."""
MOST_OPEN = 20
"""Open recommendations that are listed; further ones are counted."""
_RATIOS = {"error_rate": "Of these, failed with 5xx", "refused_rate": "Of these, refused with 429",
           "client_error_rate": "Of these, wrong (other 4xx)"}  # fmt: skip
_OF_TENANTS = ("limits.", CACHE_NO_TTL, CACHE_LARGE, CACHE_CHURN, "coherence.")
"""Prefixes of rules whose findings concern the keys of single tenants."""


class Plain(str):
    """Text that is Markdown already, and is not escaped again."""

    __slots__ = ()


def escaped(value: object) -> str:
    """Return ``value`` escaped, so that Markdown shows exactly its text."""
    if isinstance(value, Plain):
        return value
    text = safe_text(value, LONGEST)
    out = []
    for place, char in enumerate(text):
        if char in _ENTITIES:
            out.append(_ENTITIES[char])
        elif char in _MARKUP or (char in _AT_THE_BEGINNING and _begins(text, place)) or _links(text, place):
            out.append("\\" + char)
        else:
            out.append(char)
    return "".join(out)


def _begins(text: str, place: int) -> bool:
    """Return True if a list, a rule or an underline could begin here."""
    before = text[:place].strip()
    if text[place] in ".)":
        return before.isdigit() and text[place + 1 : place + 2] in ("", " ")
    return not before.strip("-+=")


def _links(text: str, place: int) -> bool:
    """Return True if a renderer would turn the text here into a link."""
    return text.startswith("://", place) or (text[place] == "." and text[max(0, place - 3) : place].lower() == "www")


def fenced(value: object) -> Plain:
    """Return the lines of a command as a block of code."""
    lines = [safe_text(line, LONGEST) for line in str(value).splitlines()[:200]]
    body = "\n".join(lines)
    fence = "```"
    while fence in body:
        fence += "`"
    return Plain(f"{fence}\n{body}\n{fence}")


def story(state: IncidentState, history: Mapping[str, Samples], now: Stamp, notices: tuple[str, ...]) -> dict[str, Any]:
    """Return everything that a template needs.

    Args:
        state: The incident.
        history: Captured samples by series.
        now: The time of writing.
        notices: Sentences about parts of the timeline or the history that cannot be read.
    """
    summary, moments = list(_summary(state)), moments_of(state)
    return {
        "state": state,
        "title": _title(state),
        "head": list(_head(state, now)),
        "summary": summary,
        "impact": list(_impact(state)),
        "timeline": [(clock(one.at.wall, dated=True), one.mark, one.text) for one in state.timeline],
        "steps": [_step(step) for step in state.steps],
        "charts": list(charts_of(state, history, moments)),
        "moments": [(one.letter, clock(one.at), one.words) for one in moments],
        "deeds": [_action_record(record) for record in state.action_records],
        "advice": [(one.priority, one.action, one.status, one.said, one.command or "") for one in state.advice],
        "open": list(_open(state)),
        "notices": notices,
        "written": clock(now.wall, dated=True),
    }


def _title(state: IncidentState) -> str:
    """Return the title; for an incident without one, the finding that it is about."""
    if state.title != f"Incident {state.id}":
        return state.title
    return found_words(state) or state.title


def _head(state: IncidentState, now: Stamp) -> Iterator[tuple[str, str]]:
    opened, end = state.opened, state.closed or now
    yield "Status", state.status
    yield "Severity", severity_words(state)
    yield "Environment", state.environment
    if state.began is not None:
        yield "Began", f"{clock(state.began, dated=True)} UTC"
    yield "Opened", clause(_at(opened), "", f" by {state.operator}") or UNKNOWN
    if state.repaired is not None:
        yield "Repaired", f"{_at(state.repaired)}, proved by a check"
    elif is_unproved(state):
        yield "Repaired", NOT_PROVED
    yield "Closed", _at(state.closed) or "still open"
    yield "Open for", age(elapsed(opened, end)) if opened else UNKNOWN
    yield from durations(state)
    yield "Playbook", state.playbook


def _at(stamp: Stamp | None) -> str:
    if stamp is None:
        return ""
    return f"{clock(stamp.wall, dated=True)} UTC"


def _summary(state: IncidentState) -> Iterator[tuple[str, str]]:
    if found := found_words(state):
        others = len(about(state)) - 1
        more = f" ({plural(others, 'more finding')} under Evidence)" if others > 0 else ""
        yield "What was found", f"{found}{more}"
    yield from _later_checks(state)
    if state.choice is not None:
        tenant = clause(tenant_words(state, state.choice.tenant or ""), " for ")
        examined = f"{issue_words(state.choice.issue)}{tenant}: {state.choice.reason}"
        yield "Issue that was examined", short_names(examined)
    yield "Cause", state.cause or "not known yet"
    yield "Resolution", state.resolution or "not resolved yet"


def _later_checks(state: IncidentState) -> Iterator[tuple[str, str]]:
    """Yield what the steps that were run again say now, and the last check after an action."""
    for step in state.steps:
        if step.change is not None and step.outcome is not None and step.ended is not None:
            said = clause(step.outcome.verdict, "", ": ") + step.outcome.headline
            still_well = step.change.verdict == "same" and not step.change.held
            verdict = "" if still_well else f", {step.change.verdict}"
            yield f"Later check, {step.plan.title}", f"{clock(step.ended.wall)} UTC{verdict}. {said}"
    for record in state.action_records[-1:]:
        yield "Check after the last action", action_verdict(record)


def _of(step: Step) -> Outcome:
    return step.outcome or Outcome(verdict="", severity="none", headline="")


def _impact(state: IncidentState) -> Iterator[tuple[str, str]]:
    whole = _tenants(state)
    yield "Tenants", short_names(whole)
    if short_names(whole) != whole:
        yield "Tenants in full", whole
    yield "Time", _time_words(state)
    measured = {one.name: one.outcome for one in state.impact}
    for name, outcome in measured.items():
        if name.startswith(TENANT):
            yield f"Tenant {short_names(name.removeprefix(TENANT))}", outcome.headline
    traffic = _figures(measured.get("error_rate"))
    yield "All requests to the gateway", thousands(round(traffic["requests"])) if "requests" in traffic else UNKNOWN
    for name, words in _RATIOS.items():
        yield words, _share_words(traffic, name)
    timed = _figures(measured.get("latency") or _performance(state))
    for service in ("gateway", "engine", "redis"):
        parts = [(part, timed[f"{service}.{part}"]) for part in ("p50", "p95", "p99") if f"{service}.{part}" in timed]
        if parts:
            shown = ", ".join(f"{part} {latency(value)}" for part, value in parts)
            yield f"Latency of {service}", shown
    if not any(name.endswith(".p95") for name in timed):
        yield "Latency", UNKNOWN
    for one in state.impact:
        if one.outcome.verdict in ("unknown", "not available") and not one.name.startswith(TENANT):
            yield f"Why {measure_words(one.name)} is unknown", one.outcome.headline


def _time_words(state: IncidentState) -> str:
    """Return since when and until when the fault is known to have held."""
    since = f"since {clock(state.began, dated=True)} UTC" if state.began is not None else "since when is unknown"
    if state.repaired is not None:
        return f"{since}, until {_at(state.repaired)}, when a check proved that it was gone"
    return f"{since}, until when is unknown: no check has proved that it is gone"


def _share_words(traffic: Mapping[str, float], name: str) -> str:
    """Return a share of the requests with their number, or that it is unknown."""
    if name not in traffic:
        return UNKNOWN
    if "requests" not in traffic:
        return percent(traffic[name])
    return f"{percent(traffic[name])}, {plural(round(traffic[name] * traffic['requests']), 'request')}"


def _tenants(state: IncidentState) -> str:
    """Return the tenants that it is about and, apart from them, those that other findings name."""
    found = [one for one in about(state) if matters(one)]
    if not found:
        return ", ".join(state.tenants) or "none was named by a finding"
    mine = []
    if tenant_of(found[0]) is not None:
        mine = [name for one in found if (name := tenant_of(one)) is not None]
    others = [one for one in state.tenants if one not in mine]
    beside = clause(", ".join(others), " (also named by other findings: ", ")")
    return f"{', '.join(dict.fromkeys(mine)) or _reach(found[0])}{beside}"


def _reach(main: Diagnostic) -> str:
    """Return whom a finding concerns that names no tenant for certain."""
    if main.rule.startswith(_OF_TENANTS) and main.subject != ALL_TENANTS:
        return f"not certain: the finding is about {main.subject or 'something without a name'}"
    return "not limited to one tenant"


def _performance(state: IncidentState) -> Outcome | None:
    return next((step.outcome for step in state.steps if step.plan.tool == "analyze_performance_metrics"), None)


def _figures(outcome: Outcome | None) -> dict[str, float]:
    if outcome is None:
        return {}
    return {one.name: one.value for one in outcome.figures if one.value is not None and math.isfinite(one.value)}


def _step(step: Step) -> dict[str, Any]:
    outcome = _of(step)
    return {
        "title": step.plan.title,
        "status": STEP_WORDS[step.status],
        "said": step.said,
        "tool": step.plan.tool,
        "arguments": ", ".join(f"{name} {_argument(value)}" for name, value in step.arguments.items()),
        "verdict": outcome.verdict,
        "headline": outcome.headline,
        "findings": _findings(outcome),
        "was": _findings(step.worst) if step.worst and rank(step.worst.severity) > rank(outcome.severity) else [],
        "more": plural(outcome.more, "more finding is", "more findings are") if outcome.more else "",
        "figures": [(one.label, *_shown(one)) for one in outcome.figures],
        "unknown": outcome.unknown,
        "change": f"{step.change.verdict}: {step.change.words}" if step.change else "",
        "evidence": f"{step.evidence.name} (sha256 {step.evidence.sha256[:16]}…)" if step.evidence else "",
    }


def _findings(outcome: Outcome) -> list[tuple[str, str, str, str, str]]:
    return [
        (
            level(one),
            one.message,
            title_of_rule(one.rule),
            one.measured_words or _judged(one.measured, one.unit),
            _judged(one.threshold, one.unit),
        )
        for one in outcome.findings
    ]


def _shown(one: Figure) -> tuple[str, str]:
    """Return number and unit apart; a share and an estimate have no unit of their own."""
    if one.words or one.unit in OWN_FORMAT:
        return (one.words or figure(one.value, one.unit), "")
    return figure(one.value), one.unit


def _argument(value: object) -> str:
    """Return the value as JSON, a text without its quotes."""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _judged(value: float | str | None, unit: str) -> str:
    """Return what a finding measured, or its threshold, with its unit."""
    if value is None:
        return UNMEASURED
    return measured(value, unit)


def _action_record(record: ActionRecord) -> dict[str, Any]:
    receipt = record.receipt
    counts = ", ".join(f"{word} {number:,}" for word, number in receipt.counts.items()) or "nothing done"
    if receipt.outside:
        counts = "done outside of the product"
    return {
        "at": clock(
            receipt.ended or record.at.wall, dated=True
        ),  # The dialog may stay open for minutes after the action.
        "what": receipt.words or f"{receipt.kind} for {receipt.tenant}",
        "planned": plural(receipt.planned, "key"),
        "counts": counts,
        "proof": proof_told(record),
        "reason": receipt.reason,
        "audit": receipt.audit,
        "id": receipt.action_id,
        "verdict": action_verdict(record),
        "checks": [f"{one.step}: {one.change.verdict}, {one.change.words}" for one in record.checks if one.change],
    }


def _open(state: IncidentState) -> Iterator[str]:
    """Yield what is not settled."""
    for step in state.steps:
        if step.status in ("waiting", "running", "failed") and step.plan.kind != "apply":
            unneeded = "the repair is proved without it" if step.status == "waiting" and state.repaired else ""
            yield f"{step.plan.title} was not done{clause(step.said or unneeded, ': ')}"
        elif step.status == "skipped":
            yield f"{step.plan.title} was skipped: {step.said}"
    waiting = [one for one in state.advice if one.status == "open"]
    yield from (f"{one.priority}: {one.action}" for one in waiting[:MOST_OPEN])
    if len(waiting) > MOST_OPEN:
        yield f"{plural(len(waiting) - MOST_OPEN, 'more recommendation is', 'more recommendations are')} open"
    for record in state.action_records:
        if record.verdict not in ("fixed", "better"):
            yield f"{record.receipt.words or record.receipt.kind}: {action_verdict(record)}"
    for step in state.steps:
        for gap in _of(step).unknown[:5]:
            yield f"not measured ({step.plan.title}): {gap}"


Form = Literal["md", "html"]


def render(state: IncidentState, timeline: Timeline, now: Stamp, form: Form) -> str:
    """Return the whole text of the post-mortem."""
    history, gaps = samples(state, timeline)
    content = story(state, history, now, (*timeline.notices, *gaps))
    template = _environment(form).get_template(f"postmortem.{form}.j2")
    text: str = template.render(**content, width=CHART_WIDTH, height=CHART_HEIGHT, version=__version__)
    return text


async def export(incident_service: IncidentService, form: Form = "md") -> Path:
    """Write the post-mortem beside the timeline, record the export, and return its path.

    Raises:
        IncidentError: It cannot be written.
    """
    text = await asyncio.to_thread(
        render, incident_service.state, incident_service.timeline, incident_service.clocks.now(), form
    )
    path = incident_service.timeline.folder / f"postmortem.{form}"
    try:
        await asyncio.to_thread(put_in_place, path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise IncidentError(f"{path} cannot be written: {error.strerror}", 4) from None
    if not incident_service.read_only:
        await incident_service.tell(lambda at: happened.Exported(at=at, place=path.name))
    return path


def samples(state: IncidentState, timeline: Timeline) -> tuple[dict[str, list[tuple[float, float]]], tuple[str, ...]]:
    """Return the captured history by series, oldest first, and sentences about parts that can no longer be read."""
    import msgspec

    found: dict[str, dict[float, float]] = {}
    gaps = []
    for one in state.captures:
        try:
            document = msgspec.json.decode(timeline.read(one.evidence), type=dict[str, Any])
            series = msgspec.convert(document.get("series"), dict[str, list[tuple[float, float]]])
        except UnreadableFile as error:
            gaps.append(str(error))
            continue
        except msgspec.MsgspecError:
            gaps.append(f"{one.evidence.name} holds no samples")
            continue
        for name in CHARTS:
            found.setdefault(name, {}).update(series.get(name, ()))
    return {name: sorted(points.items()) for name, points in found.items()}, tuple(gaps)


def _environment(form: Form) -> Any:
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(
        loader=FileSystemLoader(asset_dir("templates") / "reports"),
        autoescape=form == "html",
        finalize=_text_of if form == "html" else escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["fenced"] = fenced
    environment.filters["lines"] = lambda text: [safe_text(line, LONGEST) for line in str(text).splitlines()[:200]]
    return environment


def _text_of(value: object) -> object:
    """Remove control characters; the environment escapes the result."""
    if type(value) is not str:
        return value
    return safe_text(value, LONGEST)
