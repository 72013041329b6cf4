"""What can be done about a finding on any screen: explain it, go to its row and back, act, run a tool."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace
from textual.screen import Screen

from optimus_tui.contract.findings import Finding
from optimus_tui.tui.dashboard.reports import last_report, newest_findings
from optimus_tui.tui.panes.cache.pane import CachePane
from optimus_tui.tui.services import DashboardServices
from optimus_tui.tui.widgets.line_view import put_cursor
from optimus_tui.wording.truth import FIXED

if TYPE_CHECKING:
    from optimus_tui.tui.actions.controller import ActionsController
    from optimus_tui.tui.dashboard.controllers import Navigator
    from optimus_tui.tui.dashboard.finding_places import Place
    from optimus_tui.tui.dialogs.explain import Choice, Newest
    from optimus_tui.tui.incidents.controller import IncidentController
    from optimus_tui.tui.panes.base import Pane


class WayBack(NamedTuple):
    """Where the operator was before going to the row of a finding, so that ``esc`` can go back there."""

    pane: str
    row: Hashable
    """The key of the row under the cursor there."""
    screens: tuple[Screen[Any], ...]
    """Screens above the dashboard, the lowest first; they are kept as they were."""
    target: str
    filter_before: str
    """The filter of the pane that was gone to, and what it was narrowed down to instead."""
    filter_set: str


class FindingsController:
    """Explains findings and goes to their rows. The dashboard continues sampling meanwhile."""

    def __init__(
        self,
        dashboard: DashboardServices,
        navigate: "Navigator",
        actions: "ActionsController",
        incidents: "IncidentController",
    ) -> None:
        self.dashboard, self.navigate, self.actions, self.incidents = dashboard, navigate, actions, incidents
        self._ways: list[WayBack] = []
        """The ways back, the latest last."""

    # -- explain

    def explain(self, subject: str, findings: Sequence[Finding], here: Callable[[], Sequence[Finding]] = tuple) -> None:
        """Show the explanations of findings, one at a time, and carry out the action that is chosen there.

        Args:
            subject: What they are about, as safe text.
            findings: The findings, the worst first; if empty, the dialog says that nothing is wrong.
            here: Returns the present findings about the subject. A dialog that was opened without findings asks it
                again.
        """
        from optimus_tui.tui.dashboard.evidence import figures_beside
        from optimus_tui.tui.dialogs.explain import explain_dialog

        beside = partial(figures_beside, self.dashboard)
        dialog = explain_dialog(subject, findings, self._newest, here, self._first_act, beside)
        self.dashboard.open_screen(dialog, self._chosen)

    def _first_act(self, finding: Finding) -> str:
        """Return the first of what ``a`` offers about a finding (safe text); empty for nothing."""
        from optimus_tui.tui.actions.remedies import act_words, sooner_act

        if sooner := sooner_act(self.dashboard, finding):
            return f"{sooner} ends it at once"
        return act_words(self.dashboard, self.actions.outside, finding)

    def _newest(self, finding: Finding) -> "Newest":
        """Return a finding as the newest reports have it; None for it once they have it no more."""
        from optimus_tui.tui.dialogs.explain import Newest

        key, taken_at = (finding.rule, finding.subject), None
        for found, read_at in newest_findings(self.dashboard):
            taken_at = max(taken_at or 0.0, read_at)
            same = next((one for one in found if (one.rule, one.subject) == key), None)
            if same is not None:
                why, settled = self._why_quiet(same), self.incidents.settled
                if why.startswith(FIXED) and settled is not None:
                    same = replace(same, message=f"was: {settled.was(same)}")
                return Newest(same, read_at, why)
        return Newest(None, taken_at)

    def _why_quiet(self, finding: Finding) -> str:
        """Return why nothing has to be done about a finding, as its row in the health pane says it."""
        from optimus_tui.tui.panes.health.finding_lines import reason_of

        words, health = self.incidents.why_quiet(finding), self.dashboard.health
        if words and health is not None:
            return reason_of(words, finding, health).words
        return words

    def _chosen(self, choice: "Choice | None") -> None:
        """Do what was chosen in the explanation of a finding."""
        if choice is None:
            return
        verbs: dict[str, Callable[[Finding], None]] = {
            "row": self.go_to_row,
            "incident": self.open_incident,
            "actions": self.act_on,
            "tool": self.navigate.explain_with_tool,
        }
        verbs[choice.verb](choice.finding)

    def open_incident(self, finding: Finding | None, tenant: str = "") -> None:
        """Show the open incident; without one, ask whether to open one.

        Args:
            finding: What a new incident is about; None for all findings from medium on.
            tenant: The tenant concerned; empty for the finding's.
        """
        self.incidents.open_for(finding, tenant)

    def act_on(self, row: object) -> None:
        """Show the actions for a finding or the row of a pane, and carry out the chosen one."""
        self.actions.choose_for(row)

    # -- to the row and back

    def go_to_row(self, finding: Finding) -> None:
        """Move the cursor to the row that a finding is about, or say why that is not possible."""
        from optimus_tui.tui.dashboard.finding_places import place_of

        dashboard = self.dashboard
        place = place_of(finding, last_report(dashboard, "limits"), last_report(dashboard, "cache"))
        if isinstance(place, str):
            dashboard.say(place, "warning")
        else:
            self.go_to(place, finding.subject)

    def go_to(self, place: "Place", subject: str) -> None:
        """Go to a row, from which ``esc`` goes back, or say why that is not possible.

        Args:
            place: The place of the row.
            subject: Its name in messages (safe text).
        """
        dashboard = self.dashboard
        if not place.filter and place.pane != "health" and dashboard.pane(place.pane).reading is None:
            dashboard.say(f"{place.pane} has not been read yet: try again in a moment", "warning")
            return
        if self._ways and self._ways[-1].target != dashboard.current:
            self.forget_ways()
        pane = dashboard.pane(place.pane)
        wanted = self._filter_for(pane, place)
        self._ways.append(self._way_back(pane, wanted))
        dashboard.focus_on(place.pane)
        if pane.filter.text != wanted:
            pane.set_filter(wanted)
        sentence = place.note or f"the row of {subject}"
        if place.key is not None and not self._put_cursor(pane, place):
            sentence = f"{subject} is not in this list now"
            if pane.paused:
                sentence = f"{subject} is not in this list, which is paused: space continues it"
        dashboard.say(f"{sentence}; esc goes back")

    def _put_cursor(self, pane: "Pane", place: "Place") -> bool:
        """Put the cursor on the place's row. Return False if it is not in the list."""
        if put_cursor(pane, place.key):
            return True
        if not isinstance(pane, CachePane) or pane.paused:
            return False
        pane.builder.reveal(place.key, place.opened)
        return True

    def _filter_for(self, pane: "Pane", place: "Place") -> str:
        """Return the filter under which the place can be seen: the one that there is, unless it hides the row."""
        if place.filter:
            return place.filter
        if place.key is not None and pane.content.index_of(place.key) is None:
            return ""
        return pane.filter.text

    def _way_back(self, target: "Pane", filter_set: str) -> WayBack:
        """Return the way back from here, and set the screens above the dashboard aside."""
        here = self.dashboard.pane(self.dashboard.current)
        row = None if here.selected is None else here.content.key_of(here.selected)
        return WayBack(here.NAME, row, self._set_aside(), target.NAME, target.filter.text, filter_set)

    def _set_aside(self) -> tuple[Screen[Any], ...]:
        """Take the screens above the dashboard away without ending them, and return them, the lowest first."""
        app = self.dashboard.app
        aside: list[Screen[Any]] = []
        while not self.dashboard.is_on_top():
            screen = app.screen
            app.install_screen(screen, f"set-aside-{id(screen)}")  # an installed screen outlives its place on the stack
            app.pop_screen()
            aside.insert(0, screen)
        return tuple(aside)

    def has_way_back(self) -> bool:
        """Return True if ``esc`` goes back to the place from which the operator came to this row."""
        if not self._ways:
            return False
        way = self._ways[-1]
        return self.dashboard.current == way.target and self.dashboard.pane(way.target).filter.text == way.filter_set

    def go_back(self) -> bool:
        """Go back to the place from which the operator came. Return False if there is none."""
        dashboard = self.dashboard
        if not self.has_way_back():
            if self._ways and dashboard.current != self._ways[-1].target:
                self.forget_ways()
            return False
        way = self._ways.pop()
        if way.filter_before != way.filter_set:
            dashboard.pane(way.target).set_filter(way.filter_before)
        dashboard.focus_on(way.pane)
        if way.row is not None:
            put_cursor(dashboard.pane(way.pane), way.row)
        for screen in way.screens:
            dashboard.app.uninstall_screen(screen)
            dashboard.open_screen(screen)
        return True

    def forget_ways(self) -> None:
        """Close the screens that were kept open so that ``esc`` could go back to them."""
        ways, self._ways = self._ways, []
        for way in ways:
            for screen in way.screens:
                self.dashboard.app.uninstall_screen(screen)
                screen.remove()
