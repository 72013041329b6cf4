"""The prompt of ``:`` and ``/``: Tab, history, and what happens when the focus goes elsewhere."""

from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, Label

from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.command_log.screen import CommandLogScreen
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import PickDialog
from optimus_tui.tui.keys import KEYS
from optimus_tui.tui.prompt.bar import PromptBar
from optimus_tui.tui.prompt.history import MAX_BYTES, MOST_LINES, PromptHistory, history_path
from tests.tui.driver import until
from tests.tui.keys import burst
from tests.tui.pictures import SETTINGS, counter, limits_report, reading


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Dashboard, "start_sampling", lambda self: None)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def bar_of(app: Any) -> PromptBar:
    return next(iter(app.screen.query(PromptBar)))


async def test_tab_takes_the_suggestion_and_goes_through_what_begins_so() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await burst(pilot, "colon", "l", "i", "tab")
        bar = bar_of(app)
        assert (bar.is_open, bar.field.value, app.focused) == (True, "limits ", bar.field), "its argument is typed next"
        await burst(pilot, *["backspace"] * 7, "r", "tab")
        seen = [bar.field.value]
        for _ in range(3):
            await burst(pilot, "tab")
            seen.append(bar.field.value)
        assert seen[0].strip() == "run"
        assert len(set(seen)) == 4
        await burst(pilot, "shift+tab")
        assert bar.field.value == seen[-2]
        await burst(pilot, *["backspace"] * 60, "x", "x", "tab")
        assert "no suggestion" in str(bar.query_one("#prompt-note", Label).content)
        assert app.focused is bar.field


async def test_a_change_that_is_told_late_takes_no_note_away() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(120, 36)) as pilot:
        await burst(pilot, "colon")
        bar = bar_of(app)
        bar.field.value = "xx"  # its message comes after the key below was handled
        bar.action_complete(1)
        await pilot.pause()
        assert "no suggestion" in str(bar.query_one("#prompt-note", Label).content)


async def test_tab_completes_the_fields_of_a_filter() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)
        app.screen.pane("limits").reading = reading(limits_report())
        await burst(pilot, "2", "slash", "a", "space", "t", "e", "n", "tab")
        assert bar_of(app).field.value == "a tenant:"


async def test_tab_completes_the_tenant_in_a_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    app = OptimusApp(SETTINGS)
    monkeypatch.setattr(app, "command_lines", lambda: ["tenant ", "tenant demo_dentist", "tenant of two words"])
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)
        app.screen.pane("limits").reading = reading(limits_report())
        await burst(pilot, "2", "slash", *"tenant:de", "tab")
        assert bar_of(app).field.value == "tenant:demo_dentist"


@pytest.mark.parametrize(("typed", "completed"), [("clin", "clinic_a"), ("rep", "reports"), ("-clin", "-clin")])
async def test_tab_completes_the_names_that_the_pane_shows(typed: str, completed: str) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)
        counters = [counter("clinic_a", "chat", 1), counter("clinic_b", "reports", 2)]
        app.screen.pane("limits").reading = reading(limits_report(counters))
        await burst(pilot, "2", "slash", *["minus" if one == "-" else one for one in typed], "tab")
        bar = bar_of(app)
        assert bar.field.value == completed
        await burst(pilot, "tab")
        assert typed != "clin" or bar.field.value == "clinic_b"


async def test_tab_takes_the_name_of_a_command_and_then_its_argument_each_once() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await burst(pilot, "colon", *"them")
        bar = bar_of(app)
        seen = []
        for _ in range(4):
            await burst(pilot, "tab")
            seen.append(bar.field.value)
        assert seen[0] == "theme "
        assert all(one.startswith("theme ") and one != "theme " for one in seen[1:])
        assert len({one.strip() for one in seen}) == 4, "each suggestion is another one"


async def test_a_command_that_does_not_exist_names_the_three_nearest() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        problem = app.run_command("tenantq2") or ""
        assert problem.startswith("no command :tenantq2; nearest: :tenant, :")
        assert problem.count(":") == 5


@pytest.mark.parametrize("way", ["click", "pane", "dialog"])
@pytest.mark.parametrize("sigil", ["colon", "slash"])
async def test_a_line_that_loses_the_focus_closes_and_nothing_typed_runs(way: str, sigil: str) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        dashboard = app.screen
        assert isinstance(dashboard, Dashboard)
        pane = dashboard.pane("limits")
        pane.reading = reading(limits_report())
        dashboard.focus_on("limits")
        await pilot.pause()
        await burst(pilot, sigil, "q")
        bar = bar_of(app)
        assert bar.is_open
        if way == "click":
            await pilot.click("#feed")
        elif way == "pane":
            dashboard.focus_on("cache")
        else:
            app.push_screen(PickDialog("Anything", [("one", "")]))
        await pilot.pause()
        assert not bar.is_open
        assert not bar.display
        assert not isinstance(app.focused, Input)
        assert not isinstance(dashboard.focused, Input)
        assert pane.filter.text == {"slash": "q", "colon": ""}[sigil]
        assert app.return_code is None


