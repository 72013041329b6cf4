"""The lines of a generated router that depend on several answers: decorators, signatures, imports. Pure."""

from collections.abc import Callable
from typing import Any

from optimus_tui.scaffold.fields import literal
from optimus_tui.scaffold.layout import lay, lay_import
from optimus_tui.scaffold.spec import OF_ONE, READS, RouterSpec


def context(spec: RouterSpec) -> dict[str, Any]:
    """Return everything that the templates may use."""
    return {
        "s": spec,
        "PATH": f"/api/{spec.name}",
        "many": spec.name.replace("_", " "),
        "single": spec.one.replace("_", " "),
        "kept_where": _KEPT[spec.type],
        "imports": router_imports(spec),
        "of_one": any(each in OF_ONE for each in spec.operations),
        "has_models": has_models(spec),
        "takes_body": takes_body(spec),
        "caught": caught(spec),
        "cache_source": ["source"] if spec.type == "hybrid" else [],
        "literal": literal,
        "lay": lay,
        "route": _route(spec),
        "function": _function(spec),
        "stale": _stale(spec),
        "log": _log(spec),
    }


_KEPT = {
    "proxy": "kept by the AI Engine",
    "direct": "in the gateway's own store",
    "hybrid": "in the gateway's own store, else in the AI Engine",
}


def takes_body(spec: RouterSpec) -> bool:
    """Return True if callers send the resource."""
    return bool({"create", "update"} & set(spec.operations))


def has_models(spec: RouterSpec) -> bool:
    """Return True if the resource is ever seen; a proxy that only deletes never sees one."""
    return spec.has_store or spec.operations != ("delete",)


def caught(spec: RouterSpec) -> str:
    """Return the exceptions that mean a failure behind this router."""
    kinds = ["httpx.HTTPError"] if spec.has_engine else []
    kinds += ["OSError"] if spec.has_store else []
    kinds += ["ValidationError"] if _validates(spec) else []
    return kinds[0] if len(kinds) == 1 else f"({', '.join(kinds)})"


def _validates(spec: RouterSpec) -> bool:
    """Return True if answers of the engine are checked; the answer to a deletion is empty."""
    return spec.has_engine and spec.operations != ("delete",)


def router_imports(spec: RouterSpec) -> str:
    """Return the imports that are used, in sorted order."""
    cached = spec.caching and bool(spec.reads)
    of_one = any(each in OF_ONE for each in spec.operations)
    typing = {"Annotated" for _ in [0] if of_one or spec.has_store or spec.uses("Text")}
    typing |= {"Any"} if cached else set()
    typing |= {"Protocol"} if spec.has_store else set()
    typing |= {"Literal"} if spec.type == "hybrid" else set()
    standard = ["import datetime as dt"] if spec.uses("dt.date", "dt.datetime") and has_models(spec) else []
    standard += ["import logging"]
    standard += ["import uuid"] if spec.has_store and "create" in spec.operations else []
    standard += [lay_import("collections.abc", ["AsyncIterator"])]
    standard += [lay_import("typing", typing)] if typing else []
    fastapi = {"APIRouter", "Depends", "HTTPException"}
    fastapi |= {"Path"} if of_one else set()
    fastapi |= {"Query"} if spec.type == "hybrid" else set()
    fastapi |= {"Response"} if cached else set()
    pydantic = {"BaseModel"}
    pydantic |= {"ConfigDict"} if takes_body(spec) else set()
    pydantic |= {"StringConstraints"} if spec.uses("Text") else set()
    pydantic |= {"FiniteFloat"} if spec.uses("FiniteFloat") else set()
    pydantic |= {"ValidationError"} if _validates(spec) else set()
    third = ["import httpx"] if spec.has_engine else []
    third += [lay_import("fastapi", fastapi)]
    third += [lay_import("pydantic", pydantic)] if has_models(spec) else []
    return "\n".join([*standard, "", *third, "", *_own_imports(spec)])


def _own_imports(spec: RouterSpec) -> list[str]:
    needs = {"Tenant"}
    needs |= {"Engine"} if spec.has_engine else set()
    needs |= {"Paging"} if "list" in spec.operations else set()
    needs |= {"Cache"} if spec.caching and spec.reads else set()
    needs |= {"Coherence"} if spec.caching and spec.writes else set()
    needs |= {"rate_limited"} if spec.rate_limiting else set()
    own = [lay_import("backend.dependencies_enterprise", needs)]
    if spec.has_engine:
        own.append(lay_import("backend.errors", ["refusal_of"]))
    if spec.caching and spec.writes:
        own.append(lay_import("backend.utils.cache_coherence", ["InvalidationType"]))
    if spec.has_engine:
        own.append(lay_import("backend.utils.circuit_breaker", ["CircuitOpenError"]))
    return [*own, lay_import("backend.utils.metrics", ["RESOURCE_FAILURES"])]


def _route(spec: RouterSpec) -> Callable[..., str]:
    def route(method: str, operation: str, *more: str, both: bool = False) -> str:
        """Return the decorator; two of them for the collection's path, with and without its slash."""
        limited = [f"dependencies=[Depends(rate_limited({literal(spec.operation(operation))}))]"]
        rest = [*more, *(limited if spec.rate_limiting else [])]
        if operation in OF_ONE:
            return lay(f"@router.{method}(", [literal(f"/{{{spec.one}_id}}"), *rest], ")")
        plain = lay(f"@router.{method}(", ['""', *rest], ")")
        return (
            plain + "\n" + lay(f"@router.{method}(", ['"/"', *more, "include_in_schema=False", *rest[len(more) :]], ")")
        )

    return route


def _function(spec: RouterSpec) -> Callable[..., str]:
    def function(operation: str, own: list[str], answer: str) -> str:
        """Return the signature: the path's id, the tenant, and what the function uses."""
        takes = [f"{spec.one}_id: {spec.entity}Id"] if operation in OF_ONE else []
        takes += [*own, "tenant: Tenant"]
        takes += ["engine: Engine"] if spec.has_engine else []
        takes += ["store: Store"] if spec.has_store else []
        if spec.caching:
            takes += ["cache: Cache", "response: Response"] if operation in READS else ["coherence: Coherence"]
        takes += ['source: Source = "local"'] if spec.type == "hybrid" else []
        return lay(f"async def {spec.operation(operation)}(", takes, f") -> {answer}:")

    return function


def _stale(spec: RouterSpec) -> Callable[[str], str]:
    def stale(identifier: str) -> str:
        """Return the invalidation, which also publishes the event."""
        if not spec.caching:
            return ""
        parts = ["InvalidationType.RESOURCE_UPDATED", "tenant"]
        parts += [f"resource_id={identifier}"] if identifier else []
        return lay("    await coherence.invalidate_by_event(", [*parts, "kinds=STALE"], ")")

    return stale


def _log(spec: RouterSpec) -> Callable[[str, str], str]:
    def log(change: str, identifier: str) -> str:
        """Return one structured log line for a change: tenant and id, without what was sent."""
        event = literal(f"{spec.one.replace('_', ' ')} {change}")
        fields = f'extra={{"fields": {{"tenant": tenant, "id": {identifier}}}}}'
        return lay("    _log.info(", [event, fields], ")")

    return log
