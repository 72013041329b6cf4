"""Routes as FastAPI reads them: a route that another hides, a parameter that nothing reads, a GET that writes."""

from collections.abc import Iterator

from optimus_tui.patterns.facts.path_parameters import unread_parameters
from optimus_tui.patterns.facts.writes import job_begun, writes_in
from optimus_tui.patterns.route_order import hidden_routes, shown_path
from optimus_tui.patterns.route_table import Entry, table_of
from optimus_tui.patterns.rule import Hit, Rule, at_unit
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import READS, words


def _hidden(view: View) -> Iterator[Hit]:
    for entry, by in hidden_routes(view):
        assert entry.handler is not None
        where = f"line {by.line}"
        if by.module is not view.module:
            where = f"{by.module.path}:{by.line}"
        other = f"{_verbs(by)} {shown_path(by.path)}"
        if by.handler is None:
            other = f"the application mounted at {shown_path(by.path)}"
        yield at_unit(
            entry.handler,
            f"{_verbs(entry)} {shown_path(entry.path)} never answers: {other} ({where}) is registered before it "
            "and takes its requests",
        )


def _verbs(entry: Entry) -> str:
    return "/".join(sorted(entry.methods)).upper()


def _unread(view: View) -> Iterator[Hit]:
    table = table_of(view.module, view.resolver)
    routes = {id(route.handler): route for route in view.routes}
    for event in table.events(view.module):
        route = routes.get(id(event.handler))
        if route is None or event.handler is None:
            continue
        path = table.written(event)
        unread = unread_parameters(route, path, view.resolver, view.units(route))
        if unread:
            named = " and ".join(f"{{{name}}}" for name in unread)
            yield at_unit(
                event.handler,
                f"The path {shown_path(path)} has {named}, and nothing in {event.handler.name}() reads it: every value "
                "gets the same answer",
            )


_VERBS = frozenset(
    {"add", "approve", "archive", "cancel", "clear", "create", "deactivate", "delete", "disable", "drop", "enable",
     "import", "insert", "install", "mark", "publish", "purge", "regenerate", "reject", "remove", "rename", "reset",
     "restore", "revoke", "rotate", "seed", "sync", "toggle", "trigger", "uninstall", "unlock", "unpublish", "update",
     "upsert", "wipe"}
)  # fmt: skip
_MAKES = frozenset({"create", "insert", "install", "store", "save", "register", "delete", "remove"})
"""Words of the functions that a GET with a harmless name writes by: ``get_or_create_settings``."""
_BY_LINK = frozenset(
    {"accept", "activate", "auth", "authorize", "callback", "confirm", "invitation", "invite", "login", "logout",
     "magic", "oauth", "optin", "optout", "redirect", "saml", "sso", "subscribe", "token", "unsubscribe", "verify",
     "verification", "webhook"}
)  # fmt: skip
"""What a browser follows a link for: it can send nothing but a GET."""


def _writing(view: View) -> Iterator[Hit]:
    for route in view.routes:
        if route.methods != {"get"}:
            continue
        spoken = words(route.name) | words(route.path)
        if spoken & _BY_LINK:
            continue
        if route.name.partition("_")[0] in READS:
            spoken = frozenset()  # get_trigger(): what is read is named so
        write = writes_in(route.handler, view.resolver)
        job = job_begun(route.handler, view.resolver) if write is None else None
        if write is not None and (spoken & _VERBS or words(write.function) & _MAKES):
            said = f"{write.raw}() (line {write.line}) changes what is stored"
        elif job is not None:
            said = f"{job.raw}() (line {job.line}) begins a job"
        else:
            continue
        yield at_unit(route.handler, f"GET {route.path or '/'} writes: {said}")


RULES = (
    Rule(
        "routes.hidden", "routing", "basic", "high", "A route hidden by an earlier one",
        "Routes are tried in the order in which they were registered: this one gets no request, and its callers get "
        "another route's answer, often a 422 or a 404.",
        "Register the more exact path first, or delete one of the two.",
        '''
@router.get("/products/{product_id}")
async def get_product(product_id: str) -> Product:
    return await repo.get(product_id)


@router.get("/products/newest")
async def newest_product() -> Product:
    return await repo.newest()
''',
        '''
@router.get("/products/newest")
async def newest_product() -> Product:
    return await repo.newest()


@router.get("/products/{product_id}")
async def get_product(product_id: str) -> Product:
    return await repo.get(product_id)
''',
        _hidden,
    ),
    Rule(
        "routes.unread_parameter", "routing", "basic", "medium", "A path parameter that the signature lacks",
        "The framework drops it: /products/1 and /products/2 are answered alike, and a parameter of another name is "
        "read from the query instead.",
        "Take it as a parameter of the same name, or take it out of the path.",
        '''
@router.get("/products/{product_id}")
async def get_product(id: str) -> Product:
    return await repo.get(id)
''',
        '''
@router.get("/products/{product_id}")
async def get_product(product_id: str) -> Product:
    return await repo.get(product_id)
''',
        _unread,
    ),
    Rule(
        "routes.get_writes", "routing", "comprehensive", "medium", "A GET that writes",
        "Browsers, crawlers, caches and link previews send GETs on their own and repeat them: each one writes again, "
        "and a page of another site can make a logged-in user's browser do it.",
        "Make it a POST, PUT, PATCH or DELETE.",
        '''
@router.get("/products/{product_id}/delete")
async def delete_product(product_id: int, session: AsyncSession = Depends(get_session)) -> None:
    await session.delete(await session.get(Product, product_id))
    await session.commit()
''',
        '''
@router.delete("/products/{product_id}", status_code=204)
async def delete_product(product_id: int, session: AsyncSession = Depends(get_session)) -> None:
    await session.delete(await session.get(Product, product_id))
    await session.commit()
''',
        _writing,
    ),
)  # fmt: skip
