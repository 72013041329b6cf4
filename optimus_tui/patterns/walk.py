"""One pass over a tree, without recursion: depth costs memory, never the interpreter's stack.

It refuses to look at a node twice: everything that rules need is noted here.
"""

import ast
from collections.abc import Callable
from typing import Any

from optimus_tui.patterns.bind import answers_requests, bind, bind_params, class_of, is_empty, living, mentions_429
from optimus_tui.patterns.facts import (
    DECLARED,
    GUARDED,
    IGNORED,
    IN_EXCEPT,
    TESTS_429,
    Bound,
    Call,
    Class,
    Function,
    Import,
    Module,
    Raised,
    Scope,
    Unit,
)
from optimus_tui.patterns.names import chain, is_limiter

_FIELDS: dict[type, tuple[str, ...]] = {}
_NO_FIELDS = {"ctx", "op", "ops", "type_comment", "kind", "lineno", "attr", "id", "type_ignores", "conversion", "level"}
_TIME_LIMITS = ("timeout", "timeout_at", "fail_after", "move_on_after", "wait_for")
Item = tuple[ast.AST, Scope, int]


def read_module(tree: ast.Module, path: str, dotted: str) -> Module:
    """The facts of one parsed file."""
    module = Module(path, dotted, tree)
    scope = Scope("module", tree, None)
    unit = Unit("", tree, scope, module, None)
    scope.unit, module.scope, module.unit = unit, scope, unit
    module.scopes.append(scope)
    _Walk(module).run([(node, scope, 0) for node in reversed(tree.body)])
    return module


