"""Change one value in the text of a configuration file, so that comments, order and everything else stay.

The text is edited line by line, and the result is parsed: unless it is exactly the old settings with the one value
changed, the edit is refused, so that a file in an unusual form is never damaged.
"""

import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from optimus_tui.settings.table import SettingsError

Path = tuple[str, ...]
"""The names that lead to a value: ``("thresholds", "hit_rate_warn")``."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_HEADER = re.compile(r"\s*\[{1,2}[^\[\]].*\]\s*(?:#.*)?$")
_NAME = r"(?:[A-Za-z0-9_-]+|\"[^\"\\]*\"|'[^']*')"
_ASSIGNMENT = re.compile(rf"\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")


class _TomlLine(NamedTuple):
    """A line of the file. ``table`` is the table that it is in; ``assigns`` the value that it sets, () for none."""

    text: str
    table: Path
    header: bool = False
    assigns: Path = ()


def with_value(text: str, path: Path, value: object) -> str:
    """Return the text with a value set.

    Args:
        text: The whole file, valid TOML.
        path: Which value.
        value: A text, a number, true or false, a list of these. None removes the line, so that the default holds.

    Raises:
        SettingsError: the file has a form that cannot be edited line by line; the sentence says what to do.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    body = text[len(mark) :]
    end = "\r" if "\r\n" in body else ""
    wanted = _changed(tomllib.loads(body), path, value)
    for candidate in _candidates(body.split("\n"), path, value, end):
        new = "\n".join(candidate)
        if _parsed(new) == wanted:
            return mark + new
    name = ".".join(path)
    raise SettingsError(f"{name} cannot be changed here, because of how this file writes it: change it by hand")


def with_profile(text: str, path: Path, profile: str | Mapping[str, Any], block: str) -> str:
    """Return the text with a profile: the name of a preset, or a table of rules.

    Args:
        text: The whole file, valid TOML.
        path: The profile's place: ``("dialect",)`` or ``("env", "prod", "dialect")``.
        profile: What the place is to hold afterwards.
        block: What is added at the end of the file for it, where it is a table: all of it, or the rules that are new.

    Raises:
        SettingsError: the file has a form that cannot be edited line by line; the sentence says what to do.
    """
    if isinstance(profile, str):
        return with_value(text, path, profile)
    wanted = _changed(tomllib.loads(text.removeprefix("\ufeff")), path, profile)
    before = text
    present = _value_at(before, path)
    if isinstance(present, dict):
        if present.get("extends") != profile.get("extends"):
            before = with_value(before, (*path, "extends"), profile["extends"])
    elif present is not None:
        before = with_value(before, path, None)
    end = "\r\n" if "\r\n" in before else "\n"
    kept = before.rstrip()
    new = (kept + end * 2 if kept.strip("\ufeff") else kept) + block.rstrip("\n").replace("\n", end) + end
    new = new if block else before
    if _parsed(new.removeprefix("\ufeff")) != wanted:
        name = ".".join(path)
        raise SettingsError(f"{name} cannot be changed here, because of how this file writes it: change it by hand")
    return new


def _value_at(text: str, path: Path) -> Any:
    found: Any = tomllib.loads(text.removeprefix("\ufeff"))
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def line_of(text: str, path: Path) -> int | None:
    """Return the line, counted from 1, that sets a value, else the one that begins its table, or the table around that.

    None if there is no such line, or the text is not TOML.
    """
    best, found = 0, None
    for number, line in enumerate(_understood(text.split("\n")), 1):
        named = line.assigns or (line.table if line.header else ())
        if best < len(named) <= len(path) and path[: len(named)] == named:
            best, found = len(named), number
    return found


