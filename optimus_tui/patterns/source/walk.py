"""Collect facts in one pass over a tree, without recursion: depth costs memory, never the interpreter's stack.

Every node is visited once; what assignments and parameters bind is recorded on the way.
"""

import ast
from collections.abc import Callable, Sequence
from typing import Any

from optimus_tui.patterns.facts.model import (
    AWAITED,
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
    Param,
    Raised,
    Scope,
    Unit,
    bound_value,
)
from optimus_tui.patterns.source.functions import answers_requests, is_empty, living, mentions_429
from optimus_tui.patterns.source.roots import SearchPath
from optimus_tui.patterns.source.vocabulary import chain, is_limiter, unawaited

_new = tuple.__new__  # a named tuple's own constructor takes twice as long
_FIELDS: dict[type, tuple[str, ...]] = {}
_NO_FIELDS = {"ctx", "op", "ops", "type_comment", "kind", "lineno", "attr", "id", "type_ignores", "conversion", "level"}
_TIME_LIMITS = ("timeout", "timeout_at", "fail_after", "move_on_after", "wait_for")


def class_of(scope: Scope) -> Class | None:
    """Return the class whose body this scope is, or None."""
    if scope.kind == "class":
        return scope.bindings.get("<class>")
    return None


def bind(target: ast.expr, value: ast.expr | None, annotation: ast.expr | None, scope: Scope) -> None:
    """Record what a name, an attribute of ``self`` or an entry is assigned."""
    if isinstance(target, ast.Name):
        owner = class_of(scope)
        if owner is not None:
            owner.attributes.setdefault(target.id, (Bound(value, annotation), scope))
        if value.__class__ is ast.Call and value.args and _wraps(value, target.id, scope):
            return
        if _says_more(value, target.id, scope):
            scope.bindings[target.id] = _new(Bound, (value, annotation, False, False, -1))
            _bind_global(target.id, value, scope)
    elif isinstance(target, (ast.Tuple, ast.List)):
        for at, one in enumerate(target.elts):
            if isinstance(one, ast.Name):
                scope.bindings[one.id] = Bound(value, None, many=True, at=at)
    elif isinstance(target, ast.Attribute):
        owner = scope.unit.owner
        if owner is not None and isinstance(target.value, ast.Name) and target.value.id in ("self", "cls"):
            owner.attributes.setdefault(target.attr, (Bound(value, annotation), scope))
    elif isinstance(target, ast.Subscript):
        scope.unit.stored.append((target, scope))


def _says_more(value: ast.expr | None, name: str, scope: Scope) -> bool:
    """Return whether an assignment tells more of a name than what is known: ``None`` is no more than an absence."""
    if value is None or (value.__class__ is ast.Constant and value.value is None):
        return name not in scope.bindings
    return True


def _bind_global(name: str, value: ast.expr | None, scope: Scope) -> None:
    """Bind a name of the module that a function sets: ``global client``, then ``client = make_client()``."""
    if "global;" not in scope.things or name not in scope.things["global;"]:
        return
    home = scope.unit.module.scope
    made = unawaited(value)
    known = home.bindings.get(name)
    empty = known is None or (isinstance(known, Bound) and getattr(known.value, "value", known.value) is None)
    if empty and isinstance(made, ast.Call) and chain(made.func).partition(".")[0] not in scope.bindings:
        home.bindings[name] = Bound(value, getattr(known, "annotation", None))


def _wraps(value: ast.Call, name: str, scope: Scope) -> bool:
    """Return whether this is ``app = wrapped(app)``: the name goes on standing for the application."""
    if not any(isinstance(one, ast.Name) and one.id == name for one in value.args):
        return False
    known = scope.bindings.get(name)
    made = bound_value(known)
    return isinstance(made, ast.Call) and chain(made.func).endswith(("FastAPI", "Starlette", "APIRouter"))


