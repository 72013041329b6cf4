"""Determine which jobs a unit does from its calls: limit, cache, invalidate, ask an upstream, map errors, log, count.

A name counts only where its definition is not in the tree; a definition in the tree must do the work itself.
"""

import ast
from functools import lru_cache
from typing import Literal, NamedTuple

from optimus_tui.patterns.facts.handed_on import is_kept_unread, jobs_handed_on
from optimus_tui.patterns.facts.keys import holds_tenant, reads_tenant
from optimus_tui.patterns.facts.model import (
    BROAD,
    DECLARED,
    IGNORED,
    IN_EXCEPT,
    TESTS_429,
    Bound,
    Class,
    Module,
    Scope,
    Unit,
    catches_faults,
    owners_of,
)
from optimus_tui.patterns.facts.routes import hollow_tenants
from optimus_tui.patterns.facts.statuses import answers_only_500
from optimus_tui.patterns.source import vocabulary
from optimus_tui.patterns.source.limiters import ends_request, makes_limiter, refuses
from optimus_tui.patterns.source.resolve import (
    External,
    InstanceOf,
    Resolver,
    Seen,
    Thing,
    seen_calls,
)
from optimus_tui.patterns.source.vocabulary import (
    LOG_METHODS,
    chain,
    first_argument,
    is_limiter,
    is_tenant,
    keeps_a_trail,
    text_of,
    words,
)

CacheCall = Literal["", "removes", "writes", "reads"]
_OF_OUR_OWN = vocabulary.DB | vocabulary.LOGGERS | vocabulary.COLLECTORS | {"test", "lock", "flag", "flags", "limit"}


class NamedJobs(NamedTuple):
    """The jobs that a name alone proves; the other fields say what must be checked in the call itself."""

    flags: frozenset[str] = frozenset()
    limiter: bool = False
    raises_number: bool = False
    """INCR: of a generation that is part of keys it is an invalidation."""
    cache: CacheCall = ""
    handlers: bool = False
    """Installs handlers of exceptions."""


NOTHING = NamedJobs()


@lru_cache(maxsize=50_000)
def is_invalidation(name: str) -> bool:
    """Return True if the name suggests an invalidation (delete, evict, purge)."""
    return not words(name).isdisjoint(vocabulary.INVALIDATES)


@lru_cache(maxsize=50_000)
def named_jobs(raw: str, dotted: str, visible: bool) -> NamedJobs:
    """Return what a name suggests.

    ``raw`` is the name as written, ``dotted`` by type or import, ``visible``: its source is in the tree.
    """
    owner, _, method = raw.rpartition(".")
    if not owner and not visible and "." in dotted:
        method = dotted.rpartition(".")[2].removesuffix("()")  # a method bound to a name of its own
    if not dotted and not owner and method in vocabulary.BUILTINS:
        return NOTHING
    spoken = words(method)
    about = words(owner) | words(dotted.rpartition(".")[0])
    redis = not about.isdisjoint(vocabulary.REDIS)
    caches = not (about | spoken).isdisjoint(vocabulary.CACHES)
    flags: set[str] = set()
    if method in vocabulary.COUNTING and owner:
        flags.add("counts")
    if not visible and not redis and not caches and "test" not in about:
        flags |= _asks(raw, dotted, method, about)
    if (method in LOG_METHODS and not about.isdisjoint(vocabulary.LOGGERS)) or keeps_a_trail(method, about):
        flags.add("logs")
    if not (about | spoken).isdisjoint(vocabulary.BREAKERS):
        flags.add("breaker")
    if dotted.partition(".")[0] not in vocabulary.DB_ROOTS and _measures(dotted, method, about, spoken, visible):
        flags.add("metrics")
    cache: CacheCall = ""
    if not spoken.isdisjoint(vocabulary.INVALIDATES) or (
        not spoken.isdisjoint(vocabulary.ANNOUNCES) and not about.isdisjoint(vocabulary.CHANNELS)
    ):
        flags.add("invalidates")
    elif (caches or redis) and not method[:1].isupper() and "pubsub" not in about:
        cache = cache_call(method, spoken, about, caches, visible)
    made = NamedJobs(
        frozenset(flags),
        is_limiter(raw) or is_limiter(dotted or raw),
        method in ("incr", "incrby"),
        cache,
        method == "add_exception_handler"
        or (not visible and "handlers" in spoken and not spoken.isdisjoint(vocabulary.FAILURES)),
    )
    if made == NOTHING:
        return NOTHING
    return made


