"""The wizard in a project that is not a gateway: the place is found or asked for, and the helpers are offered."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from optimus_tui.tui.routers.draft import CHECKLIST, NEXT, PREVIEW, WRITE
from optimus_tui.tui.routers.wizard import RouterScreen
from tests.scaffold.layouts import FLAT, FULL_STACK, content, make_project
from tests.sizes import SIZES
from tests.tui.driver import until
from tests.tui.routers.driver import PASSED, app_for, call_it, checks, let_go, opened, shown, to_page


@pytest.mark.parametrize("size", SIZES)
async def test_a_router_is_written_to_the_layout_of_the_full_stack_template(
    size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks(monkeypatch, *PASSED)
    project = make_project(tmp_path / "project", FULL_STACK)
    before = content(project)
    app = app_for(project)
    async with app.run_test(size=size) as pilot:
        screen = await at_features(pilot)
        await until(pilot, lambda: "no limiter and no cache of a gateway" in " ".join(shown(app).split()))
        assert "backend/app/optimus_gateway/" in " ".join(shown(app).split())
        await pilot.press("down", "space")  # without caching
        await to_page(pilot, screen, PREVIEW)
        await until(pilot, lambda: screen.draft.plan is not None)
        await to_page(pilot, screen, WRITE)
        assert content(project) == before
        await pilot.press("right", "enter")
        await until(pilot, lambda: screen.draft.at == NEXT)
        new = [path for path, data in content(project).items() if path not in before and data != b"a folder"]
        helpers = [
            f"backend/app/optimus_gateway/{name}.py" for name in ("__init__", "dependencies", "engine", "limits")
        ]
        assert new == [
            "backend/app/api/routes/products.py", *helpers, "backend/app/optimus_gateway/redis_client.py",
            "backend/tests/api/routes/test_products.py",
        ]  # fmt: skip
        assert "api_router.include_router(products_router)" in (project / "backend/app/api/main.py").read_text()
        await until(pilot, lambda: "cd backend && uv add httpx" in " ".join(shown(app).split()))
        let_go(app)
        await pilot.press("enter")
        await until(pilot, lambda: screen.draft.at == CHECKLIST and len(screen.draft.flow) == 4)
        let_go(app)
        await pilot.press("enter")
        await until(pilot, lambda: screen.draft.flow[1].state == "passed")
        assert "on the disk, exactly as drafted" in screen.draft.flow[0].detail


async def test_of_two_applications_page_one_asks_for_one_and_remembers_it(tmp_path: Path) -> None:
    files = {"one/main.py": FLAT["main.py"], "two/main.py": FLAT["main.py"], "pyproject.toml": ""}
    app = app_for(make_project(tmp_path, files))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await until(pilot, lambda: bool(screen.query_one("#router-project", Input).value))
        call_it(screen)
        await pilot.press("enter")
        await until(pilot, lambda: "2 places here may register a router" in " ".join(shown(app).split()))
        assert screen.draft.at == 0
        assert screen.focused is screen.query_one("#router-into", Input)
        await pilot.press(*"two/main.py")
        await to_page(pilot, screen, PREVIEW)
        await until(pilot, lambda: screen.draft.plan is not None)
        assert screen.draft.plan is not None
        paths = [change.path for change in screen.draft.plan.changes]
        assert {"two/routers/products.py", "two/main.py", "optimus.toml"} <= set(paths)


async def test_where_no_application_is_page_one_says_what_is_needed(tmp_path: Path) -> None:
    app = app_for(make_project(tmp_path, {"pyproject.toml": ""}))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await until(pilot, lambda: bool(screen.query_one("#router-project", Input).value))
        call_it(screen)
        await pilot.press("enter")
        await until(pilot, lambda: "has no FastAPI application" in " ".join(shown(app).split()))
        assert "optimus-tui init NAME" in " ".join(shown(app).split())


async def at_features(pilot: Pilot[Any]) -> RouterScreen:
    """The wizard at its page of features, for a router called products."""
    screen = await opened(pilot)
    await until(pilot, lambda: bool(screen.query_one("#router-project", Input).value))
    call_it(screen)
    await to_page(pilot, screen, 3)
    return screen
