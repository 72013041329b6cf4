"""Error handling: an upstream's fault becomes a status code, no exception is swallowed, and no internals are shown."""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.facts.error_texts import takes_any_error, tells
from optimus_tui.patterns.facts.model import BROAD, Scope, is_broad, reraises, says_nothing
from optimus_tui.patterns.facts.own_work import work_of
from optimus_tui.patterns.facts.statuses import status_of
from optimus_tui.patterns.faults.carried_texts import carried_texts, raised_texts
from optimus_tui.patterns.faults.hidden import answers_a_question, hides_failure
from optimus_tui.patterns.faults.providers import UNKNOWN
from optimus_tui.patterns.faults.unguarded import unguarded_request
from optimus_tui.patterns.rule import Hit, Rule, at, at_unit
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import chain, words

_ASKS = frozenset({"upstream", "remote"})


def _asking(view: View) -> list[str]:
    return [route.name for route in view.served if _ASKS & work_of(view, route) or unguarded_request(view, route)]


def _unmapped(view: View) -> Iterator[Hit]:
    if "maps libraries" in view.app_flags:
        return
    for route in view.served:
        if (request := unguarded_request(view, route)) is not None:
            name = request.seen.raw
            where = f"{name}() (line {request.seen.call.node.lineno})"
            hit = at_unit(route.handler, f"Missing error handling: where {where} fails, {route.name} answers 500")
            yield hit._replace(unresolved=name) if request.library == UNKNOWN else hit


def _bare(view: View) -> Iterator[Hit]:
    for handler, _ in _handlers(view):
        base = handler.type is not None and chain(handler.type) == "BaseException"
        if (handler.type is None or base) and not reraises(handler):
            yield at(
                handler,
                "A bare except also catches cancellation and exit: the request cannot be stopped",
                span=_head(handler),
            )


_ASKED_FOR = frozenset({"check", "test", "validate", "verify", "ping", "health", "probe", "status", "heartbeat"})
"""Words of a route whose answer is whether something failed."""


def _swallowed(view: View) -> Iterator[Hit]:
    asked = {id(route.handler.scope) for route in view.served if not words(route.name) & _ASKED_FOR}
    for handler, scope in _handlers(view):
        if not is_broad(handler, scope) or answers_a_question(handler, scope):
            continue
        if says_nothing(handler) or (id(scope) in asked and hides_failure(handler, scope, view.resolver)):
            yield at(handler, "The exception is swallowed: it is reported nowhere", span=_head(handler))
    yield from _dropped(view)
    for unit in view.own_units if "suppress" in view.methods else ():
        for manager, _ in unit.withs:
            suppressed = []
            if isinstance(manager, ast.Call) and chain(manager.func).endswith("suppress"):
                suppressed = manager.args
            if any(chain(one) in BROAD for one in suppressed):
                yield at(manager, "suppress(Exception) swallows every exception: none is reported")


def _dropped(view: View) -> Iterator[Hit]:
    """Yield hits of ``finally: return``, which discards an exception."""
    if b"finally" not in view.lines.data:
        return
    for node in ast.walk(view.module.tree):
        for one in node.finalbody if isinstance(node, (ast.Try, ast.TryStar)) else ():
            if isinstance(one, ast.Return):
                yield at(one, "A return in finally drops every exception that is on its way, cancellation too")


def _head(handler: ast.ExceptHandler) -> tuple[int, int]:
    return handler.lineno, handler.body[0].lineno


def _handlers(view: View) -> Iterator[tuple[ast.ExceptHandler, Scope]]:
    for unit in view.own_units:
        yield from unit.handlers


