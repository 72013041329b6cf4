"""Run a command on one incident: open it, do the work, close it. Every expected failure is one sentence.

Records that could not be written to the disk make the exit code 4.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from optimus_tui.cli import exits
from optimus_tui.cli.flags import merge_flags, settings_of
from optimus_tui.cli.output import print_error

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
