"""Find and read configuration files, and check their keys. Only small, regular, UTF-8 TOML files are accepted."""

import errno
import math
import os
import re
import stat
import tomllib
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from optimus_tui.settings.editing import line_of
from optimus_tui.settings.model import ScanBudget, Thresholds
from optimus_tui.settings.profiles import PresetName, PresetOrTable, table_profile, text_profile
from optimus_tui.settings.redis_url import holds_password
from optimus_tui.settings.table import SETTINGS, Setting, SettingsError, nearest, spelled
from optimus_tui.settings.validation import ValidateTable

Limit = Annotated[int, Meta(ge=1, le=1_000_000_000)]
COLOR_RULE = "must be success, warning, error, accent, primary, secondary or #rrggbb"
Text = Annotated[str, Meta(max_length=4096)]
EnvironmentName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
_KINDS: dict[Any, Any] = {
    dict[str, str]: dict[str, Text],
    tuple[str, ...]: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=512)], ...], Meta(max_length=10_000)],
}
PROJECT_FILE = "optimus.toml"
MAX_BYTES = 1_000_000
Keys = tuple[str, ...]
"""The names that lead to a value: ``("validate", "rules")``."""


class LimitsTable(Struct, frozen=True):
    """The table ``[limits]``: requests per window, for operations that the gateway does not publish."""

    window_seconds: Annotated[int, Meta(ge=1, le=31_622_400)] = 60
    """Length of a window in seconds."""
    operations: dict[str, Limit] = {}
    """Requests a window by operation, for every tenant."""
    tenants: dict[str, dict[str, Limit]] = {}
    """Requests a window by tenant and operation; they go before `operations`."""
    windows: dict[str, Annotated[int, Meta(ge=1, le=31_622_400)]] = {}
    """Length of the window in seconds of operations whose window is another than `window_seconds`."""


TABLES: dict[str, type[Struct]] = {
    table.__name__: table for table in (LimitsTable, Thresholds, ScanBudget, ValidateTable)
}
"""The settings of a file that are tables with keys of their own."""


def kind_of(row: Setting) -> Any:
    """Return the type, with its bounds, that a setting's value must have."""
    if row.preset:
        return PresetOrTable
    if isinstance(row.takes, str):
        return TABLES[row.takes]
    if row.takes is str:
        length = Meta(min_length=int(row.least or 0), max_length=int(row.most or 4096), pattern=row.pattern)
        return Annotated[str, length]
    if row.takes in _KINDS:
        return _KINDS[row.takes]
    if row.least is not None or row.most is not None:
        return Annotated[row.takes, Meta(ge=row.least, le=row.most)]
    return row.takes


class TomlFile(NamedTuple):
    """The file of a mistake. ``text`` is its text, to name the line; "" where there is none."""

    name: str
    text: str = ""

    def at(self, keys: Keys) -> str:
        """Return ``optimus.toml:12`` for the line that sets a value, or the name alone where no line does."""
        line = line_of(self.text, keys)
        if line is None:
            return self.name
        return f"{self.name}:{line}"


def check_file(table: dict[str, Any], where: str, text: str = "") -> None:
    """Raise SettingsError for the first mistake in a whole file, naming ``where``, the line and the dotted key."""
    file = TomlFile(where, text)
    own = {row.key: kind_of(row) for row in SETTINGS if row.file == "environment"}
    top = {row.key: kind_of(row) for row in SETTINGS if row.file}
    _check_keys({**table, "env": {}}, {**top, "env": dict}, file, ())
    for name, environment in _table(table.get("env", {}), file, ("env",)).items():
        _convert(name, EnvironmentName, file, ("env", name), of_name=True)
        _check_keys(_table(environment, file, ("env", name)), own, file, ("env", name))


def check_value(row: Setting, value: object, where: str) -> None:
    """Raise SettingsError for a mistake in a setting that came from a flag or, as text, from a variable."""
    kind = PresetName if row.preset else kind_of(row)
    _convert(value, kind, TomlFile(where), (), strict=False)


