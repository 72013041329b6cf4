"""A toast that comes too late to be shown must not hold the screen up."""

import asyncio
import time

import pytest
from rich.cells import cell_len
from textual.app import App
from textual.notifications import Notify

from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.toasts.queue import LEAST_TOAST_SECONDS, LastingNotification, ToastQueue, shown_text


@pytest.mark.parametrize("late", [0.0, 0.01, 1.0, 86_400.0])
def test_an_expired_one_says_so_and_still_gives_a_timer_a_length(late: float) -> None:
    one = LastingNotification("gone", timeout=4, raised_at=time.time() - 4 - late)
    assert one.has_expired
    assert one.time_left == LEAST_TOAST_SECONDS


def test_a_clock_set_back_does_not_keep_it_longer_than_its_time() -> None:
    one = LastingNotification("back", timeout=4, raised_at=time.time() + 3600)
    assert not one.has_expired
    assert one.time_left == 4


async def test_a_toast_made_of_one_that_has_just_run_out_does_not_stop_the_screen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ran out between Textual's look whether it has expired and its toast, as on a busy machine."""
    app: App[None] = App()
    async with asyncio.timeout(20), app.run_test() as pilot:
        late = LastingNotification("late", timeout=4, raised_at=time.time() - 4.01)
        monkeypatch.setattr(LastingNotification, "has_expired", False)
        app.post_message(Notify(late))
        await pilot.pause(LEAST_TOAST_SECONDS * 4)
        await pilot.pause()
        assert not app.screen.query("Toast")


async def test_the_dashboard_shows_all_its_notifications_so(monkeypatch: pytest.MonkeyPatch) -> None:
    app = OptimusApp.__new__(OptimusApp)
    posted: list[object] = []
    monkeypatch.setattr(OptimusApp, "post_message", lambda _, message: posted.append(message))
    app.notify("hello", severity="warning", timeout=3)
    (message,) = posted
    assert isinstance(message, Notify)
    assert isinstance(message.notification, LastingNotification)
    assert (message.notification.timeout, message.notification.severity, message.notification.markup) == (
        3, "warning", False,
    )  # fmt: skip


def test_the_answer_to_a_key_waits_behind_no_alert_and_an_error_behind_nothing_else() -> None:
    alert = LastingNotification("✖ CRIT engine does not answer", "", "error", 8, markup=False)
    answer = LastingNotification("Restart the AI engine: under way …", "", "information", 4, markup=False)
    failed = LastingNotification("the demo has ended", "", "error", 4, markup=False)
    alert.is_alert, queue = True, ToastQueue()

    def top(*waiting: LastingNotification) -> str:
        (shown,) = queue.choose(waiting, 140)
        return shown.message.partition(" · ")[0]

    assert top(answer, alert) == top(alert, answer) == answer.message
    assert top(failed, answer, alert) == failed.message
    assert top(alert) == alert.message


def test_the_messages_keep_the_whole_sentence_of_a_toast_that_shows_its_beginning() -> None:
    queue, one = ToastQueue(), LastingNotification("▲ MED 699 events a second…", "", "warning", 4, markup=False)
    one.whole = "▲ MED 699 events a second: the threshold is 500"
    queue.keep(one)
    assert [said.text for said in queue.said] == [one.whole]


def test_a_count_alone_on_its_line_begins_with_no_separator() -> None:
    first, second = shown_text("engine does not answer: connection refused", 2, 44).split("\n")
    assert (first, second) == ("engine does not answer: connection refused", "2 more: :messages")


def test_the_answer_to_a_key_ends_with_its_pane_and_what_came_by_itself_does_not() -> None:
    queue, answer, alert = ToastQueue(), LastingNotification("nothing here"), LastingNotification("alarm")
    answer.after_key = 10.0
    assert queue.past([answer, alert], "limits", 10.0) == [], "the key that shows a pane is answered there"
    assert queue.past([answer, alert], "limits", 11.0) == []
    assert queue.past([answer, alert], "cache", 12.0) == [answer]


def test_a_line_of_parts_loses_whole_parts() -> None:
    text = "engine does not answer · at the start · a on its row acts, i opens an incident"
    assert shown_text(text, 0, 60, 1) == "engine does not answer · at the start · :messages"


@pytest.mark.parametrize("room", range(52, 100, 4))
def test_in_one_line_an_answer_keeps_its_beginning_and_the_clause_that_says_what_to_do(room: int) -> None:
    text = "high_traffic / list_messages is not in this list, which is paused: space continues it"
    shown = shown_text(text, 0, room, 1)
    assert cell_len(shown) <= room and shown.startswith("high_traffic") and "space continues it" in shown
    assert (shown == text) == (room >= cell_len(text)) and (":messages" in shown) == (shown != text)
    alert = shown_text(
        "▲ MED route /a/b/c/d p95 is over 500 ms\na on its row acts, i opens an incident", 0, room, 1, True
    )
    assert alert.startswith("▲ MED route /a/b/c/d p95"), "of an alert the beginning"
    path = shown_text("written to\n/home/somebody/.local/state/optimus/reports/2026-12-01/health.txt", 0, room, 1)
    assert cell_len(path) <= room and path.startswith("written to ") and path.split(" · :")[0].endswith("h.txt")
