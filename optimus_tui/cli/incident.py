"""``incident``: open, list, show and write up an incident without a screen, and its lines for a terminal.

Exit codes: 0; 1 if a step found something; 2 for a mistake in the call; 3 for a tool without a result; 4 refused
(closed, read-only, open elsewhere, or a record that could not be written). ``incidents`` has the logic.
"""

import re
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import click

from optimus_tui.cli import exits
from optimus_tui.cli.flags import LazyGroup, Verb, connection_flags, merge_flags, settings_of
from optimus_tui.cli.output import document, print_error, print_line

if TYPE_CHECKING:
    from optimus_tui.contract.incident import IncidentState, Stamp, Step
    from optimus_tui.incidents.open import Listed
    from optimus_tui.incidents.service import IncidentService
    from optimus_tui.settings.model import Settings


Work = Callable[["IncidentService"], Awaitable[int]]
_HERE = "optimus_tui.cli.incident"
_STEPS = "optimus_tui.cli.incident_steps"
NUMBER = click.argument("number", metavar="ID", type=click.IntRange(1, 999_999_999))
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def on_incident(
    ctx: click.Context,
    given: dict[str, object],
    number: int,
    work: Work,
    *,
    write: bool = True,
    announce: bool = False,
    must_write: bool = True,
) -> int:
    """Work on incident ``number`` and return the exit code. ``must_write``: fail if the incident is read-only.

    ``announce``: record in the timeline that it was resumed.
    """
    from optimus_tui.cli.run_async import connected_to, to_end

    settings = _settings(merge_flags(ctx, given), needed=must_write)

    async def tool_call() -> int:
        from optimus_tui.incidents.errors import IncidentError
        from optimus_tui.incidents.open import resume_incident

        async with connected_to(settings) as context:
            try:
                incident_service = await resume_incident(context, number, write=write, announce=announce)
            except IncidentError as error:
                print_error(error)
                return error.exit_code
            code = exits.REFUSED
            try:
                if write:
                    _warn(incident_service)
                if not (write and incident_service.read_only and must_write and not announce):
                    code = await work(incident_service)
            except IncidentError as error:
                print_error(error)
                code = error.exit_code
            finally:
                await incident_service.aclose()
            return unsaved(incident_service, code)

    return to_end(tool_call())


def _settings(flags: dict[str, object], *, needed: bool) -> "Settings":
    """Return the settings. If they are not ``needed``, faults in them do not keep incidents from being read."""
    from optimus_tui.settings.model import Settings
    from optimus_tui.settings.table import SettingsError

    try:
        return settings_of(flags)
    except SettingsError as error:
        if needed:
            raise
        print_error(f"{error}; what could be read is shown")
        return Settings()


def unsaved(incident_service: "IncidentService", code: int) -> int:
    """Warn about records that could not be written, and return the exit code."""
    if incident_service.fault is None:
        return code
    print_error(f"not recorded, and lost now: {incident_service.fault.message}")
    return exits.REFUSED


def _warn(incident_service: "IncidentService") -> None:
    for notice in incident_service.timeline.notices:
        print_error(notice)
    if incident_service.read_only:
        print_error(f"incident {incident_service.state.id} is read-only: {incident_service.read_only}")


class IncidentVerbs(LazyGroup):
    """The verbs of incidents."""

    verbs: ClassVar[dict[str, Verb]] = {
        "open": Verb(f"{_HERE}:begin", "Open an incident; prints its id and the next command."),
        "list": Verb(f"{_HERE}:everything", "List incidents, the newest first."),
        "show": Verb(f"{_HERE}:show", "Show an incident's steps, recommendations and timeline."),
        "run": Verb(f"{_STEPS}:run", "Run the next step, or repeat one, and record the result."),
        "resume": Verb(f"{_STEPS}:resume", "Continue an incident after its process ended."),
        "note": Verb(f"{_STEPS}:note", "Add a note."),
        "close": Verb(f"{_STEPS}:close", "Close it with cause and resolution."),
        "export": Verb(f"{_STEPS}:export", "Write the post-mortem: Markdown, or one HTML page."),
    }


@click.group("incident", cls=IncidentVerbs, invoke_without_command=True)
@click.pass_context
def group(ctx: click.Context, /) -> int:
    """Incidents are kept under the state directory, one directory each; without a command they are listed."""
    if ctx.invoked_subcommand:
        return exits.HEALTHY
    return _list(as_json=False)


