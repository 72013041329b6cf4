"""The mark beside a field: what is wrong is never cut."""

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Input, Static

from optimus_tui.tui.widgets.fields import AnswerField

WRONG = "no counter, key, event or metric names it"


class OneField(App[None]):
    CSS = ".answer-head { height: 1; } .answer { height: auto; }"

    def compose(self) -> ComposeResult:
        yield AnswerField("Tenant (empty for all of the system)", Input(compact=True), lambda _: WRONG)


@pytest.mark.parametrize(("width", "below"), [(60, True), (90, False), (140, False)])
async def test_a_mark_without_room_is_whole_below_the_field(width: int, below: bool) -> None:
    async with OneField().run_test(size=(width, 24)) as pilot:
        field = pilot.app.query_one(AnswerField)
        field.refuse()
        await pilot.pause()
        whole = field.query_one(".ask-whole", Static)
        assert bool(whole.display and WRONG in str(whole.content)) is below
        mark = str(field.query_one(".ask-mark", Static).content)
        assert mark.endswith("so enter was refused") is (width == 140)
