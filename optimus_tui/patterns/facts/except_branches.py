"""Analyse ``except`` branches: what they catch, and whether the failure is reported."""

import ast

from optimus_tui.patterns.facts.model import Bound, Scope
from optimus_tui.patterns.source.names import LOG_METHODS, chain, words

BROAD = frozenset({"Exception", "BaseException"})
_FROM_OUTSIDE = frozenset(
    {"ConnectionError", "OSError", "IOError", "HTTPError", "RequestError", "HTTPStatusError", "TransportError",
     "ConnectError", "RedisError", "ClientError", "RequestException", "SQLAlchemyError", "PostgresError"}
)  # fmt: skip
_TELLS = frozenset(
    {"response", "error", "errors", "failure", "failed", "fault", "problem", "degraded", "unavailable", "unhealthy",
     "fallback", "down", "unknown", "status", "reason", "stale"}
)  # fmt: skip


def caught(handler: ast.ExceptHandler, scope: Scope | None = None) -> list[str]:
    """Return the last part of the names that are caught, also behind an assignment; empty for a bare except."""
    found: list[str] = []
    for one in getattr(handler.type, "elts", [handler.type] if handler.type else []):
        bound = None
        if scope is not None:
            bound = scope.unit.module.scope.bindings.get(chain(one))
        if isinstance(bound, Bound) and isinstance(bound.value, ast.Name):
            given = bound.value
        else:
            given = one
        found.append(chain(given).rpartition(".")[2])
    return found


def is_broad(handler: ast.ExceptHandler, scope: Scope | None = None) -> bool:
    """Return whether it catches every exception."""
    return handler.type is None or not BROAD.isdisjoint(caught(handler, scope))


def reraises(handler: ast.ExceptHandler) -> bool:
    """Return whether the caught exception is raised again unchanged."""
    return any(
        isinstance(one, ast.Raise) and (one.exc is None or _is_caught(one.exc, handler)) for one in ast.walk(handler)
    )


def _is_caught(raised: ast.expr, handler: ast.ExceptHandler) -> bool:
    return handler.name is not None and isinstance(raised, ast.Name) and raised.id == handler.name


def says_nothing(handler: ast.ExceptHandler) -> bool:
    """Return whether the failure is not reported: no log, no count, no status, no other exception."""
    for one in ast.walk(handler):
        if isinstance(one, ast.Raise):
            return False
        if isinstance(one, ast.Call):
            spoken = words(chain(one.func))
            if not spoken.isdisjoint(
                LOG_METHODS | {"capture", "report", "abort", "notify", "inc", "observe", "record"}
            ):
                return False
        if isinstance(one, ast.Return) and isinstance(one.value, ast.Call) and not _is_plain_answer(one.value):
            return False  # an answer of its own making: an error response, a fallback that says so
        if handler.name and isinstance(one, ast.Name) and one.id == handler.name:
            return False  # it goes somewhere
    return True


def _is_plain_answer(made: ast.Call) -> bool:
    """Return whether the returned object hides the failure: an empty collection, or an ordinary object."""
    name = chain(made.func)
    if name in ("dict", "list", "set"):
        return True
    last = name.rpartition(".")[2]
    if not last[:1].isupper() or words(name) & _TELLS:
        return False
    parts = [one for one in ast.walk(made) if isinstance(one, (ast.keyword, ast.Constant, ast.Name, ast.Attribute))]
    return not any(_tells(one) for one in parts)


def _tells(node: ast.AST) -> bool:
    """Return whether the node reports a failure: a status of 400 and above, ``ok=False``, or a word for it."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return not words(node.value).isdisjoint(_TELLS)
        return node.value is False or (isinstance(node.value, int) and node.value >= 400)
    name = getattr(node, "arg", None) or chain(node)
    return not words(name).isdisjoint(_TELLS)


def may_tell_too_much(handler: ast.ExceptHandler, scope: Scope) -> bool:
    """Return whether the exception may hold hosts, keys and queries: any one, or one of the network or a store."""
    return is_broad(handler, scope) or not _FROM_OUTSIDE.isdisjoint(caught(handler, scope))
