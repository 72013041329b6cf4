"""Break lines as the gateway's formatter would, for names of any length. Pure."""

from collections.abc import Iterable, Sequence

WIDTH = 110
"""Characters in a line of the gateway's project."""


def lay(opening: str, parts: Sequence[str], closing: str) -> str:
    """Write ``opening(a, b)closing`` on one line, else its parts on a line of their own, else one part a line."""
    inner = ", ".join(parts)
    one = f"{opening}{inner}{closing}"
    if len(one) <= WIDTH or not parts:
        return one
    outer = " " * (len(opening) - len(opening.lstrip()))
    middle = f"{outer}    {inner}"
    if len(middle) > WIDTH:
        middle = "\n".join(f"{outer}    {part}," for part in parts)
    return f"{opening}\n{middle}\n{outer}{closing}"


def lay_list(opening: str, items: Sequence[str]) -> str:
    """Write ``opening[a, b]`` on one line, else one item a line."""
    one = f"{opening}[{', '.join(items)}]"
    if len(one) <= WIDTH:
        return one
    outer = " " * (len(opening) - len(opening.lstrip()))
    return "\n".join([f"{opening}[", *(f"{outer}    {item}," for item in items), f"{outer}]"])


def lay_import(module: str, names: Iterable[str]) -> str:
    """Write a sorted import: CONSTANTS, Classes, functions; one name a line if they do not fit."""
    ordered = sorted(set(names), key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    one = f"from {module} import {', '.join(ordered)}"
    if len(one) <= WIDTH:
        return one
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in ordered) + ")"


def when(condition: object, *items: str) -> tuple[str, ...]:
    """Return the items if the condition holds, else none."""
    if not condition:
        return ()
    return items