def _told(view: View) -> Iterator[Hit]:
    handlers = {id(route.handler) for route in view.routes if not route.websocket}
    found: dict[int, ast.AST] = {}
    for unit in view.own_units:
        if unit.handlers or "format_exc" in unit.attrs | unit.loads or takes_any_error(unit):
            for place in tells(unit, id(unit) in handlers, view.resolver):
                if not _is_hidden(place, unit.scope, view):
                    found[id(place)] = place
    lines = {getattr(place, "lineno", 0) for place in found.values()}
    for unit in view.own_units:
        for place in carried_texts(unit, view.resolver) if id(unit) in handlers else ():
            answer = place.exc if isinstance(place, ast.Raise) else place
            last = getattr(place, "end_lineno", 0) or 0
            seen = any(getattr(place, "lineno", 0) <= line <= last for line in lines)
            if not seen and answer is not None and not _is_hidden(answer, unit.scope, view):
                found[id(place)] = place
    for unit in view.own_units:
        raised = raised_texts(unit, view.resolver) if id(unit) in handlers else ()
        shown = [one for one in raised if not _is_hidden(one.place, one.scope, view)]
        if shown:
            found[id(shown[0].call)] = shown[0].call
    for place in found.values():
        yield at(place, "The exception's text goes to the caller: it may hold hosts, keys and queries")


def _is_hidden(place: ast.AST, scope: Scope, view: View) -> bool:
    """Return whether the application answers such an ``HTTPException`` without its detail."""
    if not isinstance(place, ast.Call) or not chain(place.func).endswith("HTTPException"):
        return False
    given = next((word.value for word in place.keywords if word.arg == "status_code"), None)
    status = status_of(given or next(iter(place.args), None), scope, view.resolver)
    return f"hides {status}" in view.app_flags


RULES = (
    Rule(
        "errors.unmapped", "error_handling", "basic", "high", "An upstream's fault becomes a bare 500",
        "The caller cannot tell their own mistake from an outage, and does not know whether to try again.",
        "Catch the client's errors and answer 404, 422, 502, 503 or 504, or install one handler for the whole app.",
        '''
@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(tenant: Tenant, http: HttpClient) -> ProductPage:
    return (await http.get("/api/products", headers={"X-Tenant-ID": tenant})).json()
''',
        '''
@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(tenant: Tenant, http: HttpClient) -> ProductPage:
    try:
        return (await http.get("/api/products", headers={"X-Tenant-ID": tenant})).json()
    except httpx.TimeoutException:
        raise HTTPException(504, "the engine did not answer in time") from None
    except httpx.HTTPError:
        raise HTTPException(502, "the engine could not be reached") from None
''',
        _unmapped, _asking, absence=True,
    ),
    Rule(
        "errors.bare_except", "error_handling", "comprehensive", "medium", "A bare except",
        "It catches CancelledError and SystemExit too: a cancelled request goes on, a shutdown hangs.",
        "Name the exceptions that can be handled here; `except Exception` where it must be all of them.",
        '''
async def load(client: Client) -> dict | None:
    try:
        return await client.load()
    except:
        logger.warning("load failed")
        return None
''',
        '''
async def load(client: Client) -> dict | None:
    try:
        return await client.load()
    except ConnectionError:
        logger.warning("load failed")
        return None
''',
        _bare,
    ),
    Rule(
        "errors.swallowed", "error_handling", "comprehensive", "high", "A swallowed exception",
        "The failure is invisible: no log line, no metric, a wrong answer with status 200.",
        "Narrow the exception, and log it, count it or answer with a status that says so.",
        '''
async def load(client: Client) -> dict:
    try:
        return await client.load()
    except Exception:
        return {}
''',
        '''
async def load(client: Client) -> dict:
    try:
        return await client.load()
    except ConnectionError:
        logger.warning("the client could not be reached")
        return {}
''',
        _swallowed,
    ),
    Rule(
        "errors.text_told", "error_handling", "comprehensive", "medium", "An exception's text in the answer",
        "Exceptions hold host names, keys, queries and sometimes passwords.",
        "Answer with a sentence of your own; log the exception.",
        '''
async def load(client: Client) -> dict:
    try:
        return await client.load()
    except Exception as error:
        raise HTTPException(500, str(error))
''',
        '''
async def load(client: Client) -> dict:
    try:
        return await client.load()
    except ConnectionError as error:
        logger.warning("load failed", exc_info=error)
        raise HTTPException(502, "the engine could not be reached") from None
''',
        _told,
    ),
)  # fmt: skip
