"""The entry point: choose one surface, import only that one, and return an exit code for every way to end.

``--version`` and ``--help`` load nothing but click. The surfaces' own logic does not belong here.
"""

import os
import sys
from typing import TYPE_CHECKING, ClassVar, NoReturn

import click

from optimus_tui import __version__, garbage
from optimus_tui.cli import exits, output
from optimus_tui.cli.flags import (
    CHECK,
    LazyGroup,
    Verb,
    connection_flags,
    dashboard_flags,
    demo_flags,
    environments_of,
    merge_flags,
    refuse_service_flags,
    settings_of,
)
from optimus_tui.demo import DEFAULT, DRILLS, NAMES, RANDOM
from optimus_tui.settings.table import BY_KEY, OVERRIDES, VARIABLES, SettingsError

if TYPE_CHECKING:
    from optimus_tui.settings.model import Settings

SILENT_VERBS = frozenset({"record", "serve", "init"})
"""Verbs whose work is done without standard output."""


class Verbs(LazyGroup):
    """The group of all verbs."""

    verbs: ClassVar[dict[str, Verb]] = {
        "demo": Verb("optimus_tui.__main__:demo", "Start a demo system on this machine, and open the dashboard on it."),
        "run": Verb("optimus_tui.cli.tools:run", "Run one tool: one JSON document, or a page on a terminal."),
        "tools": Verb("optimus_tui.cli.tools:tools", "List the tools, their arguments and schemas."),
        "standup": Verb(
            "optimus_tui.cli.reports.standup:command", "Twelve lines: the system's state, and what has changed."
        ),
        "compare": Verb("optimus_tui.cli.reports.compare:command", "Put tenants side by side."),
        "doctor": Verb("optimus_tui.cli.doctor:command", "Show the settings in force, and check what they connect to."),
        "dialect": Verb("optimus_tui.cli.dialects.command:group", "Find out how to read the key names in Redis."),
        "mcp": Verb("optimus_tui.cli.serve:mcp", "Serve the tools over the Model Context Protocol, on stdio or HTTP."),
        "serve": Verb("optimus_tui.cli.serve:serve", "Serve the tools over HTTP: POST /mcp/{tool}."),
        "init": Verb("optimus_tui.cli.routers.init:command", "Copy the reference orchestrator to DIR."),
        "scaffold": Verb(
            "optimus_tui.cli.routers.scaffold:command", "Write a new router with its tests, or undo that."
        ),
        "validate": Verb("optimus_tui.cli.routers.validate:command", "Check routers against the enterprise patterns."),
        "rules": Verb(
            "optimus_tui.cli.routers.rules:command", "The validator's rules, with a bad and a good example each."
        ),
        "incident": Verb("optimus_tui.cli.incident:group", "Work on an incident: steps, notes and post-mortem."),
        "audit": Verb("optimus_tui.cli.audit:command", "Verify and show the audit of all actions."),
        "record": Verb("optimus_tui.cli.record:command", "Record samples for windows and stand-ups, without a screen."),
    }


@click.group(
    cls=Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Addresses with passwords belong in REDIS_URL, POSTGRES_DSN or optimus.toml, never into a flag.",
)
@connection_flags
@dashboard_flags
@click.version_option(__version__, prog_name="optimus-tui", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, /, **given: object) -> int:
    """The control room of a multi-tenant gateway: without a command, the dashboard opens."""
    ctx.obj = {name: value for name, value in given.items() if value is not None}
    if ctx.invoked_subcommand is not None:
        ctx.meta[CHECK] = _check_ui_settings  # for doctor, which may not import the screen's tables
        if "max_keys" in ctx.obj and ctx.invoked_subcommand != "demo":
            raise click.UsageError(f"--max-keys is for the dashboard: {ctx.invoked_subcommand} acts on no key")
        return exits.HEALTHY
    return _dashboard(ctx.obj)


def why_no_dashboard() -> str | None:
    """Return the sentence that says why no dashboard can be drawn here, or None if one can."""
    for stream, name in ((sys.stdin, "input"), (sys.stdout, "output"), (sys.__stderr__, "error output")):
        if stream is None or stream.closed or not stream.isatty():
            return f"the dashboard needs a terminal, but the {name} is not one; in scripts use a command (see --help)"
    if os.environ.get("TERM") == "dumb":
        return "the dashboard needs a terminal that can move its cursor, but TERM is dumb"
    return None


def _dashboard(flags: dict[str, object]) -> int:
    reason = why_no_dashboard()
    env = dict(os.environ)  # kept for a change of environment; children do not inherit the secrets
    settings = settings_of(flags, env)
    if reason:
        output.print_error(reason)
        return exits.USAGE
    for name, key in (VARIABLES | OVERRIDES).items():
        if BY_KEY[key].secret:
            os.environ.pop(name, None)
    _check_ui_settings(settings)

    def reload(environment: str) -> "Settings":
        chosen = settings_of({**flags, "env": environment}, env, quiet=True)
        _check_ui_settings(chosen)
        return chosen

    from optimus_tui.tui.app import run

    return run(settings, environments=environments_of(flags, env), reload=reload, check=_check_ui_settings)


