"""Describe the shapes of names that have no known layout, and write names as patterns."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from optimus_tui.dialects.shapes import LIMITER_WORDS

CACHE_PREFIX = b"cache:"
LOCK_PREFIX = b"optimus:lock:"
"""Locks of this product's actions, one a tenant."""

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


class Shape(Struct, frozen=True):
    """A shape of names. ``text`` ends in ``…`` where the names differ; it is not escaped for a screen."""

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
    """Counts names by shape: call ``add`` with heads, then read the ``SHOWN`` most frequent shapes from ``shapes``."""

    def __init__(self) -> None:
        self.count = 0
        self._heads: dict[bytes, int] = {}

    def add(self, heads: Mapping[bytes, int], others: int = 0) -> None:
        """Count names by their heads, and ``others`` names whose head is not known."""
        for head, number in heads.items():
            self._put(head, number)
        if others > 0:
            self._put(b"", others)

    def shapes(self) -> tuple[Shape, ...]:
        """Return the shapes; if there are many, those that share a long beginning are merged."""
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
    return any(LIMITER_WORDS.search(shape.text) for shape in shapes)


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
