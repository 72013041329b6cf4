"""``incident``: open, run step by step, note, close and write up an incident, without a screen.

Exit codes: 0; 1 if a step found something; 2 for a mistake in the call; 3 for a tool without a result; 4 refused
(closed, read-only, open elsewhere). The operator decides which issue to look at, whether to skip and what the cause
was. ``incidents`` has the logic.

Run a command on one incident: open it, do the work, close it. Every expected failure is one sentence.

Records that could not be written to the disk make the exit code 4.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar

import click

from optimus_tui.cli import exits
from optimus_tui.cli.flags import connection_flags, merge_flags, settings_of
from optimus_tui.cli.group import LazyGroup, Verb
from optimus_tui.cli.output import document, print_error, print_line

if TYPE_CHECKING:
    from optimus_tui.incidents.service import IncidentService
    from optimus_tui.settings.model import Settings


Work = Callable[["IncidentService"], Awaitable[int]]


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
    """Work on incident ``number`` and return the exit code. ``must_write``: read-only is refused.

    ``announce``: it is resumed.
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
    """The settings; where they are not ``needed``, what is kept can be read without them, on a bad day too."""
    from optimus_tui.settings.errors import SettingsError
    from optimus_tui.settings.model import Settings

    try:
        return settings_of(flags)
    except SettingsError as error:
        if needed:
            raise
        print_error(f"{error}; what is kept is shown all the same")
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


_HERE = "optimus_tui.cli.incidents.incident"
_STEPS = "optimus_tui.cli.incidents.steps"
NUMBER = click.argument("number", metavar="ID", type=click.IntRange(1, 999_999_999))


class IncidentVerbs(LazyGroup):
    """What can be done with incidents."""

    verbs: ClassVar[dict[str, Verb]] = {
        "open": Verb(f"{_HERE}:begin", "Begin one; prints its id and what comes next."),
        "list": Verb(f"{_HERE}:everything", "Those there are, the newest first."),
        "show": Verb(f"{_HERE}:show", "Steps, recommendations and timeline of one."),
        "run": Verb(f"{_STEPS}:run", "Run the next step, or one again, and record it."),
        "resume": Verb(f"{_STEPS}:resume", "Take one up again after its process ended."),
        "note": Verb(f"{_STEPS}:note", "Add a note."),
        "close": Verb(f"{_STEPS}:close", "Close it with cause and resolution."),
        "export": Verb(f"{_STEPS}:export", "Write the post-mortem: Markdown, or one HTML page."),
    }


@click.group("incident", cls=IncidentVerbs, invoke_without_command=True)
@click.pass_context
def group(ctx: click.Context, /) -> int:
    """Incidents are kept under the state directory, one directory each; without a verb they are listed."""
    if ctx.invoked_subcommand:
        return exits.HEALTHY
    return _list(as_json=False)


@click.command("open")
@click.option("--title", default="", metavar="TEXT", help="What it is about.")
@click.option("--playbook", "name", default="default", show_default=True, metavar="NAME", help="The steps to follow.")
@click.option("--began", metavar="AGO|TIME", help="When the fault began: 26m, 2h, or 2026-11-23T10:05:00Z.")
@connection_flags
@click.pass_context
def begin(ctx: click.Context, /, title: str, name: str, began: str | None, **given: object) -> int:
    """Begin an incident: its first ten minutes of history are kept, its steps wait."""
    from optimus_tui.cli.incidents.words import moment, what_next
    from optimus_tui.cli.run_async import connected_to, to_end

    settings = settings_of(merge_flags(ctx, given))

    async def tool_call() -> int:
        from optimus_tui.incidents.errors import IncidentError
        from optimus_tui.incidents.measuring import capture
        from optimus_tui.incidents.open import open_incident

        async with connected_to(settings) as context:
            since = None
            if began:
                since = moment(began, context.clock.wall())
            try:
                incident_service = await open_incident(context, title, name=name, began=since)
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
    """The incidents there are, the newest first."""
    return _list(as_json)


def _list(as_json: bool) -> int:
    from optimus_tui.cli.incidents.words import row, summary
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
    """Steps, recommendations, actions and timeline."""

    async def look(incident_service: "IncidentService") -> int:
        import msgspec

        from optimus_tui.cli.incidents.words import lines

        if as_json:
            document(
                msgspec.json.encode({"incident": incident_service.state, "notices": incident_service.timeline.notices})
            )
        else:
            for line in lines(incident_service.state, incident_service.clocks.now()):
                print_line(line)
        return exits.HEALTHY

    return on_incident(ctx, given, number, look, write=False, must_write=False)
