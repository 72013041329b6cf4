"""Record what assignments and parameters bind, and classify single nodes, for the walk over a tree."""

import ast

from optimus_tui.patterns.facts.model import Bound, Class, Function, Param, Scope

_new = tuple.__new__  # a named tuple's own constructor takes twice as long


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
        if value is not None or target.id not in scope.bindings:
            scope.bindings[target.id] = _new(Bound, (value, annotation, False, False))
    elif isinstance(target, (ast.Tuple, ast.List)):
        for one in target.elts:
            if isinstance(one, ast.Name):
                scope.bindings[one.id] = Bound(value, None, many=True)
    elif isinstance(target, ast.Attribute):
        owner = scope.unit.owner
        if owner is not None and isinstance(target.value, ast.Name) and target.value.id in ("self", "cls"):
            owner.attributes.setdefault(target.attr, (Bound(value, annotation), scope))
    elif isinstance(target, ast.Subscript):
        scope.unit.stored.append((target, scope))


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


_REGISTERS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "api_route", "route", "websocket"})


def answers_requests(node: Function) -> bool:
    """Return whether a function is a route's handler, including one nested in a function that makes the router."""
    return any(
        isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr in _REGISTERS
        for one in node.decorator_list
    )


def living(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements of a function up to its first ``return`` or ``raise``, because later ones never run."""
    for at, one in enumerate(body):
        if one.__class__ is ast.Return or one.__class__ is ast.Raise:
            return body[: at + 1]
    return body


def mentions_429(test: ast.expr) -> bool:
    """Return whether something is compared with 429: an upstream's answer is passed on, not a limit of its own."""
    if not isinstance(test, ast.Compare):
        return False
    return any(
        (isinstance(one, ast.Constant) and one.value == 429) or getattr(one, "attr", "").endswith("TOO_MANY_REQUESTS")
        for one in (test.left, *test.comparators)
    )


def is_empty(node: Function) -> bool:
    """Return whether a body does nothing: a docstring, ``pass``, ``...``, a returned constant, NotImplementedError."""
    for at, one in enumerate(node.body):
        if isinstance(one, ast.Pass) or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)):
            continue
        last = at == len(node.body) - 1
        if last and isinstance(one, ast.Return) and (one.value is None or isinstance(one.value, ast.Constant)):
            continue
        if last and isinstance(one, ast.Raise) and one.exc is not None:
            if isinstance(one.exc, ast.Call):
                raised = one.exc.func
            else:
                raised = one.exc
            if getattr(raised, "id", "") == "NotImplementedError":
                continue
        return False
    return True
