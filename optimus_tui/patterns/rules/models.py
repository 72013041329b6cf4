"""Models: request bodies are validated by a model, and answers are described by one."""

import ast
import re
from collections.abc import Iterator

from optimus_tui.patterns.facts.model import Scope
from optimus_tui.patterns.facts.own_work import (
    answers_json,
    describes_success,
    does_nothing,
    hands_body_on,
    is_fixed,
    is_message,
    is_refusal,
    is_signed,
    json_read,
    validates,
)
from optimus_tui.patterns.facts.routes import Route
from optimus_tui.patterns.rule import Hit, Rule, at_unit
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import chain, first_type

_SHAPELESS = frozenset({"dict", "Dict", "Any", "Mapping", "MutableMapping", "object", "JSON", "JSONResponse"})
_LISTS = frozenset({"list", "List", "Sequence", "tuple", "Iterable"})
_NO_BODIES = frozenset(
    {"Request", "Response", "BackgroundTasks", "WebSocket", "UUID", "Decimal", "Optional", "UploadFile", "Literal"}
)


def _writes(view: View) -> list[str]:
    return [route.name for route in view.served if _has_body(view, route)]


def _has_body(view: View, route: Route) -> bool:
    if not _may_have_body(route):
        return False
    return bool(_bodies(view, route)) or json_read(view, route) is not None


def _may_have_body(route: Route) -> bool:
    """Return whether a route may take a body: one that deletes does only where it says ``Body()``."""
    if route.methods & {"post", "put", "patch"}:
        return True
    defaults = (default for _, default in route.handler.params)
    return "delete" in route.methods and any(
        isinstance(one, ast.Call) and chain(one.func).rpartition(".")[2] == "Body" for one in defaults
    )


def _bodies(view: View, route: Route) -> list[ast.arg]:
    """Return the parameters that are filled from the body."""
    memo = route.handler.memo
    if "bodies" not in memo:
        memo["bodies"] = [arg for arg, default in route.handler.params if _is_body(view, route, arg, default)]
    found: list[ast.arg] = memo["bodies"]
    return found


def _is_body(view: View, route: Route, arg: ast.arg, default: ast.expr | None) -> bool:
    """Return whether FastAPI fills a parameter from the body: a model, a dict, or ``Body()``."""
    of_framework = arg.arg in ("request", "response", "background", "background_tasks")
    described = arg.annotation is not None and _is_shapeless(arg.annotation)
    if arg.arg in ("self", "cls") or (of_framework and not described):
        return False
    if re.search(rf"{{{arg.arg}[:}}]", route.path):
        return False
    if isinstance(default, ast.Call):
        return chain(default.func).rpartition(".")[2] == "Body"
    if arg.annotation is None:
        return False
    scope = route.handler.scope.parent or route.handler.scope
    if any(True for _ in view.way.dependencies(arg, default, scope)):
        return False
    node, _ = _unwrapped(view, arg.annotation, scope)
    name = chain(node).rpartition(".")[2]
    if "Annotated" in name:
        return "Body" in ast.dump(node)
    return name in _SHAPELESS | _LISTS or (name[:1].isupper() and name not in _NO_BODIES)


def _unwrapped(view: View, node: ast.expr, scope: Scope) -> tuple[ast.expr, Scope]:
    alias = view.resolver.alias(node, scope)
    if alias is not None:
        return alias
    return (node, scope)


def _shapeless_in(view: View) -> Iterator[Hit]:
    for route in view.served:
        if not _may_have_body(route):
            continue
        raw = json_read(view, route) if not _bodies(view, route) else None  # beside a model it is only read again
        if raw is not None and not _is_checked(view, route):
            yield at_unit(route.handler, f"{route.name} takes any JSON: what the request holds is checked by no model")
            continue
        for arg in _bodies(view, route):
            scope = route.handler.scope.parent or route.handler.scope
            annotation = arg.annotation
            node = None
            if annotation is not None:
                node = _unwrapped(view, annotation, scope)[0]
            if node is None or _is_shapeless(node) or _is_any_list(node):
                yield at_unit(route.handler, f"{route.name} takes any JSON: {arg.arg} is described by no model")
                break


def _is_checked(view: View, route: Route) -> bool:
    """Return whether a model, a signature or the service that gets it says what JSON the request may hold."""
    return is_signed(view, route) or validates(view, route) or hands_body_on(view, route)


