"""Everything that can be pressed, from the program's own tables: each key, command, palette entry and menu line.

The walker knows no screen by heart. What a key opens is answered with what stands there: each line of a menu is chosen
once, each field typed into, Enter pressed, Escape last. What really ran is noted where the screen runs it.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from textual import events
from textual.widgets import Input, OptionList

from optimus_tui.settings.model import Settings
from optimus_tui.tui.commands import COMMANDS
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.keys import KEYS
from optimus_tui.tui.prompt.bar import PromptBar
from optimus_tui.tui.prompt.palette import PaletteEntries
from tests.amounts import amount
from tests.tui.driver import PlainBackground

_CHARACTERS = {"space": " ", "slash": "/", "colon": ":", "question_mark": "?", "minus": "-", "plus": "+"}
PANES = ("health", "limits", "cache", "feed")
LAST = (
    "app.back",
    "incident.close",
    "app.incident",
    "app.router",
    "app.tools",
    "app.routine",
    "app.log",
    "incident.discard",
)
OF_OTHERS = amount(4, 1)
"""Of the keys that are not a pane's own one of so many is pressed in a pane; in four panes, each in one at least."""
LEAVES = ("app.quit",)
"""Pressed once, at the very end: it ends the program."""
NOT_HERE = {"scenario": "the demo's own processes, none of which is the observed system"}
"""Commands that the walk cannot run, each with its reason."""
HOME = 2
"""Screens on the stack where the dashboard is on top."""
BREATH = 0.4
ACTIONS = "a"
"""Its menu is another one on each row; of other menus the first line is chosen on all rows but a pane's first."""
MOST_ACTIONS = 8
MOST_LINES = amount(2, 8)
"""Of one menu that are chosen, each once; of the actions on a row more."""
STEPS = 8
"""Of one dialog, after which it is closed whatever it says."""


