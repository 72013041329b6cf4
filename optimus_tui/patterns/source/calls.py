"""Resolve the calls of each unit once, for all checks that follow."""

import ast
from functools import lru_cache
from typing import NamedTuple

from optimus_tui.patterns.facts.model import Call, Class, Import, Unit
from optimus_tui.patterns.source.names import chain, words
from optimus_tui.patterns.source.resolve import External, InstanceOf, Resolver, Thing

_new = tuple.__new__  # a named tuple's own constructor takes twice as long


class Seen(NamedTuple):
    """A call with what it resolves to: ``raw`` as written, ``dotted`` by its type or import."""

    call: Call
    thing: Thing
    raw: str
    dotted: str
    method: str
    visible: bool
    """Its source is in the tree."""

    @property
    def about(self) -> frozenset[str]:
        """Return the words of the object that is called, from its name and its type."""
        return _about(self.raw, self.dotted)


@lru_cache(maxsize=20_000)
def _about(raw: str, dotted: str) -> frozenset[str]:
    return words(raw.rpartition(".")[0]) | words(dotted.rpartition(".")[0])


def seen_calls(unit: Unit, resolver: Resolver) -> list[Seen]:
    """Return the unit's calls, resolved once."""
    known: list[Seen] | None = unit.memo.get("seen")
    if known is None:
        known = unit.memo["seen"] = [_new(Seen, (call, *_kept(call, resolver))) for call in unit.calls]
    return known


_Kept = tuple[Thing, str, str, str, bool]


def _kept(call: Call, resolver: Resolver) -> _Kept:
    """Return everything but the call: resolved once for a name, where it is bound, for all files that import it."""
    func, scope = call.node.func, call.scope
    head = func.value if isinstance(func, ast.Attribute) else func
    if not isinstance(head, ast.Name):
        return _resolved(resolver.what(func, scope), chain(func))
    root = head.id
    if isinstance(func, ast.Attribute):
        raw = f"{root}.{func.attr}"
    else:
        raw = root
    place = scope
    while place.parent is not None and (root not in place.bindings or (place.kind == "class" and place is not scope)):
        place = place.parent
    key = f"{raw}()"
    kept: _Kept | None = place.things.get(key)
    if kept is None:
        bound = place.bindings.get(root)
        if not isinstance(bound, Import):
            kept = _resolved(resolver.what(func, place), raw)
        else:
            everywhere, which = resolver.project.calls, (place.unit.module.root, bound, raw)
            kept = everywhere.get(which)
            if kept is None:
                kept = everywhere[which] = _resolved(resolver.what(func, place), raw)
        place.things[key] = kept
    return kept


def _resolved(thing: Thing, raw: str) -> _Kept:
    if isinstance(thing, External):
        dotted = thing.dotted
    else:
        dotted = _dotted(thing)
    visible = isinstance(thing, (Unit, Class)) or (isinstance(thing, InstanceOf) and isinstance(thing.of, Class))
    return thing, raw, dotted, raw.rpartition(".")[2], visible


def _dotted(thing: Thing) -> str:
    if isinstance(thing, Unit):
        if thing.owner:
            return f"{thing.owner.name}.{thing.name}"
        return thing.name
    if isinstance(thing, Class):
        return thing.name
    if isinstance(thing, InstanceOf):
        if isinstance(thing.of, str):
            return thing.of
        return thing.of.name
    return ""
