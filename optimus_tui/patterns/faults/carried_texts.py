"""Follow an exception's text from the function that keeps it to the answer of a route.

A called function may return the text, and a branch may keep it in a name, a list or a field, which is answered later.
"""

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from optimus_tui.patterns.facts.error_texts import errors_kept, is_answer, tells
from optimus_tui.patterns.facts.model import Scope, Unit, caught, is_broad, reraises
from optimus_tui.patterns.facts.waits import has_routes
from optimus_tui.patterns.source.resolve import Resolver, seen_calls
from optimus_tui.patterns.source.vocabulary import chain, returned_value, unawaited, words
from optimus_tui.syntax import walk

_DEEPEST = 3
_ROUNDS = 3
_OF_ERRORS = frozenset(
    {"error", "errors", "err", "exception", "exceptions", "message", "messages", "msg", "detail", "details", "reason",
     "failure", "failures", "failed", "problem", "problems", "traceback", "stderr", "warnings", "info", "cause"}
)  # fmt: skip
"""Words of a field that may hold the text of an error; a ``status`` or a ``count`` beside it does not."""
_KEEPS_ALL = frozenset(
    {"dict", "list", "tuple", "str", "sorted", "reversed", "repr", "jsonable_encoder", "dumps", "gather", "model_dump",
     "to_dict", "as_dict", "asdict", "values", "items", "copy", "json", "join", "format", "wait_for", "shield"}
)  # fmt: skip
_OF_ANSWERS = frozenset({"error", "response", "answer", "fail", "success"})
_IN_A_THREAD = frozenset({"to_thread", "run_in_threadpool", "run_sync", "run_in_executor"})
_ADDS = frozenset({"append", "extend", "update", "add", "insert", "setdefault"})
_HERE = ast.Pass()
"""The place of a text that the function itself has caught: its answer is where that is found."""
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def carried_texts(unit: Unit, resolver: Resolver) -> list[ast.AST]:
    """Return the places from which an exception's text reaches what a route's handler answers.

    A place is where the text is written, if that is in the same file, and else the answer.
    """
    return list({id(one): one for one in _Flow(unit, resolver, 0).answered(of_route=True)}.values())


class RaisedText(NamedTuple):
    """A route's call of a function of another file, and where that raises an answer with an exception's text."""

    call: ast.Call
    place: ast.AST
    scope: Scope


def raised_texts(unit: Unit, resolver: Resolver, depth: int = 0) -> list[RaisedText]:
    """Return the calls in a function that let through an answer which another file raises with any exception's text.

    A file with routes has findings of its own.
    """
    kept: dict[int, list[RaisedText]] = unit.memo.setdefault("lets texts through", {})
    if depth not in kept:
        kept[depth] = []  # a function that calls itself
        for seen in seen_calls(unit, resolver):
            inner = seen.thing
            if not isinstance(inner, Unit) or inner.stub or inner is unit or seen.call.scope is not unit.scope:
                continue
            if (not depth and inner.module is unit.module) or has_routes(inner.module):
                continue
            place = _raised_by(inner, resolver, depth)
            if place is not None and not _is_caught(seen.call.node, unit):
                kept[depth].append(RaisedText(seen.call.node, *place))
    return kept[depth]


def _raised_by(unit: Unit, resolver: Resolver, depth: int) -> tuple[ast.AST, Scope] | None:
    """Return where a function, or one that it calls, raises an answer with an exception's text."""
    for place in tells(unit, False, resolver) if unit.handlers else ():
        if isinstance(place, ast.Raise) or (
            isinstance(place, ast.Call) and chain(place.func).endswith("HTTPException")
        ):
            return place, unit.scope
    if depth >= _DEEPEST:
        return None
    return next(((one.place, one.scope) for one in raised_texts(unit, resolver, depth + 1)), None)


def _is_caught(call: ast.Call, unit: Unit) -> bool:
    """Return whether an ``except`` round a call answers something else than what the call raises."""
    for node in walk(unit.node):
        if not isinstance(node, ast.Try) or not node.body[0].lineno <= call.lineno <= (node.body[-1].end_lineno or 0):
            continue
        for handler in node.handlers:
            own = any(name.endswith(("HTTPException", "AppException", "APIException")) for name in caught(handler))
            if own or is_broad(handler, unit.scope):
                if not reraises(handler):
                    return True
                break
    return False