class Noting(PlainBackground):
    """The real program; ``ran`` are the table's ids whose action was really run, ``lines`` the commands."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.ran: Counter[str] = Counter()
        self.screens_seen: Counter[str] = Counter()

    async def run_action(self, action: Any, default_namespace: Any = None, namespaces: Any = None) -> bool:
        place = default_namespace or self
        done = await super().run_action(action, default_namespace, namespaces)
        if done:
            bound = (one for many in place._bindings.key_to_bindings.values() for one in many)
            self.ran.update({one.id for one in bound if one.id and one.action == action})
        return done


class Walk:
    """One dashboard and what has been pressed on it."""

    def __init__(self, app: Any, seed: int) -> None:
        self.app, self.dice = app, random.Random(seed)
        self._lasting: set[Any] = set()
        """Workers that go on: nobody waits for them twice."""
        self.lines: Counter[str] = Counter()
        self.offered: set[str] = set()

    @property
    def dashboard(self) -> Any:
        return next(one for one in self.app.screen_stack if isinstance(one, Dashboard))

    @property
    def depth(self) -> int:
        return len(self.app.screen_stack)

    async def until(self, true: Callable[[], bool], seconds: float = 20) -> bool:
        """False where it did not come to that."""
        for _ in range(int(seconds / 0.05)):
            if true():
                return True
            await self.drained()
            await asyncio.sleep(0.05)
        return False

    async def press(self, *keys: str) -> None:
        """Keys as the terminal sends them, each taken up before the next.

        The pilot's own ``press`` waits until the process rests, which a living dashboard never does.
        """
        for key in keys:
            event = events.Key(key, key if len(key) == 1 else _CHARACTERS.get(key))
            event.set_sender(self.app)
            self.app._driver.send_message(event)
            await self.drained()
            if self.app._exception is not None:  # nobody answers any more: each key would wait for that
                raise AssertionError(f"the program crashed at {key}") from self.app._exception
            await self._begun()
            await self.quiet()
            self.app.screens_seen[type(self.app.screen).__name__] += 1

    async def _begun(self) -> None:
        """Until no key waits for the one before: a dialog that this one opens would leave out those behind it."""
        for _ in range(150):
            if not self.app.keys._waiting:
                return
            await asyncio.sleep(0.02)

    async def drained(self) -> None:
        """Until app, screen and focus have taken what was sent to them."""
        focused = self.app.focused
        for one in (self.app, self.app.screen, *(focused.ancestors_with_self if focused else ())):
            done = asyncio.Event()
            if one.call_later(done.set):
                with suppress(TimeoutError):
                    await asyncio.wait_for(done.wait(), 2)

    async def quiet(self) -> None:
        """Until what was begun has ended or has opened something; what goes on is waited for once only."""
        await self.drained()
        screen, since = self.app.screen, time.monotonic()
        while begun := [one for one in self.app.workers if one.is_running and one not in self._lasting]:
            if self.app.screen is not screen or time.monotonic() > since + BREATH:
                self._lasting |= set(begun)
                break
            await asyncio.sleep(0.03)  # each look sends a message to every widget on the way to the focus
            await self.drained()

    async def line(self, text: str) -> None:
        """A command line, as the prompt hands it on."""
        self.dashboard.prompt.run(text)
        await self.quiet()

    # -- dialogs ---------------------------------------------------------------------------------------------------

    async def answer(self, base: int, choice: int = 0) -> int:
        """Answer whatever has opened above ``base`` until all of it is closed; lines of the longest menu met.

        A dialog that stays as it is gets its answer once: the same keys again would prove nothing more.
        """
        lines, answered = 0, None
        for step in range(STEPS):
            if self.depth <= base:
                return lines
            screen, before = self.app.screen, self.depth
            if isinstance(screen, Dialog) and screen is not answered and step < STEPS - 3:
                answered = screen
                lines = max(lines, await self._fill(screen, choice))
                await self.press("enter")
            if self.depth == before and self.app.screen is screen:
                await self.press("escape")
            if self.depth == before and self.app.screen is screen and step > 3:
                await self.press("y")
        while self.depth > base:
            self.app.pop_screen()
            await self.quiet()
        return lines

    async def _fill(self, screen: Any, choice: int) -> int:
        for field in screen.query(Input):
            field.focus()
            await self.press("x", "9")
        menus = [menu for menu in screen.query(OptionList) if menu.display]
        if menus:
            menus[0].focus()
            menus[0].highlighted = min(choice, menus[0].option_count - 1)
        return menus[0].option_count if menus else 0

    async def open_and_answer(self, openly: Callable[[], Any], most: int = MOST_LINES) -> None:
        """Do what opens something; once for every line of the menu that it opens, up to ``most``."""
        base, choice, lines = self.depth, 0, 1
        while choice < lines:
            await openly()
            await self.quiet()
            lines = min(most, max(lines, await self.answer(base, choice)))
            choice += 1
            if self.depth < base:
                break
        await self._close_prompt()

    async def _close_prompt(self) -> None:
        if any(one.is_open for one in self.app.screen.query(PromptBar)):
            await self.press("x", "enter")
        if any(one.is_open for one in self.app.screen.query(PromptBar)):
            await self.press("escape")

    # -- panes -----------------------------------------------------------------------------------------------------

    async def panes(self, telling: dict[str, list[Callable[[Any], bool]]]) -> None:
        """Every key of the table, in every pane, on each row that ``telling`` describes for it."""
        await self.answer(HOME)
        for name in PANES:
            for turn, wanted in enumerate(telling[name]):
                for key in self._keys(name, first_row=turn == 0):
                    await self.stand_on(name, wanted)
                    most = MOST_LINES if turn == 0 or OF_OTHERS == 1 else 1
                    most = MOST_ACTIONS if key == ACTIONS else most
                    await self.open_and_answer(lambda key=key: self.press(key), most)  # type: ignore[misc]

    @staticmethod
    def _keys(pane: str, *, first_row: bool) -> list[str]:
        """A pane's own keys; of all the others a part on the first row, another part in each pane.

        Other names of a pane's own keys are pressed in the first pane only; on the other rows a part of its own keys,
        and its actions. With ``OPTIMUS_WHOLE`` all keys are pressed in each pane, and on the other rows all but the
        application's.
        """
        own = [key for key in KEYS if key.scope in ("pane", pane)]
        others = [key for key in KEYS if key not in own and key.id not in LEAVES]
        place = PANES.index(pane)
        if first_row:
            others = others[place % OF_OTHERS :: OF_OTHERS]
        elif OF_OTHERS > 1:
            others = []
            own = [key for at, key in enumerate(own) if at % OF_OTHERS == place % OF_OTHERS or key.keys == ACTIONS]
        else:
            others = [key for key in others if key.scope != "app"]
        all_names = others if place else [*own, *others]
        names = [key.keys.split(",")[: None if first_row and key in all_names else 1] for key in (*own, *others)]
        return list(dict.fromkeys(one for many in names for one in many))

    async def stand_on(self, name: str, wanted: Callable[[Any], bool]) -> None:
        """The cursor on a row; it must be there."""
        await self.answer(HOME)
        self.dashboard.focus_on(name)
        pane = self.dashboard.pane(name)
        pane.paused = False
        if pane.filter.text:
            pane.set_filter("")
        for _ in range(4):
            place = next((at for at, row in enumerate(pane.rows) if wanted(row)), None)
            if place is not None:
                pane.move_to(place)
                return
            await self.unfold(pane)
            await self.until(lambda: any(wanted(row) for row in pane.rows), 5)
        raise AssertionError(f"{name} has no such row: nothing would be proven there")

    async def unfold(self, pane: Any) -> None:
        """Open the groups that a pane may have."""
        for place in reversed(range(len(pane.rows))):
            pane.move_to(place)
            await self.press("right")

    # -- screens above the dashboard -------------------------------------------------------------------------------

    async def screen(self, openly: Callable[[], Any], ready: Callable[[], Any] | None = None) -> None:
        """Every key that a screen answers, on it; what leads away from it comes last, and it is opened anew."""
        await self.answer(HOME)
        kind: type | None = None
        for leaving in (False, True):
            for key in KEYS:
                if key.id in LEAVES or (key.id in LAST) is not leaving:
                    continue
                if kind is None or type(self.app.screen) is not kind:
                    kind = await self._anew(openly, ready)
                if key.id in self.live():
                    await self.open_and_answer(lambda key=key: self.press(key.keys.split(",")[0]))  # type: ignore[misc]
        await self.answer(HOME)

    async def _anew(self, openly: Callable[[], Any], ready: Callable[[], Any] | None) -> type:
        """Open the screen, whatever stands there now; its kind."""
        await self.answer(HOME)
        await openly()
        await self.until(lambda: self.depth > HOME, 5)
        while self.depth > HOME and isinstance(self.app.screen, Dialog):
            await self.answer(self.depth - 1)
            await self.until(lambda: self.depth > HOME, 1)
        assert self.depth > HOME, "the screen did not open"
        kind = type(self.app.screen)
        if ready is not None:
            await ready()
            while isinstance(self.app.screen, Dialog):
                await self.answer(self.depth - 1)
        return kind

    def live(self) -> set[str]:
        """Ids of the keys that the top screen answers now."""
        return {one.binding.id for one in self.app.screen.active_bindings.values() if one.enabled and one.binding.id}

    # -- commands and the palette ----------------------------------------------------------------------------------

    async def commands(self) -> None:
        """Every line that ``:`` takes, with every choice, with and without an argument."""
        for command in COMMANDS:
            if command.name == "q" or command.name in NOT_HERE:
                continue
            choices = command.choices(self.dashboard)
            arguments = [*choices, "no such thing"] if command.argument else []
            for argument in ["", *arguments]:
                line = f"{command.name} {argument}".strip()
                await self.answer(HOME)

                await self.open_and_answer(lambda line=line: self.line(line))  # type: ignore[misc]
                self.lines[command.name] += 1

    async def palette(self) -> None:
        """The entries that it offers on the dashboard, a part or all, and one of them by typing its name into it."""
        await self.answer(HOME)
        base = self.depth
        await self.press("ctrl+p")
        await self.until(lambda: self.depth > base)
        await self.press(*"alerts")
        await asyncio.sleep(0.3)
        await self.press("enter", "enter")
        await self.answer(base)
        self.offered = set(self._offered())
        for title in [*self._offered()][::OF_OTHERS]:
            await self.answer(HOME)
            if title.startswith(("quit  ", ":q")) or title not in self._offered():
                continue

            async def choose(title: str = title) -> None:
                if (run := self._offered().get(title)) is not None:
                    run()
                await self.quiet()

            self.dashboard.focus_on(self.dice.choice(PANES))
            await self.open_and_answer(choose)

    def _offered(self) -> dict[str, Callable[[], Any]]:
        """What the palette would do now, by title: with what stands on the screen its entries come and go."""
        return {one[0]: one[2] for one in PaletteEntries(self.dashboard)._entries()}

    # -- no plan at all --------------------------------------------------------------------------------------------

    async def monkey(self, times: int) -> None:
        """Keys at random, wherever they lead; only the way out is not taken."""
        own = sorted({one for key in KEYS if key.id not in LEAVES for one in key.keys.split(",")})
        letters = [*"abcxyz019*?", "space", "backspace", "tab", "shift+tab", "enter", "enter", "escape", "down", "up"]
        for _ in range(times):
            key = self.dice.choice(own if self.dice.random() < 0.6 else letters)
            if key == "colon" or (self.depth <= HOME and key in ("q", "ctrl+q")):
                continue
            await self.press(key)
            if self.depth > 9 or self.dice.random() < 0.02:
                await self.answer(HOME)


@asynccontextmanager
async def walking(settings: Settings, size: tuple[int, int] = (80, 24), seed: int = 5) -> AsyncIterator[Walk]:
    """A dashboard with something in every pane; it ends by its own key."""

    def reload(name: str) -> Settings:
        return settings

    app = Noting(settings, environments=["test"], reload=reload)
    async with app.run_test(size=size, notifications=True):
        walk = Walk(app, seed)
        assert await walk.until(lambda: any(isinstance(one, Dashboard) for one in app.screen_stack))
        assert await walk.until(lambda: all(walk.dashboard.pane(name).rows for name in PANES[:3]))
        yield walk
        await walk.answer(HOME)
        await walk.press("q")
    assert app.ran["app.quit"], "it did not end by its own key"
    assert not app.crashed
