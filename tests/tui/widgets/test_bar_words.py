"""The one-line bars: what does not fit goes word by word, and an address is there whole or not at all."""

import pytest

from optimus_tui.settings.model import Settings
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.theme import THEMES
from optimus_tui.tui.widgets.bars import words_that_fit

WORDS = [
    (" OPTIMUS", "b:bright"),
    ("   ARMED 9:58  127.0.0.1:31587 db 0", "b:error"),
    ("   demo: noisy tenant", "quiet"),
]


@pytest.mark.parametrize("width", range(0, 70))
def test_no_word_and_no_address_is_cut(width: int) -> None:
    shown = "".join(text for text, _ in words_that_fit(WORDS, width))
    assert len(shown) <= width
    whole = "".join(text for text, _ in WORDS).split()
    assert [word for word in shown.split() if word != "…"] == whole[: len([w for w in shown.split() if w != "…"])]


@pytest.mark.usefixtures("offline")
async def test_accent_is_one_colour_in_bars_and_in_lists() -> None:
    app = OptimusApp(Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        for theme in THEMES:
            app.theme = theme.name
            await pilot.pause()
            pane = app.screen.query("Pane").first()
            style = pane.get_component_rich_style("text--accent", partial=True).color
            assert style is not None and style.get_truecolor().hex == theme.accent == theme.primary
