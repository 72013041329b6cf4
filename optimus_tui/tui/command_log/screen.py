"""The command log's screen: everything that went to Redis and HTTP, to read, to copy as redis-cli or curl, and to keep.

It sends nothing and never runs what it shows. What a person caused is listed; p shows what is polled.
"""

import asyncio
from functools import partial
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.content import Content

from optimus_tui.assets import asset_dir
from optimus_tui.context import Context
from optimus_tui.grammar.filter import EVERYTHING, Filter, FilterError, parse_filter
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.command_log.lines import (
    ASKED,
    FIELDS,
    POLLED,
    CommandRun,
    LogLine,
    LogList,
    Polled,
    add_run,
    command_words,
    exported,
    fields,
    kind_of,
    pasted,
    runs_of,
    to_paste,
)
from optimus_tui.tui.dialogs.export import Export, ask_to_write
from optimus_tui.tui.dialogs.sheets import Fact, SheetDialog
from optimus_tui.tui.keys import chosen
from optimus_tui.tui.messages import CopyRequested
from optimus_tui.tui.widgets.bars import KeyStrip
from optimus_tui.tui.widgets.top_line import TopLine, name_part
from optimus_tui.wording.numbers import clock, latency, plural
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import no_match_lines

MOST_LISTED = 1_000


