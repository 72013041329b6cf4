"""What a route's handler does by its own calls, without the work of its dependencies.

Some handlers use no resource that needs a limit: pages, fixed documents and texts, messages whose signature is checked.
"""

import ast
import re
import sys
from collections.abc import Iterator

from optimus_tui.patterns.facts.jobs import jobs_of
from optimus_tui.patterns.facts.model import DECLARED, Bound, Raised, Unit
from optimus_tui.patterns.facts.routes import Route
from optimus_tui.patterns.source.resolve import Seen
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import (
    HTTP_VERBS,
    LOCAL_ROOTS,
    LOG_METHODS,
    READS,
    STORES,
    chain,
    returned_value,
    unawaited,
    words,
)
from optimus_tui.syntax import walk

_DEEPEST = 3
_ANY_ANSWER = frozenset({"", "Any"})
_BODIES = frozenset({"json", "data", "content", "body"})
_READ = frozenset({"get", "head", "options"})
_KEPT = frozenset({"db", "upstream", "remote", "cache_read"})
_NO_STORES = LOCAL_ROOTS | sys.stdlib_module_names | {"fastapi", "starlette", "pydantic", "celery"}
_OF_SETTINGS = frozenset({"settings", "setting", "config", "configuration", "constants"})
_REQUESTS = frozenset({"request", "req"})
_ENVELOPES = frozenset({"response", "success", "result", "reply", "answer", "envelope"})
_NO_JSON = ("Streaming", "File", "Redirect", "HTML", "PlainText", "Template", "EventSource", "Response")
_PAGES = frozenset({"TemplateResponse", "HTMLResponse", "_TemplateResponse"})
_DOCUMENTS = re.compile(r"\.well[-_]known|openid[-_]configuration|jwks|robots\.txt|sitemap|favicon|manifest\.json")
_ROOT = re.compile(r"(?:/api)?(?:/v\d+)?/?")
_SIGNED = frozenset({"construct_event", "validate_signature", "verify_signature", "verify_webhook", "compare_digest"})
_PROVES = frozenset(
    {"verify", "verified", "validate", "validates", "valid", "check", "checked", "compare", "authenticate"}
)
_BEFORE_SIGN_IN = frozenset(
    {
        "login", "signin", "logout", "signout", "signup", "register", "registration", "password", "forgot", "reset",
        "oauth", "oauth2", "sso", "saml", "callback", "webhook", "webhooks", "public", "marketplace",
    }
)  # fmt: skip


def work_of(view: View, route: Route) -> frozenset[str]:
    """Return the jobs of the handler and of what it calls, without a sign-in that asks an identity provider."""
    return frozenset().union(*(jobs_of(unit, view.resolver).flags for unit in called_by(view, route)))


def called_by(view: View, route: Route) -> list[Unit]:
    """Return the handler and the functions that it calls, three calls deep."""
    found: dict[int, Unit] = {}
    todo: list[tuple[Unit, int]] = [(route.handler, 0)]
    while todo:
        unit, depth = todo.pop()
        if id(unit) in found or depth > _DEEPEST:
            continue
        found[id(unit)] = unit
        todo += [(one.thing, depth + 1) for one in view.calls(unit) if isinstance(one.thing, Unit)]
    return list(found.values())


def is_page(view: View, route: Route) -> bool:
    """Return True if the route only shows a page in a browser: a GET that answers with a template or with HTML text."""
    if route.methods - {"get", "head"}:
        return False
    said = route.options.get("response_class")
    if said is not None and chain(said).rpartition(".")[2] == "HTMLResponse":
        return True
    made = [one.node.value for one in route.handler.returned if isinstance(one.node, ast.Return)]
    names = {chain(one.func).rpartition(".")[2] for one in made if isinstance(one, ast.Call)}
    return bool(names & _PAGES) and names <= _PAGES | {"RedirectResponse", "FileResponse"}


def is_document(route: Route) -> bool:
    """Return True if the route is a document that programs read before other requests: keys, discovery, robots.txt."""
    router = route.router if "well" in route.router else ""
    return not route.methods - {"get", "head"} and bool(_DOCUMENTS.search(f"{router} {route.path}".lower()))


