"""The history of alerts, open and worst ones first, and the muting of one finding for a while.

Episodes and mutes are in the alert book, which the dashboard keeps while this screen is closed.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from textual import events, on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from optimus_tui.assets import asset_dir
from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import SEVERITIES, AlertEpisode, Finding, Mute
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.key_gate import asking
from optimus_tui.tui.keys import MOVES, bindings, chosen
from optimus_tui.tui.messages import CopyRequested, FindingRowRequested
from optimus_tui.tui.theme import SEVERITY_TEXT_STYLES
from optimus_tui.tui.widgets.bars import KeyStrip
from optimus_tui.tui.widgets.cells import Cell, Column, Table, first_that_fits, fit_name, fit_words
from optimus_tui.tui.widgets.line_view import LineView
from optimus_tui.tui.widgets.top_line import TopLine, name_part
from optimus_tui.verdicts.alerts import OpenEpisode, key_of, keys_of, silences
from optimus_tui.wording.numbers import age, clock, figure, plural
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.short_hash import short_names
from optimus_tui.wording.truth import SEVERITY_MARKS, STILL_TODAY_SECONDS

if TYPE_CHECKING:
    from optimus_tui.sampling.alert_book import AlertBook
    from optimus_tui.tui.services import DashboardServices


def state_of(episode: AlertEpisode, held: OpenEpisode | None, muted: bool) -> tuple[str, str]:
    """Return an episode's state and its style; ``held`` is its alert if this process holds it open."""
    if held is None:
        return {"": ("not watched", "quiet"), "cleared": ("cleared", "good"), "continued": ("continued", "quiet")}[
            episode.end
        ]
    if episode.blind:
        return "unknown now", "warn"
    if not held.present:
        return "just gone", "quiet"
    if muted:
        return "muted", "quiet"
    return "active", SEVERITY_TEXT_STYLES[SEVERITY_MARKS[episode.severity].severity_style]


class EpisodeNow(NamedTuple):
    """An episode with its state and that state's style, as of ``now`` in seconds since the epoch."""

    episode: AlertEpisode
    state: tuple[str, str]
    now: float

    @property
    def is_quiet(self) -> bool:
        """Return True if nothing needs to be done about it now."""
        return self.state[1] in ("quiet", "good")


def _worst_cell(line: EpisodeNow, _: int) -> Cell:
    mark = SEVERITY_MARKS[line.episode.finding.severity]
    return mark.text, "quiet" if line.is_quiet else SEVERITY_TEXT_STYLES[mark.severity_style]


def _subject_cell(line: EpisodeNow, cells: int) -> Cell:
    return [
        (fit_name(short_names(safe_text(line.episode.finding.subject, 120)), cells), "" if line.is_quiet else "bright")
    ]


def _back_cell(line: EpisodeNow, _: int) -> Cell:
    return f"{line.episode.back}×" if line.episode.back else "", "warn"


def _title_cell(line: EpisodeNow, cells: int) -> Cell:
    return [(fit_words(rule_of(line.episode.finding.rule).title, cells), "quiet")]


def _since_cell(line: EpisodeNow, _: int) -> Cell:
    return since_words(line.episode.since, line.now), "quiet"


def _measured_cell(line: EpisodeNow, _: int) -> Cell:
    return measured(line.episode.finding), ""


TABLE = Table[EpisodeNow](
    Column("state", "state", 11, lambda line, _: line.state, measured=True),
    Column("worst", "worst", 6, _worst_cell, measured=True),
    Column("subject", "about", 14, _subject_cell, grow=1, most=80, measured=True, fair=20),
    # Its words are whole before a subject, which says enough when it is shortened in its middle, gets more cells.
    Column("rule", "finding", 22, _title_cell, grow=40, most=60, measured=True, rank=1),
    Column("since", "since", 8, _since_cell, measured=True, rank=1),
    Column("lasted", "lasted", 10, lambda line, _: (age(line.episode.lasted), ""), "right", measured=True, rank=3),
    Column("measured", "worst value", 11, _measured_cell, "right", grow=1, most=40, measured=True, rank=4),
    Column("back", "back", 5, _back_cell, "right", measured=True, rank=5),
)


def since_words(since: float, now: float) -> str:
    """Return when an episode began: ``02:10:04`` today, ``11-22`` before."""
    if abs(now - since) <= STILL_TODAY_SECONDS:
        return clock(since)
    return clock(since, dated=True)[5:10]


def measured(finding: Finding) -> str:
    """Return what was measured: ``41 counters``, ``52 %``, ``914 ms``. Empty if nothing was counted."""
    value = finding.measured
    if finding.measured_words:
        return finding.measured_words
    if value is None or isinstance(value, str):
        return safe_text(value or "", 40)
    return safe_text(figure(value, finding.unit), 40)


def until_words(mute: Mute) -> str:
    """Return how long a mute lasts and why: ``muted until 03:15:00 UTC: deploy``."""
    end = "until it clears"
    if mute.until is not None:
        end = f"until {clock(mute.until)} UTC"
    return f"muted {end}: {safe_text(mute.reason, 200)}"


