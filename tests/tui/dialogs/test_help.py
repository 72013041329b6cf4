"""Help: its search, the commands, the glossary; and the messages that toasts have shown."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input
from textual.widgets._toast import Toast

from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.dialogs.help import HelpDialog
from optimus_tui.tui.dialogs.sheets import SheetDialog, TextDialog
from optimus_tui.tui.keys import KEYS, in_footer
from optimus_tui.tui.toasts.queue import toast_room
from optimus_tui.wording.glossary import GLOSSARY
from tests.sizes import SIZES
from tests.tui.driver import said, until
from tests.tui.keys import burst
from tests.tui.pictures import SETTINGS


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Dashboard, "start_sampling", lambda self: None)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_typed_behind_the_question_mark_searches_and_escape_clears_it(size: tuple[int, int]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await burst(pilot, "question_mark", *"slope")
        assert isinstance(app.screen, HelpDialog)
        assert app.screen.query_one(Input).value == "slope"
        await until(pilot, lambda: "How fast a counter grows" in said(pilot))
        assert "Sort by the next column" not in said(pilot)
        await burst(pilot, "enter")
        assert any("searches at once" in one.message for one in app._notifications), "no key is silent"
        await burst(pilot, "escape")
        await until(pilot, lambda: "Sort by the next column" in said(pilot))
        await burst(pilot, *":limits")
        await until(pilot, lambda: ":limits [tenant]" in said(pilot))
        await burst(pilot, "escape", *"zzz")
        await until(pilot, lambda: "Nothing here has" in said(pilot))
        await burst(pilot, "question_mark")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))


def test_each_word_is_explained_once_in_one_sentence() -> None:
    words = [term.word.lower() for term in GLOSSARY]
    assert len(set(words)) == len(words)
    assert words == sorted(words)
    assert all(term.meaning.endswith(".") and ". " not in term.meaning for term in GLOSSARY)


def footer(app: Any) -> str:
    return said_lines(app)[-1]


def said_lines(app: Any) -> list[str]:
    from tests.tui.pane_app import screen_lines

    return screen_lines(app)


@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
async def test_the_footer_has_what_the_dashboard_exists_for_and_cuts_no_label(width: int) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(width, 30)) as pilot:
        await pilot.pause()
        line = footer(app)
        assert "? help" in line
        assert line.rstrip().endswith("q quit")
        assert "…" not in line
        wanted = ["? help", ": command", "i incident", "a actions", "e explain"][: 5 if width >= 80 else 3]
        assert all(one in line for one in wanted)


async def test_only_the_dashboard_says_that_q_quits_elsewhere_it_goes_back_as_esc_does() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        assert "q quit" in footer(app)
        dashboard = app.screen
        await pilot.press("L")
        await until(pilot, lambda: app.screen is not dashboard and "esc back" in footer(app))
        assert "quit" not in footer(app)
        await pilot.press("q")
        await until(pilot, lambda: app.screen is dashboard)


def test_an_incident_shows_close_and_export_at_80_columns() -> None:
    here = [key for key in KEYS if key.scope == "incident" or key.id in ("app.help", "app.command", "app.back")]
    widths = {key.id: len(f"{key.shown or key.keys} {key.label}") for key in here}
    shown = in_footer(widths, 79, 2)
    assert {"app.help", "incident.step", "incident.close", "incident.export", "app.back"} <= set(shown)
    assert (shown[0], shown[-1]) == ("app.help", "app.back")


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (140, 42)])
async def test_a_toast_that_is_cut_still_says_where_the_whole_is(size: tuple[int, int]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        app.notify("a first one", timeout=30)
        app.notify(f"fixed: clinic_b {'/ chat never resets ' * 20}", timeout=30)
        await until(pilot, lambda: "fixed: clinic_b" in said(pilot))
        assert app.screen.query_one(Toast).content_size.width >= toast_room(size[0])
        assert "1 more: :messages" in said(pilot)


async def test_one_toast_at_a_time_the_worst_first_and_all_can_be_read_again() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        app.notify("one said", timeout=30)
        app.notify("two broke", severity="error", timeout=30)
        app.notify("three said", timeout=30)
        await until(pilot, lambda: "2 more: :messages" in said(pilot))
        await until(pilot, lambda: "one said" not in said(pilot) and "three said" not in said(pilot))
        lines = said(pilot).splitlines()
        assert "two broke" in said(pilot)
        assert lines[-3].startswith("╰") and lines[-3].endswith("╯"), "the truth line is above the toast"
        assert "two broke · 2 more: :messages" in lines[-2]
        assert lines[-1].startswith(" ? help")
        assert isinstance(app.dashboard, Dashboard)
        app.notify(f"written to\n/srv/report.html\n{'a long line ' * 8}wrapped", timeout=30)
        await until(pilot, lambda: "3 more: :messages" in said(pilot))
        app.dashboard.prompt.run("messages")
        await until(pilot, lambda: "/srv/report.html" in said(pilot))
        assert "wrapped" in said(pilot)
        first, path = (next(one for one in said(pilot).splitlines() if word in one) for word in ("written", "/srv"))
        assert first.index("written") == path.index("/srv"), "further lines of a message stand below its first"
        assert all(word in said(pilot) for word in ("one said", "two broke", "three said"))


LONG = [("", f"line {number}", "") for number in range(200)]


def scrolled_from(view: Widget, top: float) -> bool:
    return view.scroll_y != top


@pytest.mark.parametrize(
    "dialog",
    [
        lambda: HelpDialog("x", "", [("Here", [(text, text) for _, text, _ in LONG])]),
        lambda: TextDialog("x", Content("\n".join(text for _, text, _ in LONG))),
        lambda: SheetDialog("x", LONG),
    ],
    ids=["help", "text", "sheet"],
)
async def test_a_view_that_scrolls_says_that_it_is_at_its_end_only_there(dialog: Any) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        app.push_screen(dialog())
        await until(pilot, lambda: isinstance(app.screen, Dialog) and "line 3" in said(pilot))
        view = next(one for one in app.screen.walk_children(Widget) if one.allow_vertical_scroll)
        for key in ("down", "pagedown", "pageup"):
            at = view.scroll_y
            await pilot.press(key)
            await until(pilot, partial(scrolled_from, view, at))
            assert [one.text for one in app.messages_said if "nothing further" in one.text] == [], key
        view.scroll_end(animate=False, immediate=True)
        await pilot.press("down")
        await until(pilot, lambda: any("this is the end" in one.text for one in app.messages_said))
