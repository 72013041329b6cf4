"""Error handling: an upstream's fault becomes a status, no exception is swallowed, no inside is told outside."""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.facts import Scope
from optimus_tui.patterns.names import LOG_METHODS, chain, words
from optimus_tui.patterns.rule import Hit, Rule, at, at_unit
from optimus_tui.patterns.view import View

_BROAD = frozenset({"Exception", "BaseException"})


def _asking(view: View) -> list[str]:
    return [route.name for route in view.served if {"upstream", "db"} & view.flags(route)]


def _unmapped(view: View) -> Iterator[Hit]:
    everywhere = "maps" in view.app_flags
    for route in view.served:
        flags = view.flags(route)
        if not everywhere and {"upstream", "db"} & flags and "maps" not in flags:
            yield at_unit(route.handler, f"Missing error handling: a failing upstream makes {route.name} answer 500")


def _broad(handler: ast.ExceptHandler) -> bool:
    caught = getattr(handler.type, "elts", [handler.type] if handler.type else [])
    return handler.type is None or any(chain(one).rpartition(".")[2] in _BROAD for one in caught)


def _bare(view: View) -> Iterator[Hit]:
    for handler, _ in _handlers(view):
        base = handler.type is not None and chain(handler.type) == "BaseException"
        if (handler.type is None or base) and not _reraises(handler):
            yield at(
                handler,
                "A bare except also catches cancellation and exit: the request cannot be stopped",
                span=_head(handler),
            )


def _reraises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(one, ast.Raise) for one in ast.walk(handler))


def _swallowed(view: View) -> Iterator[Hit]:
    for handler, _ in _handlers(view):
        if _broad(handler) and _says_nothing(handler):
            yield at(handler, "The exception is swallowed: nobody will know that it happened", span=_head(handler))
    for unit in view.own_units if "suppress" in view.methods else ():
        for manager, _ in unit.withs:
            suppressed = (
                manager.args if isinstance(manager, ast.Call) and chain(manager.func).endswith("suppress") else []
            )
            if any(chain(one) in _BROAD for one in suppressed):
                yield at(manager, "suppress(Exception) swallows every exception: nobody will know that it happened")


def _says_nothing(handler: ast.ExceptHandler) -> bool:
    for one in ast.walk(handler):
        if isinstance(one, ast.Raise):
            return False
        if isinstance(one, ast.Call):
            spoken = words(chain(one.func))
            if not spoken.isdisjoint(
                LOG_METHODS | {"capture", "report", "abort", "notify", "inc", "observe", "record"}
            ):
                return False
        if (
            isinstance(one, ast.Return)
            and isinstance(one.value, ast.Call)
            and chain(one.value.func) not in ("dict", "list", "set")
        ):
            return False  # an answer of its own making: an error response, a fallback that says so
        if handler.name and isinstance(one, ast.Name) and one.id == handler.name:
            return False  # it goes somewhere
    return True


def _head(handler: ast.ExceptHandler) -> tuple[int, int]:
    return handler.lineno, handler.body[0].lineno


def _handlers(view: View) -> Iterator[tuple[ast.ExceptHandler, Scope]]:
    for unit in view.own_units:
        yield from unit.handlers


def _told(view: View) -> Iterator[Hit]:
    for unit in view.own_units:
        named = {handler.name for handler, _ in unit.handlers if handler.name and _broad(handler)}
        if not named:
            continue
        for seen in view.calls(unit):
            if seen.method in ("HTTPException", "JSONResponse") and _is_failure(seen.call.node):
                told = [one for one in ast.walk(seen.call.node) if isinstance(one, ast.Name) and one.id in named]
                if told:
                    yield at(
                        seen.call.node, "The exception's text goes to the caller: hosts, keys and queries stand in it"
                    )


def _is_failure(node: ast.Call) -> bool:
    numbers = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, int)]
    return any(500 <= number <= 599 for number in numbers) or "HTTP_5" in ast.dump(node)


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
