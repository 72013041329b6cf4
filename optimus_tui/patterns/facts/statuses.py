"""The statuses that a function answers by raising ``HTTPException``, and how its own ``except`` changes them."""

import ast
import bisect
import re
from collections.abc import Iterator
from typing import NamedTuple

from optimus_tui.patterns.facts.model import BROAD, Bound, Class, Import, Scope, Unit
from optimus_tui.patterns.source.makers import made_once
from optimus_tui.patterns.source.resolve import External, Resolver, seen_calls
from optimus_tui.patterns.source.vocabulary import LOG_METHODS, chain, unawaited

_STATUS_NAME = re.compile(r"HTTP_(\d{3})(?:_|$)")
_NAMES = {
    "BAD_REQUEST": 400, "UNAUTHORIZED": 401, "PAYMENT_REQUIRED": 402, "FORBIDDEN": 403, "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405, "CONFLICT": 409, "GONE": 410, "PRECONDITION_FAILED": 412,
    "REQUEST_ENTITY_TOO_LARGE": 413, "UNSUPPORTED_MEDIA_TYPE": 415, "UNPROCESSABLE_ENTITY": 422, "LOCKED": 423,
    "TOO_MANY_REQUESTS": 429, "INTERNAL_SERVER_ERROR": 500, "NOT_IMPLEMENTED": 501, "BAD_GATEWAY": 502,
    "SERVICE_UNAVAILABLE": 503, "GATEWAY_TIMEOUT": 504,
}  # fmt: skip
_TELLS = frozenset({"str", "repr", "type", "print", "format", "format_exc", "print_exc", "format_exception", "len"})
_MOST_DEEP = 3
_STATUS = ("status_code", "status")
_ERRORS = frozenset({"exc", "err", "error", "exception"})


class RaisedStatus(NamedTuple):
    """A place that raises ``HTTPException``, or a call of a function that does. ``status`` is 0 where it is unknown."""

    node: ast.Raise | ast.Call
    status: int
    classes: frozenset[str]
    """The names of the exception's class and of those above it."""
    by: str = ""
    """The function that raises it, where it is not this one."""


def returned_statuses(unit: Unit, resolver: Resolver) -> dict[int, ast.stmt]:
    """Return the statuses of the responses that a function makes and returns itself, each with the first place."""
    found: dict[int, ast.stmt] = {}
    for one in unit.returned:
        made = one.node.value if isinstance(one.node, ast.Return) and one.scope is unit.scope else None
        if isinstance(made, ast.Call) and chain(made.func).rpartition(".")[2].endswith("Response"):
            status = status_of_answer(made, one.scope, resolver)
            if status >= 100:
                found.setdefault(status, one.node)
    return found


def answers_only_500(handler: object, resolver: Resolver) -> bool:
    """Return True if an exception handler answers 500 to each exception, which happens without a handler, too.

    The response may get a name, and pass through another function, before it is returned.
    """
    if not isinstance(handler, Unit):
        return False
    made = [one for one in handler.calls if chain(one.node.func).rpartition(".")[2].endswith("Response")]
    if made:
        return {status_of_answer(one.node, one.scope, resolver) for one in made} == {500}
    given = [(word, one.scope) for one in handler.calls for word in one.node.keywords]
    return {status_of(word.value, at, resolver) for word, at in given if (word.arg or "").endswith(_STATUS)} == {500}


class LostStatus(NamedTuple):
    """An ``except`` that answers a raised status with another one; ``answered`` is 0 for an ordinary return."""

    handler: ast.ExceptHandler
    raised: tuple[RaisedStatus, ...]
    answered: int


def lost_statuses(unit: Unit, resolver: Resolver, answers: bool) -> list[LostStatus]:
    """Return where a function's own ``except`` turns an ``HTTPException`` into another answer.

    ``answers``: what the function returns is the answer of a route.
    """
    found: list[LostStatus] = []
    for node, scope in unit.memo.get("tried", ()):
        taken: dict[int, list[RaisedStatus]] = {}
        for raised in _raised_in(node.body, scope, resolver, 0):
            handler = _catching(node, raised.classes, scope)
            if handler is not None and not _names_it(handler, raised.classes, scope):
                taken.setdefault(id(handler), []).append(raised)
        for handler in node.handlers:
            lost = _lost(handler, taken.get(id(handler), []), scope, resolver, answers)
            if lost is not None:
                found.append(lost)
    return found


def statuses_of(unit: Unit, resolver: Resolver, depth: int = 0) -> list[RaisedStatus]:
    """Return the exceptions that leave a function, including those of the project's functions that it calls."""
    key = f"statuses {depth}"  # the deeper it is called, the fewer of its own calls are followed
    known: list[RaisedStatus] | None = unit.memo.get(key)
    if known is None:
        known = unit.memo[key] = list(_raised_in(getattr(unit.node, "body", []), unit.scope, resolver, depth))
    return known


