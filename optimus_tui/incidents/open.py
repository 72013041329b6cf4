"""Open, resume and list incidents; store the history before each one, and its impact at the end."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from optimus_tui.assets import asset_dir
from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.actions import Receipt
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import ISSUES, IncidentState, KeptReceipt, OpenFinding, Outcome, Stamp, StepPlan
from optimus_tui.history import timeline as files
from optimus_tui.history.samples.store import system_of
from optimus_tui.history.timeline import Timeline, new_timeline, open_timeline, read_plain
from optimus_tui.incidents.clocks import Clocks
from optimus_tui.incidents.errors import IncidentError, plain
from optimus_tui.incidents.impact import tenant_impact
from optimus_tui.incidents.service import IncidentService
from optimus_tui.storage.private_file import UnreadableFile, in_the_way, reason, user_name, writer
from optimus_tui.wording.numbers import clause
from optimus_tui.wording.safe import safe_text
from optimus_tui.workflow.engine import replay
from optimus_tui.workflow.outcomes import outline
from optimus_tui.workflow.recommendations import Playbook, PlaybookError, parse, resolve

if TYPE_CHECKING:
    from optimus_tui.context import Context


DEFAULT = "default"
MAX_BYTES = 200_000
MOST_FILES = 100
NEWEST = 200
MOST_FINDINGS = 200
"""Findings on the screen that are kept with their times."""
SERIES = ("latency.", "hit_rate.", "cache.", "coherence.", "limits.", "redis.", "events.", "state.", "gateway.")
SECONDS = 2.0
MOST_SERIES, MOST_SAMPLES = 60, 4_000
IMPACT = ("error_rate", "latency")
MOST_MINUTES = 10_080
SETS_TTL = ("repair_counter", "expire_no_ttl")
_DONE = {
    "repair_counter": "counters given a TTL",
    "reset_counters": "counters reset",
    "unlink_no_ttl": "cache keys without TTL unlinked",
    "expire_no_ttl": "cache keys given a TTL",
    "invalidate_tenant": "cache invalidated",
    "unlink_prefix": "cache keys unlinked by prefix",
}


def user_playbooks() -> Path:
    """Return the folder for a team's own playbooks."""
    from optimus_tui.settings.files import user_config_file

    return user_config_file().parent / "playbooks"


def playbook(name: str = DEFAULT, folder: Path | None = None) -> Playbook:
    """Return one playbook, resolved and checked.

    Raises:
        PlaybookError: There is none of this name, or it has a mistake.
    """
    found, problems = playbooks(folder)
    if name not in found and problems:
        raise PlaybookError(problems[0])
    whole = resolve(name, found)
    for plan in whole.steps:
        _check(plan, whole.where)
    return whole


def playbooks(folder: Path | None = None) -> tuple[dict[str, Playbook], tuple[str, ...]]:
    """Return all playbooks by name, and what is wrong with files that cannot be used.

    A team's playbook replaces the built-in one of that name.
    """
    found: dict[str, Playbook] = {}
    problems: list[str] = []
    for place in (asset_dir("templates") / "playbooks", folder or user_playbooks()):
        for path in sorted(place.glob("*.toml"))[:MOST_FILES]:
            try:
                one = _read(path)
            except PlaybookError as error:
                problems.append(str(error))
                continue
            if one.name == one.extends:
                problems.append(f"{one.where}: extends names the playbook itself; give it a name of its own")
                continue
            found[one.name] = one
    return found, tuple(problems)


def _read(path: Path) -> Playbook:
    where = safe_text(str(path), 200)
    try:
        raw, _ = read_plain(path.resolve(), MAX_BYTES)  # Many users keep their configuration behind links.
        return parse(raw.decode("utf-8-sig"), where)
    except UnreadableFile as error:
        raise PlaybookError(str(error)) from None
    except UnicodeDecodeError as error:
        raise PlaybookError(f"{where} is not UTF-8 text (byte {error.start})") from None


def _check(plan: StepPlan, where: str) -> None:
    """Check the step's tool and its arguments against the tool's own schema."""
    from optimus_tui.tools.answer import ToolFailure
    from optimus_tui.tools.answer import parse as check
    from optimus_tui.tools.registry import TOOLS

    if plan.kind != "tool":
        return
    if plan.tool not in TOOLS:
        raise PlaybookError(f"{where}: step {plan.id}: tool must be one of {', '.join(TOOLS)}")
    arguments = dict(plan.arguments)
    if plan.choose_issue:
        arguments.setdefault("issue_type", ISSUES[-1])
    try:
        check(TOOLS[plan.tool].query, arguments)
    except ToolFailure as failure:
        raise PlaybookError(f"{where}: step {plan.id}: arguments: {failure.error.message}") from None


class Listed(Struct, frozen=True, kw_only=True):
    """An incident in a list.

    Attributes:
        number: Its number.
        state: What its timeline says.
        held: Who has it open now; empty for nobody.
        problem: Why it cannot be read, or only in part.
    """

    number: int
    state: IncidentState
    held: str = ""
    problem: str = ""