def bind_each(target: ast.expr, values: ast.expr, scope: Scope, own: bool = False) -> None:
    """Record what a loop's variables stand for; a variable of several loops stands for the elements of all of them.

    ``own``: the loop is a comprehension, whose variables hide no other name.
    """
    for at, one in enumerate(getattr(target, "elts", [target])):
        if not isinstance(one, ast.Name):
            continue
        place = at if one is not target else -1
        known = scope.bindings.get(one.id)
        given = values
        if isinstance(known, Bound) and known.each and known.at == place and known.value is not None:
            given = ast.List([ast.Starred(known.value, ast.Load()), ast.Starred(values, ast.Load())], ast.Load())
        elif known is not None or (own and scope.lookup(one.id) is not None):
            continue
        scope.bindings[one.id] = Bound(given, None, many=True, each=True, at=place)


def bind_params(node: Function | ast.Lambda, scope: Scope, owner: Class | None) -> None:
    """Bind a function's parameters in its scope; they are its unit's if the function is the unit itself."""
    args = node.args
    if args.posonlyargs:
        positional = [*args.posonlyargs, *args.args]
    else:
        positional = args.args
    required = [None] * (len(positional) - len(args.defaults))
    pairs: list[tuple[ast.arg, ast.expr | None]] = [*zip(positional, [*required, *args.defaults], strict=True)]
    if args.kwonlyargs:
        pairs += zip(args.kwonlyargs, args.kw_defaults, strict=True)
    for at, (arg, default) in enumerate(pairs):
        scope.bindings[arg.arg] = _new(Param, (arg, default, node, owner, at == 0))
    for rest in (args.vararg, args.kwarg):
        if rest is not None:
            scope.bindings[rest.arg] = Param(rest, None, node, None, False)
    outer = scope.parent or scope
    scope.unit.given += [(arg, default, outer) for arg, default in pairs]
    if scope.unit.node is node:
        scope.unit.params = pairs


Item = tuple[ast.AST, Scope, int]
_OF_ONE_NODE = IGNORED | AWAITED
_Name, _Attribute, _Constant, _Load = ast.Name, ast.Attribute, ast.Constant, ast.Load  # looked up for every node


def read_module(tree: ast.Module, path: str, search: SearchPath) -> Module:
    """Return the facts of one parsed file."""
    module = Module(path, tree, search)
    scope = Scope("module", tree, None)
    unit = Unit("", tree, scope, module, None)
    scope.unit, module.scope, module.unit = unit, scope, unit
    module.scopes.append(scope)
    _TreeWalk(module).run([(node, scope, 0) for node in reversed(tree.body)])
    return module


