"""The command log's screen: what was asked for in sight, polls folded behind a key, and lines that can be pasted."""

import stat
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.probes.round_trips import CommandLog, attributed_to
from optimus_tui.settings.tuning import Tuning
from optimus_tui.tui import terminal
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.command_log.lines import LogList
from optimus_tui.tui.command_log.screen import CommandLogScreen
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import AskDialog, ChooseDialog
from optimus_tui.tui.dialogs.sheets import SheetDialog
from tests.tui.driver import until
from tests.tui.pane_app import screen_lines
from tests.tui.pictures import SETTINGS

HOSTILE = [b"cache:\x1b]52;c;eHh4\x07", b"rate_limit:a\nb:chat", b"\xff\xfe", b"", b"a\0b", b"\xe2\x80\xaegnp",
           b"[bold]x[/]", b"k" * 3000, "日本語キー".encode(), b"-rf $(reboot) `id`"]  # fmt: skip


@pytest.fixture(autouse=True)
def _here(offline: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr(terminal, "copy", lambda _, text: texts.append(text) or "here")
    return texts


def fill(log: CommandLog) -> None:
    """A tool's look, a value, an action's write, a request, polls, and a refusal."""
    with attributed_to("diagnose_gateway_health"):
        trip = log.sent([words for at in range(40) for words in ((b"GET", b"k%d" % at), (b"PTTL", b"k%d" % at))])
        for _ in range(trip.count):
            trip.answer()
        asked = log.requested(b"GET", b"http://127.0.0.1:8020/health")
        asked.status = 200
        asked.answer()
    with attributed_to("unlink_no_ttl"):
        trip = log.sent([(b"UNLINK", b"cache:conv:acme:1"), (b"UNLINK", b"cache:conv:acme:2")])
        trip.answer()
        trip.answer("NOPERM this user has no permissions")
    log.refused((b"FLUSHALL",), "not on the observer's list")
    for _ in range(9):
        with attributed_to("limits", poll=True):
            log.sent([(b"PTTL", b"rate_limit:a:chat")]).answer()


async def opened(pilot: Any, key: bool = True) -> CommandLogScreen:
    await pilot.pause()
    if key:
        await pilot.press("L")
    else:
        pilot.app.screen.prompt.run("log")
    await until(pilot, lambda: isinstance(pilot.app.screen, CommandLogScreen))
    await pilot.pause()
    screen: CommandLogScreen = pilot.app.screen
    return screen


def text_of(app: Any) -> str:
    return "\n".join(" ".join(line.split()) for line in screen_lines(app))


def toasts(app: Any) -> str:
    return "\n".join(toast.message for toast in app._notifications)


@pytest.mark.parametrize("size", [(140, 42), (80, 24), (60, 16)])
async def test_what_was_asked_for_stands_alone_and_polls_are_one_key_away(size: tuple[int, int]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        fill(dashboard.context.log)
        screen = await opened(pilot)
        text = text_of(app)
        assert "WRITE UNLINK cach" in text
        assert "read GET+PTTL k0" in text
        assert "http GET ht" in text
        assert "refused" in text
        assert "rate_limit:a:chat" not in text
        assert "84 commands · polling sent 9, p shows it" in text
        assert [line.count for line in screen.query_one(LogList).rows] == [1, 2, 1, 80]
        await pilot.press("p")
        await pilot.pause()
        text = text_of(app)
        assert "limits PTTL rate" in text
        assert "×9" in text
        assert "UNLINK" not in text
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)


@pytest.mark.parametrize("size", [(140, 42), (60, 16)])
async def test_an_empty_log_says_why_and_what_would_fill_it(size: tuple[int, int]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        await opened(pilot, key=False)
        assert "Nothing was sent on your behalf yet." in text_of(app)
        await pilot.press("p")
        await pilot.pause()
        assert "Nothing was polled yet." in text_of(app)


async def test_the_list_grows_while_it_is_looked_at_and_stands_still_while_paused() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        screen = await opened(pilot)
        view, log = screen.query_one(LogList), screen.context.log
        log.sent([(b"TYPE", b"one")]).answer()
        screen.look()
        assert len(view.rows) == 1
        await pilot.press("space")
        log.sent([(b"STRLEN", b"two")]).answer()
        screen.look()
        await pilot.pause()
        assert len(view.rows) == 1
        assert "PAUSED" in text_of(app)
        assert "1 newer" in text_of(app)
        await pilot.press("space")
        await pilot.pause()
        assert [line.words[1] for line in view.rows] == [b"two", b"one"]


async def test_what_the_ring_dropped_leaves_the_list_too() -> None:
    app = OptimusApp(SETTINGS, tuning=Tuning(most_trips=5))
    async with app.run_test(size=(140, 42)) as pilot:
        screen = await opened(pilot)
        for at in range(12):
            screen.context.log.sent([(b"UNLINK", b"%d" % at)]).answer()
            screen.look()
        await pilot.pause()
        scans = [screen.context.log.sent([(b"SCAN", b"%d" % at)]) for at in range(3)]
        screen.look()
        assert [line.count for line in screen.query_one(LogList).rows] == [3, 1, 1]
        scans += [screen.context.log.sent([(b"SCAN", b"%d" % at)]) for at in range(4)]
        screen.look()
        assert [line.count for line in screen.query_one(LogList).rows] == [5]
        for at in range(12, 24):
            screen.context.log.sent([(b"UNLINK", b"%d" % at)]).answer()
            screen.look()
        assert [line.words[1] for line in screen.query_one(LogList).rows] == [b"23", b"22", b"21", b"20", b"19"]
        assert "26 older ones gone" in text_of(app)


async def test_a_filter_finds_words_kinds_and_slow_ones_and_escape_shows_all_again() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        fill(dashboard.context.log)
        screen = await opened(pilot)
        view = screen.query_one(LogList)
        for typed, count in (("kind:write", 2), ("health", 2), ("k39", 1), ("nobody", 0)):
            await pilot.press("slash", *[{" ": "space", ":": "colon"}.get(c, c) for c in typed], "enter")
            await pilot.pause()
            assert len(view.rows) == count, typed
            assert view.has_focus
            await pilot.press("escape")
            await pilot.pause()
            assert len(view.rows) == 4
        await pilot.press("slash", *"kin", "colon", "x", "enter")
        await pilot.pause()
        assert "kind" in text_of(app)
        await pilot.press("escape")
        await pilot.pause()
        assert len(view.rows) == 4


async def test_lines_are_copied_as_commands_and_a_write_is_said_to_be_one(copied: list[str]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        fill(dashboard.context.log)
        await opened(pilot)
        await pilot.press("down", "y")
        await until(pilot, lambda: len(copied) == 1)
        assert [line.split(" UNLINK ")[1] for line in copied[0].splitlines()] == [
            "cache:conv:acme:1", "cache:conv:acme:2",
        ]  # fmt: skip
        await until(pilot, lambda: "writes when pasted" in toasts(app))
        await pilot.press("down", "y")
        await until(pilot, lambda: len(copied) == 2)
        assert copied[1] == "curl -sS http://127.0.0.1:8020/health"
        await pilot.press("down", "Y")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        await pilot.press("down", "enter")
        await until(pilot, lambda: len(copied) == 3)
        assert len(copied[2].splitlines()) == 80


async def test_enter_shows_every_word_and_every_command_of_a_line() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        fill(dashboard.context.log)
        await opened(pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, SheetDialog))
        await pilot.pause()
        assert "2 UNLINK cache:conv:acme:2 NOPERM this user has no permissions" in text_of(app)
        assert "for unlink_no_ttl" in text_of(app)
        await pilot.press("escape", "up", "enter")
        await until(pilot, lambda: isinstance(app.screen, SheetDialog))
        await pilot.pause()
        assert "to paste # FLUSHALL: not copied, it was refused and never sent" in text_of(app)


@pytest.mark.parametrize("size", [(140, 42), (80, 24), (60, 16)])
async def test_hostile_bytes_stay_on_their_line_and_in_their_columns_rows_1_to_16(size: tuple[int, int]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        for name in HOSTILE:
            with attributed_to("value"):
                dashboard.context.log.sent([(b"UNLINK", name)]).answer(f"ERR \x1b[2J{name!r}")
        screen = await opened(pilot)
        view = screen.query_one(LogList)
        assert len(view.rows) == len(HOSTILE)
        for at in range(len(HOSTILE)):
            assert view.plain(at, size[0] - 4).isprintable()
        lines = screen_lines(app)
        assert all(line.isprintable() for line in lines)
        ends = {line.rstrip()[-1] for line in lines[1 : size[1] - 2] if line.strip()}
        assert ends <= {"│", "╮", "╯"}
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SheetDialog))
        assert all(line.isprintable() for line in screen_lines(app))


async def test_the_export_is_private_is_no_script_and_holds_every_command(copied: list[str], tmp_path: Path) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        fill(dashboard.context.log)
        await opened(pilot)
        folder = tmp_path / "state" / "optimus-tui"
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("enter")  # answers nothing
        assert isinstance(app.screen, AskDialog)
        await pilot.press("n")
        await until(pilot, lambda: not isinstance(app.screen, AskDialog))
        assert not list(folder.glob("commands-*")), "nothing is written that was not confirmed"
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("y")
        await until(pilot, lambda: f"84 lines written to{folder}" in toasts(app).replace("\n", ""))
        assert "84 lines written to\n/" in toasts(app)  # the path begins on a line of its own
        (path,) = folder.glob("commands-*.txt")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        lines = path.read_text().splitlines()
        assert len(lines) == 84
        assert all(line[:2] == "20" and line.count("\t") == 6 for line in lines)
