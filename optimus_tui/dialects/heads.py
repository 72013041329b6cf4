"""Recognise presets by how names begin, for places where only the beginnings of names are known."""

from collections.abc import Iterable
from functools import cache

from optimus_tui.dialects.load import load_preset, preset_names
from optimus_tui.dialects.template import Template

SHORTEST, LONG_ENOUGH, LEAST = 5, 12, 3
"""Bytes of a beginning that tells a preset, of one that does so whatever follows, and of one that others could mean."""


@cache
def exclusive_heads() -> tuple[tuple[bytes, tuple[str, ...]], ...]:
    """Return the beginnings that only one preset has (or several with the same names), each with these presets."""
    presets = [load_preset(name) for name in preset_names()]
    signs: dict[bytes, list[str]] = {}
    for preset in presets:
        for head in {sign.head for sign in preset.signs if _tells(sign)}:
            signs.setdefault(head, []).append(preset.name)
    heads = {
        preset.name: {rule.template.head for rule in preset.limits} | {rule.template.head for rule in preset.cache}
        for preset in presets
    }
    found = []
    for head, names in signs.items():
        others = {one for name, of in heads.items() if name not in names for one in of if len(one) >= LEAST}
        if len(head) >= SHORTEST and not any(one.startswith(head) or head.startswith(one) for one in others):
            found.append((head, tuple(names)))
    return tuple(found)


def _tells(sign: Template) -> bool:
    """Return whether the beginning of a sign tells the preset without what follows."""
    return sign.text.endswith("{any...}") or len(sign.head) >= LONG_ENOUGH


def presets_of(shapes: Iterable[str]) -> tuple[str, ...]:
    """Return the presets that these shapes of names (such as ``LIMITS:LIMITER/…``) belong to."""
    found: dict[str, None] = {}
    for shape in shapes:
        begin = shape.removesuffix("…").encode("ascii", "replace")
        for head, names in exclusive_heads():
            if begin.startswith(head):
                found |= dict.fromkeys(names)
    return tuple(found)
