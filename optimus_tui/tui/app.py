"""The Textual application: themes, line filters, palette, signals, and how it ends."""

import asyncio
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.segment import Segment, Segments
from rich.text import Text
from textual import events, on
from textual.app import App, ComposeResult
from textual.await_complete import AwaitComplete
from textual.color import Color
from textual.command import Provider
from textual.filter import LineFilter, NoColor
from textual.notifications import Notification, Notify, SeverityLevel
from textual.screen import Screen

from optimus_tui.assets import asset_dir
from optimus_tui.settings.model import Settings
from optimus_tui.settings.tuning import TUNING, Tuning
from optimus_tui.threads import DaemonThreads
from optimus_tui.tui import messages, terminal
from optimus_tui.tui.characters import AsciiFilter, ascii_only, start_environment
from optimus_tui.tui.dashboard.opening import Opening
from optimus_tui.tui.key_gate import KeyGate, takes_text
from optimus_tui.tui.keys import chosen, keymap
from optimus_tui.tui.prompt.history import PromptHistory, history_path
from optimus_tui.tui.services import CommandError, Demo
from optimus_tui.tui.theme import THEMES, VARIABLE_DEFAULTS
from optimus_tui.tui.toasts.queue import LastingNotification, Said, ToastQueue
from optimus_tui.tui.unused_keys import AnsweredKeys

if TYPE_CHECKING:
    from optimus_tui.tui.base_screen import BaseScreen
    from optimus_tui.tui.dashboard.screen import Dashboard

_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_CHARACTER = "\N{REPLACEMENT CHARACTER}"
BUG = 70
"""Exit code for a bug of our own (EX_SOFTWARE): none of the contract's, so that nobody takes it for a finding."""
LIMITED_SECONDS = 15.0
"""How long the sentence stays that says why the screen is drawn in ASCII."""
_DASHBOARD = "optimus_tui.tui.dashboard.screen"
"""What draws the dashboard. Loading it takes longer than anything else before the first frame would."""
STYLES = ("app", "dashboard", "panes", "widgets")


class ControlCharFilter(LineFilter):
    """Removes control characters from every rendered strip, as the last filter before the terminal.

    ``wording.safe`` makes hostile text visible where bytes become text. This filter is a second safeguard: it replaces
    each remaining control character cell for cell, so that columns keep their place. Keep one instance: Textual caches
    strips by filter.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the same segments if they are clean (the usual case), else with control characters replaced."""
        for text, _style, control in segments:
            if control is None and not text.isprintable() and _CONTROL.search(text):
                break
        else:
            return segments
        return [
            Segment(text if control is not None else _CONTROL.sub(_CHARACTER, text), style, control)
            for text, style, control in segments
        ]


def _palette() -> type[Provider]:
    """Return what the palette (ctrl+p) offers; it is loaded when it opens."""
    from optimus_tui.tui.prompt.palette import PaletteEntries

    return PaletteEntries


def with_prompt(screen: Screen[Any]) -> "BaseScreen | None":
    """Return a screen that has the prompt and the keys of every screen; None for a dialog, and for the first frame."""
    return cast("BaseScreen", screen) if hasattr(screen, "prompt") else None


