"""The keys of a configuration file, and the check that names the key with a mistake.

Unknown keys (with the nearest valid one), wrong types and values out of range are refused; no message repeats a value.
"""

import math
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from optimus_tui.settings.errors import SettingsError, nearest, spelled
from optimus_tui.settings.model import Bell, ScanBudget, Thresholds

Limit = Annotated[int, Meta(ge=1, le=1_000_000_000)]
BELL_RULE = "must be unfocused, always or never"
COLOR_RULE = "must be success, warning, error, accent, primary, secondary or #rrggbb"
Text = Annotated[str, Meta(max_length=4096)]
EnvironmentName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]


class LimitsTable(Struct, frozen=True):
    """The table ``[limits]``: requests per window, for operations that the gateway does not publish."""

    window_seconds: Annotated[int, Meta(ge=1, le=31_622_400)] = 60
    """Length of a window in seconds."""
    operations: dict[str, Limit] = {}
    """Requests a window by operation, for every tenant."""
    tenants: dict[str, dict[str, Limit]] = {}
    """Requests a window by tenant and operation; they go before `operations`."""


class EnvTable(Struct, frozen=True):
    """The table ``[env.NAME]``, and the part of the top level that is the same. Every key may be left out."""

    backend_orchestrator_url: Text = ""
    """Address of the gateway; several, separated by commas, are one gateway with several addresses."""
    ai_engine_url: Text = ""
    """Address of the AI engine; several, separated by commas, are one engine with several addresses."""
    redis_url: Text = ""
    """Address of Redis: `redis://`, `rediss://` (TLS) or `unix://`. A password here wants a file of mode 0600."""
    operator_redis_url: Text = ""
    """Login that is used inside an action only. Without it actions use that of `redis_url`."""
    postgres_dsn: Text = ""
    """Address of Postgres. Without it Postgres is not looked at."""
    prometheus_url: Text = ""
    """Address of a Prometheus that scrapes the gateway. Without it windows come from our own history."""
    backend_orchestrator_path: Text = ""
    """Folder of the gateway's source, for `validate` and `scaffold`."""
    writable: bool = False
    """True lets the environment be armed, and so be changed. `default` is writable where its Redis is local."""
    color: Annotated[str, Meta(pattern=r"^(success|warning|error|accent|primary|secondary|#[0-9A-Fa-f]{6})$")] = ""
    """Colour of the environment's name in the header: a word of the theme, or `#rrggbb`."""
    tenants: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=512)], ...], Meta(max_length=10_000)] = ()
    """Names of tenants; they settle which tenant owns a key when a name holds colons."""
    refresh_seconds: Annotated[float, Meta(ge=0.5, le=60)] = 2.0
    """Seconds between two looks of the dashboard."""
    theme: Annotated[str, Meta(min_length=1, max_length=60)] = ""
    """`optimus-dark`, `optimus-light`, `optimus-contrast`, or a theme of Textual."""
    bell: Bell = "unfocused"
    """When an alert rings the terminal's bell: while the terminal has no focus, always, or never."""
    thresholds: Thresholds = Thresholds()
    scan: ScanBudget = ScanBudget()
    limits: LimitsTable = LimitsTable()
    metrics: dict[str, Text] = {}
    """Names of the gateway's metrics by their role, where they are not the usual ones."""


class FileTable(EnvTable, frozen=True):
    """The top level of a file."""

    env: dict[EnvironmentName, EnvTable] = {}
    """Named environments: `[env.prod]` holds what `--env prod` uses."""
    keys: dict[str, Text] = {}
    """Other keys for bindings, by the id of the table of keys."""


def check_file(table: dict[str, Any], where: str) -> None:
    """Raise SettingsError for the first mistake in a whole file, naming ``where`` and the dotted key."""
    _check(table, FileTable, where, "")


def check_value(key: str, value: object, where: str) -> None:
    """Raise SettingsError for a mistake in one top-level value that came from a flag or a variable."""
    kinds = {field.name: field.type for field in msgspec.structs.fields(FileTable)}
    _check(value, kinds[key], where, "")


def _check(value: object, kind: Any, where: str, dotted: str) -> None:
    if isinstance(kind, type) and issubclass(kind, Struct):
        kinds = {field.name: field.type for field in msgspec.structs.fields(kind)}
        for key, inner in _table(value, where, dotted).items():
            if key not in kinds:
                raise SettingsError(f"{where}: unknown key {_join(dotted, key)}; {nearest(key, list(kinds))}")
            _check(inner, kinds[key], where, _join(dotted, key))
    elif get_origin(kind) is dict:
        name_kind, inner_kind = get_args(kind)
        for key, inner in _table(value, where, dotted).items():
            _convert(key, name_kind, where, f"the name {_join(dotted, key)}")
            _check(inner, inner_kind, where, _join(dotted, key))
    else:
        _convert(value, kind, where, dotted)


def _convert(value: object, kind: Any, where: str, dotted: str) -> None:
    place = f"{where}: {dotted}" if dotted else where
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingsError(f"{place} must be a finite number")
    try:
        msgspec.convert(value, kind, strict=True)
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
