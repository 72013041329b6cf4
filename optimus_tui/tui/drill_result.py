"""The screen at the end of a drill: milestones with their times, what was missed, and the injected fault."""

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from optimus_tui.contract.incident import DrillResult
from optimus_tui.incidents.drill import COUNTS, MEANS, NOT_REAL, page, spans, stopwatch
from optimus_tui.tools.pages.sections import Fact, Section
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.dialogs.export import Export, ask_to_write
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.tools.lists import ReportView, report_lines
from optimus_tui.tui.widgets.bars import KeyStrip, Part
from optimus_tui.tui.widgets.line_painter import wrapping_width
from optimus_tui.tui.widgets.top_line import TopLine, name_part


class PageView(ReportView):
    """The lines of a result that is only read: the keys scroll it at once, and no line is chosen."""

    BINDINGS: ClassVar[Any] = chosen(*(key for key in MOVES if key != "pane.open"))
    cursor_visible = False

    def action_move(self, by: int) -> None:
        """Scroll by lines."""
        self.jump_to(int(self.scroll_offset.y) + by)

    def action_page(self, by: int) -> None:
        """Scroll by pages."""
        self.action_move(by * self.page_size)

    def action_first(self) -> None:
        """Scroll to the beginning."""
        self.action_move(-len(self.rows))

    def action_last(self) -> None:
        """Scroll to the end."""
        self.action_move(len(self.rows))


class DrillScreen(BaseScreen):
    """A drill's result: times since the fault was injected, by what was measured and recorded."""

    DEFAULT_CSS = """
    #drill-room { height: 1fr; background: $background; }
    #drill-result { height: 1fr; background: $background; }
    """
    BINDINGS: ClassVar[Any] = chosen(
        "app.help", "app.back", "app.theme", "app.quit", "pane.export", "pane.copy_as"
    )  # fmt: skip
    UNUSED: ClassVar[Mapping[str, str]] = {"pane.open": "this is the end of the drill: esc goes back to the panes"}
    AUTO_FOCUS = "#drill-result"

    def __init__(self, result: DrillResult, wall: float) -> None:
        super().__init__()
        self.result, self.wall = result, wall

    def compose(self) -> ComposeResult:
        """Return the top line, the result and the key line."""
        ended = (f"  {self.result.ended}", "b:success" if self.result.solved else "b:warning")
        yield TopLine(lambda: [name_part("DRILL", self.result.scenario), Part(0, [ended])])
        with Container(id="drill-room"):
            yield PageView(id="drill-result")
        yield KeyStrip()

    def on_mount(self) -> None:
        """Draw once the width is known."""
        self.call_after_refresh(self.draw)

    def on_resize(self) -> None:
        """Draw for the new width."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Show the lines, wrapped to the present width."""
        view = self.query_one(PageView)
        view.show(report_lines(result_sections(self.result), max(20, wrapping_width(view))), from_top=True)

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return the result as Markdown."""
        return [("the result as Markdown", page(self.result, self.wall))]

    def action_back(self) -> None:
        """Go back to the dashboard."""
        self.dismiss(None)

    def action_export(self) -> None:
        """Ask whether to write the result to a file that only its owner can read."""
        text = page(self.result, self.wall)
        ask_to_write(self.app.push_screen, self.say, Export("the result", "drill", ".md", self.wall, text))


def _practice(result: DrillResult) -> str:
    """Return what to try next, by the first thing that was missed."""
    again = f":drill {result.scenario} plays this fault again"
    if result.detect is None:
        return f"{again}: wait until its alarm is on the screen"
    if result.acknowledge is None:
        return f"{again}: i opens an incident on the alarm"
    if result.cause is None:
        return f"{again}: the incident's steps name the cause (f chooses the issue, enter runs a step)"
    if result.remedy is None:
        return f"{again}: a carries out a recommendation, :remedy does what is done outside"
    if result.proof is None:
        return f"{again}: the incident's last step (enter, r to repeat) proves that it is gone"
    return ":drill plays another fault; less time is the aim"


def _missed(result: DrillResult) -> list[Section]:
    """Return what was missed beside what the marks say already; that nothing was; nothing where they say it all."""
    named = {f"{mark.name}: {mark.words}" for mark in result.marks}
    more = tuple(Fact(text) for text in result.missed if text not in named)
    if not result.missed:
        more = (Fact("nothing", severity_style="ok"),)
    if more:
        return [Section(title="Missed", lines=more)]
    return []


def _reached(span: float | None) -> str:
    if span is None:
        return "not reached in this drill"
    return stopwatch(span)


def _own_base(result: DrillResult) -> tuple[Fact, ...]:
    """Return a note that the incident's own times begin later, and so are shorter; nothing without an incident."""
    if not result.incident or result.detect is None:
        return ()
    words = f"incident {result.incident} counts its MTTA and MTTR from the first sign of the fault, not from here"
    return (Fact(words, "mind", "quiet"),)


def result_sections(result: DrillResult) -> list[Section]:
    """Return the sections of the result: the injected fault, then times, milestones and what was missed."""
    return [
        Section(title="What was injected", lines=(Fact(result.says, result.scenario), Fact(result.cure, "the cure"))),
        Section(
            title="Times since it was injected",
            lines=(
                *(Fact(_reached(span), f"to {word}", "" if span is not None else "warning")
                  for word, span in spans(result)),
                Fact(COUNTS, "counts", "quiet"),
                *_own_base(result),
            ),
        ),
        Section(
            title="Marks, as measured and recorded",
            columns=("mark", "after", "what was seen"),
            rows=tuple((MEANS[mark.name], stopwatch(mark.seconds), mark.words) for mark in result.marks),
        ),
        *_missed(result),
        Section(
            title="What to do next",
            lines=(
                *([Fact(f"esc, then i: incident {result.incident} is still open; c closes it", "close")]
                  if result.is_open else []),
                Fact(_practice(result), "practise"),
                Fact("x writes this to a file, esc goes back to the panes", "keep"),
                Fact(NOT_REAL, "mind", severity_style="quiet"),
            ),
        ),
    ]  # fmt: skip