def value_of(kind: Any, text: str, where: str) -> Any:
    """Return typed text as a value of this type; SettingsError, naming ``where``, for a mistake."""
    value = _convert(text, kind, TomlFile(where), (), strict=False)
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingsError(f"{where} must be a finite number")
    return value


def check_text(text: str, path: Path) -> dict[str, Any]:
    """Return the checked table of a whole file; SettingsError for the first mistake in its text."""
    plain = text.removeprefix("\ufeff")
    table = _parsed(plain, path)
    check_file(table, str(path), plain)
    return table


_MEND_TOML = ": look there for a quote or bracket that is not closed, a text without quotes, or a name given twice"
"""What the mistakes in a file nearly always are. What stands there is not told: it may be a password."""


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML{_line_of(error)}{_MEND_TOML}") from None


def _check_keys(table: dict[str, Any], kinds: dict[str, Any], file: TomlFile, keys: Keys) -> None:
    for key, inner in table.items():
        place = (*keys, key)
        if key not in kinds:
            raise SettingsError(f"{file.at(place)}: unknown key {dotted(place)}; {nearest(key, list(kinds))}")
        _check(inner, kinds[key], file, place)


def _check(value: object, kind: Any, file: TomlFile, keys: Keys) -> None:
    if kind is PresetOrTable:
        _check_profile(value, file, keys)
    elif isinstance(kind, type) and issubclass(kind, Struct):
        kinds = {field.name: field.type for field in msgspec.structs.fields(kind)}
        _check_keys(_table(value, file, keys), kinds, file, keys)
    elif get_origin(kind) is dict:
        name_kind, inner_kind = get_args(kind)
        for key, inner in _table(value, file, keys).items():
            _convert(key, name_kind, file, (*keys, key), of_name=True)
            _check(inner, inner_kind, file, (*keys, key))
    else:
        _convert(value, kind, file, keys)


def _check_profile(value: object, file: TomlFile, keys: Keys) -> None:
    if isinstance(value, dict):
        table_profile(value, file.name, file.text, ".".join(keys))
    elif isinstance(value, str):
        _convert(value, PresetName, file, keys)
        text_profile(value, f"{file.at(keys)}: {dotted(keys)}")
    else:
        raise SettingsError(
            f'{file.at(keys)}: {dotted(keys)} must be the name of a preset, as in dialect = "limits", or a table'
        )


def _convert(
    value: object, kind: Any, file: TomlFile, keys: Keys, *, strict: bool = True, of_name: bool = False
) -> Any:
    """Return the value as this type; SettingsError for a mistake, naming its place. ``of_name``: it is a key."""
    place = file.name
    if keys:
        place = f"{file.at(keys)}: {'the name ' if of_name else ''}{dotted(keys)}"
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingsError(f"{place} must be a finite number")
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{place} {_in_words(str(error), kind)}") from None


def _table(value: object, file: TomlFile, keys: Keys) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"{file.at(keys)}: {dotted(keys)} must be a table, as in [{dotted(keys)}]")
    return value


def dotted(keys: Keys) -> str:
    """Return the dotted key of a value as TOML writes it: ``env.prod."a b"``."""
    return ".".join(
        spelled(key) if key and key.replace("_", "").replace("-", "").isalnum() else f'"{spelled(key)}"' for key in keys
    )


def _in_words(message: str, kind: Any) -> str:
    """Return msgspec's message in plain words for the author of a config file; it never holds the value."""
    body, _, path = message.partition(" - at `$")
    if "matching regex" in body:
        if "success" in body:
            return COLOR_RULE
        return "may hold letters, digits, . _ and - only"
    if choices := _choices(kind):
        *others, last = choices
        return f"must be {', '.join(others)} or {last}"
    words = {"`float`": "a number", "`int`": "a whole number", "`str`": "text", "`bool`": "true or false"}
    for name, word in {**words, "`array`": "a list", "`object`": "a table", "`null`": "nothing"}.items():
        body = body.replace(name, word)
    item = ""
    if path[1:].partition("]")[0].isdigit():
        item = f" (item {int(path[1:].partition(']')[0]) + 1})"
    return f"{body.replace('Expected', 'must be', 1).replace(', got', ', not')}{item}"


