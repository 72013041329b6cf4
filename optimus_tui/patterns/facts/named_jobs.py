"""Determine what a call does from the words of its name. Each name is analysed once, because names repeat."""

from functools import lru_cache
from typing import Literal, NamedTuple

from optimus_tui.patterns import vocabulary
from optimus_tui.patterns.source.names import LOG_METHODS, is_limiter, words

CacheCall = Literal["", "removes", "writes", "reads"]


class NamedJobs(NamedTuple):
    """The flags that the name alone gives; the other fields say what must be checked in the call itself."""

    flags: frozenset[str] = frozenset()
    limiter: bool = False
    raises_number: bool = False
    """INCR: of a generation that is part of keys it is an invalidation."""
    cache: CacheCall = ""
    handlers: bool = False
    """Installs handlers of exceptions."""


NOTHING = NamedJobs()
_OF_OUR_OWN = vocabulary.DB | vocabulary.LOGGERS | vocabulary.COLLECTORS | {"test", "lock", "flag", "flags", "limit"}


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
    if method in LOG_METHODS and not about.isdisjoint(vocabulary.LOGGERS):
        flags.add("logs")
    if not (about | spoken).isdisjoint(vocabulary.BREAKERS):
        flags.add("breaker")
    if _measures(dotted, method, about, spoken, visible):
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
    """Return what is done to a cache or to Redis."""
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