def toml_of(value: object) -> str:
    """Return a text, a number, true or false, or a list of these, as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_of(one) for one in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a finite number")
    return repr(value)


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return None


def _changed(table: dict[str, Any], path: Path, value: object) -> dict[str, Any]:
    """Return the parsed file as it should be afterwards."""
    *tables, key = path
    inner = table
    for name in tables:
        if value is None and name not in inner:
            return table
        found = inner.setdefault(name, {})
        if not isinstance(found, dict):
            raise SettingsError(f"{name} is not a table in this file: change it by hand")
        inner = found
    if value is None:
        inner.pop(key, None)
    else:
        inner[key] = value
    return table


def _candidates(lines: list[str], path: Path, value: object, end: str) -> Iterator[list[str]]:
    """Yield ways to write it, the best first. ``end`` is what a line ends with before its line feed."""
    known = list(_understood(lines))
    for number, line in enumerate(known):
        if line.assigns == path:
            if value is None:
                yield [*lines[:number], *lines[number + 1 :]]
            else:
                yield [*lines[:number], _replaced(line.text, value), *lines[number + 1 :]]
            return
    if value is None:
        yield lines
        return
    written = f"{dotted_key(path[-1:])} = {toml_of(value)}{end}"
    if len(path) > 1:
        inside = [n for n, line in enumerate(known) if line.table == path[:-1] and (line.header or line.assigns)]
        if inside:
            yield [*lines[: inside[-1] + 1], written, *lines[inside[-1] + 1 :]]
        block = [end, f"[{dotted_key(path[:-1])}]{end}", written, ""]
        kept = lines[: _above_blanks(lines, len(lines))]
        if kept and end and not kept[-1].endswith(end):
            kept[-1] += end
        yield [*kept, *(block if kept else block[1:])]
        written = f"{dotted_key(path)} = {toml_of(value)}{end}"
    place = next((n for n, line in enumerate(known) if line.header or line.text.lstrip().startswith("[")), len(lines))
    place = _above_blanks(lines, place)
    while 0 < place < len(lines) and lines[place - 1].lstrip().startswith("#"):
        place -= 1  # comments above a header belong to it
    place = _above_blanks(lines, place)
    if place and end and not lines[place - 1].endswith(end):
        yield [*lines[: place - 1], lines[place - 1] + end, written, *(lines[place:] or [""])]
    yield [*lines[:place], written, *(lines[place:] or [""])]


def _above_blanks(lines: list[str], place: int) -> int:
    """Return the place in front of the blank lines that end at ``place``."""
    while place and not lines[place - 1].strip():
        place -= 1
    return place


def _understood(lines: list[str]) -> Iterator[_TomlLine]:
    table: Path = ()
    for text in lines:
        line = text.rstrip("\r")
        if _HEADER.match(line) and (parsed := _parsed(line)) is not None:
            table = _only_path(parsed)
            yield _TomlLine(text, table, header=True)
        elif (found := _ASSIGNMENT.match(line)) and (parsed := _parsed(f"{found[1]} = 0")) is not None:
            yield _TomlLine(text, table, assigns=(*table, *_only_path(parsed)))
        else:
            yield _TomlLine(text, table)


def _only_path(parsed: dict[str, Any]) -> Path:
    names = []
    inner: Any = parsed
    while isinstance(inner, dict) and inner:
        (name,) = inner
        names.append(name)
        inner = inner[name]
    return tuple(names)


def _replaced(text: str, value: object) -> str:
    """Return the line with another value; its comment and the blanks before it stay."""
    line = text.rstrip("\r")
    start = _ASSIGNMENT.match(line)
    assert start is not None
    whole = _parsed(line)
    comment = ""
    for place in (found.start() for found in re.finditer("#", line)):
        if whole is not None and _parsed(line[:place]) == whole:
            blanks = len(line[:place]) - len(line[:place].rstrip())
            comment = line[place - blanks :]
            break
    lead = line[: start.end()]
    gap = " " if line[start.end() : start.end() + 1] == " " or lead.endswith(" =") else ""
    return f"{lead}{gap}{toml_of(value)}{comment}{text[len(line) :]}"


def dotted_key(path: Path) -> str:
    """Return the names that lead to a value as TOML has them: ``env.prod.dialect``."""
    return ".".join(name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False) for name in path)
