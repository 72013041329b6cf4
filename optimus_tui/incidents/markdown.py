r"""Text that means nothing to Markdown: every character that could become markup is escaped, in a table cell too.

Commands stand in a fence that nothing in them can close. Everything passes the first gate before: no control code, no
bidi override, one line. A name such as ``@channel`` or a bare address is broken up so that no renderer links it.
"""

from optimus_tui.wording.safe import safe_text

LONGEST = 4_000
_MARKUP = frozenset("\\`*_{}[]#!|~$^")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;&#8203;"}
_AT_THE_BEGINNING = frozenset("-+=.)")
"""Characters that are markup only at the beginning of a line: lists, rules, underlined headings."""


class Plain(str):
    """Markdown that is meant as such: it is not escaped again."""

    __slots__ = ()


def escaped(value: object) -> str:
    """Return ``value`` escaped, so that Markdown shows exactly its text."""
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
    """Return True if a list, a rule or an underline could begin here."""
    before = text[:place].strip()
    if text[place] in ".)":
        return before.isdigit() and text[place + 1 : place + 2] in ("", " ")
    return not before.strip("-+=")


def _links(text: str, place: int) -> bool:
    """Return True if a renderer would turn the text here into a link."""
    return text.startswith("://", place) or (text[place] == "." and text[max(0, place - 3) : place].lower() == "www")


def fenced(value: object) -> Plain:
    """Return the lines of a command as a block of code."""
    lines = [safe_text(line, LONGEST) for line in str(value).splitlines()[:200]]
    body = "\n".join(lines)
    fence = "```"
    while fence in body:
        fence += "`"
    return Plain(f"{fence}\n{body}\n{fence}")