def below(episode: AlertEpisode | None, mute: Mute | None, trouble: str) -> list[tuple[str, str]]:
    """Return the lines below the table: the finding's sentence, the mute, and what is wrong with the alert book."""
    lines: list[tuple[str, str]] = []
    if episode is not None:
        lines.append((safe_text(episode.finding.message, 400), ""))
    if mute is not None:
        lines.append((until_words(mute), "warning"))
    elif episode is not None and episode.blind:
        lines.append(("its source does not answer: it is not known whether it has cleared", "warning"))
    if trouble:
        lines.append((safe_text(trouble, 300), "warning"))
    return lines


def counts(rows: Sequence[AlertEpisode], open_now: int, muted: int, leaving: int = 0) -> str:
    """Return how many episodes there are: ``3 open · 12 in all · 1 muted``."""
    parts = [
        f"{open_now} open",
        *([f"{leaving} just gone"] if leaving else []),
        f"{plural(len(rows), 'episode')} in all",
    ]
    if muted:
        parts.append(f"{muted} muted")
    return " · ".join(parts)


DURATIONS: tuple[tuple[str, float | None], ...] = (
    ("15 minutes", 900.0),
    ("1 hour", 3600.0),
    ("8 hours", 28_800.0),
    ("Until it clears", None),
)


ORDERS = ("open ones first, the worst on top; then the newest", "open and worst first, then newest", "open first", "")
"""How the list is sorted, the longest wording first."""


EDGES = 6
"""Cells of a list's frame beside the words on it."""


class EpisodeList(LineView):
    """The list of episodes, one per line."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES, "pane.copy")
    table = TABLE

    class EpisodeHighlighted(Message):
        """Posted when another episode is under the cursor."""

    def __init__(self, book: "AlertBook", now: Any) -> None:
        super().__init__(id="episodes")
        self.book, self._now = book, now
        self.open_keys: set[tuple[str, str]] = set()
        self.mutes: dict[tuple[str, str], Mute] = {}
        self.leaving = 0
        """Alerts that are open only until it is sure that they have cleared."""

    def show(self) -> None:
        """Draw the book as it is now."""
        self.open_keys, self.mutes = set(self.book.state.held), self.book.muted_now()
        self.leaving = sum(not one.present and not one.episode.blind for one in self.book.state.held.values())
        self.set_rows(sorted(self.book.episodes(), key=self._order))

    def _order(self, episode: AlertEpisode) -> tuple[int, int, float]:
        """Return the sort key: open ones by severity, then those that nobody saw end, then the others; newest first."""
        if self.is_open(episode):
            return 0, -SEVERITIES.index(episode.finding.severity), -episode.since
        return (2 if episode.end else 1), 0, -episode.since

    def is_open(self, episode: AlertEpisode) -> bool:
        """Return True if this process holds the episode open. One that an earlier process did not end is not open."""
        return not episode.end and key_of(episode.finding) in self.open_keys

    def mute_of(self, episode: AlertEpisode | None) -> Mute | None:
        """Return the mute in force on an episode's finding, open or cleared. None without one."""
        if episode is None:
            return None
        key = key_of(episode.finding)
        return next((mute for mute in self.mutes.values() if key in keys_of(mute.rule, mute.subject)), None)

    def state_of(self, episode: AlertEpisode) -> tuple[str, str]:
        """Return an episode's state and its style. It is muted only if the mute covers its severity."""
        now = self._now()
        if not self.is_open(episode):
            return state_of(episode, None, False)
        held = self.book.state.held[key_of(episode.finding)]
        return state_of(episode, held, silences(self.mutes, held.finding, now))

    def key_of(self, row: Any) -> Any:
        """Identify an episode by its finding and its beginning."""
        return (*key_of(row.finding), row.since)

    def cells_of(self, index: int) -> EpisodeNow:
        """Return the cells of one episode with its present state."""
        episode = self.rows[index]
        return EpisodeNow(episode, self.state_of(episode), self._now())

    def empty_lines(self) -> list[str]:
        """Return the lines that are shown in an empty list."""
        if not self.book.loaded:
            return ["reading …"]
        return ["No finding so far in this system."]

    def watch_cursor(self) -> None:
        """Tell the screen that another episode is under the cursor."""
        super().watch_cursor()
        if self.is_mounted:
            self.post_message(self.EpisodeHighlighted())

    def action_open(self) -> None:
        """Go to the row that the episode's finding is about."""
        if self.selected is not None:
            self.post_message(FindingRowRequested(self.selected.finding))

    def action_copy(self) -> None:
        """Copy the finding's sentence."""
        if self.selected is not None:
            self.post_message(CopyRequested(safe_text(self.selected.finding.message, 400), "finding"))