def _raised_in(body: list[ast.stmt], scope: Scope, resolver: Resolver, depth: int) -> Iterator[RaisedStatus]:
    """Yield what statements raise and do not catch themselves; functions that they define do not run here."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        if isinstance(node, ast.Raise):
            made = raised_status(node, scope, resolver)
            if made is not None:
                yield made
            continue
        if isinstance(node, ast.Try):
            for raised in _raised_in(node.body, scope, resolver, depth):
                if _catching(node, raised.classes, scope) is None:
                    yield raised
            for one in node.handlers:
                yield from _raised_in(one.body, scope, resolver, depth)
            yield from _raised_in([*node.orelse, *node.finalbody], scope, resolver, depth)
            continue
        yield from _by_calls(node, scope, resolver, depth)
        for name in ("body", "orelse"):
            yield from _raised_in(getattr(node, name, []), scope, resolver, depth)
        for case in getattr(node, "cases", []):
            yield from _raised_in(case.body, scope, resolver, depth)


def _by_calls(node: ast.stmt, scope: Scope, resolver: Resolver, depth: int) -> Iterator[RaisedStatus]:
    """Yield what the functions raise that a statement calls by itself, without the statements inside of it."""
    targets, lines = _followed_calls(scope.unit, resolver)
    at = bisect.bisect_left(lines, node.lineno)
    if depth >= _MOST_DEEP or at == len(lines) or lines[at] > (node.end_lineno or node.lineno):
        return
    for call in _calls_of(node):
        target = targets.get(id(call))
        if target is not None and target.node is not scope.node:
            if target.is_async and not _is_awaited(call, node):
                continue
            for one in statuses_of(target, resolver, depth + 1):
                yield RaisedStatus(call, one.status, one.classes, target.name)


def _followed_calls(unit: Unit, resolver: Resolver) -> tuple[dict[int, Unit], list[int]]:
    """Return the functions of the project that a unit calls, by the id of the call, and the lines of the calls."""
    known: tuple[dict[int, Unit], list[int]] | None = unit.memo.get("followed")
    if known is None:
        found = [
            (seen.call.node, seen.thing)
            for seen in seen_calls(unit, resolver)
            if isinstance(seen.thing, Unit) and not (seen.thing.stub or _is_generator(seen.thing) or _maps(seen.thing))
        ]
        known = {id(node): thing for node, thing in found}, sorted(node.lineno for node, _ in found)
        unit.memo["followed"] = known
    return known


def _calls_of(node: ast.stmt) -> Iterator[ast.Call]:
    todo: list[ast.AST] = [one for one in ast.iter_child_nodes(node) if not isinstance(one, (ast.stmt, ast.match_case))]
    while todo:
        one = todo.pop()
        if isinstance(one, (ast.Lambda, ast.GeneratorExp)):
            continue
        if isinstance(one, ast.Call):
            yield one
        todo += ast.iter_child_nodes(one)


def _is_awaited(call: ast.Call, node: ast.stmt) -> bool:
    return any(isinstance(one, ast.Await) and one.value is call for one in ast.walk(node))


def _maps(unit: Unit) -> bool:
    """Return whether a function turns the error that it is given into a status: which one is told by no call."""
    return any(arg.arg in _ERRORS or chain(arg.annotation).endswith(("Error", "Exception")) for arg, _ in unit.params)


def _is_generator(unit: Unit) -> bool:
    return "yielded" in unit.memo


def raised_status(node: ast.Raise, scope: Scope, resolver: Resolver) -> RaisedStatus | None:
    """Return the status that a ``raise`` answers with; None for another exception."""
    made = node.exc
    if made is None:
        return None
    if isinstance(made, (ast.Name, ast.Attribute)):
        made, scope = made_once(made, scope, resolver)
    of = resolver.what(made.func if isinstance(made, ast.Call) else made, scope)
    classes = _classes_of(of, resolver, chain(made))
    if "HTTPException" not in classes:
        return None
    status = 0
    if isinstance(made, ast.Call) and not isinstance(of, Class):
        given = next((word.value for word in made.keywords if word.arg == "status_code"), None)
        status = status_of(given or next(iter(made.args), None), scope, resolver)
    elif isinstance(of, Class):
        status = _status_of_class(of, made, scope, resolver)
    return RaisedStatus(node, status, classes)


def _classes_of(thing: object, resolver: Resolver, written: str) -> frozenset[str]:
    """Return the names of an exception's class and of those above it."""
    found: set[str] = set()
    todo = [thing]
    while todo and len(found) < 20:
        one = todo.pop()
        if isinstance(one, External):
            name = one.dotted.rpartition(".")[2]
            found.add(name)
            if name.endswith("HTTPException"):
                found.add("HTTPException")
        elif isinstance(one, Class) and one.name not in found:
            found.add(one.name)
            outer = one.unit.scope.parent or one.unit.scope
            todo += [resolver.what(base, outer) for base in one.bases]
    if not found and written.rpartition(".")[2] == "HTTPException":
        found.add("HTTPException")
    return frozenset(found)


