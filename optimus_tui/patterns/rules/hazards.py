"""Dangerous Python: text that is executed as code, and mutable defaults that all calls share."""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.facts.model import Bound
from optimus_tui.patterns.rule import Hit, Rule, at
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import chain


def _evaluated(view: View) -> Iterator[Hit]:
    for bound in view.module.scope.bindings.values():
        if isinstance(bound, Bound) and isinstance(bound.value, ast.Name) and bound.value.id in ("eval", "exec"):
            yield at(bound.value, f"{bound.value.id} is given another name")
    if not view.methods.isdisjoint(("eval", "exec")):
        for _, seen in view.every_call:
            name = seen.dotted or seen.raw
            if (seen.raw in ("eval", "exec") and seen.thing is None) or name in ("builtins.eval", "builtins.exec"):
                yield at(seen.call.node, f"{seen.raw}() runs text as code")


_MAKERS = frozenset({"list", "dict", "set", "bytearray", "defaultdict", "deque", "OrderedDict", "Counter"})


def _mutable(view: View) -> Iterator[Hit]:
    handlers = {id(route.handler.node) for route in view.routes}  # what FastAPI fills in, it copies for every request
    for default, function in view.module.defaults:
        if id(function) in handlers:
            continue
        made = isinstance(default, ast.Call) and chain(default.func).rpartition(".")[2] in _MAKERS
        if made or isinstance(default, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)):
            name = getattr(function, "name", "lambda")
            yield at(default, f"The default of {name}() is made once and shared by all calls")


RULES = (
    Rule(
        "unsafe.eval", "security", "basic", "high", "Text run as code",
        "Whoever can influence the text runs code in the gateway, with every tenant's data in reach.",
        "Parse what you expect: json.loads, ast.literal_eval, a table of functions by name.",
        '''
def total(expression: str) -> float:
    return eval(expression)
''',
        '''
def total(numbers: str) -> float:
    return sum(json.loads(numbers))
''',
        _evaluated,
    ),
    Rule(
        "defaults.mutable", "defaults", "comprehensive", "medium", "A mutable default argument",
        "It is made once: what one request adds is visible to the next one, of any tenant.",
        "Use None, and make the object inside.",
        '''
async def load(tenant: str, seen: list = []) -> list:
    seen.append(tenant)
    return seen
''',
        '''
async def load(tenant: str, seen: list | None = None) -> list:
    return [*(seen or []), tenant]
''',
        _mutable,
    ),
)  # fmt: skip
