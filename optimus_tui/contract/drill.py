"""A drill: the injected fault, what counts as found and as fixed, and the result.

Times are seconds of the machine's monotonic clock, which all processes since the last boot share.
"""

from typing import NamedTuple


class Truth(NamedTuple):
    """The expected answer to a scenario.

    ``rules`` are the findings that show its fault (with ``subject`` in their subject, where given), ``issues`` the
    issue types that fit, ``cure`` a text that says what ends it.
    """

    rules: tuple[str, ...] = ()
    subject: str = ""
    issues: tuple[str, ...] = ()
    cure: str = ""


class Remedy(NamedTuple):
    """Something done outside of the product: its name, a description, and the message once it was done."""

    name: str
    label: str
    said: str


class Happened(NamedTuple):
    """The result of an order to the demo. ``at``: when it took effect; ``note``: what happened, or why it did not."""

    done: bool
    note: str
    at: float


class DrillMilestone(NamedTuple):
    """One line of the result. ``seconds`` since the fault was injected, None where it never happened.

    ``words`` say what was observed, or what is missing.
    """

    name: str
    seconds: float | None
    words: str


class DrillResult(NamedTuple):
    """The result of a drill. ``detect``, ``acknowledge``, ``resolve``: seconds, None where it never happened."""

    scenario: str
    says: str
    cure: str
    ended: str
    solved: bool
    marks: tuple[DrillMilestone, ...]
    missed: tuple[str, ...]
    detect: float | None
    acknowledge: float | None
    resolve: float | None
    incident: str = ""
