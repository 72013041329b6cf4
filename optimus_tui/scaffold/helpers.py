"""The helpers that a generated router imports, for a project that has none: five small files in one package.

They are the reference gateway's own definitions, cut out of its modules and grouped by purpose, so a router works the
same with both. What a router does not need is left out. Pure except for reading the templates.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from optimus_tui.assets import asset_dir
from optimus_tui.scaffold.target import HELPERS
from optimus_tui.syntax import parse

ABOUT = {
    "dependencies": "What every router asks for: the tenant, the page of a list, settings and metrics",
    "redis_client": "The application's connection to Redis",
    "limits": "Requests per tenant, operation and minute, counted in Redis",
    "engine": "The way to the AI Engine: deadline, circuit breaker, and its failures as answers",
    "caching": "Answers kept in Redis, and their invalidation",
}
"""The files, each above those that it may import."""
_RANK = {file: rank for rank, file in enumerate(ABOUT)}
_OF_MODULE = {
    "backend.config.services_new": "dependencies",
    "backend.config.settings": "dependencies",
    "backend.utils.metrics": "dependencies",
    "backend.utils.rate_limiter": "limits",
    "backend.utils.cache_keys": "caching",
    "backend.utils.cache_manager": "caching",
    "backend.utils.cache_coherence": "caching",
    "backend.utils.circuit_breaker": "engine",
    "backend.utils.upstream": "engine",
    "backend.errors": "engine",
}
_OF_NAME = {
    "open_redis": "redis_client",
    "get_redis_cache": "redis_client",
    "RedisCache": "redis_client",
    "get_http_client": "engine",
    "made_once": "dependencies",
}
"""What belongs elsewhere than to the highest file that it refers to."""
_STARTS = ("backend.dependencies_enterprise", "backend.clients", "backend.errors")
"""Everything in these modules is kept, with what it needs; of all others only what is needed."""
_ALSO = frozenset({"RESOURCE_FAILURES", "Settings", "InvalidationType", "CircuitOpenError", "cached_below"})
_DROPPED = frozenset({"install_error_handlers"})
_NOT_READ = ("routers", "app.py", "middleware.py", "__init__.py", "logs.py")
_OVERRIDES = "made_once"


class _Import(NamedTuple):
    """The origin of a name in a module: ``attribute`` None is the module itself."""

    module: str
    attribute: str | None

    def line(self, name: str) -> str:
        """Return the import of one name."""
        if self.attribute is None:
            if self.module == name:
                return f"import {self.module}"
            return f"import {self.module} as {name}"
        return f"from {self.module} import {self.attribute}"

    def spelled(self, name: str) -> str:
        """Return the attribute as it stands behind ``import``, under the name that the module gives it."""
        if self.attribute == name:
            return name
        return f"{self.attribute} as {name}"


class _Definition(NamedTuple):
    """One statement at the top of a module that gives names a meaning."""

    module: str
    names: tuple[str, ...]
    text: str
    uses: frozenset[str]
    gap: bool
    """Whether blank lines stand before it in its module."""


class _Module(NamedTuple):
    name: str
    definitions: tuple[_Definition, ...]
    imports: dict[str, _Import]


class HelperFile(NamedTuple):
    """One file of the package."""

    name: str
    text: str
    imports: frozenset[str]
    """Other files of the package that it imports, without their ending."""


class Helpers(NamedTuple):
    """The whole package. ``file_of`` maps the reference gateway's (module, name) to a file, without its ending."""

    files: dict[str, HelperFile]
    file_of: dict[tuple[str, str], str]

    def needed(self, names: Iterable[tuple[str, str]]) -> list[str]:
        """Return the files that hold these names of the reference gateway, and all that they import, in order."""
        found: set[str] = set()
        waiting = [self.file_of[name] for name in names]
        while waiting:
            file = waiting.pop()
            if file not in found:
                found.add(file)
                waiting += self.files[file].imports
        return [file for file in ABOUT if file in found]


INIT = '"""What routers share. Written by Optimus TUI, from its reference gateway; it is yours to change."""\n'


@cache
def helpers() -> Helpers:
    """Return the package, cut out of the reference gateway."""
    modules = _read()
    owner = {(module.name, name): one for module in modules for one in module.definitions for name in one.names}
    kept = _reached(modules, owner)
    places = _places(modules, kept, owner)
    files: dict[str, HelperFile] = {}
    for file in ABOUT:
        files[file] = _write(file, modules, kept, places)
    by_name = {
        (module, name): places[id(definition)] for (module, name), definition in owner.items() if id(definition) in kept
    }
    return Helpers(files, by_name)


