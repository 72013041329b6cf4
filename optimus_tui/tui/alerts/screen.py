"""The history of alerts: episodes, the newest first, what is muted, and the way to mute one finding for a while.

It holds nothing itself: episodes and mutes are the book's, which the dashboard keeps while this screen is closed.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from optimus_tui.assets import asset_dir
from optimus_tui.contract.findings import AlertEpisode, Mute
from optimus_tui.tui.alerts import text as words
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.keys import MOVES, bindings, chosen
from optimus_tui.tui.messages import CopyRequested
from optimus_tui.tui.widgets.bars import KeyStrip
from optimus_tui.tui.widgets.line_view import LineView, Piece
from optimus_tui.verdicts.alerts import key_of, keys_of, silences
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.sampling.alert_book import AlertBook
    from optimus_tui.tui.services import DashboardServices

DURATIONS: tuple[tuple[str, float | None], ...] = (
    ("15 minutes", 900.0),
    ("1 hour", 3600.0),
    ("8 hours", 28_800.0),
    ("Until it clears", None),
)


class EpisodeList(LineView):
    """Episodes by line."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES, "pane.copy")

    class EpisodeHighlighted(Message):
        """Another episode is under the cursor."""

    def __init__(self, book: "AlertBook", now: Any) -> None:
        super().__init__(id="episodes")
        self.book, self._now = book, now
        self.open_keys: set[tuple[str, str]] = set()
        self.mutes: dict[tuple[str, str], Mute] = {}

    def show(self) -> None:
        """Draw the book as it is now."""
        self.open_keys, self.mutes = set(self.book.state.held), self.book.muted_now()
        self.set_rows(self.book.episodes())

    def is_open(self, episode: AlertEpisode) -> bool:
        """Return True if this process holds the episode open; what an earlier start left unended is not open."""
        return not episode.end and key_of(episode.finding) in self.open_keys

    def mute_of(self, episode: AlertEpisode | None) -> Mute | None:
        """Return the mute in force on an episode's finding, open or cleared. None without one."""
        if episode is None:
            return None
        key = key_of(episode.finding)
        return next((mute for mute in self.mutes.values() if key in keys_of(mute.rule, mute.subject)), None)

    def state_of(self, episode: AlertEpisode) -> tuple[str, str]:
        """Return an episode's state and its style. It is muted only if the mute really silences it."""
        now = self._now()
        if not self.is_open(episode):
            return words.state_of(episode, None, False)
        held = self.book.state.held[key_of(episode.finding)]
        return words.state_of(episode, held, silences(self.mutes, held.finding, now))

    def key_of(self, row: Any) -> Any:
        """Identify an episode by its finding and its begin."""
        return (*key_of(row.finding), row.since)

    def head(self, line: int, width: int) -> list[Piece]:
        """Return the titles of the columns."""
        if not self.rows:
            return []
        return words.TABLE.head(width - 1)

    def row(self, index: int, width: int) -> list[Piece]:
        """Return one episode as spans."""
        episode = self.rows[index]
        return words.TABLE.row(words.EpisodeNow(episode, self.state_of(episode), self._now()), width - 1)

    def empty_lines(self) -> list[str]:
        """Return what stands in an empty list."""
        if not self.book.loaded:
            return ["reading …"]
        return ["Nothing was found wrong since this system is watched."]

    def watch_cursor(self) -> None:
        """Tell the screen that another episode is under the cursor."""
        super().watch_cursor()
        if self.is_mounted:
            self.post_message(self.EpisodeHighlighted())

    def action_open(self) -> None:
        """Explain the episode's finding."""
        self.call_later(self.app.run_action, "screen.explain", self)

    def action_copy(self) -> None:
        """Copy the finding's sentence."""
        if self.selected is not None:
            self.post_message(CopyRequested(safe_text(self.selected.finding.message, 400), "finding"))


class AlertsScreen(BaseScreen):
    """What was wrong and when: Enter explains, m silences exactly one finding for a while, u lets it speak again."""

    CSS_PATH: ClassVar[Any] = [asset_dir("styles") / "alerts.tcss"]
    BINDINGS: ClassVar[Any] = [
        *bindings("alerts"),
        *chosen("app.help", "app.back", "app.theme", "app.quit", "pane.explain"),
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
        """Return the title, what is below the list, and the key line."""
        yield Static(id="alerts-way")
        yield Static(id="alerts-below")
        yield KeyStrip()

    def on_mount(self) -> None:
        """Draw now and once a second."""
        self.draw()
        self.set_interval(1.0, self.draw)

    def open_list(self, book: "AlertBook") -> None:
        """Show the list. The screen may be opened before there is a book to list."""
        self.mount(EpisodeList(book, self.dashboard.context.clock.wall), after="#alerts-way")
        self.set_focus(self.query_one(EpisodeList))

    def on_resize(self, event: events.Resize) -> None:
        """Draw for the new size."""
        self.draw()

    @on(EpisodeList.EpisodeHighlighted)
    def draw(self) -> None:
        """Draw title, list and details: once a second, and when the cursor moves."""
        way, below = self.query_one("#alerts-way", Static), self.query_one("#alerts-below", Static)
        if self.book is None:
            way.update(Content(" Alerts   nothing is watched yet"))
            return
        if not self.query(EpisodeList):
            self.open_list(self.book)
        listed = self.query_one(EpisodeList)
        listed.show()
        counted = words.counts(listed.rows, len(listed.open_keys), len(listed.mutes))
        way.update(Content.assemble((" Alerts ", "bold"), f"  {counted}"))
        chosen_one = listed.selected
        lines = words.below(chosen_one, listed.mute_of(chosen_one), self.book.trouble)
        below.update(
            Content("\n").join(Content.from_markup(f"[${ink}]$text[/]" if ink else "$text", text=t) for t, ink in lines)
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
        from optimus_tui.tui.dialogs.text import explain_dialog

        episode = self._chosen()
        if episode is not None:
            self.app.push_screen(explain_dialog(safe_text(episode.finding.subject, 60), [episode.finding]))

    # -- mutes

    @work(exclusive=True, group="mute", exit_on_error=False)
    async def action_mute(self) -> None:
        """Ask for how long and why; nothing is muted without a reason."""
        from optimus_tui.tui.dialogs.choices import PickDialog, QuestionDialog, QuestionField

        episode, book = self._chosen(), self.book
        if episode is None or book is None or not self.query_one(EpisodeList).is_open(episode):
            self.say("only what is open can be muted: put the cursor on an active finding", "warning")
            return
        finding = book.state.held[key_of(episode.finding)].finding
        then = "It speaks again if it becomes critical."
        if finding.severity == "critical":
            then = "It still counts."
        about = f"{finding.rule} about {safe_text(finding.subject, 100)}, nothing else. {then}"
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

    @work(exclusive=True, group="mute", exit_on_error=False)
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
