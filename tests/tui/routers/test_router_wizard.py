"""The wizard by keys alone, on a real gateway in a temporary folder."""

from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import AskDialog
from optimus_tui.tui.routers import tasks as router_work
from optimus_tui.tui.routers.draft import NEXT, PREVIEW, WRITE
from optimus_tui.tui.routers.widgets import FieldDialog
from optimus_tui.tui.routers.wizard import RouterScreen
from tests.tui.driver import until
from tests.tui.pane_app import screen_lines
from tests.tui.routers.driver import PASSED, app_for, call_it, checks, opened, shown, to_page


async def test_from_a_name_to_a_written_router_by_keys_alone(gateway: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks(monkeypatch, *PASSED)
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"products", "enter")
        await until(pilot, lambda: screen.draft.at == 1)
        await pilot.press("down", "down", "down", "enter")  # hybrid
        await until(pilot, lambda: screen.draft.at == 2)
        await pilot.press("end", "space", "enter")  # with delete
        await until(pilot, lambda: screen.draft.at == 3)
        await pilot.press("enter")
        await until(pilot, lambda: screen.draft.at == 4)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, FieldDialog))
        await pilot.press(*"price", "down", *"float(ge=0)", "down", "down", *"9.5", "enter")
        await until(pilot, lambda: app.screen is screen)
        assert "price" in shown(app)
        assert "9.5" in shown(app)
        await pilot.press("f")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, FieldDialog))
        await pilot.press("enter")  # an edit keeps the filter
        await until(pilot, lambda: app.screen is screen)
        await to_page(pilot, screen, WRITE)
        assert screen.draft.plan is not None
        assert screen.draft.plan.draft.spec.type == "hybrid"
        assert [field.name for field in screen.draft.plan.draft.spec.filters] == ["price"]
        assert len(screen.draft.plan.draft.spec.operations) == 5
        assert not (gateway / "src/backend/routers/products.py").exists()
        await pilot.press("enter")  # nothing is written before a yes
        await until(pilot, lambda: "answer yes to" in shown(app))
        assert not screen.draft.written
        await pilot.press("right", "enter")
        await until(pilot, lambda: screen.draft.at == NEXT)
        written = (gateway / "src/backend/routers/products.py").read_text()
        assert "price: FiniteFloat = Field(default=9.5, ge=0.0)" in written
        assert (gateway / "tests/test_products.py").exists()
        assert "products" in (gateway / "src/backend/app.py").read_text()
        await until(pilot, lambda: "curl" in shown(app) and "uvicorn" in shown(app))


async def test_back_keeps_answers_and_escape_asks_before_it_loses_them(gateway: Path) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"products", "enter")
        await until(pilot, lambda: screen.draft.at == 1)
        await pilot.press("down")
        await pilot.press("alt+left")
        await until(pilot, lambda: screen.draft.at == 0 and isinstance(screen.focused, Input))
        assert screen.query_one("#router-name", Input).value == "products"
        await pilot.press("enter")
        await until(pilot, lambda: screen.draft.at == 1)
        assert screen.draft.answers.type == "direct"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("enter")  # answers nothing
        assert isinstance(app.screen, AskDialog)
        await pilot.press("n")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))


async def test_escape_asks_nothing_where_nothing_would_be_lost(gateway: Path) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, RouterScreen))
        assert isinstance(app.screen, Dashboard), "no dialog asks anything"


async def test_the_project_is_remembered_for_the_next_router(gateway: Path) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        call_it(screen)
        await to_page(pilot, screen, PREVIEW)
        await until(
            pilot,
            lambda: screen.draft.plan is not None and "plan" not in {w.name for w in screen.workers if w.is_running},
        )
        await until(pilot, lambda: any("router   tests" in line for line in screen_lines(app)))
        assert not any("─router" in line for line in screen_lines(app))
    app = app_for(None)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await until(pilot, lambda: screen.query_one("#router-project", Input).value == str(gateway))


async def test_router_with_a_name_on_the_command_line_and_in_the_palette(gateway: Path) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        dashboard.prompt.run("router orders")
        await until(pilot, lambda: isinstance(app.screen, RouterScreen) and isinstance(app.screen.focused, Input))
        assert app.screen.query_one("#router-name", Input).value == "orders"


def test_the_plan_refuses_in_one_sentence_where_the_project_is_none(tmp_path: Path) -> None:
    from optimus_tui.tui.routers.draft import RouterAnswers

    with pytest.raises(router_work.Unplannable, match="is not a gateway"):
        router_work.make_plan(RouterAnswers(name="products", project=str(tmp_path)))
