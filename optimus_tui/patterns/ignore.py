"""Parse ``# optimus: ignore[rule] reason``, which accepts a finding. Without a reason nothing is ignored.

Only real comments count: the tokenizer finds them, and it runs only where the words occur at all.
"""

import io
import re
import tokenize
from typing import NamedTuple

from optimus_tui.patterns.source.parse import Lines

MARK = b"optimus:"
_COMMENT = re.compile(r"#\s*optimus:\s*ignore(?P<rules>\[[^\]]*\])?(?P<reason>.*)")


class Ignore(NamedTuple):
    """One comment: its rules, the reason, and the line that it is about."""

    rules: tuple[str, ...]
    reason: str
    line: int
    column: int
    about: int


def ignores_in(lines: Lines) -> list[Ignore]:
    """Return the comments of a file that could be parsed."""
    if MARK not in lines.data:
        return []
    found: list[Ignore] = []
    text = "\n".join(lines.all()) + "\n"
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return []
    for token in tokens:
        comment = None
        if token.type == tokenize.COMMENT:
            comment = _COMMENT.match(token.string)
        if comment is None:
            continue
        row, column = token.start
        rules = tuple(one.strip() for one in (comment["rules"] or "[]")[1:-1].split(",") if one.strip())
        alone = not lines.text(row)[:column].strip()
        about = _next_code(lines, row) if alone else row
        found.append(Ignore(rules, comment["reason"].strip(" -–—:"), row, column, about))
    return found


def _next_code(lines: Lines, row: int) -> int:
    """Return the first line below that is neither a comment nor empty."""
    for line in range(row + 1, min(row + 30, len(lines.all())) + 1):
        text = lines.text(line).strip()
        if text and not text.startswith("#"):
            return line
    return row
