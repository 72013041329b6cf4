"""Find the ``[validate]`` table that applies to a folder.

It is the project's: the file that ``--config`` names, else the nearest ``optimus.toml`` at the folder or above. The
user's own file does not count, so that everybody gets the same findings.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from optimus_tui.settings.files import ConfigFile, find_project_file, read_config
from optimus_tui.settings.validation import ValidateTable

KEY = "validate"


class ProjectRules(Struct, frozen=True):
    """A project's table. ``base`` is the folder that its path patterns are relative to."""

    table: ValidateTable = ValidateTable()
    base: Path = Path()
    file: ConfigFile | None = None
    """None where no file has the table."""

    def at(self, *keys: str) -> str:
        """Return the file and the line that sets a value of the table: ``/srv/shop/optimus.toml:12``."""
        if self.file is None:
            return "default"
        return self.file.at((KEY, *keys))


def rules_of(files: Sequence[ConfigFile]) -> ProjectRules:
    """Return the table of the first file that belongs to a project."""
    for file in files:
        if not file.personal:
            if KEY not in file.table:
                break
            table = msgspec.convert(file.table[KEY], ValidateTable)
            return ProjectRules(table, file.path.parent.resolve(), file)
    return ProjectRules()


def rules_for(folder: Path, named: Path | None = None) -> ProjectRules:
    """Return the table that applies to a folder; ``named`` is the file of ``--config``.

    Raises:
        SettingsError: the file cannot be read, or something in it is wrong.
    """
    place = named or find_project_file(folder)
    if place is None:
        return ProjectRules(base=folder)
    return rules_of([read_config(place)])


def named_config(flags: Mapping[str, object], env: Mapping[str, str], cwd: Path) -> Path | None:
    """Return the file that ``--config`` or ``OPTIMUS_CONFIG`` names, or None; the flag wins."""
    given = flags.get("config") or env.get("OPTIMUS_CONFIG", "").strip()
    if not given:
        return None
    return cwd / Path(str(given)).expanduser()
