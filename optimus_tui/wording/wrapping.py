"""Break and shorten text to a width: between words, never inside a word, a figure or an address. Pure.

The caller passes the function that counts the cells of a text, because only the surfaces know the terminal.
"""

import re
from collections.abc import Callable, Iterator

Cells = Callable[[str], int]
"""Returns how many cells of a line a text takes."""

_BREAK = re.compile(r" (?!(?:%|ms|s|min|h|d|[KMGTP]?B)(?:[\s).,;:·]|$))")
"""A blank where a line may end: not one between a number and its unit."""
_URL = re.compile(r"[a-z][a-z0-9+]*://[^/\s?#]+")
_IN_PATH = re.compile(r"[^/?&]+[/?&]?|[/?&]")
"""A part of a path or of a URL, up to where a line may end."""
_IN_NAME = re.compile(r"[^_.,:;=|-]+[_.,:;=|-]?|[_.,:;=|-]")
"""A part of a name, up to where a line may end if the name is too long for one."""
_CLAUSE_ENDS: tuple[str, ...] = (". ", "; ", ": ", " (", ", ")
LEAST_ELIDED = 8
"""Cells below which a name loses its end, not its middle."""


def wrap(text: str, width: int, cells: Cells = len) -> list[str]:
    """Return ``text`` in lines of at most ``width`` cells, broken between words but never before a unit."""
    lines: list[str] = []
    line = ""
    for word in _BREAK.split(text):
        for part in parts_of(word, max(2, width), cells):
            candidate = f"{line} {part}" if line else part
            if cells(candidate) <= width:
                line = candidate
            else:
                lines.append(line)
                line = part
    return [*lines, line]


def parts_of(word: str, width: int, cells: Cells = len) -> list[str]:
    """Return a word in parts of at most ``width`` cells.

    It is broken after a slash, else after another sign that joins words (``_``, ``:``); inside a word only if that
    alone is wider than the line. Host and port of a URL stay together if they fit at all.
    """
    if cells(word) <= width:
        return [word]
    parts: list[str] = []
    for piece in _pieces(word, width, cells):
        if parts and cells(parts[-1]) + cells(piece) <= width:
            parts[-1] += piece
        else:
            parts.append(piece)
    return parts


def _pieces(word: str, width: int, cells: Cells) -> Iterator[str]:
    url = _URL.search(word)
    before, host, path = ("", "", word) if url is None else (word[: url.start()], url.group(), word[url.end() :])
    for coarse in (*_IN_PATH.findall(before), host, *_IN_PATH.findall(path)):
        if cells(coarse) <= width:
            yield coarse
            continue
        for fine in _IN_NAME.findall(coarse):
            yield from _chopped(fine, width, cells)


def _chopped(text: str, width: int, cells: Cells) -> Iterator[str]:
    while text and cells(text) > width:
        part = start_of(text, width, cells) or text[0]
        yield part
        text = text[len(part) :]
    if text:
        yield text


def start_of(text: str, width: int, cells: Cells = len) -> str:
    """Return the longest beginning of ``text`` that fits into ``width`` cells."""
    if cells(text) <= width:
        return text
    end = max(0, min(len(text), width))
    while end and cells(text[:end]) > width:
        end -= 1
    return text[:end]


def elided(text: str, width: int, cells: Cells = len) -> str:
    """Return a name in at most ``width`` cells, shortened in its middle, because both ends of a key are informative.

    A URL keeps its host and port, which are the most important part.
    """
    if cells(text) <= width:
        return text
    if width < LEAST_ELIDED:
        return shortened(text, width, cells)
    url = _URL.match(text)
    if url is not None and width // 3 * 2 <= cells(url.group()):
        scheme = text.index("//") + 2
        return shortened(text if cells(url.group()) < width else text[scheme:], width, cells)
    tail = width // 3
    end = text[-tail:]
    while end and (cells(end) > tail or cells(end[0]) == 0):  # a combining sign may not land on the ellipsis
        end = end[1:]
    return start_of(text, width - 1 - cells(end), cells) + "…" + end


def shortened(text: str, width: int, cells: Cells = len) -> str:
    """Return ``text`` in at most ``width`` cells; a longer text ends in an ellipsis."""
    if cells(text) <= width:
        return text
    if width <= 0:
        return ""
    return start_of(text, width - 1, cells) + "…"


def shortened_between_words(text: str, width: int, cells: Cells = len) -> str:
    """Return the first words that fit into ``width`` cells, with `` …`` behind them; empty if not even one fits."""
    if cells(text) <= width:
        return text
    first = wrap(text, width - 2, cells)[0]
    if not first.strip() or not (text.startswith(first + " ")):
        return ""
    return f"{first} …"


def clauses(text: str) -> list[str]:
    """Return a sentence whole and cut behind each of its clauses, the longest first.

    Neither brackets nor a list behind a colon are cut open, and no single word is left.
    """
    text, depth, ends, cuts = text.removesuffix("."), 0, _CLAUSE_ENDS, list[int]()
    for at, sign in enumerate(text):
        if not depth and text[at : at + 2] in ends and " " in text[:at]:
            cuts.append(at)
        if not depth and text[at : at + 2] in (": ", ". "):
            ends = _CLAUSE_ENDS if sign == "." else _CLAUSE_ENDS[:-1]
        depth += (sign == "(") - (sign == ")")
    return [text, *(text[:at] for at in reversed(cuts))]


def in_short(message: str) -> str:
    """Return the beginning of a finding's sentence, without the figures and reasons after a colon or in brackets.

    Brackets with text behind them stay: they belong to a name, as in ``robot (88f1c0de…) / tokens (gpt-4)``.
    """
    text = message.split(": ", 1)[0]
    while (at := text.rfind(" (")) > 0 and (text.endswith(")") or ")" not in text[at:]):
        text = text[:at]
    return text
