"""The sentence for a mistake in a profile: where in the file it is, and what is wrong."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from msgspec import Struct

_HEADER = re.compile(r"\s*\[{1,2}([^\[\]]+)\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_STEP = re.compile(r"\.([A-Za-z_]+)|\[(\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"unknown field `(.*)`$", re.DOTALL)
_MISSING = re.compile(r"missing required field `(.*)`$")
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}


class DialectError(ValueError):
    """A profile that cannot be used. ``str()`` is one sentence with the place and the remedy."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean X?`` for a mistyped name, or the list of known names where none is similar."""
    from difflib import get_close_matches

    names = sorted(known)
    close = get_close_matches(word.lower()[:60], names, n=1, cutoff=0.55)
    if close:
        return f"did you mean {close[0]}?"
    return f"there are {', '.join(names)}"


class FilePlace:
    """The places of a profile's tables and keys in a file.

    Attributes:
        where: The file's name, for sentences.
        within: The beginning of the tables' names in the file, such as ``dialect.``.
    """

    def __init__(self, where: str, text: str, within: str) -> None:
        self.where, self.within = where, within
        self._rules: dict[str, list[dict[str, int]]] = {}
        self._keys: dict[str, int] = {}
        self._read(text)

    def _read(self, text: str) -> None:
        """Note the line of each key. A line inside a long text may be taken for one: then the number is wrong."""
        table, keys = "", self._keys
        for number, line in enumerate(text.splitlines(), 1):
            if header := _HEADER.match(line):
                table, keys = f"{_plain(header[1])}.", self._keys
                self._keys.setdefault(table[:-1], number)
                if line.lstrip().startswith("[["):
                    keys = {"": number}
                    self._rules.setdefault(table[:-1], []).append(keys)
            elif found := _KEY.match(line):
                keys.setdefault(_plain(found[1]) if keys is not self._keys else table + _plain(found[1]), number)

    def key(self, *names: str) -> str:
        """Return the place of a key of the profile, such as ``optimus.toml:12``; without names, the place of the table.

        ``...`` in ``names`` stands for any one name.
        """
        for count in range(len(names), -1, -1):
            wanted = [*filter(None, self.within.split(".")), *names[:count]]
            for dotted, line in self._keys.items():
                parts = dotted.split(".")
                if len(parts) == len(wanted) and all(map(_fits, wanted, parts)):
                    return f"{self.where}:{line}"
        return self.where

    def rule(self, section: str, index: int, key: str = "") -> str:
        """Return the place of a rule or of one of its keys, as ``optimus.toml:12: rule 3 of [[dialect.limits]]``.

        Args:
            section: the list that it is in, as ``limits``.
            index: which one; 0 is the first.
            key: the key in it; "" for the rule.
        """
        head = f"{self.within}{section}"
        rules = self._rules.get(head, [])
        if index >= len(rules):
            return f"{self.key(section)}: rule {index + 1} of {head}"
        return f"{self.where}:{rules[index].get(key, rules[index][''])}: rule {index + 1} of [[{head}]]"

    def of_error(self, message: str, table: type[Struct]) -> str:
        """Return the sentence for an error of msgspec, which checks the types.

        Args:
            message: Its message. It may hold a value of the file, which is left out.
            table: The struct that was to be read.
        """
        body, _, path = message.partition(" - at `$")
        steps = [name or index for name, index in _STEP.findall(path.rstrip("`"))]
        kind = _kind_at(table, steps)
        unknown, missing = _UNKNOWN.search(body), _MISSING.search(body)
        if unknown:
            steps.append(unknown[1])
        names = [one for one in steps if not one.isdigit()]
        if len(steps) > 1 and steps[1].isdigit():
            where = self.rule(steps[0], int(steps[1]), steps[2] if len(steps) > 2 else "")
        else:
            where = self.key(*names)
        if unknown:
            return f"{where}: unknown key {unknown[1][:60]!a}; {nearest(unknown[1], _keys_of(kind))}"
        if missing:
            return f'{where} has no {missing[1]}: write {missing[1]} = "…"'
        return f"{where}: {_name_of(names)} {_in_words(body, kind)}"


def _fits(wanted: str, name: str) -> bool:
    return wanted in ("...", name)


def _name_of(names: Sequence[str]) -> str:
    return next((one for one in reversed(names) if one != "..."), "it")


def _kind_at(table: Any, steps: Sequence[str]) -> Any:
    """Return the type of what these steps lead to."""
    for step in steps:
        if isinstance(table, type) and issubclass(table, Struct):
            table = get_type_hints(table).get(step)
        else:
            table = next((one for one in reversed(get_args(table)) if one is not type(None)), None)
        if type(None) in get_args(table):
            table = next(one for one in get_args(table) if one is not type(None))
    return table


def _keys_of(kind: Any) -> list[str]:
    if isinstance(kind, type) and issubclass(kind, Struct):
        return list(kind.__struct_fields__)
    return []


def _plain(dotted: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in dotted.split("."))


def _in_words(body: str, kind: Any) -> str:
    if get_origin(kind) is Literal and body.startswith("Invalid"):
        *others, last = (str(one) or '""' for one in get_args(kind))
        return f"must be {', '.join(others)} or {last}"
    body = body.replace(" | null", "")
    body = re.sub(r"`([a-z]+(?: \| [a-z]+)*)`", lambda found: _either(found[1]), body)
    return body.replace("Expected", "must be", 1).replace(", got", ", not")


def _either(types: str) -> str:
    return " or ".join(_WORDS.get(one, one) for one in types.split(" | "))
