"""One blank stands between the text of a list and its scroll bar; without a bar the text has the whole width."""

import pytest
from textual.app import App, ComposeResult

from optimus_tui.tui.theme import THEMES
from optimus_tui.tui.widgets.line_painter import wrapping_width
from optimus_tui.tui.widgets.line_view import LineView


class Lines(App[None]):
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(THEMES[0].variables)

    def compose(self) -> ComposeResult:
        yield LineView()


@pytest.mark.parametrize(("rows", "blank"), [(3, False), (60, True)])
async def test_a_line_that_is_too_long_ends_a_cell_before_the_scroll_bar(rows: int, blank: bool) -> None:
    async with Lines().run_test(size=(40, 12)) as pilot:
        view = pilot.app.query_one(LineView)
        view.set_rows([[("x" * 99, "")] for _ in range(rows)])
        await pilot.pause()
        assert view.show_vertical_scrollbar is blank
        text = view.render_line(1).text
        assert len(text) == view.scrollable_content_region.width
        assert text.endswith("x ") is blank


@pytest.mark.parametrize("rows", [3, 60])
async def test_text_is_wrapped_to_the_same_width_before_and_after_a_scroll_bar_appears(rows: int) -> None:
    async with Lines().run_test(size=(40, 12)) as pilot:
        view = pilot.app.query_one(LineView)
        before = wrapping_width(view)
        view.set_rows([[("x" * before, "")] for _ in range(rows)])
        await pilot.pause()
        assert wrapping_width(view) == before
        assert view.render_line(1).text.rstrip() == "x" * before