def _asks(raw: str, dotted: str, method: str, about: frozenset[str]) -> set[str]:
    """Return ``upstream`` or ``remote`` for a request to another service, ``db`` for a query, or an empty set."""
    root = dotted.partition(".")[0]
    if root in vocabulary.LOCAL_ROOTS:
        return set()  # what its type is, goes before what it is called
    if root in vocabulary.DB_ROOTS:
        about = about | {"db"}
    kept = (dotted or raw).rpartition(".")[0].rpartition(".")[2]
    if kept.isupper():
        about = words(kept)  # a constant, whatever the file is called that it stands in
    framework = raw.startswith(("router.", "app.", "request.")) and raw.count(".") == 1
    if root in vocabulary.HTTP_ROOTS and (method in vocabulary.ASKS or method == "urlopen"):
        return {"upstream"}
    if method in vocabulary.ASKS and about & vocabulary.UPSTREAMS and not about & vocabulary.DB and not framework:
        return {"upstream"}
    if _is_clients(dotted, method, about):
        return {"remote"}
    if method in vocabulary.DB_ASKS and (root in vocabulary.DB_ROOTS or about & vocabulary.DB):
        return {"db"}
    return set()


def _is_clients(dotted: str, method: str, about: frozenset[str]) -> bool:
    """Return whether the method belongs to a type named as a client: ``IdentityClient``, ``LedgerGateway``."""
    typed = dotted.rpartition(".")[0].rpartition(".")[2]
    if not typed.endswith(("Client", "Gateway", "Sdk", "SDK")) or method[:1].isupper():
        return False
    return about.isdisjoint(_OF_OUR_OWN) and words(method).isdisjoint(vocabulary.PROVIDES)


def _measures(dotted: str, method: str, about: frozenset[str], spoken: frozenset[str], visible: bool) -> bool:
    if method in ("inc", "observe") or (about | spoken) & vocabulary.INSTRUMENTS:
        return True
    if method in vocabulary.MEASURES and (about & vocabulary.COLLECTORS or "prometheus_client" in dotted):
        return True
    return not visible and bool(spoken & vocabulary.MEASURES) and bool((about | spoken) & vocabulary.COLLECTORS)


def cache_call(method: str, spoken: frozenset[str], about: frozenset[str], caches: bool, visible: bool) -> CacheCall:
    """Return what is done to a cache or to Redis; nothing for releasing a lock and counting."""
    if spoken & vocabulary.REMOVES:
        return "removes"
    if spoken & vocabulary.CACHE_WRITES and "or" not in spoken:
        return "writes"
    if spoken & vocabulary.CACHE_READS or (caches and spoken & vocabulary.CACHES):
        provides = not about and not visible and "get" in spoken and len(spoken) <= 3
        if provides and caches and (spoken & {"manager", "client"} or spoken == {"get", "cache"}):
            return ""  # get_cache_manager() hands one over
        return "reads"
    return ""


def cache_jobs(seen: Seen, unit: Unit, call: CacheCall) -> set[str]:
    """Return which cache jobs a call on a cache or on Redis does, judged by its key."""
    if call == "writes":
        return {"cache_write"}
    if call == "removes":
        if key_mentions(seen, unit, ("lock", "session", "rate_limit")):
            return set()
        return {"invalidates"}
    others = ("rate_limit", "ratelimit", "limit:", "lock:", "session:")
    if key_mentions(seen, unit, others):
        return set()
    return {"cache_read"}


