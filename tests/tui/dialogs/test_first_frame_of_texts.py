"""A dialog with text is wrapped for its real width in its first frame, and again when the width changes."""

from typing import Any

import pytest
from textual.content import Content

from optimus_tui.tui.dialogs.sheets import TextDialog, Wrapped
from tests.tui.driver import PlainBackground
from tests.tui.pictures import SETTINGS


@pytest.mark.usefixtures("offline", "drawn")
async def test_no_frame_shows_a_text_that_was_wrapped_for_another_width() -> None:
    painted: list[tuple[int, int]] = []

    class Recorded(Wrapped):
        def render_line(self, y: int) -> Any:
            painted.append((self._made_for, self.content_size.width))
            return super().render_line(y)

    class Text(TextDialog):
        def body(self) -> list[Any]:
            return [Recorded(lambda width: Content("\n".join(["x" * width] * 3)))]

    app = PlainBackground(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(Text("A text", Content("")))
        await pilot.pause()
        app.screen._compositor.render_strips(app.size)
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        app.screen._compositor.render_strips(app.size)
    assert painted
    assert all(made == room for made, room in painted), painted