class _TreeWalk:
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
                names = fields[kind] = tuple(name for name in kind._fields if name not in _NO_FIELDS)
            flags &= ~_OF_ONE_NODE
            children: list[Any] = []
            for name in names:
                value = getattr(node, name, None)
                if value.__class__ is list:
                    children += value
                elif value is not None:
                    children.append(value)
            self.push(children, scope, flags)

    def scope(self, kind: str, node: ast.AST, parent: Scope) -> Scope:
        """Create a scope and register it with its module."""
        made = Scope(kind, node, parent)
        self.module.scopes.append(made)
        return made

    def push(self, nodes: Sequence[Any], scope: Scope, flags: int) -> None:
        """Visit these nodes later, in order. Names and constants, which are most of them, are recorded at once."""
        unit = scope.unit
        for node in reversed(nodes):
            kind, inner = node.__class__, flags
            while kind is _Attribute:
                unit.attrs.add(node.attr)
                node, inner = node.value, flags & ~_OF_ONE_NODE
                kind = node.__class__
            if kind is _Name:
                if node.ctx.__class__ is _Load:
                    unit.loads.add(node.id)
            elif kind is _Constant:
                if node.value.__class__ is str:
                    unit.strings.append((node, node.value))
            elif isinstance(node, ast.AST):
                self.todo.append((node, scope, inner))

    def statements(self, nodes: list[ast.stmt], scope: Scope, flags: int) -> None:
        """Visit a body later, in order."""
        self.todo += [(node, scope, flags) for node in reversed(nodes)]

    def call(self, node: ast.Call, scope: Scope, flags: int) -> None:
        unit, func = scope.unit, node.func
        unit.calls.append(_new(Call, (node, scope, flags)))
        if func.__class__ is ast.Call:
            unit.memo["curried"] = True
        inner = flags & ~_OF_ONE_NODE
        if getattr(func, "attr", "") == "wait_for":
            inner |= GUARDED
        given = node.args
        if node.keywords:
            given = [*given, *[keyword.value for keyword in node.keywords]]
            unit.keywords.update([keyword.arg for keyword in node.keywords])
        if given:
            self.push(given, scope, inner)
        self.push((func,), scope, inner)

    def expression(self, node: ast.Expr, scope: Scope, flags: int) -> None:
        value: ast.expr = node.value
        if value.__class__ is ast.Constant:
            return  # a docstring, or nothing
        if value.__class__ is ast.Await:
            value, flags = value.value, flags | AWAITED
        self.push((value,), scope, flags | IGNORED)

    def await_(self, node: ast.Await, scope: Scope, flags: int) -> None:
        self.push((node.value,), scope, flags | AWAITED)

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
        given = node.args.defaults or node.args.kw_defaults
        defaults = []
        if given:
            defaults = [one for one in (*node.args.defaults, *node.args.kw_defaults) if one is not None]
        self.module.defaults += [(default, node) for default in defaults]
        body = living(node.body)
        for dead in node.body[len(body) :]:  # ``return`` and then ``yield``: it generates nothing
            if any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in ast.walk(dead)):
                unit.memo.setdefault("yielded", []).append((None, inner))
        self.statements(body, inner, 0)
        self.push(defaults[::-1], scope, 0)
        self.push(node.decorator_list, scope, DECLARED if answers else 0)

    def lambda_(self, node: ast.Lambda, scope: Scope, flags: int) -> None:
        inner = self.scope("lambda", node, scope)
        inner.unit = scope.unit
        bind_params(node, inner, None)
        self.push((node.body,), inner, flags & ~(_OF_ONE_NODE | IN_EXCEPT))

    def class_(self, node: ast.ClassDef, scope: Scope, flags: int) -> None:
        found = Class(node.name, node, self.module)
        inner = self.scope("class", node, scope)
        found.unit = inner.unit = Unit(node.name, node, inner, self.module, found)
        self.module.classes.append(found)
        scope.bindings[node.name] = found
        inner.bindings["<class>"] = found
        self.statements(node.body, inner, 0)
        self.push([*node.decorator_list, *node.bases, *(word.value for word in node.keywords)], scope, 0)

    def assign(self, node: ast.Assign, scope: Scope, flags: int) -> None:
        for target in node.targets:
            bind(target, node.value, None, scope)
        self.push([*node.targets, node.value], scope, flags)

    def ann_assign(self, node: ast.AnnAssign, scope: Scope, flags: int) -> None:
        bind(node.target, node.value, node.annotation, scope)
        self.push((node.value, node.target), scope, flags)

    def type_alias(self, node: Any, scope: Scope, flags: int) -> None:
        bind(node.name, node.value, None, scope)
        self.push((node.value,), scope, flags)

    def named(self, node: ast.NamedExpr, scope: Scope, flags: int) -> None:
        bind(node.target, node.value, None, scope)
        self.push((node.value,), scope, flags)

    def loop(self, node: ast.For | ast.AsyncFor, scope: Scope, flags: int) -> None:
        bind_each(node.target, node.iter, scope)
        self.statements([*node.body, *node.orelse], scope, flags)
        self.push((node.target, node.iter), scope, flags)

    def comprehension(self, node: ast.comprehension, scope: Scope, flags: int) -> None:
        bind_each(node.target, node.iter, scope, own=True)
        self.push((node.target, node.iter, *node.ifs), scope, flags & ~IGNORED)

    def augmented(self, node: ast.AugAssign, scope: Scope, flags: int) -> None:
        scope.unit.augmented.append(node)
        self.push((node.target, node.value), scope, flags)

    def with_(self, node: ast.With | ast.AsyncWith, scope: Scope, flags: int) -> None:
        inner = flags
        scope.unit.memo.setdefault("managing", []).append(node)
        for item in node.items:
            scope.unit.withs.append((item.context_expr, scope))
            func = getattr(item.context_expr, "func", None)
            if getattr(func, "attr", getattr(func, "id", "")) in _TIME_LIMITS:
                inner |= GUARDED
            if isinstance(item.optional_vars, ast.Name):
                scope.bindings[item.optional_vars.id] = Bound(item.context_expr)
        self.statements(node.body, scope, inner)
        self.push([item.context_expr for item in node.items], scope, flags)

    def try_(self, node: ast.Try, scope: Scope, flags: int) -> None:
        scope.unit.memo.setdefault("tried", []).append((node, scope))
        for part in (node.finalbody, node.orelse, node.handlers, node.body):
            self.statements(part, scope, flags & ~_OF_ONE_NODE)  # type: ignore[arg-type]

    def if_(self, node: ast.If, scope: Scope, flags: int) -> None:
        inner = flags
        if mentions_429(node.test):
            inner |= TESTS_429
        self.statements(node.orelse, scope, flags)
        if node.test.__class__ is not ast.Constant or node.test.value:
            self.statements(node.body, scope, inner)
        self.push((node.test,), scope, flags)

    def handler(self, node: ast.ExceptHandler, scope: Scope, flags: int) -> None:
        scope.unit.handlers.append((node, scope))
        caught = chain(node.type)
        inner = flags
        if not is_limiter(caught) and "TooMany" not in caught:
            inner |= IN_EXCEPT
        self.statements(node.body, scope, inner)
        if node.type is not None:
            self.push((node.type,), scope, flags)

    def raise_(self, node: ast.Raise, scope: Scope, flags: int) -> None:
        scope.unit.raised.append(Raised(node, scope, flags))
        self.push((node.exc, node.cause), scope, flags)

    def return_(self, node: ast.Return, scope: Scope, flags: int) -> None:
        scope.unit.returned.append(Raised(node, scope, flags))
        self.push((node.value,), scope, flags)

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
            keep = len(parts) - node.level + self.module.is_package
            base = ".".join([*parts[: max(1, keep)], base]).removesuffix(".") or "."
        for alias in node.names:
            if alias.name == "*":
                self.module.stars.append(base)
            else:
                scope.bindings[alias.asname or alias.name] = _new(Import, (base, alias.name))

    def global_(self, node: ast.Global, scope: Scope, flags: int) -> None:
        scope.things.setdefault("global;", set()).update(node.names)  # no name holds a semicolon

    def yield_(self, node: ast.Yield | ast.YieldFrom, scope: Scope, flags: int) -> None:
        given = node.value if isinstance(node, ast.Yield) else None
        scope.unit.memo.setdefault("yielded", []).append((given, scope))
        self.push((node.value,), scope, flags)

    def nothing(self, node: ast.AST, scope: Scope, flags: int) -> None:
        """Ignore a node without anything of interest below."""


