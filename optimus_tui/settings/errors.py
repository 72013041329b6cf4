"""Clean up setting texts, and the only exception of the settings. It holds places, names and rules, never a value."""

import re
from urllib.parse import unquote


class SettingsError(Exception):
    """A mistake in the settings. ``str()`` is one sentence with the place and the remedy; never a secret."""


def nearest(word: str, known: list[str]) -> str:
    """Return ``did you mean X?`` for a mistyped name, or the list of valid names when none is similar."""
    from difflib import get_close_matches

    close = get_close_matches(word.lower().replace("-", "_"), known, n=1, cutoff=0.55)
    if close:
        return f"did you mean {close[0]}?"
    if known:
        return f"valid here: {', '.join(sorted(known))}"
    return "nothing may stand here"


def spelled(name: str, limit: int = 60) -> str:
    """Return a name from a file, printable and cut (``wording.safe`` may not be imported here)."""
    if name.isprintable():
        shown = name
    else:
        shown = name.encode("unicode_escape", "surrogatepass").decode("ascii")
    if len(shown) <= limit:
        return shown
    return f"{shown[:limit]}…"


_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def unquoted(text: str) -> str:
    """Return the text without surrounding white space and one pair of quotes, which docker's env files keep."""
    plain = text.strip()
    if len(plain) >= 2 and plain[0] == plain[-1] and plain[0] in "'\"":
        plain = plain[1:-1].strip()
    return plain


def note_left_out(ignored: list[str], unknown: int, where: str, notes: list[str]) -> None:
    """Append to ``notes`` which options of an address' query are ignored: other clients' by name, unknown ones counted.

    An unknown word is not repeated, because it could be a piece of a password.
    """
    if ignored:
        verb = "is" if len(ignored) == 1 else "are"
        notes.append(f"{where}: {', '.join(dict.fromkeys(ignored))} {verb} for other clients and ignored here")
    if unknown:
        notes.append(f"{where}: the query holds {unknown} option{'s' * (unknown > 1)} that we do not know: ignored")


def percent_decoded(text: str, what: str, where: str) -> str:
    """Return the text percent-decoded, once, as UTF-8 without control characters; raise SettingsError otherwise."""
    if _BAD_PERCENT.search(text):
        raise SettingsError(f"{where}: a % in the {what} is not followed by two hexadecimal digits; write it as %25")
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise SettingsError(f"{where}: the {what} is not UTF-8 once decoded") from None
    if any(ord(char) < 32 or ord(char) == 127 for char in plain):
        raise SettingsError(f"{where}: the {what} holds a control character")
    return plain
