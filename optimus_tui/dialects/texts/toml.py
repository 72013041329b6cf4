"""Write a profile as TOML that can be pasted into a settings file, with a comment on what each rule means."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from optimus_tui.dialects.model import Dialect
from optimus_tui.dialects.texts.meanings import cache_words, feed_words, limit_words

WIDTH = 100
LEFT_OUT = ("about", "signs", "metric_signs")
"""What is a comment here, or only for finding out which preset fits."""


def dialect_toml(table: Mapping[str, Any], profile: Dialect, *, within: str = "dialect") -> str:
    """Return the table as TOML.

    Args:
        table: The profile as it was written, without what its preset adds.
        profile: The same profile as read, from which the comments are made.
        within: The name of its table in the file.
    """
    return "\n".join(_lines(table, profile, within)).strip("\n") + "\n"


def _lines(table: Mapping[str, Any], profile: Dialect, within: str) -> Iterator[str]:
    yield from comment(str(table.get("about", "")))
    yield f"[{within}]"
    for key, value in table.items():
        if key not in LEFT_OUT and not isinstance(value, dict) and not _is_rules(value):
            yield f"{key} = {toml_value(value)}"
    for section, rules in table.items():
        if not _is_rules(rules):
            continue
        for index, rule in enumerate(rules):
            yield ""
            yield from comment(_meaning(profile, section, index))
            yield f"[[{within}.{section}]]"
            yield from (f"{key} = {toml_value(value)}" for key, value in rule.items())
    for section in ("gateway", "engine"):
        if section in table:
            yield ""
            yield f"[{within}.{section}]"
            yield from (f"{key} = {toml_value(value)}" for key, value in table[section].items())
    for name, rule in table.get("metrics", {}).items():
        yield ""
        yield f"[{within}.metrics.{_name(name)}]"
        yield from (f"{key} = {toml_value(value)}" for key, value in rule.items())


def comment(text: str) -> Iterator[str]:
    """Yield a text as lines of a comment."""
    yield from (f"# {line}" for line in textwrap.wrap(text, WIDTH - 2, break_long_words=False, break_on_hyphens=False))


def toml_value(value: Any) -> str:
    """Return a value as TOML: text, a number, true or false, a list or a table of these."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=not value.isprintable()).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_name(key)} = {toml_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(one) for one in value) + "]"
    return repr(value)


def _is_rules(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _name(name: str) -> str:
    if name.replace("_", "").replace("-", "").isalnum() and name.isascii():
        return name
    return json.dumps(name)


def _meaning(profile: Dialect, section: str, index: int) -> str:
    """Return what a rule means. A profile's own rules come before those of its preset, in the order of the table."""
    if section == "limits":
        return limit_words(profile.limits[index])
    if section == "cache":
        return cache_words(profile.cache[index])
    if section == "feed":
        return feed_words(profile.feeds[index])
    if section == "tracking":
        return "Which gateway holds an answer in its own memory"
    if section == "limit_gauges":
        return "The value of this gauge is the limit of the counter with this name"
    return "Known names that are neither counters nor cache keys"
