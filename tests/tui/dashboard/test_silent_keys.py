"""Every key does something that can be seen, or a sentence says why it does not: in each pane, screen and dialog."""

import asyncio
import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import pytest
from textual import events
from textual.screen import Screen
from textual.widgets import Input
from textual.widgets._toast import Toast

from optimus_tui.contract.actions import ActionRequest, Plan, Where
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import DrillResult
from optimus_tui.contract.keyspace import FeedEvent, FeedGap
from optimus_tui.grammar.events import parse_event
from optimus_tui.tui.actions.action_dialog import ActionDialog
from optimus_tui.tui.actions.offers import counter_offers
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.commands import COMMANDS
from optimus_tui.tui.dialogs.base import AskDialog, ChooseDialog, Dialog, PickDialog, QuestionDialog, QuestionField
from optimus_tui.tui.keys import KEYS
from optimus_tui.tui.unused_keys import COMMANDS_FOR
from tests.amounts import amount
from tests.realserver import RealServer
from tests.tui.driver import IMMORTAL, PlainBackground, opened_card, running, until
from tests.tui.incidents.driver import opened as opened_incident
from tests.tui.keys import CHARACTERS, burst
from tests.tui.pictures import NEVER, SETTINGS, SLOW, health_report, limits_report, reading

LEAVES = ("app.quit",)
SIDEWAYS = ("cache.left", "cache.right")
"""Where a row has no group to open or to close."""
DASHBOARD_KEYS = (
    *"12345iaeTtLRzpxyYgG",
    *("space", "slash", "question_mark", "pageup", "pagedown", "tab", "up", "down", "home", "end"),
)
WRITTEN = {"esc": ["escape"], "↑↓": ["up", "down"], "^u": ["ctrl+u"]}
"""How dialogs write their keys."""


class Paints:
    """What an application shows. Whole pictures are dear: one is made only where something was painted since."""

    def __init__(self, app: Any) -> None:
        self.app, self.count = app, 0
        self._of: tuple[int, object] = (-1, None)
        self._drawn: object = None
        display = app._display

        def counted(screen: Any, renderable: Any) -> None:
            self.count += 1
            display(screen, renderable)

        app._display = counted

    def cheap(self) -> tuple[object, ...]:
        """Return what is known without a picture: which screen, the theme, and how much was said."""
        return (type(self.app.screen), self.app.theme, len(self.app.messages_said))

    def drawn(self, *, again: bool = False) -> object:
        """Return every strip of the top screen with its styles. Digits are left out: clocks change by themselves.

        Args:
            again: Make it even where nothing was painted since the last one.
        """
        made_of = (self.count, self.app.screen)
        if again or self._of != made_of:
            strips = self.app.screen._compositor.render_strips(self.app.size)
            self._drawn = [[(undated(text), style) for text, style, _ in strip._segments] for strip in strips]
            self._of = made_of
        return self._drawn


@cache
def undated(text: str) -> str:
    return re.sub(r"\d+", "0", text)


def part_of(keys: Sequence[Any], place: int, every: int) -> Sequence[Any]:
    """Return each ``every``-th key, others for the next ``place``: all of them are pressed somewhere."""
    return keys[place % every :: every]


PANES = ("health", "limits", "cache", "feed")
EVERY_OF_ALL = amount(5, 1)
"""Which of the keys that all panes share are pressed in one: every fifth one, or all. A pane's own are all pressed."""


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("full", [False, True])
async def test_no_key_of_a_pane_is_silent(full: bool) -> None:
    app = PlainBackground(SETTINGS)
    paints, silent = Paints(app), []
    async with app.run_test(size=(140, 42), notifications=True) as pilot:
        await pilot.pause()
        dashboard: Any = app.dashboard
        shared = [key for key in KEYS if key.scope == "app" and key.id not in LEAVES]
        for place, name in enumerate(PANES):
            if full:
                dashboard.pane("health").reading = health_report()
                dashboard.pane("limits").reading = reading(limits_report())
            own = [key for key in KEYS if key.scope in ("pane", name) and key.id not in SIDEWAYS]
            for key in [*part_of(shared, place + full, EVERY_OF_ALL), *own]:
                while not dashboard.is_on_top():
                    await shown(lambda: app.screen.is_mounted)  # nobody can close what has not opened
                    await app.pop_screen()
                dashboard.prompt.leave()
                dashboard.focus_on(name)
                await pilot.pause()
                if await is_silent(paints, key.keys.split(",")[0]):
                    silent.append((name, key.id))
    assert silent == []


# -- every other screen


def event() -> Any:
    one = FeedEvent(seq=1, received_at=1.0, channel=b"cache_coherence:acme", payload=b"{}", length=2)
    from optimus_tui.tui.dialogs.sheets import event_dialog

    return event_dialog(one, parse_event(one.payload, one.length))


def gap() -> Any:
    from optimus_tui.tui.dialogs.sheets import gap_dialog

    return gap_dialog(FeedGap(seq=1, received_at=1.0, seconds=4.2, reason="gone", filled=None))


def explained(*findings: Finding) -> Any:
    from optimus_tui.tui.dialogs.explain import explain_dialog

    return explain_dialog("gateway", findings)