async def test_a_click_on_the_key_line_closes_the_prompt_first() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        await burst(pilot, "colon", "l", "i")
        await pilot.click("KeyStrip", offset=(3, 0))
        await pilot.pause()
        assert all(not one.is_open for screen in app.screen_stack for one in screen.query(PromptBar))


async def test_a_filter_that_cannot_be_read_leaves_the_last_good_one() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        dashboard = app.screen
        assert isinstance(dashboard, Dashboard)
        pane = dashboard.pane("limits")
        pane.reading = reading(limits_report())
        dashboard.focus_on("limits")
        await burst(pilot, "slash", *"chat", "space", *"nosuch>1")
        assert pane.filter_error
        dashboard.focus_on("feed")
        await pilot.pause()
        assert pane.filter_error is None
        assert pane.filter.text.startswith("chat")


async def test_the_arrows_walk_through_what_was_typed_also_in_the_next_session() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        for line in ("theme optimus-light", "interval 5", "arm postgres://me:pw@host/x"):
            await burst(pilot, "colon", *[{" ": "space", ":": "colon", "/": "slash"}.get(one, one) for one in line])
            await burst(pilot, "enter")
            if app.screen is not app.dashboard:
                await pilot.press("escape")
        await burst(pilot, "colon", "x", "up")
        bar = bar_of(app)
        assert bar.field.value == "interval 5"  # the line with a password was not remembered
        await burst(pilot, "up")
        assert bar.field.value == "theme optimus-light"
        await burst(pilot, "up")
        assert "oldest" in str(bar.query_one("#prompt-note", Label).content)
        await burst(pilot, "down", "down")
        assert bar.field.value == "x"
        await burst(pilot, "escape", "slash", "up")
        assert "nothing was typed" in str(bar.query_one("#prompt-note", Label).content)
    path = history_path(SETTINGS.environment)
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"pw" not in path.read_bytes()
    later = PromptHistory(path)
    later.load()
    assert later.lines(":") == ["theme optimus-light", "interval 5"]


def test_the_history_is_bounded_and_passes_over_what_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "prompt" / "x.jsonl"
    history = PromptHistory(path)
    for number in range(MOST_LINES + 5):
        line = history.add(":", f"limits tenant_{number}")
        assert line is not None
        history.keep(line)
    assert len(history.lines(":")) == MOST_LINES
    with path.open("ab") as file:
        file.write(b'{"sigil":":","text":"a\\u001b]52"}\n{"sigil":"!","text":"a"}\n{"sigil\xff\n[]\n{"text":1}\n')
    again = PromptHistory(path)
    again.load()
    assert again.lines(":") == history.lines(":")
    with path.open("ab") as file:
        file.write(b"x" * MAX_BYTES + b"\n")
    line = again.add("/", "tenant:acme")
    assert line is not None
    again.keep(line)
    assert path.stat().st_size < MAX_BYTES / 4
    last = PromptHistory(path)
    last.load()
    assert (last.lines(":"), last.lines("/")) == (history.lines(":"), ["tenant:acme"])


async def test_commands_run_from_a_screen_above_the_dashboard() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        await pilot.press("L")
        await pilot.pause()
        assert isinstance(app.screen, CommandLogScreen)
        await burst(pilot, "colon", *"theme", "space", *"optimus-light", "enter")
        assert app.theme == "optimus-light"
        assert isinstance(app.screen, CommandLogScreen)
        await burst(pilot, "colon", *"limits", "space", *"acme", "enter")
        dashboard: Any = app.screen
        assert isinstance(dashboard, Dashboard)
        assert (dashboard.current, dashboard.pane("limits").filter.text) == ("limits", "tenant:acme")


@pytest.mark.parametrize("opener", ["t", "L", "ctrl+n"])
async def test_the_command_line_opens_on_every_screen_and_help_lists_it(opener: str) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        await pilot.press(opener)
        await until(pilot, lambda: app.screen is not app.dashboard and app.screen.is_mounted and not app.keys.is_busy)
        app.screen.set_focus(None)
        await burst(pilot, "colon", "q")
        bar = bar_of(app)
        assert (bar.is_open, bar.field.value) == (True, "q")
        await burst(pilot, "escape")
        assert not bar.is_open
        assert app.return_code is None


def test_the_key_of_the_command_line_works_everywhere() -> None:
    assert next(key.scope for key in KEYS if key.id == "app.command") == "app"
