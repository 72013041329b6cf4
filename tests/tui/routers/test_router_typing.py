"""What is typed and pasted into the wizard: refused names, bursts, keys before the first page, too long a paste."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.routers.draft import FieldAnswer, name_problem
from optimus_tui.tui.routers.widgets import FieldDialog
from optimus_tui.tui.routers.wizard import RouterScreen
from tests.sizes import SIZES
from tests.tui.driver import until
from tests.tui.routers.driver import app_for, opened, shown

HOSTILE = (
    "", " ", "a b", "a-b", "A", "1a", "__import__('os')", "x\n", "x\x1b[31m", "x\0", "ｎame", "class", "match", "id",
    "model_x", "../x", "x/y", "{{x}}", "{% x %}", "x'", 'x"', "a" * 41, "\ud800", "🙂", "a:str=", "x;import os", "None",
)  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
async def test_what_cannot_be_a_name_is_refused_in_one_sentence_under_the_field(
    size: tuple[int, int], gateway: Path
) -> None:
    app = app_for(gateway)
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot)
        for name in ("Class", "../../etc/passwd", "x; import os", "app", "ñame", "a" * 80, "{{ 7*7 }}"):
            screen.query_one("#router-name", Input).value = name
            await pilot.press("enter")
            await until(pilot, lambda: "cannot name a router" in " ".join(shown(app).split()))
            assert screen.draft.at == 0
        screen.query_one("#router-name", Input).value = "products"
        screen.query_one("#router-project", Input).value = "/nowhere\x1b[31m"
        await pilot.press("enter")
        await until(pilot, lambda: "is not a directory" in " ".join(shown(app).split()))
        assert screen.draft.at == 0


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_text_becomes_a_field(name: str) -> None:
    assert name_problem(name) or name in ("id", "model_x")  # id is every resource's own
    problem = FieldAnswer(name).problem([])
    assert bool(problem) is (name not in ("class", "match", "model_x"))
    assert "\n" not in problem
    assert "\x1b" not in problem
    assert FieldAnswer("a:str=", "int").problem([])


async def test_keys_that_arrive_in_one_burst_each_move_one_line(gateway: Path) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        dialog = FieldDialog(FieldAnswer(), [])
        await app.push_screen(dialog)
        await until(pilot, lambda: dialog.lines != [] and dialog.lines[0].has_focus)
        for _ in range(3):
            app.post_message(events.Key("down", None))
        await until(pilot, lambda: dialog.focused is dialog.lines[3])
        assert app.screen is dialog and dialog.lines[0].value == ""


async def test_a_choice_and_the_enter_behind_it_may_arrive_in_one_burst(gateway: Path) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"products", "enter")
        await until(pilot, lambda: screen.draft.at == 1)
        for key in ("down", "j", "j", "enter"):
            app.post_message(events.Key(key, None))
        await until(pilot, lambda: screen.draft.at == 2)
        assert screen.draft.answers.type == "hybrid"
        for key in ("G", "space", "enter"):
            app.post_message(events.Key(key, None))
        await until(pilot, lambda: screen.draft.at == 3)
        assert screen.draft.answers.operations == ["list", "create", "get", "update", "delete"]


@pytest.mark.parametrize("slow", [False, True])
async def test_keys_behind_ctrl_n_in_one_burst_are_the_routers_name(
    slow: bool, gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the very first time, while the wizard's code is still read, and where the project is known late."""
    if slow:
        for module in [name for name in sys.modules if name.startswith("optimus_tui.tui.routers.")]:
            package, _, name = module.rpartition(".")
            monkeypatch.setattr(sys.modules[package], name, sys.modules[module])  # and put back, as the modules are
            monkeypatch.delitem(sys.modules, module)
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for key in ("ctrl+n", *"quotes", "enter"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: getattr(getattr(app.screen, "draft", None), "at", 0) == 1)
        screen: Any = app.screen
        assert screen.draft.answers.name == "quotes"
        assert screen.draft.answers.project == str(gateway)
        assert not isinstance(screen, Dashboard)


async def test_a_paste_behind_ctrl_n_is_kept_and_a_project_that_was_typed_is_not_overwritten(
    gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    known = threading.Event()

    def late() -> str:
        known.wait(20)
        return "/the/last/one"

    monkeypatch.setattr("optimus_tui.tui.routers.draft.remembered_project", late)
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.post_message(events.Key("ctrl+n", None))
        app.post_message(events.Paste("orders"))
        await until(pilot, lambda: isinstance(app.screen, RouterScreen) and "orders" in shown(app))
        screen = app.screen
        screen.query_one("#router-project", Input).value = str(gateway)
        pressed = asyncio.ensure_future(pilot.press("enter"))
        assert await asyncio.wait({pressed}, timeout=0.3) == (set(), {pressed}), "it waits for the last project"
        known.set()
        await pressed
        await until(pilot, lambda: screen.draft.at == 1)  # type: ignore[attr-defined]
        assert screen.draft.answers.project == str(gateway)  # type: ignore[attr-defined]


async def test_a_paste_without_room_is_said_and_changes_nothing(gateway: Path) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        app.post_message(events.Paste("x" * 5000))
        await until(pilot, lambda: "a line holds 4,096 characters at most: the new text was not added" in shown(app))
        assert screen.query_one("#router-name", Input).value == ""
        dialog = FieldDialog(FieldAnswer(), [])
        await app.push_screen(dialog)
        await until(pilot, lambda: dialog.lines != [] and dialog.lines[0].has_focus)
        app.post_message(events.Paste("y" * 201))
        await until(pilot, lambda: "a line holds 200 characters at most" in shown(app))
        assert dialog.lines[0].value == ""
        await pilot.press("z")
        await until(pilot, lambda: "200 characters at most" not in shown(app))
