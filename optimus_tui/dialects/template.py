"""Match a key's name against a template such as ``rate_limit:{tenant...}:{operation}``, in linear time.

A template is literal text with captures between. ``{name}`` ends at the next literal; at the end of the template it
must not contain the separator, which is the last byte of the literal before it. ``{name...}`` may contain anything, and
a template has at most one. Two braces, ``{{`` or ``}}``, are a literal one. ``{tenant:hash}`` must look like a hash
(see ``LOOKS``). Matching only searches for the literals and never goes back, so that the time is linear in the name's
length even for a hostile name.
"""

import re
from collections.abc import Callable, Mapping

from msgspec import Struct

MEANINGS = frozenset({"tenant", "operation", "kind", "rest", "limit", "times", "unit", "window_s", "window_ms"})
"""Captures that say something of a counter or a cache key."""
STAMPS = frozenset({"start_s", "start_ms", "index", "day", "minute", "hhmm"})
"""Captures that say which window a name is of; they are not part of a counter's identity."""
IGNORED = frozenset({"hash", "uuid", "n", "any"})
"""Captures that must look so and say nothing; they may stand several times."""
UNITS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_592_000,
    "year": 31_104_000,
}
"""Seconds of a window by the word for it."""

_DIGITS = rb"[0-9]{1,19}"
_DAY = b"20[0-9]{2}-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12][0-9]|3[01])"
_GROUP, _NET = b"[0-9a-fA-F]{1,4}", b"(?:/[0-9]{1,3})?"
_LAST = b"(?:" + _GROUP + rb"|[0-9]{1,3}(?:\.[0-9]{1,3}){3})?"
_HOUR = b"(?:[01][0-9]|2[0-3])"
LOOKS: dict[str, re.Pattern[bytes]] = {
    "hash": re.compile(rb"[0-9a-fA-F]{16,128}"),
    "uuid": re.compile(rb"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"),
    "md5": re.compile(rb"[0-9a-f]{32}"),
    "sha256": re.compile(rb"[0-9a-f]{64}"),
    "path": re.compile(rb"/[!-~]{0,200}"),
    "ip6": re.compile(
        b"(?:%b:){7}%b%b|(?:%b:){1,7}:(?:%b:){0,6}%b%b|::(?:%b:){0,6}%b%b"
        % (_GROUP, _GROUP, _NET, _GROUP, _GROUP, _LAST, _NET, _GROUP, _LAST, _NET)
    ),
    "route": re.compile(rb"[A-Z][A-Z,]{2,60}/[!-~]{0,200}"),
    "n": re.compile(_DIGITS),
    "limit": re.compile(_DIGITS),
    "times": re.compile(_DIGITS),
    "window_s": re.compile(_DIGITS),
    "window_ms": re.compile(_DIGITS),
    "unit": re.compile(b"|".join(unit.encode() for unit in UNITS)),
    "start_s": re.compile(rb"[0-9]{9,11}"),
    "start_ms": re.compile(rb"[0-9]{12,14}"),
    "index": re.compile(rb"[0-9]{4,12}"),
    "day": re.compile(_DAY),
    "minute": re.compile(_DAY + b"[-T:_]?" + _HOUR + b"[-:]?[0-5][0-9]"),
    "hhmm": re.compile(_HOUR + b"[-:][0-5][0-9]"),
}
"""How a capture must look, by its name; other captures may hold anything. Each pattern is of bounded length."""
MAX_BYTES, MAX_CAPTURES = 256, 16
HEX = frozenset({"hash", "md5", "sha256", "n"})
"""What a part of a name may look like that holds hexadecimal digits and nothing else."""
"""Looks of letters and figures alone: what such a part holds is never a separator."""
_WORD_BYTE = re.compile(rb"[A-Za-z0-9]")
_GLOB = re.compile(rb"([\\*?\[\]^-])")


def escape_glob(literal: bytes) -> bytes:
    """Return a pattern for SCAN that matches exactly ``literal``."""
    return _GLOB.sub(rb"\\\1", literal)


class TemplateError(ValueError):
    """A template that cannot be used. ``str()`` says what is wrong and what to write instead."""


