"""Decide whether cache keys in the source contain a tenant: keys of Redis calls and keys that decorators cache under.

Only keys that are written out completely are reported: a function that builds keys from all arguments may use the
tenant.
"""

import ast
import re

from optimus_tui.patterns.facts.model import Bound, Param, Scope, Unit, is_owner
from optimus_tui.patterns.source.resolve import Resolver
from optimus_tui.patterns.source.vocabulary import chain, first_argument, is_tenant, text_of, words
from optimus_tui.syntax import walk

_DEEPEST = 8
_FROM_REQUEST = ("Query", "Path", "Header", "Cookie", "Body", "Form")
_SCALARS = ("str", "int", "float", "bool", "UUID", "bytes", "date", "datetime")
_GAP = re.compile(r"\{([^}]*)\}")
MAKERS = ("key_builder", "key_func", "make_key", "key")
"""The arguments that say under which key is cached."""
_MAY_KNOW = frozenset({"kwargs", "args", "headers", "state", "user", "principal", "ctx", "context", "scope", "auth"})


def key_of(node: ast.Call, unit: Unit) -> ast.expr | None:
    """Return the expression of a call's key, through a local name or a constant of the file."""
    named = (word.value for word in node.keywords if word.arg in ("key", "name"))
    given = first_argument(node) or next(named, None)
    if isinstance(given, ast.Name):
        bound = unit.scope.lookup(given.id)
        if isinstance(bound, Bound) and bound.value is not None:
            return bound.value
    return given


def written_in(key: ast.expr | None, unit: Unit) -> str:
    """Return the literal part of the key: an f-string with its gaps, else the first text in the expression."""
    whole = text_of(key)
    if whole is not None or key is None:
        return whole or ""
    return _first_text(key) or (_made_in(key, unit) if isinstance(key, ast.Call) else "")


def _first_text(node: ast.AST) -> str:
    return next((text for one in ast.walk(node) if (text := text_of(one))), "")


def _made_in(key: ast.Call, unit: Unit) -> str:
    """Return the text from which a function of the same file makes its keys."""
    made = unit.module.scope.bindings.get(chain(key.func))
    returned = made.returned if isinstance(made, Unit) else []
    return next((text for one in returned if (text := _first_text(one.node))), "")


def holds_tenant(node: ast.expr, scope: Scope, unit: Unit) -> bool:
    """Return whether the expression is, or is made of, a tenant."""
    return _tenant_in(node, scope, unit, 0) is True


def lacks_tenant(node: ast.Call, scope: Scope, unit: Unit) -> bool:
    """Return whether the key is written out completely here and nothing in it comes from a tenant."""
    key = first_argument(node)
    return key is not None and _tenant_in(key, scope, unit, 0) is False


def _tenant_in(node: ast.expr, scope: Scope, unit: Unit, depth: int) -> bool | None:
    """Return True, False, or None where it cannot be determined."""
    if depth > _DEEPEST:
        return None
    if isinstance(node, ast.Constant):
        return False
    if isinstance(node, ast.JoinedStr):
        return _any([_tenant_in(one, scope, unit, depth + 1) for one in node.values])
    if isinstance(node, ast.FormattedValue):
        return _tenant_in(node.value, scope, unit, depth + 1)
    if isinstance(node, ast.BinOp):
        return _any([_tenant_in(node.left, scope, unit, depth + 1), _tenant_in(node.right, scope, unit, depth + 1)])
    if isinstance(node, (ast.Tuple, ast.List)):
        return _any([_tenant_in(one, scope, unit, depth + 1) for one in node.elts])
    if isinstance(node, ast.Attribute):
        if is_owner(chain(node), unit.module):
            return True
        if chain(node).startswith(("self.", "cls.")):
            return None
        return _of_base(node, scope)
    if isinstance(node, ast.Name):
        return _of_name(node.id, scope, unit, depth)
    if isinstance(node, ast.Call):
        return _of_call(node, scope, unit, depth)
    return None


