"""The filter language of ``/``: words, ``/regex/``, ``!not``, ``field:text``, ``field:=text``, ``field<number``. Pure.

Terms are joined by AND. ``tenant:acme ttl<30 !chat`` keeps rows of acme whose TTL is under 30 s and that do not hold
"chat"; ``tenant:=acme`` leaves ``acme:eu`` out. A number may carry a unit: ``ttl<5m``, ``size>10k``. A field whose
value is unknown matches no comparison. Where the field names are given, a comparison of an unknown field is an error.
Key names may hold colons, so ``acme:eu`` is a text unless its first part looks like a mistyped field.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

Fields = Mapping[str, str | float | None]
_UNITS = {
    "": 1.0,
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "k": 1024.0,
    "kb": 1024.0,
    "mb": 1024.0**2,
    "gb": 1024.0**3,
    "%": 0.01,
}
_COMPARE = re.compile(r"^([a-z_0-9]+|%)(<=|>=|<|>|=)(-?[0-9.]+)([a-z%]*)$", re.IGNORECASE)
_NAMED = re.compile(r"^([a-z_0-9]+):(.*)$", re.IGNORECASE)
_ALIASES = {"used": "count", "resets": "ttl", "%": "percent", "pct": "percent"}
"""What a column is called on the screen, and the field behind it."""
_ALIKE = 0.8
"""From this similarity on a word before a colon is a mistyped field (``tennant:``), not a name (``acme:``)."""
_MAX = 256


class FilterError(ValueError):
    """The filter is not valid; the message is one sentence."""


@dataclass(frozen=True)
class FilterTerm:
    """One word of a filter: ``test`` decides on a row. With the attributes, many rows can be decided at once.

    Attributes:
        field: the field that is asked for.
        needle: lower-case text that the field must hold; None where that is not what is asked.
        regex: the expression that must be found in it, or None.
        comparison: operator and number to compare it with, or None.
        negated: the term that must not hold, or None.
    """

    test: Callable[[Fields], bool]
    field: str = "text"
    needle: str | None = None
    regex: re.Pattern[str] | None = None
    comparison: tuple[str, float] | None = None
    negated: "FilterTerm | None" = None

    def __call__(self, fields: Fields) -> bool:
        """Return True when the row passes."""
        return self.test(fields)


@dataclass(frozen=True)
class Filter:
    """A parsed filter. ``text`` is what was typed."""

    text: str
    terms: tuple[FilterTerm, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    def matches(self, fields: Fields) -> bool:
        """Return True when every term holds."""
        return all(term(fields) for term in self.terms)


EVERYTHING = Filter("")


def parse_filter(text: str, fields: Collection[str] = ()) -> Filter:
    """Parse the typed text into a filter.

    Args:
        text: what was typed.
        fields: the names that terms may use; empty: any name.

    Raises:
        FilterError: the text is not a valid filter; the message says why.
    """
    if len(text) > _MAX:
        raise FilterError(f"a filter has at most {_MAX} characters")
    stripped = text.strip()
    if len(stripped) > 1 and stripped.startswith("/") and "/" not in stripped[1:-1]:
        return Filter(stripped, (_regex(stripped.strip("/")),))
    return Filter(stripped, tuple(_term(word, fields) for word in stripped.split()))


def words_filter(field: str, text: str) -> str:
    """Return the filter that keeps rows whose field holds every word of a text."""
    return " ".join(f"{field}:{word}" for word in text.split())


def value_filter(field: str, value: str) -> str:
    """Return the filter that keeps rows whose field has this value; a value with blanks is searched word by word."""
    if " " in value:
        return words_filter(field, value)
    return f"{field}:={value}"


def _regex(pattern: str) -> FilterTerm:
    if re.search(r"[*+}]\)*[*+{]", pattern):
        raise FilterError("nested repetition in a regular expression can take for ever; write it without")
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise FilterError(f"not a regular expression: {error}") from None
    return FilterTerm(lambda fields: compiled.search(str(fields.get("text") or "")) is not None, regex=compiled)


def _field(name: str, fields: Collection[str]) -> str:
    """Return the field that ``name`` or its alias stands for; FilterError when there is none."""
    low = name.lower()
    if not fields or low in fields:
        return low
    if (alias := _ALIASES.get(low, "")) in fields:
        return alias
    known = ", ".join(field for field in fields if field != "text")
    raise FilterError(f"no field {low} here; there are {known}")


def _is_name(word: str, fields: Collection[str]) -> bool:
    """Return whether the text before a colon is part of a key name: neither a field nor a mistyped one."""
    low = word.lower()
    if not fields or low in fields or _ALIASES.get(low, "") in fields:
        return False
    return not (low.isalpha() and get_close_matches(low, fields, 1, _ALIKE))  # tenant_a:eu is a name


def _term(word: str, fields: Collection[str]) -> FilterTerm:
    if word.startswith("!") and len(word) > 1:
        inner = _term(word[1:], fields)
        return FilterTerm(lambda fields: not inner(fields), inner.field, negated=inner)
    if len(word) > 2 and word.startswith("/") and word.endswith("/"):
        return _regex(word[1:-1])
    if match := _COMPARE.match(word):
        return _comparison(_field(match[1], fields), match[2], match[3], match[4])
    match = _NAMED.match(word)
    if match and not _is_name(match[1], fields):
        name, wanted = _field(match[1], fields), match[2].lower()
        if wanted.startswith("=") and name in fields:
            return FilterTerm(lambda fields: str(fields.get(name) or "").lower() == wanted[1:], name)
        return _holding(name, wanted, word.lower(), name in fields)
    if "<" in word or ">" in word:
        raise FilterError(f"{word!r} is not a comparison: write field<number, or /text/ for a text with < or >")
    low = word.lower()
    return FilterTerm(lambda fields: low in str(fields.get("text") or "").lower(), needle=low)


def _holding(name: str, wanted: str, word: str, is_known: bool) -> FilterTerm:
    """Return the term for ``name:wanted``; a row without such a field is looked through for the whole word."""

    def holds(fields: Fields) -> bool:
        if name in fields:
            return wanted in str(fields.get(name) or "").lower()
        return word in str(fields.get("text") or "").lower()

    return FilterTerm(holds, name, wanted if is_known else None)


def _comparison(name: str, operator: str, number: str, unit: str) -> FilterTerm:
    if unit.lower() not in _UNITS:
        raise FilterError(
            f"unknown unit {unit!r} in {name}{operator}{number}{unit}; use ms, s, m, h, d, k, mb, gb or %"
        )
    try:
        # "percent" counts to 100 already: percent>90% and percent>90 are the same, share>90% is 0.9
        if unit == "%" and name.lower() == "percent":
            factor = 1.0
        else:
            factor = _UNITS[unit.lower()]
        wanted = float(number) * factor
    except ValueError:
        raise FilterError(f"not a number: {number!r}") from None
    low = name.lower()

    def holds(fields: Fields) -> bool:
        value = fields.get(low)
        if not isinstance(value, (int, float)):
            return False
        return {
            "<": value < wanted,
            ">": value > wanted,
            "<=": value <= wanted,
            ">=": value >= wanted,
            "=": value == wanted,
        }[operator]

    return FilterTerm(holds, low, comparison=(operator, wanted))