class _Walk:
    def __init__(self, module: Module) -> None:
        self.module = module
        self.todo: list[Item] = []

    def run(self, items: list[Item]) -> None:
        """Visit everything, roughly in the order of the source."""
        todo = self.todo = items
        special, fields = _SPECIAL, _FIELDS
        while todo:
            node, scope, flags = todo.pop()
            kind = node.__class__
            visit = special.get(kind)
            if visit is not None:
                visit(self, node, scope, flags)
                continue
            names = fields.get(kind)
            if names is None:
                names = fields[kind] = tuple(name for name in reversed(kind._fields) if name not in _NO_FIELDS)
            flags &= ~IGNORED
            for name in names:
                value = getattr(node, name, None)
                if value.__class__ is list:
                    todo += [(child, scope, flags) for child in reversed(value) if isinstance(child, ast.AST)]
                elif isinstance(value, ast.AST):
                    todo.append((value, scope, flags))

    def scope(self, kind: str, node: ast.AST, parent: Scope) -> Scope:
        """A new scope, which its module knows."""
        made = Scope(kind, node, parent)
        self.module.scopes.append(made)
        return made

    def push(self, nodes: Any, scope: Scope, flags: int) -> None:
        """Visit these later; a list is visited in its order."""
        if nodes.__class__ is list:
            self.todo.extend([(node, scope, flags) for node in reversed(nodes) if node is not None])
        elif nodes is not None:
            self.todo.append((nodes, scope, flags))

    def call(self, node: ast.Call, scope: Scope, flags: int) -> None:
        scope.unit.calls.append(Call(node, scope, flags))
        if node.func.__class__ is ast.Call:
            scope.unit.memo["curried"] = True
        inner = flags & ~IGNORED
        if getattr(node.func, "attr", "") == "wait_for":
            inner |= GUARDED
        for keyword in reversed(node.keywords):
            self.todo.append((keyword.value, scope, inner))
        self.push(node.args, scope, inner)
        self.todo.append((node.func, scope, inner))

    def name(self, node: ast.Name, scope: Scope, flags: int) -> None:
        if node.ctx.__class__ is ast.Load:
            scope.unit.loads.add(node.id)

    def attribute(self, node: ast.Attribute, scope: Scope, flags: int) -> None:
        scope.unit.attrs.add(node.attr)
        if node.value.__class__ is ast.Name:
            scope.unit.loads.add(node.value.id)
        else:
            self.todo.append((node.value, scope, flags & ~IGNORED))

    def constant(self, node: ast.Constant, scope: Scope, flags: int) -> None:
        text = node.value
        if isinstance(text, str):
            scope.unit.strings.append((node, text))

    def expression(self, node: ast.Expr, scope: Scope, flags: int) -> None:
        value: ast.expr = node.value
        if value.__class__ is ast.Constant:
            return  # a docstring, or nothing
        if isinstance(value, ast.Await):
            value = value.value
        self.todo.append((value, scope, flags | IGNORED))

    def function(self, node: Function, scope: Scope, flags: int) -> None:
        inner = self.scope("async" if isinstance(node, ast.AsyncFunctionDef) else "function", node, scope)
        owner = class_of(scope)
        nested = scope.kind not in ("module", "class")
        answers = nested and answers_requests(node)
        if answers or not nested:
            unit = Unit(node.name, node, inner, self.module, owner)
            self.module.units.append(unit)
            if owner is not None:
                owner.methods[node.name] = unit
            unit.stub = is_empty(node)
        else:
            unit = scope.unit
        inner.unit = unit
        if scope.kind != "class":
            scope.bindings[node.name] = inner if unit is scope.unit else unit
        bind_params(node, inner, owner if unit.node is node else None)
        defaults = [one for one in (*node.args.defaults, *node.args.kw_defaults) if one is not None]
        self.module.defaults += [(default, node) for default in defaults]
        self.push(living(node.body), inner, 0)
        for default in defaults:
            self.todo.append((default, scope, 0))
        self.push(node.decorator_list, scope, DECLARED if answers else 0)

    def lambda_(self, node: ast.Lambda, scope: Scope, flags: int) -> None:
        inner = self.scope("lambda", node, scope)
        inner.unit = scope.unit
        bind_params(node, inner, None)
        self.todo.append((node.body, inner, flags & ~(IGNORED | IN_EXCEPT)))

    def class_(self, node: ast.ClassDef, scope: Scope, flags: int) -> None:
        found = Class(node.name, node, self.module)
        inner = self.scope("class", node, scope)
        found.unit = inner.unit = Unit(node.name, node, inner, self.module, found)
        self.module.classes.append(found)
        scope.bindings[node.name] = found
        inner.bindings["<class>"] = found
        self.push(node.body, inner, 0)
        self.push([*node.decorator_list, *node.bases, *(word.value for word in node.keywords)], scope, 0)

    def assign(self, node: ast.Assign, scope: Scope, flags: int) -> None:
        for target in node.targets:
            bind(target, node.value, None, scope)
        self.push([*(one for one in node.targets if not isinstance(one, ast.Name)), node.value], scope, flags)

    def ann_assign(self, node: ast.AnnAssign, scope: Scope, flags: int) -> None:
        bind(node.target, node.value, node.annotation, scope)
        if not isinstance(node.target, ast.Name):
            self.push(node.target, scope, flags)
        self.push(node.value, scope, flags)

    def type_alias(self, node: Any, scope: Scope, flags: int) -> None:
        bind(node.name, node.value, None, scope)
        self.push(node.value, scope, flags)

    def named(self, node: ast.NamedExpr, scope: Scope, flags: int) -> None:
        bind(node.target, node.value, None, scope)
        self.push(node.value, scope, flags)

    def loop(self, node: ast.For | ast.AsyncFor, scope: Scope, flags: int) -> None:
        if isinstance(node.target, ast.Name):
            scope.bindings.setdefault(node.target.id, Bound(node.iter, None, many=True))
        self.push([node.target, node.iter, *node.body, *node.orelse], scope, flags)

    def augmented(self, node: ast.AugAssign, scope: Scope, flags: int) -> None:
        scope.unit.augmented.append(node)
        self.push([node.target, node.value], scope, flags)

    def with_(self, node: ast.With | ast.AsyncWith, scope: Scope, flags: int) -> None:
        inner = flags
        for item in node.items:
            scope.unit.withs.append((item.context_expr, scope))
            func = getattr(item.context_expr, "func", None)
            if getattr(func, "attr", getattr(func, "id", "")) in _TIME_LIMITS:
                inner |= GUARDED
            if isinstance(item.optional_vars, ast.Name):
                scope.bindings[item.optional_vars.id] = Bound(item.context_expr, None, entered=True)
        self.push(node.body, scope, inner)
        for item in reversed(node.items):
            self.todo.append((item.context_expr, scope, flags))

    def if_(self, node: ast.If, scope: Scope, flags: int) -> None:
        inner = flags | (TESTS_429 if mentions_429(node.test) else 0)
        self.push(node.orelse, scope, flags)
        if node.test.__class__ is not ast.Constant or node.test.value:
            self.push(node.body, scope, inner)
        self.todo.append((node.test, scope, flags))

    def handler(self, node: ast.ExceptHandler, scope: Scope, flags: int) -> None:
        scope.unit.handlers.append((node, scope))
        caught = chain(node.type) if node.type is not None else ""
        own = is_limiter(caught) or "TooMany" in caught
        self.push(node.body, scope, flags if own else flags | IN_EXCEPT)
        self.push(node.type, scope, flags)

    def raise_(self, node: ast.Raise, scope: Scope, flags: int) -> None:
        scope.unit.raised.append(Raised(node, scope, flags))
        self.push([node.exc, node.cause], scope, flags)

    def return_(self, node: ast.Return, scope: Scope, flags: int) -> None:
        scope.unit.returned.append(Raised(node, scope, flags))
        self.push(node.value, scope, flags)

    def import_(self, node: ast.Import, scope: Scope, flags: int) -> None:
        for alias in node.names:
            if alias.asname:
                scope.bindings[alias.asname] = Import(alias.name, None)
            else:
                root = alias.name.partition(".")[0]
                scope.bindings[root] = Import(root, None)

    def import_from(self, node: ast.ImportFrom, scope: Scope, flags: int) -> None:
        base = node.module or ""
        if node.level:
            parts = self.module.dotted.split(".")
            keep = len(parts) - node.level + (1 if self.module.is_package else 0)
            base = ".".join([*parts[: max(0, keep)], *([base] if base else [])])
        for alias in node.names:
            if alias.name == "*":
                self.module.stars.append(base)
            else:
                scope.bindings[alias.asname or alias.name] = Import(base, alias.name)

    def nothing(self, node: ast.AST, scope: Scope, flags: int) -> None:
        """Nothing to see below."""