def _check_ui_settings(settings: "Settings") -> None:
    """Raise SettingsError for a theme that does not exist and for key bindings that are not valid."""
    from optimus_tui.cli.flags import check
    from optimus_tui.tui.keys import KEYS, MOVES
    from optimus_tui.tui.theme import NAMES as THEMES

    check(settings, KEYS, THEMES, lists=[one for one in MOVES if one != "pane.open"])


@click.command("demo")
@demo_flags
@click.option("--scenario", type=click.Choice(NAMES), default=DEFAULT, show_default=True, help="The scenario to play.")
@click.option(
    "--drill",
    type=click.Choice([RANDOM, *DRILLS]),
    is_flag=False,
    flag_value=RANDOM,
    metavar="[SCENARIO]",
    help="Game day: a hidden fault after a while, against the clock. Without a name, a random one.",
)
@click.option("--headless", is_flag=True, help="No dashboard: print the addresses as shell exports and serve.")
@click.option("--cluster", is_flag=True, help="Redis is a cluster: three primaries with a replica each.")
@click.option("--sentinel", is_flag=True, help="Redis is a primary with two replicas that three sentinels watch.")
@click.pass_context
def demo(
    ctx: click.Context,
    /,
    scenario: str,
    drill: str | None,
    headless: bool,
    cluster: bool,
    sentinel: bool,
    **given: object,
) -> int:
    """Start a real server, the reference gateway and engine and traffic here, and open the dashboard on them."""
    flags = merge_flags(ctx, given)
    refuse_service_flags(flags)
    if drill is not None and (headless or scenario != DEFAULT):
        raise click.UsageError(
            f"leave out {'--headless' if headless else '--scenario'}: a drill begins quiet, on a screen"
        )
    if cluster and sentinel:
        raise click.UsageError("choose --cluster or --sentinel: a cluster needs no sentinels")
    reason = None if headless else why_no_dashboard()
    if reason:
        output.print_error(reason)
        return exits.USAGE
    config = BY_KEY["config"].variable
    settings = settings_of(flags, {config: os.environ.get(config, "")})
    if not headless:
        _check_ui_settings(settings)
    from optimus_tui.contract.cluster import Topology
    from optimus_tui.demo.command import main as run_demo

    topology: Topology = "cluster" if cluster else "single"
    if sentinel:
        topology = "sentinel"
    return run_demo(scenario, headless, base=settings, drill=drill or "", check=_check_ui_settings, topology=topology)


def run(arguments: list[str]) -> int:
    """Run the command line and return the exit code. Every failure is one sentence on stderr."""
    garbage.starting()
    closed = sys.stdout is None
    output.prepare()
    output.decided(exits.HEALTHY)
    if closed and not set(arguments) & SILENT_VERBS:
        output.print_error("standard output is closed: there is nowhere to write to; send it to a file or to /dev/null")
        return exits.USAGE
    try:
        outcome = cli.main(arguments, prog_name="optimus-tui", standalone_mode=False)
        output.flush()
    except click.exceptions.Exit as left:
        return left.exit_code
    except (click.Abort, KeyboardInterrupt):
        word, code = exits.interrupted()
        output.print_error(word)
        return code
    except click.ClickException as error:
        place = getattr(getattr(error, "ctx", None), "command_path", None) or "optimus-tui"
        output.print_error(f"{_sentence(error)} (see {place} --help)")
        return exits.USAGE
    except SettingsError as error:
        output.print_error(error)
        return exits.USAGE
    except FileNotFoundError as error:
        if error.errno is not None:  # only our own sentence about an incomplete installation has no number
            return _crashed(error)
        output.print_error(error)
        return exits.USAGE
    except output.Unwritable as error:
        output.print_error(error)
        return exits.USAGE
    except output.ReaderGone:
        return output.left_by_reader()  # whoever read us has gone and wants no more: that is no failure
    except Exception as error:
        full = output.unwritable(error)
        if full is None:
            return _crashed(error)
        output.print_error(full)
        return exits.USAGE
    if isinstance(outcome, int):
        return outcome
    return exits.HEALTHY


def _sentence(error: click.ClickException) -> str:
    """Return what is wrong, in one sentence; a group without a command says which there are, and not its whole help."""
    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and isinstance(context, click.Context):
        group = context.command
        names = group.list_commands(context) if isinstance(group, click.Group) else []
        return f"Missing command: {', '.join(names)}"
    return error.format_message().rstrip(".")


def _crashed(error: Exception) -> int:
    from optimus_tui.tui.terminal import keep_report

    output.report(keep_report(error))
    return exits.CRASHED


def main() -> NoReturn:
    """Run the command line and exit: the console script."""
    exits.heed_signals()
    output.exit_now(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
