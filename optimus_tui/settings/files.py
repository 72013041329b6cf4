"""Find and read configuration files. Only small, regular, UTF-8 TOML files are accepted."""

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from msgspec import Struct

from optimus_tui.settings.addresses.redis_url import holds_password
from optimus_tui.settings.errors import SettingsError
from optimus_tui.settings.schema import check_file
from optimus_tui.settings.table import SETTINGS

PROJECT_FILE = "optimus.toml"
MAX_BYTES = 1_000_000


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
    raw, mode = _read_regular(path)
    try:
        table = tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text (byte {error.start})") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML{_line_of(error)}") from None
    check_file(table, str(path))
    tables = [table, *table.get("env", {}).values()]
    keys = [row.key for row in SETTINGS if row.secret]
    secret = any(holds_password(one[key]) for one in tables for key in keys if key in one)
    return ConfigFile(path.name, path, table, exposed=bool(secret and mode & 0o077))


def _read_regular(path: Path) -> tuple[bytes, int]:
    """Return content and mode bits; the file is opened non-blocking, so that a FIFO cannot hold up the start."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                kind = "not a regular file"
                if stat.S_ISDIR(mode):
                    kind = "a directory"
                raise SettingsError(f"{path} is {kind}; a configuration is a TOML file")
            with open(handle, "rb", closefd=False) as file:
                raw = file.read(MAX_BYTES + 1)
        finally:
            os.close(handle)
    except FileNotFoundError:
        raise SettingsError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "bad file name"
        raise SettingsError(f"{path} cannot be read: {reason}") from None
    if len(raw) > MAX_BYTES:
        raise SettingsError(f"{path} is larger than 1 MB; that is no configuration")
    return raw, mode


def _line_of(error: BaseException) -> str:
    """Return only the line of the error, because the parser's own message may quote the file."""
    found = re.search(r"at line (\d+), column (\d+)", str(error))
    if found:
        return f" at line {found[1]}, column {found[2]}"
    if "end of document" in str(error):
        return " (at its end)"
    return ""
