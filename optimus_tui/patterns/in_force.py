"""What the source says of limits and routes, and how the running gateway differs from it. Pure.

What the code does not write out (a computed limit, an unknown prefix) is not compared. A route that is only in the
source or only in the running gateway is a difference, unless it is kept out of the OpenAPI document.
"""

import ast
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.patterns.drift import Drift
from optimus_tui.patterns.route_table import UNKNOWN, VERBS, Entry, RouteTable
from optimus_tui.patterns.source.project import Project
from optimus_tui.patterns.source.resolve import Resolver
from optimus_tui.patterns.source.vocabulary import option_of
from optimus_tui.syntax import parse
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text

_DOCUMENTED = VERBS - {"head", "options", "trace"}
_MOST_ROUTES = 5000
_DEPLOY = "Start the gateway from this source, or find what else sets it."

RouteName = tuple[str, str]
"""Method in small letters, and path with its parameters' names."""


class WrittenLimits(NamedTuple):
    """Limits that a limiter's source writes out as numbers; None for others."""

    limits: dict[str, int]
    default: int | None
    window_seconds: int | None
    tenants: dict[str, dict[str, int]]


class WrittenRoutes(NamedTuple):
    """The routes of one application. ``unlisted`` are those that are kept out of the OpenAPI document."""

    routes: frozenset[RouteName]
    unlisted: frozenset[RouteName]
    whole: bool
    """Whether every path is known."""


def limits_in(data: bytes) -> WrittenLimits | None:
    """Return the limits that a file writes out as a table named ``limits``; None without one."""
    try:
        tree = parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: dict[str, object] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            for name in (one.id.lower() for one in targets if isinstance(one, ast.Name)):
                names.setdefault(name, _value(node.value))
    limits = _numbers(names.get("limits")) or _numbers(names.get("rate_limits"))
    if not limits:
        return None
    overrides = names.get("tenant_overrides")
    tenants = {name: _numbers(own) for name, own in overrides.items()} if isinstance(overrides, dict) else {}
    return WrittenLimits(limits, _number(names.get("default_limit")), _number(names.get("window_seconds")), tenants)


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _number(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return None


def _numbers(value: object) -> dict[str, int]:
    """Return a table of names to numbers; empty for anything else."""
    if not isinstance(value, dict) or not value:
        return {}
    fits = all(isinstance(name, str) and _number(limit) is not None for name, limit in value.items())
    if fits:
        return value
    return {}


def limit_drift(written: WrittenLimits, published: LimitRules) -> Iterator[Drift]:
    """Yield where the running gateway has other limits than the source."""
    if written.window_seconds not in (None, published.window_seconds):
        yield _differs(
            "window", f"{written.window_seconds} s", f"{published.window_seconds} s", "the limits' window is"
        )
    if written.default is not None and written.default != published.default:
        yield _differs("default", written.default, published.default, "the limit of operations without one is")
    for name in sorted(written.limits.keys() | published.limits.keys()):
        limit, in_force = written.limits.get(name, written.default), published.limits.get(name, published.default)
        if limit != in_force:
            yield _differs(name, limit, in_force, f"the limit of {safe_text(name, 80)} is")
    for tenant in sorted(written.tenants.keys() | published.tenants.keys()):
        own, other = written.tenants.get(tenant, {}), published.tenants.get(tenant, {})
        for name in sorted(own.keys() | other.keys()):
            if own.get(name) != other.get(name):
                whose = f"{safe_text(tenant, 80)}'s own limit of {safe_text(name, 80)} is"
                yield _differs(f"{tenant} {name}", own.get(name), other.get(name), whose)


def _differs(name: str, ours: object, theirs: object, what: str) -> Drift:
    shown = ["none" if value is None else str(value) for value in (ours, theirs)]
    message = f"{what} {shown[0]} in the source, {shown[1]} in the running gateway"
    return Drift("limit differs", safe_text(name, 160), "medium", message, _DEPLOY)


def counter_drift(immortal: Iterable[str]) -> Iterator[Drift]:
    """Yield the operations whose counters have no TTL, given the operation of each such counter."""
    counts: dict[str, int] = {}
    for name in immortal:
        counts[name] = counts.get(name, 0) + 1
    for name, count in sorted(counts.items()):
        keys = plural(count, f"counter of {name} has", f"counters of {name} have")
        yield Drift(
            "counter without TTL", name, "high", f"{keys} no TTL: once its limit is reached its tenant stays refused",
            "Set the TTL together with the count, in one script; a on the counter's row sets a TTL.",
        )  # fmt: skip


def routes_in(project: Project) -> Iterator[WrittenRoutes]:
    """Yield the routes of each application that the project makes."""
    table = RouteTable(Resolver(project))
    for path in project.assembling:
        module = project.at(path)
        for app in table.apps(module) if module is not None else ():
            entries = [one for one in islice(table.entries(app), _MOST_ROUTES) if one.handler is not None]
            if entries:
                yield _routes(entries)


def _routes(entries: Collection[Entry]) -> WrittenRoutes:
    routes: set[RouteName] = set()
    unlisted: set[RouteName] = set()
    for one in entries:
        if UNKNOWN not in one.path:
            names = {(method, _documented(one.path)) for method in one.methods & _DOCUMENTED}
            routes |= names
            if _is_unlisted(one):
                unlisted |= names
    return WrittenRoutes(frozenset(routes), frozenset(unlisted), whole=all(UNKNOWN not in one.path for one in entries))


def _is_unlisted(entry: Entry) -> bool:
    calls = [one for one in entry.handler.decorators if isinstance(one, ast.Call)] if entry.handler else []
    options = [option_of(one, "include_in_schema") for one in calls]
    return any(isinstance(one, ast.Constant) and one.value is False for one in options)


def _documented(path: str) -> str:
    """Return a path as OpenAPI writes it: parameters without their converters."""
    parts = [part.partition(":")[0] + "}" if part[:1] == "{" and ":" in part else part for part in path.split("/")]
    return "/".join(parts) or "/"


def published_routes(document: object) -> frozenset[RouteName] | None:
    """Return the routes of an OpenAPI document; None if it is no such document."""
    paths = document.get("paths") if isinstance(document, dict) else None
    if not isinstance(paths, dict):
        return None
    listed = ((method, path) for path, item in paths.items() if isinstance(item, dict) for method in item)
    return frozenset((method, path) for method, path in islice(listed, _MOST_ROUTES) if method in _DOCUMENTED)


def best_match(written: Iterable[WrittenRoutes], live: frozenset[RouteName]) -> WrittenRoutes | None:
    """Return the application that the live routes most likely belong to; None if no application has any of them."""
    found = max(written, key=lambda one: (len(one.routes & live), -len(one.routes)), default=None)
    if found is not None and found.routes & live:
        return found
    return None


def route_drift(written: WrittenRoutes, live: frozenset[RouteName]) -> Iterator[Drift]:
    """Yield routes that only the source or only the running gateway has."""
    for method, path in sorted(written.routes - written.unlisted - live, key=_by_path):
        name = f"{method.upper()} {safe_text(path, 160)}"
        yield Drift(
            "route not served", name, "medium", f"the source has {name}, the running gateway does not list it", _DEPLOY
        )
    for method, path in sorted(live - written.routes, key=_by_path) if written.whole else ():
        name = f"{method.upper()} {safe_text(path, 160)}"
        yield Drift(
            "route undeclared", name, "medium", f"the running gateway lists {name}, the source does not have it",
            _DEPLOY,
        )  # fmt: skip


def _by_path(route: RouteName) -> tuple[str, str]:
    return route[1], route[0]
