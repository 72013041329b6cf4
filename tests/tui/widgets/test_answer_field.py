"""The mark beside a field: what is wrong is never cut. What is filled in is shown whole, once."""

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Input, Static

from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dialogs.base import QuestionDialog, QuestionField
from optimus_tui.tui.widgets.fields import AnswerField
from tests.sizes import SIZES
from tests.tui.pane_app import screen_lines
from tests.tui.pictures import SETTINGS

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


@pytest.mark.parametrize("size", SIZES)
async def test_a_long_answer_that_is_filled_in_is_readable_to_its_end_and_stands_there_once(
    size: tuple[int, int],
) -> None:
    long = f"clinic_b / chat never resets: its counter has no TTL, {'and so on, ' * 4}to the last_word"
    dialog = QuestionDialog("Close", [QuestionField("Cause", long)], "All steps are done.")
    async with OptimusApp(SETTINGS).run_test(size=size) as pilot:
        await pilot.app.push_screen(dialog)
        await pilot.pause()
        await pilot.pause()
        assert "\n".join(screen_lines(pilot.app)).count("last_word") == 1


def test_a_field_whose_dialog_was_closed_before_it_opened_draws_nothing() -> None:
    field = AnswerField("Reason", Input())
    field.draw()
    field.set_label("Why")
    assert field.label == "Why"