@click.command("open")
@click.option("--title", default="", metavar="TEXT", help="What it is about.")
@click.option("--playbook", "name", default="default", show_default=True, metavar="NAME", help="The steps to follow.")
@click.option("--tenant", metavar="NAME", help="The tenant concerned; the tools run for it.")
@click.option("--began", metavar="AGO|TIME", help="When the fault began: 26m, 2h, or 2026-11-23T10:05:00Z.")
@connection_flags
@click.pass_context
def begin(ctx: click.Context, /, title: str, name: str, tenant: str | None, began: str | None, **given: object) -> int:
    """Open an incident and store the ten minutes of history before it. Its steps are not run yet."""
    from optimus_tui.cli.run_async import connected_to, to_end

    settings = settings_of(merge_flags(ctx, given))

    async def tool_call() -> int:
        from optimus_tui.incidents.errors import IncidentError
        from optimus_tui.incidents.open import capture, open_incident

        async with connected_to(settings) as context:
            since = None
            if began:
                since = moment(began, context.clock.wall())
            try:
                incident_service = await open_incident(context, title, name=name, began=since, tenant=tenant)
            except IncidentError as error:
                print_error(error)
                return error.exit_code
            try:
                await capture(incident_service)
            finally:
                await incident_service.aclose()
            print_line(f"incident {incident_service.state.id}")
            print_line(f"next: {what_next(incident_service.state)}")
            return unsaved(incident_service, exits.HEALTHY)

    return to_end(tool_call())


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="One document.")
def everything(as_json: bool) -> int:
    """All incidents, the newest first."""
    return _list(as_json)


def _list(as_json: bool) -> int:
    from optimus_tui.incidents.errors import IncidentError
    from optimus_tui.incidents.open import listed

    try:
        found = listed()
    except IncidentError as error:
        print_error(error)
        return error.exit_code
    if as_json:
        import msgspec

        document(msgspec.json.encode({"incidents": [summary(one) for one in found]}))
        return exits.HEALTHY
    for one in found:
        print_line(row(one))
    if not found:
        print_line("no incidents; optimus-tui incident open begins one")
    return exits.HEALTHY


@click.command("show")
@NUMBER
@click.option("--json", "as_json", is_flag=True, help="The whole state as one document.")
@connection_flags
@click.pass_context
def show(ctx: click.Context, /, number: int, as_json: bool, **given: object) -> int:
    """Show the steps, recommendations, actions and timeline of an incident."""

    async def look(incident_service: "IncidentService") -> int:
        import msgspec

        if as_json:
            document(
                msgspec.json.encode({"incident": incident_service.state, "notices": incident_service.timeline.notices})
            )
        else:
            for line in lines(incident_service.state, incident_service.clocks.now()):
                print_line(line)
        return exits.HEALTHY

    return on_incident(ctx, given, number, look, write=False, must_write=False)


def moment(text: str, now: float) -> float:
    """Return wall-clock seconds for ``26m`` (ago) or an instant in UTC."""
    from optimus_tui.wording.numbers import seconds_of

    ago = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    if ago:
        at: float | None = now - int(ago[1]) * _UNITS[ago[2]]
    else:
        at = seconds_of(text.strip())
    if at is None or at > now or at < 0:
        raise click.UsageError("--began is how long ago (26m, 2h) or an instant in the past (2026-11-23T10:05:00Z)")
    return at


def what_next(state: "IncidentState") -> str:
    """Return the command that continues the incident."""
    base, step = "optimus-tui incident", state.next
    if state.status == "closed":
        return f"{base} export {state.id} --html"
    if step is None:
        return f"{base} close {state.id} --cause TEXT --resolution TEXT"
    if step.plan.kind != "tool":
        return f"{base} run {state.id} --done TEXT    ({step.plan.title})"
    if step.plan.choose_issue and state.choice is None:
        best = "TYPE"
        if state.candidates:
            best = state.candidates[0].issue
        return f"{base} run {state.id} --issue {best}    ({step.plan.title})"
    return f"{base} run {state.id}    ({step.plan.title})"


