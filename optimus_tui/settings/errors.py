"""The only exception of the settings. It holds places, names and rules, never a value."""


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
