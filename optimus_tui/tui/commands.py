"""The commands of ``:``, one row each in the table below, and the prompt that runs them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.services import CommandError, DashboardServices
from optimus_tui.tui.widgets.fields import PromptBar

if TYPE_CHECKING:
    from optimus_tui.tui.actions.controller import ActionsController, InterruptedActions
    from optimus_tui.tui.alerts.controller import AlertsController
    from optimus_tui.tui.dashboard.controllers import Navigator, SettingsCommands
    from optimus_tui.tui.drills import DrillController
    from optimus_tui.tui.incidents.controller import IncidentController


class CommandTarget(Protocol):
    """The dashboard as commands see it: its controllers."""

    @property
    def navigate(self) -> "Navigator":
        """Return what goes to panes and opens screens."""

    @property
    def settings_commands(self) -> "SettingsCommands":
        """Return what changes interval, environment and colours."""

    @property
    def actions(self) -> "ActionsController":
        """Return what arms and acts."""

    @property
    def interrupted(self) -> "InterruptedActions":
        """Return what offers interrupted actions."""

    @property
    def incidents(self) -> "IncidentController":
        """Return what opens and keeps incidents."""

    @property
    def alerts(self) -> "AlertsController":
        """Return what shows alerts."""

    @property
    def drills(self) -> "DrillController":
        """Return what the demo can do: scenarios, drills, remedies."""

    def refresh_now(self) -> None:
        """Make every sampling loop read again now."""

    def action_help(self) -> None:
        """Show the keys that work here."""

    def action_quit(self) -> None:
        """Leave the program."""


@dataclass(frozen=True)
class Command:
    """One row of the table.

    Attributes:
        name: What is typed after the colon.
        help: What it does.
        run: Called with the dashboard and the argument.
        argument: Its argument as help writes it: ``NAME`` must be given, ``[name]`` may be; empty takes none.
        choices: Returns the arguments that can be completed.
        when: Returns False where the command is neither completed nor listed.
        aliases: Other names that run it.
    """

    name: str
    help: str
    run: Callable[[CommandTarget, str], None]
    argument: str = ""
    choices: Callable[[CommandTarget], list[str]] = lambda _: []
    when: Callable[[CommandTarget], bool] = lambda _: True
    aliases: tuple[str, ...] = ()

    @property
    def needs_argument(self) -> bool:
        """Return True if it cannot run without an argument."""
        return self.argument.isupper()


def _in_demo(target: CommandTarget) -> bool:
    return bool(target.drills.scenarios())


COMMANDS: tuple[Command, ...] = (
    Command("health", "Go to the health pane", lambda s, _: s.navigate.show_pane("health")),
    Command(
        "limits",
        "Go to the rate limits, of one tenant if named",
        lambda s, a: s.navigate.show_pane("limits", a),
        "[tenant]",
    ),
    Command(
        "keys",
        "Go to the cache keys, those with a prefix if given",
        lambda s, a: s.navigate.show_pane("cache", a),
        "[prefix]",
        aliases=("cache",),
    ),
    Command(
        "feed",
        "Go to the coherence feed, filtered if a text is given",
        lambda s, a: s.navigate.show_pane("feed", a),
        "[text]",
    ),
    Command(
        "tenant",
        "All of one tenant: signals, findings, counters, keys, events",
        lambda s, a: s.navigate.open_tenant_named(a),
        "NAME",
        lambda s: s.navigate.tenants(),
    ),
    Command(
        "run",
        "The tools, or the one named",
        lambda s, a: s.navigate.open_tools(a),
        "[tool]",
        lambda s: s.navigate.tools(),
    ),
    Command("routine", "The day's routine, and which tool for which symptom", lambda s, _: s.navigate.open_routine()),
    Command("router", "Write a new router, step by step", lambda s, a: s.navigate.open_router(a), "[name]"),
    Command(
        "validate", "The gateway's routers by score, and what each lacks", lambda s, _: s.navigate.open_compliance()
    ),
    Command("incident", "Five guided steps; resumes an open incident", lambda s, _: s.incidents.open()),
    Command("alerts", "What was wrong and when; mute a finding for a while", lambda s, _: s.alerts.open_screen()),
    Command("log", "What was sent to Redis and HTTP, to copy as redis-cli or curl", lambda s, _: s.navigate.open_log()),
    Command(
        "arm",
        "Allow actions for a while, 10m by default",
        lambda s, a: s.actions.arm(a),
        "[minutes]",
        lambda _: ["5m", "10m"],
    ),
    Command("disarm", "Back to read-only", lambda s, _: s.actions.disarm()),
    Command("interrupted", "Actions that were interrupted", lambda s, _: s.interrupted.offer(requested=True)),
    Command(
        "env",
        "Switch to another environment of the configuration",
        lambda s, a: s.settings_commands.switch_environment(a),
        "NAME",
        lambda s: s.settings_commands.environments(),
    ),
    Command(
        "theme",
        "Change the colours",
        lambda s, a: s.settings_commands.set_theme(a),
        "NAME",
        lambda s: s.settings_commands.themes(),
    ),
    Command(
        "interval",
        "Seconds between two refreshes",
        lambda s, a: s.settings_commands.set_interval(a),
        "SECONDS",
        lambda _: ["1", "2", "5", "10"],
    ),
    Command(
        "settings", "Thresholds, refresh, theme, keys, mouse: show and change", lambda s, _: s.navigate.open_settings()
    ),
    Command("refresh", "Refresh everything now", lambda s, _: s.refresh_now()),
    Command(
        "scenario",
        "Demo: switch to another scenario",
        lambda s, a: s.drills.switch_scenario(a),
        "NAME",
        lambda s: s.drills.scenarios(),
        _in_demo,
    ),
    Command(
        "drill",
        "Demo: inject a fault to find, and time you; stop ends it",
        lambda s, a: s.drills.start_or_stop(a),
        "[scenario]",
        lambda s: s.drills.names(),
        _in_demo,
    ),
    Command(
        "remedy",
        "Demo: do what would be done outside, as a restart",
        lambda s, a: s.drills.apply_remedy(a),
        "[what]",
        lambda s: s.drills.remedies(),
        _in_demo,
    ),
    Command("help", "Keys that work right here", lambda s, _: s.action_help()),
    Command("q", "Leave", lambda s, _: s.action_quit(), aliases=("quit",)),
)


def completions(target: CommandTarget) -> list[str]:
    """Return whole command lines that the prompt may suggest."""
    lines: list[str] = []
    for command in COMMANDS:
        if command.when(target):
            lines.append(command.name)
            lines += [f"{command.name} {choice}" for choice in command.choices(target)]
    return lines


def run_line(target: CommandTarget, line: str) -> None:
    """Run what was typed after the colon.

    Raises:
        CommandError: There is no such command, or its argument is missing or wrong.
    """
    name, _, argument = line.strip().partition(" ")
    argument = argument.strip()
    if not name:
        return
    command = next((each for each in COMMANDS if name in (each.name, *each.aliases)), None)
    if command is None:
        known = ", ".join(each.name for each in COMMANDS if each.when(target))
        raise CommandError(f"no command :{name}; there are {known}")
    if command.needs_argument and not argument:
        known = ", ".join(command.choices(target))
        raise CommandError(f":{command.name} needs {command.argument}" + (f": {known}" if known else ""))
    if argument and not command.argument:
        raise CommandError(f":{command.name} takes no argument")
    command.run(target, argument)


class PromptController:
    """Opens, follows and closes the prompt bar."""

    def __init__(self, dashboard: DashboardServices, commands: CommandTarget) -> None:
        """Make the bar.

        Args:
            dashboard: Whose panes are filtered.
            commands: The same dashboard, as commands see it.
        """
        self.dashboard, self.commands = dashboard, commands
        self.bar = PromptBar()
        self._pane: Pane | None = None
        """The pane that the prompt was opened from."""

    def open_filter(self) -> None:
        """Ask for a filter of the current pane."""
        pane = self.dashboard.pane(self.dashboard.current)
        self._open("/", pane.filter.text)

    def open_command(self) -> None:
        """Ask for a command line."""
        self._open(":", "", completions(self.commands))

    def _open(self, sigil: str, text: str, choices: list[str] | None = None) -> None:
        self._pane = self.dashboard.pane(self.dashboard.current)
        self.bar.ask(sigil, text, choices)

    def follow(self, sigil: str, text: str) -> None:
        """Filter by what is typed so far, and show what is wrong with it."""
        if sigil == "/" and self._pane:
            self.bar.note(self._pane.set_filter(text) or "")

    def submit(self, sigil: str, text: str) -> None:
        """Close the bar and run the command line. A wrong filter keeps it open."""
        if sigil == "/" and self._pane and self._pane.filter_error:
            error = self._pane.set_filter(text)
            self.bar.note(error or "")
            if error:
                return
        self._close()
        if sigil == ":":
            self.run(text)

    def cancel(self, sigil: str) -> None:
        """Close the bar and take the filter away."""
        if sigil == "/" and self._pane:
            self._pane.set_filter("")
        self._close()

    def _close(self) -> None:
        self.bar.close()
        self.dashboard.pane(self.dashboard.current).focus()

    def run(self, line: str) -> None:
        """Run one command line, and show what is wrong with it in a toast."""
        try:
            run_line(self.commands, line)
        except CommandError as error:
            self.dashboard.say(str(error), "warning")
