"""Mutable defaults: one list for all calls, and so for all tenants."""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.rule import Hit, Rule, at
from optimus_tui.patterns.source.names import chain
from optimus_tui.patterns.source.view import View

_MAKERS = frozenset({"list", "dict", "set", "bytearray", "defaultdict", "deque", "OrderedDict", "Counter"})


def _mutable(view: View) -> Iterator[Hit]:
    asked = {id(route.handler.node) for route in view.routes}  # what FastAPI fills in, it copies for every request
    for default, function in view.module.defaults:
        if id(function) in asked:
            continue
        made = isinstance(default, ast.Call) and chain(default.func).rpartition(".")[2] in _MAKERS
        if made or isinstance(default, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)):
            name = getattr(function, "name", "lambda")
            yield at(default, f"The default of {name}() is made once and shared by all calls")


RULES = (
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
