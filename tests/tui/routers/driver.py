"""A wizard in a test: a real gateway in a temporary folder, checks that end at once, and the way from page to page."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from optimus_tui.actions.drafts.draft_checks import DraftCheck
from optimus_tui.tui.routers.draft import CHECKS, PREVIEW
from optimus_tui.tui.routers.wizard import RouterScreen
from tests.tui.driver import PlainBackground, until
from tests.tui.pane_app import screen_lines
from tests.tui.pictures import SETTINGS

PASSED = tuple(DraftCheck(name, "passed", "fine") for name in ("parse", "compile", "lint", "validate", "tests"))


def checks(monkeypatch: pytest.MonkeyPatch, *results: DraftCheck) -> None:
    monkeypatch.setattr("optimus_tui.actions.drafts.draft_checks.run_checks", lambda *_: iter(results))


def app_for(gateway: Path | None) -> PlainBackground:
    return PlainBackground(msgspec.structs.replace(SETTINGS, source_path=gateway))


async def opened(pilot: Pilot[Any]) -> RouterScreen:
    await pilot.pause()
    await pilot.press("ctrl+n")
    await until(pilot, lambda: isinstance(pilot.app.screen, RouterScreen))
    screen: Any = pilot.app.screen
    await until(pilot, lambda: isinstance(screen.focused, Input))
    return screen


def shown(app: Any) -> str:
    return "\n".join(line.rstrip() for line in screen_lines(app))


def call_it(screen: RouterScreen, name: str = "products") -> None:
    """The router's name, as if it had been typed."""
    screen.query_one("#router-name", Input).value = name


def let_go(app: Any) -> None:
    """As if no key had been pressed for long."""
    app.key_at = float("-inf")


async def to_page(pilot: Pilot[Any], screen: RouterScreen, at: int) -> None:
    """Enter through the pages; a page that is still busy is waited for."""
    while screen.draft.at < at:
        here = screen.draft.at
        if here == PREVIEW:
            await until(pilot, lambda: screen.draft.plan is not None)
            await until(pilot, lambda: bool(screen.query("#code")) and screen.query_one("#code").has_focus)
            let_go(screen.app)  # whoever reads the preview lets go of the key
        if here == CHECKS:
            await until(pilot, lambda: screen.draft.all_checked)
        await pilot.press("enter")
        await until(pilot, lambda here=here: screen.draft.at != here and screen.focused is not None)  # type: ignore[misc]
