"""The lines of a generated router that depend on several answers: decorators, signatures, imports. Pure."""

from collections.abc import Callable
from typing import Any

from optimus_tui.scaffold.fields import literal
from optimus_tui.scaffold.layout import lay, lay_import, when
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
        "cache_source": [*when(spec.type == "hybrid", "source")],
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
    kinds = [*when(spec.has_engine, "httpx.HTTPError")]
    kinds += when(spec.has_store, "OSError")
    kinds += when(_validates(spec), "ValidationError")
    if len(kinds) == 1:
        return kinds[0]
    return f"({', '.join(kinds)})"


def _validates(spec: RouterSpec) -> bool:
    """Return True if answers of the engine are checked; the answer to a deletion is empty."""
    return spec.has_engine and spec.operations != ("delete",)


def router_imports(spec: RouterSpec) -> str:
    """Return the imports that are used, in sorted order."""
    cached = spec.caching and bool(spec.reads)
    of_one = any(each in OF_ONE for each in spec.operations)
    typing = {*when(of_one or spec.has_store or spec.uses("Text"), "Annotated")}
    typing.update(when(cached, "Any"))
    typing.update(when(spec.has_store, "Protocol"))
    typing.update(when(spec.type == "hybrid", "Literal"))
    standard = [*when(spec.uses("dt.date", "dt.datetime") and has_models(spec), "import datetime as dt")]
    standard += ["import logging"]
    standard += when(spec.has_store and "create" in spec.operations, "import uuid")
    standard += [lay_import("collections.abc", ["AsyncIterator"])]
    standard += when(typing, lay_import("typing", typing))
    fastapi = {"APIRouter", "Depends", "HTTPException"}
    fastapi.update(when(of_one, "Path"))
    fastapi.update(when(spec.type == "hybrid", "Query"))
    fastapi.update(when(cached, "Response"))
    pydantic = {"BaseModel"}
    pydantic.update(when(takes_body(spec), "ConfigDict"))
    pydantic.update(when(spec.uses("Text"), "StringConstraints"))
    pydantic.update(when(spec.uses("FiniteFloat"), "FiniteFloat"))
    pydantic.update(when(_validates(spec), "ValidationError"))
    third = [*when(spec.has_engine, "import httpx")]
    third += [lay_import("fastapi", fastapi)]
    third += when(has_models(spec), lay_import("pydantic", pydantic))
    return "\n".join([*standard, "", *third, "", *_own_imports(spec)])


def _own_imports(spec: RouterSpec) -> list[str]:
    needs = {"Tenant"}
    needs.update(when(spec.has_engine, "Engine"))
    needs.update(when("list" in spec.operations, "Paging"))
    needs.update(when(spec.caching and spec.reads, "Cache"))
    needs.update(when(spec.caching and spec.writes, "Coherence"))
    needs.update(when(spec.rate_limiting, "rate_limited"))
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
        rest = [*more, *when(spec.rate_limiting, *limited)]
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
        takes = [*when(operation in OF_ONE, f"{spec.one}_id: {spec.entity}Id")]
        takes += [*own, "tenant: Tenant"]
        takes += when(spec.has_engine, "engine: Engine")
        takes += when(spec.has_store, "store: Store")
        if spec.caching:
            takes += when(operation in READS, "cache: Cache", "response: Response")
            takes += when(operation not in READS, "coherence: Coherence")
        takes += when(spec.type == "hybrid", 'source: Source = "local"')
        return lay(f"async def {spec.operation(operation)}(", takes, f") -> {answer}:")

    return function


def _stale(spec: RouterSpec) -> Callable[[str], str]:
    def stale(identifier: str) -> str:
        """Return the invalidation, which also publishes the event."""
        if not spec.caching:
            return ""
        parts = ["InvalidationType.RESOURCE_UPDATED", "tenant"]
        parts += when(identifier, f"resource_id={identifier}")
        return lay("    await coherence.invalidate_by_event(", [*parts, "kinds=STALE"], ")")

    return stale


def _log(spec: RouterSpec) -> Callable[[str, str], str]:
    def log(change: str, identifier: str) -> str:
        """Return one structured log line for a change: tenant and id, without what was sent."""
        event = literal(f"{spec.one.replace('_', ' ')} {change}")
        fields = f'extra={{"fields": {{"tenant": tenant, "id": {identifier}}}}}'
        return lay("    _log.info(", [event, fields], ")")

    return log
