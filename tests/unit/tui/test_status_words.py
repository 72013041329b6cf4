"""The status line's words for what is armed: the address stays while there is any room for it."""

import pytest
from rich.cells import cell_len

from optimus_tui.actions import guard
from optimus_tui.contract.actions import Where
from optimus_tui.settings.model import Settings
from optimus_tui.tui.actions import questions as arm
from optimus_tui.tui.dashboard.status_line import mode_room, target_words


def where(place: str) -> Where:
    return Where(environment="demo", place=place, db=0, user="default", run_id="", replid="", role="master")


@pytest.mark.parametrize(
    ("place", "room", "words"),
    [
        ("127.0.0.1:25714", 60, "  127.0.0.1:25714 db 0 as default"),
        ("127.0.0.1:25714", 24, "  127.0.0.1:25714 db 0"),
        ("127.0.0.1:25714", 17, "  127.0.0.1:25714"),
        ("cache-7.prod.example.org:6379", 20, "  cache-7.pro…g:6379"),
        ("127.0.0.1:25714", 8, "  :25714"),
        ("/run/redis.sock", 8, ""),
        ("127.0.0.1:25714", -3, ""),
    ],
)
def test_the_target_is_shortened_and_not_dropped(place: str, room: int, words: str) -> None:
    told = target_words(where(place), room)
    assert cell_len(told) <= max(0, room)
    assert told == words


def test_at_80_columns_there_is_room_for_an_address() -> None:
    room = mode_room(Settings(environment="demo"), 80) - len("ARMED 10:00")
    assert target_words(where("127.0.0.1:25714"), room) == "  127.0.0.1:25714"


def test_the_arm_dialog_s_minutes_are_the_guard_s() -> None:
    assert arm.IDLE_MINUTES * 60 == guard.IDLE_SECONDS
