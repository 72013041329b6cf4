"""The prompt that keeps a wrong filter, explanations that keep their indent, toasts that are short."""

import pytest
from textual.widgets import Label

from optimus_tui.contract.findings import Finding
from optimus_tui.settings.model import Settings
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.explain import explain_dialog
from optimus_tui.tui.dialogs.help import help_dialog
from optimus_tui.tui.prompt.bar import PromptBar
from optimus_tui.tui.services import CommandError
from tests.tui.pane_app import screen_lines
from tests.tui.pictures import SLOW, limits_report, reading


@pytest.fixture
def app(offline: None) -> OptimusApp:
    return OptimusApp(Settings())


@pytest.mark.parametrize("size", [(80, 24), (142, 40)])
async def test_enter_on_a_wrong_filter_keeps_the_prompt_and_says_why(app: OptimusApp, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        dashboard = app.screen
        assert isinstance(dashboard, Dashboard)
        dashboard.pane("limits").reading = reading(limits_report())
        await pilot.press("2", "slash", *"nosuch>1", "enter")
        await pilot.pause()
        bar = dashboard.query_one(PromptBar)
        assert bar.is_open
        assert "no field nosuch" in str(bar.query_one("#prompt-note", Label).content)
        line = next(line for line in screen_lines(app) if "no field nosuch" in line)
        assert "nosuch>1" in line.partition("no field")[0]  # the sentence leaves room for what was typed
        await pilot.press(*["backspace"] * 8, *"used>1", "enter")
        await pilot.pause()
        assert not bar.is_open
        assert dashboard.pane("limits").filter.text == "used>1"


async def test_an_unknown_theme_is_answered_by_the_nearest_one(app: OptimusApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)
        with pytest.raises(CommandError) as refused:
            app.screen.settings_commands.set_theme("optimus-drak")
        assert str(refused.value) == (
            f"no theme 'optimus-drak'; the nearest of {len(app.screen.settings_commands.themes())} is optimus-dark"
        )


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_a_long_remedy_keeps_its_indent_at_any_width(app: OptimusApp, size: tuple[int, int]) -> None:
    finding = Finding(
        severity=SLOW.severity, rule=SLOW.rule, subject=SLOW.subject, message="slowly " * 25, remedy="mended " * 45
    )
    async with app.run_test(size=(110, 30)) as pilot:
        app.push_screen(explain_dialog("engine", [finding]))
        await pilot.pause()
        await pilot.resize_terminal(*size)
        await pilot.pause()
        lines = screen_lines(app)
        starts = {line.index("mended") for line in lines if "mended" in line}
        assert len([line for line in lines if "mended" in line]) > 2
        assert len(starts) == 1
        assert len({line.index("slowly") for line in lines if "slowly" in line}) == 1


async def test_a_toast_covers_the_feed_for_four_seconds_at_most(app: OptimusApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)
        app.screen.say("done")
        await pilot.pause()
        assert [one.timeout for one in app._notifications] == [4]


def test_help_shows_no_backticks() -> None:
    made = help_dialog("Limits", "``percent>80``", []).content
    assert callable(made)
    assert made(80).plain.strip() == "percent>80"
