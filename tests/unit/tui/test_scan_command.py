""":scan begins a new scan, at the pace that was asked for, and refuses others in a sentence."""

from types import SimpleNamespace
from typing import Any

import pytest

from optimus_tui.settings.model import Settings
from optimus_tui.tui.dashboard.controllers import SettingsCommands
from optimus_tui.tui.services import CommandError


def dashboard(said: list[str]) -> Any:
    settings = Settings()
    return SimpleNamespace(
        settings=settings,
        context=SimpleNamespace(settings=settings),
        panes=list,
        bridge=SimpleNamespace(scan_again=lambda: said.append("begun")),
        say=said.append,
    )


def test_a_pace_holds_from_now_on_and_the_scan_begins_again() -> None:
    said: list[str] = []
    over = dashboard(said)
    SettingsCommands(over).scan("fast")
    assert over.context.settings.scan.budget == over.settings.scan.budget == "fast"
    SettingsCommands(over).scan()
    assert over.settings.scan.budget == "fast"
    assert said == ["begun", "scanning all keys again, fast"] * 2


def test_another_pace_is_refused_in_a_sentence() -> None:
    with pytest.raises(CommandError, match=":scan takes normal or fast, or nothing, not 'quick'"):
        SettingsCommands(dashboard([])).scan("quick")
