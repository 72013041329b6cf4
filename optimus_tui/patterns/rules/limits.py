"""Rate limiting: the requests of every public route are counted for each tenant, and the limit is enforced."""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.facts.jobs import jobs_of
from optimus_tui.patterns.facts.keys import key_of, lacks_tenant
from optimus_tui.patterns.facts.model import Unit
from optimus_tui.patterns.facts.own_work import asks_for_nothing
from optimus_tui.patterns.rule import Hit, Rule, at, at_unit
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import chain, first_argument, is_limiter, text_of, words

_INCREMENTS = ("incr", "incrby", "incrbyfloat")
_DATES = frozenset(
    {"expire", "pexpire", "expireat", "pexpireat", "setex", "psetex", "eval", "evalsha", "register_script"}
)


def _names(view: View) -> list[str]:
    return [route.name for route in view.served if not asks_for_nothing(view, route)]


def _missing(view: View) -> Iterator[Hit]:
    everywhere = "limits" in view.app_flags
    for route in view.served:
        if everywhere or asks_for_nothing(view, route):
            continue
        if view.flags(route).isdisjoint(("limits", "unheeded")):
            yield at_unit(route.handler, f"Missing rate limit: nothing counts and refuses requests to {route.name}")


def _unheeded(view: View) -> Iterator[Hit]:
    for unit in view.module.units:
        for seen in jobs_of(unit, view.resolver).ignored:
            yield at(seen.call.node, f"{seen.raw}() says whether the request may pass, and its result is not used")


def _immortal(view: View) -> Iterator[Hit]:
    if view.methods.isdisjoint(_INCREMENTS):
        return
    for unit in view.own_units:
        calls = view.calls(unit)
        if any(seen.method in _DATES for seen in calls):
            continue
        if any(word.arg in ("ex", "px", "exat", "pxat") for seen in calls for word in seen.call.node.keywords):
            continue
        for seen in calls:
            if seen.method in _INCREMENTS and "." in seen.raw and _counts_requests(unit, seen.call.node):
                yield at(
                    seen.call.node,
                    "The counter is never given an expiry: once over the limit, its tenant stays blocked",
                )


def _counts_requests(unit: Unit, node: ast.Call) -> bool:
    text = (text_of(key_of(node, unit)) or "").lower()
    if "rate" in words(text) or "limit" in text or "throttle" in text or "quota" in text:
        return True
    named = chain(first_argument(node))
    return is_limiter(named) or is_limiter(unit.name) or is_limiter(unit.owner_name)


def _shared(view: View) -> Iterator[Hit]:
    if view.methods.isdisjoint((*_INCREMENTS, "zadd", "hincrby")):
        return
    for unit in view.own_units:
        for seen in view.calls(unit):
            counts = seen.method in (*_INCREMENTS, "zadd", "hincrby") and _counts_requests(unit, seen.call.node)
            if counts and lacks_tenant(seen.call.node, seen.call.scope, unit):
                yield at(seen.call.node, "The counter's key holds no tenant: one tenant uses up the limit of all")


RULES = (
    Rule(
        "limits.missing", "rate_limiting", "basic", "high", "A route without a rate limit",
        "One caller can take the gateway and the engine behind it away from everybody else.",
        "Declare it on the route, its router or the app: dependencies=[Depends(rate_limited(\"list_products\"))] "
        "(EnterpriseRateLimiter); a request over the limit is answered 429 with Retry-After.",
        '''
@router.get("/products")
async def list_products(tenant: Tenant, repo: Repo) -> ProductPage:
    return await repo.page(tenant)
''',
        '''
@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(tenant: Tenant, repo: Repo) -> ProductPage:
    return await repo.page(tenant)
''',
        _missing, _names, profile="gateway", needs=("callers",), rests_on="limiter", absence=True,
    ),
    Rule(
        "limits.unheeded", "rate_limiting", "basic", "high", "The limiter's verdict is not looked at",
        "The request is counted, and passes whatever the limiter says.",
        "Raise HTTPException(429, headers={\"Retry-After\": …}) where the verdict says no.",
        '''
@router.get("/products")
async def list_products(tenant: Tenant, limiter: Limiter) -> list[str]:
    await limiter.is_allowed(tenant, "list_products")
    return []
''',
        '''
@router.get("/products")
async def list_products(tenant: Tenant, limiter: Limiter) -> list[str]:
    if not await limiter.is_allowed(tenant, "list_products"):
        raise HTTPException(429, headers={"Retry-After": "60"})
    return []
''',
        _unheeded, profile="gateway",
    ),
    Rule(
        "limits.no_expiry", "rate_limiting", "basic", "high", "A counter that never expires",
        "Without a TTL the window never ends: a tenant over its limit stays blocked until somebody deletes the key.",
        "Count and date the key in one step: a script with INCR and PEXPIRE, or SET key 0 EX 60 NX before INCR.",
        '''
async def require_limit(tenant: Tenant, redis: RedisCache) -> None:
    if await redis.incr(f"rate_limit:{tenant}:chat") > 100:
        raise HTTPException(429)
''',
        '''
async def require_limit(tenant: Tenant, redis: RedisCache) -> None:
    key = f"rate_limit:{tenant}:chat"
    await redis.set(key, 0, ex=60, nx=True)
    if await redis.incr(key) > 100:
        raise HTTPException(429)
''',
        _immortal, profile="gateway",
    ),
    Rule(
        "limits.key_without_tenant", "rate_limiting", "comprehensive", "high", "A counter that tenants share",
        "One busy tenant uses up the limit of all the others.",
        "Put the tenant into the key: rate_limit:{tenant}:{operation}.",
        '''
async def require_limit(tenant: Tenant, redis: RedisCache) -> None:
    await redis.set("rate_limit:chat", 0, ex=60, nx=True)
    if await redis.incr("rate_limit:chat") > 100:
        raise HTTPException(429)
''',
        '''
async def require_limit(tenant: Tenant, redis: RedisCache) -> None:
    await redis.set(f"rate_limit:{tenant}:chat", 0, ex=60, nx=True)
    if await redis.incr(f"rate_limit:{tenant}:chat") > 100:
        raise HTTPException(429)
''',
        _shared, profile="gateway", needs=("tenant",),
    ),
)  # fmt: skip
