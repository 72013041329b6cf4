"""Find what a drafted router needs of a project's helpers and an older version of these does not have. Pure."""

import ast
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from optimus_tui.scaffold.render import Draft, DraftFile, render
from optimus_tui.scaffold.target import RouterTarget, join, module_of
from optimus_tui.syntax import parse
from optimus_tui.wording.numbers import and_others
from optimus_tui.wording.safe import safe_text

Read = Callable[[str], bytes | None]
"""Maps a path in the project to the file's content; None where there is no such file."""
_SHOWN = 3
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def what_lacks(draft: Draft, read: Read) -> str:
    """Return in a sentence what the project's helpers lack for the draft, and what to do; empty if they lack nothing.

    What counts are imported names, and keywords with which the helpers' functions are called. A project that has none
    of the helpers' modules lacks nothing: it gets new ones.
    """
    lacking = _lacking(draft, read)
    if not lacking:
        return ""
    target = draft.spec.target
    shown = ", ".join(safe_text(one, 120) for one in lacking[:_SHOWN])
    more = and_others(lacking, _SHOWN)
    where = target.helper_folder
    if target.is_gateway:
        remedy = f"bring these files of {where}/ up to those of a new project (optimus-tui init NAME)"
    else:
        remedy = f"move {where}/ away, and this adds it again"
    spared = draft.spec.caching and not _lacking(render(replace(draft.spec, caching=False)), read)
    without = ", or leave caching out" if spared else ""
    return f"{where}/ is older than this router needs, it lacks {shown}{more}: {remedy}{without}"


def _lacking(draft: Draft, read: Read) -> list[str]:
    target = draft.spec.target
    added = {file.path: file.content for file in draft.beside if read(file.path) is None}
    used = [*draft.files, *(DraftFile(path, text) for path, text in added.items())]
    imported = {(module, name) for file in used for module, name in _imported(file, target)}
    known: dict[str, ast.Module | None] = {}
    for module in sorted({module for module, _ in imported}):
        path = _path_of(module, target)
        if f"{path}.py" not in added and f"{path}/__init__.py" not in added:
            known[module] = _parsed(read(f"{path}.py") or read(f"{path}/__init__.py"))
    if not any(known.values()):
        return []
    lacking = [
        f"{_path_of(module, target)}.py" if known[module] is None else f"{name} in {_path_of(module, target)}.py"
        for module, name in sorted(imported)
        if module in known and not _defines(known[module], name)
    ]
    names = {name for _, name in imported}
    lacking += _unknown_keywords(draft.router, names, [tree for tree in known.values() if tree is not None])
    return list(dict.fromkeys(lacking))


def _imported(file: DraftFile, target: RouterTarget) -> Iterator[tuple[str, str]]:
    """Yield the helpers that a file imports: module and name. Routers are none."""
    here = module_of(file.path, target.import_root).split(".")
    for node in ast.walk(parse(file.content)):
        if not isinstance(node, ast.ImportFrom):
            continue
        module = node.module or ""
        if node.level:
            module = ".".join([*here[: -node.level], *([module] if module else [])])
        inside = module.startswith(f"{target.helpers}.")
        if inside and not join(target.import_root, module.replace(".", "/")).startswith(f"{target.folder}/"):
            yield from ((module, one.name) for one in node.names)


def _path_of(module: str, target: RouterTarget) -> str:
    return join(target.import_root, module.replace(".", "/"))


def _parsed(data: bytes | None) -> ast.Module | None:
    try:
        if data is not None:
            return parse(data)
        return None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _defines(tree: ast.Module | None, name: str) -> bool:
    """Return whether a module has a name of its own, or imports it, at any depth outside of functions."""
    todo: list[ast.AST] = [tree] if tree is not None else []
    while todo:
        node = todo.pop()
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            if node.name == name:
                return True
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if any((one.asname or one.name) in (name, "*") for one in node.names):
                return True
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name:
            return True
        todo += ast.iter_child_nodes(node)
    return False


def _unknown_keywords(router: DraftFile, names: set[str], trees: list[ast.Module]) -> Iterator[str]:
    """Yield the keywords of the helpers' methods that the router is handed, where none of that name takes it."""
    takes: dict[str, set[str] | None] = {}
    for node in (one for tree in trees for one in ast.walk(tree)):
        if isinstance(node, _FUNCTIONS):
            given = node.args
            taken = {arg.arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
            before = takes.setdefault(node.name, set())
            takes[node.name] = None if given.kwarg or before is None else before | taken
    everything = list(ast.walk(parse(router.content)))
    handed = {
        arg.arg
        for one in everything
        if isinstance(one, _FUNCTIONS)
        for arg in one.args.args
        if isinstance(arg.annotation, ast.Name) and arg.annotation.id in names
    }
    for call in (one for one in everything if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)):
        if not isinstance(call.func, ast.Attribute) or getattr(call.func.value, "id", "") not in handed:
            continue
        known = takes.get(call.func.attr)
        for word in call.keywords if known is not None else ():
            if word.arg and known is not None and word.arg not in known:
                yield f"{word.arg}= of {call.func.attr}()"
