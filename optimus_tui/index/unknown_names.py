"""What is told of the names of no known layout: how many there are, and what they look like."""

from optimus_tui.contract.keyspace import UnknownLayout
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.grammar.keys import SHOWN, Shapes, looks_like_limiter
from optimus_tui.wording.safe import safe_text


def unknown_layout(layout: KeyLayout, shapes: Shapes, unparsed: int) -> UnknownLayout:
    """Return what is told of names that no rule reads.

    Args:
        layout: The rules.
        shapes: The names that begin like none of them.
        unparsed: How many begin like a cache key and have too few parts.
    """
    shown = [(safe_text(one.text, 80), one.count) for one in shapes.shapes()]
    if unparsed:
        heads = ", ".join(safe_text(head, 40) + "…" for head in layout.cache_heads[:3])
        shown = sorted([*shown[: SHOWN - 1], (f"{heads} (too few parts)", unparsed)], key=lambda one: -one[1])
    return UnknownLayout(
        count=shapes.count + unparsed,
        shapes=tuple(shown),
        like_limiter=looks_like_limiter(shapes.shapes()),
        reads_limits=bool(layout.dialect.limits),
        reads_cache=bool(layout.dialect.cache),
    )
