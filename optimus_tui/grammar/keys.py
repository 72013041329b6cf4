"""Parse a key's name into tenant and operation or kind, and describe the shape of names that have no known layout."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
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
EMPTY_TENANT = "the tenant in its name is empty"
EDGE_COLON = "the tenant in its name begins or ends with a colon"
ONE_PART = "its name has one part only: tenant and operation cannot be told apart"
NO_OPERATION = "the operation in its name is empty"
MAX_SHAPES = 256
MAX_BRANCHES = 12
"""A part that continues in more ways than this counts as varying."""
SHOWN = 10
HEAD_BYTES = 96
"""Only this many bytes of a name are read."""
PARTS, PART_BYTES = 3, 32
_DJANGO = re.compile(rb":[0-9]{1,2}:")
"""A framework's prefix with a version: literal although it holds a figure."""
_PART = re.compile(rb"([A-Za-z_.{}%@-]*|[A-Za-z][0-9])[:/|]")
_PARTS = re.compile(rb"([^:/|]*[:/|])")
_WORD = re.compile(rb"[A-Za-z_.{}%@-]+\Z")
_STEM = re.compile(rb"[A-Za-z_.{}%@-]*[-_.]")
_LIMITER = re.compile(
    r"limit(?!ed)|throttl|quota|gcra|(?:^|[^a-z])(?:rl|rlflx|token_?buckets?|leaky_?buckets?|bucket(?=:)|generic_key)(?:$|[^a-z])",
    re.IGNORECASE,
)
"""Words of limiters, and short ones that are a whole part of a name: ``rl:``, ``bucket:``, ``generic_key_``."""


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


class Shape(Struct, frozen=True):
    """A shape. ``text`` ends in ``…`` where names go on differently; raw text, not fit for a screen."""

    text: str
    count: int


def head_of(name: bytes) -> bytes:
    """Return the literal beginning of a name; empty where it varies from its first byte.

    A word without any separator (``celery``) is its own head and ends in a NUL byte, because nothing in it varies.
    """
    begin = name[:HEAD_BYTES]
    version = _DJANGO.match(begin)
    at = version.end() if version else 0
    for _ in range(PARTS):
        part = _PART.match(begin, at)
        if part is None or part.end() - at > PART_BYTES or part.end() == len(name):
            break
        at = part.end()
    if at:
        return begin[:at]
    if len(name) <= PART_BYTES and _WORD.match(name):
        return name + b"\0"
    stem = _STEM.match(begin[:PART_BYTES])
    if stem:
        return stem[0]
    return b""


def heads_of(names: Iterable[bytes]) -> dict[bytes, int]:
    """Return how many of the names begin with each head."""
    return Counter(head_of(name) for name in names)


class Shapes:
    """Counts names by shape: ``add`` heads, then read the ``SHOWN`` most frequent ones from ``shapes``."""

    def __init__(self) -> None:
        self.count = 0
        self._heads: dict[bytes, int] = {}

    def add(self, heads: Mapping[bytes, int], others: int = 0) -> None:
        """Count these heads, and ``others`` names whose head is not known."""
        for head, number in heads.items():
            self._put(head, number)
        if others > 0:
            self._put(b"", others)

    def shapes(self) -> tuple[Shape, ...]:
        """Return the shapes; where there are many, those with one long common beginning are merged."""
        heads = _folded(self._heads)
        ordered = sorted(heads.items(), key=lambda item: (-item[1], item[0]))
        if len(ordered) > SHOWN:
            kept = [item for item in ordered if item[0]][: SHOWN - 1]
            ordered = [*kept, (b"", self.count - sum(number for _, number in kept))]
        return tuple(Shape(_text(head), number) for head, number in ordered)

    def _put(self, head: bytes, number: int) -> None:
        self.count += number
        self._heads[head] = self._heads.get(head, 0) + number
        if len(self._heads) > MAX_SHAPES:
            ordered = sorted(_folded(self._heads).items(), key=lambda item: -item[1])
            self._heads = dict(ordered[: MAX_SHAPES // 4])
            rest = sum(number for _, number in ordered[MAX_SHAPES // 4 :])
            if rest:
                self._heads[b""] = self._heads.get(b"", 0) + rest


def looks_like_limiter(shapes: Iterable[Shape]) -> bool:
    """Return whether a shape names a limiter: limit, throttle, quota, gcra, or a part rl, bucket, generic_key."""
    return any(_LIMITER.search(shape.text) for shape in shapes)


def _folded(heads: Mapping[bytes, int]) -> dict[bytes, int]:
    """Return the heads; those with a common beginning that continues in too many ways are counted under it."""
    folded = dict(heads)
    for depth in range(1, PARTS):
        branches: dict[bytes, set[bytes]] = {}
        for head in folded:
            if len(parts := _parts(head)) > depth:
                branches.setdefault(b"".join(parts[:depth]), set()).add(parts[depth])
        for head in list(folded):
            begin = b"".join(_parts(head)[:depth])
            if head != begin and len(branches.get(begin, ())) > MAX_BRANCHES:
                folded[begin] = folded.get(begin, 0) + folded.pop(head)
    return folded


def _parts(head: bytes) -> list[bytes]:
    return [part for part in _PARTS.split(head) if part]


def _text(head: bytes) -> str:
    if head.endswith(b"\0"):
        return head[:-1].decode("ascii", "backslashreplace")
    return head.decode("ascii", "backslashreplace") + "…"
