"""Parse each stylesheet once a process: Textual does so for every application, which took a seventh of its start."""

from typing import Any

from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

_parsed: dict[object, list[RuleSet]] = {}
_parse = Stylesheet._parse_rules


def _parse_once(sheet: Any, *source: Any, **more: Any) -> list[RuleSet]:
    """Return what was parsed before from the same text, for the same place, with the same colours."""
    key = (source, tuple(sorted(more.items())), frozenset(sheet._variables.items()))
    if key not in _parsed:
        _parsed[key] = _parse(sheet, *source, **more)
    return _parsed[key]


def keep_parsed() -> None:
    """Keep what is parsed for the applications to come; rules are only read once they are parsed."""
    Stylesheet._parse_rules = _parse_once  # type: ignore[method-assign, assignment]
    RuleSet.__hash__ = object.__hash__  # type: ignore[method-assign]  # the same, not in Python: millions are looked up
