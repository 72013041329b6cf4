"""Parse each stylesheet once a process, and ask the end of a selector first.

Textual parses for every application, which took a seventh of its start. To find the rules of a node it goes through all
that the node is in for each selector, which took a tenth of the time of the tests with a screen. None can match whose
last part is not the node itself.
"""

from typing import Any

from textual.css import match, stylesheet
from textual.css.model import RuleSet, Selector
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode

_parsed: dict[object, list[RuleSet]] = {}
_parse = Stylesheet._parse_rules
_matches = match._check_selectors


def _parse_once(sheet: Any, *source: Any, **more: Any) -> list[RuleSet]:
    """Return what was parsed before from the same text, for the same place, with the same colours."""
    key = (source, tuple(sorted(more.items())), frozenset(sheet._variables.items()))
    if key not in _parsed:
        _parsed[key] = _parse(sheet, *source, **more)
    return _parsed[key]


def _matches_from_its_end(selectors: list[Selector], css_path_nodes: list[DOMNode]) -> bool:
    """Return what Textual returns: True only where the last selector is found at the last node."""
    return selectors[-1].check(css_path_nodes[-1]) and _matches(selectors, css_path_nodes)


def keep_parsed() -> None:
    """Keep what is parsed for the applications to come; rules are only read once they are parsed."""
    Stylesheet._parse_rules = _parse_once  # type: ignore[method-assign, assignment]
    RuleSet.__hash__ = object.__hash__  # type: ignore[method-assign]  # the same, not in Python: millions are looked up
    stylesheet._check_selectors = _matches_from_its_end  # type: ignore[attr-defined]