class OptimusApp(AnsweredKeys):
    """One dashboard on one environment."""

    TITLE = "Optimus"
    key_at = 0.0
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar[set[Any]] = {_palette}
    BINDINGS: ClassVar[Any] = chosen("app.command", "app.suspend", "app.theme")

    def __init__(
        self,
        settings: Settings,
        demo: Demo | None = None,
        environments: Sequence[str] = (),
        reload: Callable[[str], Settings] | None = None,
        limited: str = "",
        check: Callable[[Settings], None] | None = None,
        tuning: Tuning = TUNING,
    ) -> None:
        self._check, self._tuning = check, tuning
        self._limited = limited
        """Why the screen is drawn in ASCII, in a sentence; empty where the terminal shows more."""
        self._ascii = AsciiFilter()
        self._gate = ControlCharFilter()
        self._colorless = NoColor() if "NO_COLOR" in os.environ else None
        folder = asset_dir("styles")
        super().__init__(css_path=[folder / f"{name}.tcss" for name in STYLES])
        self.settings, self.demo = settings, demo
        self.environments, self._reload = list(environments), reload
        self._dashboard: Dashboard | None = None
        self.prompt_history = PromptHistory(history_path(settings.environment))
        self.touched: Callable[[], None] | None = None
        """Called for every key while actions are armed: without keys they are disarmed after a while."""
        self.leaving: Callable[[], None] | None = None
        """Called when the application is about to end: what hangs then is not waited for."""
        self.quiet_before_key = 0.0
        """Seconds between the key that acts now and the one before it."""
        self.key_before = ""
        """That key's name."""
        self.key_at = time.monotonic()
        self._key: events.Key | None = None
        self.toasts = ToastQueue()
        self.keys = KeyGate(self, self._press, self.notify)
        for theme in THEMES:
            self.register_theme(theme)
        self._begin_with_theme(settings.theme if settings.theme in self.available_themes else THEMES[0].name)
        if settings.keys:
            self.set_keymap(keymap(settings.keys))
        if os.environ.get("SSH_CONNECTION"):
            self.animation_level = "none"

    def _begin_with_theme(self, name: str) -> None:
        """Set the theme before the style sheets are read: set as any later one, it would have them read twice."""
        self.set_reactive(App.theme, name)
        dark = self.available_themes[name].dark
        themes = {one: False for one in self.classes if one.startswith("-theme-")}
        classes = {**themes, f"-theme-{name}": True, "-dark-mode": dark, "-light-mode": not dark}
        self.update_classes(classes, update=False)
        self.stylesheet.set_variables(self.get_css_variables())
        self._refresh_truecolor_filter(self.ansi_theme)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the colours that a theme may leave out."""
        return VARIABLE_DEFAULTS

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return the filters of every rendered line: control characters, then colours if they are not wanted."""
        filters = [self._gate, *super().get_line_filters()]
        if self._limited:
            filters.append(self._ascii)
        return [*filters, self._colorless] if self._colorless else filters

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
        whole: str = "",
        is_alert: bool = False,
    ) -> None:
        """Show a toast of plain text that cannot freeze the screen; ``:messages`` keeps its full text."""
        seconds = self.NOTIFICATION_TIMEOUT if timeout is None else timeout
        notification = LastingNotification(message, title, severity, seconds, markup=markup)
        notification.whole, notification.is_alert = whole, is_alert
        if not is_alert and severity != "error" and seconds <= self.NOTIFICATION_TIMEOUT:
            notification.after_key = self.key_at  # the answer to a key: it goes with its screen
        self.post_message(Notify(notification))

    def _on_notify(self, event: Notify) -> None:
        self.toasts.keep(event.notification)
        super()._on_notify(event)

    def _refresh_notifications(self) -> None:
        """Show one toast at a time; before the dashboard is open, there is no place for any."""
        if self._dashboard is None:
            return
        from optimus_tui.tui.toasts.place import show_toasts

        self.call_later(show_toasts, self, self.toasts, self.key_at)

    def _unnotify(self, notification: Notification, refresh: bool = True) -> None:
        """Forget a message whose toast has ended, and show the next one."""
        super()._unnotify(self.toasts.source_of(notification), refresh=True)

    @property
    def messages_said(self) -> Sequence[Said]:
        """Return the messages of this session, the oldest first."""
        return self.toasts.said

    def is_held(self, seconds: float) -> bool:
        """Return True if the present key came within ``seconds`` after the same key: it may be held down."""
        return self._key is not None and self._key.key == self.key_before and self.quiet_before_key < seconds

    async def on_event(self, event: events.Event) -> None:
        """Pass a key on once the previous key has been handled; close a prompt when the mouse clicks elsewhere."""
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded and event is not self._key:
            await self.keys.take(event)
            return
        if isinstance(event, events.MouseDown):
            self._key = None  # a click does not repeat the key before it
            if (base := with_prompt(self.screen)) is not None:
                base.prompt.leave_for_click(event)
        await super().on_event(event)

    async def _press(self, key: events.Key | events.Paste) -> None:
        """Note which key was pressed when, and let it act."""
        if isinstance(key, events.Paste):
            await super().on_event(key)
            return
        self.key_before = self._key.key if self._key is not None else ""
        self.quiet_before_key = key.time - self.key_at  # when it was read, not when a busy screen came to it
        self.key_at, self._key = key.time, key
        if self.touched is not None:
            self.touched()
        await super().on_event(key)

    def push_screen(self, screen: Any, *arguments: Any, **named: Any) -> Any:
        """Show a screen above the others, and decide which of the waiting keys are for it."""
        from optimus_tui.tui.dialogs.base import AskDialog

        if self.screen_stack and (base := with_prompt(self.screen)) is not None:
            base.prompt.leave()
        self.keys.note_opened(typed_ahead=not isinstance(screen, AskDialog))
        return super().push_screen(screen, *arguments, **named)

    def pop_screen(self) -> AwaitComplete:
        """Close the screen on top, and drop the waiting keys that were typed for it."""
        self.keys.note_closed()
        return super().pop_screen()

    def compose(self) -> ComposeResult:
        """Return the first frame, if what draws the dashboard is not loaded yet."""
        if _DASHBOARD not in sys.modules:
            yield Opening(self.settings)

    def on_mount(self) -> None:
        """Open the dashboard: at once, or behind the first frame."""
        if _DASHBOARD in sys.modules:
            self._open_dashboard()
        else:
            self.keys.hold_until(self._takes_keys)  # what is typed on the outline is for the dashboard
            self.call_after_refresh(self._open_dashboard)

    def _takes_keys(self) -> bool:
        """Return whether the dashboard is open, and a pane has the focus unless there is no room for any."""
        board = self._dashboard
        return board is not None and board.is_mounted and (self.focused is not None or board.has_class("-tiny"))

    def _open_dashboard(self) -> None:
        from optimus_tui.tui.dashboard.screen import Dashboard

        self._dashboard = Dashboard(self.settings, self._tuning)
        self.push_screen(self._dashboard)
        terminal.resume_after_any_stop(self)
        self.app_resume_signal.subscribe(self, self._draw_again)
        if self._limited:
            self.notify(self._limited, severity="warning", timeout=LIMITED_SECONDS)

    def _draw_again(self, _: Any) -> None:
        """Draw and read everything again: the program was stopped, and the terminal was another's meanwhile."""
        for screen in self.screen_stack:
            screen.refresh(layout=True)
        if self._dashboard is not None:
            self._dashboard.refresh_now()

    def action_suspend_process(self) -> None:
        """Suspend the program and return the terminal to the shell, until ``fg``; say why if there is no shell."""
        reason = terminal.why_not_stoppable(self)
        if reason:
            self.notify(reason, severity="warning")
            return
        self._suspend_signal()
        terminal.stop_job()

    def leave(self) -> None:
        """Leave the program; ask first if typed text or running work would be lost."""
        from optimus_tui.tui.leaving import ask_to_leave

        ask_to_leave(self)

    async def action_quit(self) -> None:
        """Leave the program, whatever has the focus."""
        self.leave()

    async def on_unmount(self) -> None:
        """Stop the dashboard. The stack of screens is already empty."""
        await self._stop_dashboard()

    async def _stop_dashboard(self) -> None:
        if self._dashboard is not None:
            await self._dashboard.stop_sampling()

    @on(messages.FindingRowRequested)
    def _go_to_row(self, event: messages.FindingRowRequested) -> None:
        if self._dashboard is not None:
            self._dashboard.findings.go_to_row(event.finding)

    def open_environment(self, name: str = "") -> bool:
        """Close this environment's connections and open the dashboard on one, as the files have it now.

        Returns False if only another start reads files; raises SettingsError, and changes nothing, if one is wrong.
        """
        if self._reload is None:
            return False
        work: Any = partial(self._reopen, self._reload(name or self.settings.environment))
        self.run_worker(work, group="environment", exclusive=True, exit_on_error=False)
        return True

    def check_settings(self, settings: Settings) -> None:
        """Raise SettingsError for a theme that does not exist, and for keys that are unknown or taken."""
        if self._check is not None:
            self._check(settings)

    def use_mouse(self, wanted: bool) -> None:
        """Start or stop receiving mouse events, at once."""
        terminal.use_mouse(self, wanted)

    async def _reopen(self, settings: Settings) -> None:
        from optimus_tui.tui.dashboard.screen import Dashboard

        await self._stop_dashboard()
        self.prompt_history = PromptHistory(history_path(settings.environment))
        self.settings, self._dashboard = settings, Dashboard(settings, self._tuning)
        await self.switch_screen(self._dashboard)

    @property
    def crashed(self) -> bool:
        """Return True once a bug of ours has ended it."""
        return self._exception is not None

    def exit(self, result: int | None = None, return_code: int = 0, message: Any | None = None) -> None:
        """End the application within a bounded time, even if something hangs."""
        if self.leaving is not None:
            self.leaving()
        super().exit(result, return_code, message)

    # -- commands

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for the command line while text is typed, where a colon is just text, and in dialogs."""
        if action == "command_line":
            return with_prompt(self.screen) is not None and not takes_text(self.focused)
        return super().check_action(action, parameters)

    def action_command_line(self) -> None:
        """Ask for a command line."""
        if (base := with_prompt(self.screen)) is not None:
            base.prompt.open_command()

    def action_leave_dialog(self) -> None:
        """Close a dialog as ``esc`` does, unless text can be typed there: then the letter may be meant for a field."""
        if any(field.display and not field.disabled for field in self.screen.query("Input, TextArea")):
            self.notify("q closes nothing where text can be typed; esc does")
        else:
            self.simulate_key("escape")

    def action_next_theme(self) -> None:
        """Change to the next of our own themes."""
        names = [theme.name for theme in THEMES]
        at = names.index(self.theme) if self.theme in names else -1
        self.run_command(f"theme {names[(at + 1) % len(names)]}")

    @property
    def dashboard(self) -> "Dashboard | None":
        """Return the dashboard; None before it is opened."""
        return self._dashboard

    def command_lines(self) -> list[str]:
        """Return the command lines that ``:`` completes."""
        from optimus_tui.tui.commands import completions

        return completions(self._dashboard) if self._dashboard is not None else []

    def command_help(self) -> list[tuple[str, str]]:
        """Return each available ``:`` command with its help."""
        from optimus_tui.tui.commands import COMMANDS

        target = self._dashboard
        if target is None:
            return []
        return [(f":{one.name} {one.argument}".rstrip(), one.help) for one in COMMANDS if one.when(target)]

    def run_command(self, line: str) -> str:
        """Run a ``:`` command from any screen. Return a sentence if it failed, else nothing."""
        if self._dashboard is None or self._dashboard not in self.screen_stack:
            return "the dashboard is not open yet: try again in a moment"
        from optimus_tui.tui.commands import run_line

        try:
            run_line(self._dashboard, line)
        except CommandError as error:
            return str(error)
        return ""

    # -- the end

    def keep_report(self, error: BaseException) -> str:
        """Write a crash report without variables, and return the sentence that says where it is."""
        return terminal.keep_report(error).splitlines()[-1]

    def _fatal_error(self) -> None:
        """Replace Textual's traceback, which prints every local variable."""
        error = sys.exc_info()[1] or self._exception
        words = terminal.keep_report(error) if error else "optimus-tui stopped because of a bug of its own."
        self._exit_renderables.append(Segments(self.console.render(Text(words))))
        self._close_messages_no_wait()


def run(
    settings: Settings,
    demo: Demo | None = None,
    environments: Sequence[str] = (),
    reload: Callable[[str], Settings] | None = None,
    check: Callable[[Settings], None] | None = None,
    tuning: Tuning = TUNING,
) -> int:
    """Open the dashboard until the operator leaves.

    Args:
        settings: The settings of the first environment.
        demo: The demo that runs behind it; None outside of the demo.
        environments: The names that ``:env`` offers.
        reload: Returns the settings of an environment by its name; None where there is only one.
        check: Raises SettingsError for a choice of theme or keys that cannot be kept.
        tuning: How long waits and windows are.

    Returns:
        The process's exit code; ``BUG`` after a bug in this program.
    """
    terminal.forget_exported_size()
    app = OptimusApp(settings, demo, environments, reload, ascii_only(start_environment()), check, tuning)

    async def main() -> None:
        asyncio.get_running_loop().set_default_executor(DaemonThreads())  # none of them keeps us from ending
        with terminal.leave_on_signals(app):
            await app.run_async(mouse=settings.mouse)

    asyncio.run(main())
    return BUG if app.crashed else app.return_code or 0