class AlertsScreen(BaseScreen):
    """What was wrong and when: open alerts first, the worst on top; then the newest.

    Enter goes to the row of a finding, e explains it, i opens an incident about it, a shows what can be done about it;
    m mutes it for a while, u ends the mute.
    """

    CSS_PATH: ClassVar[Any] = [asset_dir("styles") / "alerts.tcss"]
    BINDINGS: ClassVar[Any] = [
        *bindings("alerts"),
        *chosen("app.help", "app.back", "app.theme", "app.quit", "pane.explain", "pane.actions", "app.incident"),
    ]
    AUTO_FOCUS = ""

    def __init__(self, dashboard: "DashboardServices", book: Callable[[], "AlertBook | None"]) -> None:
        """Show a book.

        Args:
            dashboard: Whose clock counts.
            book: Returns the alerts as they are now; None while nothing is watched.
        """
        super().__init__()
        self.dashboard, self._book = dashboard, book

    @property
    def book(self) -> "AlertBook | None":
        """Return the alerts. None before the first reading, and after the environment was left."""
        return self._book()

    def compose(self) -> ComposeResult:
        """Return the top line, what is below the list, and the key line."""
        yield TopLine(lambda: [name_part("ALERTS")])
        yield Static(id="alerts-below")
        yield KeyStrip()

    def on_mount(self) -> None:
        """Draw now and once a second."""
        self.draw()
        self.set_interval(1.0, self.draw)

    def open_list(self, book: "AlertBook") -> None:
        """Show the list. The screen may be opened before there is a book to list."""
        self.mount(EpisodeList(book, self.dashboard.context.clock.wall), before="#alerts-below")
        self.set_focus(self.query_one(EpisodeList))

    def on_resize(self, event: events.Resize) -> None:
        """Draw for the new size."""
        self.draw()

    @on(EpisodeList.EpisodeHighlighted)
    def draw(self) -> None:
        """Draw list and details: once a second, and when the cursor moves."""
        foot = self.query_one("#alerts-below", Static)
        if self.book is None:
            foot.update(Content("nothing is watched yet"))
            return
        if not self.query(EpisodeList):
            self.open_list(self.book)
        listed = self.query_one(EpisodeList)
        listed.show()
        counted = counts(listed.rows, len(listed.open_keys) - listed.leaving, len(listed.mutes), listed.leaving)
        order = first_that_fits(ORDERS, self.size.width - EDGES)
        listed.border_title, listed.border_subtitle = Content(counted), Content(order)
        chosen_one = listed.selected
        lines = below(chosen_one, listed.mute_of(chosen_one), self.book.trouble)
        foot.update(
            Content("\n").join(
                Content.from_markup(f"[${style}]$text[/]" if style else "$text", text=t) for t, style in lines
            )
        )

    def _chosen(self) -> AlertEpisode | None:
        found = self.query(EpisodeList)
        if not found:
            return None
        episode: AlertEpisode | None = found.first().selected
        return episode

    def action_back(self) -> None:
        """Go back to the dashboard."""
        self.dismiss(None)

    def action_explain(self) -> None:
        """Explain the finding under the cursor."""
        episode = self._chosen()
        if episode is not None:
            self.dashboard.findings.explain(safe_text(episode.finding.subject, 60), [episode.finding])
        else:
            self.say("there is no alert here to explain")

    def action_incident(self) -> None:
        """Show the open incident, else ask for a new one about the finding under the cursor."""
        episode = self._chosen()
        self.dashboard.findings.open_incident(None if episode is None else episode.finding)

    def action_actions(self) -> None:
        """Show what can be done about the finding under the cursor."""
        episode = self._chosen()
        if episode is not None:
            self.dashboard.findings.act_on(episode.finding)
        else:
            self.say("there is no alert here to act on")

    # -- mutes

    @asking("mute")
    async def action_mute(self) -> None:
        """Ask for how long and why; nothing is muted without a reason."""
        from optimus_tui.tui.dialogs.base import PickDialog, QuestionDialog, QuestionField

        episode, book = self._chosen(), self.book
        if episode is None or book is None or not self.query_one(EpisodeList).is_open(episode):
            self.say("only an active finding can be muted: put the cursor on one", "warning")
            return
        finding = book.state.held[key_of(episode.finding)].finding
        then = "It is reported again if it becomes critical."
        if finding.severity == "critical":
            then = "It still counts in the verdict."
        title = rule_of(finding.rule).title
        about = f"{title}: {safe_text(finding.subject, 100)}, and no other finding. {then}"
        place = await self.app.push_screen_wait(PickDialog("Mute for", [(name, "") for name, _ in DURATIONS], about))
        if place is None:
            return
        name, seconds = DURATIONS[place]
        answer = await self.app.push_screen_wait(
            QuestionDialog(f"Mute: {name.lower()}", [QuestionField("Reason")], about)
        )
        if answer is None:
            return
        kept = await book.mute(finding, seconds, safe_text(answer[0], 200))
        self._tell(f"muted: {finding.subject}", kept)

    @asking("mute")
    async def action_unmute(self) -> None:
        """End the mute of the finding under the cursor."""
        book, listed = self.book, self.query(EpisodeList)
        mute = listed.first().mute_of(self._chosen()) if listed else None
        if mute is None or book is None:
            self.say("this finding is not muted", "warning")
            return
        self._tell(f"no longer muted: {mute.subject}", await book.unmute(mute))

    def _tell(self, what: str, kept: bool) -> None:
        if kept or self.book is None:
            self.say(what)
        else:
            self.say(f"{what}; {self.book.trouble}", "warning")
        self.draw()
