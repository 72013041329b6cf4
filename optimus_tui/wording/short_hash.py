"""Name tenants for people: a hash is shortened, and one that has an alias is called by it."""

import re
from collections.abc import Mapping

from optimus_tui.wording.safe import safe_text

SHOWN = 8
"""The characters of a hash that are shown."""
MOST_ALIAS = 60
NO_ALIASES: Mapping[str, str] = {}
_HASH = re.compile(rb"(?=[0-9]*[a-fA-F])[0-9a-fA-F]{32,128}")
_LONG = re.compile(r"[0-9a-fA-F]{8}[0-9a-fA-F-]{20,}")
_WORD = re.compile(r"(?<![\w.:{/-])(\w[\w.@-]{2,}\w)…?(?![\w-]|:\S)")
"""A name that stands alone in a sentence: in the name of a key, and in a command, all of it is needed."""


def short_hash(name: bytes) -> str:
    """Return the first characters of a name that is a hash (32 or more hexadecimal digits) and ``…``.

    Any other name gives an empty text.
    """
    if _HASH.fullmatch(name) is None:
        return ""
    return name[:SHOWN].decode("ascii") + "…"


def shown_tenant(tenant: str, alias: str = "") -> str:
    """Return what a tenant is called in a sentence: ``robot (88f1c0de…)``, ``88f1c0de…`` or its whole name.

    Args:
        tenant: The name as safe text.
        alias: The name that people know it by; "" where there is none.
    """
    short = short_hash(tenant.encode("utf-8", "surrogateescape")) or tenant
    if not alias:
        return short
    if _LONG.fullmatch(tenant):
        short = f"{tenant[:SHOWN]}…"
    return f"{safe_text(alias, MOST_ALIAS)} ({short})"


def short_names(text: str, aliases: Mapping[str, str] = NO_ALIASES) -> str:
    """Return a sentence in which the tenants are called as ``shown_tenant`` calls them.

    None is called by its alias whose name is all letters: it may be a word of the sentence, such as "requests".

    Args:
        text: The sentence; the names of keys in it stay whole.
        aliases: What people call tenants, by their names.
    """
    return _WORD.sub(lambda found: _renamed(found, aliases), text)


def _renamed(found: re.Match[str], aliases: Mapping[str, str]) -> str:
    whole, name = found[0], found[1]
    alias = ""
    if not name.isalpha():
        alias = safe_text(aliases.get(name, ""), MOST_ALIAS)
    if alias and found.string.endswith(f"{alias} (", 0, found.start()):
        return whole
    if alias or _HASH.fullmatch(name.encode("utf-8", "surrogateescape")):
        return shown_tenant(name, alias)
    return whole
