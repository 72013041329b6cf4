"""The one error that configuration may raise. It refuses to hold a value: places, names and rules only."""


class SettingsError(Exception):
    """``str()`` is one sentence that names where the mistake is and what would be right; never a secret."""


def nearest(word: str, known: list[str]) -> str:
    """``did you mean X?`` for a mistyped name, or the list of valid names when none comes near."""
    from difflib import get_close_matches

    close = get_close_matches(word.lower().replace("-", "_"), known, n=1, cutoff=0.55)
    if close:
        return f"did you mean {close[0]}?"
    return f"valid here: {', '.join(sorted(known))}" if known else "nothing may stand here"


def spelled(name: str, limit: int = 60) -> str:
    """A name from a file, printable and short (the screen's own gate is a floor above this one)."""
    shown = name if name.isprintable() else name.encode("unicode_escape", "surrogatepass").decode("ascii")
    return shown if len(shown) <= limit else f"{shown[:limit]}…"
