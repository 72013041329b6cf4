"""The shape of a rule: an identity, a reason, a remedy, two examples, and a check that yields hits."""

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from optimus_tui.patterns.facts.model import Unit
    from optimus_tui.patterns.source.view import View

Level = Literal["basic", "comprehensive", "production_ready"]
Priority = Literal["high", "medium", "low"]
Profile = Literal["fastapi", "gateway"]
Subject = Literal["", "limiter", "tenant", "cache", "isolation", "callers", "metrics", "breaker"]
"""What a project may lack. ``isolation``: most of its routes know their tenant. ``callers``: it limits those of most of
its routes, or has a library's limiter for all that is not in use. ``metrics``: at least half of its routers count or
time requests."""
LEVELS: tuple[Level, ...] = ("basic", "comprehensive", "production_ready")
PROFILES: tuple[Profile, ...] = ("fastapi", "gateway")


class Hit(NamedTuple):
    """A place that breaks a rule. ``subject`` is the route's name for a rule that is judged by route.

    ``span`` is the lines on which an ignore comment counts. ``unresolved`` is the name of what decides, where that is
    not known: the finding is then not judged.
    """

    line: int
    offset: int
    message: str
    subject: str = ""
    span: tuple[int, int] = (0, 0)
    unresolved: str = ""


@dataclass(frozen=True)
class Rule:
    """One rule. ``pattern`` is the group that the score is counted by.

    A rule with ``applies`` is a requirement: that function returns its subjects, and the share of them without a hit is
    what counts. Without it each hit costs points.

    ``profile`` is where the rule has a meaning: ``fastapi`` for every project, ``gateway`` only for one that limits,
    separates and caches for its tenants. ``needs`` names what a project must have before the rule says anything,
    unless its owner chose the profile. Without what ``rests_on`` names, it is of low priority.
    """

    id: str
    pattern: str
    level: Level
    priority: Priority
    title: str
    why: str
    fix: str
    bad: str
    good: str
    check: "Callable[[View], Iterable[Hit]]"
    applies: "Callable[[View], list[str]] | None" = None
    profile: Profile = "fastapi"
    needs: tuple[Subject, ...] = ()
    rests_on: Subject = ""
    absence: bool = False
    """It says that nothing does a job. Where something that runs could not be followed, that is not judged."""


def at(node: ast.AST, message: str, subject: str = "", span: tuple[int, int] | None = None) -> Hit:
    """Return a hit at a syntax node."""
    line = getattr(node, "lineno", 1)
    end = getattr(node, "end_lineno", line) or line
    return Hit(line, getattr(node, "col_offset", 0), message, subject, span or (line, min(end, line + 20)))


def at_unit(unit: "Unit", message: str) -> Hit:
    """Return a hit at a function's ``def`` line. An ignore comment may also be on the line of a decorator."""
    node = unit.node
    body = getattr(node, "body", None) or [node]
    first = min([unit.line, *(one.lineno for one in unit.decorators)])
    last = max(unit.line, getattr(body[0], "lineno", unit.line) - 1)
    return Hit(unit.line, getattr(node, "col_offset", 0), message, unit.name, (first, last))
