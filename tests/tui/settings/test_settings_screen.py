"""The settings screen: what is in force and where from, one value changed in the user's file, and nothing unasked."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from optimus_tui.__main__ import _check_ui_settings
from optimus_tui.settings.load import load
from optimus_tui.settings.model import Settings
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.commands import run_line
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import AskDialog
from optimus_tui.tui.settings.controller import propose, write
from optimus_tui.tui.settings.rows import setting_rows
from optimus_tui.tui.settings.screen import SettingDialog, SettingsList, SettingsScreen
from tests.tui.driver import said, typed, until

FILE = '# mine\ntheme = "optimus-light"  # glare\n\n[thresholds]\nhit_rate_warn = 0.7\n'


def settings_of(folder: Path, text: str | None = FILE, **variables: str) -> Settings:
    file = folder / "conf" / "config.toml"
    if text is not None:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return load({}, {"REDIS_URL": "redis://127.0.0.1:1/0", **variables}, folder, file)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Pilot[Any], Any]]:
    app = OptimusApp(settings, check=_check_ui_settings)
    async with app.run_test(size=(140, 42), notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        dashboard = app.screen
        run_line(dashboard, "settings")  # type: ignore[arg-type]
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        yield pilot, dashboard


@pytest.fixture(autouse=True)
def _state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


async def edit(pilot: Pilot[Any], name: str, text: str) -> SettingDialog:
    """Open the dialog of a setting and write a value over the present one."""
    screen: Any = pilot.app.screen
    place = [row.name for row in screen.rows].index(name)
    screen.query_one(SettingsList).move_to(place)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, SettingDialog))
    dialog: Any = pilot.app.screen
    dialog.query_one(Input).value = ""
    await typed(pilot, text)
    return dialog


async def test_each_setting_says_its_value_where_it_came_from_its_default_and_its_range(tmp_path: Path) -> None:
    async with opened(settings_of(tmp_path)) as (pilot, _):
        text = said(pilot)
        for words in ("hit_rate_warn", "config.toml", "0.7", "0 to 1", "optimus-light", "0.5 to 60", "true or false"):
            assert words in text, words


async def test_a_value_is_written_once_the_diff_was_confirmed_and_holds_at_once(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    file = settings.user_file
    assert file is not None
    file.chmod(0o644)
    async with opened(settings) as (pilot, dashboard):
        await edit(pilot, "thresholds.hit_rate_warn", "1.5")
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, SettingDialog)
        assert "must be" in said(pilot)
        assert "<= 1" in said(pilot)
        pilot.app.screen.query_one(Input).value = "0.65"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskDialog))
        text = said(pilot)
        assert "-hit_rate_warn = 0.7" in text and "+hit_rate_warn = 0.65" in text and "config.toml" in text
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SettingsScreen))
        assert file.read_text() == FILE, "nothing is written unasked"
        await edit(pilot, "thresholds.hit_rate_warn", "0.65")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskDialog))
        await pilot.press("y")
        await until(pilot, lambda: file.read_text() == FILE.replace("0.7", "0.65"))
        assert file.stat().st_mode & 0o777 == 0o600
        await until(pilot, lambda: dashboard.settings.thresholds.hit_rate_warn == 0.65)
        assert dashboard.context.settings.thresholds.hit_rate_warn == 0.65
        assert all(pane.settings.thresholds.hit_rate_warn == 0.65 for pane in dashboard.panes())
        assert not [one for one in os.listdir(file.parent) if one != "config.toml"]


async def test_theme_keys_refresh_and_a_default_take_effect_without_a_restart(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, None)
    assert settings.user_file is not None and not settings.user_file.exists()
    async with opened(settings) as (pilot, dashboard):
        for name, value in (("theme", "optimus-contrast"), ("keys.pane.zoom", "ctrl+o"), ("refresh_seconds", "5")):
            await edit(pilot, name, value)
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, AskDialog))
            await pilot.press("y")
            await until(pilot, lambda: isinstance(pilot.app.screen, SettingsScreen))
            await until(pilot, lambda name=name: dashboard.settings.sources.get(name) == "config.toml")  # type: ignore[misc]
        assert pilot.app.theme == "optimus-contrast"
        assert dashboard.context.settings.refresh_seconds == 5
        again = load({}, {}, tmp_path, settings.user_file)
        assert (again.theme, again.keys, again.refresh_seconds) == ("optimus-contrast", {"pane.zoom": "ctrl+o"}, 5.0)
        await edit(pilot, "refresh_seconds", "")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskDialog))
        await pilot.press("y")
        await until(pilot, lambda: dashboard.settings.refresh_seconds == 2.0)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, Dashboard))
        await pilot.press("ctrl+o")
        await until(pilot, lambda: dashboard.pane_layout.zoomed)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("theme", "optimus-drak", "did you mean optimus-dark"),
        ("keys.pane.zoom", "s", "takes s, which is pane.sort already"),
        ("keys.pane.zoom", "ctrl+shift+", "is not a key"),
        ("refresh_seconds", "soon", "must be a number"),
        ("mouse", "perhaps", "must be true or false"),
        ("bell", "loud", "must be unfocused, always or never"),
    ],
)
async def test_a_bad_value_is_refused_in_one_sentence_by_the_settings_own_parser(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    settings = settings_of(tmp_path)
    async with opened(settings) as (pilot, _):
        await edit(pilot, name, value)
        await pilot.press("enter")
        await until(pilot, lambda: words in said(pilot))
        assert isinstance(pilot.app.screen, SettingDialog)
    assert settings.user_file is not None and settings.user_file.read_text() == FILE


def test_what_a_project_file_overrides_is_said(tmp_path: Path) -> None:
    (tmp_path / "optimus.toml").write_text("[thresholds]\nhit_rate_warn = 0.5\n")
    settings = settings_of(tmp_path)
    row = next(one for one in setting_rows(settings) if one.name == "thresholds.hit_rate_warn")
    assert (row.value, row.source) == (0.5, "optimus.toml")
    assert propose(settings, row, "0.9").overridden == "optimus.toml"


def test_a_file_that_changed_meanwhile_or_is_a_link_is_not_lost(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    assert settings.user_file is not None
    real = tmp_path / "dotfiles.toml"
    settings.user_file.rename(real)
    settings.user_file.symlink_to(real)
    row = next(one for one in setting_rows(settings) if one.name == "mouse")
    proposal = propose(settings, row, "false")
    real.write_text(FILE + "# more\n")
    with pytest.raises(Exception, match="changed meanwhile"):
        write(proposal.change)
    write(propose(settings, row, "false").change)
    assert settings.user_file.is_symlink()
    assert "mouse = false" in real.read_text() and "# more" in real.read_text()
    assert load({}, {}, tmp_path, settings.user_file).mouse is False


async def test_the_cursor_is_seen_without_colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(settings_of(tmp_path)) as (pilot, _):
        table = pilot.app.screen.query_one(SettingsList)
        table.move_to(2)
        await pilot.pause()
        shown = {y: [bool(one.style and one.style.reverse) for one in table.render_line(y)] for y in range(1, 6)}
        assert all(shown[3]) and not any(any(shown[y]) for y in (1, 2, 4, 5))
