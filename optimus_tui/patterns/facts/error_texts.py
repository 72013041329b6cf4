"""Find where an exception's text becomes part of a response.

It may be in an ``HTTPException``, in a response, in what a handler returns with status 200, or in an error class of the
project that an exception handler turns into an answer.
"""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.facts.model import Class, Scope, Unit, caught, may_tell_too_much
from optimus_tui.patterns.source.resolve import External, InstanceOf, Resolver, seen_calls
from optimus_tui.patterns.source.vocabulary import BUILTINS, LOG_METHODS, chain, words

_STATUS = ("response", "status_code", "status", "code")
_LOOSE = frozenset(
    {"ValueError", "TypeError", "RuntimeError", "KeyError", "LookupError", "AttributeError", "IndexError",
     "ArithmeticError", "AssertionError"}
)  # fmt: skip
"""Exceptions of the language, which any library raises with a text of its own."""
_CLIENTS = frozenset(
    {"httpx", "requests", "aiohttp", "urllib3", "redis", "valkey", "sqlalchemy", "asyncpg", "psycopg", "psycopg2",
     "pymongo", "motor", "boto3", "botocore", "aiobotocore", "docker", "aiokafka", "kafka", "confluent_kafka",
     "elasticsearch", "grpc", "smtplib", "kubernetes", "paramiko", "ldap3", "sqlite3", "pymysql", "subprocess"}
)  # fmt: skip
_ANSWERS = frozenset({"HTTPException", "WebSocketException"})
_SENDS = frozenset({"send_json", "send_text"})
_OF_ANSWERS = frozenset({"error", "errors", "fail", "failure", "failed", "response", "responses", "answer", "problem"})
_DEEPEST = 6


def tells(unit: Unit, answers: bool, resolver: Resolver) -> Iterator[ast.AST]:
    """Yield the places in a function that put an exception's text into an answer.

    Args:
        unit: The function.
        answers: Whether what it returns is a route's answer.
        resolver: Resolves the exceptions' classes.
    """
    seen: set[int] = set()
    for handler, scope in unit.handlers:
        if not handler.name or not _is_revealing(handler, scope, unit, resolver):
            continue
        names = _names_for(handler)
        of_route = answers and scope is unit.scope
        for place in _told_in(handler, names, scope, of_route, resolver):
            if id(place) not in seen:
                seen.add(id(place))
                yield place
    for function, name in _handlers_of_any(unit, resolver):
        for one in ast.walk(function):
            if isinstance(one, ast.Call) and is_answer(one) and _shows(one, name):
                yield one
            elif isinstance(one, ast.Return) and one.value is not None:
                given = _handed_to_helper(one.value, unit.scope, resolver)
                if given is not None and _shows(given, name):
                    yield one
    if "format_exc" in unit.attrs | unit.loads:
        for call in unit.calls:
            if id(call.node) not in seen and is_answer(call.node) and mentions(call.node, set()):
                yield call.node


def errors_kept(unit: Unit, resolver: Resolver) -> list[ast.ExceptHandler]:
    """Return the ``except`` branches of a function itself whose exception may have any text."""
    return [
        handler
        for handler, scope in unit.handlers
        if handler.name and scope is unit.scope and _is_revealing(handler, scope, unit, resolver)
    ]


def takes_any_error(unit: Unit) -> bool:
    """Return whether a function, or one in it, has a parameter that may be the error of an exception handler."""
    if any(chain(arg.annotation).endswith(("Exception", "Error")) for arg, _, _ in unit.given):
        return True
    if "exception_handler" not in unit.module.unit.attrs:
        return False
    return any(chain(one).endswith("exception_handler") for one in unit.decorators)


def _handlers_of_any(unit: Unit, resolver: Resolver) -> Iterator[tuple[ast.AST, str]]:
    """Yield the exception handlers of a unit whose error may hold any text, each with the name of the error."""
    if not takes_any_error(unit):
        return
    for node in ast.walk(unit.node):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or len(node.args.args) != 2:
            continue
        error = node.args.args[1]
        kind = error.annotation or _installed_for(node)
        if kind is not None and _may_hold_anything(
            ast.ExceptHandler(type=kind, name=error.arg, body=[]), unit.scope, resolver
        ):
            yield node, error.arg


