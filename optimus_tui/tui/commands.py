"""The commands of ``:``, also in the palette. Each is one line in the table below."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from optimus_tui.tui.services import CommandError

if TYPE_CHECKING:
    from optimus_tui.tui.actions.controller import ActionsController
    from optimus_tui.tui.actions.interrupted import InterruptedActions
    from optimus_tui.tui.alerts.controller import AlertsController
    from optimus_tui.tui.dashboard.navigation import Navigator
    from optimus_tui.tui.dashboard.settings_commands import SettingsCommands
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
    """``choices`` are the arguments that can be completed; a command without ``argument`` takes none."""

    name: str
    help: str
    run: Callable[[CommandTarget, str], None]
    argument: str = ""
    choices: Callable[[CommandTarget], list[str]] = lambda _: []
    when: Callable[[CommandTarget], bool] = lambda _: True


def _interval(screen: CommandTarget, text: str) -> None:
    try:
        seconds = float(text.removesuffix("s"))
    except ValueError:
        raise CommandError(f":interval takes seconds from 0.5 to 60, not {text!r}") from None
    screen.settings_commands.set_interval(seconds)


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
    ),
    Command(
        "feed",
        "Go to the coherence feed, filtered if a text is given",
        lambda s, a: s.navigate.show_pane("feed", a),
        "[text]",
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
    Command("interval", "Seconds between two refreshes", _interval, "SECONDS", lambda _: ["1", "2", "5", "10"]),
    Command("refresh", "Refresh everything now", lambda s, _: s.refresh_now()),
    Command(
        "scenario",
        "Demo: switch to another scenario",
        lambda s, a: s.drills.switch_scenario(a),
        "NAME",
        lambda s: s.drills.scenarios(),
        lambda s: bool(s.drills.scenarios()),
    ),
    Command(
        "drill",
        "Demo: inject a fault to find, and time you; stop ends it",
        lambda s, a: s.drills.start_or_stop(a),
        "[scenario]",
        lambda s: s.drills.names(),
    ),
    Command(
        "remedy",
        "Demo: do what would be done outside, as a restart",
        lambda s, a: s.drills.apply_remedy(a),
        "[what]",
        lambda s: s.drills.remedies(),
    ),
    Command("help", "Keys that work right here", lambda s, _: s.action_help()),
    Command("q", "Leave", lambda s, _: s.action_quit()),
)


def completions(screen: CommandTarget) -> list[str]:
    """Return whole command lines that the prompt may suggest."""
    lines: list[str] = []
    for command in COMMANDS:
        if command.when(screen):
            lines.append(command.name)
            lines += [f"{command.name} {choice}" for choice in command.choices(screen)]
    return lines


def run_line(screen: CommandTarget, line: str) -> None:
    """Run what was typed after the colon; CommandError with a sentence."""
    name, _, argument = line.strip().partition(" ")
    name = {"quit": "q", "cache": "keys"}.get(name, name)
    argument = argument.strip()
    if not name:
        return
    for command in COMMANDS:
        if command.name == name and command.when(screen):
            if command.argument.isupper() and not argument:
                known = ", ".join(command.choices(screen))
                raise CommandError(f":{name} needs {command.argument}" + (f": {known}" if known else ""))
            if argument and not command.argument:
                raise CommandError(f":{name} takes no argument")
            command.run(screen, argument)
            return
    known = ", ".join(c.name for c in COMMANDS if c.when(screen))
    raise CommandError(f"no command :{name}; there are {known}")
