"""Pass keys on one at a time, and only to the screen that they were typed for.

A terminal sends keys that were typed fast in one burst. Textual passes each on at once to whatever has the focus, so a
letter meant for a dialog that is about to open would be a command of the screen below.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any
from weakref import WeakSet

from textual import events, work
from textual._time import get_time
from textual.app import App, ScreenStackError
from textual.message_pump import MessagePump
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.worker import Worker, active_worker

from optimus_tui.tui.keys import written
from optimus_tui.wording.numbers import and_others

Typed = events.Key | events.Paste
LOOK_SECONDS = 0.005
"""The pause between two looks whether a dialog has opened."""
MOST_LOOKS = 100
"""So often keys look for the dialog of such a worker: half a second, and as much longer as a busy machine needs."""
OPENING_LOOKS = 30
"""After so many looks it is said that the dialog is opening."""
OPENING = "opening …"
OPENS_ONLY = frozenset({"acting", "arming", "incident-open", "incident-close", "incident-note"})
"""The groups of such workers that do nothing else before their dialog is open."""
MOST_SECONDS = 2.0
"""How long keys wait for what the key before began, at most."""
OPENING_SECONDS = 30.0
"""How long keys wait for the first screen, at most: a busy machine needs seconds to load it."""
MOST_HELD = 2_000
"""Keys that wait; the screen stands still where more come."""
MOST_NAMED = 12
"""Keys that were left out are named up to so many."""
LEFT_OUT = "keys typed before the screen had changed were left out"
NO_LINE = "no ':' line above a dialog: what is typed up to enter or esc is ignored; esc closes the dialog"


_ASKING: WeakSet[Worker[Any]] = WeakSet()
"""The workers that ask something in a dialog before they do what takes long."""


def will_ask(worker: Worker[Any], asks: bool = True) -> Worker[Any]:
    """Make keys wait until a worker has opened its dialog, if it opens one. Return the worker."""
    if asks:
        _ASKING.add(worker)
    return worker


def asking(group: str) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Callable[..., Worker[Any]]]:
    """Decorate a method that opens a dialog, so that it runs in a worker of its widget, one per group at a time.

    Args:
        group: The group that the worker belongs to.
    """

    def decorate(method: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Worker[Any]]:
        start = work(exclusive=True, group=group, exit_on_error=False)(method)

        @wraps(method)
        def begin(*arguments: Any) -> Worker[Any]:
            return will_ask(start(*arguments))

        return begin

    return decorate


class KeyGate:
    """The queue of keys that wait until the previous key has been handled."""

    def __init__(self, app: App[Any], hand_on: Callable[[Typed], Awaitable[None]], say: Callable[[str], None]):
        """Hold nothing yet.

        Args:
            app: Whose keys they are.
            hand_on: Passes a key to bindings and focus.
            say: Shows a sentence.
        """
        self.app, self._hand_on, self._say = app, hand_on, say
        self._waiting: deque[Typed] = deque()
        self._settling: asyncio.Task[None] | None = None
        self._asked_before: frozenset[Worker[Any]] = frozenset()
        """The workers that were asking when the key came: it has not begun them."""
        self._ignored_before = float("-inf")
        self._escapes = True
        self._left_out: list[str] = []
        """The names of the keys that were left out and are not said yet."""
        self._acting: Typed | None = None
        """The key that does what it does now, or did so last."""
        self._typed_for: object = None
        """The screen that had that key first."""
        self._line_above: object = None
        """The dialog above which a command line was begun, which cannot open there; None for none."""

    @property
    def is_busy(self) -> bool:
        """Return True while a key is being handled."""
        return self._settling is not None

    async def take(self, key: Typed) -> None:
        """Pass a key on after those that came before it."""
        if self.is_busy or self._waiting:
            if len(self._waiting) < MOST_HELD:
                self._waiting.append(key)
            else:
                self._leave_out(key)
            return
        await self._work_on(key)

    # -- what happens to screens

    def note_closed(self) -> None:
        """Drop the keys that were typed before a screen closed, because they were meant for that screen.

        Escapes among them still count. If Escape closed the screen, nothing is dropped: the next keys are meant for the
        screen below.
        """
        if self.is_busy and self._acting is not None and _is_escape(self._acting):
            return
        self._ignored_before, self._escapes = get_time(), True

    def note_opened(self, *, typed_ahead: bool) -> None:
        """Drop the keys that were typed before a screen opened by itself; if a key opened it, they are meant for it.

        Args:
            typed_ahead: Whether the screen accepts keys typed ahead if a key opened it. A question that was not shown
                yet must not be answered by them.
        """
        if self.is_busy and typed_ahead:
            self._ignored_before = float("-inf")
        else:
            self._ignored_before, self._escapes = get_time(), False

    def hold_until(self, is_open: Callable[[], bool]) -> None:
        """Let keys wait from now on until a screen is open; they are meant for it."""
        self._settling = asyncio.create_task(self._until_open(is_open, get_time()))

    async def _until_open(self, is_open: Callable[[], bool], since: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OPENING_SECONDS):
                await _until(is_open)
        self._ignored_before, self._settling = since, None
        self._next()

    # -- one key after the other

    async def _work_on(self, key: Typed) -> None:
        if not self.app.screen_stack:
            self._waiting.clear()
            self._left_out.clear()  # the application is ending: no screen is left that a key could be for
            return
        is_early = key.time < self._ignored_before and not (self._escapes and _is_escape(key))
        shown_at = getattr(self.app.screen, "shown_at", 0.0)  # of a question, which answers only after it was painted
        if is_early or (key.time < shown_at and not _is_escape(key)):
            self._leave_out(key)
            if not self._waiting:
                self._say_left_out()
            self._next()
            return
        self._say_left_out()
        if self._is_of_no_line(key):
            self._next()
            return
        path = self._path()
        self._acting, self._typed_for = key, self.app.screen
        self._asked_before = self._asking()
        self._settling = asyncio.create_task(self._settle(path, self.app.screen))
        await self._hand_on(key)

    def left_out_of(self, screen: object) -> bool:
        """Leave the present key out where this screen came on top while the key was on its way; return whether it did.

        It was typed for the screen before: here it would answer a question that nobody had seen.
        """
        if self._acting is None or screen is self._typed_for:
            return False
        self._leave_out(self._acting)
        self._say_left_out()
        return True

    def _leave_out(self, key: Typed) -> None:
        self._left_out.append(written(key.key) if isinstance(key, events.Key) else "what was pasted")

    def _say_left_out(self) -> None:
        """Say which keys were left out, once for all that came in a row."""
        names, self._left_out = self._left_out, []
        if names:
            more = and_others(names, MOST_NAMED)
            self._say(f"{LEFT_OUT}: {' '.join(names[:MOST_NAMED])}{more}")

    def _is_of_no_line(self, key: Typed) -> bool:
        """Return True for what is typed of a command line above a dialog, up to Enter: it must not act there.

        Escape ends it too, and does what it does in the dialog.
        """
        screen = self.app.screen
        if self._line_above is not screen:
            self._line_above = None
        begun = self._line_above is not None
        if isinstance(key, events.Paste):
            return begun
        if begun:
            if key.key in ("enter", "escape"):
                self._line_above = None
            return key.key != "escape"
        if key.key != "colon" or takes_text(self.app.focused) or not isinstance(screen, ModalScreen):
            return False
        self._line_above = screen
        self._say(NO_LINE)
        return True

    def _path(self) -> list[MessagePump]:
        focused = self.app.focused
        return [*(focused.ancestors_with_self if focused is not None else (self.app.screen, self.app))]

    async def _settle(self, path: list[MessagePump], screen: object) -> None:
        """Wait until the key went all its way, and its messages; then for the screen that it opens."""
        try:
            async with asyncio.timeout(MOST_SECONDS):
                await _passed(path)
                await _passed(self._path())
            await self._until_opened(screen)
            async with asyncio.timeout(MOST_SECONDS):
                await _until(lambda: self.app.screen.is_mounted)
        except TimeoutError:
            pass  # what hangs must not take the keys away: ctrl+q works
        except ScreenStackError:
            pass  # the application ended meanwhile
        finally:
            self._settling = None
            self._next()

    async def _until_opened(self, screen: object) -> None:
        """Wait for the dialog that the key has asked for, if it has; say that it opens where that takes a while."""
        for look in range(MOST_LOOKS):
            asking = self._asking() - self._asked_before
            if self.app.screen is not screen or not asking:
                return
            if look == OPENING_LOOKS and any(one.group in OPENS_ONLY for one in asking):
                self._say(OPENING)
            await asyncio.sleep(LOOK_SECONDS)

    async def until_nothing_is_asked(self, is_on_top: Callable[[], bool]) -> None:
        """Wait until a dialog may open by itself: no other dialog is open or about to open.

        Args:
            is_on_top: Returns True while the screen that it is to stand on is on top.
        """
        own = frozenset(one for one in _ASKING if one is active_worker.get(None))
        await _until(lambda: is_on_top() and not self.is_busy and not self._waiting and self._asking() <= own)

    def _asking(self) -> frozenset[Worker[Any]]:
        return frozenset(one for one in self.app.workers if one in _ASKING and not one.is_finished)

    def _next(self) -> None:
        if self._waiting:
            self.app.call_next(self._work_on_next)

    async def _work_on_next(self) -> None:
        if self._waiting and not self.is_busy:
            await self._work_on(self._waiting.popleft())


def takes_text(widget: Widget | None) -> bool:
    """Return True for a widget in which text is typed. Its kinds are known by name, because one is slow to load."""
    return widget is not None and not widget._css_type_names.isdisjoint(("Input", "TextArea"))


def _is_escape(key: Typed) -> bool:
    return isinstance(key, events.Key) and key.key == "escape"


async def _until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - Textual has no event for it
        await asyncio.sleep(LOOK_SECONDS)


async def _passed(path: list[MessagePump]) -> None:
    """Wait until each of these has worked on what it was sent, from the focus up to the application."""
    for node in path:
        done = asyncio.Event()
        if node.is_running and node.call_later(done.set):
            await done.wait()
