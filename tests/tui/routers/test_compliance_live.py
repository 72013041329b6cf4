"""The compliance screen's live half on a real server: differences, agreement, and a server that is away."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from optimus_tui.settings.model import RedisTarget
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.routers.compliance_lists import DriftList, FileList, IssueList
from optimus_tui.tui.routers.compliance_screen import ComplianceScreen
from tests.patterns_tree import GOOD, make_tree
from tests.realserver import RealServer
from tests.sizes import LARGE, SIZES, SMALL
from tests.tui.driver import until
from tests.tui.pane_app import screen_lines
from tests.tui.pictures import SETTINGS

KEPT = 'await redis.set(f"cache:price:{tenant}:1", "x", ex=60)'
STORES = GOOD.replace("    return await", f"    {KEPT}\n    return await")
pytestmark = pytest.mark.live


def app_for(root: Path, server: RealServer) -> OptimusApp:
    target = RedisTarget(host="127.0.0.1", port=server.port)
    return OptimusApp(msgspec.structs.replace(SETTINGS, source_path=root, redis=target))


@contextlib.asynccontextmanager
async def running(app: OptimusApp, size: tuple[int, int]) -> AsyncIterator[Pilot[Any]]:
    """The program; its connection, which sampling would close, is closed here."""
    async with app.run_test(size=size) as pilot:
        yield pilot
        screen: Any = app.screen
        await screen.context.aclose()


def shown(app: Any) -> str:
    return "\n".join(line.rstrip() for line in screen_lines(app))


async def opened(pilot: Pilot[Any]) -> ComplianceScreen:
    await pilot.pause()
    dashboard: Any = pilot.app.screen
    dashboard.prompt.run("validate")
    await until(pilot, lambda: isinstance(pilot.app.screen, ComplianceScreen))
    screen: Any = pilot.app.screen
    await until(pilot, lambda: screen.report is not None)
    await until(pilot, lambda: screen.live is not None or bool(screen.live_failure))
    return screen


@pytest.mark.parametrize("size", SIZES)
async def test_what_differs_between_code_and_redis_is_a_key_away(
    size: tuple[int, int], server: RealServer, tmp_path: Path
) -> None:
    server.command("SET", "cache:price:acme:1", "x")
    server.command("SET", "cache:odd:acme:1", "x", "EX", "60")
    server.command("SET", "rate_limit:acme:login", "1", "EX", "60")
    app = app_for(make_tree(tmp_path, things=STORES), server)
    async with running(app, size) as pilot:
        screen = await opened(pilot)
        await until(pilot, lambda: "c  code ↔ live: 4 differences" in shown(app))
        await pilot.press("c")
        view = screen.query_one(DriftList)
        await until(pilot, lambda: view.has_focus)
        assert not screen.query_one(IssueList).display
        told = [(one.kind, one.name) for one in view.rows]
        assert told == [("key without TTL", "price"), ("operation undeclared", "login"), ("kind undeclared", "odd"),
                        ("operation never seen", "thing")]  # fmt: skip
        words = " ".join(shown(app).split())
        assert "1 key of the kind price never expires" in words
        assert "3 keys read, " in words
        server.command("DEL", "cache:odd:acme:1")
        await pilot.press("r")
        await until(pilot, lambda: "Code ↔ live: 3 differences" in shown(app))
        await pilot.press("tab")
        await until(pilot, lambda: screen.query_one(FileList).has_focus)
        await pilot.press("c")
        await until(pilot, lambda: screen.query_one(IssueList).display and screen.query_one(FileList).has_focus)
        assert not view.display


@pytest.mark.parametrize("size", SIZES)
async def test_agreement_says_what_was_compared(size: tuple[int, int], server: RealServer, tmp_path: Path) -> None:
    server.command("SET", "cache:price:acme:1", "x", "EX", "60")
    server.command("SET", "rate_limit:acme:thing", "1", "EX", "60")
    app = app_for(make_tree(tmp_path, things=STORES), server)
    async with running(app, size) as pilot:
        screen = await opened(pilot)
        await until(pilot, lambda: "c  code ↔ live: no difference" in shown(app))
        await pilot.press("c")
        await until(pilot, lambda: "Code and Redis agree: 1 operation and 1 cache kind" in shown(app))
        await pilot.press("escape")
        await until(pilot, lambda: screen.query_one(FileList).has_focus)
        assert app.screen is screen
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))


async def test_a_redis_that_is_away_is_said_and_the_findings_stay(
    make_server: Callable[..., RealServer], tmp_path: Path
) -> None:
    server = make_server()
    app = app_for(make_tree(tmp_path, things=STORES), server)
    async with running(app, SMALL) as pilot:
        screen = await opened(pilot)
        assert screen.live is not None
        server.stop()
        await pilot.press("r")
        await until(pilot, lambda: bool(screen.live_failure))
        await until(pilot, lambda: "c  code ↔ live: not compared" in shown(app))
        assert screen.query_one(FileList).rows
        await pilot.press("c")
        for size in (SMALL, LARGE):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: f"Code and Redis were not compared: 127.0.0.1:{server.port}" in shown(app))
            assert "difference" not in shown(app)


async def test_help_lists_the_keys_that_work_on_the_compliance_screen(server: RealServer, tmp_path: Path) -> None:
    app = app_for(make_tree(tmp_path, things=STORES), server)
    async with running(app, SMALL) as pilot:
        screen = await opened(pilot)
        live = {one.binding.id for one in screen.active_bindings.values() if one.enabled and one.binding.id}
        assert {"router.drift", "router.level", "router.editor", "pane.refresh", "pane.copy_as", "app.back"} <= live
        await pilot.press("question_mark")
        await until(pilot, lambda: app.screen is not screen)
        words = " ".join(shown(app).split())
        assert "c Compliance: code against Redis, and back" in words
        assert "l Compliance: the level that is checked" in words
        assert "o Open the file in $EDITOR, at the line" in words
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