def field_dialog() -> Any:
    from optimus_tui.tui.routers.draft import FieldAnswer
    from optimus_tui.tui.routers.widgets import FieldDialog

    return FieldDialog(FieldAnswer(), [])


def drill_result() -> Any:
    from optimus_tui.tui.drill_result import DrillScreen

    return DrillScreen(DrillResult("stampede", "a stampede", "wait", "given up", False, (), (), 3.0, None, None), 1.0)


def include_dialog() -> Any:
    from optimus_tui.tui.actions.questions import IncludeDialog

    plan = Plan(
        id="1", request=ActionRequest(kind="reset_counters", tenant=b"acme"), condition="", keys=(), digest="",
        where=Where(environment="prod", place="x:1", db=0, user="u", run_id="r", replid="r", role="primary"),
        made_at=1.0, made_mono=1.0, server_time=1.0,
        ambiguous=(b"rate_limit:acme:x:chat",),
    )  # fmt: skip
    return IncludeDialog(plan)


QUESTION = QuestionField("Note")
SCREENS: dict[str, Callable[[Any], Any]] = {
    "command log": lambda d: d.navigate.open_log(),
    "messages": lambda d: d.navigate.open_messages(),
    "help": lambda d: d.navigate.help_here(),
    "settings": lambda d: d.navigate.open_settings(),
    "tenant": lambda d: d.navigate.open_tenant(b"clinic_b"),
    "unknown tenant": lambda d: d.navigate.open_tenant(b"nobody"),
    "tools": lambda d: d.navigate.open_tools(),
    "tool's form": lambda d: d.navigate.open_tools("diagnose_gateway_health"),
    "routine": lambda d: d.navigate.open_routine(),
    "router wizard": lambda d: d.navigate.open_router(),
    "dialect wizard": lambda d: d.navigate.open_dialect(),
    "compliance": lambda d: d.navigate.open_compliance(),
    "alerts": lambda d: d.alerts.open_screen(),
    "drill result": lambda d: d.open_screen(drill_result()),
    "explain": lambda d: d.open_screen(explained(NEVER)),
    "explain two": lambda d: d.open_screen(explained(NEVER, SLOW)),
    "explain none": lambda d: d.open_screen(explained()),
    "event": lambda d: d.open_screen(event()),
    "gap": lambda d: d.open_screen(gap()),
    "yes or no": lambda d: d.open_screen(AskDialog("Leave", "Leave?")),
    "one of several": lambda d: d.open_screen(PickDialog("Pick", [("one", ""), ("two", "second")])),
    "one of one": lambda d: d.open_screen(PickDialog("Pick", [("one", "")])),
    "none of them": lambda d: d.open_screen(PickDialog("Pick", [("one", "")], "not now", greyed=True)),
    "copy as": lambda d: d.open_screen(ChooseDialog("Copy as", [("curl", "curl x")])),
    "question": lambda d: d.open_screen(QuestionDialog("Note", [QUESTION])),
    "two questions": lambda d: d.open_screen(QuestionDialog("Note", [QUESTION, QUESTION])),
    "field of a model": lambda d: d.open_screen(field_dialog()),
    "keys to include": lambda d: d.open_screen(include_dialog()),
    "new incident": lambda d: d.incidents.open(),
}


def keys_of(screen: Screen[Any]) -> list[str]:
    """Return the dashboard's keys, and those that the footer, the help or the dialog itself names."""
    names = list(DASHBOARD_KEYS)
    if isinstance(screen, Dialog):
        for words in screen.dialog_keys.split("   "):
            name = words.split()[0].rstrip(":")
            names += WRITTEN.get(name, [name.rstrip(",")])
    else:
        active = {one.binding.id: one.binding.key for one in screen.active_bindings.values() if one.enabled}
        names += [active[key.id] for key in KEYS if key.id in active and key.id not in LEAVES]
    return list(dict.fromkeys(names))


EVERY = amount(7, 1)
"""Which of a screen's keys are pressed: every seventh one, or all."""


async def is_silent(paints: Paints, key: str) -> bool:
    """Press a key. Return True if nobody could notice it."""
    app = paints.app
    app.clear_notifications()
    await shown(lambda: not app.screen.query(Toast))  # the one of the key before must not go meanwhile
    known, before = paints.cheap(), paints.drawn(again=True)
    event = events.Key(key, key if len(key) == 1 else CHARACTERS.get(key))
    event.set_sender(app)
    app.post_message(event)
    noticed = False
    for _ in range(1000):
        await asyncio.sleep(0.005)
        noticed = noticed or paints.cheap() != known or paints.drawn() != before
        if noticed and not app.keys.is_busy:
            break
    return not noticed and paints.drawn(again=True) == before


OF_TEXT = ("home", "end", "ctrl+u")
"""Keys that move in a text or remove it: pressed in one. A caret that blinks on hid that they do nothing without."""


