"""The last gate: a widget that forgot the first one still cannot move the terminal."""

import asyncio

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.color import Color
from textual.filter import LineFilter
from textual.widgets import Static

from optimus_tui.tui.app import ControlCharFilter
from tests.steps import steps_of

BACKGROUND = Color(0, 0, 0)


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "\x9b2J", "\x00", "\u202eabc", "\u200b", "\ufeff", "a\rb", "\U000e0041"])
def test_control_characters_are_replaced_cell_for_cell(text: str) -> None:
    (segment,) = ControlCharFilter().apply([Segment(text, Style(bold=True))], BACKGROUND)
    assert segment.text.isprintable()
    assert len(segment.text) == len(text)
    assert segment.style == Style(bold=True)


def test_clean_segments_come_back_as_they_are() -> None:
    segments = [Segment("plain ✖ ä 你好"), Segment(" ")]
    assert ControlCharFilter().apply(segments, BACKGROUND) is segments


def test_the_gate_costs_next_to_nothing_on_clean_text() -> None:
    gate, segments = ControlCharFilter(), [Segment("clinic_b  chat  400 / 150", None)] * 8
    _, steps = steps_of(lambda: gate.apply(segments, BACKGROUND))
    assert steps <= 4 * len(segments)


async def test_a_widget_that_shows_raw_text_is_caught() -> None:
    class Careless(App[None]):
        gate = ControlCharFilter()

        def get_line_filters(self) -> list[LineFilter]:
            return [self.gate, *super().get_line_filters()]

        def compose(self) -> ComposeResult:
            yield Static("before \x1b]52;c;AAAA\x1b\\ after", markup=False)

    app = Careless()
    async with app.run_test(size=(60, 5)) as pilot:
        await pilot.pause()
        await asyncio.sleep(0)
        text = "".join(segment.text for strip in app.screen._compositor.render_strips() for segment in strip)
    assert "\x1b" not in text
    assert "before" in text
    assert "after" in text
