"""The setting ``dialect``: a preset's name, or a table of rules. Profiles are loaded only if it is set."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from optimus_tui.settings.service_tls import with_service_files
from optimus_tui.settings.table import SettingsError

if TYPE_CHECKING:
    from optimus_tui.dialects.model import Dialect

PresetName = Annotated[str, Meta(min_length=1, max_length=60)]
PresetOrTable = PresetName | dict[str, Any]
"""What a file may say; a flag and a variable have the name."""
OWN = "optimus"
"""The preset that holds where none is named."""


def text_profile(name: str, where: str) -> "Dialect | None":
    """Return the profile of a preset; None for the built-in one, which is read where it is needed.

    Args:
        name: the preset.
        where: the file and key, the flag, or the variable that names it.

    Raises:
        SettingsError: there is none with this name.
    """
    if name == OWN:
        return None
    from optimus_tui.dialects.load import load_preset
    from optimus_tui.dialects.places import DialectError

    try:
        return load_preset(name)
    except DialectError as error:
        raise SettingsError(f"{where}: {error}") from None


def table_profile(table: dict[str, Any], file: str, text: str, name: str, base: Path | None = None) -> "Dialect":
    """Return the profile of a table in a file.

    Args:
        table: the table.
        file: the file's name, for the sentences of mistakes.
        text: the file's text, to name lines.
        name: the table's name, as ``env.prod.dialect``; "" where the rules are at the top level of the file.
        base: the folder that the files it names are relative to; None does not look at them.

    Raises:
        SettingsError: the first mistake, in one sentence.
    """
    from optimus_tui.dialects.load import load_table
    from optimus_tui.dialects.places import DialectError, FilePlace

    within = f"{name}." if name else ""
    try:
        profile = load_table(table, file, text, within=within)
    except DialectError as error:
        raise SettingsError(str(error)) from None
    if base is None:
        return profile
    return with_service_files(profile, base, FilePlace(file, text, within))


def refuse_two_tables(places: Sequence[str]) -> None:
    """Raise SettingsError if two files have a table of rules, because the order of the rules would be unclear."""
    if len(places) > 1:
        raise SettingsError(
            f"{' and '.join(places)}: rules of two files are not merged: keep one of them, or put one into [env.NAME]"
        )


def without_engine(dialect: "Dialect | None", *, given: bool) -> "Dialect | None":
    """Return the profile, without the engine's health check if another system's settings name no engine.

    The default address is that of our own engine. Other systems do not have it, so it would be reported as down.
    """
    if dialect is None or given or dialect.name == OWN:
        return dialect

    from msgspec.structs import replace

    return replace(dialect, engine=replace(dialect.engine, health=""))