def row(one: "Listed") -> str:
    """Return the incident's line of the list."""
    from optimus_tui.wording.numbers import clock
    from optimus_tui.workflow.standing import standing

    state = one.state
    if state.opened is None:
        return f"{one.number:>4}  unreadable  {one.problem}"
    held = ""
    if one.held:
        held = f" · open in {one.held}"
    cut = ""
    if one.problem:
        cut = f" · {one.problem}"
    left = ""
    if not (state.status == "closed" or one.held):
        left = f" · optimus-tui incident resume {one.number}"
    when = clock(state.opened.wall, dated=True)
    return (
        f"{one.number:>4}  {state.status:<6}  {standing(state):<8}  {when}  {state.environment}  {state.title}"
        f"{held}{cut}{left}"
    )


def summary(one: "Listed") -> dict[str, Any]:
    """Return the incident's entry of the list for programs."""
    from optimus_tui.workflow.standing import mtta, mttr, standing

    state = one.state
    return {
        "id": one.number, "title": state.title, "environment": state.environment, "status": state.status,
        "severity": standing(state), "worst_severity": state.severity,
        "opened": state.opened.wall if state.opened else None,
        "closed": state.closed.wall if state.closed else None, "mtta_seconds": mtta(state),
        "mttr_seconds": mttr(state), "held_by": one.held or None, "problem": one.problem or None,
    }  # fmt: skip


def lines(state: "IncidentState", now: "Stamp") -> Iterator[str]:
    """Yield the whole incident."""
    from optimus_tui.wording.numbers import age, clock
    from optimus_tui.workflow.standing import (
        NEXT_MARK,
        STEP_MARKS,
        action_verdict,
        elapsed,
        severity_words,
        step_result,
    )

    opened = state.opened
    since = ""
    lasts = ""
    if opened:
        since = f" · opened {clock(opened.wall, dated=True)} UTC"
        lasts = f" · {age(elapsed(opened, state.closed or now))}"
    yield f"incident {state.id} · {state.environment} · {state.status} · {severity_words(state)}{since}{lasts}"
    yield state.title
    yield ""
    for number, step in enumerate(state.steps, 1):
        mark = STEP_MARKS[step.status]
        if step is state.next and state.status == "open" and state.running is None:
            mark = NEXT_MARK
        yield f"{mark} {number} {step.plan.title:<24} {step_result(step)}".rstrip()
    if state.advice:
        yield ""
        yield "Recommendations"
        for advice in state.advice:
            yield f"  {advice.id}  {advice.priority:<8}  {advice.status:<9}  {advice.action}"
    for record in state.action_records:
        yield f"  action {record.receipt.action_id}: {record.receipt.words} → {action_verdict(record, now.wall)}"
    yield ""
    yield "Timeline (UTC)"
    for entry in state.timeline:
        yield f"  {clock(entry.at.wall, dated=True)}  {entry.mark:<8} {entry.text}"
    yield from spans(state)


def spans(state: "IncidentState") -> Iterator[str]:
    """Yield the time to acknowledge and the time to repair of a closed incident."""
    from optimus_tui.workflow.standing import durations

    if state.status != "closed":
        return
    for label, words in durations(state):
        yield f"{label} {words}"


def ranking(state: "IncidentState") -> Iterator[str]:
    """Yield the issue types to look at, the likeliest first."""
    for number, one in enumerate(state.candidates, 1):
        tenant = ""
        if one.tenant:
            tenant = f" --tenant {one.tenant}"
        yield f"{number}. {one.issue}{tenant}: {one.reason}"


def step_lines(step: "Step", state: "IncidentState") -> Iterator[str]:
    """Yield the result of a step."""
    from optimus_tui.contract.finding_rules import title_of_rule
    from optimus_tui.workflow.ranking import level
    from optimus_tui.workflow.standing import step_verdict

    answer = ""
    if step.said:
        answer = f": {step.said}"
    yield f"{step.plan.title}: {step_verdict(step)}{answer}"
    if step.change is not None:
        yield f"  again: {step.change.verdict}, {step.change.words}"
    if step.outcome:
        for finding in step.outcome.findings:
            yield f"  {level(finding):<8}  {finding.message}  [{title_of_rule(finding.rule)}]"
    if step.plan.command:
        yield f"  {step.plan.command}"
    if step.plan.kind != "apply":
        return
    for advice in state.advice:
        can = ""
        if advice.kind:
            can = f"  (can be done here: {advice.kind})"
        yield f"  {advice.priority:<8}  {advice.action}{can}"
        for line in (advice.command or "").splitlines():
            yield f"            {line}"
