"""The settings that the screen shows, each with its value, its source, its default and its allowed values."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, get_args, get_origin

import msgspec
from msgspec import Meta

from optimus_tui.settings.editing import Path, toml_of
from optimus_tui.settings.files import kind_of, value_of
from optimus_tui.settings.model import Settings, Thresholds
from optimus_tui.settings.table import BY_KEY
from optimus_tui.tui.keys import KEYS
from optimus_tui.tui.theme import THEMES
from optimus_tui.wording.safe import safe_text

PLAIN = ("refresh_seconds", "theme", "bell", "mouse")


class SettingRow(NamedTuple):
    """One setting.

    Attributes:
        path: The names that lead to it in a file.
        kind: The type that its value must have.
        value: The value in force.
        default: The value if it is not set anywhere; None for none.
        source: Where the value came from: ``default``, a file, a variable or a flag.
        allowed: Its allowed values, in words.
        help: What it means.
    """

    path: Path
    kind: Any
    value: Any
    default: Any
    source: str
    allowed: str
    help: str

    @property
    def name(self) -> str:
        """Return its name as files write it."""
        return ".".join(self.path)

    def written(self, value: object) -> str:
        """Return a value as it is shown and typed; empty for none."""
        if value is None:
            return ""
        if isinstance(value, str):
            return safe_text(value, 200)
        return toml_of(value).removesuffix(".0")

    def parsed(self, text: str) -> Any:
        """Return the value of a typed text; None for an empty text, which means the default.

        Raises:
            SettingsError: it is not a value of this setting; one sentence.
        """
        if not text:
            return None
        return value_of(self.kind, text, self.name)


def setting_rows(settings: Settings) -> list[SettingRow]:
    """Return all settings that can be changed here, in their order."""
    return [*_plain(settings), *_thresholds(settings), *_keys(settings)]


def _plain(settings: Settings) -> Iterator[SettingRow]:
    for key in PLAIN:
        row = BY_KEY[key]
        kind, source = kind_of(row), settings.sources.get(row.field, "default")
        allowed = _allowed(kind)
        if key == "theme":
            allowed = f"{THEMES[0].name}, another of ours (^t), or one of Textual's"
        yield SettingRow(
            (key,), kind, getattr(settings, row.field), row.default, source, allowed, row.help.replace("`", "")
        )


def _thresholds(settings: Settings) -> Iterator[SettingRow]:
    for field in msgspec.structs.fields(Thresholds):
        path = ("thresholds", field.name)
        source = settings.sources.get(".".join(path), "default")
        value = getattr(settings.thresholds, field.name)
        yield SettingRow(path, field.type, value, field.default, source, _allowed(field.type), "")


def _keys(settings: Settings) -> Iterator[SettingRow]:
    for key in KEYS:
        value, source = settings.keys.get(key.id, key.keys), settings.sources.get(f"keys.{key.id}", "default")
        yield SettingRow(("keys", key.id), str, value, key.keys, source, "keys, as in z, Z, ?, f5, ctrl+t", key.help)


def _allowed(kind: Any) -> str:
    """Return what a value may be, in words."""
    bounds: list[str] = []
    for one in (kind, *get_args(kind)):
        if get_origin(one) is Literal:
            return ", ".join(get_args(one))
        for meta in get_args(one):
            if isinstance(meta, Meta):
                bounds += _bounds(meta)
    inner = {part for one in (kind, *get_args(kind)) for part in (one, *get_args(one)) if isinstance(part, type)}
    if bool in inner:
        return "true or false"
    if str in inner:
        return "text"
    word = "a whole number" if int in inner and float not in inner else "a number"
    return " ".join([word, *dict.fromkeys(bounds)])


def _bounds(meta: Meta) -> Iterator[str]:
    if meta.ge is not None and meta.le is not None:
        yield f"from {meta.ge:,g} to {meta.le:,g}"
    elif meta.ge is not None:
        yield f"from {meta.ge:,g}"
    if meta.gt is not None:
        yield f"over {meta.gt:,g}"