def _status_of_class(of: Class, made: ast.expr, scope: Scope, resolver: Resolver) -> int:
    """Return the status that a class of the project always has: given to its base, or an attribute of the class."""
    if isinstance(made, ast.Call):
        given = next((word.value for word in made.keywords if word.arg == "status_code"), None)
        if given is not None:
            return status_of(given, scope, resolver)
    for name in ("status_code", "status"):
        if name in of.attributes and of.attributes[name][0].value is not None:
            bound, place = of.attributes[name]
            return status_of(bound.value, place, resolver)
    begin = of.methods.get("__init__")
    for call in begin.calls if begin is not None else ():
        if chain(call.node.func).endswith("__init__"):
            given = next((word.value for word in call.node.keywords if word.arg == "status_code"), None)
            return status_of(given or next(iter(call.node.args), None), call.scope, resolver)
    return 0


def status_of(node: ast.AST | None, scope: Scope, resolver: Resolver, depth: int = 0) -> int:
    """Return the status that an expression is, as a number or as one of the known names; 0 where it is not known."""
    if isinstance(node, ast.Constant):
        if type(node.value) is int and 100 <= node.value <= 599:
            return node.value
        return 0
    if isinstance(node, ast.Attribute):
        if node.attr == "value":
            return status_of(node.value, scope, resolver, depth)
        named = _STATUS_NAME.match(node.attr)
        if named:
            return int(named[1])
        return _NAMES.get(node.attr, 0)
    if isinstance(node, ast.Name):
        named = _STATUS_NAME.match(node.id)
        if named:
            return int(named[1])
        found = resolver.where(node, scope)
        if found is None or depth >= _MOST_DEEP:
            return 0
        bound, place = found
        if isinstance(bound, Bound) and not bound.many and place.kind == "module":  # others may be given another value
            return status_of(bound.value, place, resolver, depth + 1)
    return 0


def _catching(node: ast.Try, classes: frozenset[str], scope: Scope) -> ast.ExceptHandler | None:
    """Return the first ``except`` that catches such an exception."""
    return next((one for one in node.handlers if one.type is None or _named(one, scope) & (classes | BROAD)), None)


def _named(handler: ast.ExceptHandler, scope: Scope) -> set[str]:
    """Return the last parts of the names that are caught, also behind an alias of an import or of a tuple."""
    found: set[str] = set()
    todo: list[tuple[ast.AST, int]] = [(handler.type, 0)] if handler.type is not None else []
    while todo:
        one, depth = todo.pop()
        if isinstance(one, (ast.Tuple, ast.List)):
            todo += [(each, depth) for each in one.elts]
            continue
        name = chain(one)
        found.add(name.rpartition(".")[2])
        bound = scope.lookup(name)
        if isinstance(bound, Import) and bound.member:
            found.add(bound.member)
        elif isinstance(bound, Bound) and bound.value is not None and depth < _MOST_DEEP:
            todo.append((bound.value, depth + 1))
    if any(name.endswith("HTTPException") for name in found):
        found.add("HTTPException")
    return found


def _names_it(handler: ast.ExceptHandler, classes: frozenset[str], scope: Scope) -> bool:
    """Return whether the exception is caught on purpose: by its own name or by one above it that is not any."""
    return bool(handler.type is not None and _named(handler, scope) & (classes - BROAD))


def _lost(
    handler: ast.ExceptHandler, raised: list[RaisedStatus], scope: Scope, resolver: Resolver, answers: bool
) -> LostStatus | None:
    if not raised:
        return None
    last = last_of(handler.body)
    answered = _answered_by_helper(handler, scope, resolver)
    if answered < 0 and _looks_at_it(handler):
        return None
    if answered >= 0:
        pass
    elif isinstance(last, ast.Raise):
        made = raised_status(last, scope, resolver)
        if made is not None and made.status:
            answered = made.status
    elif isinstance(last, ast.Return) and answers and last.value is not None:
        answered = status_of_answer(last.value, scope, resolver)
    if answered < 0:
        return None
    other = tuple(one for one in raised if one.status and one.status != answered)
    if other:
        return LostStatus(handler, other, answered)
    return None


