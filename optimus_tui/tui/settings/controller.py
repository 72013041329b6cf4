"""Change a setting: preview the user's file, say what overrides it, write it, and apply it at once."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from optimus_tui.settings.editing import with_value
from optimus_tui.settings.files import MAX_BYTES, check_text, read_regular
from optimus_tui.settings.model import Settings
from optimus_tui.settings.table import SettingsError
from optimus_tui.storage.private_file import put_in_place
from optimus_tui.tui.keys import keymap
from optimus_tui.tui.settings.rows import SettingRow
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.tui.services import DashboardServices

TITLE_PATH = 50
"""Characters of a path that a title has room for at 80 columns."""


class SettingsChange(NamedTuple):
    """A change of a settings file that is not written yet: the file, and its text before and after."""

    path: Path
    before: str
    after: str

    @property
    def title(self) -> str:
        """Return the question whether to write the file; a long path is shown from its end, which names the file."""
        path = safe_text(str(self.path), 4_096)
        return f"Write this to {path if len(path) <= TITLE_PATH else '…' + path[1 - TITLE_PATH :]}?"

    @property
    def diff(self) -> list[str]:
        """Return the lines of a unified diff, without its head; empty if nothing changes."""
        old, new = self.before.splitlines(), self.after.splitlines()
        return [safe_text(line, 200) for line in difflib.unified_diff(old, new, lineterm="", n=2)][2:]


class Proposal(NamedTuple):
    """A value that is not written yet: the change of the file, and the row and value behind it."""

    change: SettingsChange
    row: SettingRow
    value: Any
    overridden: str
    """Which source keeps the change from taking effect; empty for none."""


def propose(settings: Settings, row: SettingRow, text: str) -> Proposal:
    """Return the change of the user's file that sets a value; nothing is written.

    Args:
        settings: The settings in force.
        row: The setting.
        text: The new value as typed; empty for the default.

    Raises:
        SettingsError: the value is not valid, or the file cannot be read or edited; one sentence.
    """
    value = row.parsed(text)
    path, before = own_file(settings)
    after = with_value(before, row.path, value)
    check_text(after, path)
    return Proposal(SettingsChange(path, before, after), row, value, foreign(settings, row.source))


def own_file(settings: Settings) -> tuple[Path, str]:
    """Return the user's settings file and its text.

    Raises:
        SettingsError: There is no place for one, or it is not a text.
    """
    if settings.user_file is None:
        raise SettingsError("there is no place for a settings file here")
    path = settings.user_file.resolve()
    return path, read_text(path)


def foreign(settings: Settings, source: str) -> str:
    """Return the source of a value if it overrides the user's file; else an empty text."""
    file = settings.user_file
    names = () if file is None else (file.name, file.resolve().name)
    if source in ("default", *names):
        return ""
    return source


def read_text(path: Path) -> str:
    """Return the file's text; empty if there is no file.

    Raises:
        SettingsError: It cannot be read.
    """
    try:
        raw, _ = read_regular(path, MAX_BYTES)
        return raw.decode()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def write(change: SettingsChange) -> None:
    """Write the file in one step, readable for its owner only.

    Raises:
        SettingsError: it was changed meanwhile, or cannot be written; one sentence.
    """
    if read_text(change.path) != change.before:
        raise SettingsError(f"{change.path} was changed meanwhile: nothing was written, look at it again")
    try:
        change.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        put_in_place(change.path, change.after.encode())
    except OSError as error:
        raise SettingsError(f"{change.path} cannot be written: {error.strerror}") from None


def changed(settings: Settings, proposal: Proposal) -> Settings:
    """Return the settings with the new value in force."""
    row, value = proposal.row, proposal.value
    source = "default" if value is None else proposal.change.path.name
    sources = {**settings.sources, row.name: source}
    if row.path[0] == "thresholds":
        values: dict[str, Any] = {row.path[1]: row.default if value is None else value}
        return replace(settings, thresholds=replace(settings.thresholds, **values), sources=sources)
    if row.path[0] == "keys":
        keys = {name: wish for name, wish in settings.keys.items() if name != row.path[1]}
        if value is not None:
            keys[row.path[1]] = value
        return replace(settings, keys=keys, sources=sources)
    plain: dict[str, Any] = {row.path[0]: row.default if value is None else value}
    return replace(settings, **plain, sources=sources)


def put_in_force(dashboard: "DashboardServices", settings: Settings, path: tuple[str, ...]) -> None:
    """Apply new settings to a running dashboard at once."""
    app = dashboard.app
    dashboard.settings = dashboard.context.settings = settings
    for pane in dashboard.panes():
        pane.settings = settings
    dashboard.bridge.use(settings)
    if path == ("theme",):
        app.theme = settings.theme
    elif path == ("mouse",):
        dashboard.optimus.use_mouse(settings.mouse)
    elif path[0] == "keys":
        app.set_keymap(keymap(settings.keys))
    dashboard.refresh_now()
