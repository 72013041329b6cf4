"""The wizard attacked: held keys, windows of any size, hostile defaults; and what its footer and help say."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual import events

from optimus_tui.tui.routers.draft import CHECKLIST, NEXT, PREVIEW, WRITE, FieldAnswer
from optimus_tui.tui.routers.pages import FieldsPage
from optimus_tui.tui.routers.widgets import FieldDialog
from tests.amounts import amount
from tests.tui.driver import until
from tests.tui.routers.driver import (
    PASSED,
    app_for,
    call_it,
    checks,
    let_go,
    opened,
    shown,
    to_page,
)

FIELDS = 4
MORE = amount(8, 20)
"""Times that a key which is held repeats itself on a page that it must not leave."""
HOSTILE = ("1e999", "nan", "0x10", "9" * 200, "\x1b[31m", "'''", "{{7*7}}", "true", "–1")


async def test_every_page_lives_in_any_size_with_thirty_fields(gateway: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks(monkeypatch, *PASSED)
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        screen.draft.answers.fields = [
            FieldAnswer(f"field_{number}", "int", default=str(number)) for number in range(30)
        ]
        call_it(screen)
        for at in range(CHECKLIST + 1):
            await to_page(pilot, screen, min(at, WRITE))
            if at == NEXT:
                await pilot.press("right", "enter")
                await until(pilot, lambda: screen.draft.at == NEXT)
            if at == CHECKLIST:
                let_go(screen.app)
                await pilot.press("enter")
                await until(pilot, lambda: screen.draft.at == CHECKLIST)
            for size in ((20, 5), (80, 24)):
                await pilot.resize_terminal(*size)
                assert app.size == size
                await pilot.press("end", "home")
            if at == FIELDS:
                await pilot.press("end")
                await until(pilot, lambda: "field_29" in shown(app))
        assert (gateway / "src/backend/routers/products.py").read_text().count("field_29") > 0


async def test_hostile_defaults_are_refused_in_words_in_the_editor(gateway: Path) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await screen.show(FIELDS)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, FieldDialog))
        dialog: Any = app.screen
        dialog.lines[0].value = "amount"
        dialog.lines[1].value = "int"
        dialog.lines[3].focus()
        for default in HOSTILE:
            dialog.lines[3].value = ""
            await until(pilot, lambda: "-wrong" not in dialog.query_one("#field-note").classes)
            app.post_message(events.Paste(default + "\nenter"))
            await until(pilot, lambda: bool(dialog.lines[3].value))
            assert "\n" not in dialog.lines[3].value
            await pilot.press("enter")
            await until(pilot, lambda: app.screen is screen or "-wrong" in dialog.query_one("#field-note").classes)
            assert app.screen is dialog, f"kept as a whole number: {dialog.lines[3].value!r}"
            assert "\x1b" not in shown(app)
        await pilot.press("escape")
        await until(pilot, lambda: "esc again drops what was typed" in shown(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert [one.name for one in screen.query_one(FieldsPage).fields] == ["name", "description"]


async def test_enter_held_down_writes_nothing_and_behind_the_write_starts_nothing(
    gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HELD_SECONDS", "FIRST_HELD_SECONDS"):  # a busy machine repeats slowly
        monkeypatch.setattr(f"optimus_tui.tui.routers.wizard.{name}", 60.0)
    checks(monkeypatch, *PASSED)
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        call_it(screen)
        for _ in range(amount(60, 200)):
            await pilot.press("enter")
            await asyncio.sleep(0.01)
        assert screen.draft.at == PREVIEW and not screen.draft.checks, (
            "a key that is held starts no code of the project"
        )
        let_go(screen.app)
        for _ in range(400):
            await pilot.press("enter")
            if screen.draft.at == WRITE:
                break
            await asyncio.sleep(0.02)
        await pilot.press(*["enter"] * MORE)
        assert screen.draft.at == WRITE
        assert not screen.draft.written
        assert not (gateway / "src/backend/routers/products.py").exists()
        await pilot.press("right", *["enter"] * MORE)
        await until(pilot, lambda: screen.draft.at == NEXT)
        await pilot.press(*["enter"] * MORE)
        assert screen.draft.at == NEXT, "no test message was posted by a key that was held a moment too long"
        assert not screen.draft.flow
        assert (gateway / "src/backend/routers/products.py").exists()


async def test_the_footer_says_what_enter_does_on_each_page_and_only_keys_that_work(
    gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks(monkeypatch, *PASSED)
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        call_it(screen)
        words = ["next"] * 5 + ["check", "next", "write", "checklist", "run it"]
        for at, word in enumerate(words):
            await to_page(pilot, screen, min(at, WRITE))
            if at == NEXT:
                await pilot.press("right", "enter")
            if at == CHECKLIST:
                let_go(screen.app)
                await pilot.press("enter")
            await until(pilot, lambda at=at: screen.draft.at == at)  # type: ignore[misc]
            await until(pilot, lambda word=word: f"enter {word}" in shown(app).splitlines()[-1])  # type: ignore[misc]
            footer = shown(app).splitlines()[-1]
            assert ("alt+←" in footer) == (at not in (0, NEXT)), footer
            assert ("space choose" in footer) == (at in (2, 3)), footer
            assert ("o editor" in footer) == (at >= NEXT), footer
            if at:
                await pilot.press("question_mark")
                await until(pilot, lambda: app.screen is not screen)
                assert "Wizard: next page" in shown(app)
                assert ("Wizard: tick or untick this" in shown(app)) == (at in (2, 3))
                await pilot.press("escape")
                await until(pilot, lambda: app.screen is screen)


async def test_a_click_after_two_equal_keys_is_no_key_held_down(gateway: Path) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("a", "a")
        assert app.is_held(60.0)
        await pilot.click("#router-name")
        assert not app.is_held(60.0)
