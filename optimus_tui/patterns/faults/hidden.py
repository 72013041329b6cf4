"""Failures that a route answers as if nothing had happened, and that are written nowhere."""

import ast

from optimus_tui.patterns.facts.model import Class, Scope, Unit
from optimus_tui.patterns.facts.statuses import last_of, status_of_answer
from optimus_tui.patterns.source.resolve import Resolver
from optimus_tui.patterns.source.vocabulary import chain, returned_value, words

_PAGES = ("RedirectResponse", "TemplateResponse", "HTMLResponse", "FileResponse", "StreamingResponse")
_QUESTIONS = frozenset({"is", "has", "can", "valid", "should", "supports"})
_HARMLESS = frozenset({"str", "repr", "type", "format", "dict", "rollback", "close", "isoformat", "now", "utcnow"})


def hides_failure(handler: ast.ExceptHandler, scope: Scope, resolver: Resolver) -> bool:
    """Return whether a route's ``except`` answers a failure with status 200, and reports it nowhere else."""
    last = last_of(handler.body)
    if not isinstance(last, ast.Return) or last.value is None:
        return False
    answer = last.value
    status = status_of_answer(answer, scope, resolver)
    if isinstance(answer, ast.Call):
        if chain(answer.func).endswith(_PAGES):
            return False
        if _is_plain(answer, resolver.what(answer.func, scope)):
            status = 200
    if status != 200:
        return False
    for one in ast.walk(handler):
        if isinstance(one, ast.Raise):
            return False
        if isinstance(one, ast.Call) and one is not answer and chain(one.func).rpartition(".")[2] not in _HARMLESS:
            return False
    return True


def answers_a_question(handler: ast.ExceptHandler, scope: Scope) -> bool:
    """Return whether a failure is the answer of a function that asks: ``is_valid_host()`` returns False for any."""
    asked = words(scope.unit.name) & _QUESTIONS and scope is scope.unit.scope
    last = last_of(handler.body)
    value = returned_value(last)
    return bool(asked) and isinstance(value, ast.Constant) and isinstance(value.value, bool)


def _is_plain(answer: ast.Call, made: object) -> bool:
    """Return whether the answer is an object of a class, or a dictionary that a function of the project writes."""
    given = {word.arg for word in answer.keywords}
    if isinstance(made, Class):
        return given.isdisjoint(("status_code", "code", None))
    if not isinstance(made, Unit) or not given.isdisjoint(("status_code", "status", None)):
        return False
    returned = [one.node.value for one in made.returned if isinstance(one.node, ast.Return)]
    return bool(returned) and all(isinstance(one, ast.Dict) for one in returned)