def _read() -> list[_Module]:
    """Return the reference gateway's modules, each after those that it imports, with our overrides in their places."""
    root = asset_dir("templates") / "orchestrator" / "src"
    found: dict[str, _Module] = {}
    for path in sorted((root / "backend").rglob("*.py")):
        relative = path.relative_to(root)
        if not any(part in _NOT_READ for part in relative.parts):
            name = ".".join(relative.with_suffix("").parts)
            found[name] = _parse(name, path.read_text("utf-8"))
    override = _parse(_OVERRIDES, (asset_dir("templates") / "router" / f"{_OVERRIDES}.py").read_text("utf-8"))
    ordered: list[_Module] = []

    def put(name: str) -> None:
        module = found.pop(name, None)
        if module is not None:
            for one in sorted({one.module for one in module.imports.values()}):
                put(one)
            ordered.append(_overridden(module, override))

    for name in sorted(found):
        put(name)
    return ordered


def _parse(name: str, text: str) -> _Module:
    lines, tree = text.splitlines(), parse(text)
    imports: dict[str, _Import] = {}
    definitions: list[_Definition] = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            imports.update({one.asname or one.name: _Import(node.module or "", one.name) for one in node.names})
        elif isinstance(node, ast.Import):
            imports.update({one.asname or one.name.partition(".")[0]: _Import(one.name, None) for one in node.names})
        elif names := _defined(node):
            start = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
            while lines[start - 2].startswith("#"):
                start -= 1
            words = "\n".join(lines[start - 1 : node.end_lineno])
            uses = frozenset(one.id for one in ast.walk(node) if isinstance(one, ast.Name))
            definitions.append(_Definition(name, names, words, uses, not lines[start - 2].strip()))
    return _Module(name, tuple(definitions), imports)


def _defined(node: ast.stmt) -> tuple[str, ...]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return (node.name,)
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return tuple(one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name))


def _overridden(module: _Module, override: _Module) -> _Module:
    """Return the module with the overriding definitions in place of its own."""
    ours = {name: one for one in override.definitions for name in one.names}
    replaced = [one for one in module.definitions if any(name in ours for name in one.names)]
    if not replaced:
        return module
    definitions: list[_Definition] = []
    imports = dict(module.imports)
    if module.name == "backend.dependencies_enterprise":
        definitions.append(ours["made_once"]._replace(module=module.name))
    for one in module.definitions:
        definitions.append(ours[one.names[0]]._replace(module=module.name, gap=one.gap) if one in replaced else one)
    used = {name for one in definitions if one.names[0] in ours for name in one.uses}
    imports.update({name: found for name, found in override.imports.items() if name in used})
    own = {name for one in definitions for name in one.names}
    return _Module(module.name, tuple(definitions), {name: one for name, one in imports.items() if name not in own})


_Owner = dict[tuple[str, str], _Definition]


def _needs(one: _Definition, module: _Module, owner: _Owner) -> Iterator[_Definition]:
    """Yield the definitions of the gateway that a definition refers to."""
    for name in one.uses:
        if (module.name, name) in owner:
            yield owner[module.name, name]
        elif name in module.imports:
            found = module.imports[name]
            if found.attribute is not None and (found.module, found.attribute) in owner:
                yield owner[found.module, found.attribute]


def _reached(modules: list[_Module], owner: _Owner) -> set[int]:
    by_name = {one.name: one for one in modules}
    waiting = [
        one
        for module in modules
        for one in module.definitions
        if one.names[0] in _ALSO
        or (module.name in _STARTS and not one.names[0].startswith("_") and one.names[0] not in _DROPPED)
    ]
    kept: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) not in kept:
            kept.add(id(one))
            waiting += _needs(one, by_name[one.module], owner)
    return kept


def _home(name: str, modules: list[_Module]) -> str:
    """Return the file of a module; "" for one whose definitions each go where they belong.

    A module that is not named goes to the lowest file whose modules import it.
    """
    if name in _OF_MODULE or name in _STARTS:
        return _OF_MODULE.get(name, "")
    importing = [one.name for one in modules if any(each.module == name for each in one.imports.values())]
    homes = [home for one in importing if (home := _home(one, modules))]
    return min(homes, key=lambda file: _RANK[file], default="")


