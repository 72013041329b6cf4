"""The commands of ``:``, one row each in the table below. They run from every screen."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Protocol

from optimus_tui.tui.services import CommandError
from optimus_tui.wording.numbers import clause

if TYPE_CHECKING:
    from optimus_tui.tui.actions.controller import ActionsController, InterruptedActions
    from optimus_tui.tui.alerts.controller import AlertsController
    from optimus_tui.tui.dashboard.controllers import Navigator, SettingsCommands
    from optimus_tui.tui.dashboard.saved_views import SavedViews
    from optimus_tui.tui.drills import DrillController
    from optimus_tui.tui.incidents.controller import IncidentController


_MEANT = {**dict.fromkeys(("pods", "po", "svc", "deploy", "nodes"), "health"), "events": "feed", "logs": "log"}
"""What these names of other programs mean here."""
NEAREST = 3
"""Commands that are named where one that was typed does not exist."""


class CommandTarget(Protocol):
    """The interface of the dashboard that commands use: its controllers."""

    @property
    def navigate(self) -> "Navigator":
        """Return the controller that goes to panes and opens screens."""

    @property
    def settings_commands(self) -> "SettingsCommands":
        """Return the controller that changes interval, environment and colours."""

    @property
    def actions(self) -> "ActionsController":
        """Return the controller that arms and carries out actions."""

    @property
    def interrupted(self) -> "InterruptedActions":
        """Return the controller that offers interrupted actions."""

    @property
    def incidents(self) -> "IncidentController":
        """Return the controller that opens and holds incidents."""

    @property
    def alerts(self) -> "AlertsController":
        """Return the controller that shows alerts."""

    @property
    def saved(self) -> "SavedViews":
        """Return the controller that saves filters and bookmarks."""

    @property
    def drills(self) -> "DrillController":
        """Return the controller of the demo: scenarios, drills, remedies."""

    def refresh_now(self) -> None:
        """Make every sampling loop read again now."""


@dataclass(frozen=True)
class Command:
    """One row of the table.

    Attributes:
        name: What is typed after the colon.
        help: What it does.
        run: Called with the dashboard and the argument.
        argument: Its argument as help shows it: ``NAME`` is required, ``[name]`` optional; empty for none.
        choices: Returns the arguments that can be completed.
        when: Returns False where the command is neither completed nor listed.
        aliases: Other names that run it.
        on_dashboard: It shows the dashboard: screens above it are closed first.
    """

    name: str
    help: str
    run: Callable[[CommandTarget, str], None]
    argument: str = ""
    choices: Callable[[CommandTarget], list[str]] = lambda _: []
    when: Callable[[CommandTarget], bool] = lambda _: True
    aliases: tuple[str, ...] = ()
    on_dashboard: bool = False

    @property
    def needs_argument(self) -> bool:
        """Return True if it cannot run without an argument."""
        return self.argument.isupper()


def _in_demo(target: CommandTarget) -> bool:
    return bool(target.drills.scenarios())


COMMANDS: tuple[Command, ...] = (
    Command("health", "Go to the health pane", lambda s, _: s.navigate.show_pane("health"), on_dashboard=True),
    Command(
        "limits",
        "Go to the rate limits, of one tenant if named",
        lambda s, a: s.navigate.show_pane("limits", a),
        "[tenant]",
        on_dashboard=True,
    ),
    Command(
        "keys",
        "Go to the cache keys, those with a prefix if given",
        lambda s, a: s.navigate.show_pane("cache", a),
        "[prefix]",
        aliases=("cache",),
        on_dashboard=True,
    ),
    Command(
        "feed",
        "Go to the coherence feed, filtered if a text is given",
        lambda s, a: s.navigate.show_pane("feed", a),
        "[text]",
        on_dashboard=True,
    ),
    Command(
        "tenant",
        "One tenant's signals, findings, counters, keys and events; without a name, the row's tenant",
        lambda s, a: s.navigate.open_tenant_named(a) if a else s.navigate.open_tenant_here(),
        "[name]",
        lambda s: s.navigate.tenants(),
        aliases=("ns",),
    ),
    Command(
        "filter",
        "Apply a saved filter to this pane; save NAME keeps the present one, drop NAME forgets one",
        lambda s, a: s.saved.use_filter(a),
        "NAME",
        lambda s: s.saved.filter_choices(),
        on_dashboard=True,
    ),
    Command("filters", "The saved filters of this pane", lambda s, _: s.saved.pick_filter(), on_dashboard=True),
    Command(
        "bookmarks",
        "Go to a row that was bookmarked with b",
        lambda s, _: s.saved.pick_bookmark(),
        on_dashboard=True,
    ),
    Command(
        "run",
        "The tools; with a name, that tool",
        lambda s, a: s.navigate.open_tools(a),
        "[tool]",
        lambda s: s.navigate.tools(),
    ),
    Command("routine", "The daily routine, and the tool for each symptom", lambda s, _: s.navigate.open_routine()),
    Command("router", "Write a new router, step by step", lambda s, a: s.navigate.open_router(a), "[name]"),
    Command(
        "validate",
        "Routers by score, and what each lacks: the gateway's, or those in a folder",
        lambda s, a: s.navigate.open_compliance(a),
        "[path]",
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
        aliases=("ctx",),
        on_dashboard=True,
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
    Command(
        "scan",
        "Scan all keys again; fast takes what the server can give",
        lambda s, a: s.settings_commands.scan(a),
        "[budget]",
        lambda _: ["fast", "normal"],
    ),
    Command(
        "dialect",
        "Find out how the names of this Redis are read, and write the profile, step by step",
        lambda s, _: s.navigate.open_dialect(),
        on_dashboard=True,
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
        "Demo: a hidden fault to find against the clock; stop ends it",
        lambda s, a: s.drills.start_or_stop(a),
        "[scenario]",
        lambda s: s.drills.names(),
        _in_demo,
    ),
    Command(
        "remedy",
        "Demo: a remedy outside of this program, such as a restart",
        lambda s, a: s.drills.ask_remedy(a),
        "[what]",
        lambda s: s.drills.remedies(),
        _in_demo,
    ),
    Command("messages", "Messages of past toasts", lambda s, _: s.navigate.open_messages()),
    Command("help", "Keys that work right here", lambda s, _: s.navigate.help_here()),
    Command("q", "Leave", lambda s, _: s.navigate.quit_here(), aliases=("quit", "q!")),
)


def completions(target: CommandTarget) -> list[str]:
    """Return complete command lines that the prompt may suggest."""
    lines: list[str] = []
    for command in COMMANDS:
        if command.when(target):
            lines.append(f"{command.name} " if command.argument else command.name)
            lines += [f"{command.name} {choice}" for choice in command.choices(target)]
    return lines


def _nearest(target: CommandTarget, name: str) -> str:
    """Return the three commands whose names are nearest to ``name``; one that it begins with is the nearest."""
    known = [each.name for each in COMMANDS if each.when(target)]
    meant = [one for one in known if one == _MEANT.get(name)]
    begun = meant or [one for one in known if name.startswith(one) or one.startswith(name)]
    near = get_close_matches(name, [one for one in known if one not in begun], NEAREST, cutoff=0.0)
    return ", ".join(f":{one}" for one in [*begun, *near][:NEAREST])


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
        raise CommandError(f"no command :{name}; nearest: {_nearest(target, name)} (? lists all)")
    if command.needs_argument and not argument:
        known = ", ".join(choice.strip() for choice in command.choices(target))
        raise CommandError(f":{command.name} needs {command.argument}" + (clause(known, ": ")))
    if argument and not command.argument:
        raise CommandError(f":{command.name} takes no argument")
    if command.on_dashboard:
        target.navigate.come_to_top()
    command.run(target, argument)
