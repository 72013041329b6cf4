"""Detect a tenant that is invented where the caller names none: ``headers.get("X-Tenant-ID", "public")``.

Empty texts, which are there to be refused, and words that only stand in logs and labels do not count.
"""

import ast

from optimus_tui.patterns.source.names import chain, is_tenant, text_of, words

_SOURCES = frozenset({"headers", "header", "params", "cookies", "claims", "payload", "token", "state", "session"})
_LABELS = frozenset({"", "-", "unknown", "none", "null", "n/a", "?"})


def falls_back(node: ast.expr) -> bool:
    """Return whether the expression reads a tenant from the request and has a text of its own as default."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        return _reads_tenant(node.values[0]) and _is_somebody(node.values[-1])
    if not isinstance(node, ast.Call):
        return False
    with_default = 3 if chain(node.func) == "getattr" else 2
    return len(node.args) == with_default and _reads_tenant(node) and _is_somebody(node.args[-1])


def _reads_tenant(node: ast.expr) -> bool:
    """Return whether the node is like ``headers.get("X-Tenant-ID")`` or ``getattr(request.state, "tenant_id")``."""
    if not isinstance(node, ast.Call):
        return False
    name = chain(node.func)
    given = node.args
    if name.endswith(".get"):
        given = [node.func, *node.args]
    elif name != "getattr":
        return False
    if len(given) < 2:
        return False
    return is_tenant(text_of(given[1]) or "") and bool(words(chain(given[0])) & _SOURCES)


def _is_somebody(node: ast.expr) -> bool:
    text = text_of(node)
    if text is not None:
        return text.lower() not in _LABELS
    return "default" in words(chain(node))
