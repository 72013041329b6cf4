"""Tenants under another name: ``caller.account_id`` of the logged-in caller owns the data as an ``org_id`` would.

Such a word counts only in a file that reads it from its caller: an account may be just another resource.
"""

import ast

from optimus_tui.patterns.facts.model import Module
from optimus_tui.patterns.source.names import chain, first_type, is_tenant, words

_OWNERS = frozenset({"account", "company", "customer", "team", "merchant", "business", "firm", "practice", "shop"})
_CALLERS = frozenset({"user", "principal", "caller", "claims", "identity", "auth", "who", "me", "viewer", "actor"})


def owners_of(module: Module) -> frozenset[str]:
    """Return the words that stand for the tenant in this file."""
    known: frozenset[str] | None = module.unit.memo.get("owners")
    if known is None:
        found: set[str] = set()
        for unit in module.units:
            read = {word for name in unit.attrs if name.endswith("_id") for word in words(name) & _OWNERS}
            if read and any(is_caller(arg) for arg, _, _ in unit.given):
                found |= read
        known = module.unit.memo["owners"] = frozenset(found)
    return known


def is_caller(arg: ast.arg) -> bool:
    """Return whether a parameter is the logged-in caller, by its name or its type."""
    typed = arg.annotation
    if isinstance(typed, ast.Subscript):
        typed = first_type(typed)
    return not (words(arg.arg) | words(chain(typed))).isdisjoint(_CALLERS)


def is_owner(name: str, module: Module) -> bool:
    """Return whether the name is, or belongs to, a tenant in this file."""
    return is_tenant(name) or not words(name).isdisjoint(owners_of(module))
