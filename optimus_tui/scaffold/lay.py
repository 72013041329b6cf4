"""Lines of code, broken as the formatter would. Pure."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optimus_tui.scaffold.fields import literal

WIDTH = 110
"""Columns of a line of the gateway's project."""


def columns(text: str) -> int:
    """Return the width of a text in columns, as a formatter counts it."""
    if text.isascii():
        return len(text)
    return sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in text)


def lay(opening: str, parts: Sequence[str], closing: str) -> str:
    """Write ``opening(a, b)closing`` on one line, else the parts on one line of their own, else one part per line."""
    inner = ", ".join(parts)
    one = f"{opening}{inner}{closing}"
    if columns(one) <= WIDTH or not parts:
        return one
    outer = _indent(opening)
    middle = f"{outer}    {inner}"
    if columns(middle) > WIDTH:
        middle = "\n".join(f"{outer}    {part}," for part in parts)
    return f"{opening}\n{middle}\n{outer}{closing}"


def lay_list(opening: str, items: Sequence[str]) -> str:
    """Write ``opening[a, b]`` on one line, else one item per line."""
    one = f"{opening}[{', '.join(items)}]"
    if columns(one) <= WIDTH:
        return one
    outer = _indent(opening)
    return "\n".join([f"{opening}[", *(f"{outer}    {item}," for item in items), f"{outer}]"])


def lay_import(module: str, names: Iterable[str]) -> str:
    """Write a sorted import: CONSTANTS, Classes, functions; one name per line if they do not fit."""
    ordered = sorted(set(names), key=lambda name: (not name.isupper(), not name[0].isupper(), name.lower()))
    one = f"from {module} import {', '.join(ordered)}"
    if len(one) <= WIDTH:
        return one
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in ordered) + ")"


def lay_value(opening: str, value: Any, closing: str = "") -> str:
    """Write a plain value; a dictionary or list that does not fit has one entry per line, even if nested."""
    one = f"{opening}{literal(value)}{closing}"
    if columns(one) <= WIDTH or not isinstance(value, (dict, list)) or not value:
        return one
    outer = _indent(opening)
    if isinstance(value, list):
        lines = [f"{opening}[", *(lay_value(f"{outer}    ", each, ",") for each in value), f"{outer}]{closing}"]
    else:
        entries = [lay_value(f"{outer}    {literal(key)}: ", each, ",") for key, each in value.items()]
        lines = [f"{opening}{{", *entries, f"{outer}}}{closing}"]
    return "\n".join(lines)


def lay_items(opening: str, entries: Mapping[str, str]) -> str:
    """Write a dictionary whose values are code, on one line, else one entry per line."""
    parts = [f"{literal(key)}: {value}" for key, value in entries.items()]
    one = f"{opening}{{{', '.join(parts)}}}"
    if columns(one) <= WIDTH:
        return one
    outer = _indent(opening)
    return "\n".join([f"{opening}{{", *(f"{outer}    {part}," for part in parts), f"{outer}}}"])


def tuple_of(items: Sequence[str]) -> str:
    """Write a tuple whose items are code."""
    return f"({', '.join(items)}{',' * (len(items) == 1)})"


def _indent(opening: str) -> str:
    return " " * (len(opening) - len(opening.lstrip()))