def says_the_same(view: View, route: Route) -> bool:
    """Return True if a GET always gives the same answer: a greeting at the root, or a redirect to a fixed place."""
    unit = route.handler
    if route.methods - {"get", "head"} or any(isinstance(one, ast.Await) for one in walk(unit.node)):
        return False
    calls = [seen.method for seen in view.calls(unit) if seen.method != "url_for"]
    answers = [one.node.value for one in unit.returned if isinstance(one.node, ast.Return)]
    if calls:
        return set(calls) == {"RedirectResponse"} and unit.loads.isdisjoint(_given(unit))
    return _ROOT.fullmatch(route.path) is not None and bool(answers) and all(is_fixed(one) for one in answers)


def _given(unit: Unit) -> set[str]:
    """Return the parameters that hold what a caller says."""
    return {arg.arg for arg, _ in unit.params} - {"request"}


def is_signed(view: View, route: Route) -> bool:
    """Return whether the handler checks a signature: only the service that sends the messages can call it."""
    calls = (seen for unit in called_by(view, route) for seen in view.calls(unit))
    return any(seen.method in _SIGNED or _proves_signature(words(seen.method)) for seen in calls)


def _proves_signature(spoken: frozenset[str]) -> bool:
    return "signature" in spoken and not spoken.isdisjoint(_PROVES)


def asks_for_nothing(view: View, route: Route) -> bool:
    """Return True if the handler uses nothing that a caller could use up."""
    return is_page(view, route) or is_document(route) or says_the_same(view, route) or is_signed(view, route)


def is_before_sign_in(route: Route) -> bool:
    """Return True if the route serves callers who are not signed in: sign-in, callbacks, public pages."""
    spoken = set(re.findall(r"[a-z0-9]+", f"{route.path} {route.name}".lower()))
    return bool(spoken & _BEFORE_SIGN_IN)


def json_read(view: View, route: Route) -> ast.AST | None:
    """Return the call that reads JSON of any shape: ``request.json()``, or a text of the body that is loaded.

    Functions that the request is passed to are searched, too.
    """
    memo = route.handler.memo
    if "raw body" not in memo:
        memo["raw body"] = next((node for unit in given_request(view, route) for node in _loaded(view, unit)), None)
    found: ast.AST | None = memo["raw body"]
    return found


def given_request(view: View, route: Route) -> list[Unit]:
    """Return the handler, and the functions that it passes the request to."""
    found = [route.handler]
    for seen in view.calls(route.handler):
        given = [*seen.call.node.args, *(word.value for word in seen.call.node.keywords)]
        if isinstance(seen.thing, Unit) and any(chain(one) in _REQUESTS for one in given):
            found.append(seen.thing)
    return found


def _loaded(view: View, unit: Unit) -> Iterator[ast.AST]:
    calls = view.calls(unit)
    loads = any(seen.method in ("loads", "safe_load") and "." in seen.raw for seen in calls)
    for seen in calls:
        owner, _, method = seen.raw.rpartition(".")
        if owner in _REQUESTS and (method == "json" or (method == "body" and loads)):
            yield seen.call.node


def hands_body_on(view: View, route: Route) -> bool:
    """Return whether the body is only passed on to another service, which checks it: a proxy's route.

    A handler that reads single keys of the body does not count, even if it passes the body on.
    """
    todo: list[tuple[Unit, frozenset[str], int]] = [(one, frozenset(), 0) for one in given_request(view, route)]
    passed = False
    seen_units: set[tuple[int, frozenset[str]]] = set()
    while todo:
        unit, given, depth = todo.pop()
        held = given | _held_of_body(unit)
        if not held or (id(unit), held) in seen_units or depth > _DEEPEST:
            continue
        seen_units.add((id(unit), held))
        if any(_is_taken_apart(one, held) for one in walk(unit.node)):
            return False
        for seen in view.calls(unit):
            node = seen.call.node
            if isinstance(seen.thing, Unit):
                inner = _parameters_for(seen.thing, node, held)
                if inner:
                    todo += [(seen.thing, inner, depth + 1)]
            elif seen.method in HTTP_VERBS:
                passed = passed or any(word.arg in _BODIES and chain(word.value) in held for word in node.keywords)
    return passed


def _held_of_body(unit: Unit) -> frozenset[str]:
    """Return the names that hold the request's body or its JSON in a function."""
    found: set[str] = set()
    for node in walk(unit.node):
        if not isinstance(node, ast.Assign):
            continue
        called = [chain(one.func) for one in walk(node.value) if isinstance(one, ast.Call)]
        reads = any(name in ("request.json", "request.body", "req.json", "req.body") for name in called)
        loads = any(name.endswith(("loads", "dumps")) for name in called) and not found.isdisjoint(
            one.id for one in walk(node.value) if isinstance(one, ast.Name)
        )
        if reads or loads:
            found |= {one.id for one in node.targets if isinstance(one, ast.Name)}
    return frozenset(found)