def key_mentions(seen: Seen, unit: Unit, parts: tuple[str, ...]) -> bool:
    """Return whether the key, in the call or under a name in the same function, contains one of the words."""
    first = first_argument(seen.call.node)
    if isinstance(first, ast.Name):
        bound = seen.call.scope.bindings.get(first.id)
        if isinstance(bound, Bound):
            first = bound.value
    text = (text_of(first) or "").lower()
    return any(part in text for part in parts)


class Jobs(NamedTuple):
    """The jobs that a function's own body does, and its calls that rules report."""

    flags: frozenset[str]
    ignored: tuple[Seen, ...]
    """Limiter calls whose result is not used."""


def jobs_of(unit: Unit, resolver: Resolver) -> Jobs:
    """Return what the function does itself, without the functions that it calls."""
    known: Jobs | None = unit.memo.get("jobs")
    if known is None:
        flags: set[str] = set()
        ignored: list[Seen] = []
        for seen in seen_calls(unit, resolver):
            if not seen.call.flags & DECLARED:
                _of_call(seen, unit, resolver, flags, ignored)
        _of_statements(unit, resolver, flags)
        flags |= jobs_handed_on(unit, resolver)
        if "refuses" in flags and "counts" not in flags and _asks_about_tenant(unit, resolver):
            flags.add("counts")
        if ignored:
            flags.add("unheeded")
        known = unit.memo["jobs"] = Jobs(frozenset(flags), tuple(ignored))
    return known


def is_stub(thing: Thing) -> bool:
    """Return True if a definition in the tree does nothing."""
    if isinstance(thing, Unit):
        return thing.stub
    owner = thing.of if isinstance(thing, InstanceOf) else thing
    if isinstance(owner, Class):
        return all(method.stub for name, method in owner.methods.items() if name != "__init__") and not owner.bases
    return False


def _of_call(seen: Seen, unit: Unit, resolver: Resolver, flags: set[str], ignored: list[Seen]) -> None:
    named = named_jobs(seen.raw, seen.dotted, seen.visible)
    if not seen.visible and not named.cache and seen.raw.rpartition(".")[0] in _keepers(unit.module):
        kept = cache_call(seen.method, words(seen.method), frozenset(), True, False)
        if kept:
            flags |= cache_jobs(seen, unit, kept)
    if named is NOTHING or (seen.visible and is_stub(seen.thing)):
        return
    flags |= named.flags
    if "invalidates" in named.flags and isinstance(seen.thing, Unit) and is_idle(seen.thing, resolver):
        flags.discard("invalidates")
    if named.limiter:
        _limits(seen, unit, flags, ignored, resolver)
    if named.raises_number and key_mentions(seen, unit, ("gen", "version", "epoch")):
        flags.add("invalidates")
    if named.cache and not isinstance(seen.thing, Class):
        flags |= cache_jobs(seen, unit, named.cache)
    if named.handlers and maps_faults(first_argument(seen.call.node), seen.call.scope, resolver):
        given = seen.call.node.args
        everything = len(given) == 2 and chain(given[0]).rpartition(".")[2] in BROAD
        if everything and answers_only_500(resolver.what(given[1], seen.call.scope), resolver):
            return
        flags |= {"maps", "handlers"}
        if maps_faults(first_argument(seen.call.node), seen.call.scope, resolver, of_libraries=True):
            flags.add("maps libraries")


def is_idle(unit: Unit, resolver: Resolver) -> bool:
    """Return whether a definition in the tree does nothing but write to a log."""
    if unit.stub:
        return True
    if unit.raised or unit.stored or unit.augmented or unit.withs:
        return False
    calls = seen_calls(unit, resolver)
    spoken = all(seen.method in LOG_METHODS or seen.raw in vocabulary.BUILTINS for seen in calls)
    return spoken and not any(isinstance(one, ast.Delete) for one in ast.walk(unit.node))


def _keepers(module: Module) -> frozenset[str]:
    """Return the names of objects that store values for a time in this file: ``shelf.set(key, value, ttl=60)``."""
    known: frozenset[str] | None = module.unit.memo.get("keepers")
    if known is None:
        units = [one for one in (module.unit, *module.units) if not one.keywords.isdisjoint(vocabulary.LIFETIMES)]
        calls = (call.node for unit in units for call in unit.calls if call.node.keywords)
        known = module.unit.memo["keepers"] = frozenset(
            chain(node.func).rpartition(".")[0]
            for node in calls
            if any(word.arg in vocabulary.LIFETIMES for word in node.keywords)
        ) - {""}
    return known


