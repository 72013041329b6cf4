"""Find the key that a decorator caches under: a text, a template, or a function of this project that makes one.

A key that cannot be read completely is not reported: a builder that receives all arguments may use the tenant.
"""

import ast
import re

from optimus_tui.patterns.facts import Scope, Unit
from optimus_tui.patterns.names import is_tenant, text_of, words
from optimus_tui.patterns.owners import is_owner
from optimus_tui.patterns.resolve import Resolver

_GAP = re.compile(r"\{([^}]*)\}")
MAKERS = ("key_builder", "key_func", "make_key", "key")
"""The arguments that say under which key is cached."""
_MAY_KNOW = frozenset({"kwargs", "args", "headers", "state", "user", "principal", "ctx", "context", "scope", "auth"})


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
