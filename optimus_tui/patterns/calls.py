"""Calls with what they resolve to: once for every unit, for all that is asked of it afterwards."""

import ast
from typing import NamedTuple

from optimus_tui.patterns.facts import Call, Class, Unit
from optimus_tui.patterns.names import chain, words
from optimus_tui.patterns.resolve import External, Instance, Resolver, Thing

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
        """The words of what it is called on, by name and by type."""
        return words(self.raw.rpartition(".")[0]) | words(self.dotted.rpartition(".")[0])


def seen_calls(unit: Unit, resolver: Resolver) -> list[Seen]:
    """The unit's calls, resolved once."""
    known: list[Seen] | None = unit.memo.get("seen")
    if known is None:
        known = []
        for call in unit.calls:
            func, things = call.node.func, call.scope.things
            raw = chain(func)
            plain = func.__class__ is ast.Name or getattr(func, "value", None).__class__ is ast.Name
            kept = things.get(f"{raw}()") if plain else None
            if kept is None:
                kept = _resolved(resolver.what(func, call.scope), raw)
                if plain:
                    things[f"{raw}()"] = kept
            known.append(_new(Seen, (call, *kept)))
        unit.memo["seen"] = known
    return known


def _resolved(thing: Thing, raw: str) -> tuple[Thing, str, str, str, bool]:
    dotted = thing.dotted if isinstance(thing, External) else _dotted(thing)
    visible = isinstance(thing, (Unit, Class)) or (isinstance(thing, Instance) and isinstance(thing.of, Class))
    return thing, raw, dotted, raw.rpartition(".")[2], visible


def _dotted(thing: Thing) -> str:
    if isinstance(thing, Unit):
        return f"{thing.owner.name}.{thing.name}" if thing.owner else thing.name
    if isinstance(thing, Class):
        return thing.name
    if isinstance(thing, Instance):
        return thing.of if isinstance(thing.of, str) else thing.of.name
    return ""
