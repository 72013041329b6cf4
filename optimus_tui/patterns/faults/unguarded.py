"""Requests to another service whose faults nothing on the way catches, so that the caller gets a bare 500."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from optimus_tui.patterns.facts.model import BROAD, Class, Scope, Unit, catches_faults
from optimus_tui.patterns.facts.routes import Route
from optimus_tui.patterns.facts.waits import Clients, clients_given
from optimus_tui.patterns.faults.providers import NAMED, UNKNOWN, WRITTEN, is_of_a_library, library_of
from optimus_tui.patterns.source.resolve import External, Resolver, Seen
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import BENIGN, OF_VALIDATION, TRANSLATES, chain, words
from optimus_tui.syntax import walk

_DEEPEST = 3
_NARROW = {
    "httpx": frozenset({"HTTPStatusError", "InvalidURL", "TimeoutException", "ReadTimeout", "ConnectTimeout"}),
    "requests": frozenset({"HTTPError", "Timeout", "ReadTimeout", "ConnectTimeout", "JSONDecodeError", "InvalidURL"}),
    "aiohttp": frozenset({"ClientResponseError", "ContentTypeError", "InvalidURL"}),
    "stripe": frozenset({"CardError", "InvalidRequestError", "SignatureVerificationError"}),
    "elasticsearch": frozenset({"BadRequestError", "NotFoundError", "ConflictError", "RequestError"}),
    "opensearchpy": frozenset({"NotFoundError", "RequestError", "ConflictError"}),
    "keycloak": frozenset({"KeycloakAuthenticationError", "KeycloakInvalidTokenError", "KeycloakPostError"}),
    "openai": frozenset({"BadRequestError", "AuthenticationError", "RateLimitError"}),
}  # fmt: skip
"""What a library raises for some answers of a service, and not where the service cannot be reached."""
_TIMED_OUT = frozenset({"TimeoutError", "CancelledError"})
_OF_OTHERS = frozenset(
    {"sqlalchemy", "sqlmodel", "asyncpg", "psycopg", "psycopg2", "pymongo", "redis", "jose", "jwt", "pydantic", "json",
     "binascii", "tortoise", "peewee", "passlib", "zoneinfo", "decimal", "uuid", "yaml"}
)  # fmt: skip
_HTTP = frozenset({"httpx", "aiohttp", "requests", "urllib3"})
_RAISE_THEIR_OWN = _HTTP | {"stripe", "openai", "anthropic", "boto3", "elasticsearch", "smtplib"}
"""Packages that never let the errors of another client of HTTP through."""
_LATER = frozenset({"create_task", "ensure_future", "add_task", "submit", "run_coroutine_threadsafe"})


class Request(NamedTuple):
    """A call, of a function's own, that asks another service, and the package of the client that does."""

    seen: Seen
    library: str


def unguarded_request(view: View, route: Route) -> Request | None:
    """Return the handler's call to another service whose faults no ``except`` on the way catches.

    An ``except`` counts for what it catches: one of bad statuses leaves broken connections, one of a database's errors
    or of the project's own leaves all that a client's library raises.
    """
    # of dependencies only one that yields is still there when the handler asks, beside decorators and a route's class
    depended, around = list[Unit](), list[tuple[ast.expr, Scope]]()
    for node, scope in view.declared(route):
        if view.resolver.depended(node, scope) is None:
            around.append((node, scope))
        else:
            depended += view.way.started_by(node, scope)
    for arg, default, place in route.handler.given:
        for needed in view.way.dependencies(arg, default, place):
            depended += view.way.started_by(*needed)
    if any(_catches(view, *one) for one in around):
        return None
    unsure: set[str] = set()
    if "maps" in view.app_flags:  # what this project's own classes of errors stand for
        unsure = {WRITTEN, NAMED, UNKNOWN}
    elif "maps" in view.flags(route):
        unsure = {NAMED, UNKNOWN}
    found = [one for one in _unguarded(view, route.handler, 0, frozenset()) if one.library not in unsure]
    found = [one for one in found if not any(_answers_for(unit, one.library, view.resolver) for unit in depended)]
    return min(found, key=lambda one: one.library == UNKNOWN, default=None)


def _answers_for(dependency: Unit, library: str, resolver: Resolver) -> bool:
    """Return whether a dependency catches around its ``yield`` what a library raises in the handler, and answers it.

    FastAPI raises the handler's exception at the ``yield``; where a dependency keeps it, the answer is a 500.
    """
    for node, scope in dependency.memo.get("tried", ()):
        if any(isinstance(one, ast.Yield) for statement in node.body for one in walk(statement)):
            for handler in node.handlers:
                if _covers(handler, scope, library, resolver):
                    return any(isinstance(one, ast.Raise) for statement in handler.body for one in walk(statement))
    return False


def _catches(view: View, decorator: ast.expr, scope: Scope) -> bool:
    if "maps" in view.way.by_name(decorator, scope):
        return True
    return "maps" in view.way.done_by(view.way.started_by(decorator, scope))