def _asks_about_tenant(unit: Unit, resolver: Resolver) -> bool:
    """Return whether code outside of the tree is given the tenant, and so may count its requests."""
    for seen in seen_calls(unit, resolver):
        if seen.visible or seen.method in LOG_METHODS or seen.method[:1].isupper() or "." not in seen.raw:
            continue
        node = seen.call.node
        if any(
            holds_tenant(one, seen.call.scope, unit) for one in (*node.args, *(word.value for word in node.keywords))
        ):
            return True
    return False


def maps_faults(caught: ast.expr | None, scope: Scope, resolver: Resolver, of_libraries: bool = False) -> bool:
    """Return whether an exception handler can answer an upstream's fault, by its exceptions or its status.

    Handlers for errors of a login library, of a limiter or of validation do not count.
    ``of_libraries``: as a client's library raises it, which is no class of the project.
    """
    if isinstance(caught, ast.Constant) and isinstance(caught.value, int):
        return caught.value >= 500
    name = chain(caught).rpartition(".")[2]
    if name in vocabulary.OF_VALIDATION:
        return False
    bound = scope.bound_to(caught)
    if isinstance(bound, Bound) and bound.each:  # one call in a loop over several kinds
        kinds = getattr(bound.value, "elts", [])
        return any(maps_faults(one, scope, resolver, of_libraries) for one in kinds) or not (kinds or of_libraries)
    thing = resolver.what(caught, scope)
    if not isinstance(thing, External):
        return not (of_libraries and isinstance(thing, Class))
    root = thing.dotted.partition(".")[0]
    if of_libraries and root in vocabulary.DB_ROOTS | vocabulary.REDIS:
        return False  # that of a database answers no other service's fault
    return name in BROAD or root in vocabulary.UPSTREAM_ROOTS


def _limits(seen: Seen, unit: Unit, flags: set[str], ignored: list[Seen], resolver: Resolver) -> None:
    name = seen.dotted or seen.raw
    last = seen.method
    known = "EnterpriseRateLimiter.check" in name
    unused = bool(seen.call.flags & IGNORED)
    if seen.visible:
        thing = seen.thing
        if not unused and isinstance(thing, Unit) and ends_request(seen, unit):
            flags.add("refuses")
        method_of = ""
        if isinstance(thing, Unit) and thing.owner is not None:
            method_of = thing.owner.name
        judges = isinstance(thing, Unit) and not words(last).isdisjoint(vocabulary.JUDGES) and _answers(thing)
        if unused and is_limiter(method_of) and judges:
            assert isinstance(thing, Unit)
            if not _raises(thing, resolver):
                ignored.append(seen)
        return
    if (
        last[:1].isupper()
        or words(last) & (vocabulary.PROVIDES | {"handler"})  # slowapi's answers, and counts nothing
        or last in ("limit_for", "remaining", "headers", "get_window_stats", "model_dump", "dict", "json")
        or words(seen.raw.rpartition(".")[0]) & vocabulary.STORES  # limits as rows of a table
    ):
        return
    if (unused and (known or last in vocabulary.VERDICT_METHODS)) or is_kept_unread(seen, unit):
        ignored.append(seen)
        return
    flags.add("limits")


def _answers(unit: Unit) -> bool:
    """Return whether the unit returns anything, so that there is a result to look at."""
    return any(isinstance(one.node, ast.Return) and one.node.value is not None for one in unit.returned)


def _raises(unit: Unit, resolver: Resolver, depth: int = 0) -> bool:
    """Return whether the unit, or one that it calls, raises an exception."""
    if unit.raised:
        return any(
            one.node.exc is not None and chain(one.node.exc) != "ValueError"
            for one in unit.raised
            if isinstance(one.node, ast.Raise)
        )
    if depth > 3:
        return False
    return any(
        isinstance(one.thing, Unit) and _raises(one.thing, resolver, depth + 1) for one in seen_calls(unit, resolver)
    )