def _places(modules: list[_Module], kept: set[int], owner: _Owner) -> dict[int, str]:
    """Return the file of each kept definition: its module's, else the highest one that it refers to."""
    by_name = {one.name: one for one in modules}
    homes = {one.name: _home(one.name, modules) for one in modules}
    places: dict[int, str] = {}

    def place(one: _Definition) -> str:
        if id(one) not in places:
            places[id(one)] = "dependencies"  # while it is looked at: a definition may refer to itself
            named = _OF_NAME.get(one.names[0]) or homes[one.module]
            inner = [place(each) for each in _needs(one, by_name[one.module], owner)]
            places[id(one)] = named or max(["dependencies", *inner], key=lambda file: _RANK[file])
        return places[id(one)]

    for module in modules:
        for one in module.definitions:
            if id(one) in kept:
                place(one)
    return places


def _write(file: str, modules: list[_Module], kept: set[int], places: dict[int, str]) -> HelperFile:
    """Return one file: its imports, then its definitions in the order of their modules."""
    lines: dict[str, set[str]] = {}
    plain: set[str] = set()
    texts: list[tuple[_Definition, str]] = []
    taken: dict[str, str] = {}
    own: dict[str, set[str]] = {}
    where = {
        (module.name, name): places[id(one)]
        for module in modules
        for one in module.definitions
        if id(one) in kept
        for name in one.names
    }
    for module in modules:
        chosen = [one for one in module.definitions if id(one) in kept and places[id(one)] == file]
        renamed: dict[str, str] = {}
        for one in chosen:
            for name in one.names:
                if taken.setdefault(name, one.text) != one.text:
                    renamed[name] = f"{name}_{module.name.rpartition('.')[2]}"
        for one in chosen:
            for name in one.uses:
                if where.get((module.name, name), file) != file:
                    own.setdefault(where[module.name, name], set()).add(name)
                elif name in module.imports and (module.name, name) not in where:
                    found = module.imports[name]
                    if found.module.startswith("backend"):
                        there = where[found.module, found.attribute or name]
                        if there != file:
                            own.setdefault(there, set()).add(name)
                    elif found.attribute is None:
                        plain.add(found.line(name))
                    else:
                        lines.setdefault(found.module, set()).add(found.spelled(name))
            text = _told_here(one.text, file, where)
            for old, new in renamed.items():
                text = re.sub(rf"\b{re.escape(old)}\b", new, text)
            if all(text != known for _, known in texts):
                texts.append((one, text))
    head = [f'"""{ABOUT[file]}.\n\nWritten by Optimus TUI, from its reference gateway; it is yours to change.\n"""']
    head += _imports(plain, lines, own)
    return HelperFile(f"{file}.py", _laid(head, texts), frozenset(own))


def _told_here(text: str, file: str, where: dict[tuple[str, str], str]) -> str:
    """Return a text in which modules of the gateway are called by the file that holds them here."""
    files = {module: place for (module, _), place in where.items() if module in _OF_MODULE}

    def here(match: re.Match[str]) -> str:
        return f"{HELPERS}.{files.get(match[0], file)}"

    return re.sub(r"\bbackend(?:\.[a-z_]+)+", here, text)


def _imports(plain: set[str], lines: dict[str, set[str]], own: dict[str, set[str]]) -> list[str]:
    from optimus_tui.scaffold.lay import lay_import

    groups: list[list[str]] = []
    for standard in (True, False):
        group = sorted(one for one in plain if _is_standard(one.split()[1]) == standard)
        for one in sorted(lines):
            if _is_standard(one) == standard:
                plainly = {name for name in lines[one] if " as " not in name}
                if plainly:
                    group += [lay_import(one, plainly)]
                group += [f"from {one} import {name}" for name in sorted(lines[one] - plainly)]
        groups.append(group)
    groups.append([lay_import(f".{one}", own[one]) for one in sorted(own)])
    return ["\n".join(group) for group in groups if group]


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _laid(head: list[str], texts: list[tuple[_Definition, str]]) -> str:
    """Return the file, with the blank lines that a formatter would put."""
    written = "\n\n".join(head)
    before_block = True
    for number, (one, text) in enumerate(texts):
        block = _is_block(text)
        if block or before_block:
            gap = "\n\n\n" if number or block else "\n\n"
        else:
            gap = "\n\n" if one.gap else "\n"
        written += gap + text
        before_block = block
    return written + "\n"


def _is_block(text: str) -> bool:
    first = next(line for line in text.split("\n") if not line.startswith("#"))
    return first.startswith(("def ", "async def ", "class ", "@"))
