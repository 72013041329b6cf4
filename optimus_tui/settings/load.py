"""Read flags, environment variables and files into Settings, with the source of every value.

Order: flags, the OPTIMUS_… variables, the tables of an environment that was named (``--env``, ``:env``, OPTIMUS_ENV),
the generic variables (REDIS_URL, …) of the default environment, the files' top level. The project's ``optimus.toml``
comes before the user's own file; ``--config`` and OPTIMUS_CONFIG replace both. A mistake is one SettingsError sentence,
never a silent default.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from optimus_tui.settings.compose import DEFAULT, Composer, flag_layer, variable_layer
from optimus_tui.settings.errors import SettingsError, spelled
from optimus_tui.settings.files import ConfigFile, find_project_file, read_config
from optimus_tui.settings.model import Settings
from optimus_tui.settings.schema import check_value
from optimus_tui.settings.table import BY_KEY, OVERRIDES

__all__ = ["DEFAULT", "SettingsError", "environments", "load"]


def load(flags: Mapping[str, object], env: Mapping[str, str], cwd: Path, user_config: Path | None) -> Settings:
    """Return the settings in force.

    Args:
        flags: the flags' values by the ``parameter`` of their settings; None or absent means not given.
        env: the environment variables.
        cwd: the directory from which the project's file is searched.
        user_config: the user's own file; it need not exist.

    Raises:
        SettingsError: any mistake, in one sentence.
    """
    files = _files(flags, env, cwd, user_config)
    environment, chosen_by = _environment(flags, env, files)
    explicit, generic = [flag_layer(flags, cwd), variable_layer(env, cwd, OVERRIDES)], variable_layer(env, cwd)
    for layer in (*explicit, generic):
        for key, value in layer.values.items():
            check_value(BY_KEY[key], value, layer.where(key))
    return Composer(environment, chosen_by, files, explicit, generic, bool(flags.get("insecure_tls"))).settings(cwd)


def environments(flags: Mapping[str, object], env: Mapping[str, str], cwd: Path, user_config: Path | None) -> list[str]:
    """Return the names that ``env`` may take: ``default``, then those of the files. SettingsError as for ``load``."""
    return _known(_files(flags, env, cwd, user_config))


def _known(files: list[ConfigFile]) -> list[str]:
    return [DEFAULT, *sorted({name for file in files for name in file.environments} - {DEFAULT})]


def _files(
    flags: Mapping[str, object], env: Mapping[str, str], cwd: Path, user_config: Path | None
) -> list[ConfigFile]:
    explicit = flags.get("config") or env.get("OPTIMUS_CONFIG", "").strip()
    if explicit:
        named_by = "OPTIMUS_CONFIG"
        if flags.get("config"):
            named_by = "--config"
        try:
            return [read_config(cwd / Path(str(explicit)).expanduser())]
        except (SettingsError, RuntimeError) as error:
            raise SettingsError(f"{error} (named by {named_by})") from None
    found = [find_project_file(cwd)]
    if user_config is not None and os.path.lexists(user_config):
        found.append(user_config)
    return [read_config(one) for one in found if one is not None]


def _environment(flags: Mapping[str, object], env: Mapping[str, str], files: list[ConfigFile]) -> tuple[str, str]:
    """Return the environment's name and what chose it (empty for the default)."""
    name, chosen_by = str(flags.get("env") or ""), "--env"
    if not name:
        name, chosen_by = env.get("OPTIMUS_ENV", "").strip(), "OPTIMUS_ENV"
    if not name:
        return DEFAULT, ""
    known = _known(files)
    if name not in known:
        place = " and ".join(str(file.path) for file in files) or "any file: there is no optimus.toml here or above"
        raise SettingsError(
            f"{chosen_by}: there is no environment {spelled(name)} in {place}; known: {', '.join(known)}"
        )
    return name, chosen_by