async def open_incident(
    ctx: "Context",
    title: str = "",
    *,
    name: str = DEFAULT,
    began: float | None = None,
    tenant: str | None = None,
    alarms: Sequence[Finding] = (),
    root: Path | None = None,
) -> IncidentService:
    """Open and record a new incident. The caller captures the history (``capture``).

    Args:
        ctx: The settings, clients and clock.
        title: Its title; empty for ``Incident N``.
        name: The playbook.
        began: When the fault began (wall-clock seconds), if the operator said so; None to take the beginning from
            the main finding of the first step.
        tenant: The tenant concerned; None for no particular one.
        alarms: The findings on the screen.
        root: The incidents' directory; None for the user's own.

    Raises:
        IncidentError: The playbook is wrong, or nothing can be written.
    """
    try:
        chosen = await asyncio.to_thread(playbook, name)
    except PlaybookError as error:
        raise IncidentError(str(error)) from None
    clocks = Clocks(ctx)
    await clocks.hear()
    number, timeline = await _new_timeline(root or files.incidents_dir())
    incident_service = IncidentService(ctx, timeline, clocks)
    settings = ctx.settings
    await incident_service.tell(
        lambda at: happened.Opened(
            at=at,
            id=str(number),
            title=plain(title, 200) or f"Incident {number}",
            environment=settings.environment,
            system=system_of(settings),
            operator=user_name(),
            playbook=chosen.name,
            steps=chosen.steps,
            team=chosen.team,
            slow_ms=settings.thresholds.latency_good_ms,
            writable_layout=settings.layout_is_writable,
            began=began,
            tenant=plain(tenant, 4_096) if tenant else None,
            alarms=tuple(plain(one.message, 400) for one in alarms[:20]),
            open_findings=tuple(map(_open_finding, alarms[:MOST_FINDINGS])),
        )
    )
    return incident_service


async def _new_timeline(root: Path) -> tuple[int, Timeline]:
    """Return the number and the timeline of a new incident; IncidentError if it cannot be created."""
    try:
        return await asyncio.to_thread(new_timeline, root, writer())
    except OSError as error:
        raise IncidentError(f"no incident can be opened: {reason(error, root)}", 4) from None


def _open_finding(finding: Finding) -> OpenFinding:
    return OpenFinding(
        rule=finding.rule,
        subject=finding.subject,
        since=finding.since,
        severity=finding.severity,
        message=plain(finding.message, 400),
        caused_by=finding.caused_by,
    )


async def resume_incident(
    ctx: "Context", number: int, *, write: bool = True, announce: bool = True, root: Path | None = None
) -> IncidentService:
    """Open an incident as it was left. It is read-only if another process has it open.

    A step that a dead process left running is always freed.

    Args:
        ctx: The settings, clients and clock.
        number: The incident.
        write: False to open it read-only.
        announce: Whether the timeline says who resumed it.
        root: The incidents' directory; None for the user's own.

    Raises:
        IncidentError: There is no such incident, or it cannot be read.
    """
    root = root or files.incidents_dir()
    if blocked := in_the_way(root):
        raise IncidentError(blocked, 4)
    folder = files.folder_of(root, number)
    if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
        raise IncidentError(f"incident {number} cannot be read: {safe_text(str(folder), 300)} is not a directory", 4)
    if not folder.is_dir():
        raise IncidentError(f"there is no incident {number}; optimus-tui incident list shows all")
    try:
        timeline = await asyncio.to_thread(open_timeline, folder, writer(), write=write)
    except UnreadableFile as error:
        raise IncidentError(str(error), 4) from None
    incident_service = IncidentService(ctx, timeline)
    if incident_service.state.status == "none":
        await incident_service.aclose()
        raise IncidentError(f"incident {number} holds no record: its process ended before the first one", 4)
    left = incident_service.state.running is not None or any(
        record.verdict is None for record in incident_service.state.action_records
    )
    if not incident_service.read_only and (left or announce):
        said = "; ".join(timeline.notices)
        await incident_service.tell(lambda at: happened.Resumed(at=at, operator=user_name(), said=said))
    return incident_service


def listed(root: Path | None = None) -> list[Listed]:
    """Return the newest 200 incidents, newest first. Reads files: do not call it on an event loop.

    Raises:
        IncidentError: The directory cannot be read.
    """
    place = root or files.incidents_dir()
    try:
        return [_look(place, number) for number in reversed(files.numbers(place)[-NEWEST:])]
    except UnreadableFile as error:
        raise IncidentError(str(error), 4) from None


def unfinished(environment: str, root: Path | None = None) -> list[Listed]:
    """Return the open incidents of this environment that no process has open. Reads files."""
    return [
        one
        for one in listed(root)
        if one.state.status == "open" and one.state.environment == environment and not one.held
    ]


