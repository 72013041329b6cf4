"""What an application's exception handlers do for each of its routes: write to a log, hide a detail."""

import ast
from collections.abc import Iterable, Iterator

from optimus_tui.patterns.facts.jobs import maps_faults
from optimus_tui.patterns.facts.model import BROAD, IN_EXCEPT, Function, Scope, Unit
from optimus_tui.patterns.facts.statuses import answers_only_500
from optimus_tui.patterns.source.functions import living
from optimus_tui.patterns.source.resolve import External, Resolver, seen_calls
from optimus_tui.patterns.source.vocabulary import LOG_METHODS, LOGGERS, chain, words
from optimus_tui.syntax import walk

_OF_FAILURES = frozenset({"warning", "warn", "error", "exception", "critical", "fatal"})
_SERVER_ERRORS = frozenset(range(500, 600))


class ExceptionHandlers:
    """The handlers that the functions of an application install: ``@app.exception_handler(…)`` and the like."""

    def __init__(self, set_up: Iterable[Unit], resolver: Resolver) -> None:
        self.logs = False
        """Whether a line is written for every refusal; one for what nobody expects says nothing of a request."""
        self.hidden: frozenset[int] = frozenset()
        """Statuses of ``HTTPException`` whose detail no caller sees."""
        for caught, handler, scope in _installed(set_up, resolver):
            if _name_of(caught, scope, resolver).endswith("HTTPException"):
                self.logs = self.logs or any(_is_log(one) for one in walk(handler))
                self.hidden |= _hidden_by(handler)


def _installed(set_up: Iterable[Unit], resolver: Resolver) -> Iterator[tuple[ast.expr, Function, Scope]]:
    """Yield what is caught, the handler, also one inside of a function that makes the application, and the scope."""
    for unit in set_up:
        inside = walk(unit.node) if isinstance(unit.node, Function) else iter(())
        for node in (one for one in inside if isinstance(one, Function)):
            for one in node.decorator_list:
                if isinstance(one, ast.Call) and one.args and chain(one).endswith("exception_handler"):
                    yield one.args[0], node, unit.scope
        for seen in seen_calls(unit, resolver) if "add_exception_handler" in unit.attrs else ():
            given = seen.call.node.args
            if seen.method == "add_exception_handler" and len(given) == 2:
                handler = resolver.what(given[1], seen.call.scope)
                if isinstance(handler, Unit) and isinstance(handler.node, Function):
                    yield given[0], handler.node, seen.call.scope


def _name_of(caught: ast.expr, scope: Scope, resolver: Resolver) -> str:
    thing = resolver.what(caught, scope)
    written = thing.dotted if isinstance(thing, External) else chain(caught)
    return written.rpartition(".")[2]


def _is_log(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    owner, _, method = chain(node.func).rpartition(".")
    return method in LOG_METHODS and not LOGGERS.isdisjoint(words(owner))


def logs_requests(unit: Unit, resolver: Resolver, makers: Iterable[Unit] = ()) -> bool:
    """Return True if a middleware's function logs every request, not only those that it refuses.

    Of those in ``makers`` only the middleware inside counts: what a function writes that makes the application is none.
    """
    makes = any(unit is one for one in makers)
    return unit.name != "__init__" and any(
        seen.method in LOG_METHODS and seen.method not in _OF_FAILURES and not seen.call.flags & IN_EXCEPT
        for seen in seen_calls(unit, resolver)
        if (not makes or _is_in_middleware(seen.call.scope))
        and not LOGGERS.isdisjoint(words(seen.raw.rpartition(".")[0]) | words(seen.dotted.rpartition(".")[0]))
    )


def _is_in_middleware(scope: Scope) -> bool:
    decorators = getattr(scope.node, "decorator_list", [])
    return any(chain(one).endswith("middleware") for one in decorators)


def installs_maps(given: ast.expr, scope: Scope, resolver: Resolver) -> bool:
    """Return whether the handlers that an application is made with answer faults of libraries; True if not all show."""
    if not isinstance(given, ast.Dict):
        return True
    for kind, handler in zip(given.keys, given.values, strict=True):
        only_500 = answers_only_500(resolver.what(handler, scope), resolver) and chain(kind) in BROAD
        if kind is None or (maps_faults(kind, scope, resolver, True) and not only_500):
            return True
    return False


def _hidden_by(handler: Function) -> frozenset[int]:
    """Return the statuses for which a handler of ``HTTPException`` answers without what the exception holds."""
    found: frozenset[int] = frozenset()
    for node in living(handler.body):
        if isinstance(node, ast.If) and (statuses := _compared(node.test)) and _answers_without_detail(node.body):
            found |= statuses
    return found


def _compared(test: ast.expr) -> frozenset[int]:
    """Return the statuses of 500 and above that ``error.status_code >= 500`` and the like mean."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not chain(test.left).endswith("status_code"):
        return frozenset()
    bound = getattr(test.comparators[0], "value", None)
    if chain(test.comparators[0]).endswith("HTTP_500_INTERNAL_SERVER_ERROR"):
        bound = 500
    if not isinstance(bound, int):
        return frozenset()
    if isinstance(test.ops[0], ast.Eq):
        return _SERVER_ERRORS & {bound}
    if isinstance(test.ops[0], ast.GtE) and bound <= 500:
        return _SERVER_ERRORS
    return frozenset()


def _answers_without_detail(body: list[ast.stmt]) -> bool:
    last = body[-1]
    if not isinstance(last, ast.Return) or last.value is None:
        return False
    named = {id(one.value) for one in walk(last.value) if isinstance(one, ast.Attribute) and one.attr != "detail"}
    used = [one for one in walk(last.value) if isinstance(one, (ast.Name, ast.Attribute))]
    plain = (one for one in used if isinstance(one, ast.Name) and one.id in ("exc", "error", "e", "exception", "err"))
    return not any(getattr(one, "attr", "") == "detail" for one in used) and all(id(one) in named for one in plain)
