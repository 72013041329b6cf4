"""Rewrite newer Python so that this Python's parser reads it: type parameters, ``type``, nested f-strings, bare except.

What has no meaning for the rules is blanked. Lines keep their numbers; columns may move on a line that is changed.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

NEWEST = 15
"""The minor version of Python 3 whose grammar is known here."""
_TOKEN = re.compile(
    r"(?P<comment>\#[^\n]*)"
    r"|(?P<string>(?P<prefix>[A-Za-z]{0,3})(?P<quote>\"\"\"|'''|\"|'))"
    r"|(?P<name>[^\W\d]\w*)|(?P<number>\d[\w.]*)|(?P<space>(?:[ \t\f]|\\\n)+)|(?P<line>\n)|(?P<sign>.)",
    re.DOTALL,
)
_SIGNS = re.compile(
    r"""\b[rR]?[fFtT][rR]?["'][^\n]{0,300}\{|\b(?:def|class)[ \t]+\w+[ \t]*\[|^[ \t]*type[ \t]+\w|"""
    r"""\bexcept\b[^:(\n]{0,300},|\blazy[ \t]""",
    re.MULTILINE,
)
"""What newer Pythons have and older ones do not, or at least looks like it."""
_PREFIXES = frozenset({"", "r", "b", "u", "f", "t", "br", "rb", "fr", "rf", "tr", "rt"})
_MOST_NESTED = 20
_MOST_NAMED = 400
_OPENS, _CLOSES = "([{", ")]}"


class Token(NamedTuple):
    """One token with its text, as it is written for this Python."""

    kind: str
    text: str


def in_this_grammar(text: str) -> str | None:
    """Return the text rewritten for this Python's parser; None if it has no newer syntax, or is no valid Python."""
    if _SIGNS.search(text) is None:
        return None
    try:
        tokens = list(_tokens(text))
    except ValueError:
        return None
    _statements(tokens)
    return "".join(token.text for token in tokens)


def _tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        found = _match(text, at)
        kind = found.lastgroup or "sign"
        if kind in ("string", "quote", "prefix"):
            end, written = _string(text, found, 0)
            yield Token("string", written)
            at = end
        else:
            yield Token(kind, found.group())
            at = found.end()


def _match(text: str, at: int) -> re.Match[str]:
    """Return the next token; a name before a quote is one where it is no prefix of a string."""
    found = _TOKEN.match(text, at)
    if found is None:
        raise ValueError("nothing can be read here")
    if found["quote"] and found["prefix"].lower() not in _PREFIXES:
        shorter = re.compile(r"(?P<name>[^\W\d]\w*)").match(text, at)
        assert shorter is not None
        return shorter
    return found


def _string(text: str, found: re.Match[str], depth: int) -> tuple[int, str]:
    """Return where a string ends, and the string for this Python."""
    prefix, quote = found["prefix"], found["quote"]
    if depth > _MOST_NESTED:
        raise ValueError("strings are nested too deeply")
    if set(prefix.lower()).isdisjoint("ft"):
        end = _end(text, found.end(), quote)
        return end, text[found.start() : end]
    at, parts = found.end(), []
    raw = "r" in prefix.lower()
    while True:
        if text.startswith(quote, at):
            break
        one = text[at : at + 1]
        if not one or (one == "\n" and len(quote) == 1):
            raise ValueError("a string does not end")
        if one == "\\" and not raw:
            if text.startswith("\\N{", at):
                end = text.find("}", at) + 1 or len(text)
            else:
                end = at + 2
            parts.append(text[at:end])
            at = end
        elif one == "\\" and text[at + 1 : at + 2] in ("\\", quote[0]):  # a raw string keeps both, and goes on
            parts.append(text[at : at + 2])
            at += 2
        elif one == "{" and not text.startswith("{{", at):
            at, field = _field(text, at + 1, depth, quote)
            parts.append("{" + field + "}")
        elif one in "{}" and text[at + 1 : at + 2] == one:
            parts.append(one * 2)
            at += 2
        else:
            parts.append(one)
            at += 1
    content = "".join(parts)
    return at + len(quote), _quoted(prefix.replace("t", "f").replace("T", "f"), quote, content)


def _quoted(prefix: str, quote: str, content: str) -> str:
    """Return the string between quotes that its content does not hold."""
    if len(quote) == 3 and quote not in content:
        return f"{prefix}{quote}{content}{quote}"
    if quote not in content.replace("\\" + quote, "") and "\n" not in content:
        return f"{prefix}{quote}{content}{quote}"
    for other in ('"""', "'''"):
        if other not in content and not content.endswith(other[0]):
            return f"{prefix}{other}{content}{other}"
    return "''" + "\\\n" * content.count("\n")


