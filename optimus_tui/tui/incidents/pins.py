"""Keep rows of the panes in the open incident's timeline."""

from typing import TYPE_CHECKING

from optimus_tui.tui.services import DashboardServices
from optimus_tui.tui.widgets.row_marks import clear_marks
from optimus_tui.wording.numbers import plural

if TYPE_CHECKING:
    from optimus_tui.incidents.service import IncidentService

MAX_PINS = 50
"""Marked rows that are pinned at once: a timeline is read by people."""


async def pin_row(dashboard: DashboardServices, service: "IncidentService | None") -> None:
    """Keep the row under the cursor, or the marked rows, in the incident's timeline.

    Args:
        dashboard: The dashboard; its current pane has the rows.
        service: The incident of this dashboard; None without one.
    """
    from optimus_tui.incidents.errors import IncidentError

    pane = dashboard.pane(dashboard.current)
    if service is None or service.state.status != "open":
        dashboard.say("no incident is open here: i opens one", "warning")
        return
    places = pane.row_marks.places()
    if pane.selected is None or (pane.row_marks and not places):
        dashboard.say("nothing to pin here: put the cursor on a row first", "warning")
        return
    pins = [(pane.content.plain(place).strip(), "") for place in places[:MAX_PINS]]
    if not pins:
        pins = [(pane.content.plain(pane.cursor).strip(), pane.content.copy_name() or "")]
    try:
        for text, name in pins:
            await service.note(text, pane.TITLE, name)
    except IncidentError as error:
        dashboard.say(str(error), "error")
        return
    left = f", the first {MAX_PINS} of {len(places):,} marked" * (len(places) > MAX_PINS)
    dashboard.say(f"{plural(len(pins), 'row')} pinned to incident {service.state.id}{left}")
    clear_marks(pane, pane.row_marks)
