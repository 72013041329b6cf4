"""Code built from data: ``eval`` and ``exec`` must not be reachable by callers."""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.facts.collect import Bound
from optimus_tui.patterns.rule import Hit, Rule, at
from optimus_tui.patterns.source.view import View


def _evaluated(view: View) -> Iterator[Hit]:
    for bound in view.module.scope.bindings.values():
        if isinstance(bound, Bound) and isinstance(bound.value, ast.Name) and bound.value.id in ("eval", "exec"):
            yield at(bound.value, f"{bound.value.id} is given another name")
    if not view.methods.isdisjoint(("eval", "exec")):
        for _, seen in view.every_call:
            name = seen.dotted or seen.raw
            if (seen.raw in ("eval", "exec") and seen.thing is None) or name in ("builtins.eval", "builtins.exec"):
                yield at(seen.call.node, f"{seen.raw}() runs text as code")


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
)  # fmt: skip