def _answered_by_helper(handler: ast.ExceptHandler, scope: Scope, resolver: Resolver) -> int:
    """Return the status that a function of the project raises for any exception it is handed at last; or -1.

    ``except Exception as error: raise answer_for(error)``: the function may not look for an ``HTTPException``.
    """
    last = handler.body[-1]
    call = last.exc if isinstance(last, ast.Raise) else getattr(last, "value", None)
    call = unawaited(call)
    if not isinstance(call, ast.Call) or handler.name is None or handler.name not in map(chain, call.args):
        return -1
    helper = resolver.what(call.func, scope)
    if not isinstance(helper, Unit) or helper.stub:
        return -1
    end = last_of(getattr(helper.node, "body", []))
    looks = any(
        isinstance(one, (ast.Name, ast.Attribute)) and chain(one).endswith("HTTPException")
        for test in ast.walk(helper.node)
        if isinstance(test, ast.Call) and chain(test.func) == "isinstance"
        for one in ast.walk(test)
    )
    made = raised_status(end, helper.scope, resolver) if isinstance(end, ast.Raise) and not looks else None
    if made is not None and made.status:
        return made.status
    return -1


def last_of(body: list[ast.stmt]) -> ast.stmt | None:
    """Return the statement that leaves a body; None where it may go on."""
    last = body[-1] if body else None
    if isinstance(last, (ast.With, ast.AsyncWith)):
        return last_of(last.body)
    if isinstance(last, (ast.Raise, ast.Return)):
        return last
    return None


def status_of_answer(node: ast.expr, scope: Scope, resolver: Resolver) -> int:
    """Return the status of an answer: that of a response, 200 for a value, and -1 where it is not known."""
    if isinstance(node, ast.Call):
        name = chain(node.func).rpartition(".")[2]
        given = next((word.value for word in node.keywords if word.arg == "status_code"), None)
        if given is not None:
            return status_of(given, scope, resolver) or -1
        if name.endswith("Response"):
            if not any(word.arg is None for word in node.keywords):
                return 200
            return -1
        return -1
    if isinstance(node, (ast.Dict, ast.List, ast.Constant, ast.JoinedStr)):
        return 200
    return -1


def _looks_at_it(handler: ast.ExceptHandler) -> bool:
    """Return whether the exception is raised again, asked for its class or status, or handed on to be handled."""
    name = handler.name
    explained: set[int] = set()
    for one in ast.walk(handler):
        if isinstance(one, ast.Raise) and (one.exc is None or (isinstance(one.exc, ast.Name) and one.exc.id == name)):
            return True
        if isinstance(one, ast.Raise) and one.cause is not None:
            explained.add(id(one.cause))
        if isinstance(one, ast.FormattedValue):
            explained.add(id(one.value))
        if isinstance(one, ast.Call) and _only_tells(one):
            explained |= {id(each) for each in (*one.args, *(word.value for word in one.keywords))}
        if isinstance(one, ast.BinOp) and isinstance(one.op, ast.Mod):
            explained |= {id(each) for each in (one.right, *getattr(one.right, "elts", ()))}
    if name is None:
        return False
    return any(isinstance(one, ast.Name) and one.id == name and id(one) not in explained for one in ast.walk(handler))


def _only_tells(call: ast.Call) -> bool:
    method = chain(call.func).rpartition(".")[2]
    return method in _TELLS or method in LOG_METHODS


def declared_statuses(node: ast.expr | None, scope: Scope, resolver: Resolver, depth: int = 0) -> set[int] | None:
    """Return the statuses that ``responses=`` names; None where they cannot all be seen.

    A class of statuses such as ``"4XX"`` is the numbers 400 to 499.
    """
    if node is None:
        return set()
    if isinstance(node, (ast.Name, ast.Attribute)):
        found = resolver.where(node, scope)
        if found is None or not isinstance(found[0], Bound) or found[0].many or depth > _MOST_DEEP:
            return None
        if found[0].value:
            return declared_statuses(found[0].value, found[1], resolver, depth + 1)
        return None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _together([node.left, node.right], scope, resolver, depth)
    if not isinstance(node, ast.Dict):
        return None
    named: set[int] = set()
    for key, value in zip(node.keys, node.values, strict=True):
        more = _declared_by(key, value, scope, resolver, depth)
        if more is None:
            return None
        named |= more
    return named


def _together(parts: list[ast.expr], scope: Scope, resolver: Resolver, depth: int) -> set[int] | None:
    named: set[int] = set()
    for one in parts:
        more = declared_statuses(one, scope, resolver, depth + 1)
        if more is None:
            return None
        named |= more
    return named


def _declared_by(
    key: ast.expr | None, value: ast.expr, scope: Scope, resolver: Resolver, depth: int
) -> set[int] | None:
    if key is None:  # **more
        return declared_statuses(value, scope, resolver, depth + 1)
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        written = key.value.upper()
        if len(written) == 3 and written[1:] == "XX" and written[0].isdigit():
            return set(range(int(written[0]) * 100, int(written[0]) * 100 + 100))
        if written.isdigit():
            return {int(written)}
        return None
    status = status_of(key, scope, resolver)
    if status:
        return {status}
    return None