class CommandLogScreen(BaseScreen):
    """What this program sent to Redis and over HTTP since it started, as bytes.

    y copies the line as redis-cli or curl for a shell; a password is never in it: redis-cli reads REDISCLI_AUTH.
    Nothing is run from here. Reads of one kind that came close together are one line; enter lists them. p shows
    what the panes poll, one line a kind.
    """

    CSS_PATH: ClassVar[Any] = [asset_dir("styles") / "log.tcss"]
    BINDINGS: ClassVar[Any] = chosen(
        "app.help", "app.back", "app.theme", "app.quit", "pane.filter", "pane.pause", "pane.copy_as", "pane.export",
        "log.polling",
    )  # fmt: skip
    AUTO_FOCUS = "#log"

    FIELDS: ClassVar[tuple[str, ...]] = FIELDS

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self.filter: Filter = EVERYTHING
        self.polling = self.paused = False
        self._runs: list[CommandRun] = []
        self._seen = 0

    def compose(self) -> ComposeResult:
        """Return the top line, the list and the key line."""
        yield TopLine(lambda: [name_part("COMMAND LOG")])
        yield LogList()
        yield KeyStrip()

    def on_mount(self) -> None:
        """Read the log now and once a second."""
        self.look()
        self.set_interval(1.0, self.look)

    # -- reading

    def look(self) -> None:
        """Read what was sent since the last time, and draw it."""
        if not self.paused:
            self._take()
        self._show()

    def _take(self) -> None:
        round_trips, oldest = self.context.log.since(self._seen)
        for round_trip in round_trips:
            self._seen = round_trip.seq
            for run in runs_of(round_trip):
                add_run(self._runs, run)
        self._runs = [run for run in self._runs if run.last.seq >= oldest]
        for run in self._runs:
            run.forget(oldest)

    def _show(self) -> None:
        view = self.query_one(LogList)
        lines: list[LogLine] = [*reversed(self._runs)]
        view.table = ASKED
        if self.polling:
            lines, view.table = [*map(Polled, self.context.log.polls())], POLLED
        total = len(lines)
        if self.filter:
            lines = [line for line in lines if self.filter.matches(fields(line))]
        view.empty = self._nothing(total)
        if not (self.paused and self.polling):
            view.set_rows(lines)
        view.border_title, view.border_subtitle = Content(self._title()), Content(self._truth())

    def _nothing(self, total: int) -> list[str]:
        if self.filter and total:
            return no_match_lines(plural(total, "line"), self.filter.text)
        if self.polling:
            return ["Nothing was polled yet."]
        return [
            "Nothing was sent on your behalf yet.",
            "Tools, values, incidents, actions and remedies show here; p: polling.",
        ]

    def _title(self) -> str:
        words = ["Command log: what you, tools and incidents asked for"]
        if self.polling:
            words = ["Command log: polling"]
        if self.filter:
            words.append(f"/ {safe_text(self.filter.text, 60)}")
        if self.paused:
            words.append("PAUSED")
        return "  ".join(words)

    def _truth(self) -> str:
        log = self.context.log
        polls = log.polls()
        polled = sum(poll.count for poll in polls)
        if self.polling:
            return f"{plural(polled, 'command')} of {plural(len(polls), 'kind')} since the start"
        parts = [plural(sum(run.count for run in self._runs), "command")]
        if log.dropped:
            parts.append(f"{log.dropped:,} older ones gone")
        if self.paused:
            parts.append(f"{len(log.since(self._seen)[0]):,} newer")
        return " · ".join([*parts, f"polling sent {polled:,}, p shows it"])

    # -- filter, pause and polling

    def action_polling(self) -> None:
        """Show what is polled, or again what a person caused."""
        self.polling = not self.polling
        self.query_one(LogList).move_to(0)
        self._show()

    def action_pause(self) -> None:
        """Freeze the list, or show what came meanwhile."""
        self.paused = not self.paused
        self.look()

    def action_back(self) -> None:
        """Remove the filter, else leave the list of polls, else leave the screen."""
        if self.filter:
            self.set_filter("")
        elif self.polling:
            self.action_polling()
        else:
            self.dismiss(None)

    def action_filter(self) -> None:
        """Ask for a filter."""
        self.prompt.open_filter(self)

    def set_filter(self, text: str) -> str | None:
        """Filter the lines. Return the sentence to show when the text is not a filter, else None."""
        try:
            self.filter = parse_filter(text, FIELDS)
        except FilterError as error:
            return str(error)
        self._show()
        return None

    # -- a line

    def selected(self) -> LogLine | None:
        """Return the line under the cursor; None in an empty list."""
        return self.query_one(LogList).selected

    def action_detail(self) -> None:
        """Show the commands of the line under the cursor in full."""
        line = self.selected()
        if line is not None:
            title = {1: "Command"}.get(line.count, "Commands")
            self.app.push_screen(SheetDialog(title, self._facts(line)))

    def _facts(self, line: LogLine) -> list[Fact]:
        round_trip, (outcome, style) = line.last, line.outcome()
        commands = [command for command, _ in zip(line.commands(), range(MOST_LISTED), strict=False)]
        facts: list[Fact] = [
            ("sent", f"{clock(round_trip.wall, dated=True)} UTC", ""),
            ("kind", *kind_of(line)),
            ("for", line.label, ""),
            ("through", round_trip.client, ""),
            ("outcome", outcome, style),
            ("took", latency(line.took_ms), ""),
            ("times", f"{line.count:,}", ""),
        ]
        if round_trip.body:
            facts.append(("body", command_words((round_trip.body,)), ""))
        facts = [fact for fact in facts if fact[1]]
        if len(commands) == 1:
            facts += [
                ("", "", ""),
                *(
                    ("command" if i == 0 else f"argument {i}", *_whole(word))
                    for i, word in enumerate(commands[0].words)
                ),
            ]
            return [*facts, ("", "", ""), ("to paste", pasted(commands[0], self.context.settings), "accent")]
        facts.append(("", "", ""))
        for number, (sent, at, words) in enumerate(commands, 1):
            parts = [command_words(words), sent.outcome(at)]
            facts.append((f"{number:,}", "   ".join(parts).removesuffix("   ok"), ""))
        left = line.count - len(commands)
        if left:
            facts.append(("", f"… {left:,} more: x writes all to a file", "quiet"))
        return facts

    def action_copy_line(self) -> None:
        """Copy the line's commands in a form that can be pasted."""
        line = self.selected()
        if line is not None:
            what = "note" if line.last.outside else f"{_shell_tool(line)} line"
            if kind_of(line)[0] == "WRITE":
                what += " that writes when pasted"
            self.post_message(CopyRequested(to_paste(line, self.context.settings), what))

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return the line's commands for redis-cli or curl, and in words."""
        line = self.selected()
        if line is None:
            return []
        in_words = ("in words", f"{clock(line.last.wall)} {command_words(line.words)}: {line.outcome()[0]}")
        if line.last.outside:
            return [in_words]
        settings, commands = self.context.settings, list(line.commands())
        forms = [(_shell_tool(line), pasted(commands[0], settings))]
        if len(commands) > 1:
            forms.append((f"{_shell_tool(line)}, all {len(commands):,}", to_paste(line, settings)))
        return [*forms, in_words]

    def action_export(self) -> None:
        """Ask whether to write the listed lines to a private file."""
        lines = list(self.query_one(LogList).rows)
        work: Any = partial(self._export, lines)
        self.run_worker(work, name="export", group="export", exclusive=True, exit_on_error=False)

    async def _export(self, lines: list[LogLine]) -> None:
        texts = await asyncio.to_thread(exported, lines, self.context.settings)
        asked = Export.of_lines("commands", self.context.clock.wall(), texts)
        ask_to_write(self.app.push_screen, self.say, asked)


def _shell_tool(line: LogLine) -> str:
    """Return the shell command that sends a line again."""
    return {True: "curl"}.get(line.last.is_http, "redis-cli")


def _whole(word: Any) -> tuple[str, str]:
    """Return a word of a command as far as it can be shown, and its style."""
    if isinstance(word, bytes):
        return safe_text(word, 4_000), "bright"
    return f"‹{word}›", "quiet"