def _of_statements(unit: Unit, resolver: Resolver, flags: set[str]) -> None:
    for raised in (*unit.raised, *unit.returned):
        if not raised.flags & (IN_EXCEPT | TESTS_429) and refuses(raised.node):
            flags.add("refuses")
    for augmented in unit.augmented:
        if isinstance(augmented.target, (ast.Subscript, ast.Attribute)):
            flags.add("counts")
    if "append" in unit.attrs and "len" in unit.loads:
        flags.add("counts")
    if any(catches_faults(handler, scope) for handler, scope in unit.handlers):
        flags.add("maps")
    if makes_limiter(unit, resolver):
        flags.add("limits")
    for name in unit.loads:
        if is_invalidation(name) and _visible_or_unknown(unit, name, resolver):
            flags.add("invalidates")
    if unit.is_async and any(words(chain(place.value)) & vocabulary.CACHES for place, _ in unit.stored):
        flags |= {"cache_read", "cache_write"}  # a dictionary of its own, and not one of what was set up
    if _knows_tenant(unit, resolver):
        flags.add("tenant")
    for manager, scope in unit.withs:
        spoken = words(chain(manager))
        if spoken.isdisjoint(vocabulary.TRANSLATES | {"breaker", "circuit"}) or is_stub(resolver.what(manager, scope)):
            continue
        if not spoken.isdisjoint({"breaker", "circuit"}):
            flags.add("breaker")
        unseen = isinstance(resolver.what(getattr(manager, "func", manager), scope), (External, type(None)))
        if unseen and not spoken.isdisjoint(vocabulary.TRANSLATES):
            flags.add("maps")


def _knows_tenant(unit: Unit, resolver: Resolver) -> bool:
    """Return whether a parameter, a name, an attribute or a header of the unit is, or belongs to, a tenant."""
    hollow = hollow_tenants(unit, resolver)
    if any(is_tenant(arg.arg) and arg.arg not in hollow for arg, _, _ in unit.given):
        return True
    if any(is_tenant(name) and name not in hollow and not _is_constant(unit, name) for name in unit.loads):
        return True
    if any(_is_tenants_header(arg.annotation, scope, resolver) for arg, _, scope in unit.given):
        return True
    if any(is_tenant(name) for name in unit.attrs) and reads_tenant(unit):
        return True
    owners = owners_of(unit.module)
    if owners and any(words(name) & owners for name in (*unit.attrs, *unit.loads)):
        return True
    return any("-" in text and len(text) <= 40 and " " not in text and is_tenant(text) for _, text in unit.strings)


def _is_tenants_header(annotation: ast.expr | None, scope: Scope, resolver: Resolver) -> bool:
    """Return whether the annotation is this project's alias for ``Annotated[str, Header(alias="X-Tenant-ID")]``."""
    alias = None
    if isinstance(annotation, (ast.Name, ast.Attribute)):
        alias = resolver.alias(annotation, scope)
    return alias is not None and any(
        isinstance(one, ast.keyword) and one.arg == "alias" and is_tenant(text_of(one.value) or "")
        for one in ast.walk(alias[0])
    )


def _is_constant(unit: Unit, name: str) -> bool:
    """Return whether the name is a module's constant such as ``TENANT = "demo"``, the same for every caller."""
    if name.isupper() and not words(name).isdisjoint(("multi", "enabled", "enable", "mode", "is", "single")):
        return True  # MULTI_TENANT: whether there are tenants, not which one asks
    bound = unit.module.scope.bindings.get(name)
    return isinstance(bound, Bound) and isinstance(bound.value, ast.Constant) and name not in unit.scope.bindings


def _visible_or_unknown(unit: Unit, name: str, resolver: Resolver) -> bool:
    found = resolver.what(ast.Name(name, ast.Load()), unit.scope)
    if isinstance(found, Unit) and is_idle(found, resolver):
        return False
    return not (found is not None and is_stub(found)) and not isinstance(found, (Class, Module))
