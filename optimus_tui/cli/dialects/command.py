"""``dialect list``, ``show``, ``detect`` and ``test``: find the profile of a system, and try one. They never write.

Exit code 0: a preset fits, or every name is understood; 1: a question is open, or names are not understood; 2: no such
preset or file, or a mistake in it; 3: Redis does not answer; 4: it refuses.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from optimus_tui.cli import exits, output
from optimus_tui.cli.flags import connection_flags, merge_flags, settings_of
from optimus_tui.cli.output import print_error, print_line, print_wrapped
from optimus_tui.settings.table import SettingsError

if TYPE_CHECKING:
    from optimus_tui.dialects.model import Dialect
    from optimus_tui.settings.model import Settings

MOST, MOST_SHOWN = 100, 10_000
_format = click.option(
    "--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True,
    help="For people or programs.",
)  # fmt: skip


@click.group("dialect")
def group() -> None:
    """How the names and values of a system are read: presets, and your own profiles."""


def complete_preset(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the presets that begin with ``incomplete``."""
    from optimus_tui.dialects.load import preset_names

    return [CompletionItem(name) for name in preset_names() if name.startswith(incomplete)]


@group.command("list")
@_format
def list_command(form: str) -> int:
    """List the presets with what each reads."""
    from optimus_tui.dialects.load import load_preset, preset_names

    presets = [load_preset(name) for name in preset_names()]
    if form == "json":
        import msgspec

        documents = [{"name": one.name, "about": one.about} for one in presets]
        output.document(msgspec.json.encode(documents), indent=output.indent())
        return exits.HEALTHY
    wide = max(len(one.name) for one in presets) + 2
    for one in presets:
        print_wrapped(f"{one.name:<{wide}}", one.about.partition(". ")[0].rstrip("."))
    print_line()
    print_line('One line in optimus.toml uses one: dialect = "NAME". optimus-tui dialect show NAME prints its rules.')
    return exits.HEALTHY


@group.command("show")
@click.argument("name", shell_complete=complete_preset)
def show_command(name: str) -> int:
    """Print the preset NAME as TOML to copy and change, with the meaning of each rule."""
    from optimus_tui.dialects.load import load_preset, preset_table
    from optimus_tui.dialects.places import DialectError
    from optimus_tui.dialects.texts.toml import dialect_toml

    try:
        profile = load_preset(name)
    except DialectError as error:
        print_error(error)
        return exits.USAGE
    output.page(dialect_toml(preset_table(name), profile).rstrip("\n"))
    return exits.HEALTHY


@group.command("detect")
@_format
@connection_flags
@click.pass_context
def detect_command(ctx: click.Context, /, form: str, **given: object) -> int:
    """Say which preset fits the names in Redis, which shapes are there, and what to write into optimus.toml.

    A preset is named only by a beginning that no other product writes. Where the order of tenant and operation cannot
    be told from the names, the TOML leaves the place of the tenant to be filled in.
    """
    from optimus_tui.cli.dialects.detection import detect
    from optimus_tui.cli.run_async import to_end

    return to_end(detect(settings_of(merge_flags(ctx, given)), as_json=form == "json"))


@group.command("test")
@click.argument("file", metavar="FILE", shell_complete=complete_preset)
@click.option(
    "--most", type=click.IntRange(1, MOST_SHOWN), default=MOST, show_default=True, metavar="N",
    help="Names to show at most, some of each shape.",
)  # fmt: skip
@_format
@connection_flags
@click.pass_context
def test_command(ctx: click.Context, /, file: str, most: int, form: str, **given: object) -> int:
    """Print how a profile reads the names in Redis. FILE is a file, the name of a preset, or "-" for the settings.

    For each name: whose counter or cache key it is, the value, the limit and when its window ends; then the shapes of
    names that no rule matches. A file is a settings file with a table [dialect], or has the rules at its top level.
    """
    from optimus_tui.cli.dialects.trial import trial
    from optimus_tui.cli.run_async import to_end

    settings = settings_of(merge_flags(ctx, given))
    try:
        profile = profile_of(file, settings)
    except SettingsError as error:
        print_error(error)
        return exits.USAGE
    return to_end(trial(settings, profile, most, as_json=form == "json"))


def profile_of(file: str, settings: "Settings") -> "Dialect":
    """Return the profile that the argument names.

    Args:
        file: a settings file, a file of rules, a preset, or ``-`` for the profile of the settings.
        settings: the settings in force.

    Raises:
        SettingsError: it cannot be read, or is wrong, in one sentence.
    """
    from optimus_tui.dialects.load import DEFAULT, load_preset, preset_names

    if file == "-":
        return settings.dialect or load_preset(DEFAULT)
    path = Path(file)
    if file in preset_names() and not path.exists():
        return load_preset(file)
    return _profile_in(path, settings.environment)


def _profile_in(path: Path, environment: str) -> "Dialect":
    from optimus_tui.dialects.load import preset_names
    from optimus_tui.settings.files import read_table
    from optimus_tui.settings.profiles import OWN, table_profile, text_profile

    try:
        table, text = read_table(path)
    except SettingsError as error:
        known = f"; the presets are {', '.join(preset_names())}" if not path.exists() else ""
        raise SettingsError(f"{error}{known}") from None
    named: Any = table.get("env", {})
    named = named.get(environment, {}) if isinstance(named, dict) else {}
    within = "dialect"
    given: Any = table
    if isinstance(named, dict) and "dialect" in named:
        given, within = named["dialect"], f"env.{environment}.dialect"
    elif "dialect" in table:
        given = table["dialect"]
    else:
        within = ""
    if isinstance(given, str):
        from optimus_tui.dialects.load import load_preset

        return text_profile(given, f"{path}: {within}") or load_preset(OWN)
    if not isinstance(given, dict):
        raise SettingsError(f"{path}: {within} must be the name of a preset or a table")
    return table_profile(given, str(path), text, within, path.parent)