def _of_base(node: ast.Attribute, scope: Scope) -> bool | None:
    """Return False for ``page.limit`` of a parameter named for something else; None for an unknown object."""
    base: ast.expr = node
    while isinstance(base, ast.Attribute):
        base = base.value
    if isinstance(base, ast.Name) and base.id in (
        "request",
        "ctx",
        "context",
        "user",
        "principal",
        "claims",
        "auth",
        "caller",
    ):
        return None
    if isinstance(base, ast.Name) and isinstance(scope.lookup(base.id), Param):
        return False
    return None


def _of_name(name: str, scope: Scope, unit: Unit, depth: int) -> bool | None:
    bound = scope.lookup(name)
    if isinstance(bound, Bound) and bound.value is not None and not bound.many:
        return _tenant_in(bound.value, scope, unit, depth + 1)
    if is_owner(name, unit.module):
        return True
    if isinstance(bound, Param):
        if isinstance(bound.default, ast.Call) and chain(bound.default.func).rpartition(".")[2] not in _FROM_REQUEST:
            return None  # handed in by a dependency, which may know the tenant
        if bound.node.annotation is not None and chain(bound.node.annotation).rpartition(".")[2] not in _SCALARS:
            return None
        outer = bound.function is not unit.node
        opaque = bound.node.arg in (
            "key", "name", "suffix", "prefix", "scope", "parts", "args", "rest", "namespace", "self",
        )  # fmt: skip
        if outer or opaque or bound.node.arg in ("request", "user", "principal", "ctx"):
            return None
        return False
    return None


def _of_call(node: ast.Call, scope: Scope, unit: Unit, depth: int) -> bool | None:
    name = chain(node.func)
    given = [*node.args, *(word.value for word in node.keywords)]
    inside = [_tenant_in(one, scope, unit, depth + 1) for one in given]
    if any(inside) or is_tenant(name):
        return True
    last = name.rpartition(".")[2]
    if last in ("format", "join") and isinstance(node.func, ast.Attribute):
        return _any([_tenant_in(node.func.value, scope, unit, depth + 1), *inside])
    if last in ("str", "int", "lower", "upper", "strip", "hexdigest", "sha256", "md5", "encode", "quote", "dumps"):
        if isinstance(node.func, ast.Attribute) and not inside:
            return _tenant_in(node.func.value, scope, unit, depth + 1)
        return _any(inside)
    made = scope.lookup(name)
    if isinstance(made, Unit):  # a helper of the same file: given no tenant, it can put none in unless it finds one
        if any(is_tenant(one) for one in (*made.loads, *made.attrs)) and not made.params:
            return None
        return _any(inside or [False])
    return None


def _any(answers: list[bool | None]) -> bool | None:
    if any(answers):
        return True
    if None in answers:
        return None
    return False


def is_shared_key(word: ast.keyword, scope: Scope, resolver: Resolver) -> bool:
    """Return whether all tenants share this key."""
    if word.arg not in MAKERS:
        return False
    text = text_of(word.value)
    if text is not None:
        return word.arg == "key" and _is_shared_text(text)
    made = resolver.what(word.value, scope)
    return isinstance(made, Unit) and bool(made.returned) and not _may_know_tenant(made)


def _is_shared_text(text: str) -> bool:
    """Return whether a text is shared: ``products``, ``products:{page}``. A gap for an object may hold anything."""
    gaps = _GAP.findall(text)
    return not is_tenant(text) and not any("." in gap or words(gap) & _MAY_KNOW or gap == "self" for gap in gaps)


def _may_know_tenant(unit: Unit) -> bool:
    known = (*unit.loads, *unit.attrs, *(text for _, text in unit.strings if len(text) < 60))
    return any(is_owner(name, unit.module) or words(name) & _MAY_KNOW for name in known)


def reads_tenant(unit: Unit) -> bool:
    """Return whether an attribute of a tenant is used otherwise than to load it: ``joinedload(User.organization)``."""
    loaded = {
        id(given)
        for one in walk(unit.node)
        if isinstance(one, ast.Call) and chain(one.func).rpartition(".")[2].endswith("load")
        for given in one.args
    }
    return any(
        isinstance(one, ast.Attribute) and is_tenant(one.attr) and id(one) not in loaded for one in walk(unit.node)
    )