async def shown(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it is not shown")


async def silent_keys(
    paints: Paints, dashboard: Any, open_screen: Callable[[], object], place: int, focus: str = ""
) -> list[str]:
    """Press each key on a screen, opened anew after each that left it. Return those that nobody noticed."""
    app = paints.app

    async def opened() -> Any:
        while not dashboard.is_on_top():
            await shown(lambda: app.screen.is_mounted)
            await app.pop_screen()
        dashboard.prompt.leave()
        open_screen()
        await shown(lambda: not dashboard.is_on_top() and app.screen.is_mounted and not app.keys.is_busy)
        await shown(lambda: app.screen.focused is not None or not app.screen.focus_chain)
        if focus:
            await shown(lambda: app.screen.query_one(focus).focusable)
            app.screen.set_focus(app.screen.query_one(focus))
        await asyncio.sleep(0.05)
        return app.screen

    screen = await opened()
    silent = []
    keys = keys_of(screen)
    for name in part_of(keys, place, EVERY):
        field = app.focused
        text = field.value if isinstance(field, Input) else ""
        if isinstance(field, Input) and name in OF_TEXT and not text:
            field.value = "ab"
            field.cursor_position = 1
            await asyncio.sleep(0.05)
        if await is_silent(paints, name):
            silent.append(name)
        if app.screen is not screen or isinstance(app.focused, Input) is not isinstance(field, Input):
            screen = await opened()
        elif field is not None and field.is_attached:
            screen.set_focus(field)
            if isinstance(field, Input):
                field.value = text
        await asyncio.sleep(0.02)
    return silent


APPLICATIONS = amount(6, len(SCREENS))
"""How many applications the screens are opened in: to start one takes as long as to press five keys."""


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("names", [[*SCREENS][part::APPLICATIONS] for part in range(APPLICATIONS)], ids=", ".join)
async def test_no_key_of_a_screen_is_silent(names: list[str]) -> None:
    app: Any = PlainBackground(SETTINGS)
    paints, silent = Paints(app), dict[str, list[str]]()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        dashboard = app.dashboard
        dashboard.pane("health").reading = dashboard.health = health_report()
        dashboard.pane("limits").reading = reading(limits_report())
        for name in names:
            open_screen = partial(SCREENS[name], dashboard)
            silent[name] = await silent_keys(paints, dashboard, open_screen, [*SCREENS].index(name))
    assert silent == {name: [] for name in names}


async def test_no_key_of_the_incident_is_silent(redis: RealServer) -> None:
    async with running(redis, size=(80, 24)) as (pilot, dashboard):
        paints = Paints(pilot.app)
        await opened_incident(pilot)
        for place, focus in enumerate(("#steps", "#evidence")):
            assert await silent_keys(paints, dashboard, dashboard.incidents.open, place, focus) == [], focus


async def test_no_key_of_the_action_dialog_is_silent(redis: RealServer) -> None:
    async with running(redis, size=(80, 24)) as (pilot, dashboard):
        app: Any = pilot.app
        paints = Paints(app)
        await opened_card(pilot, dashboard)
        app.screen.dismiss(None)
        row = next(row for row in dashboard.pane("limits").rows if row.counter.key == IMMORTAL)
        request = counter_offers(row)[0].request
        service = await dashboard.actions.open_service()

        def open_screen() -> None:
            dashboard.open_screen(ActionDialog(service, dashboard.context.clock, request))

        assert await silent_keys(paints, dashboard, open_screen, 0, "#confirm-typed") == []
        assert await silent_keys(paints, dashboard, open_screen, 1, "#cancel") == []


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", ["question", "field of a model", "help"])
async def test_letters_in_a_field_stay_letters(name: str) -> None:
    app: Any = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        SCREENS[name](app.dashboard)
        await until(pilot, lambda: isinstance(app.focused, Input))
        said = len(app.messages_said)
        for letter in "iatTLRzpxyY5":
            await burst(pilot, letter)
        assert (app.focused.value, len(app.messages_said)) == ("iatTLRzpxyY5", said)


def test_the_commands_that_stand_for_keys_exist() -> None:
    assert set(COMMANDS_FOR) <= {key.id for key in KEYS}
    assert set(COMMANDS_FOR.values()) <= {command.name for command in COMMANDS}


@pytest.mark.usefixtures("offline")
async def test_a_key_of_other_programs_names_the_one_that_does_it_here_and_esc_closes_the_details() -> None:
    app = PlainBackground(SETTINGS)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        dashboard: Any = app.dashboard
        dashboard.pane("limits").reading = reading(limits_report())
        dashboard.focus_on("limits")
        await pilot.press("d", "ctrl+d", "f2")
        said = [one.text.partition(" has no use here; ")[2] for one in app.messages_said]
        assert said[0].startswith("enter is open, v is detail, ?") and said[1].startswith("PgDn is page down, ?")
        assert said[2] == "? lists the keys that have"
        await pilot.press("v")
        assert dashboard.way_back == "close detail"
        await pilot.press("escape")
        assert dashboard.way_back == "" and not dashboard.pane("limits").content.detailed
        await pilot.press("R")
        await shown(lambda: not dashboard.is_on_top())
        app.notify("a sentence that takes two lines of a narrow screen " * 2)
        await shown(lambda: any(one.region.width == 80 for one in app.screen.query(Toast)))