def _end(text: str, at: int, quote: str) -> int:
    """Return the place behind a plain string."""
    while not text.startswith(quote, at):
        if at >= len(text) or (text[at] == "\n" and len(quote) == 1):
            raise ValueError("a string does not end")
        at += 2 if text[at] == "\\" else 1
    return at + len(quote)


def _field(text: str, at: int, depth: int, quote: str) -> tuple[int, str]:
    """Return the place behind a replacement field, and the field without what older f-strings forbid in it."""
    parts: list[str] = []
    nested = 0
    while at < len(text):
        found = _match(text, at)
        one = found.group()
        if found.lastgroup in ("string", "quote", "prefix"):
            at, written = _string(text, found, depth + 1)
            parts.append(re.sub(r"\\(?!\n).", "  ", written, flags=re.DOTALL))
            continue
        if found.lastgroup == "comment":
            one = ""
        elif one in _OPENS:
            nested += 1
        elif one in _CLOSES and nested:
            nested -= 1
        elif one == "}":
            return found.end(), "".join(parts)
        elif one == ":" and not nested:
            at, written = _format(text, found.end(), depth, quote)
            return at, f"{''.join(parts)}:{written}"
        parts.append(one.replace("\\\n", "\n"))
        at = found.end()
    raise ValueError("a field does not end")


def _format(text: str, at: int, depth: int, quote: str) -> tuple[int, str]:
    """Return the place behind a field's format, and the format."""
    parts: list[str] = []
    while at < len(text) and not text.startswith(quote, at):
        if text[at] == "{":
            at, field = _field(text, at + 1, depth + 1, quote)
            parts.append("{" + field + "}")
        elif text[at] == "}":
            return at + 1, "".join(parts)
        else:
            parts.append(text[at])
            at += 1
    raise ValueError("a format does not end")


def _statements(tokens: list[Token]) -> None:
    """Rewrite what stands in statements, in place."""
    code = [at for at, token in enumerate(tokens) if token.kind not in ("space", "comment")]
    nested = 0
    for place, at in enumerate(code):
        kind, text = tokens[at]
        if kind == "sign" and text in _OPENS:
            nested += 1
        elif kind == "sign" and text in _CLOSES:
            nested = max(0, nested - 1)
        if kind != "name" or nested:
            continue
        before = tokens[code[place - 1]].text if place else "\n"
        after = [tokens[one].text for one in code[place + 1 : place + 3]]
        if text in ("def", "class") and len(after) == 2 and after[1] == "[":
            _blank(tokens, code[place + 2])
        elif text == "type" and before in "\n;:" and len(after) == 2 and after[1] in ("[", "="):
            name = code[place + 1]
            tokens[at], tokens[name] = Token("name", tokens[name].text), Token("space", " " * len(text))
            if after[1] == "[":
                _blank(tokens, code[place + 2])
        elif text == "lazy" and before in "\n;:" and after[:1] in (["import"], ["from"]):
            tokens[at], tokens[at + 1] = Token("space", ""), Token("space", "")
        elif text == "except":
            _parenthesised(tokens, code, place)


def _blank(tokens: list[Token], at: int) -> None:
    """Blank what stands in brackets; its lines are continued."""
    nested = 0
    while at < len(tokens):
        text = tokens[at].text
        if tokens[at].kind == "sign":
            nested += (text in _OPENS) - (text in _CLOSES)
        tokens[at] = Token("space", "\\\n".join(" " * len(line) for line in text.split("\n")))
        if not nested:
            return
        at += 1


def _parenthesised(tokens: list[Token], code: list[int], place: int) -> None:
    """Put parentheses around the exceptions of ``except A, B:``."""
    first = place + 1
    if first < len(code) and tokens[code[first]].text == "*":
        first += 1
    nested, several = 0, False
    for at in code[first : first + _MOST_NAMED]:
        text = tokens[at].text
        if text in _OPENS:
            nested += 1
        elif text in _CLOSES:
            nested -= 1
        elif text == "," and not nested:
            several = True
        elif text in ("as", "\n") and not nested:
            return
        elif text == ":" and not nested:
            if several:
                tokens[code[first]] = Token("name", "(" + tokens[code[first]].text)
                tokens[at] = Token("sign", "):")
            return
