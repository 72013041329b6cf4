"""Error handling: an upstream's fault becomes a status, no exception is swallowed, and no internals are exposed."""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.facts.model import BROAD, Scope, is_broad, may_tell_too_much, reraises, says_nothing
from optimus_tui.patterns.rule import Hit, Rule, at, at_unit
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import chain

_ASKS = frozenset({"upstream", "remote"})
_STATUS = ("response", "status_code")


def _asking(view: View) -> list[str]:
    return [route.name for route in view.served if _ASKS & view.flags(route)]


def _unmapped(view: View) -> Iterator[Hit]:
    everywhere = "maps" in view.app_flags
    for route in view.served:
        flags = view.flags(route)
        if not everywhere and _ASKS & flags and "maps" not in flags:
            yield at_unit(route.handler, f"Missing error handling: a failing upstream makes {route.name} answer 500")


def _bare(view: View) -> Iterator[Hit]:
    for handler, _ in _handlers(view):
        base = handler.type is not None and chain(handler.type) == "BaseException"
        if (handler.type is None or base) and not reraises(handler):
            yield at(
                handler,
                "A bare except also catches cancellation and exit: the request cannot be stopped",
                span=_head(handler),
            )


def _swallowed(view: View) -> Iterator[Hit]:
    for handler, scope in _handlers(view):
        if is_broad(handler, scope) and says_nothing(handler):
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
    for unit in view.own_units:
        named = {handler.name for handler, scope in unit.handlers if handler.name and may_tell_too_much(handler, scope)}
        if not named and "format_exc" not in unit.attrs | unit.loads:
            continue
        for seen in view.calls(unit):
            node = seen.call.node
            if seen.method != "HTTPException" and (seen.method != "JSONResponse" or not _is_failure(node)):
                continue
            if _names_any(node, named):
                yield at(node, "The exception's text goes to the caller: hosts, keys and queries stand in it")


def _names_any(node: ast.Call, named: set[str]) -> bool:
    """Return whether the exception, or its trace, is part of the response; the status that it carries is harmless."""
    inside = list(ast.walk(node))
    status = {id(one.value) for one in inside if isinstance(one, ast.Attribute) and one.attr in _STATUS}
    return any(
        (isinstance(one, ast.Name) and one.id in named and id(one) not in status)
        or (isinstance(one, ast.Call) and chain(one.func).rpartition(".")[2] == "format_exc")
        for one in inside
    )


def _is_failure(node: ast.Call) -> bool:
    numbers = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, int)]
    return any(400 <= number <= 599 for number in numbers) or "HTTP_5" in ast.dump(node)


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
        _unmapped, _asking,
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
