"""Say, in the words of ACL SETUSER, which keys and channels a login needs for a profile."""

import re

from optimus_tui.dialects.feeds.messages import Subscription, subscription_of
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.wording.safe import safe_text

LINE_FROM_DOCTOR = "`optimus-tui doctor` prints the ACL line that grants it"
"""The remedy where it is not known by which profile keys are read."""
NOBODY = b"optimus_doctor:nobody"
"""What follows the head of a name that is only tried: no key has it."""
_GLOB = re.compile(rb"[\\*?\[\]]")
_UNWRITABLE = re.compile(rb"[^!#-&(-~]")
"""Blanks and quotes, which ACL SETUSER does not take in a pattern, and characters that are not plain ones."""


def key_patterns(layout: KeyLayout) -> dict[str, bytes]:
    """Return the patterns of keys that the panes read (such as ``rate_limit:*``), each with a name to try it with."""
    found = {f"{_glob(head)}*": head + NOBODY for head in layout.known_heads}
    if event_list := layout.dialect.event_list.encode():
        found[_glob(event_list)] = event_list
    return found


def channel_words(subscription: Subscription) -> str:
    """Return the channels as rules of an ACL, such as ``&cache_coherence:*``; empty if there are none."""
    return " ".join(f"&{safe_text(place, 200)}" for place in subscription.places)


def denied_key(user: str, layout: KeyLayout | None) -> str:
    """Return what to do if a login may not read the keys of a profile. ``layout`` is None if the profile is unknown."""
    if layout is None:
        return LINE_FROM_DOCTOR
    return " ".join(["ACL SETUSER", user, *(f"%R~{pattern}" for pattern in key_patterns(layout))])


def denied_channel(user: str, layout: KeyLayout | None) -> str:
    """Return what to do if a login may not subscribe to a profile's channels. ``layout`` is None if it is unknown."""
    words = channel_words(subscription_of(layout.dialect)) if layout is not None else ""
    if words:
        return f"ACL SETUSER {user} {words}"
    return LINE_FROM_DOCTOR


def _glob(literal: bytes) -> str:
    """Return a literal as an ACL writes it; a character that it cannot write is any character."""
    escaped = _GLOB.sub(lambda found: b"\\" + found[0], literal)
    return _UNWRITABLE.sub(b"?", escaped).decode("ascii")
