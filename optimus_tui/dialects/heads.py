"""Tell presets and rules by how names begin and what they hold, before any template is matched."""

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from typing import NamedTuple, TypeVar

from optimus_tui.dialects.load import load_preset, preset_names
from optimus_tui.dialects.model import NO_KIND, CacheRule, LimitRule
from optimus_tui.dialects.template import HEX, IGNORED, Template

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


Rule = TypeVar("Rule", LimitRule, CacheRule)


def by_first_byte(rules: Iterable[Rule]) -> tuple[tuple[tuple[Rule, bytes, bytes], ...], ...]:
    """Return, for each first byte of a name, the rules that can match it, each with its head and its longest literal.

    A name that lacks a rule's literal is excluded by one search, before the template is tried. So a name that is not a
    counter's costs the same under twenty rules as under two.
    """
    known = [(rule, rule.template.head, max(rule.template.literals, key=len)) for rule in rules]
    return tuple(tuple(one for one in known if one[1][:1] in (b"", bytes([first]))) for first in range(256))


def least_heads(templates: Collection[Template]) -> tuple[bytes, ...]:
    """Return the literal beginnings, without those that begin with another one."""
    heads = sorted({one.head for one in templates}, key=len)
    kept: list[bytes] = []
    for head in heads:
        if not head.startswith(tuple(kept)):
            kept.append(head)
    return tuple(kept)


def needed_literals(rules: Iterable[tuple[bytes, ...]]) -> tuple[tuple[bytes, int], ...]:
    """Return the longest literal of each rule and how often its names contain it, without literals that others imply.

    Args:
        rules: The literals of each rule.
    """
    kept: list[tuple[bytes, int]] = []
    for literals in sorted(rules, key=lambda one: len(max(one, key=len))):
        if not any(_holds(literals, needed) >= times for needed, times in kept):
            longest = max(literals, key=len)
            kept.append((longest, _holds(literals, longest)))
    return tuple(kept)


def _holds(literals: Iterable[bytes], needed: bytes) -> int:
    return sum(one.count(needed) for one in literals)


class SharedGroup(NamedTuple):
    """The kind and tenant that one rule for cache keys gives to all its names.

    ``looks_so`` returns None for other names, ``apart`` are the beginnings of names that a rule before it may take, and
    ``group`` is the kind and the tenant. ``is_hex``: True if all its names are hexadecimal digits and nothing else.
    """

    looks_so: Callable[[bytes], object]
    apart: tuple[bytes, ...]
    group: tuple[bytes, bytes]
    is_hex: bool


def shared_groups(rules: Iterable[CacheRule], apart: Iterable[bytes]) -> Iterator[SharedGroup]:
    """Yield the kind and tenant of each rule that gives all its names the same ones.

    Args:
        rules: The rules for cache keys in order. Those after one that begins with a capture are left out.
        apart: The beginnings of names that belong to other things.
    """
    heads = list(apart)
    for rule in rules:
        template = rule.template
        if all(one.name in IGNORED or (one.name == "rest" and one.looks) for one in template.captures):
            group = rule.kind.encode() or NO_KIND, rule.tenant.encode()
            is_hex = not any(template.literals) and all(one.looks in HEX for one in template.captures)
            yield SharedGroup(template.quick_check(), tuple(heads), group, is_hex)
        elif template.head:
            heads.append(template.head)
        else:
            return
