"""Keys of one burst: each goes to the screen that it was typed for, and none becomes a command of the one beneath."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import AskDialog, QuestionDialog, QuestionField
from optimus_tui.tui.key_gate import LEFT_OUT, NO_LINE, OPENING
from tests.patience import PATIENCE
from tests.sizes import SIZES
from tests.tui.driver import said, until
from tests.tui.keys import burst
from tests.tui.pictures import SETTINGS, health_report


class Asking(OptimusApp):
    """The program; ``n`` on the health pane asks for a note in a worker that looks around before."""

    answers: Any = None
    asked: Any = None

    def ask(self, dialog: Any, wait: asyncio.Event) -> None:
        async def work() -> None:
            await wait.wait()
            self.answers = await self.push_screen_wait(dialog)

        dashboard: Any = self.dashboard
        dashboard.run_in_background("note", work, asks=True)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Asking:
    monkeypatch.setattr(Dashboard, "start_sampling", lambda self: None)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return Asking(SETTINGS)


async def ready(app: Asking, pilot: Pilot[Any], dialog: Any, wait: asyncio.Event) -> Dashboard:
    """Let ``R`` ask a question."""
    await pilot.pause()
    dashboard: Any = app.dashboard
    dashboard.pane("health").reading = health_report()
    dashboard.navigate.open_routine = lambda: app.ask(dialog, wait)
    return dashboard


async def test_what_is_typed_behind_the_key_of_a_dialog_goes_into_its_field(app: Asking) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        wait = asyncio.Event()
        await ready(app, pilot, QuestionDialog("Note", [QuestionField("Note")]), wait)
        asyncio.get_running_loop().call_later(0.05, wait.set)  # the work before the question takes a while
        await burst(pilot, "R", *"quiz", "enter")
        await until(pilot, lambda: app.answers is not None)
        assert app.answers == ["quiz"]
        assert app.return_code is None


async def test_what_is_typed_before_a_dialog_closed_is_left_out_and_that_is_said(app: Asking) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        wait = asyncio.Event()
        wait.set()
        dashboard = await ready(app, pilot, QuestionDialog("Note", [QuestionField("Note")]), wait)
        await burst(pilot, "R", "a", "enter", "q", "z", "2")
        assert app.answers == ["a"]
        assert app.return_code is None
        assert not dashboard.pane_layout.zoomed
        assert dashboard.current == "health"
        assert [one.message for one in app._notifications if LEFT_OUT in one.message] == [f"{LEFT_OUT}: q z 2"]
        await pilot.press("z")
        assert dashboard.pane_layout.zoomed


async def test_a_command_line_above_a_dialog_is_left_out_up_to_enter_and_that_is_said(app: Asking) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        wait = asyncio.Event()
        wait.set()
        await ready(app, pilot, AskDialog("Delete", "Delete all?"), wait)
        await burst(pilot, "R")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await burst(pilot, "colon", *"yq", "enter")
        await until(pilot, lambda: not app.keys.is_busy)
        assert isinstance(app.screen, AskDialog) and app.answers is None
        assert any(NO_LINE in one.message for one in app._notifications)
        await burst(pilot, "y")
        await until(pilot, lambda: app.answers is True)


async def test_what_is_typed_behind_escape_is_for_the_screen_beneath(app: Asking) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        dashboard: Any = app.dashboard
        await burst(pilot, "question_mark")
        await until(pilot, lambda: app.screen is not dashboard)
        await burst(pilot, "escape", "z")
        await until(pilot, lambda: dashboard.pane_layout.zoomed)
        assert not any(LEFT_OUT in one.message for one in app._notifications)


async def test_every_row_of_keys_that_are_left_out_is_said(app: Asking) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        wait = asyncio.Event()
        wait.set()
        for letter in "ab":
            await ready(app, pilot, QuestionDialog("Note", [QuestionField("Note")]), wait)
            await burst(pilot, "R", letter, "enter", "z")
        said = [one.text for one in app.messages_said if LEFT_OUT in one.text]
        assert said == [f"{LEFT_OUT}: z"] * 2


async def test_escape_twice_goes_two_levels_back(app: Asking) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await burst(pilot, "t")
        await until(pilot, lambda: app.screen is not app.dashboard)
        await burst(pilot, "question_mark", "escape", "escape")
        await until(pilot, lambda: app.screen is app.dashboard)
        assert app.return_code is None


async def test_nobody_says_yes_to_a_question_that_was_not_shown(app: Asking) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        wait = asyncio.Event()
        wait.set()
        await ready(app, pilot, AskDialog("Really", "Delete all?"), wait)
        await burst(pilot, "R", "y")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        assert app.answers is None
        await pilot.press("y")
        await until(pilot, lambda: app.answers is True)
        assert app.answers is True


async def test_a_key_of_before_a_question_was_painted_does_not_answer_it_and_enter_never_does(app: Asking) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        wait = asyncio.Event()
        wait.set()
        await ready(app, pilot, AskDialog("Delete", "Delete all?"), wait)
        await burst(pilot, "R")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        question: Any = app.screen
        painted, question.shown_at = question.shown_at, float("inf")  # as on a busy machine: open, but not painted yet
        await burst(pilot, "y", "n")
        assert isinstance(app.screen, AskDialog) and app.answers is None
        assert [one.text for one in app.messages_said if LEFT_OUT in one.text] == [f"{LEFT_OUT}: y", f"{LEFT_OUT}: n"]
        question.shown_at = painted
        await burst(pilot, "enter")
        await until(pilot, lambda: "enter does nothing here: y yes   n or esc no" in said(pilot))
        await burst(pilot, "y")
        await until(pilot, lambda: app.answers is True)


async def test_a_dialog_that_opens_late_says_so_and_gets_what_was_typed_meanwhile(app: Asking) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        wait = asyncio.Event()
        dashboard = await ready(app, pilot, QuestionDialog("Note", [QuestionField("Note")]), wait)

        async def ask() -> None:
            await wait.wait()
            app.answers = await app.push_screen_wait(QuestionDialog("Note", [QuestionField("Note")]))

        board: Any = dashboard
        board.navigate.open_routine = lambda: board.run_in_background("incident-note", ask, asks=True)
        burst_done = asyncio.ensure_future(burst(pilot, "R", "z", "q"))
        while not any(one.text == OPENING for one in app.messages_said):  # noqa: ASYNC110 - it is what is waited for
            await asyncio.sleep(0)
        wait.set()
        await burst_done
        await until(pilot, lambda: isinstance(app.screen, QuestionDialog) and app.screen.query_one(Input).value == "zq")
        assert not dashboard.pane_layout.zoomed and app.return_code is None


async def test_a_dialog_that_opens_by_itself_gets_no_key_that_was_typed_before(app: Asking) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(app, pilot, None, asyncio.Event())
        dialog = QuestionDialog("Other addresses", [QuestionField("reason")])

        async def work() -> None:
            app.push_screen(dialog)

        dashboard: Any = app.dashboard
        keys = [*"xyz", "enter"]
        dashboard.run_in_background("start", work)
        await burst(pilot, *keys)
        await until(pilot, lambda: app.screen is dialog)
        assert dialog.query_one(Input).value == ""


@pytest.mark.parametrize("size", SIZES)
async def test_the_key_behind_one_that_goes_to_a_pane_is_for_that_pane(app: Asking, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        dashboard: Any = app.dashboard
        grouped: list[Any] = []
        dashboard.pane("feed").action_group = lambda: grouped.append(app.focused)
        await burst(pilot, "4", "g")
        assert grouped == [dashboard.pane("feed")]


async def test_keys_that_delete_act_in_the_order_of_the_letters_around_them(app: Asking) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        wait = asyncio.Event()
        wait.set()
        await ready(app, pilot, QuestionDialog("Note", [QuestionField("Note", "first")]), wait)
        await burst(pilot, "R", "ctrl+u", *"true", "backspace", "x", "enter")
        await until(pilot, lambda: app.answers is not None)
        assert app.answers == ["trux"]


@pytest.mark.parametrize("turns", [1, 20, 60])
async def test_keys_that_still_wait_when_the_program_ends_go_nowhere_and_are_no_crash(
    app: Asking, turns: int, tmp_path: Path
) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        for key in "jk" * 20:
            event = events.Key(key, key)
            event.set_sender(app)
            app.post_message(event)
        for _ in range(turns):
            await asyncio.sleep(0)
    assert not (tmp_path / "optimus-tui" / "crash.txt").exists()


@pytest.mark.parametrize("key", ["y", "enter"])
async def test_a_key_on_its_way_when_a_question_opens_by_itself_does_not_answer_it_and_is_no_crash(
    app: Asking, key: str
) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(app, pilot, None, asyncio.Event())
        answers: list[Any] = []
        held, question = asyncio.Event(), AskDialog("Delete", "Delete all?")

        async def hold() -> None:
            await held.wait()
            app.push_screen(question, answers.append)  # it has no widgets yet when the key comes up to the program

        focused: Any = app.focused
        focused.call_later(hold)
        app.post_message(events.Key(key, None if key == "enter" else key))
        await until_forwarded(app, focused)
        held.set()
        await until(pilot, lambda: any(LEFT_OUT in one.message for one in app._notifications))
        await until(pilot, lambda: not app.keys.is_busy)
        assert app.screen is question and not answers
        assert [one.message for one in app._notifications if LEFT_OUT in one.message] == [f"{LEFT_OUT}: {key}"]
        await burst(pilot, "y")
        await until(pilot, lambda: answers == [True])


async def until_forwarded(app: Asking, focused: Any) -> None:
    """Wait until what has the focus has a key before it."""
    async with asyncio.timeout(PATIENCE):
        while not (app.keys.is_busy and focused.message_queue_size):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)
