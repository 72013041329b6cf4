"""Answers of a route: an HTTPException keeps its status code, and the documentation lists the codes that are raised."""

import ast
from collections.abc import Iterable, Iterator

from optimus_tui.patterns.assembly import OF_ROUTES, assembly_of, wrapped_registration
from optimus_tui.patterns.facts.model import Scope
from optimus_tui.patterns.facts.routes import Route
from optimus_tui.patterns.facts.statuses import (
    LostStatus,
    RaisedStatus,
    declared_statuses,
    lost_statuses,
    returned_statuses,
    statuses_of,
)
from optimus_tui.patterns.rule import Hit, Rule, at, at_unit
from optimus_tui.patterns.source.makers import Maker
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import option_of


def _lost(view: View) -> Iterator[Hit]:
    handlers = {id(route.handler) for route in view.routes if not route.websocket}
    for unit in view.module.units:
        for lost in lost_statuses(unit, view.resolver, id(unit) in handlers):
            head = (lost.handler.lineno, lost.handler.body[0].lineno)
            yield at(lost.handler, _said(lost), span=head)


def _said(lost: LostStatus) -> str:
    first = lost.raised[0]
    statuses = sorted({one.status for one in lost.raised})
    named = " and ".join(", ".join(map(str, statuses)).rsplit(", ", 1))
    where = f"line {first.node.lineno}"
    if first.by:
        where += f", in {first.by}()"
    return f"The HTTPException {named} ({where}) is caught here and answered as {lost.answered}"


def _undeclared(view: View) -> Iterator[Hit]:
    """Yield routes that name client errors, but not all that the handler raises, itself or in what it calls.

    They are named by the route, its router, or beside other answers of the route by other routes of the file. A 500 is
    no answer that a caller can do anything with.
    """
    if b"responses" not in view.lines.data:
        return
    named = [_named_for(route, view) for route in view.routes]
    usual = any(_has_client_error(own) for own, _, _ in named)
    for route, (own, of_router, makers) in zip(view.routes, named, strict=True):
        if own is None or of_router is None or not (_has_client_error(own | of_router) or (usual and own)):
            continue
        above = _named_above(view, makers)
        if above is None:
            continue
        by_status = {one.status: one for one in reversed(statuses_of(route.handler, view.resolver))}
        returned = returned_statuses(route.handler, view.resolver)
        answered: dict[int, ast.stmt | ast.expr] = {**returned, **{key: one.node for key, one in by_status.items()}}
        known = own | of_router | above | {422, 500}
        missing = {status: node for status, node in answered.items() if status >= 400 and status not in known}
        if missing:
            said = ", ".join(_placed(status, node, by_status) for status, node in sorted(missing.items()))
            whose = f"responses= of {route.name}" if own else f"responses= of the router of {route.name}"
            does = "which it raises" if missing.keys() <= by_status.keys() else "which it answers"
            yield at_unit(route.handler, f"{whose} does not name {said}, {does}")


def _named_for(route: Route, view: View) -> tuple[set[int] | None, set[int] | None, tuple[Maker, ...]]:
    """Return the statuses that a route and its router name, None where they cannot all be seen, and the router."""
    outer = route.handler.scope.parent or route.handler.scope
    makers: tuple[Maker, ...] = ()
    if isinstance(route.call.func, ast.Attribute):
        makers = assembly_of(view.project, view.module.path).makers(route.call.func.value, outer)
    own = declared_statuses(route.options.get("responses"), outer, view.resolver)
    given = [(one, made.scope) for made in makers if (one := option_of(made.call, "responses"))]
    return own, _named_by(given, view), makers


def _has_client_error(statuses: set[int] | None) -> bool:
    return any(400 <= status < 500 for status in statuses or ())


def _placed(status: int, node: ast.stmt | ast.expr, by_status: dict[int, RaisedStatus]) -> str:
    by = by_status[status].by if status in by_status else ""
    if by:
        return f"{status} (line {node.lineno}, in {by}())"
    return f"{status} (line {node.lineno})"


def _named_by(given: Iterable[tuple[ast.expr, Scope]], view: View) -> set[int] | None:
    """Return the statuses that some ``responses=`` name; None where they cannot all be seen."""
    named: set[int] = set()
    for one, scope in given:
        more = declared_statuses(one, scope, view.resolver)
        if more is None:
            return None
        named |= more
    return named


def _named_above(view: View, makers: tuple[Maker, ...]) -> set[int] | None:
    """Return the statuses that an application or an inclusion names, or any router where that of a route is not known.

    None where they cannot all be seen.
    """
    key = f"responses {sorted(id(one.call) for one in makers)}"
    memo = view.module.unit.memo
    if key not in memo:
        known = {id(one.call) for one in makers}
        here = [
            (word.value, seen.call.scope)
            for _, seen in view.every_call
            for word in seen.call.node.keywords
            if word.arg == "responses"
            and seen.method not in OF_ROUTES
            and (not known or id(seen.call.node) in known or seen.method in ("include_router", "FastAPI"))
            and wrapped_registration(seen.call.node) is None
        ]
        memo[key] = _named_by([*here, *assembly_of(view.project, view.module.path).options("responses", makers)], view)
    found: set[int] | None = memo[key]
    return found


RULES = (
    Rule(
        "errors.status_lost", "error_handling", "comprehensive", "high",
        "An HTTPException answered as something else",
        "HTTPException is an Exception: a 404 that the handler raises reaches its own `except Exception`, and the "
        "caller gets a 500, or a 200 that holds an error.",
        "Put `except HTTPException: raise` before it, narrow the `except`, or raise outside of the `try`.",
        '''
@router.get("/products/{product_id}")
async def get_product(product_id: str) -> Product:
    try:
        product = await repo.get(product_id)
        if product is None:
            raise HTTPException(404, "there is no such product")
        return product
    except Exception:
        logger.exception("reading failed")
        raise HTTPException(500, "reading failed") from None
''',
        '''
@router.get("/products/{product_id}")
async def get_product(product_id: str) -> Product:
    try:
        product = await repo.get(product_id)
    except RepositoryError:
        logger.exception("reading failed")
        raise HTTPException(503, "reading failed") from None
    if product is None:
        raise HTTPException(404, "there is no such product")
    return product
''',
        _lost,
    ),
    Rule(
        "responses.undeclared", "documentation", "comprehensive", "low",
        "A status that responses= does not name",
        "The documentation looks complete, so clients that are generated from it do not know this answer.",
        "Name it in responses=, beside the others.",
        '''
@router.post("/products", responses={404: {"model": Problem}})
async def add_product(new: NewProduct) -> Product:
    if await repo.shop(new.shop_id) is None:
        raise HTTPException(404, "there is no such shop")
    if await repo.exists(new.name):
        raise HTTPException(409, "the name is taken")
    return await repo.add(new)
''',
        '''
@router.post("/products", responses={404: {"model": Problem}, 409: {"model": Problem}})
async def add_product(new: NewProduct) -> Product:
    if await repo.shop(new.shop_id) is None:
        raise HTTPException(404, "there is no such shop")
    if await repo.exists(new.name):
        raise HTTPException(409, "the name is taken")
    return await repo.add(new)
''',
        _undeclared,
    ),
)  # fmt: skip