class NamePart(Struct, frozen=True):
    """A capture. ``looks`` names the check of ``LOOKS`` that its text must pass; empty for none."""

    name: str
    greedy: bool = False
    looks: str = ""

    @property
    def stamp(self) -> bool:
        """Return True if it says to which window a name belongs."""
        return self.name in STAMPS


class Template:
    """A compiled template.

    Attributes:
        text: The template as it was written.
        head: The literal with which each matching name begins; empty if it begins with a capture.
        captures: The captures in their order.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._literals, self.captures = _parsed(text)
        self.head, self._tail = self._literals[0], self._literals[-1]
        greedy = [at for at, one in enumerate(self.captures) if one.greedy]
        if len(greedy) > 1:
            raise TemplateError("has two captures with `...`; where the first ends could not be told: keep one")
        self._free = greedy[0] if greedy else len(self.captures) - 1
        self._separator = b"" if greedy or self._tail else _separator(self._literals[-2:-1])
        self._checks = tuple((at, LOOKS[one.looks].fullmatch) for at, one in enumerate(self.captures) if one.looks)
        self._kept = tuple((at, one.name) for at, one in enumerate(self.captures) if one.name not in IGNORED)
        self._exact = len(self.head) + (len(self._tail) if self.captures else 0)

    @property
    def literals(self) -> tuple[bytes, ...]:
        """Return the literal texts: before the first capture, between them, and after the last."""
        return self._literals

    @property
    def free(self) -> int:
        """Return the index of the capture whose end is found last: the greedy one, else the last; -1 without any."""
        return self._free

    @property
    def stop(self) -> bytes:
        """Return the text that a last capture without ``...`` must not contain; empty if it may contain anything."""
        return self._tail or self._separator

    def match(self, name: bytes) -> list[bytes] | None:
        """Return the text of each capture in order, or None if the name does not match."""
        if not name.startswith(self.head):
            return None
        if not self.captures:
            if len(name) == len(self.head):
                return []
            return None
        if len(name) < self._exact or not name.endswith(self._tail):
            return None
        found = self._cut(name)
        if found is None:
            return None
        for at, check in self._checks:
            if check(found[at]) is None:
                return None
        return found

    def quick_check(self) -> Callable[[bytes], object]:
        """Return a function that gives None for exactly the names for which ``match`` does.

        The pattern, too, goes once over a name: each part before the hash ends at the first byte that ends it.
        """
        *before, last = self.captures or (NamePart(""),)
        plain = not any(one.greedy or one.looks for one in before) and all(
            len(one) == 1 for one in self._literals[1:-1]
        )
        if not plain or last.greedy or last.looks not in HEX or self._tail:
            return self.match
        ends = (b"[^%b]*%b" % (one, one) for one in map(re.escape, self._literals[1:-1]))
        pattern = b"%b%b(?:%b)" % (re.escape(self.head), b"".join(ends), LOOKS[last.looks].pattern)
        return re.compile(pattern).fullmatch

    def _cut(self, name: bytes) -> list[bytes] | None:
        literals, free = self._literals, self._free
        at, end = len(self.head), len(name) - len(self._tail)
        left: list[bytes] = []
        for index in range(free):
            literal = literals[index + 1]
            next_at = name.find(literal, at, end)
            if next_at < 0:
                return None
            left.append(name[at:next_at])
            at = next_at + len(literal)
        right: list[bytes] = []
        for index in range(len(self.captures) - 1, free, -1):
            literal = literals[index]
            before = name.rfind(literal, at, end)
            if before < 0:
                return None
            right.append(name[before + len(literal) : end])
            end = before
        middle = name[at:end]
        if not self.captures[free].greedy and self._closed(middle):
            return None
        return [*left, middle, *reversed(right)]

    def _closed(self, middle: bytes) -> bool:
        """Return whether a capture without ``...`` at the end holds what must follow or separate it."""
        return bool(self.stop) and self.stop in middle

    def values(self, name: bytes) -> dict[str, bytes] | None:
        """Return the captures by name, without those named ``any``; None if the name does not match."""
        found = self.match(name)
        if found is None:
            return None
        return {kept: found[at] for at, kept in self._kept}

    def fill(self, texts: Mapping[str, bytes]) -> bytes:
        """Return the name with these texts in its captures.

        Raises:
            KeyError: The text of a capture is missing.
        """
        parts = [self.head]
        for capture, literal in zip(self.captures, self._literals[1:], strict=True):
            parts += texts[capture.name], literal
        return b"".join(parts)

    def glob(self, escaped: Mapping[str, bytes]) -> bytes:
        """Return a pattern, for SCAN, of the names with these captures. Captures that are not given may be anything.

        Args:
            escaped: The texts by name of the capture, as ``escape_glob`` returns them.
        """
        parts = [escape_glob(self.head)]
        for capture, literal in zip(self.captures, self._literals[1:], strict=True):
            parts += escaped.get(capture.name, b"*"), escape_glob(literal)
        return b"".join(parts)

    def sample(self, text: bytes) -> bytes:
        """Return the name with ``text`` in all captures: no key has it, so it serves to ask a server for rights."""
        return self.fill(dict.fromkeys(self.names, text))

    def prefix_end(self, name: bytes) -> int:
        """Return where the last capture of a name begins; -1 if the name lacks one of the literals before it."""
        at = len(self.head)
        for literal in self._literals[1:-1]:
            found = name.find(literal, at)
            if found < 0:
                return -1
            at = found + len(literal)
        return at

    @property
    def names(self) -> frozenset[str]:
        """Return the names of all captures."""
        return frozenset(one.name for one in self.captures)

    def capture(self, name: str) -> NamePart | None:
        """Return the capture with this name, or None."""
        return next((one for one in self.captures if one.name == name), None)


def _separator(before: tuple[bytes, ...]) -> bytes:
    """Return the byte that a last capture may not hold; b"" where the literal before it ends in a letter or figure."""
    last = before[0][-1:] if before else b""
    if _WORD_BYTE.match(last):
        return b""
    return last


def _parsed(text: str) -> tuple[tuple[bytes, ...], tuple[NamePart, ...]]:
    """Return the literals (one more than captures) and the captures."""
    if not text or len(text.encode()) > MAX_BYTES:
        raise TemplateError(f"must have 1 to {MAX_BYTES} bytes")
    literals: list[bytes] = []
    captures: list[NamePart] = []
    literal, at = "", 0
    while at < len(text):
        here = text[at]
        if here in "{}" and text[at : at + 2] == here * 2:
            literal, at = literal + here, at + 2
        elif here == "{":
            end = text.find("}", at)
            if end < 0:
                raise TemplateError("has a `{` without `}`; write `{{` for a brace itself")
            if captures and not literal:
                raise TemplateError("has two captures side by side; where the first ends could not be told")
            literals.append(literal.encode())
            captures.append(_capture(text[at + 1 : end]))
            literal, at = "", end + 1
        elif here == "}":
            raise TemplateError("has a `}` without `{`; write `}}` for a brace itself")
        else:
            literal, at = literal + here, at + 1
    literals.append(literal.encode())
    if len(captures) > MAX_CAPTURES:
        raise TemplateError(f"has more than {MAX_CAPTURES} captures")
    seen = [one.name for one in captures if one.name not in IGNORED]
    if twice := next((name for name in seen if seen.count(name) > 1), None):
        raise TemplateError(f"has {{{twice}}} twice; use {{any}} for a part that says nothing")
    return tuple(literals), tuple(captures)


def _capture(inner: str) -> NamePart:
    greedy = inner.endswith("...")
    name, _, looks = inner.removesuffix("...").partition(":")
    known = MEANINGS | STAMPS | IGNORED
    if name not in known:
        raise TemplateError(f"has an unknown capture {{{inner[:40]}}}; known are {', '.join(sorted(known))}")
    if looks and looks not in LOOKS:
        raise TemplateError(f"has an unknown look in {{{inner[:40]}}}; known are {', '.join(sorted(LOOKS))}")
    implied = not looks and name in LOOKS
    looks = looks or (name if implied else "")
    if greedy and implied:
        raise TemplateError(f"has `...` after {{{name}}}, which has a form of its own: leave `...` out")
    return NamePart(name, greedy, looks)
