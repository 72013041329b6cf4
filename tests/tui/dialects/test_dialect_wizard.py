"""``:dialect`` by keys alone, on a real server: names, questions, the panes to be, the file, the dashboard."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from optimus_tui.settings.load import load
from optimus_tui.settings.model import Settings
from optimus_tui.tui.commands import run_line
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialects.pages import LinesPage, NamesPage, QuestionPage, SavePage
from optimus_tui.tui.dialects.screen import DialectScreen
from optimus_tui.tui.dialogs.base import AskDialog
from optimus_tui.tui.tools.form import FormChoice
from tests.realserver import RealServer, nobody_port
from tests.tui.driver import PlainBackground, said, until

FILE = '# mine\nbell = "never"\n'
SLOWAPI = (
    ("LIMITS:LIMITER/acme//api/chat/10/1/minute", "12"),
    ("LIMITS:LIMITER/clinic_b//api/list/100/1/hour", "3"),
)
AMBIGUOUS = (("rl:acme:chat", "5"), ("rl:clinic_b:chat", "7"), ("rl:acme:list", "1"))
Opened = Callable[..., Any]


@asynccontextmanager
async def opened(
    server: RealServer, folder: Path, size: tuple[int, int] = (80, 24), text: str = FILE, **variables: str
) -> AsyncIterator[tuple[Pilot[Any], Any, Path]]:
    """The wizard on a server, with a file of the user's, and a dashboard that reads the file again."""
    file = folder / "config.toml"
    file.write_text(text)
    nobody = f"http://127.0.0.1:{nobody_port()}"
    env = {"REDIS_URL": server.url, "BACKEND_ORCHESTRATOR_URL": nobody, "AI_ENGINE_URL": nobody, **variables}

    def settings(environment: str = "") -> Settings:
        return load({"env": environment}, env, folder, file)

    app = PlainBackground(settings(), reload=settings)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        run_line(app.screen, "dialect")  # type: ignore[arg-type]
        await until(pilot, lambda: isinstance(app.screen, DialectScreen))
        screen: Any = app.screen
        await until(pilot, lambda: screen.draft is not None and screen.page is not None)
        await until(pilot, lambda: app.focused is not None)
        yield pilot, screen, file


def fill(server: RealServer, *rows: tuple[str, str]) -> None:
    for name, value in rows:
        server.command("SET", name, value, "EX", "500")


async def on_page(pilot: Pilot[Any], screen: Any, kind: type) -> None:
    await until(pilot, lambda: isinstance(screen.page, kind) and pilot.app.focused is not None)


@pytest.mark.parametrize("size", [(80, 24), (140, 42)])
async def test_a_preset_that_fits_is_shown_saved_and_read_by_without_a_restart(
    make_server: Callable[..., RealServer], tmp_path: Path, size: tuple[int, int]
) -> None:
    server = make_server()
    fill(server, *SLOWAPI, ("session:1", "x"))
    async with opened(server, tmp_path, size) as (pilot, screen, file):
        await on_page(pilot, screen, NamesPage)
        text = said(pilot)
        assert "optimus reads 0 counters and 0 cache keys" in " ".join(text.split()) and "limits" in text
        await pilot.press("enter")
        await until(pilot, lambda: "The panes would show 2 counters" in said(pilot))
        text = said(pilot)
        assert all(words in text for words in ("acme", "/api/chat", "12", "/ 10", "clinic_b", "session:…"))
        await pilot.press("enter")
        await on_page(pilot, screen, SavePage)
        await until(pilot, lambda: 'dialect = "limits"' in said(pilot))
        assert file.read_text() == FILE
        await pilot.press("right")
        await until(pilot, lambda: '+dialect = "limits"' in said(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskDialog) and "config.toml" in said(pilot))
        assert '+dialect = "limits"' in said(pilot)
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert file.read_text() == FILE, "nothing is written unasked"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskDialog))
        await pilot.press("y")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, Dashboard) and pilot.app.screen.settings.dialect is not None
        )
        assert file.read_text() == FILE + 'dialect = "limits"\n'
        dashboard: Any = pilot.app.screen
        await until(
            pilot, lambda: {row.counter.tenant for row in dashboard.pane("limits").rows} == {b"acme", b"clinic_b"}
        )


async def test_names_of_many_programs_are_asked_part_by_part_and_nothing_is_guessed(
    make_server: Callable[..., RealServer], tmp_path: Path
) -> None:
    server = make_server()
    fill(server, *AMBIGUOUS)
    async with opened(server, tmp_path) as (pilot, screen, file):
        await pilot.press("enter")
        await on_page(pilot, screen, QuestionPage)
        await until(pilot, lambda: "rl:" in said(pilot) and "3 names look so" in said(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "not answered yet: they are read" in said(pilot))
        await pilot.press("down", "left")  # as said below, the last answer
        await until(pilot, lambda: len(screen.page.query(FormChoice)) == 5)
        await pilot.press("down", "right", "down", "right", "right")
        await pilot.press("down", "right", "right")
        await until(pilot, lambda: "read as tenant acme, operation chat" in said(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "The panes would show 3 counters" in said(pilot))
        await pilot.press("alt+left")
        await on_page(pilot, screen, QuestionPage)
        await until(pilot, lambda: "read as tenant acme, operation chat" in said(pilot))  # answers stay
        await pilot.press("enter")
        await until(pilot, lambda: "The panes would show 3 counters" in said(pilot))
        await pilot.press("enter")
        await on_page(pilot, screen, SavePage)
        await until(
            pilot, lambda: 'key = "rl:{tenant}:{operation}"' in said(pilot) and 'no_ttl = "heals"' in said(pilot)
        )
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskDialog))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, Dashboard))
        assert file.read_text() == FILE


async def test_a_variable_that_goes_before_the_file_is_said_and_the_present_stays(
    make_server: Callable[..., RealServer], tmp_path: Path
) -> None:
    server = make_server()
    fill(server, *SLOWAPI)
    async with opened(server, tmp_path, OPTIMUS_DIALECT="express") as (pilot, screen, file):
        await pilot.press("enter")
        await until(pilot, lambda: "The panes would show 2 counters" in said(pilot))
        await pilot.press("enter")
        await on_page(pilot, screen, SavePage)
        await until(pilot, lambda: "OPTIMUS_DIALECT overrides the file" in said(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskDialog))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, Dashboard))
        await until(pilot, lambda: "limits" in file.read_text())
        assert pilot.app.screen.settings.dialect.name == "express"  # type: ignore[attr-defined]


async def test_where_redis_is_away_the_fault_is_said_and_enter_reads_again(
    make_server: Callable[..., RealServer], tmp_path: Path
) -> None:
    server = make_server()
    server.kill()
    async with opened(server, tmp_path) as (pilot, screen, _):
        await until(pilot, lambda: "Enter reads again" in said(pilot))
        server.start()
        fill(server, *SLOWAPI)
        await pilot.press("enter")
        await on_page(pilot, screen, NamesPage)


async def test_nothing_to_write_is_said_and_the_panes_are_shown_all_the_same(
    make_server: Callable[..., RealServer], tmp_path: Path
) -> None:
    server = make_server()
    fill(server, ("rate_limit:acme:chat", "5"))
    async with opened(server, tmp_path) as (pilot, screen, file):
        await until(pilot, lambda: isinstance(screen.page, LinesPage) and "Nothing has to be written" in said(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "The panes would show 1 counter" in said(pilot))
        await pilot.press("enter")
        await on_page(pilot, screen, SavePage)
        await pilot.press("enter")
        await until(pilot, lambda: "there is nothing to write here" in said(pilot))
        assert file.read_text() == FILE
