"""A drill: what was injected, what counts as found and as fixed, and what came of it. Light: the command line reads it.

Times are seconds of the machine's steady clock, which all processes of one boot share.
"""

from typing import NamedTuple


class Truth(NamedTuple):
    """Of a scenario. ``rules``: findings that show its fault (with ``subject`` in their subject, where given).
    ``issues``: what is rightly looked at. ``cure``: what ends it, in words."""

    rules: tuple[str, ...] = ()
    subject: str = ""
    issues: tuple[str, ...] = ()
    cure: str = ""


class Remedy(NamedTuple):
    """Something done outside of the product: its name, what it is, and what is said once it happened."""

    name: str
    label: str
    said: str


class Happened(NamedTuple):
    """What became of an order to the demo. ``at``: when it was in force; ``note``: in a sentence, or why it is not."""

    done: bool
    note: str
    at: float


class Mark(NamedTuple):
    """One line of the result. ``seconds`` since the fault was injected, None where it never came; ``words`` say what
    was seen, or what is missing."""

    name: str
    seconds: float | None
    words: str


class DrillResult(NamedTuple):
    """All that is told at the end. ``detect``, ``acknowledge``, ``resolve``: seconds, None where it never came."""

    scenario: str
    says: str
    cure: str
    ended: str
    solved: bool
    marks: tuple[Mark, ...]
    missed: tuple[str, ...]
    detect: float | None
    acknowledge: float | None
    resolve: float | None
    incident: str = ""