def _look(root: Path, number: int) -> Listed:
    folder = files.folder_of(root, number)
    if not folder.is_dir():
        return Listed(number=number, state=IncidentState(id=str(number)), problem="it is not a directory")
    held = files.is_held(folder)
    try:
        timeline = open_timeline(folder, "", write=False)
    except UnreadableFile as error:
        return Listed(number=number, state=IncidentState(id=str(number)), held=held, problem=safe_text(error))
    state = replay(timeline.events)
    problem = "; ".join(timeline.notices)
    if state.status == "none":
        state, problem = IncidentState(id=str(number)), problem or "it holds no record"
    return Listed(number=number, state=state, held=held, problem=problem)


async def capture(incident_service: IncidentService, minutes: float = 10.0) -> int:
    """Keep the last ``minutes`` of the history as evidence.

    Returns:
        The number of series with samples; 0 if nothing is recorded.
    """
    until = incident_service.ctx.clock.wall()
    since = until - 60 * max(0.0, minutes)
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(SECONDS):
            store = incident_service.ctx.store
            names = [name for name in await store.names() if "|" not in name and name.startswith(SERIES)]
            many = await store.many(names[:MOST_SERIES], since, until)
            found = {name: samples[-MOST_SAMPLES:] for name, samples in many.items() if samples}
    except TimeoutError:
        pass
    if found:
        since = min(samples[0][0] for samples in found.values())
        kept = incident_service.document("history", {"since": since, "until": until, "series": found})
        await incident_service.tell(
            lambda at: happened.Captured(at=at, evidence=kept[0], since=since, until=until, series=len(found)), kept
        )
    return len(found)


async def measure(incident_service: IncidentService) -> None:
    """Measure the impact from the beginning until now, and keep the history of that time.

    The impact is the gateway's error ratio and latency, and what the tenants concerned lost.
    """
    incident_service.check_system()
    minutes = span_minutes(incident_service)
    await asyncio.gather(*(_measure(incident_service, name, minutes) for name in IMPACT))
    for name, found in await tenant_impact(incident_service.ctx, incident_service.state, minutes):
        await incident_service.tell(partial(_measured, name, found))
    await capture(incident_service, minutes + 10)


async def close_measured(incident_service: IncidentService, cause: str, resolution: str) -> None:
    """Close an incident, then measure its impact: the operator's words are stored before anything that takes long.

    Raises:
        IncidentError: It is of another system, or it cannot be closed or written to.
    """
    incident_service.check_system()
    await incident_service.close_incident(cause, resolution)
    await measure(incident_service)


def span_minutes(incident_service: IncidentService) -> int:
    """Return the whole minutes from the beginning of the fault (else the opening) until now, at least 1."""
    state, now = incident_service.state, incident_service.ctx.clock.wall()
    start = state.began
    if start is None:
        start = state.opened.wall if state.opened else now
    return max(1, min(MOST_MINUTES, round((now - start) / 60 + 0.5)))


def _measured(name: str, outcome: Outcome, at: Stamp) -> happened.ImpactMeasured:
    return happened.ImpactMeasured(at=at, name=name, outcome=outcome)


async def _measure(incident_service: IncidentService, name: str, minutes: int) -> None:
    from optimus_tui.tools.answer import ToolFailure, answer

    arguments = {"metric_type": name, "time_window_minutes": minutes}
    try:
        report = await answer(incident_service.ctx, "analyze_performance_metrics", arguments)
    except ToolFailure as failure:
        gap = Outcome(verdict="unknown", severity="none", headline=failure.error.message)
        await incident_service.tell(lambda at: happened.ImpactMeasured(at=at, name=name, outcome=gap))
        return
    document = msgspec.json.decode(msgspec.json.encode(report))
    kept, found = incident_service.document(f"impact-{name}", document), outline(document)
    await incident_service.tell(
        lambda at: happened.ImpactMeasured(at=at, name=name, outcome=found, evidence=kept[0]), kept
    )


def kept(receipt: Receipt, audit: str = "") -> KeptReceipt:
    """Return the receipt for the incident. ``audit`` names the audit file and the line that prove it."""
    tenant = safe_text(receipt.request.tenant, 120)
    ending = clause(receipt.stopped, "; stopped: ")
    if receipt.cancelled and not receipt.stopped:
        ending = "; cancelled"
    if not receipt.verified:
        ending += "; not verified"
    ended, ttl = receipt.started_at + receipt.seconds, receipt.request.window_seconds
    if receipt.request.kind not in SETS_TTL:
        ttl = None
    return KeptReceipt(
        action_id=receipt.id,
        kind=receipt.request.kind,
        tenant=tenant,
        counts=dict(receipt.counts),
        planned=len(receipt.outcomes),
        reason=safe_text(receipt.reason, 400),
        audit=audit,
        words=f"{_DONE.get(receipt.request.kind, receipt.request.kind)} for {tenant}{ending}",
        started=receipt.started_at,
        ended=ended,
        until=None if ttl is None else ended + ttl,
    )
