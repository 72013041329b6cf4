"""Find pairs of rules that can match the same name, by walking through both templates at once."""

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from optimus_tui.dialects.machines import Machine, liked, machine_of
from optimus_tui.dialects.template import Template

MOST_PAIRS = 20_000
"""Pairs of states that are visited for two templates."""
MOST_VISITS = 60_000
"""The same for all rules of a profile."""
MOST_TRIES = 64
"""Names that are tried on both templates before they count as apart."""
MOST_NOTES = 10


class NameRule(Protocol):
    """A rule with a template. A fallback is meant for names that no rule before it matches."""

    @property
    def template(self) -> Template:
        """Return the template of its names."""

    @property
    def fallback(self) -> bool:
        """Return True if it may match names of rules before it, without this being a mistake."""


class _Budget:
    """How many pairs of states may still be visited."""

    def __init__(self, left: int) -> None:
        self.left = left


def conflict_notes(section: str, rules: Sequence[NameRule]) -> tuple[str, ...]:
    """Return a sentence for each pair of rules that can match the same name, and for what was not compared.

    Args:
        section: what the rules are called in the file, as ``limits``.
        rules: the rules in their order.
    """
    budget, notes, found = _Budget(MOST_VISITS), [], 0
    for at, later in enumerate(rules):
        if later.fallback:
            continue
        for earlier in rules[:at]:
            if (name := common_name(earlier.template, later.template, budget)) is None:
                continue
            found += 1
            if found <= MOST_NOTES:
                notes.append(
                    f"[[{section}]]: {earlier.template.text!a} and {later.template.text!a} both match {_shown(name)}; "
                    "the first one wins (fallback = true on the second says that this is meant)"
                )
    if found > MOST_NOTES:
        notes.append(f"[[{section}]]: {found - MOST_NOTES} more pairs of rules match the same names")
    if budget.left <= 0:
        notes.append(f"[[{section}]]: there are too many rules to compare each with all others")
    return tuple(notes)


def common_name(one: Template, other: Template, budget: _Budget | None = None) -> bytes | None:
    """Return a name that both templates match, with no empty capture; None if none was found.

    Args:
        one: A template.
        other: Another one.
        budget: How much may still be compared, for several calls together; None for the limit of a single call.
    """
    if not (one.head.startswith(other.head) or other.head.startswith(one.head)):
        return None
    budget = budget or _Budget(MOST_PAIRS)
    left, right = machine_of(one), machine_of(other)
    start = (0, 0)
    ways: dict[tuple[int, int], tuple[tuple[int, int], int | None] | None] = {start: None}
    queue, tries, visits = deque([start]), 0, 0
    while queue and visits < MOST_PAIRS and budget.left > 0:
        pair = queue.popleft()
        visits, budget.left = visits + 1, budget.left - 1
        if pair == (left.end, right.end):
            name = _spelled(ways, pair)
            if one.match(name) is not None and other.match(name) is not None:
                return name
            tries += 1
            if tries >= MOST_TRIES:
                return None
        for reached, byte in _steps(left, right, *pair):
            if reached not in ways:
                ways[reached] = (pair, byte)
                queue.append(reached)
    return None


def _steps(left: Machine, right: Machine, here: int, there: int) -> list[tuple[tuple[int, int], int | None]]:
    """Return the pairs of states after one more byte, or after a skip of one side (with None)."""
    steps: list[tuple[tuple[int, int], int | None]] = [((after, there), None) for after in left.skips[here]]
    steps += [((here, after), None) for after in right.skips[there]]
    for mask, after in left.moves[here]:
        for other, also in right.moves[there]:
            if mask & other:
                steps.append(((after, also), liked(mask & other)))
    return steps


def _spelled(ways: dict[tuple[int, int], tuple[tuple[int, int], int | None] | None], pair: tuple[int, int]) -> bytes:
    spelled = bytearray()
    while (step := ways[pair]) is not None:
        pair, byte = step
        if byte is not None:
            spelled.append(byte)
    return bytes(reversed(spelled))


def _shown(name: bytes) -> str:
    return repr(name[:80].decode("ascii", "backslashreplace")) + "…" * (len(name) > 80)
