"""Which routes never answer, because one that is tried earlier takes all of their requests."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from optimus_tui.patterns.assembly import assembly_of
from optimus_tui.patterns.facts.model import Module, Scope
from optimus_tui.patterns.route_table import UNKNOWN, UNKNOWN_END, Entry, Router, RouteTable, table_of
from optimus_tui.patterns.source.view import View

_MOST_ENTRIES = 3000
_UNKNOWN_PART = re.compile(f"{UNKNOWN}[^{UNKNOWN_END}]*{UNKNOWN_END}")
_PARAMETER = re.compile(r"{([a-zA-Z_][a-zA-Z0-9_]*)(?::([a-zA-Z_][a-zA-Z0-9_]*))?}")
_CONVERTERS = {
    "str": "[^/]+", "path": ".*", "int": "[0-9]+", "float": r"[0-9]+(\.[0-9]+)?",
    "uuid": "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}",
}  # fmt: skip
_SAMPLES = {
    "str": ("\x02",), "path": ("", "\x02", "\x02/\x03"), "int": ("982451653",),
    "float": ("982451653", "982451653.5"), "uuid": ("7d444840-9dc0-11d1-b245-5ffdce74fad2",),
}  # fmt: skip
"""Values of a parameter that no written path has by chance: a route that takes all of them takes every value."""

_Key = tuple[str, int, str]


class HiddenRoute(NamedTuple):
    """A route that never answers, and the first one that takes its requests."""

    entry: Entry
    by: Entry


class _App(NamedTuple):
    """What is known of the routes of one application, by their keys."""

    hidden: dict[_Key, HiddenRoute]
    answering: frozenset[_Key]


def hidden_routes(view: View) -> list[HiddenRoute]:
    """Return the routes of a file that never answer, in the order of its lines.

    They are hidden by a route of the same router, or are hidden in every application that they belong to.
    """
    table = table_of(view.module, view.resolver)
    found: dict[_Key, HiddenRoute] = {}
    for entries in _own(table, view.module):
        hidden, _ = _sorted_out(entries)
        found.update((_key(one.entry), one) for one in hidden if one.entry.module is view.module)
    files = {one.path: one for one in (view.module, *assembly_of(view.project, view.module.path).files())}
    apps = [_app(table, one, view) for one in files.values()]
    answering = frozenset[_Key]().union(*(app.answering for app in apps))
    for app in apps:
        for key, one in app.hidden.items():
            if key[0] == view.module.path and key not in answering:
                found.setdefault(key, one)
    return sorted(found.values(), key=lambda one: one.entry.line)


def _key(entry: Entry) -> _Key:
    return entry.module.path, entry.line, f"{entry.written} {sorted(entry.methods)}"


def _own(table: RouteTable, module: Module) -> Iterator[list[Entry]]:
    """Yield the routes of each router that the file registers routes on, as far as this file tells their order."""
    for router, scope in dict.fromkeys((event.router, event.scope) for event in table.events(module)):
        yield list(islice(table.entries(router, scope), _MOST_ENTRIES))


def _app(table: RouteTable, module: Module, view: View) -> _App:
    key = f"hidden routes:{module.path}"
    known = view.project.routes_memo.get(key)
    if isinstance(known, _App):
        return known
    hidden: dict[_Key, HiddenRoute] = {}
    answering: set[_Key] = set()
    for router, scope in _apps_of(table, module):
        covered, rest = _sorted_out(list(islice(table.entries(router, scope), _MOST_ENTRIES)))
        hidden.update((_key(one.entry), one) for one in covered)
        if not table.is_given(router):  # a part of an application does not tell what hides it in the whole
            answering.update(map(_key, rest))
    made = view.project.routes_memo[key] = _App(hidden, frozenset(answering))
    return made


def _apps_of(table: RouteTable, module: Module) -> list[tuple[Router, Scope]]:
    """Return the applications of a file, with the scopes that register routes on them."""
    made = [(router, router.scope) for router in table.apps(module)]
    routers = {router for router, _ in made}
    registered = [(event.router, event.scope) for event in table.events(module)]
    return [*dict.fromkeys([*made, *(pair for pair in registered if pair[0] in routers or table.is_given(pair[0]))])]


def _sorted_out(entries: list[Entry]) -> tuple[list[HiddenRoute], list[Entry]]:
    """Return the hidden routes, and those that answer some request."""
    hidden: list[HiddenRoute] = []
    rest: list[Entry] = []
    exact: dict[str, list[tuple[int, Entry]]] = {}
    patterns: list[tuple[int, Entry]] = []
    for at, entry in enumerate(entries):
        if entry.handler is not None and entry.methods:
            by = _cover(entry, exact.get(entry.path, []), patterns)
            if by is None:
                rest.append(entry)
            else:
                hidden.append(HiddenRoute(entry, by))
        if "{" in entry.path or entry.below:
            patterns.append((at, entry))
        else:
            exact.setdefault(entry.path, []).append((at, entry))
    return hidden, rest


def _cover(entry: Entry, exact: list[tuple[int, Entry]], patterns: list[tuple[int, Entry]]) -> Entry | None:
    """Return the first of the earlier routes that take its requests; None where some method of it gets through."""
    left = set(entry.methods)
    first: Entry | None = None
    samples: list[str] | None = None
    for _, one in sorted((*exact, *patterns), key=lambda pair: pair[0]):
        if left.isdisjoint(one.methods) or one.handler is entry.handler or not one.branches <= entry.branches:
            continue
        if "{" in one.path or one.below:
            if samples is None:
                samples = _samples(entry.path)
            matches = _pattern(one.path, one.below).fullmatch
            if not samples or not all(matches(sample) for sample in samples):
                continue
        first = first or one
        left -= one.methods
        if not left:
            return first
    return None


def shown_path(path: str) -> str:
    """Return a path for people; its unknown parts are left out."""
    return _UNKNOWN_PART.sub("…", path) or "/"


@lru_cache(maxsize=4000)
def _pattern(path: str, below: bool) -> re.Pattern[str]:
    parts: list[str] = []
    end = 0
    for found in _PARAMETER.finditer(path):
        parts += (re.escape(path[end : found.start()]), _CONVERTERS.get(found[2] or "str", "(?!)"))
        end = found.end()
    parts.append(re.escape(path[end:]))
    if below:
        parts.append("/.*")
    return re.compile("".join(parts), re.DOTALL)


def _samples(path: str) -> list[str]:
    """Return paths that stand for all that a route takes; empty where a converter is not known."""
    made = [""]
    end = 0
    for found in _PARAMETER.finditer(path):
        values = _SAMPLES.get(found[2] or "str", ())
        made = [f"{one}{path[end : found.start()]}{value}" for one in made for value in values][:81]
        end = found.end()
    return [f"{one}{path[end:]}" for one in made]