def _is_taken_apart(node: ast.AST, held: frozenset[str]) -> bool:
    if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
        return False
    return isinstance(node.value, ast.Name) and node.value.id in held and isinstance(node.slice, ast.Constant)


def _parameters_for(unit: Unit, node: ast.Call, held: frozenset[str]) -> frozenset[str]:
    """Return the parameters of a function that a call gives the body to."""
    names = [arg.arg for arg, _ in unit.params if arg.arg not in ("self", "cls")]
    placed = {name for name, one in zip(names, node.args, strict=False) if chain(one) in held}
    return frozenset(placed | {word.arg for word in node.keywords if word.arg in names and chain(word.value) in held})


def validates(view: View, route: Route) -> bool:
    """Return whether a model checks what the request holds."""
    return any(
        seen.method
        in (
            "model_validate",
            "model_validate_json",
            "parse_obj",
            "validate_python",
            "convert",
            "decode",
            "parse_raw",
            "validate_json",
            "load",
            "loads_schema",
            "from_dict",
        )
        for unit in given_request(view, route)
        for seen in view.calls(unit)
    )


def is_message(node: ast.expr | None) -> bool:
    """Return whether a value is only a message: a dictionary of texts and numbers written in the source."""
    return isinstance(node, ast.Dict) and all(isinstance(one, ast.Constant) for one in node.values)


def answers_json(view: View, returned: Raised, depth: int = 0) -> bool:
    """Return whether a ``return`` answers JSON, as far as can be seen, also through functions of the project."""
    value = returned_value(returned.node)
    while isinstance(value, ast.Await):
        value = value.value
    if isinstance(value, ast.Name):
        bound = returned.scope.bindings.get(value.id)
        kept = getattr(bound, "value", None)
        if isinstance(bound, Bound) and not bound.many and isinstance(kept, (ast.Call, ast.Await)):
            value = unawaited(kept)
    if isinstance(value, ast.Call):
        made = chain(value.func).rpartition(".")[2]
        thing = view.resolver.what(value.func, returned.scope)
        if isinstance(thing, Unit):
            made = chain(getattr(thing.node, "returns", None)).rpartition(".")[2]
            own = [one for one in thing.returned if one.scope is thing.scope and not is_refusal(one)]
            if made in _ANY_ANSWER and thing.returned and depth < _DEEPEST:
                found = [one for one in own if answers_json(view, one, depth + 1)]
                if len(found) < len(own):  # what it has under a name is a response as well
                    found = [one for one in found if not isinstance(getattr(one.node, "value", None), ast.Name)]
                return bool(found)
        if made == "Response" and _holds_json(value):
            return True
        if made.endswith("Response") and (made.startswith(_NO_JSON) or "Streaming" in made):
            return False
    return value is not None and not (isinstance(value, ast.Constant) and value.value is None)


def is_refusal(returned: Raised) -> bool:
    """Return whether a ``return`` only reports an error: a response with a status of 400 or more."""
    value = returned_value(returned.node)
    if not isinstance(value, ast.Call) or not chain(value.func).endswith("Response"):
        return False
    status = next((word.value for word in value.keywords if word.arg == "status_code"), None)
    status = status or next(iter(value.args[1:2]), None)
    if isinstance(status, ast.Attribute):
        return status.attr.startswith(("HTTP_4", "HTTP_5"))
    return isinstance(status, ast.Constant) and isinstance(status.value, int) and status.value >= 400


def answers_a_file(route: Route) -> bool:
    """Return True if all that a route answers is an existing file."""
    made = [one.node.value for one in route.handler.returned if isinstance(one.node, ast.Return)]
    return bool(made) and all(isinstance(one, ast.Call) and chain(one.func).endswith("FileResponse") for one in made)


def is_fixed(node: ast.expr | None, inside: bool = False) -> bool:
    """Return whether a value is answered as it is written in the source: a text, a dictionary of texts and numbers.

    ``inside`` another value it may be empty.
    """
    if isinstance(node, ast.Dict):
        return (inside or bool(node.values)) and all(is_fixed(one, True) for one in node.values)
    if isinstance(node, (ast.List, ast.Tuple)):
        return (inside or bool(node.elts)) and all(is_fixed(one, True) for one in node.elts)
    if isinstance(node, ast.Call) and chain(node.func) in ("JSONResponse", "dict"):
        return all(is_fixed(one) for one in (*node.args, *(word.value for word in node.keywords)))
    return isinstance(node, ast.Constant) and node.value not in (None, "")


