"""Which classes of the project stand for a protocol or an abstract class: those beside it, and those of other files."""

import ast

from optimus_tui.patterns.facts.model import Class, Unit
from optimus_tui.patterns.signs import is_served
from optimus_tui.patterns.source.project import Project
from optimus_tui.patterns.source.vocabulary import chain

_OF_INTERFACES = ("Protocol", "Interface", "Abstract", "Base", "ABC")
_MOST = 8
"""So many classes for one protocol are plugins: what one of them does is not what all do."""


def implementations(unit: Unit, project: Project) -> list[Unit]:
    """Return the methods that implement an abstract one, of a protocol or an ABC; none if it does the work itself.

    Those of the same file go first. A class in another file counts if the abstract class is one of its bases, or, for a
    protocol, if it is named after it and has all of its methods.
    """
    owner = unit.owner
    if owner is None or not unit.stub:
        return []
    of_protocol = _is_protocol(owner)
    beside = [
        one.methods[unit.name]
        for one in unit.module.classes
        if one is not owner and unit.name in one.methods and not one.methods[unit.name].stub
        and (of_protocol or any(chain(base).rpartition(".")[2] == owner.name for base in one.bases))
    ]  # fmt: skip
    if beside:
        return beside
    return [one.methods[unit.name] for one in _elsewhere(owner, project) if unit.name in one.methods]


def _is_protocol(owner: Class) -> bool:
    return any(_name_of(base) == "Protocol" for base in owner.bases)


def _name_of(base: ast.expr) -> str:
    return chain(base.value if isinstance(base, ast.Subscript) else base).rpartition(".")[2]


def _elsewhere(owner: Class, project: Project) -> list[Class]:
    key = f"implementations of {owner.name} in {owner.module.path}"
    known = project.routes_memo.get(key)
    if isinstance(known, list):
        return known
    found: list[Class] = []
    project.routes_memo[key] = found  # it may be asked for again while its files are read
    about = _subject(owner.name)
    for name, bases, path in project.classes:
        named = owner.name in bases.replace("[", ",").replace(".", ",").replace(" ", "").split(",")
        alike = _is_protocol(owner) and len(about) > 3 and about in name and name != owner.name
        if path == owner.module.path or not (named or alike) or not is_served(path):
            continue
        module = project.at(path)
        found += [one for one in (module.classes if module is not None else ()) if _stands_for(one, name, owner, named)]
    if len(found) > _MOST:
        found.clear()
    return found


def _subject(name: str) -> str:
    """Return a protocol's name without what only says that it is one: ``IOrderStore``, ``OrderStoreProtocol``."""
    for word in _OF_INTERFACES:
        name = name.removeprefix(word).removesuffix(word)
    if name[:1] == "I" and name[1:2].isupper():
        return name[1:]
    return name


def _stands_for(one: Class, name: str, owner: Class, named: bool) -> bool:
    if one.name != name:
        return False
    needed = {method for method, unit in owner.methods.items() if unit.stub and not method.startswith("__")}
    return named or (bool(needed) and needed <= one.methods.keys() and not _is_protocol(one))
