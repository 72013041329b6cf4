"""What a function's syntax alone shows: whether it answers requests, and which of its statements run."""

import ast

from optimus_tui.patterns.facts.model import Function

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
    """Return whether something is compared with 429: then an upstream's answer is passed on, not a limit of its own."""
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