_SPECIAL: dict[type, Callable[[_TreeWalk, Any, Scope, int], None]] = {
    ast.Call: _TreeWalk.call,
    ast.Expr: _TreeWalk.expression,
    ast.Await: _TreeWalk.await_,
    ast.FunctionDef: _TreeWalk.function,
    ast.AsyncFunctionDef: _TreeWalk.function,
    ast.Lambda: _TreeWalk.lambda_,
    ast.ClassDef: _TreeWalk.class_,
    ast.Assign: _TreeWalk.assign,
    ast.AnnAssign: _TreeWalk.ann_assign,
    ast.NamedExpr: _TreeWalk.named,
    ast.comprehension: _TreeWalk.comprehension,
    ast.AugAssign: _TreeWalk.augmented,
    ast.For: _TreeWalk.loop,
    ast.AsyncFor: _TreeWalk.loop,
    ast.With: _TreeWalk.with_,
    ast.AsyncWith: _TreeWalk.with_,
    ast.If: _TreeWalk.if_,
    ast.Try: _TreeWalk.try_,
    ast.ExceptHandler: _TreeWalk.handler,
    ast.Raise: _TreeWalk.raise_,
    ast.Return: _TreeWalk.return_,
    ast.Import: _TreeWalk.import_,
    ast.ImportFrom: _TreeWalk.import_from,
    ast.Global: _TreeWalk.global_,
    ast.Yield: _TreeWalk.yield_,
    ast.YieldFrom: _TreeWalk.yield_,
    ast.Nonlocal: _TreeWalk.nothing,
    ast.Pass: _TreeWalk.nothing,
}
if hasattr(ast, "TypeAlias"):  # since Python 3.12
    _SPECIAL[ast.TypeAlias] = _TreeWalk.type_alias