def _choices(kind: Any) -> list[str]:
    """Return the words that a type allows."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    if get_origin(kind) in (Annotated, Union, UnionType):
        return [word for part in get_args(kind) for word in _choices(part)]
    return []


class ConfigFile(Struct, frozen=True):
    """A checked file. ``label`` is its short name in ``Settings.sources``.

    ``exposed``: others may read a password in it.
    """

    label: str
    path: Path
    table: dict[str, Any]
    exposed: bool
    text: str = ""
    personal: bool = False
    """It is the user's own, not a project's."""

    def at(self, keys: Keys) -> str:
        """Return the file and the line that sets a value: ``/srv/shop/optimus.toml:12``."""
        return TomlFile(str(self.path), self.text).at(keys)

    @property
    def environments(self) -> dict[str, dict[str, Any]]:
        """Return the ``[env.NAME]`` tables."""
        tables: dict[str, dict[str, Any]] = self.table.get("env", {})
        return tables


def find_project_file(cwd: Path) -> Path | None:
    """Return the nearest ``optimus.toml`` at or above ``cwd``, or None."""
    return next((one / PROJECT_FILE for one in (cwd, *cwd.parents) if os.path.lexists(one / PROJECT_FILE)), None)


def find_source_tree(cwd: Path) -> Path | None:
    """Return the nearest directory at or above ``cwd`` that holds ``src/backend`` (the gateway's sources), or None."""
    return next((one for one in (cwd, *cwd.parents) if os.path.isdir(one / "src" / "backend")), None)


def user_config_file() -> Path:
    """Return the path of the user's own configuration on this platform (it need not exist)."""
    from platformdirs import user_config_path

    return user_config_path("optimus-tui", appauthor=False) / "config.toml"


def read_config(path: Path, *, personal: bool = False) -> ConfigFile:
    """Return the checked content of the file at ``path``.

    Raises:
        SettingsError: the file cannot be read or a key is wrong; the message names both.
    """
    text, mode = _text_of(path)
    table = check_text(text, path)
    tables = [table, *table.get("env", {}).values()]
    keys = [row.key for row in SETTINGS if row.secret]
    secret = any(holds_password(one[key]) for one in tables for key in keys if key in one)
    return ConfigFile(path.name, path, table, bool(secret and mode & 0o077), text, personal)


def read_table(path: Path) -> tuple[dict[str, Any], str]:
    """Return a file of TOML and its text, without checking its keys; SettingsError where it cannot be read."""
    text, _ = _text_of(path)
    return _parsed(text, path), text


def _text_of(path: Path) -> tuple[str, int]:
    """Return a file's text and its mode bits."""
    try:
        raw, mode = read_regular(path, MAX_BYTES)
    except FileNotFoundError:
        raise SettingsError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file can have this name"
        raise SettingsError(f"{path} cannot be read: {reason}") from None
    if len(raw) > MAX_BYTES:
        raise SettingsError(f"{path} is larger than 1 MB: it cannot be a configuration")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text (byte {error.start})") from None
    return text, mode


def read_regular(path: str | Path, limit: int) -> tuple[bytes, int]:
    """Return at most ``limit + 1`` bytes of a regular file, and its mode bits.

    The file is opened non-blocking, because opening a FIFO without a writer would hang.

    Raises:
        OSError: the file cannot be read or is not a regular one; ``strerror`` says why.
        ValueError: no file can have this name.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a directory")
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        with open(handle, "rb", closefd=False) as file:
            return file.read(limit + 1), mode
    finally:
        os.close(handle)


def _line_of(error: BaseException) -> str:
    """Return only the line of the error, because the parser's own message may quote the file."""
    found = re.search(r"at line (\d+), column (\d+)", str(error))
    if found:
        return f" at line {found[1]}, column {found[2]}"
    if "end of document" in str(error):
        return " (at its end)"
    return ""
