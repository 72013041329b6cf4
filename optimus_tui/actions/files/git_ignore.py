"""The patterns of ``.gitignore`` and ``info/exclude``, as git reads them: which files git does not list as new."""

import re
from pathlib import Path

from optimus_tui.actions.files.git_layout import RepositoryUnreadable, read_file

MAX_FILE = 256 * 1024
MAX_PATTERN = 500
MAX_DOUBLE_STARS = 3
_NEVER = "(?!)"


class Pattern:
    """One pattern. ``base`` is the directory of its file, relative to the top, with a slash at the end; or empty."""

    def __init__(self, line: str, base: str) -> None:
        self.negated = line.startswith("!")
        line = line.removeprefix("!") if self.negated else line.removeprefix("\\")
        self.folders_only = line.endswith("/")
        line = line.rstrip("/")
        anchored = "/" in line
        self._base = base
        self._words = re.compile("(?:.*/)?" * (not anchored) + _translated(line.lstrip("/")), re.DOTALL)

    def matches(self, path: str, is_folder: bool) -> bool:
        """Return True if the pattern covers ``path``, which is relative to the top."""
        if (self.folders_only and not is_folder) or not path.startswith(self._base):
            return False
        return self._words.fullmatch(path[len(self._base) :]) is not None


def read_patterns(path: Path, base: str) -> list[Pattern]:
    """Return the patterns of one file; none if it cannot be read."""
    try:
        text = read_file(path, MAX_FILE).decode("utf-8", "surrogateescape")
    except RepositoryUnreadable:
        return []
    lines = [re.sub(r"(?<!\\)[ \t\r]+$", "", line) for line in text.split("\n")]
    return [Pattern(line, base) for line in lines if line and len(line) <= MAX_PATTERN and not line.startswith("#")]


def is_ignored(path: str, is_folder: bool, patterns: list[Pattern]) -> bool:
    """Return True if the last pattern that matches is not a negated one."""
    for pattern in reversed(patterns):
        if pattern.matches(path, is_folder):
            return not pattern.negated
    return False


def _translated(line: str) -> str:
    """Return the pattern as a regular expression.

    Hostile patterns cannot make it slow: each part backtracks into at most one star.
    """
    parts = line.split("/")
    if parts.count("**") > MAX_DOUBLE_STARS:
        return _NEVER
    out = ""
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if part == "**":
            out += ".+" if last else "(?:.*/)?"
        else:
            out += _part(part) + "/" * (not last)
    try:
        re.compile(out)
    except re.error:
        return _NEVER
    return out


def _part(text: str) -> str:
    """Translate one name between slashes. What stands between two stars is matched at the first place where it fits."""
    pieces, at = [""], 0
    while at < len(text):
        if text[at] == "*":
            at += 1
            if pieces[-1] or len(pieces) == 1:
                pieces.append("")
        elif text[at] == "?":
            pieces[-1], at = pieces[-1] + "[^/]", at + 1
        elif text[at] == "[" and (end := text.find("]", at + 2)) > 0:
            inner = re.sub(r"([\[\]\\&|~])", r"\\\1", text[at + 1 : end])
            pieces[-1], at = pieces[-1] + "[" + ("^" + inner[1:] if inner[0] in "!^" else inner) + "]", end + 1
        else:
            at += text[at] == "\\" and at + 1 < len(text)
            pieces[-1], at = pieces[-1] + re.escape(text[at]), at + 1
    first, *rest = pieces
    if not rest:
        return first
    *middle, tail = rest
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle) + f"[^/]*{tail}"
