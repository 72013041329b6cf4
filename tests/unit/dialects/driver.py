"""A Redis of a few keys in memory, and readers run on it: what the tests of values share."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.dialects.formulas import Failed, Value
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.dialects.load import load_table
from optimus_tui.dialects.values import Command, read_value

RECORDINGS = Path(__file__).with_name("recordings")


class Keys:
    """Keys as (type, value, TTL in ms), and the commands that were sent for them."""

    def __init__(self, keys: dict[bytes, tuple[str, Any, int]], now: float) -> None:
        self.keys, self.now, self.trips = keys, now, list[list[Command]]()

    @property
    def sent(self) -> list[str]:
        """Return the names of all commands in order."""
        return [str(command[0]) for trip in self.trips for command in trip]

    def answer(self, command: Command) -> Any:
        name, *words = command
        if name == "TIME":
            return [b"%d" % int(self.now), b"%d" % round(self.now % 1 * 1e6)]
        key = words[0]
        assert isinstance(key, bytes)
        kind, value, ttl = self.keys.get(key, ("none", None, -2))
        if name in ("TYPE", "PTTL"):
            return kind.encode() if name == "TYPE" else ttl
        needs = {"G": "string", "H": "hash", "Z": "zset", "L": "list", "S": "set"}[str(name)[0]]
        if kind not in (needs, "none"):
            return Failed.WRONG_TYPE
        return _read(str(name), words[1:], kind, value)

    def read(self, layout: KeyLayout, key: bytes, rules: LimitRules | None = None) -> Value:
        """Run the reader of one counter to its end."""
        found = layout.counter(key)
        assert found is not None, key
        reader = read_value(key, found, rules)
        commands = next(reader)
        while True:
            self.trips.append(commands)
            try:
                commands = reader.send([self.answer(command) for command in commands])
            except StopIteration as end:
                return end.value


def _read(name: str, words: list[Any], kind: str, value: Any) -> Any:
    if kind == "none":
        return {"GET": None, "HMGET": [None] * len(words), "LINDEX": None}.get(name, 0)
    if name == "GET":
        return value
    if name == "HMGET":
        return [value.get(word) for word in words]
    if name == "LINDEX":
        return value[words[0]] if -len(value) <= words[0] < len(value) else None
    if name == "ZCOUNT":
        low, high = (float(word.lstrip("(")) for word in words)
        return sum(low < score <= high if words[0][0] == "(" else low <= score <= high for score in value)
    return len(value)


def layout_of(*rules: str) -> KeyLayout:
    """Return a layout with these ``[[limits]]``, each as TOML."""
    import tomllib

    text = "\n".join(f"[[limits]]\n{rule}" for rule in rules)
    return KeyLayout(load_table(tomllib.loads(text), "test", text, within=""))


@cache
def recordings() -> dict[str, Any]:
    """Return what was recorded: by name, the time and the keys."""
    return json.loads((RECORDINGS / "values.json").read_text())


def recorded(name: str) -> Keys:
    """Return the keys of a recording at the moment it was made."""
    found = recordings()[name]
    return Keys({key.encode(): (kind, _raw(kind, value), ttl) for key, kind, ttl, value in found["keys"]}, found["at"])


def _raw(kind: str, value: Any) -> Any:
    if kind == "string":
        return value.encode()
    if kind == "hash":
        return {field.encode(): text.encode() for field, text in value.items()}
    if kind == "zset":
        return [score for _, score in value]
    return [item.encode() for item in value]