_SPECIAL: dict[type, Callable[[_Walk, Any, Scope, int], None]] = {
    ast.Call: _Walk.call,
    ast.Name: _Walk.name,
    ast.Attribute: _Walk.attribute,
    ast.Constant: _Walk.constant,
    ast.Expr: _Walk.expression,
    ast.FunctionDef: _Walk.function,
    ast.AsyncFunctionDef: _Walk.function,
    ast.Lambda: _Walk.lambda_,
    ast.ClassDef: _Walk.class_,
    ast.Assign: _Walk.assign,
    ast.AnnAssign: _Walk.ann_assign,
    ast.NamedExpr: _Walk.named,
    ast.AugAssign: _Walk.augmented,
    ast.For: _Walk.loop,
    ast.AsyncFor: _Walk.loop,
    ast.With: _Walk.with_,
    ast.AsyncWith: _Walk.with_,
    ast.If: _Walk.if_,
    ast.ExceptHandler: _Walk.handler,
    ast.Raise: _Walk.raise_,
    ast.Return: _Walk.return_,
    ast.Import: _Walk.import_,
    ast.ImportFrom: _Walk.import_from,
    ast.Global: _Walk.nothing,
    ast.Nonlocal: _Walk.nothing,
    ast.Pass: _Walk.nothing,
}
if hasattr(ast, "TypeAlias"):  # since Python 3.12
    _SPECIAL[ast.TypeAlias] = _Walk.type_alias