def _unguarded(view: View, unit: Unit, depth: int, clients: Clients) -> tuple[Request, ...]:
    """Return the requests that a function lets through, one for each library."""
    kept: dict[tuple[int, Clients], tuple[Request, ...]] = unit.memo.setdefault("unguarded", {})
    key = (depth, clients)
    if key not in kept:
        kept[key] = ()  # a function that calls itself
        kept[key] = tuple({one.library: one for one in reversed(list(_find(view, unit, depth, clients)))}.values())
    return kept[key]


def _find(view: View, unit: Unit, depth: int, clients: Clients) -> Iterator[Request]:
    later: frozenset[int] | None = None
    for seen in view.calls(unit):
        if seen.call.scope is not unit.scope:
            continue  # a nested function runs where it is called
        asked = _asked_by(view, unit, seen, depth, clients)
        if asked and later is None:
            later = _run_later(unit)
        if asked and later is not None and id(seen.call.node) in later:
            continue
        for library in asked:
            if not _is_guarded(unit, seen, library, view.resolver):
                yield Request(seen, library)


def _asked_by(view: View, unit: Unit, seen: Seen, depth: int, clients: Clients) -> list[str]:
    """Return the packages whose clients a call may ask and let fail, itself or in a function of the project."""
    inner = seen.thing
    if not isinstance(inner, Unit):
        library = library_of(_with_type(seen, dict(clients)))
        if library:
            return [library]
        return []
    if inner.stub or depth >= _DEEPEST or inner is unit or "yielded" in inner.memo or _is_wrapped(view, inner):
        return []
    given = clients_given(seen, inner, view.resolver, clients, is_of_a_library)
    return [one.library for one in _unguarded(view, inner, depth + 1, given)]


def _with_type(seen: Seen, clients: dict[str, str]) -> Seen:
    """Return the call with its full name where it is one of a parameter that was given a client."""
    root, _, rest = seen.raw.partition(".")
    if seen.dotted or not rest or root not in clients:
        return seen
    return seen._replace(dotted=f"{clients[root]}.{rest}")


def _is_wrapped(view: View, unit: Unit) -> bool:
    """Return whether a decorator catches what the function raises."""
    outer = unit.scope.parent or unit.scope
    return any(_catches(view, one, outer) for one in unit.decorators)


def _run_later(unit: Unit) -> frozenset[int]:
    """Return the ids of calls whose faults go elsewhere: to a task, or into the results of ``asyncio.gather``."""
    found: set[int] = set()
    for node in walk(unit.node):
        if not isinstance(node, ast.Call):
            continue
        kept = any(word.arg == "return_exceptions" and _is_true(word.value) for word in node.keywords)
        if kept or chain(node.func).rpartition(".")[2] in _LATER:
            found.update(id(one) for given in node.args for one in walk(given) if isinstance(one, ast.Call))
    return frozenset(found)


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_guarded(unit: Unit, seen: Seen, library: str, resolver: Resolver) -> bool:
    """Return whether an ``except`` or a context manager around a call catches what a library raises."""
    line = seen.call.node.lineno
    for node, scope in unit.memo.get("tried", ()):
        if _is_in(line, node.body) and any(_covers(one, scope, library, resolver) for one in node.handlers):
            return True
    for node in unit.memo.get("managing", ()):
        spoken = [words(chain(item.context_expr)) for item in node.items]
        if any(one & (TRANSLATES | {"suppress", "breaker", "circuit"}) for one in spoken) and _is_in(line, node.body):
            return True
    return False


def _is_in(line: int, body: list[ast.stmt]) -> bool:
    return body[0].lineno <= line <= (body[-1].end_lineno or body[-1].lineno)


def _covers(handler: ast.ExceptHandler, scope: Scope, library: str, resolver: Resolver) -> bool:
    """Return whether it makes an answer of what a library raises where its service cannot be reached."""
    if not catches_faults(handler, scope):
        return False
    if handler.type is None:
        return True
    kinds = getattr(handler.type, "elts", [handler.type])
    return any(_is_fault_of(one, scope, library, resolver) for one in kinds)


def _is_fault_of(kind: ast.expr, scope: Scope, library: str, resolver: Resolver) -> bool:
    name = chain(kind).rpartition(".")[2]
    if name in BROAD:
        return True
    if name in BENIGN | OF_VALIDATION | _TIMED_OUT | _NARROW.get(library, frozenset()):
        return False
    thing = resolver.what(kind, scope)
    if isinstance(thing, Class):
        return _stands_on_library(thing, resolver)
    root = thing.dotted.partition(".")[0] if isinstance(thing, External) else ""
    of_another = root in _HTTP and library in _RAISE_THEIR_OWN and {root, library} != {"requests", "urllib3"}
    return root not in _OF_OTHERS and (root == library or not of_another)


def _stands_on_library(kind: Class, resolver: Resolver) -> bool:
    """Return whether a class of the project inherits from one that a client's library may raise."""
    scope = kind.unit.scope.parent or kind.unit.scope
    things = [(base, resolver.what(base, scope)) for base in kind.bases]
    return any(
        isinstance(thing, External) and chain(base).rpartition(".")[2] not in BROAD | {"HTTPException", "ValueError"}
        and "." in thing.dotted and thing.dotted.partition(".")[0] not in {"builtins", "fastapi", "starlette", "enum"}
        for base, thing in things
    )  # fmt: skip