def does_nothing(view: View, route: Route) -> bool:
    """Return whether a GET makes no calls except for writing a log or building its answer."""
    called = {seen.method for seen in view.calls(route.handler) if not seen.call.flags & DECLARED}
    return route.methods <= _READ and called <= LOG_METHODS | {"JSONResponse", "dict"}


def describes_success(responses: ast.expr | None) -> bool:
    """Return True if ``responses=`` names a model for an answer with a 2xx status."""
    if not isinstance(responses, ast.Dict):
        return False
    for key, value in zip(responses.keys, responses.values, strict=True):
        status = str(getattr(key, "value", "")) if isinstance(key, ast.Constant) else chain(key).rpartition("HTTP_")[2]
        fields = value.keys if isinstance(value, ast.Dict) else []
        if status.startswith("2") and any(getattr(one, "value", "") == "model" for one in fields):
            return True
    return False


def _holds_json(made: ast.Call) -> bool:
    """Return whether a bare ``Response`` is given a text of JSON."""
    given = [*made.args, *(word.value for word in made.keywords)]
    if any(isinstance(one, ast.Constant) and one.value == 204 for one in given):
        return False
    return any(
        (isinstance(one, ast.Call) and chain(one.func) in ("json.dumps", "orjson.dumps"))
        or (isinstance(one, ast.Constant) and one.value == "application/json")
        for one in given
    )


def is_for_all(view: View, route: Route) -> bool:
    """Return True if the route cannot know a tenant, or needs none: before a sign-in, public, a page or a document."""
    return is_before_sign_in(route) or asks_for_nothing(view, route)


def touches_nothing(view: View, route: Route) -> bool:
    """Return whether a route needs no tenant: it is for all, or answers what is written there or what it was sent."""
    if is_for_all(view, route):
        return True
    handler = route.handler
    given = {arg.arg for arg, _ in handler.params}
    answers = [_in_its_envelope(view, returned_value(one.node), route) for one in handler.returned]
    told = [one for one in answers if one is not None and one.values]
    around = [one for one in handler.returned if isinstance(returned_value(one.node), ast.Call)]
    if len(view.calls(handler)) > len(around) or not answers or len(told) < len(answers):
        return False
    return all(_repeats(one, given) for each in told for one in each.values)


def _in_its_envelope(view: View, value: ast.expr | None, route: Route) -> ast.Dict | None:
    """Return an answer that is a dictionary, also where a function of the project only puts it into its form."""
    if isinstance(value, ast.Dict):
        return value
    if not isinstance(value, ast.Call) or value.args or words(chain(value.func)).isdisjoint(_ENVELOPES):
        return None
    makers = [seen.thing for seen in view.calls(route.handler) if seen.call.node is value]
    if not all(isinstance(one, Unit) and _KEPT.isdisjoint(view.way.done_by([one])) for one in makers) or not makers:
        return None
    return ast.Dict([None for _ in value.keywords], [word.value for word in value.keywords])


def _repeats(node: ast.expr, given: set[str]) -> bool:
    """Return whether a value is written there, or is what was sent: also in a dictionary of such values."""
    if isinstance(node, ast.Dict):
        return all(_repeats(one, given) for one in node.values)
    return isinstance(node, ast.Constant) or chain(node) in given or chain(node).startswith("status.HTTP_")


def is_from_a_store(view: View, route: Route) -> bool:
    """Return whether the answer can grow with use because it comes from a database, a cache or another service.

    Lists that the code or the machine defines (currencies, processes, installed plugins) do not grow. If a call cannot
    be followed, True.
    """
    if _KEPT & work_of(view, route):
        return True
    return any(_may_ask_a_store(seen) for seen in view.calls(route.handler))


def _may_ask_a_store(seen: Seen) -> bool:
    owner, _, _ = (seen.dotted or seen.raw).rpartition(".")
    if not owner or seen.dotted.partition(".")[0] in _NO_STORES:
        return False
    if words(owner) & (STORES | {"store", "storage", "database"}):
        return True
    if not seen.visible and words(owner) & _OF_SETTINGS:
        return False
    is_open = isinstance(seen.thing, Unit) and seen.thing.stub
    asks = bool(words(seen.method) & (READS - {"search"})) and seen.method not in ("get", "read")
    return asks and (is_open or not seen.visible)