def _told_by(unit: Unit, resolver: Resolver, depth: int) -> list[ast.AST]:
    """Return where a called function writes the text that it returns."""
    if depth > _DEEPEST or unit.stub or "yielded" in unit.memo:
        return []
    key = f"returns texts {depth}"  # the deeper it is called, the fewer of its own calls are followed
    known: list[ast.AST] | None = unit.memo.get(key)
    if known is None:
        unit.memo[key] = known = []
        if unit.handlers:
            known += [one for one in tells(unit, True, resolver) if isinstance(one, ast.Return)]
        known += _Flow(unit, resolver, depth).answered(of_route=False)
    return known


class _Flow:
    """The names in one function that hold an exception's text, each with the place where that is written."""

    def __init__(self, unit: Unit, resolver: Resolver, depth: int) -> None:
        self._unit, self._resolver, self._depth = unit, resolver, depth
        self._kept: dict[str, list[ast.AST]] = {}
        self._errors = errors_kept(unit, resolver)
        self._error = ""
        nodes = [one for one in _own_nodes(unit.node) if isinstance(one, (ast.stmt, ast.ExceptHandler))]
        self._statements = sorted(nodes, key=lambda one: one.lineno)

    def answered(self, of_route: bool) -> list[ast.AST]:
        """Return the places of the texts that the function returns, or answers as an error where it is a route's."""
        found: list[ast.AST] = []
        told: set[int] = set()
        for _ in range(_ROUNDS):
            before = sum(map(len, self._kept.values()))
            for statement in self._statements:
                self._error = self._caught_around(statement)
                self._keep(statement)
            self._error = ""
            if sum(map(len, self._kept.values())) == before:
                break
        for statement in self._statements:
            given = None
            if isinstance(statement, ast.Return):
                given = statement.value
            elif isinstance(statement, ast.Raise) and of_route and _is_error_answer(statement.exc):
                given = statement.exc
            for place in self._sources(given):
                is_far = of_route and place is not _HERE and not self._is_here(place)
                if is_far and id(place) in told:
                    continue  # the first answer with a text is enough: others may have asked whether there is one
                told.add(id(place))
                found.append(statement if is_far or place is _HERE else place)
        return found

    def _caught_around(self, statement: ast.AST) -> str:
        """Return the name of the exception that is caught around a statement and may have any text, or ""."""
        line = getattr(statement, "lineno", 0)
        inside = [one for one in self._errors if one.lineno < line <= (one.end_lineno or 0)]
        if inside:
            return inside[-1].name or ""
        return ""

    def _is_here(self, place: ast.AST) -> bool:
        """Return whether a place is in the file of this function."""
        lines: set[int] | None = self._unit.module.unit.memo.get("nodes of it")
        if lines is None:
            lines = self._unit.module.unit.memo["nodes of it"] = {id(one) for one in walk(self._unit.module.tree)}
        return id(place) in lines

    def _keep(self, statement: ast.AST) -> None:
        """Note the names that a statement gives a text to."""
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                self._assign(target, statement.value)
        elif isinstance(statement, (ast.For, ast.AsyncFor)):
            self._assign(statement.target, statement.iter, in_turn=True)
        elif isinstance(statement, ast.Expr):
            call = unawaited(statement.value)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _ADDS:
                for given in (*call.args, *(word.value for word in call.keywords)):
                    self._assign(call.func.value, given)

    def _assign(self, target: ast.expr, value: ast.expr, in_turn: bool = False) -> None:
        """Note what a name, or several, are given; ``in_turn``: the elements of the value, one after the other."""
        if isinstance(target, (ast.Tuple, ast.List)):
            for at, one in enumerate(target.elts):
                part = _part_in_turn(value, at) if in_turn else self._part(value, at, len(target.elts))
                if part is not None:
                    self._assign(one, part)
            return
        places = self._sources(value)
        while isinstance(target, (ast.Subscript, ast.Attribute)):
            target = target.value
        if places and isinstance(target, ast.Name) and target.id != "self":
            known = self._kept.setdefault(target.id, [])
            known += [one for one in places if not any(one is other for other in known)]

    def _part(self, value: ast.expr, at: int, length: int) -> ast.expr | None:
        """Return the expression that becomes one of several names; None where it holds no text."""
        made = unawaited(value)
        parts: list[ast.expr] = getattr(made, "elts", [])
        if isinstance(made, ast.Call):
            if chain(made.func).endswith("gather"):
                parts = made.args
            else:
                called = self._resolver.what(made.func, self._unit.scope)
                told: list[ast.AST] = []
                if isinstance(called, Unit):
                    told = _told_by(called, self._resolver, self._depth + 1)
                values = [
                    one.value.elts for one in told if isinstance(one, ast.Return) and isinstance(one.value, ast.Tuple)
                ]
                if any(len(one) == length and not isinstance(one[at], ast.Constant) for one in values):
                    return value
        if len(parts) == length:
            return parts[at]
        return None

    def _sources(self, node: ast.AST | None) -> list[ast.AST]:
        """Return where the texts in a value are written; empty where it holds none."""
        if node is None or isinstance(node, (*_NESTED, ast.Compare, ast.Constant)):
            return []
        if isinstance(node, ast.Name):
            if node.id == self._error:
                return [_HERE]
            return self._kept.get(node.id, [])
        if isinstance(node, (ast.Attribute, ast.Subscript)):
            return self._of_field(node)
        if isinstance(node, ast.Call):
            return self._of_call(node)
        if isinstance(node, ast.IfExp):
            return [*self._sources(node.body), *self._sources(node.orelse)]
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            return self._of_comprehension(node)
        return self._of_parts(ast.iter_child_nodes(node))

    def _of_parts(self, parts: Iterable[ast.AST | None]) -> list[ast.AST]:
        return [place for one in parts for place in self._sources(one)]

    def _of_field(self, node: ast.Attribute | ast.Subscript) -> list[ast.AST]:
        if isinstance(node, ast.Attribute):
            name: object = node.attr
        else:
            name = node.slice.value if isinstance(node.slice, ast.Constant) else None
        places = self._sources(node.value)
        if isinstance(name, str) and words(name).isdisjoint(_OF_ERRORS):
            return [one for one in places if _is_kept_under(name, one)]
        return places

    def _of_call(self, node: ast.Call) -> list[ast.AST]:
        """Return where the texts in a call's value are written: it returns one, or makes an answer of one."""
        last = chain(node.func).rpartition(".")[2]
        if last == "format_exc" and self._error:
            return [_HERE]
        if last in _IN_A_THREAD:
            return self._run_in_a_thread(node)
        thing = self._resolver.what(node.func, self._unit.scope)
        if isinstance(thing, Unit):
            told = _told_by(thing, self._resolver, self._depth + 1) if thing is not self._unit else []
            if told or words(chain(node.func)).isdisjoint(_OF_ANSWERS):
                return told
        elif isinstance(node.func, ast.Attribute) and last == "get" and node.args:
            key = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            holds = isinstance(key, str) and not words(key).isdisjoint(_OF_ERRORS)
            if holds:
                return self._sources(node.func.value)
            return []
        elif not (last[:1].isupper() or last in _KEEPS_ALL):
            return []
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        return self._of_parts((owner, *node.args, *(word.value for word in node.keywords)))

    def _run_in_a_thread(self, node: ast.Call) -> list[ast.AST]:
        """Return where what a thread runs writes its texts: a function that is handed over, or a lambda."""
        found: list[ast.AST] = []
        for one in node.args:
            if isinstance(one, ast.Lambda):
                found += self._sources(one.body)
            elif isinstance(one, (ast.Name, ast.Attribute)):
                thing = self._resolver.what(one, self._unit.scope)
                if isinstance(thing, Unit):
                    found += _told_by(thing, self._resolver, self._depth + 1)
        return found

    def _of_comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> list[ast.AST]:
        fresh: dict[str, list[ast.AST]] = {}
        for one in node.generators:
            places = self._sources(one.iter)
            if places and isinstance(one.target, ast.Name) and one.target.id not in self._kept:
                fresh[one.target.id] = places
        self._kept.update(fresh)
        found = self._of_parts([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        for name in fresh:
            del self._kept[name]
        return found


def _is_kept_under(name: str, place: ast.AST) -> bool:
    """Return whether the text is written under this key of a dictionary: ``{"answer": f"failed: {error}"}``."""
    made = returned_value(place)
    if not isinstance(made, ast.Dict):
        return False
    kept = [value for key, value in zip(made.keys, made.values, strict=True) if getattr(key, "value", None) == name]
    return any(isinstance(one, ast.JoinedStr) or "str" in chain(getattr(one, "func", None)) for one in kept)


def _part_in_turn(value: ast.expr, at: int) -> ast.expr | None:
    """Return what holds the texts of one of several names of a loop; None where it has none of them."""
    if not isinstance(value, ast.Call):
        return value
    last = chain(value.func).rpartition(".")[2]
    if last == "items" and isinstance(value.func, ast.Attribute):
        if at:
            return value.func.value
        return None
    if last == "enumerate" and value.args:
        if at:
            return value.args[0]
        return None
    if last == "zip":
        if at < len(value.args):
            return value.args[at]
        return None
    return value


def _is_error_answer(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Call) and is_answer(node)


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is in a function, without what is nested in functions of its own."""
    todo = list(ast.iter_child_nodes(node))
    while todo:
        one = todo.pop()
        if not isinstance(one, _NESTED):
            yield one
            todo += ast.iter_child_nodes(one)
