r"""Text that means nothing to Markdown: every character that could become markup is escaped, in a table cell too.

Commands stand in a fence that nothing in them can close. Everything passes the first gate before: no control code, no
bidi override, one line. A name such as ``@channel`` or a bare address is broken up so that no renderer links it.
"""

from optimus_tui.wording.safe import safe_text

LONGEST = 4_000
_MARKUP = frozenset("\\`*_{}[]#!|~$^")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;&#8203;"}
_AT_THE_BEGINNING = frozenset("-+=.)")
"""Markup only where a line begins: lists, rules, headings underlined."""


class Plain(str):
    """Markdown that is meant: it is not escaped again."""

    __slots__ = ()


def escaped(value: object) -> str:
    """``value`` so that Markdown shows exactly it."""
    if isinstance(value, Plain):
        return value
    text = safe_text(value, LONGEST)
    out = []
    for place, char in enumerate(text):
        if char in _ENTITIES:
            out.append(_ENTITIES[char])
        elif char in _MARKUP or (char in _AT_THE_BEGINNING and _begins(text, place)) or _links(text, place):
            out.append("\\" + char)
        else:
            out.append(char)
    return "".join(out)


def _begins(text: str, place: int) -> bool:
    """Whether a list, a rule or an underline could begin here."""
    before = text[:place].strip()
    if text[place] in ".)":
        return before.isdigit() and text[place + 1 : place + 2] in ("", " ")
    return not before.strip("-+=")


def _links(text: str, place: int) -> bool:
    """Whether a renderer would make an address of what stands here."""
    return text.startswith("://", place) or (text[place] == "." and text[max(0, place - 3) : place].lower() == "www")


def fenced(value: object) -> Plain:
    """Lines of a command as a block of code."""
    lines = [safe_text(line, LONGEST) for line in str(value).splitlines()[:200]]
    body = "\n".join(lines)
    fence = "```"
    while fence in body:
        fence += "`"
    return Plain(f"{fence}\n{body}\n{fence}")
