"""Shorten names that are hashes."""

import re

SHOWN = 8
"""The characters of a hash that are shown."""
_HASH = re.compile(rb"(?=[0-9]*[a-fA-F])[0-9a-fA-F]{32,128}")


def short_hash(name: bytes) -> str:
    """Return the first characters of a name that is a hash (32 or more hexadecimal digits) and ``…``.

    Any other name gives an empty text.
    """
    if _HASH.fullmatch(name) is None:
        return ""
    return name[:SHOWN].decode("ascii") + "…"
