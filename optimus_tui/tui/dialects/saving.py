"""Change the user's settings file so that a profile is in force, and find out what of it holds at once."""

import tomllib
from typing import Any, NamedTuple

from optimus_tui.settings.editing import Path as Keys
from optimus_tui.settings.editing import dotted_key, with_profile
from optimus_tui.settings.files import check_text
from optimus_tui.settings.load import DEFAULT
from optimus_tui.settings.model import Settings
from optimus_tui.settings.table import SettingsError
from optimus_tui.tools.dialects.draft import ProfileDraft
from optimus_tui.tui.settings.controller import SettingsChange, foreign, own_file
from optimus_tui.wording.safe import safe_text

BESIDE = ("--", "OPTIMUS_")
"""The beginnings of sources that are not files: flags and variables."""


class ProfileChange(NamedTuple):
    """A profile that is not written yet: the change of the file, and the flag or variable that overrides it."""

    change: SettingsChange
    overridden: str


def place_of(settings: Settings) -> Keys:
    """Return where the profile of the environment stands in a file."""
    if settings.environment == DEFAULT:
        return ("dialect",)
    return ("env", settings.environment, "dialect")


def within_of(settings: Settings) -> str:
    """Return the beginning of the profile's tables in a file, such as ``env.prod.dialect``."""
    return dotted_key(place_of(settings))


def own_table(settings: Settings) -> dict[str, Any]:
    """Return the table of rules that the user's file has; empty where it has none, or cannot be read."""
    try:
        found: Any = tomllib.loads(own_file(settings)[1].removeprefix("\ufeff"))
    except (SettingsError, ValueError):
        return {}
    for name in place_of(settings):
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, dict):
        return found
    return {}


def propose_profile(settings: Settings, draft: ProfileDraft) -> ProfileChange:
    """Return the change that puts the profile into the user's file; nothing is written.

    Raises:
        SettingsError: the file cannot be read or edited, or another one overrides it; one sentence.
    """
    source = settings.sources.get("dialect", "default").removesuffix(f" [env.{settings.environment}]")
    other = foreign(settings, source)
    if other and not other.startswith(BESIDE):
        raise SettingsError(f"{safe_text(other, 60)} names a dialect and overrides your own file: write it there")
    path, before = own_file(settings)
    after = with_profile(before, place_of(settings), draft.value(), draft.text(within_of(settings)))
    check_text(after, path)
    return ProfileChange(SettingsChange(path, before, after), other)