def _installed_for(node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.expr | None:
    """Return what an exception handler is installed for by its decorator: ``@app.exception_handler(Exception)``."""
    made = (one for one in node.decorator_list if isinstance(one, ast.Call) and one.args)
    return next((one.args[0] for one in made if chain(one).endswith("exception_handler")), None)


def _shows(node: ast.AST, name: str) -> bool:
    """Return whether the text of an error is part of a value; its fields may be this project's own."""
    for one in ast.walk(node):
        shown: list[ast.expr] = []
        if isinstance(one, ast.FormattedValue):
            shown = [one.value]
        elif isinstance(one, ast.Call) and chain(one.func) in ("str", "repr"):
            shown = one.args
        if any(isinstance(each, ast.Name) and each.id == name for each in shown):
            return True
    return False


def _may_hold_anything(handler: ast.ExceptHandler, scope: Scope, resolver: Resolver) -> bool:
    if may_tell_too_much(handler, scope):
        return True
    kinds = (resolver.what(one, scope) for one in getattr(handler.type, "elts", [handler.type]))
    return any(isinstance(one, External) and one.dotted.partition(".")[0] in _CLIENTS for one in kinds)


def _is_revealing(handler: ast.ExceptHandler, scope: Scope, unit: Unit, resolver: Resolver) -> bool:
    """Return whether the text of what is caught may come from anywhere."""
    if _may_hold_anything(handler, scope, resolver):
        return True
    if _LOOSE.isdisjoint(caught(handler, scope)):
        return False
    return not _is_own_text(handler, unit, resolver)


def _is_own_text(handler: ast.ExceptHandler, unit: Unit, resolver: Resolver) -> bool:
    """Return whether only functions of this project that call nothing else run in the ``try``: they wrote the text."""
    body = _tried(handler, unit)
    calls = {id(one) for statement in body for one in ast.walk(statement) if isinstance(one, ast.Call)}
    run = [seen for seen in seen_calls(unit, resolver) if id(seen.call.node) in calls]
    raises = any(isinstance(one, ast.Raise) for statement in body for one in ast.walk(statement))
    if not run:
        return raises
    return all(isinstance(one.thing, Unit) and _is_pure(one.thing, resolver, 0) for one in run) and (
        raises or any(isinstance(one.thing, Unit) and one.thing.raised for one in run)
    )


def _is_pure(unit: Unit, resolver: Resolver, depth: int) -> bool:
    if depth > _DEEPEST:
        return False
    for seen in seen_calls(unit, resolver):
        if isinstance(seen.thing, Unit):
            if seen.thing is not unit and not _is_pure(seen.thing, resolver, depth + 1):
                return False
        elif not (seen.raw in BUILTINS or seen.raw.endswith("Error") or isinstance(seen.thing, Class)):
            return False
    return True


def _tried(handler: ast.ExceptHandler, unit: Unit) -> list[ast.stmt]:
    tries: dict[int, list[ast.stmt]] | None = unit.memo.get("tries")
    if tries is None:
        tries = unit.memo["tries"] = {
            id(one): node.body
            for node in ast.walk(unit.node)
            if isinstance(node, (ast.Try, ast.TryStar))
            for one in node.handlers
        }
    return tries.get(id(handler), [])


def _names_for(handler: ast.ExceptHandler) -> set[str]:
    """Return the exception's name, and the names in its branch that are given its text."""
    names = {handler.name or ""}
    for statement in handler.body:
        for one in ast.walk(statement):
            if isinstance(one, ast.Assign) and mentions(one.value, names) and _is_text(one.value):
                names |= {target.id for target in one.targets if isinstance(target, ast.Name)}
    return names


def _is_text(node: ast.expr) -> bool:
    called = chain(node.func) if isinstance(node, ast.Call) else ""
    return isinstance(node, (ast.JoinedStr, ast.BinOp)) or called in ("str", "repr")


def _told_in(
    handler: ast.ExceptHandler, names: set[str], scope: Scope, answers: bool, resolver: Resolver
) -> Iterator[ast.AST]:
    todo: list[ast.AST] = list(handler.body)
    while todo:
        node = todo.pop(0)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            continue
        if isinstance(node, ast.If) and _narrows(node.test, handler.name or "", scope, resolver):
            todo = [*node.orelse, *todo]
            continue
        if isinstance(node, ast.Call) and is_answer(node) and mentions(node, names):
            yield node
            continue
        given = _given_out(node, answers, scope, resolver)
        if given is not None and mentions(given, names):
            yield node
            continue
        todo = [*ast.iter_child_nodes(node), *todo]


def _given_out(node: ast.AST, answers: bool, scope: Scope, resolver: Resolver) -> ast.expr | None:
    """Return what a statement gives to the caller, or None: an error that becomes an answer, an answer returned."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and _becomes_answer(node.exc, scope, resolver):
        return node.exc
    if not answers or not isinstance(node, ast.Return) or node.value is None:
        return None
    if _is_made_here(node.value):
        return node.value
    return _handed_to_helper(node.value, scope, resolver)


def _handed_to_helper(value: ast.expr, scope: Scope, resolver: Resolver) -> ast.expr | None:
    """Return what a function of the project is given to make the answer of: ``Answers.error(message)``."""
    if not isinstance(value, ast.Call) or words(chain(value.func)).isdisjoint(_OF_ANSWERS):
        return None
    if not isinstance(resolver.what(value.func, scope), Unit):
        return None
    return ast.Tuple([*value.args, *(word.value for word in value.keywords)], ast.Load())


def _is_made_here(value: ast.expr) -> bool:
    """Return whether what is returned is written out here: a dictionary, a tuple, a text, or an object of a class."""
    if isinstance(value, ast.Call):
        return chain(value.func).rpartition(".")[2][:1].isupper() or chain(value.func) in ("dict", "str")
    return isinstance(value, (ast.Dict, ast.Tuple, ast.List, ast.JoinedStr, ast.BinOp))


def _narrows(test: ast.expr, name: str, scope: Scope, resolver: Resolver) -> bool:
    """Return whether ``isinstance(error, …)`` picks exceptions whose text is this project's own."""
    for one in ast.walk(test):
        if isinstance(one, ast.Call) and chain(one.func) == "isinstance" and len(one.args) == 2:
            if chain(one.args[0]) != name:
                continue
            picked = ast.ExceptHandler(type=one.args[1], name=name, body=[])
            if not may_tell_too_much(picked, scope) and _LOOSE.isdisjoint(caught(picked, scope)):
                return True
    return False


def is_answer(node: ast.Call) -> bool:
    """Return whether a call makes or sends an answer: ``HTTPException``, ``JSONResponse``, ``send_json``."""
    last = chain(node.func).rpartition(".")[2]
    if last in _ANSWERS or last in _SENDS:
        return True
    return last.endswith("Response") and last[:1].isupper()


def _becomes_answer(node: ast.Call, scope: Scope, resolver: Resolver) -> bool:
    """Return whether the raised class is an HTTPException, or is turned into an answer: it carries a status."""
    thing = resolver.what(node.func, scope)
    if isinstance(thing, Unit):  # not_found(str(error)) makes one
        return False
    if not isinstance(thing, Class):
        return False
    return _carries_status(thing, resolver, 0)


def _carries_status(owner: Class, resolver: Resolver, depth: int) -> bool:
    made = owner.methods.get("__init__")
    names = {*owner.attributes, *(arg.arg for arg, _ in (made.params if made is not None else ()))}
    if any(words(name) & {"status"} or name in ("http_code", "error_code", "status_code") for name in names):
        return True
    for base in owner.bases:
        if chain(base).rpartition(".")[2] in _ANSWERS:
            return True
        above = resolver.what(base, owner.module.scope)
        if isinstance(above, InstanceOf):
            above = above.of if isinstance(above.of, Class) else None
        if isinstance(above, Class) and depth < _DEEPEST and _carries_status(above, resolver, depth + 1):
            return True
    return False


def mentions(node: ast.AST, names: set[str]) -> bool:
    """Return whether the exception, or its trace, is part of a value; its type and its status are harmless."""
    todo: list[ast.AST] = [node]
    while todo:
        one = todo.pop()
        if isinstance(one, ast.Call):
            called = chain(one.func).rpartition(".")[2]
            if called == "format_exc":
                return True
            if called in ("type", "isinstance", "bool", "hasattr") or called in LOG_METHODS:
                continue
        elif isinstance(one, ast.Attribute) and (one.attr in _STATUS or one.attr.endswith(("_code", "_status"))):
            continue
        elif isinstance(one, ast.Name) and one.id in names:
            return True
        todo += ast.iter_child_nodes(one)
    return False
