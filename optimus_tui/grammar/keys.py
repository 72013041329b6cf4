"""Parse a key's name: its tenant, and the operation it counts or the kind of cache entry it is.

Any bytes give a ``ParsedKey``, never an exception. A name that starts like a known layout but does not follow it is
"unparsed" and has no tenant, so an action on a tenant can never touch it. A name that may be a counter is read and
judged as one; where its owner is in doubt it is marked, and actions leave it out.
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
"""A tenant with more colons than this is not looked up among the known ones, to keep parsing of hostile names cheap."""

_GLOB = re.compile(rb"([\\*?\[\]^-])")


class ParsedKey(Struct, frozen=True):
    """The parts of a name. ``kind`` is set for cache keys, ``operation`` for counters; ``rest`` is what follows them.

    ``doubt`` says why the owner of a counter is not certain ("" where it is): such a counter is shown and judged, and
    no action takes it. ``shape`` describes a name that does not follow the layout, "" for one that does.
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
    """Return the parts of ``name``.

    Args:
        name: the key's name.
        tenants: the known tenants (a set, for speed). They decide which colons belong to the tenant's name.
    """
    if name.startswith(LIMIT_PREFIX):
        return _limit(name)
    if name.startswith(CACHE_PREFIX):
        return _cache(name, tenants)
    if name.startswith(COHERENCE_PREFIX):
        rest = name[len(COHERENCE_PREFIX) :]
        if rest:
            return ParsedKey("coherence", rest=rest)
        return UNPARSED
    if name == EVENT_LOG:
        return ParsedKey("event log")
    if name == b"rate_limit":
        return ParsedKey("unparsed", shape="rate_limit")
    if name in (b"cache", b"cache_coherence"):
        return UNPARSED
    return OTHER


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
    """Return why the owner of this counter is not certain; "" where it is."""
    if not tenant:
        return EMPTY_TENANT
    if tenant.startswith(b":") or tenant.endswith(b":"):
        return EDGE_COLON
    if operation:
        return ""
    return NO_OPERATION


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
    """Return ``literal`` as a pattern for SCAN that matches only itself."""
    return _GLOB.sub(rb"\\\1", literal)
