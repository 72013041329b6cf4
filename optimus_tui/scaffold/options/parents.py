"""The code of a router below others, such as ``/orders/{order_id}/items``: every place that has its parents' ids."""

import ast
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from optimus_tui.scaffold.lay import tuple_of
from optimus_tui.scaffold.spec import RouterSpec, below, singular
from optimus_tui.syntax import parse

_KNOWN, _BESIDE, _UNKNOWN, _WRONG = "7", "9", "8", "no.id"
"""Ids of parents in the tests: one that is there, another one, one that is not, and one that is not an id."""


def parent_context(spec: RouterSpec) -> dict[str, Any]:
    """Return the parents' variables for the router's template; they are complete for a router without parents, too."""
    ids = spec.parent_ids
    own_id = f"{{{spec.one}_id}}"
    owner = ["tenant", *ids]
    kinds = [singular(below(each, spec.parents[:at])) for at, each in enumerate(spec.parents)]
    types = f"tuple[{', '.join(['str'] * len(owner))}]"
    return {
        "parent_ids": ids,
        "parent": singular(spec.parents[-1]).replace("_", " ") if ids else "",
        "collection": f'f"{spec.path}"' if ids else "PATH",
        "member": f'f"{spec.path}/{own_id}"' if ids else f'f"{{PATH}}/{own_id}"',
        "parent_path": f'f"{spec.parent_path}"',
        "owner": owner,
        "owner_takes": ["tenant: str", *(f"{each}: str" for each in ids)],
        "owner_key": f"({', '.join(owner)})" if ids else "tenant",
        "owner_type": types if ids else "str",
        "thing": _thing(ids),
        "caches_below": caches_below(spec),
        "parent_kinds": tuple_of([_quoted(each) for each in kinds]),
        "knows_parent": knows_parent(spec),
        "knows_takes": [*(f"{each}: ParentId" for each in ids), "tenant: Tenant", "parents: Parents"],
    }


def parent_trial_context(spec: RouterSpec) -> dict[str, Any]:
    """Return the parents' variables for the tests' template."""
    ids = spec.parent_ids

    def path(last: str, text: str) -> str:
        for number, each in enumerate(ids, 1):
            text = text.replace(f"{{{each}}}", last if number == len(ids) else _KNOWN)
        return text

    def at(tenant: str) -> str:
        """Return the key under which the tests' store keeps what a tenant has."""
        if not (ids and spec.has_store):
            return tenant
        return f"({', '.join([tenant, *([_quoted(_KNOWN)] * len(ids))])})"

    def below(last: str) -> str:
        """Return the first part of cache keys."""
        if ids:
            return "%2F".join([*([_KNOWN] * (len(ids) - 1)), last]) + "/"
        return ""

    return {
        "PATH": path(_KNOWN, spec.path),
        "PARENT": path(_KNOWN, spec.parent_path),
        "BESIDE": path(_BESIDE, spec.path),
        "UNKNOWN": path(_UNKNOWN, spec.path),
        "WRONG_PARENT": path(_WRONG, spec.path),
        "known_keys": f"({', '.join(_keys(ids, last) for last in (_KNOWN, _BESIDE))})",
        "at": at,
        "below": below(_KNOWN),
        "beside": below(_BESIDE),
    }


def _keys(ids: tuple[str, ...], last: str) -> str:
    """Return the ids of one parent as a tuple in code."""
    return tuple_of([_quoted(each) for each in [*([_KNOWN] * (len(ids) - 1)), last]])


def _quoted(text: str) -> str:
    """Return a plain text as code."""
    return f'"{text}"'


def _thing(ids: tuple[str, ...]) -> list[str]:
    """Return the first part of cache keys as code: the parent that an answer is below."""
    if len(ids) > 1:
        return ['f"' + "/".join(f"{{{each}}}" for each in ids) + '"']
    return list(ids)


def caches_below(spec: RouterSpec) -> bool:
    """Return True if the router caches items below a parent, which must be dropped with the parent."""
    return bool(spec.parents and spec.caching and spec.reads)


def knows_parent(spec: RouterSpec) -> bool:
    """Return True if the router itself must check that the parent exists; otherwise the engine does."""
    return bool(spec.parents) and not spec.has_engine


def parent_name(spec: RouterSpec) -> str:
    """Return the name of the last parent's router."""
    return below(spec.parents[-1], spec.parents[:-1])


def parent_import(spec: RouterSpec) -> str:
    """Return the import of the parent's store, as in the reference gateway."""
    return f"from backend.routers.{parent_name(spec)} import open_store as open_parents"


def parent_warning(spec: RouterSpec) -> str:
    """Return what must be done before anything can be found below a parent; empty if nothing must."""
    if not knows_parent(spec) or spec.has_parent_store:
        return ""
    return (
        f"no direct router {parent_name(spec)} with get is here, so no parent is known and every answer is 404: "
        "make it first, or put what knows them behind open_parents"
    )


def with_parent(root: Path, spec: RouterSpec) -> RouterSpec:
    """Return the spec with the parent's store, if the project has a generated router that has one.

    Args:
        root: The project.
        spec: The router.
    """
    if not knows_parent(spec):
        return spec
    try:
        tree = parse((root / spec.target.router_path(parent_name(spec))).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return spec
    opens = any(isinstance(node, ast.AsyncFunctionDef) and node.name == "open_store" for node in tree.body)
    found = [
        [argument.arg for argument in each.args.args]
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name.endswith("Store")
        for each in node.body
        if isinstance(each, ast.AsyncFunctionDef) and each.name == "find"
    ]
    takes = ["self", "tenant", *spec.parent_ids[:-1], "key"]
    return replace(spec, has_parent_store=opens and takes in found)
