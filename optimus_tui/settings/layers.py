"""Where values of settings come from: flags, variables and files, each a layer; the more specific one wins."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from optimus_tui.settings.files import ConfigFile
from optimus_tui.settings.table import SETTINGS, VARIABLES, unquoted


class Layer(Struct, frozen=True):
    """The values of one origin by file key. ``where`` names it in errors, ``source`` in ``Settings.sources``."""

    values: Mapping[str, Any]
    names: Mapping[str, str]
    """By key, for flags and variables; empty for files."""
    label: str = ""
    file: str = ""
    table: str = ""
    base: Path = Path()

    def source(self, key: str) -> str:
        """Return the source of a key as shown: ``REDIS_URL``, ``--redis-url``, ``optimus.toml [env.prod]``."""
        return self.names.get(key) or self.label

    def where(self, key: str) -> str:
        """Return the name of the place to correct."""
        return self.names.get(key) or f"{self.file}: {self.table}{key}"


class LayeredValue(Struct, frozen=True):
    """A value and the layer it came from."""

    value: Any
    layer: Layer


def flag_layer(flags: Mapping[str, object], cwd: Path) -> Layer:
    """Return the layer of the command line's values; a flag that is None was not given."""
    given = [row for row in SETTINGS if row.flag and flags.get(row.parameter) is not None]
    values = {row.key: flags[row.parameter] for row in given}
    return Layer(values, {row.key: row.flag for row in given}, base=cwd)


def variable_layer(env: Mapping[str, str], cwd: Path, names: Mapping[str, str] = VARIABLES) -> Layer:
    """Return the layer of the environment variables; an empty variable counts as not set.

    ``names`` maps variables to file keys: VARIABLES (the default environment's) or OVERRIDES (every environment's).
    """
    values = {key: env[name] for name, key in names.items() if unquoted(env.get(name, ""))}
    return Layer(values, {key: name for name, key in names.items() if key in values}, base=cwd)


def file_layers(files: Sequence[ConfigFile], environment: str) -> list[Layer]:
    """Return the tables of all files: every file's ``[env.NAME]`` before any file's top level."""
    named = [
        Layer(
            file.environments[environment],
            {},
            f"{file.label} [env.{environment}]",
            str(file.path),
            f"env.{environment}.",
            file.path.parent,
        )
        for file in files
        if environment in file.environments
    ]
    return named + [Layer(file.table, {}, file.label, str(file.path), "", file.path.parent) for file in files]


def pick(layers: Sequence[Layer], key: str) -> LayeredValue | None:
    """Return the value for ``key`` from the first layer that has it, or None."""
    return next((LayeredValue(layer.values[key], layer) for layer in layers if key in layer.values), None)


def merge(layers: Sequence[Layer], key: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a table merged entry by entry, and the source of each dotted entry."""
    merged: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for layer in reversed(layers):
        _lay(layer.values.get(key, {}), merged, sources, key, layer.source(key))
    return merged, sources


def _lay(upper: Mapping[str, Any], into: dict[str, Any], sources: dict[str, str], dotted: str, source: str) -> None:
    for key, value in upper.items():
        if isinstance(value, dict):
            _lay(value, into.setdefault(key, {}), sources, f"{dotted}.{key}", source)
        else:
            into[key] = value
            sources[f"{dotted}.{key}"] = source
