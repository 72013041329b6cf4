r"""What a key's name says: whose it is and what it counts or caches.

Total: any bytes give a ``ParsedKey``, never an exception. It refuses to guess: a name that starts like one of ours and
does not follow the grammar is "unparsed" and has no tenant, so nothing done to a tenant can ever touch it. Whatever may
be a counter is read and judged as one; where its owner is in doubt it is marked, and actions leave it out.
"""

import re
from collections.abc import Collection
from typing import Literal

from msgspec import Struct

Family = Literal["limit", "cache", "coherence", "event log", "other", "unparsed"]

LIMIT_PREFIX = b"rate_limit:"
CACHE_PREFIX = b"cache:"
COHERENCE_PREFIX = b"cache_coherence:"
EVENT_LOG = b"cache_coherence_events"
LOCK_PREFIX = b"optimus:lock:"
"""Locks of this product's actions, one a tenant."""

MAX_TENANT_PARTS = 32
"""A tenant with more colons than this is not looked for among the known ones: parsing stays cheap for hostile names."""

_GLOB = re.compile(rb"([\\*?\[\]^-])")


class ParsedKey(Struct, frozen=True):
    """``kind`` is set for cache keys, ``operation`` for counters; ``rest`` is what follows the last part named here.

    ``doubt`` says why nobody can be certain whose counter this is ("" where there is no doubt): such a counter is shown
    and judged, and no action takes it. ``shape`` is how a name outside the layout looks, "" for a name that follows it.
    """

    family: Family
    tenant: bytes = b""
    kind: bytes = b""
    operation: bytes = b""
    rest: bytes = b""
    doubt: str = ""
    shape: str = ""


EMPTY_TENANT = "the tenant in its name is empty"
EDGE_COLON = "the tenant in its name begins or ends with a colon"
ONE_PART = "its name has one part only: tenant and operation cannot be told apart"
NO_OPERATION = "the operation in its name is empty"

UNPARSED = ParsedKey("unparsed")
OTHER = ParsedKey("other")


def parse_key(name: bytes, tenants: Collection[bytes] = frozenset()) -> ParsedKey:
    """The parts of ``name``. ``tenants`` are the known ones (a set, for speed): they settle whose colons are whose."""
    if name.startswith(LIMIT_PREFIX):
        return _limit(name)
    if name.startswith(CACHE_PREFIX):
        return _cache(name, tenants)
    if name.startswith(COHERENCE_PREFIX):
        rest = name[len(COHERENCE_PREFIX) :]
        return ParsedKey("coherence", rest=rest) if rest else UNPARSED
    if name == EVENT_LOG:
        return ParsedKey("event log")
    if name == b"rate_limit":
        return ParsedKey("unparsed", shape="rate_limit")
    return UNPARSED if name in (b"cache", b"cache_coherence") else OTHER


def _limit(name: bytes) -> ParsedKey:
    tail = name[len(LIMIT_PREFIX) :]
    if not tail:
        return ParsedKey("unparsed", shape="rate_limit:")
    tenant, colon, operation = tail.rpartition(b":")
    if not colon:
        return ParsedKey("limit", tenant=tail, doubt=ONE_PART, shape="rate_limit:…")
    shape = "" if operation else "rate_limit:…:"
    return ParsedKey("limit", tenant=tenant, operation=operation, doubt=doubt_of(tenant, operation), shape=shape)


def doubt_of(tenant: bytes, operation: bytes) -> str:
    """Why nobody can be certain whose counter this is; "" where there is no doubt."""
    if not tenant:
        return EMPTY_TENANT
    if tenant.startswith(b":") or tenant.endswith(b":"):
        return EDGE_COLON
    return "" if operation else NO_OPERATION


def _cache(name: bytes, tenants: Collection[bytes]) -> ParsedKey:
    kind, _, tail = name[len(CACHE_PREFIX) :].partition(b":")
    tenant, _, rest = tail.partition(b":")
    if not (kind and tenant and rest):
        return UNPARSED
    if b":" in rest:
        tenant, rest = _longest_known(tail, tenants) or (tenant, rest)
    return ParsedKey("cache", tenant=tenant, kind=kind, rest=rest)


def _longest_known(tail: bytes, tenants: Collection[bytes]) -> tuple[bytes, bytes] | None:
    found, start = None, 0
    for _ in range(MAX_TENANT_PARTS):
        colon = tail.find(b":", start)
        if colon < 0 or colon + 1 == len(tail):
            break
        if tail[:colon] in tenants:
            found = tail[:colon], tail[colon + 1 :]
        start = colon + 1
    return found


def escape_glob(literal: bytes) -> bytes:
    """``literal`` as a pattern for SCAN that matches only itself."""
    return _GLOB.sub(rb"\\\1", literal)
