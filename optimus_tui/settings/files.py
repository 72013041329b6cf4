"""Find and read configuration files, and check their keys. Only small, regular, UTF-8 TOML files are accepted."""

import errno
import math
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from optimus_tui.settings.model import ScanBudget, Thresholds
from optimus_tui.settings.redis_url import holds_password
from optimus_tui.settings.table import SETTINGS, Setting, SettingsError, nearest, spelled

Limit = Annotated[int, Meta(ge=1, le=1_000_000_000)]
BELL_RULE = "must be unfocused, always or never"
COLOR_RULE = "must be success, warning, error, accent, primary, secondary or #rrggbb"
Text = Annotated[str, Meta(max_length=4096)]
EnvironmentName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
_KINDS: dict[Any, Any] = {
    dict[str, str]: dict[str, Text],
    tuple[str, ...]: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=512)], ...], Meta(max_length=10_000)],
}
PROJECT_FILE = "optimus.toml"
MAX_BYTES = 1_000_000


class LimitsTable(Struct, frozen=True):
    """The table ``[limits]``: requests per window, for operations that the gateway does not publish."""

    window_seconds: Annotated[int, Meta(ge=1, le=31_622_400)] = 60
    """Length of a window in seconds."""
    operations: dict[str, Limit] = {}
    """Requests a window by operation, for every tenant."""
    tenants: dict[str, dict[str, Limit]] = {}
    """Requests a window by tenant and operation; they go before `operations`."""


TABLES: dict[str, type[Struct]] = {table.__name__: table for table in (LimitsTable, Thresholds, ScanBudget)}
"""The settings of a file that are tables with keys of their own."""


def kind_of(row: Setting) -> Any:
    """Return the type, with its bounds, that the value of a setting must have."""
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


def check_file(table: dict[str, Any], where: str) -> None:
    """Raise SettingsError for the first mistake in a whole file, naming ``where`` and the dotted key."""
    own = {row.key: kind_of(row) for row in SETTINGS if row.file == "environment"}
    top = {row.key: kind_of(row) for row in SETTINGS if row.file}
    _check_keys({**table, "env": {}}, {**top, "env": dict}, where, "")
    for name, environment in _table(table.get("env", {}), where, "env").items():
        dotted = _join("env", name)
        _convert(name, EnvironmentName, where, f"the name {dotted}")
        _check_keys(_table(environment, where, dotted), own, where, dotted)


def check_value(row: Setting, value: object, where: str) -> None:
    """Raise SettingsError for a mistake in a setting that came from a flag or, as text, from a variable."""
    _convert(value, kind_of(row), where, "", strict=False)


def value_of(kind: Any, text: str, where: str) -> Any:
    """Return what was typed as a value of this type; SettingsError for a mistake, naming ``where``."""
    value = _convert(text, kind, where, "", strict=False)
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingsError(f"{where} must be a finite number")
    return value


def check_text(text: str, path: Path) -> dict[str, Any]:
    """Return the checked table of a whole file; SettingsError for the first mistake in its text."""
    try:
        table = tomllib.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML{_line_of(error)}") from None
    check_file(table, str(path))
    return table


def _check_keys(table: dict[str, Any], kinds: dict[str, Any], where: str, dotted: str) -> None:
    for key, inner in table.items():
        if key not in kinds:
            raise SettingsError(f"{where}: unknown key {_join(dotted, key)}; {nearest(key, list(kinds))}")
        _check(inner, kinds[key], where, _join(dotted, key))


def _check(value: object, kind: Any, where: str, dotted: str) -> None:
    if isinstance(kind, type) and issubclass(kind, Struct):
        kinds = {field.name: field.type for field in msgspec.structs.fields(kind)}
        _check_keys(_table(value, where, dotted), kinds, where, dotted)
    elif get_origin(kind) is dict:
        name_kind, inner_kind = get_args(kind)
        for key, inner in _table(value, where, dotted).items():
            _convert(key, name_kind, where, f"the name {_join(dotted, key)}")
            _check(inner, inner_kind, where, _join(dotted, key))
    else:
        _convert(value, kind, where, dotted)


def _convert(value: object, kind: Any, where: str, dotted: str, *, strict: bool = True) -> Any:
    """Return the value as this type; SettingsError for a mistake, naming its place."""
    place = f"{where}: {dotted}" if dotted else where
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingsError(f"{place} must be a finite number")
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{place} {_in_words(str(error))}") from None


def _table(value: object, where: str, dotted: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"{where}: {dotted} must be a table, as in [{dotted}]")
    return value


def _join(dotted: str, key: str) -> str:
    if key and key.replace("_", "").replace("-", "").isalnum():
        name = spelled(key)
    else:
        name = f'"{spelled(key)}"'
    if dotted:
        return f"{dotted}.{name}"
    return name


def _in_words(message: str) -> str:
    """Return msgspec's message in plain words for the author of a config file; it never holds the value."""
    body, _, path = message.partition(" - at `$")
    if "matching regex" in body:
        if "success" in body:
            return COLOR_RULE
        return "may hold letters, digits, . _ and - only"
    if body.startswith("Invalid enum value"):
        return BELL_RULE
    words = {"`float`": "a number", "`int`": "a whole number", "`str`": "text", "`bool`": "true or false"}
    for name, word in {**words, "`array`": "a list", "`object`": "a table", "`null`": "nothing"}.items():
        body = body.replace(name, word)
    item = ""
    if path[1:].partition("]")[0].isdigit():
        item = f" (item {int(path[1:].partition(']')[0]) + 1})"
    return f"{body.replace('Expected', 'must be', 1).replace(', got', ', not')}{item}"


class ConfigFile(Struct, frozen=True):
    """A checked file. ``label`` is its short name in ``Settings.sources``; ``exposed``: others may read a password."""

    label: str
    path: Path
    table: dict[str, Any]
    exposed: bool

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


def read_config(path: Path) -> ConfigFile:
    """Return the checked content of the file at ``path``.

    Raises:
        SettingsError: the file cannot be read or a key is wrong; the message names both.
    """
    try:
        raw, mode = read_regular(path, MAX_BYTES)
    except FileNotFoundError:
        raise SettingsError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file can have this name"
        raise SettingsError(f"{path} cannot be read: {reason}") from None
    if len(raw) > MAX_BYTES:
        raise SettingsError(f"{path} is larger than 1 MB; that is no configuration")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text (byte {error.start})") from None
    table = check_text(text, path)
    tables = [table, *table.get("env", {}).values()]
    keys = [row.key for row in SETTINGS if row.secret]
    secret = any(holds_password(one[key]) for one in tables for key in keys if key in one)
    return ConfigFile(path.name, path, table, exposed=bool(secret and mode & 0o077))


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