def _is_shapeless(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_shapeless(node.left)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.partition("[")[0] in _SHAPELESS
    if isinstance(node, ast.Subscript):
        name = chain(node.value).rpartition(".")[2]
        if name in ("Annotated", "Optional", "Union") or name in _LISTS:
            return _is_shapeless(first_type(node))
        if isinstance(node.slice, ast.Tuple) and len(node.slice.elts) == 2 and name in _SHAPELESS:
            return _is_shapeless(node.slice.elts[1])  # dict[str, int] describes all of it
        return name in _SHAPELESS
    return chain(node).rpartition(".")[2] in _SHAPELESS


def _is_any_list(node: ast.expr) -> bool:
    """Return whether it is ``list`` without what is in it."""
    return isinstance(node, (ast.Name, ast.Attribute)) and chain(node).rpartition(".")[2] in ("list", "List")


def _answers(view: View) -> list[str]:
    return [route.name for route in view.served if not _speaks_for_itself(view, route)]


def _speaks_for_itself(view: View, route: Route) -> bool:
    """Return whether there is no JSON to describe: 204, a redirect, a file, a stream, a fixed text, nothing at all."""
    memo = route.handler.memo
    if "speaks" not in memo:
        answers = [one for one in route.handler.returned if not is_refusal(one)]
        returned = [one for one in answers if answers_json(view, one)]
        if len(returned) < len(answers):  # beside a file or a page, a text only says what went wrong
            returned = [one for one in returned if not is_message(getattr(one.node, "value", None))]
            returned = [one for one in returned if not _is_bare_response(getattr(one.node, "value", None))]
        fixed = does_nothing(view, route) and all(is_fixed(getattr(one.node, "value", None)) for one in returned)
        memo["speaks"] = _has_no_json(route) or fixed or not (returned or (not answers and route.handler.returned))
    return bool(memo["speaks"])


def _is_bare_response(node: ast.expr | None) -> bool:
    """Return whether it is a text that was made elsewhere, in one of several formats: ``Response(content=text)``."""
    return isinstance(node, ast.Call) and chain(node.func).rpartition(".")[2] == "Response"


def _has_no_json(route: Route) -> bool:
    status = route.options.get("status_code")
    if isinstance(status, ast.Constant):
        if status.value == 204:
            return True
    elif status is not None and "204" in chain(status):
        return True
    response = route.options.get("response_class")
    if response is not None and chain(response).rpartition(".")[2] not in ("JSONResponse", "ORJSONResponse"):
        return True
    if describes_success(route.options.get("responses")):
        return True
    hidden = route.options.get("include_in_schema")
    if isinstance(hidden, ast.Constant) and hidden.value is False:
        return True
    returns = getattr(route.handler.node, "returns", None)
    if isinstance(returns, ast.Constant) and returns.value is None:
        return True
    name = chain(returns).rpartition(".")[2]
    return name.endswith("Response") and name != "JSONResponse"


def _shapeless_out(view: View) -> Iterator[Hit]:
    for route in view.served:
        if _speaks_for_itself(view, route):
            continue
        model = route.options.get("response_model")
        returns = getattr(route.handler.node, "returns", None)
        if isinstance(model, ast.Constant) and model.value is None:
            model = None
        described = model or returns
        if described is not None:
            described = _unwrapped(view, described, route.handler.scope.parent or route.handler.scope)[0]
        if described is None or _is_shapeless(described):
            yield at_unit(route.handler, f"{route.name} answers JSON that no model describes")


RULES = (
    Rule(
        "models.input", "input_models", "production_ready", "high", "A body that no model checks",
        "Anything is passed on to the engine or the store: wrong types, unknown fields, megabytes.",
        "Take a pydantic model with bounds, extra=\"forbid\".",
        '''
@router.post("/products")
async def create_product(product: dict, tenant: Tenant, repo: Repo) -> Product:
    return await repo.add(tenant, product)
''',
        '''
@router.post("/products")
async def create_product(product: NewProduct, tenant: Tenant, repo: Repo) -> Product:
    return await repo.add(tenant, product)
''',
        _shapeless_in, _writes,
    ),
    Rule(
        "models.response", "response_models", "production_ready", "low", "An answer that no model describes",
        "Internal fields get out, clients have no schema, and a changed upstream breaks them unnoticed.",
        "Name a pydantic model as the return type or response_model.",
        '''
@router.get("/products/{product_id}")
async def get_product(product_id: str, tenant: Tenant, repo: Repo):
    return await repo.get(tenant, product_id)
''',
        '''
@router.get("/products/{product_id}")
async def get_product(product_id: str, tenant: Tenant, repo: Repo) -> Product:
    return await repo.get(tenant, product_id)
''',
        _shapeless_out, _answers,
    ),
)  # fmt: skip
